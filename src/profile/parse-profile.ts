import {isAbsolute} from 'node:path'
import {StateError} from '../errors.ts'
import type {BackupIdentity, Baseline, StoreBaseline, StoreCheck} from '../matrix/device-baseline.ts'
import {isUserId} from '../matrix/ids.ts'
import {type Profile, PROFILE_SCHEMA, type ProfileAccount, type ProfileExport} from './profile.ts'

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
  const fields = new Fields(parseObject(text, 'profile', file), '', file)
  const profile: Profile = {
    schema: 'matrix-state/profile/1',
    ...shownFields(fields),
    account: fields.orNull('account', () => accountOf(fields.inside('account'))),
    admin_token: fields.orNull('admin_token', () => fields.word('admin_token')),
  }
  for (const field of ['account', 'admin_token'] as const) {
    if (profile[field] !== null && profile.homeserver === null) {
      throw fields.wrong(field, 'is of no use without homeserver')
    }
  }
  return profile
}

/** The text of what `profile export` wrote. @throws StateError PROFILE_UNUSABLE */
export function parseExport(text: string, file: WhichFile): ProfileExport {
  const fields = new Fields(parseObject(text, 'profile-export', file), '', file)
  return {
    schema: 'matrix-state/profile-export/1',
    ...shownFields(fields),
    account: fields.orNull('account', () => whoseOf(fields.inside('account'))),
  }
}

/** What is no secret. */
function shownFields(fields: Fields): Omit<ProfileExport, 'schema' | 'account'> {
  const shown = {
    created_ts: fields.time('created_ts'),
    changed_ts: fields.time('changed_ts'),
    homeserver: fields.orNull('homeserver', () => fields.url('homeserver')),
    server_name: fields.orNull('server_name', () => fields.word('server_name')),
    insecure: fields.flag('insecure'),
    signing_key_file: fields.orNull('signing_key_file', () => fields.path('signing_key_file')),
    databases: fields.texts('databases'),
    bot: fields.orNull('bot', () => baselineOf(fields.inside('bot'))),
  }
  if (shown.signing_key_file !== null && shown.server_name === null) {
    throw fields.wrong('signing_key_file', 'is of no use without server_name')
  }
  if (shown.databases.some(hasPassword)) {
    throw fields.wrong('databases', 'must have no password in it: put it into PGPASSWORD or ~/.pgpass')
  }
  return shown
}

/** Addresses are shown and exported. */
function hasPassword(database: string): boolean {
  return /^(?:[^/]*=)?postgres(?:ql)?:\/*[^/?#]*:[^/?#]*@|[?&](?:ssl)?password=/iu.test(database)
}

function accountOf(fields: Fields): ProfileAccount {
  return {...whoseOf(fields), access_token: fields.word('access_token'), own_login: fields.flag('own_login')}
}

function whoseOf(fields: Fields): Pick<ProfileAccount, 'user_id' | 'device_id'> {
  return {user_id: fields.user('user_id'), device_id: fields.orNull('device_id', () => fields.text('device_id'))}
}

function baselineOf(fields: Fields): Baseline {
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
function parseObject(text: string, kind: string, file: WhichFile): Readonly<Record<string, unknown>> {
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
class Fields {
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
    throw this.wrong(name, 'must be a text of 1 to 8192 characters, none of them a control character')
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

/** Longer than any token or path; bounds what the patterns here have to look at. */
const LONGEST = 8192

function isText(value: string): boolean {
  return value !== '' && value.length <= LONGEST && value.isWellFormed() && !/\p{Cc}/u.test(value)
}

function unusable({path, hint}: WhichFile, why: string): StateError {
  return new StateError('PROFILE_UNUSABLE', `${JSON.stringify(path)} cannot be used: ${why}`, {hint})
}
