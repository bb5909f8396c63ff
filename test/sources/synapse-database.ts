import {mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {DatabaseSync} from 'node:sqlite'
import {onTestFinished} from 'vitest'
import {parseDatabaseAddress} from '../../src/sources/database-address.ts'
import {openDatabaseRoute} from '../../src/sources/database-synapse.ts'
import type {Route} from '../../src/sources/evidence.ts'

export type Value = string | number | null | Uint8Array
export type Rows = Record<string, Value>[]

/** Tables of Synapse with the columns that matter; what is read, and what a reader could trip over. Valid in SQLite and Postgres. */
export const TABLES = {
  schema_version: 'version INTEGER NOT NULL, upgraded BOOL NOT NULL',
  users: 'name TEXT UNIQUE',
  rooms: 'room_id TEXT PRIMARY KEY NOT NULL, is_public BOOL, creator TEXT, room_version TEXT',
  events: `stream_ordering BIGINT NOT NULL, topological_ordering BIGINT NOT NULL, event_id TEXT NOT NULL UNIQUE, type TEXT NOT NULL,
    room_id TEXT NOT NULL, processed BOOL NOT NULL, outlier BOOL NOT NULL, depth BIGINT DEFAULT 0 NOT NULL, origin_server_ts BIGINT,
    received_ts BIGINT, sender TEXT, instance_name TEXT, state_key TEXT DEFAULT NULL, rejection_reason TEXT DEFAULT NULL`,
  event_json:
    'event_id TEXT NOT NULL UNIQUE, room_id TEXT NOT NULL, internal_metadata TEXT NOT NULL, json TEXT NOT NULL, format_version INTEGER',
  rejections: 'event_id TEXT NOT NULL UNIQUE, reason TEXT NOT NULL, last_check TEXT NOT NULL',
  event_edges: 'event_id TEXT NOT NULL, prev_event_id TEXT NOT NULL, room_id TEXT, is_state BOOL NOT NULL',
  event_to_state_groups: 'event_id TEXT NOT NULL UNIQUE, state_group BIGINT NOT NULL',
  state_groups: 'id BIGINT PRIMARY KEY, room_id TEXT NOT NULL, event_id TEXT NOT NULL',
  state_groups_state:
    'state_group BIGINT NOT NULL, room_id TEXT NOT NULL, type TEXT NOT NULL, state_key TEXT NOT NULL, event_id TEXT NOT NULL',
  state_group_edges: 'state_group BIGINT NOT NULL, prev_state_group BIGINT NOT NULL',
  current_state_events:
    'event_id TEXT NOT NULL, room_id TEXT NOT NULL, type TEXT NOT NULL, state_key TEXT NOT NULL, membership TEXT',
  current_state_delta_stream:
    'stream_id BIGINT NOT NULL, room_id TEXT NOT NULL, type TEXT NOT NULL, state_key TEXT NOT NULL, event_id TEXT, prev_event_id TEXT',
  event_forward_extremities: 'event_id TEXT NOT NULL, room_id TEXT NOT NULL',
  event_backward_extremities: 'event_id TEXT NOT NULL, room_id TEXT NOT NULL',
  room_aliases: 'room_alias TEXT NOT NULL UNIQUE, room_id TEXT NOT NULL, creator TEXT',
  server_signature_keys:
    'server_name TEXT, key_id TEXT, from_server TEXT, ts_added_ms BIGINT, verify_key bytea, ts_valid_until_ms BIGINT',
  server_keys_json: `server_name TEXT NOT NULL, key_id TEXT NOT NULL, from_server TEXT NOT NULL, ts_added_ms BIGINT NOT NULL,
    ts_valid_until_ms BIGINT NOT NULL, key_json bytea NOT NULL`,
  partial_state_rooms: 'room_id TEXT PRIMARY KEY',
  blocked_rooms: 'room_id TEXT NOT NULL, user_id TEXT NOT NULL',
  local_current_membership:
    'room_id TEXT NOT NULL, user_id TEXT NOT NULL, event_id TEXT NOT NULL, membership TEXT NOT NULL',
} as const

export const INDEXES = [
  'CREATE INDEX events_order_room ON events (room_id, topological_ordering, stream_ordering)',
  'CREATE INDEX state_groups_room_id_idx ON state_groups (room_id)',
  'CREATE INDEX state_groups_state_type_idx ON state_groups_state (state_group, type, state_key)',
  'CREATE UNIQUE INDEX state_group_edges_unique_idx ON state_group_edges (state_group, prev_state_group)',
]

export type TableName = keyof typeof TABLES
export type Content = Record<TableName, Rows>

/** A room of version 10 as Synapse 1.163.2 wrote it: joins, power levels, topics, redactions, a ban, a kick, an invitation. */
export function realRoom(): Content {
  const file = path.join(import.meta.dirname, 'data', 'synapse-room.json')
  const recorded = JSON.parse(readFileSync(file, 'utf8')) as Partial<
    Record<string, {columns: string[]; rows: Value[][]}>
  >
  const tables = Object.keys(TABLES).map((name): [string, Rows] => {
    const {columns = [], rows = []} = recorded[name] ?? {}
    return [name, rows.map((row) => Object.fromEntries(columns.map((column, at) => [column, row[at] ?? null])))]
  })
  return Object.fromEntries(tables) as Content
}

export function roomIdOf(content: Content): string {
  return String(content.rooms[0]?.room_id)
}

/** The statements that make a database of this content, with `?` for parameters. */
export function* statements(
  content: Content,
  without: readonly string[] = [],
): Generator<{sql: string; params: Value[]}> {
  for (const [name, columns] of Object.entries(TABLES)) {
    if (!without.includes(name)) yield {sql: `CREATE TABLE ${name} (${columns})`, params: []}
  }
  for (const sql of INDEXES) if (!without.some((name) => sql.includes(` ON ${name} `))) yield {sql, params: []}
  for (const [name, rows] of Object.entries(content)) {
    if (!without.includes(name)) yield* insertions(name, rows)
  }
}

export function insertion(table: string, row: Readonly<Record<string, Value>>): {sql: string; params: Value[]} {
  const columns = Object.keys(row)
  const sql = `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`
  return {sql, params: Object.values(row)}
}

/** Many rows at a time: a statement for each costs a round trip. */
function* insertions(table: string, rows: Rows): Generator<{sql: string; params: Value[]}> {
  const byColumns = Map.groupBy(rows, (row) => Object.keys(row).join())
  for (const same of byColumns.values()) {
    for (let start = 0; start < same.length; start += 100) {
      const [first, ...more] = same.slice(start, start + 100).map((row) => insertion(table, row))
      if (first === undefined) continue
      const values = first.sql.slice(first.sql.indexOf('VALUES') + 'VALUES'.length)
      yield {sql: first.sql + `,${values}`.repeat(more.length), params: [first, ...more].flatMap(({params}) => params)}
    }
  }
}

/** A folder that is gone after the test. */
export function testFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'matrix-state-database-'))
  onTestFinished(() => {
    rmSync(folder, {recursive: true, force: true})
  })
  return folder
}

