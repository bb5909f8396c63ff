import {isAbsolute} from 'node:path'
import {StateError} from '../errors.ts'
import type {BackupIdentity, Baseline, StoreBaseline, StoreCheck} from '../matrix/device-baseline.ts'
import {isUserId} from '../matrix/ids.ts'
import {type Profile, PROFILE_SCHEMA, type ProfileAccount} from './profile.ts'

/** Which file is parsed, for messages. */
export interface WhichFile {
  readonly path: string
  /** What to do about a file that is damaged. */
  readonly hint: string
}

/**
 * The text of a profile file. Fields that are not known are passed over.
 *
 * @throws StateError PROFILE_UNUSABLE; no message repeats anything of the text but names of fields, since there are secrets in it
 */
export function parseProfile(text: string, file: WhichFile): Profile {
  const top = new Fields(parseObject(text, 'profile', file), '', file)
  const profile: Profile = {
    schema: 'matrix-state/profile/1',
    created_ts: top.time('created_ts'),
    changed_ts: top.time('changed_ts'),
    homeserver: top.orNull('homeserver', () => top.url('homeserver')),
    server_name: top.orNull('server_name', () => top.word('server_name')),
    insecure: top.flag('insecure'),
    account: top.orNull('account', () => accountOf(top.inside('account'))),
    admin_token: top.orNull('admin_token', () => top.word('admin_token')),
    signing_key_file: top.orNull('signing_key_file', () => top.path('signing_key_file')),
    databases: top.texts('databases'),
    bot: top.orNull('bot', () => baselineOf(top.inside('bot'))),
  }
  for (const field of ['account', 'admin_token'] as const) {
    if (profile[field] !== null && profile.homeserver === null)
      throw top.wrong(field, 'is of no use without homeserver')
  }
  if (profile.signing_key_file !== null && profile.server_name === null) {
    throw top.wrong('signing_key_file', 'is of no use without server_name')
  }
  return profile
}

function accountOf(fields: Fields): ProfileAccount {
  return {
    user_id: fields.user('user_id'),
    device_id: fields.orNull('device_id', () => fields.text('device_id')),
    access_token: fields.word('access_token'),
    own_login: fields.flag('own_login'),
  }
}

/** @throws StateError PROFILE_UNUSABLE */
export function baselineOf(fields: Fields): Baseline {
  return {
    recorded_ts: fields.time('recorded_ts'),
    user_id: fields.user('user_id'),
    device_id: fields.text('device_id'),
    ed25519: fields.key('ed25519'),
    curve25519: fields.key('curve25519'),
    master_key: fields.orNull('master_key', () => fields.key('master_key')),
    self_signing_key: fields.orNull('self_signing_key', () => fields.key('self_signing_key')),
    cross_signed: fields.flag('cross_signed'),
    ...(fields.has('backup') ? {backup: fields.orNull('backup', () => backupOf(fields.inside('backup')))} : {}),
    store: fields.orNull('store', () => storeOf(fields.inside('store'))),
  }
}

function backupOf(fields: Fields): BackupIdentity {
  return {
    version: fields.text('version'),
    public_key: fields.orNull('public_key', () => fields.text('public_key')),
  }
}

function storeOf(fields: Fields): StoreBaseline {
  return {
    path: fields.path('path'),
    check: fields.orNull('check', () => checkOf(fields.inside('check'))),
  }
}

function checkOf(fields: Fields): StoreCheck {
  switch (fields.text('kind')) {
    case 'file':
      return {kind: 'file', path: fields.path('path')}
    case 'command':
      return {kind: 'command', command: fields.text('command')}
    default:
      throw fields.wrong('kind', 'must be file or command')
  }
}

/**
 * A JSON object whose `schema` is `matrix-state/<kind>/<n>`, of a number that is known.
 *
 * @throws StateError PROFILE_UNUSABLE
 */
export function parseObject(text: string, kind: string, file: WhichFile): Readonly<Record<string, unknown>> {
  const value = parseJson(text, file)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw unusable(file, 'it is JSON, but not an object')
  }
  const object = value as Readonly<Record<string, unknown>>
  const schema = Object.hasOwn(object, 'schema') ? object['schema'] : undefined
  const name = typeof schema === 'string' ? schema : ''
  const [, found, number] = /^matrix-state\/([a-z-]{1,40})\/(\d{1,9})$/.exec(name) ?? []
  if (found !== kind) {
    const is = found === undefined ? '' : ` but matrix-state/${found}`
    throw unusable(file, `its field schema is not matrix-state/${kind}/${String(PROFILE_SCHEMA)}${is}`)
  }
  if (Number(number) > PROFILE_SCHEMA) {
    const hint = 'Update this matrix-state, or use the one that made the file.'
    throw unusable({...file, hint}, 'it was made by a newer matrix-state; update this one')
  }
  if (Number(number) !== PROFILE_SCHEMA) throw unusable(file, 'the number of its schema is none that there was')
  return object
}

