import {spawn} from 'node:child_process'
import {createHash} from 'node:crypto'
import {existsSync, readdirSync, readFileSync} from 'node:fs'
import path from 'node:path'
import {parse} from 'yaml'
import {type Ended, ended} from './ended.ts'
import {readDockerfile} from './dockerfile.ts'
import type {Stage} from './dockerfile.ts'

type Mapping = Readonly<Record<string, unknown>>

/** A service, in the one form that each of its parts can have in the examples. */
interface Service {
  readonly build: {readonly context: string; readonly dockerfile: string; readonly target: string}
  readonly command: readonly string[]
  readonly depends_on?: Readonly<Record<string, {readonly condition: string}>>
  readonly environment?: Readonly<Record<string, string>>
  readonly volumes?: readonly string[]
  readonly secrets?: readonly string[]
  readonly healthcheck?: Mapping
}

interface ComposeFile {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, {readonly external: true; readonly name: string}>>
  readonly secrets: Readonly<Record<string, {readonly file: string}>>
}

/** What of https://github.com/compose-spec/compose-spec the example uses, and the form of each. */
const SERVICE_KEYS: Readonly<Record<string, (value: unknown) => boolean>> = {
  build: (value) => hasKeys(value, ['context', 'dockerfile', 'target']),
  command: isStrings,
  depends_on: (value) =>
    isMapping(value) && Object.values(value).every((one) => isMapping(one) && CONDITIONS.has(String(one['condition']))),
  environment: (value) => isMapping(value) && Object.values(value).every((one) => typeof one === 'string'),
  volumes: (value) => isStrings(value) && value.every((one) => VOLUME.test(one)),
  secrets: isStrings,
  healthcheck: isHealthcheck,
  read_only: (value) => typeof value === 'boolean',
  tmpfs: isStrings,
  cap_drop: isStrings,
  security_opt: isStrings,
  restart: (value) => ['no', 'always', 'on-failure', 'unless-stopped'].includes(value as string),
}
const CONDITIONS = new Set(['service_started', 'service_healthy', 'service_completed_successfully'])
const VOLUME = /^[a-z][a-z0-9_-]*:\/[^:]+(:ro|:rw)?$/u
const DURATION = /^(\d+(us|ms|s|m|h))+$/u

function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}
function hasKeys(value: unknown, keys: readonly string[]): boolean {
  return isMapping(value) && Object.keys(value).sort().join() === [...keys].sort().join()
}
function isHealthcheck(value: unknown): boolean {
  if (!isMapping(value)) return false
  const {test, retries, ...times} = value
  const forms = isStrings(test) && ['CMD', 'CMD-SHELL'].includes(test[0] ?? '') && Number.isInteger(retries)
  return (
    forms &&
    Object.entries(times).every(
      ([key, time]) => ['interval', 'timeout', 'start_period'].includes(key) && DURATION.test(String(time)),
    )
  )
}

/** What Compose would not accept, or would not do what the file means: one sentence each. */
export function complaints(text: string): string[] {
  const file: unknown = parse(text)
  if (!isMapping(file)) return ['not a mapping']
  const found: string[] = []
  const extra = Object.keys(file).filter((key) => !['name', 'services', 'volumes', 'secrets'].includes(key))
  if (extra.length > 0) found.push(`unknown at the top: ${extra.join()}`)
  const [services, volumes, secrets] = [file['services'], file['volumes'] ?? {}, file['secrets'] ?? {}]
  if (!isMapping(services) || !isMapping(volumes) || !isMapping(secrets)) return [...found, 'no services']
  for (const [name, service] of Object.entries(services)) {
    if (!isMapping(service)) return [...found, `${name}: not a mapping`]
    for (const [key, value] of Object.entries(service)) {
      const form = SERVICE_KEYS[key]
      if (form === undefined) found.push(`${name}: unknown: ${key}`)
      else if (!form(value)) found.push(`${name}: ${key} has another form`)
    }
    if (!('build' in service) && !('image' in service)) found.push(`${name}: neither build nor image`)
    const {depends_on: depends = {}, volumes: mounts = [], secrets: used = []} = service as unknown as Partial<Service>
    for (const other of Object.keys(depends)) if (!(other in services)) found.push(`${name} depends on no service: ${other}`)
    for (const mount of mounts) {
      if (!((mount.split(':')[0] ?? '') in volumes)) found.push(`${name}: a volume that is not declared: ${mount}`)
    }
    for (const secret of used) if (!(secret in secrets)) found.push(`${name}: a secret that is not declared: ${secret}`)
  }
  return found
}


export interface Host {
  /** What stands for a program of an image. */
  readonly programs: Readonly<Record<string, readonly string[]>>
  /** What stands for a file of an image, by its path there. */
  readonly files: Readonly<Record<string, string>>
  /** By the volumes' names; those that are not here are not there. */
  readonly volumes: Map<string, string>
  /** The `.env` file. */
  readonly env: Readonly<Record<string, string>>
  /** Folder of secrets' files. */
  readonly folder: string
}

/** Does what Compose does with a file, with folders for volumes and processes for containers. */
export class Compose {
  readonly #file: ComposeFile
  readonly #stages: ReadonlyMap<string, Stage>
  readonly #host: Host

