import {StateError} from '../errors.ts'
import {isObject, JsonError, parseJson} from '../matrix/json.ts'
import {allOf, integer, integerOrNull, text, textOrNull} from './database-port.ts'
import type {Row, Snapshot} from './database-port.ts'
import type {Schema} from './database-schema.ts'
import type {ReportedExtremities, ServerKey} from './evidence.ts'

/**
 * The room's version, `null` where an old Synapse never wrote it down.
 *
 * @throws StateError DATABASE_UNUSABLE when the room is not there
 */
export async function findRoom(snapshot: Snapshot, roomId: string, shown: string): Promise<string | null> {
  const [room] = await snapshot.all('SELECT room_version FROM rooms WHERE room_id = ?', [roomId])
  if (room !== undefined) return textOrNull(room, 'room_version')
  const [event] = await snapshot.all('SELECT event_id FROM events WHERE room_id = ? LIMIT 1', [roomId])
  if (event !== undefined) return null
  const [counted] = await snapshot.all('SELECT COUNT(*) AS n FROM rooms')
  const count = counted === undefined ? 0 : integer(counted, 'n')
  const similar = await similarRooms(snapshot, roomId)
  throw new StateError(
    'DATABASE_UNUSABLE',
    `${shown} knows no room ${roomId}; it has ${count === 1 ? '1 room' : `${String(count)} rooms`}.`,
    {
      hint:
        similar.length === 0
          ? 'The database of a server that is or was in the room has it.'
          : `Similar: ${similar.join(', ')}`,
    },
  )
}

/** Rooms whose ID begins or ends as this one does, in letters of either case. */
async function similarRooms(snapshot: Snapshot, roomId: string): Promise<string[]> {
  const local = (roomId.split(':', 1)[0] ?? '').slice(1).toLowerCase()
  if (local.length < 4) return []
  const pattern = (part: string): string => part.replaceAll(/[\\%_]/gu, '\\$&')
  const rows = await snapshot.all(
    `SELECT room_id FROM rooms WHERE lower(room_id) LIKE ? ESCAPE '\\' OR lower(room_id) LIKE ? ESCAPE '\\'
     ORDER BY room_id LIMIT 3`,
    [`!${pattern(local.slice(0, 4))}%`, `!%${pattern(local.slice(-4))}%`],
  )
  return rows.map((row) => text(row, 'room_id'))
}

export async function readExtremities(
  snapshot: Snapshot,
  schema: Schema,
  roomId: string,
): Promise<ReportedExtremities[]> {
  const told: ReportedExtremities[] = []
  for (const direction of ['forward', 'backward'] as const) {
    const how = `event_${direction}_extremities` as const
    if (!schema.has(how)) continue
    const rows = await snapshot.all(`SELECT event_id FROM ${how} WHERE room_id = ?`, [roomId])
    told.push({direction, how, eventIds: rows.map((row) => text(row, 'event_id')).sort()})
  }
  return told
}

export async function readAliases(snapshot: Snapshot, schema: Schema, roomId: string): Promise<string[]> {
  if (!schema.has('room_aliases')) return []
  const rows = await snapshot.all('SELECT room_alias FROM room_aliases WHERE room_id = ? ORDER BY room_alias', [roomId])
  return rows.map((row) => text(row, 'room_alias'))
}

/** What else the server keeps of the room that bears on what can be concluded. */
export async function roomNotes(snapshot: Snapshot, schema: Schema, roomId: string): Promise<string[]> {
  const notes: string[] = []
  const listed = async (table: 'partial_state_rooms' | 'blocked_rooms'): Promise<boolean> =>
    schema.has(table) && (await snapshot.all(`SELECT room_id FROM ${table} WHERE room_id = ?`, [roomId])).length > 0
  if (await listed('partial_state_rooms')) {
    notes.push('The server joined the room quickly and is still fetching its state: its states lack members.')
  }
  if (await listed('blocked_rooms')) notes.push('The room is blocked on this server: its users cannot join it.')
  return notes
}

/** Keys of servers as this one has kept them. */
export async function readKeys(snapshot: Snapshot, schema: Schema, servers: readonly string[]): Promise<ServerKey[]> {
  const keys = new Map<string, ServerKey>()
  const add = (key: ServerKey): void => {
    const name = JSON.stringify([key.server, key.keyId, key.key])
    const known = keys.get(name)
    const later = (key.validUntilTs ?? key.expiredTs ?? 0) > (known?.validUntilTs ?? known?.expiredTs ?? 0)
    // The same key under a current and an old heading: the old one says when it ended.
    if (
      known === undefined ||
      (known.expiredTs === null && key.expiredTs !== null) ||
      (known.expiredTs === null && later)
    ) {
      keys.set(name, key)
    }
  }
  if (schema.has('server_signature_keys')) {
    const rows = await allOf(
      snapshot,
      servers,
      (list) => `SELECT server_name, key_id, verify_key, ts_added_ms, ts_valid_until_ms FROM server_signature_keys
        WHERE server_name IN (${list})`,
    )
    for (const row of rows) {
      const bytes = row.verify_key
      if (!(bytes instanceof Uint8Array) || bytes.length !== 32) continue
      add({
        server: text(row, 'server_name'),
        keyId: text(row, 'key_id'),
        key: unpadded(bytes),
        validUntilTs: integerOrNull(row, 'ts_valid_until_ms'),
        expiredTs: null,
        fetchedTs: integerOrNull(row, 'ts_added_ms') ?? 0,
        via: 'database',
      })
    }
  }
  if (schema.has('server_keys_json')) {
    const rows = await allOf(
      snapshot,
      servers,
      (list) => `SELECT server_name, ts_added_ms, key_json FROM server_keys_json WHERE server_name IN (${list})`,
    )
    for (const row of rows) for (const key of keysOfAnswer(row)) add(key)
  }
  return [...keys.values()]
}

/** The keys in a stored answer of `/_matrix/key/v2/server`; none when it is not one. */
function keysOfAnswer(row: Row): ServerKey[] {
  const keys: ServerKey[] = []
  let answer: unknown
  try {
    answer = parseJson(text(row, 'key_json'))
  } catch (error) {
    if (error instanceof JsonError) return keys
    throw error
  }
  const server = text(row, 'server_name')
  if (!isObject(answer) || answer.server_name !== server) return keys
  const number = (value: unknown): number | null => (typeof value === 'number' ? value : null)
  for (const section of ['verify_keys', 'old_verify_keys'] as const) {
    const listed = answer[section]
    if (!isObject(listed)) continue
    for (const [keyId, entry] of Object.entries(listed)) {
      if (!isObject(entry) || typeof entry.key !== 'string') continue
      const old = section === 'old_verify_keys'
      keys.push({
        server,
        keyId,
        key: entry.key.replaceAll('=', ''),
        validUntilTs: old ? null : number(answer.valid_until_ts),
        expiredTs: old ? number(entry.expired_ts) : null,
        fetchedTs: integer(row, 'ts_added_ms'),
        via: 'database',
      })
    }
  }
  return keys
}

function unpadded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replaceAll('=', '')
}
