import path from 'node:path'
import {withClient} from './postgres.ts'
import type {Synapse} from './synapse.ts'

type Row = Readonly<Record<string, unknown>>
export type Query = (sql: string) => Promise<Row[]>

/** Reads a running server's database by the checks' own SQL, on a connection of its own that cannot write. */
export async function withDatabase<T>(server: Synapse, work: (query: Query) => Promise<T>): Promise<T> {
  if (server.database !== null) {
    const {cluster, name} = server.database
    return withClient({host: cluster.socket, port: cluster.port, user: cluster.user, database: name}, async (query) => {
      await query('SET default_transaction_read_only = on')
      return work((sql) => query(sql))
    })
  }
  return withFile(path.join(server.folder, 'homeserver.db'), work)
}

/** The same for a file of SQLite, a copy for example. */
export async function withFile<T>(file: string, work: (query: Query) => Promise<T>): Promise<T> {
  const {DatabaseSync} = await import('node:sqlite')
  const database = new DatabaseSync(file, {readOnly: true})
  try {
    database.exec('PRAGMA busy_timeout = 10000')
    return await work(async (sql) => database.prepare(sql).all())
  } finally {
    database.close()
  }
}

/** One event as the server's database has it. */
export interface HeldEvent {
  readonly eventId: string
  readonly rejected: string | null
  readonly softFailed: boolean
  readonly outlier: boolean
  /** Came by backfill, not as news. */
  readonly backfilled: boolean
  readonly isState: boolean
  readonly prevEvents: readonly string[]
  /** The content as stored, as JSON with sorted keys, so that it can be compared. */
  readonly content: string
  /** A redaction of it has come. */
  readonly redacted: boolean
  readonly groupAfter: number | null
}

/** All that one server holds on a room, and its own states around each event. */
export interface ServerTruth {
  readonly events: ReadonlyMap<string, HeldEvent>
  /** `type NUL state_key` to event ID, or `null` where the server has no such state or the database does not tell. */
  readonly stateAfter: (eventId: string) => ReadonlyMap<string, string> | null
  readonly stateBefore: (eventId: string) => ReadonlyMap<string, string> | null
}

interface GroupRow {
  readonly base: number | null
  readonly slots: (readonly [string, string])[]
}

export async function readTruth(server: Synapse, roomId: string): Promise<ServerTruth> {
  return withDatabase(server, (query) => readTruthBy(query, roomId))
}

export async function readTruthBy(query: Query, roomId: string): Promise<ServerTruth> {
  const room = `'${roomId.replaceAll("'", "''")}'`
  const rows = await query(`
      SELECT e.event_id, e.stream_ordering, e.outlier, j.json, j.internal_metadata, r.reason, x.state_group,
             EXISTS (SELECT 1 FROM redactions d WHERE d.redacts = e.event_id) AS redacted
      FROM events e JOIN event_json j ON j.event_id = e.event_id
      LEFT JOIN rejections r ON r.event_id = e.event_id
      LEFT JOIN event_to_state_groups x ON x.event_id = e.event_id WHERE e.room_id = ${room}`)
  const events = new Map(rows.map(heldEvent).map((event) => [event.eventId, event]))
  const groups = new Map<number, GroupRow>()
  for (const {id, base} of await query(`
      SELECT g.id, d.prev_state_group AS base FROM state_groups g
      LEFT JOIN state_group_edges d ON d.state_group = g.id WHERE g.room_id = ${room}`)) {
    groups.set(Number(id), {base: base === null ? null : Number(base), slots: []})
  }
  for (const {state_group: group, type, state_key: key, event_id: event} of await query(
    `SELECT state_group, type, state_key, event_id FROM state_groups_state WHERE room_id = ${room}`,
  )) {
    groups.get(Number(group))?.slots.push([`${String(type)}\0${String(key)}`, String(event)])
  }
  return statesOf(events, groups)
}

function heldEvent(row: Row): HeldEvent {
  const event = JSON.parse(String(row['json'])) as {
    state_key?: string
    content: unknown
    prev_events: (string | [string, unknown])[]
  }
  const metadata = JSON.parse(String(row['internal_metadata'])) as {soft_failed?: boolean}
  return {
    eventId: String(row['event_id']),
    rejected: row['reason'] as string | null,
    softFailed: metadata.soft_failed === true,
    outlier: Boolean(row['outlier']),
    backfilled: Number(row['stream_ordering']) < 0,
    isState: typeof event.state_key === 'string',
    prevEvents: event.prev_events.map((reference) => (typeof reference === 'string' ? reference : reference[0])),
    content: sortedJson(event.content),
    redacted: Boolean(row['redacted']),
    groupAfter: row['state_group'] === null ? null : Number(row['state_group']),
  }
}

