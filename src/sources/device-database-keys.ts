import type {PublishedKeys, Session} from '../matrix/device-facts.ts'
import {isObject, objectOrNull, own} from '../matrix/json.ts'
import type {Json, JsonObject} from '../matrix/json.ts'
import {integer, integerOrNull, text, textOrNull} from './database-port.ts'
import type {Row} from './database-port.ts'
import type {DeviceStep} from './device-evidence.ts'
import {crossSigning, devicesOf} from './device-keys.ts'
import {rowsByUser, unreadable, userBatches} from './device-tables.ts'
import type {DeviceTable, Look} from './device-tables.ts'

type Rows = ReadonlyMap<string, readonly Row[]>

/** Keys of the server's own users, assembled as it serves them, and their logins. */
export async function* localKeys(look: Look, keysOnly: boolean): AsyncGenerator<DeviceStep> {
  const {snapshot, tables, local} = look
  const needed: readonly DeviceTable[] = ['devices', 'e2e_device_keys_json']
  const absent = needed.find((table) => !tables.has(table))
  if (absent !== undefined) {
    if (local.length > 0) yield unreadable(tables, absent, local)
    return
  }
  for (const batch of userBatches(local)) {
    const devices = await rowsByUser(
      snapshot,
      batch,
      (users) =>
        `SELECT user_id, device_id, display_name, last_seen FROM devices WHERE user_id IN (${users}) AND NOT coalesce(hidden, false)`,
    )
    const keys = await rowsByUser(
      snapshot,
      batch,
      (users) => `SELECT user_id, device_id, key_json FROM e2e_device_keys_json WHERE user_id IN (${users})`,
    )
    const signatures = await signaturesOf(look, batch)
    const cross = await crossSigningRows(look, batch)
    yield {
      how: 'e2e_device_keys_json',
      requests: 0,
      facts: batch.map((userId) => ({
        userId,
        fact: {
          kind: 'keys',
          view: 'origin',
          devices: publishedDevices(userId, devices, keys, signatures),
          ...(cross === null ? {} : crossSigningOf(userId, cross, signatures.get(userId) ?? [])),
        },
      })),
    }
    if (!keysOnly) yield await sessionsStep(look, batch, devices)
  }
}

/** What the owner's keys signed. Signatures of devices that are gone stay in the table, under the device ID. */
async function signaturesOf({snapshot, tables}: Look, batch: readonly string[]): Promise<Rows> {
  if (!tables.has('e2e_cross_signing_signatures')) return new Map()
  return rowsByUser(
    snapshot,
    batch,
    (users) => `SELECT user_id, key_id, target_device_id, signature FROM e2e_cross_signing_signatures
      WHERE target_user_id IN (${users}) AND user_id = target_user_id`,
  )
}

/** Only devices that are there are served; one without keys is listed as such. */
function publishedDevices(userId: string, devices: Rows, keys: Rows, signatures: Rows): PublishedKeys['devices'] {
  const byDevice = new Map((keys.get(userId) ?? []).map((row) => [text(row, 'device_id'), text(row, 'key_json')]))
  const signed = Map.groupBy(signatures.get(userId) ?? [], (row) => text(row, 'target_device_id'))
  return devicesOf(
    (devices.get(userId) ?? []).map((row) => {
      const deviceId = text(row, 'device_id')
      const json = byDevice.get(deviceId)
      const key = json === undefined ? null : objectOrNull(json)
      return [deviceId, key === null ? null : withSignatures(key, userId, signed.get(deviceId) ?? [])] as const
    }),
  )
}

/** A key with signatures that were uploaded apart from it, as Synapse adds them: those of the same key ID take the place of older ones. */
function withSignatures(key: JsonObject, userId: string, rows: readonly Row[]): JsonObject {
  if (rows.length === 0) return key
  const signatures = own(key, 'signatures')
  const all = isObject(signatures) ? signatures : {}
  const own_ = own(all, userId)
  const added = rows.map((row): readonly [string, Json] => [text(row, 'key_id'), text(row, 'signature')])
  const merged = Object.fromEntries([...Object.entries(isObject(own_) ? own_ : {}), ...added])
  return {...key, signatures: Object.fromEntries([...Object.entries(all), [userId, merged]])}
}

/** The newest of each type. A server keeps those of other servers' users, too. `null`: the table cannot be read. */
async function crossSigningRows({snapshot, tables}: Look, batch: readonly string[]): Promise<Rows | null> {
  if (!tables.has('e2e_cross_signing_keys')) return null
  return rowsByUser(
    snapshot,
    batch,
    (users) =>
      `SELECT user_id, keytype, keydata, stream_id FROM e2e_cross_signing_keys WHERE user_id IN (${users}) ORDER BY stream_id`,
  )
}

