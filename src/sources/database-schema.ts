import {StateError} from '../errors.ts'
import {isServerName, serverNameOf} from '../matrix/ids.ts'
import {integer, text} from './database-port.ts'
import type {Snapshot} from './database-port.ts'

/** Newest schema of Synapse that this was tried with (1.163.2). */
const TRIED_SCHEMA = 94

/** What is read of each table. Without the needed ones nothing can be told. */
const NEEDED = {
  schema_version: ['version'],
  rooms: ['room_id', 'room_version'],
  events: [
    'event_id',
    'room_id',
    'topological_ordering',
    'stream_ordering',
    'outlier',
    'sender',
    'state_key',
    'received_ts',
    'rejection_reason',
  ],
  event_json: ['event_id', 'room_id', 'internal_metadata', 'json'],
  rejections: ['event_id', 'reason'],
} as const

const USEFUL = {
  event_edges: ['event_id', 'prev_event_id', 'is_state'],
  event_to_state_groups: ['event_id', 'state_group'],
  state_groups: ['id', 'room_id', 'event_id'],
  state_groups_state: ['state_group', 'type', 'state_key', 'event_id'],
  state_group_edges: ['state_group', 'prev_state_group'],
  current_state_events: ['room_id', 'type', 'state_key', 'event_id'],
  current_state_delta_stream: ['stream_id', 'room_id', 'type', 'state_key', 'event_id', 'prev_event_id'],
  event_forward_extremities: ['room_id', 'event_id'],
  event_backward_extremities: ['room_id', 'event_id'],
  room_aliases: ['room_alias', 'room_id'],
  server_signature_keys: ['server_name', 'key_id', 'from_server', 'ts_added_ms', 'verify_key', 'ts_valid_until_ms'],
  server_keys_json: ['server_name', 'from_server', 'ts_added_ms', 'key_json'],
  partial_state_rooms: ['room_id'],
  blocked_rooms: ['room_id'],
  users: ['name'],
  local_current_membership: ['user_id'],
} as const

export type UsefulTable = keyof typeof USEFUL

/** What a database has of what is wanted. */
export interface Schema extends UsableTables<UsefulTable> {
  readonly version: number
}

/** A remark where the schema is newer than any that this was tried with. */
export function schemaNotes({version}: Schema): readonly string[] {
  return version > TRIED_SCHEMA
    ? [`The database has schema ${String(version)}; this was tried up to ${String(TRIED_SCHEMA)}.`]
    : []
}

/**
 * Makes sure that this is a database of Synapse, and finds what of it can be read.
 *
 * @throws StateError DATABASE_UNUSABLE, SERVER_REFUSED
 */
export async function checkSchema(snapshot: Snapshot, shown: string): Promise<Schema> {
  for (const [name, wanted] of Object.entries(NEEDED)) {
    const {columns, readable} = await snapshot.table(name)
    if (columns.size === 0) {
      throw new StateError('DATABASE_UNUSABLE', `${shown} is not a database of Synapse: it has no table ${name}.`, {
        hint: 'Synapse’s homeserver.yaml names its database under database: args.',
      })
    }
    if (!readable) {
      throw new StateError('SERVER_REFUSED', `The table ${name} of ${shown} may not be read by this user.`, {
        hint: 'Connect as the role that Synapse uses, or as one with pg_read_all_data.',
      })
    }
    const missing = wanted.find((column) => !columns.has(column))
    if (missing !== undefined) {
      throw new StateError('DATABASE_UNUSABLE', `The table ${name} of ${shown} has no column ${missing}.`, {
        hint: `Its Synapse is older than 1.65, or much newer than schema ${String(TRIED_SCHEMA)}, with which this was tried.`,
      })
    }
  }
  const tables = await usableTables(snapshot, USEFUL)
  const [row] = await snapshot.all('SELECT version FROM schema_version')
  if (row === undefined) {
    throw new StateError('DATABASE_UNUSABLE', `${shown} has no schema version: Synapse never finished setting it up.`)
  }
  return {version: integer(row, 'version'), ...tables}
}

/** Tables that can be read with all columns that are wanted of them, and why others cannot. */
export interface UsableTables<Name extends string> {
  readonly has: (...tables: Name[]) => boolean
  /** Why a table cannot be read: one clause. */
  readonly why: (table: Name) => string
  /** Whether it is there at all. */
  readonly isThere: (table: Name) => boolean
}

export async function usableTables<Name extends string>(
  snapshot: Snapshot,
  wanted: Readonly<Record<Name, readonly string[]>>,
): Promise<UsableTables<Name>> {
  const reasons = new Map<string, string>()
  const absent = new Set<string>()
  for (const [name, wantedColumns] of Object.entries<readonly string[]>(wanted)) {
    const {columns, readable} = await snapshot.table(name)
    const missing = wantedColumns.find((column) => !columns.has(column))
    if (columns.size === 0) {
      absent.add(name)
      reasons.set(name, 'there is no such table in this database')
    } else if (!readable) reasons.set(name, 'this user may not read it')
    else if (missing !== undefined) reasons.set(name, `it has no column ${missing}`)
  }
  return {
    has: (...tables) => tables.every((table) => !reasons.has(table)),
    why: (table) => reasons.get(table) ?? 'it can be read',
    isThere: (table) => !absent.has(table),
  }
}

/**
 * Whose database it is: the part after the colon in the names of its users. `users` holds a server's own users only, and so does
 * `local_current_membership`; a server never changes its name.
 *
 * @param given - what the user says it is; checked against the same names
 * @throws StateError USAGE when it cannot be told, or is not what the user says
 */
export async function tellServerName(
  snapshot: Snapshot,
  schema: Schema,
  shown: string,
  given: string | null,
): Promise<string> {
  const names = new Set<string>()
  const sources = [
    ['users', 'name'],
    ['local_current_membership', 'user_id'],
  ] as const
  for (const [table, column] of sources) {
    if (names.size > 0 || !schema.has(table)) continue
    for (const row of await snapshot.all(
      `SELECT ${column} AS name FROM ${table} WHERE ${column} LIKE '@%:%' LIMIT 1000`,
    )) {
      const name = serverNameOf(text(row, 'name'))
      if (isServerName(name)) names.add(name)
    }
  }
  const [name] = names
  if (given !== null) {
    if (names.size === 0 || names.has(given)) return given
    throw new StateError(
      'USAGE',
      `${shown} is the database of ${[...names].slice(0, 3).join(', ')}, not of ${given}.`,
      {
        hint: `Write ${name ?? 'NAME'}=… before it, or nothing: the name is read from its users.`,
      },
    )
  }
  if (name !== undefined && names.size === 1) return name
  const why = names.size === 0 ? 'it has no users' : `its users are of ${[...names].slice(0, 3).join(', ')}`
  throw new StateError('USAGE', `Whose database ${shown} is cannot be told: ${why}.`, {
    hint: 'Write the server’s name before it: --database example.org=…',
  })
}