function parseJson(text: string, file: WhichFile): unknown {
  const rest = text.trim()
  if (rest === '') throw unusable(file, 'it is empty: it was cut off, or never written')
  try {
    return JSON.parse(rest)
  } catch (error) {
    // The engine's message quotes the text, in which there are secrets: neither it nor the error goes any further.
    const message = error instanceof Error ? error.message : ''
    const [, position] = /at position (\d+)/.exec(message) ?? []
    const isCut = !rest.endsWith('}') || message.startsWith('Unexpected end') || Number(position) >= rest.length
    if (isCut && rest.startsWith('{') && !rest.includes('\0')) {
      throw unusable(file, 'it is truncated: it ends in the middle')
    }
    const line = position === undefined ? '' : ` (line ${String(rest.slice(0, Number(position)).split('\n').length)})`
    throw unusable(file, `it is not JSON${line}`)
  }
}

/** The fields of an object, each asked for as what it must be. A field that is inherited is not there. */
export class Fields {
  readonly #object: Readonly<Record<string, unknown>>
  readonly #prefix: string
  readonly #file: WhichFile

  constructor(object: Readonly<Record<string, unknown>>, prefix: string, file: WhichFile) {
    this.#object = object
    this.#prefix = prefix
    this.#file = file
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#object, name)
  }

  /** `null` where the field is `null`; what `read` gives otherwise. A field that is absent is for `read` to refuse. */
  orNull<T>(name: string, read: () => T): T | null {
    return this.#get(name) === null ? null : read()
  }

  inside(name: string): Fields {
    const value = this.#get(name)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.wrong(name, 'must be an object')
    return new Fields(value as Readonly<Record<string, unknown>>, `${this.#prefix}${name}.`, this.#file)
  }

  text(name: string): string {
    const value = this.#get(name)
    if (typeof value === 'string' && isText(value)) return value
    throw this.wrong(name, 'must be a text that is not empty')
  }

  /** Without spaces: goes into headers. */
  word(name: string): string {
    const value = this.text(name)
    if (/^[\x21-\x7e]+$/.test(value)) return value
    throw this.wrong(name, 'must be of printable ASCII without spaces')
  }

  texts(name: string): readonly string[] {
    const value = this.#get(name)
    if (Array.isArray(value) && value.every((one) => typeof one === 'string' && isText(one))) return value as string[]
    throw this.wrong(name, 'must be a list of texts')
  }

  user(name: string): string {
    const value = this.text(name)
    if (isUserId(value)) return value
    throw this.wrong(name, 'must be a user ID')
  }

  url(name: string): string {
    const value = this.text(name)
    const url = URL.canParse(value) ? new URL(value) : null
    if (url === null || !/^https?:$/.test(url.protocol)) throw this.wrong(name, 'must be an http or https URL')
    if (url.username + url.password !== '') throw this.wrong(name, 'must have no user or password in it')
    return value
  }

  path(name: string): string {
    const value = this.text(name)
    if (isAbsolute(value)) return value
    throw this.wrong(name, 'must be an absolute path')
  }

  /** 32 bytes in unpadded base64. */
  key(name: string): string {
    const value = this.text(name)
    if (/^[A-Za-z0-9+/]{43}$/.test(value)) return value
    throw this.wrong(name, 'must be a key of 32 bytes in unpadded base64')
  }

  time(name: string): number {
    const value = this.#get(name)
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
    throw this.wrong(name, 'must be a time in milliseconds since 1970')
  }

  flag(name: string): boolean {
    const value = this.#get(name)
    if (typeof value === 'boolean') return value
    throw this.wrong(name, 'must be true or false')
  }

  wrong(name: string, why: string): StateError {
    return unusable(this.#file, `its field ${this.#prefix}${name} ${this.has(name) ? why : 'is missing'}`)
  }

  #get(name: string): unknown {
    return this.has(name) ? this.#object[name] : undefined
  }
}

function isText(value: string): boolean {
  return value !== '' && value.isWellFormed() && !/\p{Cc}/u.test(value)
}

function unusable({path, hint}: WhichFile, why: string): StateError {
  return new StateError('PROFILE_UNUSABLE', `${JSON.stringify(path)} cannot be used: ${why}`, {hint})
}
