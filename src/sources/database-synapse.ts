import {StateError} from '../errors.ts'
import {gatherRoom, fetchFromDatabase} from './database-gather.ts'
import {type DatabaseRouteOptions, openSynapseDatabase} from './database-opened.ts'
import {text} from './database-port.ts'
import type {Database} from './database-port.ts'
import type {GatherLimits, PlannedRequest, Route} from './evidence.ts'

/** What a server's database can never show. */
export const UNKNOWABLE_TO_DATABASE: readonly string[] = [
  'events that the server refused to keep (bad signatures, ancestors that nobody gave it)',
  'events that were purged, or that the server never fetched',
  'contents of events that were redacted some time ago (Synapse prunes them after seven days)',
  'the server’s own signing key, which is in a file beside the database',
  'what other servers hold',
]

/**
 * The database of a Synapse server as a route. It changes nothing, and shows what no API does: rejected events, and the server's own
 * states before and after every event.
 *
 * Connects once to see that it is Synapse's, and whose. Every gathering is then one connection and one read-only transaction, so that
 * all that it brings is from one moment.
 *
 * @throws StateError INPUT_NOT_FOUND, DATABASE_UNUSABLE, SERVER_UNREACHABLE, SERVER_REFUSED, CREDENTIALS_ABSENT, USAGE
 */
export async function openDatabaseRoute(options: DatabaseRouteOptions): Promise<Route> {
  const {database, schema, identity} = await openSynapseDatabase(options)
  return {
    identity,
    unknowable: UNKNOWABLE_TO_DATABASE,
    plan: planDatabase,
    gather: (context) => gatherRoom(database, schema, context),
    fetchEvents: (eventIds, context) => fetchFromDatabase(database, schema, eventIds, context),
    resolveAlias: async (alias, aliasSignal) => resolveAlias(database, alias, aliasSignal),
    close: async () => Promise.resolve(),
  }
}

async function resolveAlias(database: Database, alias: string, signal: AbortSignal): Promise<string> {
  const snapshot = await database.snapshot(signal)
  try {
    const [row] = await snapshot.all('SELECT room_id FROM room_aliases WHERE room_alias = ?', [alias])
    if (row !== undefined) return text(row, 'room_id')
    throw new StateError('DATABASE_UNUSABLE', `${database.shown} knows no room by the alias ${alias}`, {
      hint: 'A server knows its own aliases only: give the room ID (!…), which clients show in the room’s settings.',
    })
  } finally {
    await snapshot.close()
  }
}

/** What `fetch --plan` says; nothing is connected to for it. */
export function planDatabase(limits: GatherLimits): readonly PlannedRequest[] {
  const some = limits.depth !== undefined || limits.since !== undefined || limits.around !== undefined
  const effect = 'none'
  const query = (request: string, times: string, purpose: string): PlannedRequest => ({request, times, purpose, effect})
  return [
    query('BEGIN … READ ONLY', '1', 'everything from one moment'),
    query('SELECT … FROM rooms', '1', 'the room and its version'),
    query(
      'SELECT … FROM event_forward_extremities, event_backward_extremities',
      '1',
      'where the room ends, here and now',
    ),
    query('SELECT … FROM current_state_events', '1', 'the current state'),
    query('SELECT … FROM room_aliases, partial_state_rooms, blocked_rooms', '1', 'aliases and remarks'),
    query('SELECT … FROM events, rejections, event_to_state_groups', '1', `flags of ${some ? 'the' : 'all'} events`),
    query('SELECT … FROM event_json', '1 for each 500 events', 'events that are new or changed'),
    query(
      'SELECT … FROM state_groups, state_group_edges',
      '1',
      `states ${some ? 'around those events' : 'of the room'}`,
    ),
    query('SELECT … FROM state_groups_state', '1 for each 250 state groups', 'what is new of these states'),
    query('SELECT … FROM server_signature_keys, server_keys_json', '1', 'keys of the servers in the room'),
    query('SELECT … FROM current_state_delta_stream', '1', 'when the current state changed (reads the whole table)'),
  ]
}