  /** @param file - path of the compose file */
  constructor(file: string, host: Host) {
    // Values are put in after parsing, as Compose does it.
    this.#file = parse(readFileSync(file, 'utf8'), (_key, value: unknown) =>
      typeof value === 'string' ? interpolate(value, host.env) : value,
    ) as ComposeFile
    this.#host = host
    const stages = Object.values(this.#file.services).map(({build}) => {
      const context = path.join(path.dirname(file), build.context)
      const known = readDockerfile(readFileSync(path.join(context, build.dockerfile), 'utf8'), context)
      if (!known.has(build.target)) throw new Error(`no stage ${build.target} in ${build.dockerfile}`)
      return known
    })
    this.#stages = stages[0]!
  }

  stageOf(service: string): Stage {
    return this.#stages.get(this.#service(service).build.target)!
  }

  /** `docker compose run [--no-deps] SERVICE [ARGS]` */
  async run(name: string, args: readonly string[] = [], {deps = true}: {deps?: boolean} = {}): Promise<Ended> {
    if (deps) {
      const failed = await this.#dependencies(name)
      if (failed !== null) return failed
    }
    const {entrypoint} = this.stageOf(name)
    return this.#container(name, [...entrypoint, ...(args.length > 0 ? args : this.#service(name).command)])
  }

  /** `docker compose up`, as far as one service needs it: its dependencies, and itself if they allow it. */
  up(name: string): Promise<Ended> {
    return this.run(name)
  }

  /** The service's health check, in its container. */
  healthcheck(name: string): Promise<Ended> {
    const [kind, ...words] = this.#service(name).healthcheck!['test'] as string[]
    return this.#container(name, kind === 'CMD' ? words : ['sh', '-c', ...words])
  }

  #service(name: string): Service {
    const service = this.#file.services[name]
    if (service === undefined) throw new Error(`no service ${name}`)
    return service
  }

  async #dependencies(name: string): Promise<Ended | null> {
    for (const [other, {condition}] of Object.entries(this.#service(name).depends_on ?? {})) {
      if (condition !== 'service_completed_successfully') throw new Error(`not done here: ${condition}`)
      const ended = await this.run(other)
      if (ended.code !== 0) {
        const said = `service "${other}" didn't complete successfully: exit ${String(ended.code)}`
        return {code: 1, stdout: ended.stdout, stderr: `${ended.stderr}${said}\n`}
      }
    }
    return null
  }

  async #container(name: string, words: readonly string[]): Promise<Ended> {
    const service = this.#service(name)
    const mounts = new Map<string, string>(Object.entries(this.#host.files))
    const readOnly: string[] = []
    for (const mount of service.volumes ?? []) {
      const [volume = '', inside = '', mode] = mount.split(':')
      const folder = this.#host.volumes.get(this.#file.volumes[volume]!.name)
      if (folder === undefined) return {code: 1, stdout: '', stderr: `external volume "${volume}" not found\n`}
      mounts.set(inside, folder)
      if (mode === 'ro') readOnly.push(folder)
    }
    for (const secret of service.secrets ?? []) {
      const file = path.join(this.#host.folder, this.#file.secrets[secret]!.file)
      if (!existsSync(file)) return {code: 1, stdout: '', stderr: `bind source path does not exist: ${file}\n`}
      mounts.set(`/run/secrets/${secret}`, file)
    }
    const [program = '', ...args] = words
    const real = this.#host.programs[program]
    if (real === undefined) throw new Error(`${name} has no program ${program}`)
    const before = readOnly.map(digestOf)
    const env = {...service.environment}
    const ended = await runProcess(
      [...real, ...args.map((arg) => outside(arg, mounts, name))],
      Object.fromEntries(Object.entries(env).map(([key, value]) => [key, outside(value, mounts, name)])),
    )
    if (readOnly.some((folder, n) => digestOf(folder) !== before[n])) throw new Error(`${name} wrote to a read-only mount`)
    return ended
  }
}

/** `${NAME:?why}` and `${NAME}`, as Compose has them. */
function interpolate(text: string, env: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\{(\w+)(?::\?([^}]*))?\}/gu, (_, name: string, why?: string) => {
    const value = env[name]
    if (value === undefined || value === '') throw new Error(`required variable ${name} is missing a value: ${why ?? ''}`)
    return value
  })
}

/** A path of the container where it really is. Paths that no mount has are not there, and must not be used. */
function outside(word: string, mounts: ReadonlyMap<string, string>, name: string): string {
  if (!word.startsWith('/')) return word
  for (const [inside, folder] of mounts) {
    if (word === inside || word.startsWith(`${inside}/`)) return folder + word.slice(inside.length)
  }
  throw new Error(`${name} has nothing at ${word}`)
}

function digestOf(folder: string): string {
  const hash = createHash('sha256')
  for (const entry of readdirSync(folder, {recursive: true, withFileTypes: true})) {
    const file = path.join(entry.parentPath, entry.name)
    hash.update(file).update(entry.isFile() ? readFileSync(file) : '')
  }
  return hash.digest('hex')
}

/** A home that cannot be written to, as in a read-only container. */
const NOWHERE = '/dev/null/nobody'

async function runProcess(words: readonly string[], env: Readonly<Record<string, string>>): Promise<Ended> {
  const [program = '', ...args] = words
  const child = spawn(program, args, {
    env: {PATH: process.env['PATH'], HOME: NOWHERE, ...env},
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return ended(child)
}