function statesOf(events: ReadonlyMap<string, HeldEvent>, groups: ReadonlyMap<number, GroupRow>): ServerTruth {
  const expanded = new Map<number, ReadonlyMap<string, string>>()
  const expand = (group: number): ReadonlyMap<string, string> => {
    const known = expanded.get(group)
    if (known !== undefined) return known
    const chain: GroupRow[] = []
    for (let row = groups.get(group); row !== undefined; row = row.base === null ? undefined : groups.get(row.base)) {
      chain.push(row)
    }
    const state = new Map(chain.reverse().flatMap(({slots}) => slots))
    expanded.set(group, state)
    return state
  }
  const stateAfter = (eventId: string): ReadonlyMap<string, string> | null => {
    const group = events.get(eventId)?.groupAfter ?? null
    return group === null ? null : expand(group)
  }
  const stateBefore = (eventId: string): ReadonlyMap<string, string> | null => {
    const event = events.get(eventId)
    if (event === undefined || event.groupAfter === null) return null
    if (!event.isState || event.rejected !== null) return expand(event.groupAfter)
    const base = groups.get(event.groupAfter)?.base ?? null
    if (base !== null) return expand(base)
    // Written out whole, so that no base is told: the state before is the one after its only predecessor.
    if (event.prevEvents.length === 0) return new Map()
    return event.prevEvents.length === 1 ? stateAfter(event.prevEvents[0]!) : null
  }
  return {events, stateAfter, stateBefore}
}

export function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  )
}

/** Every row of every table as a sorted bag of JSON lines. */
export type Dump = ReadonlyMap<string, readonly string[]>

/**
 * What a request alone makes Synapse write: when an account or device was last seen and from where. Columns that are left out, by table;
 * `'*'`: the table as a whole.
 */
export const ACCESS_TIMES: Readonly<Record<string, '*' | readonly string[]>> = {
  user_ips: '*',
  user_daily_visits: '*',
  devices: ['last_seen', 'ip', 'user_agent'],
  access_tokens: ['last_validated', 'used'],
}

/**
 * Tables that a Synapse changes by its own clock, asked or not: tasks that are due, and push counts that are summed up every half minute
 * (the events that they are summed from are compared).
 */
export const OWN_CLOCK: readonly string[] = [
  'scheduled_tasks',
  'event_push_summary',
  'event_push_summary_stream_ordering',
]

export async function dump(server: Synapse): Promise<Dump> {
  return withDatabase(server, async (query) => {
    const sql =
      server.database === null
        ? `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`
        : `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'`
    const tables = (await query(sql)).map(({name}) => String(name)).sort()
    const rows = new Map<string, readonly string[]>()
    for (const table of tables) {
      const left = ACCESS_TIMES[table] ?? []
      // Full-text tables of SQLite have shadow tables with all that is in them.
      if (left === '*' || OWN_CLOCK.includes(table)) continue
      const lines = (await query(`SELECT * FROM "${table}"`)).map((row) =>
        JSON.stringify(
          Object.entries(row).filter(([column]) => !left.includes(column)),
          plain,
        ),
      )
      rows.set(table, lines.sort())
    }
    return rows
  })
}

function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value
}

export interface TableChange {
  readonly table: string
  readonly added: readonly string[]
  readonly removed: readonly string[]
}

/** Rows by table that only one of two dumps has. */
export function changes(before: Dump, after: Dump): TableChange[] {
  return [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((table) => {
    const added = without(after.get(table) ?? [], before.get(table) ?? [])
    const removed = without(before.get(table) ?? [], after.get(table) ?? [])
    return added.length + removed.length === 0 ? [] : [{table, added, removed}]
  })
}

/** Two bags of lines: what the first has more often. */
function without(lines: readonly string[], other: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const line of other) counts.set(line, (counts.get(line) ?? 0) + 1)
  return lines.filter((line) => {
    const left = counts.get(line) ?? 0
    if (left > 0) counts.set(line, left - 1)
    return left === 0
  })
}
