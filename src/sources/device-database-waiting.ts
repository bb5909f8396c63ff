import type {Inbox, OneTimeKeys, OneTimeKeysOfDevice, ToDeviceMessage} from '../matrix/device-facts.ts'
import {objectOrNull} from '../matrix/json.ts'
import {integer, integerOrNull, text} from './database-port.ts'
import {allOf} from './database-port.ts'
import type {Row} from './database-port.ts'
import type {DeviceStep} from './device-evidence.ts'
import {messageOf, MOST_MESSAGES} from './device-own.ts'
import {factsByUser, rowsByUser, unreadable, userBatches} from './device-tables.ts'
import type {Look} from './device-tables.ts'

/** One-time keys that are kept of a device, and messages, where many users are audited. */
const KEYS_OF_FEW = 100
const KEYS_OF_MANY = 10
const MESSAGES_OF_MANY = 50

/** What others can start sessions with. */
export async function* oneTimeKeys(look: Look): AsyncGenerator<DeviceStep> {
  const {snapshot, tables, local, few} = look
  const how = 'e2e_one_time_keys_json'
  if (!tables.has(how)) {
    if (local.length > 0) yield unreadable(tables, how, local)
    return
  }
  for (const batch of userBatches(local)) {
    const counts = await rowsByUser(
      snapshot,
      batch,
      (users) => `SELECT user_id, device_id, algorithm, COUNT(*) AS n FROM e2e_one_time_keys_json
        WHERE user_id IN (${users}) GROUP BY user_id, device_id, algorithm`,
    )
    const fallback = tables.has('e2e_fallback_keys_json')
      ? await rowsByUser(
          snapshot,
          batch,
          (users) => `SELECT user_id, device_id, algorithm, key_json, used FROM e2e_fallback_keys_json
            WHERE user_id IN (${users})`,
        )
      : null
    const most = few ? KEYS_OF_FEW : KEYS_OF_MANY
    yield* factsByUser(
      how,
      snapshot,
      batch,
      (users) => `SELECT user_id, device_id, algorithm, key_id, ts_added_ms, key_json FROM (
        SELECT user_id, device_id, algorithm, key_id, ts_added_ms, key_json,
          ROW_NUMBER() OVER (PARTITION BY user_id, device_id ORDER BY ts_added_ms, key_id) AS place
        FROM e2e_one_time_keys_json WHERE user_id IN (${users})) AS ranked
        WHERE place <= ${String(most)} ORDER BY user_id, device_id, place`,
      (userId, keys) =>
        oneTimeKeysOf(counts.get(userId) ?? [], fallback === null ? null : (fallback.get(userId) ?? []), keys),
    )
  }
  if (!tables.has('e2e_fallback_keys_json') && local.length > 0)
    yield unreadable(tables, 'e2e_fallback_keys_json', local)
}

function oneTimeKeysOf(counts: readonly Row[], fallback: readonly Row[] | null, keys: readonly Row[]): OneTimeKeys {
  const of = (rows: readonly Row[], deviceId: string): readonly Row[] =>
    rows.filter((row) => text(row, 'device_id') === deviceId)
  const deviceIds = [...new Set([...counts, ...(fallback ?? [])].map((row) => text(row, 'device_id')))].sort()
  const device = (deviceId: string): OneTimeKeysOfDevice => ({
    counts: Object.fromEntries(of(counts, deviceId).map((row) => [text(row, 'algorithm'), integer(row, 'n')])),
    fallback:
      fallback === null
        ? null
        : of(fallback, deviceId).map((row) => {
            const key = objectOrNull(text(row, 'key_json'))
            const used = integer(row, 'used') === 1
            return {algorithm: text(row, 'algorithm'), used, ...(key === null ? {} : {key})}
          }),
    keys: of(keys, deviceId).flatMap((row) => {
      const key = objectOrNull(text(row, 'key_json'))
      const [algorithm, keyId] = [text(row, 'algorithm'), text(row, 'key_id')]
      return key === null ? [] : [{algorithm, key_id: keyId, ts_added_ms: integer(row, 'ts_added_ms'), key}]
    }),
  })
  return {
    kind: 'one-time-keys',
    devices: Object.fromEntries(deviceIds.map((id) => [id, device(id)])),
    ...(fallback === null ? {without_fallback: true} : {}),
  }
}