function crossSigningOf(
  userId: string,
  cross: Rows,
  signatures: readonly Row[],
): Pick<PublishedKeys, 'master_key' | 'self_signing_key' | 'user_signing_key'> {
  const newest = new Map((cross.get(userId) ?? []).map((row) => [text(row, 'keytype'), text(row, 'keydata')]))
  const key = (type: string): JsonObject | null => {
    const found = objectOrNull(newest.get(type) ?? 'null')
    if (found === null) return null
    const publicKeys = Object.values(isObject(own(found, 'keys')) ? (own(found, 'keys') as JsonObject) : {})
    const rows = signatures.filter((row) => publicKeys.includes(text(row, 'target_device_id')))
    return withSignatures(found, userId, rows)
  }
  return {master_key: key('master'), self_signing_key: key('self_signing'), user_signing_key: key('user_signing')}
}

async function sessionsStep({snapshot, tables}: Look, batch: readonly string[], devices: Rows): Promise<DeviceStep> {
  const dehydrated = tables.has('dehydrated_devices')
    ? await rowsByUser(
        snapshot,
        batch,
        (users) => `SELECT user_id, device_id FROM dehydrated_devices WHERE user_id IN (${users})`,
      )
    : null
  const session = (userId: string, row: Row): Session => {
    const deviceId = text(row, 'device_id')
    const name = textOrNull(row, 'display_name')
    const lastSeen = integerOrNull(row, 'last_seen')
    const asleep = dehydrated?.get(userId)?.some((found) => text(found, 'device_id') === deviceId) ?? false
    return {
      device_id: deviceId,
      ...(name === null ? {} : {display_name: name}),
      ...(lastSeen === null ? {} : {last_seen_ts: lastSeen}),
      ...(dehydrated === null ? {} : {dehydrated: asleep}),
    }
  }
  return {
    how: 'devices',
    requests: 0,
    facts: batch.map((userId) => ({
      userId,
      fact: {kind: 'sessions', devices: (devices.get(userId) ?? []).map((row) => session(userId, row))},
    })),
  }
}

/** The server's copies of other servers' lists, and whether it takes them for stale. */
export async function* remoteKeys(look: Look, keysOnly: boolean): AsyncGenerator<DeviceStep> {
  const {snapshot, tables, remote} = look
  const needed: readonly DeviceTable[] = ['device_lists_remote_cache', 'device_lists_remote_extremeties']
  const absent = needed.find((table) => !tables.has(table))
  if (absent !== undefined) {
    if (remote.length > 0) yield unreadable(tables, absent, remote)
    return
  }
  for (const batch of userBatches(remote)) {
    const cached = await rowsByUser(
      snapshot,
      batch,
      (users) => `SELECT user_id, device_id, content FROM device_lists_remote_cache WHERE user_id IN (${users})`,
    )
    const places = await rowsByUser(
      snapshot,
      batch,
      (users) => `SELECT user_id, stream_id FROM device_lists_remote_extremeties WHERE user_id IN (${users})`,
    )
    const cross = await crossSigningRows(look, batch)
    const isKept = (userId: string): boolean => cached.has(userId) || places.has(userId)
    const without = batch.filter((userId) => !isKept(userId))
    const message = 'the server keeps no copy of the user’s list: it asks the user’s own server each time'
    yield {
      how: 'device_lists_remote_cache',
      requests: 0,
      facts: batch.filter(isKept).map((userId) => ({
        userId,
        fact: copyOf(cached.get(userId) ?? [], places.get(userId)?.[0], cross === null ? null : [userId, cross]),
      })),
      ...(without.length === 0
        ? {}
        : {refusals: [{what: 'device_lists_remote_cache', outcome: 'absent', message, userIds: without}]}),
    }
    // Also of users whose list was never had: it may be that very one that cannot be fetched.
    if (!keysOnly) yield await resyncStep(look, batch)
  }
}

function copyOf(rows: readonly Row[], place: Row | undefined, cross: readonly [string, Rows] | null): PublishedKeys {
  // Text in this table, since other servers may count as they like.
  const streamId = place === undefined ? Number.NaN : Number(text(place, 'stream_id'))
  const devices = rows.map((row) => {
    const content = objectOrNull(text(row, 'content'))
    return [text(row, 'device_id'), content === null ? undefined : own(content, 'keys')] as const
  })
  const keys = cross === null ? {} : crossSigningOf(...cross, [])
  return {
    kind: 'keys',
    view: 'copy',
    devices: devicesOf(devices),
    // Other servers are never told that one.
    ...crossSigning({master_key: undefined, self_signing_key: undefined, ...keys, user_signing_key: undefined}),
    ...(Number.isSafeInteger(streamId) ? {stream_id: streamId} : {}),
  }
}

async function resyncStep({snapshot, tables}: Look, userIds: readonly string[]): Promise<DeviceStep> {
  const how = 'device_lists_remote_resync'
  if (!tables.has(how)) return unreadable(tables, how, userIds)
  const noted = await rowsByUser(
    snapshot,
    userIds,
    (users) => `SELECT user_id, added_ts FROM device_lists_remote_resync WHERE user_id IN (${users})`,
  )
  return {
    how,
    requests: 0,
    facts: userIds.map((userId) => {
      const row = noted.get(userId)?.[0]
      return {userId, fact: {kind: 'list-resync', added_ts: row === undefined ? null : integer(row, 'added_ts')}}
    }),
  }
}
