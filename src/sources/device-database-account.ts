import type {SharedRooms} from '../matrix/device-facts.ts'
import {objectOrNull} from '../matrix/json.ts'
import type {JsonObject} from '../matrix/json.ts'
import {integer, integerOrNull, marks, text} from './database-port.ts'
import type {Row} from './database-port.ts'
import type {DeviceStep} from './device-evidence.ts'
import {ACCOUNT_DATA_TYPES, accountDataKept, DEFAULT_KEY, keyDescribedBy, MOST_ROOMS} from './device-own.ts'
import {rowsByUser, unreadable, userBatches} from './device-tables.ts'
import type {Look} from './device-tables.ts'

/** Account data on cross-signing, secret storage and backup. */
export async function* accountData({snapshot, tables, local}: Look): AsyncGenerator<DeviceStep> {
  const how = 'account_data'
  if (!tables.has(how)) {
    if (local.length > 0) yield unreadable(tables, how, local)
    return
  }
  const known = ACCOUNT_DATA_TYPES.map((type) => `'${type}'`).join(', ')
  for (const batch of userBatches(local)) {
    const rows = await rowsByUser(
      snapshot,
      batch,
      (users) => `SELECT user_id, account_data_type, content FROM account_data WHERE user_id IN (${users})
        AND (account_data_type IN (${known}) OR account_data_type LIKE 'm.secret_storage.key.%')`,
    )
    yield {
      how,
      requests: 0,
      facts: batch.map((userId) => ({userId, fact: {kind: 'account-data', types: typesOf(rows.get(userId) ?? [])}})),
    }
  }
}

/** Of the keys of secret storage only the default one's description counts. What clients delete is there as an empty object. */
function typesOf(rows: readonly Row[]): Readonly<Record<string, JsonObject | null>> {
  const found = new Map(
    rows.map((row) => {
      const [type, data] = [text(row, 'account_data_type'), objectOrNull(text(row, 'content'))]
      return [type, data === null ? null : accountDataKept(type, data)] as const
    }),
  )
  const types: (readonly [string, JsonObject | null])[] = ACCOUNT_DATA_TYPES.map((type) => [
    type,
    found.get(type) ?? null,
  ])
  const key = keyDescribedBy(found.get(DEFAULT_KEY))
  return Object.fromEntries(key === null ? types : [...types, [key, found.get(key) ?? null]])
}

/** The current key backup of each, as `/room_keys/version` shows it; the keys in it are counted where few users are audited. */
export async function* backups({snapshot, tables, local, few}: Look): AsyncGenerator<DeviceStep> {
  const how = 'e2e_room_keys_versions'
  if (!tables.has(how)) {
    if (local.length > 0) yield unreadable(tables, how, local)
    return
  }
  for (const batch of userBatches(local)) {
    const versions = await rowsByUser(
      snapshot,
      batch,
      (users) => `SELECT user_id, version, algorithm, auth_data, etag FROM e2e_room_keys_versions
        WHERE user_id IN (${users}) AND deleted = 0 ORDER BY version`,
    )
    const counts =
      few && tables.has('e2e_room_keys')
        ? await rowsByUser(
            snapshot,
            batch,
            (users) => `SELECT user_id, version, COUNT(*) AS n FROM e2e_room_keys
              WHERE user_id IN (${users}) GROUP BY user_id, version`,
          )
        : null
    yield {
      how,
      requests: 0,
      facts: batch.map((userId) => {
        const row = versions.get(userId)?.at(-1)
        const version = row === undefined ? null : versionOf(row, counts === null ? null : (counts.get(userId) ?? []))
        return {userId, fact: {kind: 'backup', version}}
      }),
    }
  }
}

function versionOf(row: Row, counts: readonly Row[] | null): JsonObject {
  const version = integer(row, 'version')
  const counted = counts?.find((count) => integer(count, 'version') === version)
  return {
    version: String(version),
    algorithm: text(row, 'algorithm'),
    auth_data: objectOrNull(text(row, 'auth_data')),
    etag: String(integerOrNull(row, 'etag') ?? ''),
    ...(counts === null ? {} : {count: counted === undefined ? 0 : integer(counted, 'n')}),
  }
}

/** Rooms of one user, and who else is there. */
export async function* sharedRooms({snapshot, tables, local, remote}: Look): AsyncGenerator<DeviceStep> {
  const [userId, ...others] = [...local, ...remote]
  if (userId === undefined || others.length > 0) return
  const how =
    local.length === 1 && tables.has('local_current_membership') ? 'local_current_membership' : 'current_state_events'
  if (!tables.has('current_state_events')) {
    yield unreadable(tables, 'current_state_events', [userId])
    return
  }
  const own =
    how === 'local_current_membership'
      ? `SELECT room_id FROM local_current_membership WHERE user_id = ? AND membership = 'join' ORDER BY room_id`
      : `SELECT room_id FROM current_state_events WHERE type = 'm.room.member' AND state_key = ? AND membership = 'join' ORDER BY room_id`
  const all = (await snapshot.all(own, [userId])).map((row) => text(row, 'room_id'))
  const roomIds = all.slice(0, MOST_ROOMS)
  const joined = new Map<string, string[]>(roomIds.map((id) => [id, []]))
  const encrypted = new Set<string>()
  if (roomIds.length > 0) {
    const rows = snapshot.rows(
      `SELECT room_id, type, state_key FROM current_state_events WHERE room_id IN (${marks(roomIds.length)})
       AND ((type = 'm.room.member' AND membership = 'join') OR (type = 'm.room.encryption' AND state_key = ''))`,
      roomIds,
    )
    for await (const batch of rows) {
      for (const row of batch) {
        const roomId = text(row, 'room_id')
        if (text(row, 'type') === 'm.room.encryption') encrypted.add(roomId)
        else joined.get(roomId)?.push(text(row, 'state_key'))
      }
    }
  }
  const rooms: SharedRooms['rooms'] = roomIds.map((roomId) => ({
    room_id: roomId,
    encrypted: encrypted.has(roomId),
    joined: (joined.get(roomId) ?? []).sort(),
  }))
  const left = all.length - roomIds.length
  yield {
    how,
    requests: 0,
    facts: [{userId, fact: {kind: 'rooms', rooms}}],
    notes: left > 0 ? [`${userId} is in ${String(all.length)} rooms: ${String(MOST_ROOMS)} were looked into.`] : [],
  }
}
