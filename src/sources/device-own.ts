import {randomUUID} from 'node:crypto'
import type {AccountData, InboxOfDevice, OneTimeKeysOfDevice, Session, ToDeviceMessage} from '../matrix/device-facts.ts'
import {isObject, own} from '../matrix/json.ts'
import type {Json, JsonObject} from '../matrix/json.ts'
import type {Account} from './client-access.ts'
import {malformed} from './client-bodies.ts'
import type {Answer, ClientHttp} from './client-http.ts'
import {askOrRefusal} from './client-requests.ts'
import type {DeviceStep} from './device-evidence.ts'
import {objectAt, objectIn} from './device-keys.ts'
import type {Refusal} from './evidence.ts'

const V3 = '/_matrix/client/v3'
export const DEVICES = `GET ${V3}/devices`
export const SYNC = `GET ${V3}/sync`
export const ACCOUNT_DATA = `GET ${V3}/user/{userId}/account_data/{type}`
export const BACKUP = `GET ${V3}/room_keys/version`
export const JOINED_ROOMS = `GET ${V3}/joined_rooms`
export const JOINED_MEMBERS = `GET ${V3}/rooms/{roomId}/joined_members`
/** Rooms that are looked into, at most. */
export const MOST_ROOMS = 200
/** Messages that are kept of one device, at most. */
export const MOST_MESSAGES = 500

/** Types of to-device messages that say something of sessions; the others only count. */
export const KEPT_MESSAGES = ['m.room.encrypted', 'm.room_key.withheld'] as const

export const DEFAULT_KEY = 'm.secret_storage.default_key'
/** Account data that is asked for; the description of the default key comes to it. The last one is what clients write when backup is switched off. */
export const ACCOUNT_DATA_TYPES = [
  DEFAULT_KEY,
  'm.cross_signing.master',
  'm.cross_signing.self_signing',
  'm.cross_signing.user_signing',
  'm.megolm_backup.v1',
  'm.org.matrix.custom.backup_disabled',
] as const

/** A request whose refusal is kept and ends nothing. A 404 that names no endpoint is no answer on what was asked for. */
export async function askOwn(
  http: ClientHttp,
  how: string,
  path: string,
  query: Readonly<Record<string, string>> = {},
): Promise<{readonly answer: Answer} | {readonly refusal: Refusal; readonly notFound: boolean}> {
  const outcome = await askOrRefusal(http, path, {what: how, query}, (status) =>
    status === 404 ? 'absent' : status >= 400 && status < 500 ? 'refused' : null,
  )
  if ('answer' in outcome) return outcome
  const {refusal} = outcome
  return {refusal, notFound: refusal.status === 404 && refusal.message.startsWith('M_NOT_FOUND')}
}

/** Logins of the account. https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3devices */
export async function devicesStep(http: ClientHttp, {userId}: Account, requests: () => number): Promise<DeviceStep> {
  const outcome = await askOwn(http, DEVICES, `${V3}/devices`)
  if ('refusal' in outcome) {
    return {how: DEVICES, requests: requests(), facts: [], refusals: [{...outcome.refusal, userIds: [userId]}]}
  }
  const devices = sessionsIn(outcome.answer)
  return {how: DEVICES, requests: requests(), facts: [{userId, fact: {kind: 'sessions', devices}}]}
}

/** The list under `devices`, without addresses and user agents. Synapse's admin API gives more fields of the same names. */
export function sessionsIn(answer: Answer): readonly Session[] {
  const list = own(objectIn(answer), 'devices')
  if (!Array.isArray(list)) throw malformed(answer.url, 'no list of devices')
  return (list as readonly Json[]).flatMap((entry): Session[] => {
    if (!isObject(entry)) return []
    const {device_id: deviceId, display_name: name, last_seen_ts: ts, dehydrated} = entry
    if (typeof deviceId !== 'string') return []
    return [
      {
        device_id: deviceId,
        ...(typeof name === 'string' ? {display_name: name} : {}),
        ...(typeof ts === 'number' ? {last_seen_ts: ts} : {}),
        ...(typeof dehydrated === 'boolean' ? {dehydrated} : {}),
      },
    ]
  })
}

/**
 * What `/sync` tells the token's device: its one-time keys and its to-device messages, 100 at most with Synapse.
 *
 * @remarks Without `since` nothing is acknowledged. With `rooms: []` and presence filtered out Synapse skips all that is about rooms
 * (`blocks_all_rooms`), so that this costs about as much as counting keys.
 */
export async function syncStep(
  http: ClientHttp,
  {userId, deviceId}: Account,
  requests: () => number,
): Promise<DeviceStep> {
  const none = {types: [], not_types: ['*']}
  const filter = {
    presence: none,
    account_data: none,
    room: {
      rooms: [],
      // Synapse answers the same /sync from a cache for two minutes: a room that nobody has makes each one different.
      not_rooms: [`!${randomUUID()}:matrix-state.invalid`],
      account_data: none,
      ephemeral: none,
      state: none,
      timeline: {...none, limit: 1},
    },
  }
  const query = {filter: JSON.stringify(filter), timeout: '0', set_presence: 'offline'}
  const outcome = await askOwn(http, SYNC, `${V3}/sync`, query)
  const step = {how: SYNC, requests: requests()}
  if ('refusal' in outcome) return {...step, facts: [], refusals: [{...outcome.refusal, userIds: [userId]}]}
  const json = objectIn(outcome.answer)
  if (deviceId === null) {
    const message = 'the server does not tell which device the token is of'
    return {...step, facts: [], refusals: [{what: SYNC, outcome: 'absent', message, userIds: [userId]}]}
  }
  const only = [deviceId]
  return {
    ...step,
    facts: [
      // A server may leave the counts out: that says nothing of them.
      ...(objectAt(json, 'device_one_time_keys_count') === null
        ? []
        : [{userId, fact: {kind: 'one-time-keys', devices: {[deviceId]: ownKeysIn(json)}, only} as const}]),
      {userId, fact: {kind: 'inbox', devices: {[deviceId]: ownInboxIn(json)}, only}},
    ],
  }
}

