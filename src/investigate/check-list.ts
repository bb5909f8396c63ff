import {StateError} from '../errors.ts'
import type {RoomToCheck} from './check-room.ts'
import type {DeviceAccess} from './open-device-routes.ts'

/** All rooms of the servers that access is given to. */
export interface AllRooms {
  /** Sorted by room ID. */
  readonly rooms: readonly RoomToCheck[]
  /** How each is to be had: by the route that listed it, unless others were named. */
  readonly access: DeviceAccess
  readonly notes: readonly string[]
}

/**
 * The rooms in a list: one a line. Blank lines are skipped, and comments, which begin with `#` and a space, also behind a room; `#name:server` is
 * an alias.
 */
export function parseRoomList(text: string): readonly string[] {
  return text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .map((line) => line.replace(/(^|\s)#(?:\s.*|)$/, '').trim())
    .filter((line) => line !== '' && !(line.startsWith('#') && !/^#[^\s:]+:\S+$/.test(line)))
}

/**
 * Lists all rooms by the databases, or by the admin API where there is no database.
 *
 * @throws StateError USAGE where neither is given, and what listing comes to
 */
export async function listAllRooms(access: DeviceAccess, options: {readonly signal: AbortSignal}): Promise<AllRooms> {
  const wants = (kind: 'database' | 'admin'): boolean => access.from?.includes(kind) ?? true
  if (wants('database') && (access.databases ?? []).length > 0) return byDatabases(access, options)
  if (wants('admin') && access.homeserver !== undefined && access.adminToken !== undefined) {
    return byAdmin(access, access.homeserver, access.adminToken, options)
  }
  throw new StateError('USAGE', '--all-rooms needs a server that can list its rooms', {
    hint: 'Give --database, or --homeserver with MATRIX_STATE_ADMIN_TOKEN or --admin-token-file.',
  })
}

async function byDatabases(access: DeviceAccess, {signal}: {readonly signal: AbortSignal}): Promise<AllRooms> {
  const {listDatabaseRooms} = await import('../sources/database-rooms.ts')
  const {parseDatabaseAddress} = await import('../sources/database-address.ts')
  const {databases = [], serverName} = access
  const byRoom = new Map<string, string[]>()
  const notes: string[] = []
  for (const value of databases) {
    const own = databases.length === 1 && serverName !== undefined ? {serverName} : {}
    const {server, roomIds, without} = await listDatabaseRooms({address: parseDatabaseAddress(value), signal, ...own})
    for (const roomId of roomIds) byRoom.set(roomId, [...(byRoom.get(roomId) ?? []), value])
    if (without > 0) notes.push(`${leftOut(without)}, of which ${server} has no history (invitations, purged rooms).`)
  }
  const rooms = [...byRoom]
    .map(([room, knowing]): RoomToCheck => ({room, databases: knowing}))
    .sort((a, b) => (a.room < b.room ? -1 : 1))
  return {rooms, access: {...access, from: access.from ?? ['database']}, notes}
}

async function byAdmin(
  access: DeviceAccess,
  homeserver: string,
  accessToken: string,
  {signal}: {readonly signal: AbortSignal},
): Promise<AllRooms> {
  const {listRooms} = await import('../sources/admin-rooms.ts')
  const rooms = new Set<string>()
  let without = 0
  for await (const page of listRooms({homeserver, accessToken, insecure: access.insecure, signal})) {
    for (const {roomId, stateEvents} of page) {
      // Whatever a server says: only a room ID is taken for one, never a path.
      if (stateEvents > 0 && roomId.startsWith('!')) rooms.add(roomId)
      else without += 1
    }
  }
  return {
    rooms: [...rooms].sort().map((room) => ({room})),
    access: {...access, from: access.from ?? ['admin']},
    notes: without === 0 ? [] : [`${leftOut(without)}, of which the server has no state (invitations, purged rooms).`],
  }
}

function leftOut(count: number): string {
  return count === 1 ? '1 room was left out' : `${count.toLocaleString('en-US')} rooms were left out`
}
