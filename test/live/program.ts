import {spawn} from 'node:child_process'
import {existsSync, rmSync} from 'node:fs'
import {mkdir, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {fileURLToPath} from 'node:url'

export const PROGRAM = fileURLToPath(new URL('../../bin/run.js', import.meta.url))
const FETCH = fileURLToPath(new URL('../../dist/commands/fetch.js', import.meta.url))
const DEVICES = fileURLToPath(new URL('../../dist/commands/devices.js', import.meta.url))

/** Whether the built program can `fetch`. */
export function canFetch(): boolean {
  return existsSync(FETCH)
}

/** Whether the built program can audit `devices`. */
export function canAuditDevices(): boolean {
  return existsSync(DEVICES)
}

/** How a run of the program ended. */
export interface Run {
  /** `null` when it was killed. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  readonly seconds: number
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Kills it as the system would: SIGKILL. */
  readonly kill?: AbortSignal
  /** Sends this signal when it is aborted: Ctrl-C is SIGINT. */
  readonly interrupt?: {readonly when: AbortSignal; readonly signal: 'SIGINT' | 'SIGTERM'}
  /** A limit on the size of files that it writes, in blocks of 512 bytes (`ulimit -f`). */
  readonly fileBlocks?: number
  readonly timeoutMs?: number
}

/** `fetch --json`, as far as the checks read it. */
export interface FetchDocument {
  readonly schema: string
  readonly room_id: string
  readonly room_version: string
  readonly complete: boolean
  readonly unknowable: readonly string[]
  readonly summary: {
    readonly events: number
    readonly copies: number
    readonly missing: number
    readonly requests: number
  }
  readonly routes: readonly {
    readonly name: string
    readonly kind: string
    readonly server: string
    readonly events: number
    readonly requests: number
    readonly seconds: number
    readonly error: {readonly code: string; readonly message: string} | null
    readonly refusals: number
  }[]
  readonly missing: readonly {readonly event_id: string; readonly asked: readonly string[]}[]
  readonly notes: readonly string[]
  readonly findings: readonly {readonly id: string; readonly summary: string}[]
}

/** A line of `replay`. */
export interface ReplayLine {
  readonly event_id: string
  readonly verdict: 'accepted' | 'rejected' | 'undetermined'
  readonly rule: string | null
  readonly before: {readonly size: number; readonly sha256: string} | null
  readonly after: {readonly size: number; readonly sha256: string} | null
}

/**
 * Runs the built program as a person would, in a folder of its own with a home of its own; whatever it prints is kept there as well, so that
 * all of it can be searched for secrets.
 */
export class Program {
  readonly folder: string
  #runs = 0
  #cases = 0

  private constructor(folder: string) {
    this.folder = folder
  }

  static async prepare(): Promise<Program> {
    const folder = await mkdtemp(path.join(tmpdir(), 'matrix-state-run-'))
    process.once('exit', () => rmSync(folder, {recursive: true, force: true}))
    for (const name of ['home', 'output', 'cases']) await mkdir(path.join(folder, name))
    return new Program(folder)
  }

  /** A path for a new case file. */
  newCase(): string {
    this.#cases += 1
    return path.join(this.folder, 'cases', `${String(this.#cases)}.case`)
  }

  async run(args: readonly string[], options: RunOptions = {}): Promise<Run> {
    const home = path.join(this.folder, 'home')
    const env = {PATH: process.env.PATH ?? '', HOME: home, XDG_CACHE_HOME: path.join(home, 'cache'), NO_COLOR: '1'}
    const start = performance.now()
    const words = [process.execPath, PROGRAM, ...args]
    const limited = ['sh', '-c', `ulimit -f ${String(options.fileBlocks)}; exec "$@"`, 'sh', ...words]
    const [command = '', ...rest] = options.fileBlocks === undefined ? words : limited
    const child = spawn(command, rest, {
      cwd: this.folder,
      env: {...env, ...options.env},
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const interrupt = (): void => void child.kill(options.interrupt?.signal)
    options.interrupt?.when.addEventListener('abort', interrupt, {once: true})
    const killAtExit = (): void => void child.kill('SIGKILL')
    process.once('exit', killAtExit)
    const late = setTimeout(killAtExit, options.timeoutMs ?? 180_000)
    options.kill?.addEventListener('abort', killAtExit, {once: true})
    const said: Record<'stdout' | 'stderr', string[]> = {stdout: [], stderr: []}
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (chunk: string) => said[name].push(chunk))
    }
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    clearTimeout(late)
    options.kill?.removeEventListener('abort', killAtExit)
    options.interrupt?.when.removeEventListener('abort', interrupt)
    process.removeListener('exit', killAtExit)
    const [stdout, stderr] = [said.stdout.join(''), said.stderr.join('')]
    this.#runs += 1
    const text = `${args.join(' ')}\nexit code ${String(code)}\n--- stdout\n${stdout}\n--- stderr\n${stderr}`
    await writeFile(path.join(this.folder, 'output', `${String(this.#runs).padStart(4, '0')}.txt`), text)
    return {code, stdout, stderr, seconds: (performance.now() - start) / 1000}
  }

  /** Runs it and parses its one document. @throws Error with what it said when the exit code is none of `codes` */
  async json(
    args: readonly string[],
    codes: readonly number[],
    options: RunOptions = {},
  ): Promise<{run: Run; document: unknown}> {
    const run = await this.run([...args, '--json'], options)
    if (run.code === null || !codes.includes(run.code)) throw new Error(told(args, run))
    try {
      return {run, document: JSON.parse(run.stdout) as unknown}
    } catch (error) {
      throw new Error(`no JSON document: ${told(args, run)}`, {cause: error})
    }
  }

  /** Gathers a room into a case file. Ends with 0 or 3, or it is an error. */
  async fetch(
    room: string,
    file: string,
    args: readonly string[],
    env: Readonly<Record<string, string>>,
  ): Promise<{run: Run; document: FetchDocument}> {
    const {run, document} = await this.json(['fetch', room, '--case', file, ...args], [0, 3], {env})
    return {run, document: document as FetchDocument}
  }

  /** Verdicts and digests by event ID, of a case file or a dump. */
  async replay(room: string): Promise<Map<string, ReplayLine>> {
    const run = await this.run(['replay', room])
    if (run.code !== 0 && run.code !== 3) throw new Error(told(['replay', room], run))
    const lines = run.stdout.trim().split('\n').slice(1, -1)
    return new Map(lines.map((line) => JSON.parse(line) as ReplayLine).map((line) => [line.event_id, line]))
  }

  /** The state at one event's `side` as slots, by the replay: `type NUL state_key` to event ID. */
  async stateAt(room: string, side: 'before' | 'at', eventId: string): Promise<Map<string, string>> {
    const {document} = await this.json(['resolve', room, `--${side}`, eventId], [0, 3])
    const {state} = document as {readonly state: readonly {type: string; state_key: string; event_id: string}[]}
    return new Map(state.map((slot) => [`${slot.type}\0${slot.state_key}`, slot.event_id]))
  }

  /** Events of a case file as its export gives them: one JSON text each. */
  async exported(file: string): Promise<string[]> {
    const output = `${file}.ndjson`
    const run = await this.run(['case', 'export', file, '--output', output])
    if (run.code !== 0 && run.code !== 3) throw new Error(told(['case', 'export', file], run))
    const text = await readFile(output, 'utf8')
    await rm(output)
    return text.split('\n').filter((line) => line !== '')
  }

  async dispose(): Promise<void> {
    await rm(this.folder, {recursive: true, force: true})
  }
}

/** What a run did, for a message. */
export function told(args: readonly string[], run: Run): string {
  const code = run.code === null ? 'killed' : `exit code ${String(run.code)}`
  return `matrix-state ${args.join(' ')}: ${code}\n${run.stderr.slice(0, 1500)}${run.stdout.slice(0, 1500)}`
}