/** A SQLite database with a write-ahead log, as Synapse makes it; `open` is the server's connection to it. */
export function sqliteOf(
  content: Content,
  without: readonly string[] = [],
): {readonly file: string; readonly open: DatabaseSync} {
  const file = path.join(testFolder(), 'homeserver.db')
  const open = new DatabaseSync(file)
  onTestFinished(() => {
    if (open.isOpen) open.close()
  })
  open.exec('PRAGMA journal_mode = WAL')
  open.exec('BEGIN')
  for (const {sql, params} of statements(content, without)) open.prepare(sql).run(...params)
  open.exec('COMMIT')
  return {file, open}
}

export async function routeTo(address: string): Promise<Route> {
  return openDatabaseRoute({address: parseDatabaseAddress(address, process.env)})
}

/** A second room's worth of events that no rule judges: messages one after another below the last event. */
export function addMessages(content: Content, count: number): void {
  const roomId = roomIdOf(content)
  const last = content.events.at(-1)
  const group = content.event_to_state_groups.at(-1)?.state_group ?? null
  let prev = String(last?.event_id)
  for (let n = 0; n < count; n += 1) {
    const eventId = `$message-${String(n).padStart(8, '0')}-of-a-test-room-that-is-rather-long`
    const place = Number(last?.stream_ordering) + 1 + n
    const sender = String(last?.sender)
    const json = JSON.stringify({
      type: 'm.room.message',
      room_id: roomId,
      sender,
      content: {body: `${String(n)} \u{1F408}`},
      prev_events: [prev],
    })
    content.events.push({
      ...last!,
      event_id: eventId,
      type: 'm.room.message',
      stream_ordering: place,
      topological_ordering: Number(last?.topological_ordering) + 1 + n,
      state_key: null,
    })
    content.event_json.push({event_id: eventId, room_id: roomId, internal_metadata: '{}', json, format_version: 3})
    content.event_edges.push({event_id: eventId, prev_event_id: prev, room_id: null, is_state: 0})
    content.event_to_state_groups.push({event_id: eventId, state_group: group})
    prev = eventId
  }
}

/** Finds the one row. */
export function rowOf(rows: Rows, column: string, value: Value): Record<string, Value> {
  const row = rows.find((one) => one[column] === value)
  if (row === undefined) throw new Error(`no row with ${column} ${String(value)}`)
  return row
}
