import {dirname, relative, resolve} from 'node:path'
import {CATALOGUE, type FindingId} from '../finding/finding.ts'
import {isRecord, type JsonFile, type JsonRecord, readJsonFile, shownKey, unreadable} from '../investigate/json-file.ts'
import {isLiveRoom} from '../investigate/open-room.ts'
import {type CheckFormat, FORMAT_NAMES} from './check-formats.ts'
import {FAIL_ON, type FailOn} from './exit-codes.ts'
import {nearest} from './suggest.ts'

/** The name that people look for; it is read only where `--config` names it. */
export const CONFIG_NAME = 'matrix-state.config.json'

/** What a config file says of `check`, by the names of its keys. Paths are relative to the working folder, or absolute. */
export interface CheckConfig {
  readonly rooms?: readonly string[]
  readonly rooms_file?: string
  readonly all_rooms?: boolean
  readonly devices?: boolean
  readonly full?: boolean
  readonly reading?: 'synapse' | 'spec'
  readonly jobs?: number
  readonly timeout?: number
  readonly memory?: number
  readonly journal?: string
  readonly keep_cases?: string
  readonly baseline?: string
  readonly fail_on?: FailOn
  /** Why, by the kind of finding. */
  readonly ignore?: ReadonlyMap<FindingId, string>
  readonly reports?: readonly {readonly format: CheckFormat; readonly output?: string}[]
  readonly profile?: string
  readonly homeserver?: string
  readonly token_file?: string
  readonly admin_token_file?: string
  readonly signing_key?: string
  readonly server_name?: string
  readonly with?: readonly string[]
  readonly all_servers?: boolean
  readonly as_user?: string
  readonly database?: readonly string[]
  readonly keys?: readonly string[]
  readonly from?: string
}

/**
 * Reads a config file: JSON, `{"check": {…}}`. No key is passed over, since what is misspelt would silently not hold.
 *
 * @throws StateError INPUT_NOT_FOUND, INPUT_UNREADABLE; no message repeats a value, which might be a secret that does not belong there
 */
export function readConfig(path: string): CheckConfig {
  const file: JsonFile = {path, what: 'config file'}
  const root = new Keys(readJsonFile(file), '', file)
  root.mustKnow(['$schema', 'schema', 'check'])
  if (root.has('schema') && root.text('schema') !== SCHEMA) throw root.wrong('schema', `must be ${SCHEMA}`)
  const keys = new Keys(root.record('check'), 'check.', file)
  const names = Object.keys(READERS) as (keyof CheckConfig)[]
  keys.mustKnow(names)
  const config: CheckConfig = Object.fromEntries(
    names.filter((name) => keys.has(name)).map((name) => [name, READERS[name](keys, name)]),
  )
  const ways = (['rooms', 'rooms_file', 'all_rooms'] as const).filter((name) => config[name] === true || name in config)
  if (config.all_rooms === true && ways.length > 1) throw keys.wrong('all_rooms', 'names every room: name no others')
  if (config.signing_key !== undefined && config.server_name === undefined) {
    throw keys.wrong('signing_key', 'is of no use without server_name')
  }
  return config
}

const SCHEMA = 'matrix-state/config/1'

type Readers = {readonly [K in keyof Required<CheckConfig>]: (keys: Keys, name: string) => Required<CheckConfig>[K]}

const READERS: Readers = {
  rooms: (keys, name) => keys.texts(name).map((room) => (isLiveRoom(room) ? room : keys.asFile(room))),
  rooms_file: path,
  all_rooms: flag,
  devices: flag,
  full: flag,
  reading: (keys, name) => keys.oneOf(name, ['synapse', 'spec']),
  jobs: (keys, name) => keys.integer(name, 1, 64),
  timeout: (keys, name) => keys.integer(name, 1, 1_000_000),
  memory: (keys, name) => keys.integer(name, 32, 1_000_000),
  journal: path,
  keep_cases: path,
  baseline: path,
  fail_on: (keys, name) => keys.oneOf(name, FAIL_ON),
  ignore: ignored,
  reports,
  profile: text,
  homeserver: text,
  token_file: path,
  admin_token_file: path,
  signing_key: path,
  server_name: text,
  with: texts,
  all_servers: flag,
  as_user: text,
  database: databases,
  keys: (keys, name) => keys.texts(name).map((one) => keys.asFile(one)),
  from: text,
}

function text(keys: Keys, name: string): string {
  return keys.text(name)
}

function texts(keys: Keys, name: string): readonly string[] {
  return keys.texts(name)
}

function flag(keys: Keys, name: string): boolean {
  return keys.flag(name)
}

function path(keys: Keys, name: string): string {
  return keys.asFile(keys.text(name))
}

/** `{"dag/many-tips": "why"}`. */
function ignored(keys: Keys, name: string): ReadonlyMap<FindingId, string> {
  const inside = keys.inside(name)
  inside.mustKnow(Object.keys(CATALOGUE), 'there is no kind of finding of that name')
  return new Map(inside.names().map((id) => [id as FindingId, inside.text(id)]))
}

