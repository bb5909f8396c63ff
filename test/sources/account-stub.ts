import type {JsonObject} from '../../src/matrix/json.ts'
import {device, pair, signed, type TestDevice} from '../devices/users.ts'
import {type Answers, type Question, recordingServer} from './device-gathered.ts'

export const BOT = '@bot:localhost'
export const PASSWORD = 'correct horse battery staple'
export const TOKEN = 'syt_bot_0123456789abcdef'
const TEMPORARY_TOKEN = 'syt_temporary_0123456789abcdef'

/** What a stub has kept of one account. */
export interface KeptAccount {
  readonly devices: Map<string, JsonObject>
  readonly sessions: Set<string>
  readonly data: Map<string, JsonObject>
  master: JsonObject | null
  selfSigning: JsonObject | null
  userSigning: JsonObject | null
  /** IDs of devices that keys were uploaded for. */
  readonly uploads: string[]
}

export interface AccountStub {
  readonly url: string
  readonly asked: readonly Question[]
  readonly kept: KeptAccount
  readonly bot: TestDevice
  /** Comes before the ordinary answer: `undefined` leaves it to that. */
  fault: Answers | null
  /** Stages that `/keys/device_signing/upload` wants; `null`: it takes the keys at once. */
  stages: readonly string[] | null
}

/** A homeserver with one account, which keeps keys and account data as a real one does. For faults that no real server would make on demand. */
export async function accountStub(): Promise<AccountStub> {
  const bot = device(BOT, 'BOTDEVICE')
  const kept: KeptAccount = {
    devices: new Map([[bot.deviceId, bot.keys]]),
    sessions: new Set([bot.deviceId]),
    data: new Map(),
    master: null,
    selfSigning: null,
    userSigning: null,
    uploads: [],
  }
  const server = await recordingServer((question) => {
    const faulty = stub.fault?.(question)
    return faulty === undefined ? ordinary(stub, question) : faulty
  })
  const stub: AccountStub = {...server, kept, bot, fault: null, stages: null}
  return stub
}

const UNRECOGNIZED = [404, {errcode: 'M_UNRECOGNIZED', error: 'no such endpoint'}]

function ordinary(stub: AccountStub, {method, path, body}: Question): unknown {
  const {kept} = stub
  const json = body === '' ? {} : (JSON.parse(body) as JsonObject)
  const at = (suffix: string): boolean => path.endsWith(suffix)
  if (at('/login')) {
    if (method === 'GET') return {flows: [{type: 'm.login.password'}]}
    if (json['password'] !== PASSWORD) return [403, {errcode: 'M_FORBIDDEN', error: 'Invalid username or password'}]
    kept.sessions.add('TEMPORARY')
    return {user_id: BOT, device_id: 'TEMPORARY', access_token: TEMPORARY_TOKEN}
  }
  if (at('/logout')) {
    kept.sessions.delete('TEMPORARY')
    kept.devices.delete('TEMPORARY')
    return {}
  }
  if (at('/versions')) return {versions: ['v1.11']}
  if (at('/whoami')) return {user_id: BOT, device_id: stub.bot.deviceId}
  if (at('/keys/query')) {
    const one = (key: JsonObject | null): JsonObject => (key === null ? {} : {[BOT]: key})
    return {
      device_keys: {[BOT]: Object.fromEntries(kept.devices)},
      master_keys: one(kept.master),
      self_signing_keys: one(kept.selfSigning),
      user_signing_keys: one(kept.userSigning),
      failures: {},
    }
  }
  if (at('/keys/upload')) {
    const keys = json['device_keys'] as JsonObject | undefined
    if (keys !== undefined) {
      const deviceId = keys['device_id'] as string
      kept.uploads.push(deviceId)
      kept.devices.set(deviceId, keys)
    }
    return {one_time_key_counts: {signed_curve25519: 50}}
  }
  if (at('/keys/device_signing/upload')) return uploadCrossSigning(stub, json)
  if (at('/keys/signatures/upload')) {
    const signedOnes = Object.entries((json[BOT] ?? {}) as Record<string, JsonObject>)
    for (const [id, one] of signedOnes) {
      const before = kept.devices.get(id)
      if (before !== undefined) kept.devices.set(id, withSignatures(before, one))
    }
    return {failures: {}}
  }
  const [, type] = /\/account_data\/(.+)$/u.exec(path) ?? []
  if (type !== undefined) {
    if (method === 'GET') return kept.data.get(type) ?? null
    kept.data.set(type, json)
    return {}
  }
  if (at('/devices')) return {devices: [...kept.sessions].map((id) => ({device_id: id}))}
  return at('/room_keys/version') ? null : UNRECOGNIZED
}

function uploadCrossSigning({kept, stages}: AccountStub, json: JsonObject): unknown {
  const auth = json['auth'] as JsonObject | undefined
  if (stages !== null && auth?.['session'] !== 'SESSION')
    return [401, {flows: [{stages}], params: {}, session: 'SESSION'}]
  if (stages !== null && auth?.['password'] !== PASSWORD)
    return [401, {errcode: 'M_FORBIDDEN', error: 'Invalid password', flows: [{stages}], session: 'SESSION'}]
  kept.master = json['master_key'] as JsonObject
  kept.selfSigning = json['self_signing_key'] as JsonObject
  kept.userSigning = json['user_signing_key'] as JsonObject
  return {}
}

type Signatures = Record<string, JsonObject>

function withSignatures(before: JsonObject, more: JsonObject): JsonObject {
  const [was, is] = [(before['signatures'] ?? {}) as Signatures, (more['signatures'] ?? {}) as Signatures]
  return {...before, signatures: {...was, [BOT]: {...was[BOT], ...is[BOT]}}}
}

/** Cross-signing of the account that somebody else made. */
export function otherCrossSigning(stub: AccountStub): void {
  const [master, selfSigning] = [pair(), pair()]
  const key = (usage: string, of: typeof master): JsonObject => ({
    user_id: BOT,
    usage: [usage],
    keys: {[`ed25519:${of.publicKey}`]: of.publicKey},
  })
  stub.kept.master = key('master', master)
  stub.kept.selfSigning = signed(key('self_signing', selfSigning), BOT, master.publicKey, master)
}
