import {adminRefusal, adminRequest} from './admin-access.ts'
import {openAccount} from './client-access.ts'
import type {AccessOptions} from './client-access.ts'
import {arrayIn, malformed, valueIn} from './client-bodies.ts'
import type {Answer} from './client-http.ts'

/** A room as `listRooms` gives it. */
export interface ListedRoom {
  readonly roomId: string
  readonly version: string | null
  readonly name: string | null
  readonly alias: string | null
  /** The server's own counts. */
  readonly joinedMembers: number
  readonly stateEvents: number
}

/**
 * Lists the rooms that a server knows, by its admin API, in pages of 500.
 *
 * @throws StateError SERVER_REFUSED when the account is no administrator, and what the requests come to
 */
export async function* listRooms(options: AccessOptions): AsyncGenerator<readonly ListedRoom[]> {
  const account = await openAccount(options)
  const http = await account.connect({signal: options.signal})
  try {
    for (let from = 0; from >= 0;) {
      const query = {limit: '500', from: String(from), order_by: 'name'}
      const page = await adminRequest(() => http.get('/_synapse/admin/v1/rooms', query, adminRefusal(account, null)))
      yield arrayIn(page, ['rooms']).map((room) => listedRoom(page, room))
      from = nextFrom(page, from)
    }
  } finally {
    await http.close()
  }
}

/** Where the next page begins; -1 after the last one. */
function nextFrom({json}: Answer, from: number): number {
  const next = valueIn(json, ['next_batch'])
  return typeof next === 'number' && next > from ? next : -1
}

function listedRoom(answer: Answer, value: unknown): ListedRoom {
  const room = value as Partial<Record<string, unknown>> | null
  const {room_id: roomId, version, name, canonical_alias: alias} = room ?? {}
  if (typeof roomId !== 'string') throw malformed(answer.url, 'a room without room_id')
  const text = (field: unknown): string | null => (typeof field === 'string' && field !== '' ? field : null)
  const count = (field: unknown): number => (typeof field === 'number' ? field : 0)
  return {
    roomId,
    version: text(version),
    name: text(name),
    alias: text(alias),
    joinedMembers: count(room?.joined_members),
    stateEvents: count(room?.state_events),
  }
}