function ownKeysIn(json: JsonObject): OneTimeKeysOfDevice {
  const counted = Object.entries(objectAt(json, 'device_one_time_keys_count') ?? {})
  const counts = Object.fromEntries(counted.filter((entry): entry is [string, number] => typeof entry[1] === 'number'))
  const types = own(json, 'device_unused_fallback_key_types')
  return {
    counts,
    fallback: Array.isArray(types)
      ? types.filter((type) => typeof type === 'string').map((algorithm) => ({algorithm, used: false}))
      : null,
  }
}

function ownInboxIn(json: JsonObject): InboxOfDevice {
  const events = objectAt(json, 'to_device')?.['events']
  const messages = (Array.isArray(events) ? (events as readonly Json[]) : []).flatMap((event) => messageOf(event))
  return {count: null, messages: messages.reverse().slice(0, MOST_MESSAGES)}
}

/** The message, if it is of a kept type and shaped as one. */
export function messageOf(event: Json): ToDeviceMessage[] {
  if (!isObject(event)) return []
  const {sender, type, content} = event
  if (typeof sender !== 'string' || !isObject(content)) return []
  const kept = KEPT_MESSAGES.find((known) => known === type)
  return kept === undefined ? [] : [{sender, type: kept, content: withFields(content, MESSAGE_FIELDS)}]
}

/** What of such a message is judged. Whatever else a sender wrote beside it is nobody's business. */
const MESSAGE_FIELDS = ['algorithm', 'sender_key', 'ciphertext', 'code', 'room_id', 'session_id']

function withFields(object: JsonObject, fields: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([field]) => fields.includes(field)))
}

/**
 * What of account data is judged: which key is the default one, under which keys a secret is stored, and that a key is described. Encrypted
 * secrets, with the salt of a passphrase, could be guessed by whoever is handed the case file: they are never kept.
 */
export function accountDataKept(type: string, data: JsonObject): JsonObject {
  if (type === DEFAULT_KEY) return withFields(data, ['key'])
  if (type.startsWith(KEY_DESCRIPTION)) return withFields(data, ['algorithm'])
  const encrypted = own(data, 'encrypted')
  if (!isObject(encrypted)) return {}
  return {encrypted: Object.fromEntries(Object.keys(encrypted).map((keyId) => [keyId, {}]))}
}

const KEY_DESCRIPTION = 'm.secret_storage.key.'

/** Account data of a few types: all that cross-signing, secret storage and backup write, encrypted as it is. */
export async function accountDataStep(
  http: ClientHttp,
  {userId}: Account,
  requests: () => number,
): Promise<DeviceStep> {
  const types: Record<string, JsonObject | null> = {}
  const refusals: Refusal[] = []
  const ask = async (type: string): Promise<void> => {
    const path = `${V3}/user/${encodeURIComponent(userId)}/account_data/${encodeURIComponent(type)}`
    const outcome = await askOwn(http, ACCOUNT_DATA, path)
    if ('answer' in outcome) types[type] = accountDataKept(type, objectIn(outcome.answer))
    else if (outcome.notFound) types[type] = null
    else refusals.push({...outcome.refusal, what: ACCOUNT_DATA.replace('{type}', type)})
  }
  for (const type of ACCOUNT_DATA_TYPES) await ask(type)
  const key = keyDescribedBy(types[DEFAULT_KEY])
  if (key !== null) await ask(key)
  const fact: AccountData = {kind: 'account-data', types}
  return {
    how: ACCOUNT_DATA,
    requests: requests(),
    facts: Object.keys(types).length === 0 ? [] : [{userId, fact}],
    refusals: refusals.map((refusal) => ({...refusal, userIds: [userId]})),
  }
}

/** The type under which the default key of secret storage is described. */
export function keyDescribedBy(defaultKey: JsonObject | null | undefined): string | null {
  const key = defaultKey === null || defaultKey === undefined ? undefined : own(defaultKey, 'key')
  return typeof key === 'string' && key !== '' ? `${KEY_DESCRIPTION}${key}` : null
}

/** The current key backup. https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3room_keysversion */
export async function backupStep(http: ClientHttp, {userId}: Account, requests: () => number): Promise<DeviceStep> {
  const outcome = await askOwn(http, BACKUP, `${V3}/room_keys/version`)
  const step = {how: BACKUP, requests: requests()}
  if ('refusal' in outcome && !outcome.notFound) {
    return {...step, facts: [], refusals: [{...outcome.refusal, userIds: [userId]}]}
  }
  const version =
    'answer' in outcome
      ? withFields(objectIn(outcome.answer), ['version', 'algorithm', 'auth_data', 'count', 'etag'])
      : null
  return {...step, facts: [{userId, fact: {kind: 'backup', version}}]}
}
