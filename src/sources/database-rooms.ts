import {type DatabaseRouteOptions, openSynapseDatabase} from './database-opened.ts'
import {integer, text} from './database-port.ts'

/** The rooms of a database. */
export interface DatabaseRooms {
  readonly server: string
  /** Rooms that the server takes or took part in, sorted. */
  readonly roomIds: readonly string[]
  /** How many it only knows of: it was invited, or the room was purged. */
  readonly without: number
}

/**
 * Lists the rooms of which a Synapse's database has a history.
 *
 * @throws StateError as `openSynapseDatabase`
 * @remarks One query: a row a room.
 */
export async function listDatabaseRooms(options: DatabaseRouteOptions): Promise<DatabaseRooms> {
  const {database, schema, identity} = await openSynapseDatabase(options)
  const snapshot = await database.snapshot(options.signal ?? new AbortController().signal)
  try {
    const ends = schema.has('event_forward_extremities')
      ? 'EXISTS (SELECT 1 FROM event_forward_extremities WHERE event_forward_extremities.room_id = rooms.room_id)'
      : 'EXISTS (SELECT 1 FROM events WHERE events.room_id = rooms.room_id)'
    const sql = `SELECT room_id, CASE WHEN ${ends} THEN 1 ELSE 0 END AS has_history FROM rooms`
    const roomIds: string[] = []
    let without = 0
    for await (const rows of snapshot.rows(sql)) {
      for (const row of rows) {
        const roomId = text(row, 'room_id')
        if (integer(row, 'has_history') === 1 && roomId.startsWith('!')) roomIds.push(roomId)
        else without += 1
      }
    }
    return {server: identity.server, roomIds: roomIds.sort(), without}
  } finally {
    await snapshot.close()
  }
}