/** `[{"format": "junit", "output": "junit.xml"}]`. */
function reports(keys: Keys, name: string): NonNullable<CheckConfig['reports']> {
  return keys.list(name).map((keysOfOne) => {
    keysOfOne.mustKnow(['format', 'output'])
    const format = keysOfOne.oneOf('format', FORMAT_NAMES)
    return keysOfOne.has('output') ? {format, output: path(keysOfOne, 'output')} : {format}
  })
}

/** The path in `[NAME=]sqlite:PATH`. */
/** Refused here already, since beside files nobody looks at the addresses. The message does not repeat them. */
function databases(keys: Keys, name: string): readonly string[] {
  const values = keys.texts(name)
  if (values.some((value) => /:\/\/[^/?#]*:[^/?#]*@|[?&](?:ssl)?password=/iu.test(value))) {
    throw keys.wrong(name, 'must have no password in it: put it into PGPASSWORD or ~/.pgpass')
  }
  return values.map((value) => sqlitePath(value, keys))
}

function sqlitePath(value: string, keys: Keys): string {
  const [, before, file] = /^((?:[^/]*=)?sqlite:)(.+)$/su.exec(value) ?? []
  return before === undefined || file === undefined ? value : `${before}${keys.asFile(file)}`
}

/** The keys of an object, each asked for as what it must be. */
class Keys {
  readonly #object: JsonRecord
  readonly #prefix: string
  readonly #file: JsonFile

  constructor(object: JsonRecord, prefix: string, file: JsonFile) {
    this.#object = object
    this.#prefix = prefix
    this.#file = file
  }

  names(): readonly string[] {
    return Object.keys(this.#object)
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#object, name)
  }

  /** @throws StateError for a key that is none of these, with the one that was probably meant */
  mustKnow(known: readonly string[], why = 'it means nothing here'): void {
    const other = this.names().find((name) => !known.includes(name))
    if (other === undefined) return
    const near = nearest(other, known)
    const hint = near === undefined ? hintFor(other, known) : `Did you mean ${near}?`
    throw unreadable(this.#file, `${shownKey(`${this.#prefix}${other}`)}: ${why}`, hint)
  }

  record(name: string): JsonRecord {
    const value = this.#get(name)
    if (isRecord(value)) return value
    throw this.wrong(name, 'must be an object')
  }

  inside(name: string): Keys {
    return new Keys(this.record(name), `${this.#prefix}${name}.`, this.#file)
  }

  list(name: string): readonly Keys[] {
    const value = this.#get(name)
    if (!Array.isArray(value)) throw this.wrong(name, 'must be a list')
    return value.map((one: unknown, index) => {
      const where = `${name}[${String(index)}]`
      if (!isRecord(one)) throw this.wrong(where, 'must be an object')
      return new Keys(one, `${this.#prefix}${where}.`, this.#file)
    })
  }

  text(name: string): string {
    const value = this.#get(name)
    if (isText(value)) return value
    throw this.wrong(name, 'must be a text, without control characters')
  }

  texts(name: string): readonly string[] {
    const value: unknown = this.#get(name)
    if (Array.isArray(value) && value.length > 0 && value.every(isText)) return value
    throw this.wrong(name, 'must be a list of texts, and not an empty one')
  }

  flag(name: string): boolean {
    const value = this.#get(name)
    if (typeof value === 'boolean') return value
    throw this.wrong(name, 'must be true or false')
  }

  integer(name: string, least: number, most: number): number {
    const value = this.#get(name)
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
    throw this.wrong(name, `must be a whole number from ${String(least)} to ${String(most)}`)
  }

  oneOf<T extends string>(name: string, words: readonly T[]): T {
    const value = this.#get(name)
    const found = words.find((word) => word === value)
    if (found !== undefined) return found
    throw this.wrong(name, `must be one of ${words.join(', ')}`)
  }

  /** A path as the config file has it: relative to the folder of that file. Never taken for a room ID, or standard input. */
  asFile(value: string): string {
    const found = relative('', resolve(dirname(this.#file.path), value))
    if (found === '') return '.'
    return isLiveRoom(found) || found.startsWith('-') ? `./${found}` : found
  }

  wrong(name: string, why: string): Error {
    const isMissing = this.#get(name) === undefined && !name.endsWith(']')
    return unreadable(this.#file, `${this.#prefix}${name} ${isMissing ? 'is missing' : why}`)
  }

  #get(name: string): unknown {
    return this.has(name) ? this.#object[name] : undefined
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= 8192 && !/\p{Cc}/u.test(value)
}

function hintFor(name: string, known: readonly string[]): string {
  if (/token|password|secret/i.test(name)) {
    return 'Secrets do not belong into it: take token_file, or the variable MATRIX_STATE_TOKEN.'
  }
  return known.length > 40 ? 'Their names stand in docs/findings.md.' : `There are ${known.join(', ')}.`
}