/**
 * To-device messages that wait.
 *
 * @remarks The newest rows are looked at, twice as many as are kept, so that a backlog of years costs its counting only.
 */
export async function* inboxes({snapshot, tables, local, few}: Look): AsyncGenerator<DeviceStep> {
  const how = 'device_inbox'
  if (!tables.has(how)) {
    if (local.length > 0) yield unreadable(tables, how, local)
    return
  }
  const most = few ? MOST_MESSAGES : MESSAGES_OF_MANY
  for (const batch of userBatches(local)) {
    const counts = await rowsByUser(
      snapshot,
      batch,
      (users) => `SELECT user_id, device_id, COUNT(*) AS n FROM device_inbox
        WHERE user_id IN (${users}) GROUP BY user_id, device_id`,
    )
    yield* factsByUser(
      how,
      snapshot,
      batch,
      (users) => `SELECT box.user_id, box.device_id, box.stream_id, box.message_json FROM (
        SELECT user_id, device_id, stream_id, ROW_NUMBER() OVER (PARTITION BY user_id, device_id ORDER BY stream_id DESC) AS place
        FROM device_inbox WHERE user_id IN (${users})) AS ranked
        JOIN device_inbox AS box ON box.user_id = ranked.user_id AND box.device_id = ranked.device_id
          AND box.stream_id = ranked.stream_id
        WHERE ranked.place <= ${String(2 * most)} ORDER BY box.user_id, box.device_id, box.stream_id DESC`,
      (userId, rows) => inboxOf(counts.get(userId) ?? [], rows, most),
    )
  }
}

function inboxOf(counts: readonly Row[], rows: readonly Row[], most: number): Inbox {
  const byDevice = Map.groupBy(rows, (row) => text(row, 'device_id'))
  return {
    kind: 'inbox',
    devices: Object.fromEntries(
      counts.map((row) => {
        const deviceId = text(row, 'device_id')
        const messages = (byDevice.get(deviceId) ?? []).flatMap((message) => messagesIn(message)).slice(0, most)
        return [deviceId, {count: integer(row, 'n'), messages}] as const
      }),
    ),
  }
}

function messagesIn(row: Row): readonly ToDeviceMessage[] {
  const message = messageOf(objectOrNull(text(row, 'message_json')))
  return message.map((told) => ({...told, stream_id: integer(row, 'stream_id')}))
}

/** Changes of the lists of this server's users that others were not told yet. */
export async function* unsentLists({snapshot, tables, local}: Look): AsyncGenerator<DeviceStep> {
  const how = 'device_lists_outbound_pokes'
  if (!tables.has(how)) {
    if (local.length > 0) yield unreadable(tables, how, local)
    return
  }
  for (const batch of userBatches(local)) {
    const unsent = await rowsByUser(
      snapshot,
      batch,
      (users) => `SELECT user_id, destination, COUNT(*) AS n, MIN(ts) AS ts FROM device_lists_outbound_pokes
        WHERE user_id IN (${users}) AND NOT sent GROUP BY user_id, destination ORDER BY destination`,
    )
    const destinations = [...new Set([...unsent.values()].flat().map((row) => text(row, 'destination')))]
    const failing = tables.has('destinations')
      ? await allOf(
          snapshot,
          destinations,
          (list) => `SELECT destination, failure_ts FROM destinations WHERE destination IN (${list})`,
        )
      : []
    const since = new Map(failing.map((row) => [text(row, 'destination'), integerOrNull(row, 'failure_ts')]))
    yield {
      how,
      requests: 0,
      facts: batch.map((userId) => ({
        userId,
        fact: {
          kind: 'list-unsent',
          destinations: (unsent.get(userId) ?? []).map((row) => {
            const destination = text(row, 'destination')
            const ts = since.get(destination) ?? null
            return {
              destination,
              count: integer(row, 'n'),
              oldest_ts: integer(row, 'ts'),
              ...(ts === null ? {} : {failing_since_ts: ts}),
            }
          }),
        },
      })),
    }
  }
}
