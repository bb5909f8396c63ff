import type {DeviceFact} from '../matrix/device-facts.ts'
import {marks, text} from './database-port.ts'
import type {Row, Snapshot} from './database-port.ts'
import {usableTables} from './database-schema.ts'
import type {UsableTables} from './database-schema.ts'
import type {DeviceStep} from './device-evidence.ts'
import {batches} from './device-keys.ts'

/** What is read of each table; addresses and user agents are not. Synapse added some of them over the years, each is read where it is. */
const TABLES = {
  devices: ['user_id', 'device_id', 'display_name', 'last_seen', 'hidden'],
  dehydrated_devices: ['user_id', 'device_id'],
  e2e_device_keys_json: ['user_id', 'device_id', 'key_json'],
  e2e_cross_signing_keys: ['user_id', 'keytype', 'keydata', 'stream_id'],
  e2e_cross_signing_signatures: ['user_id', 'key_id', 'target_user_id', 'target_device_id', 'signature'],
  device_lists_remote_cache: ['user_id', 'device_id', 'content'],
  device_lists_remote_extremeties: ['user_id', 'stream_id'],
  device_lists_remote_resync: ['user_id', 'added_ts'],
  e2e_one_time_keys_json: ['user_id', 'device_id', 'algorithm', 'key_id', 'ts_added_ms', 'key_json'],
  e2e_fallback_keys_json: ['user_id', 'device_id', 'algorithm', 'key_json', 'used'],
  device_inbox: ['user_id', 'device_id', 'stream_id', 'message_json'],
  device_lists_outbound_pokes: ['destination', 'user_id', 'sent', 'ts'],
  destinations: ['destination', 'failure_ts'],
  account_data: ['user_id', 'account_data_type', 'content'],
  e2e_room_keys_versions: ['user_id', 'version', 'algorithm', 'auth_data', 'deleted', 'etag'],
  e2e_room_keys: ['user_id', 'version'],
  local_current_membership: ['room_id', 'user_id', 'membership'],
  current_state_events: ['room_id', 'type', 'state_key', 'membership'],
} as const

export type DeviceTable = keyof typeof TABLES
export type DeviceTables = UsableTables<DeviceTable>

export async function deviceTables(snapshot: Snapshot): Promise<DeviceTables> {
  return usableTables<DeviceTable>(snapshot, TABLES)
}

/** One look at the database, at some users. */
export interface Look {
  readonly snapshot: Snapshot
  readonly tables: DeviceTables
  /** Users of this server, and of others. */
  readonly local: readonly string[]
  readonly remote: readonly string[]
  /** Few enough that much is kept of each. */
  readonly few: boolean
}

/** Users that one query names. */
const USERS_A_QUERY = 500
/** Rows that are read before what they say is handed on. */
const ROWS_A_STEP = 2000

/** A step that says why a table is not read, for these users. */
export function unreadable(tables: DeviceTables, table: DeviceTable, userIds: readonly string[]): DeviceStep {
  const outcome = tables.isThere(table) ? 'refused' : 'absent'
  return {
    how: table,
    requests: 0,
    facts: [],
    refusals: [{what: table, outcome, message: tables.why(table), userIds}],
  }
}

/** The users in pieces, as many as a query names. */
export function userBatches(userIds: readonly string[]): Iterable<readonly string[]> {
  return batches(userIds, USERS_A_QUERY)
}

/** All rows for some users, by user. For tables with few rows a user. */
export async function rowsByUser(
  snapshot: Snapshot,
  userIds: readonly string[],
  sql: (users: string) => string,
): Promise<ReadonlyMap<string, readonly Row[]>> {
  const rows = await snapshot.all(sql(marks(userIds.length)), userIds)
  return Map.groupBy(rows, (row) => text(row, 'user_id'))
}

/**
 * Facts made of many rows a user, in steps of a limited size: the rows stream, and no more than one user's and a step's are held.
 *
 * @param sql - gives the rows ordered by `user_id`
 * @param factOf - of the rows of one user, who may have none
 */
export async function* factsByUser(
  how: string,
  snapshot: Snapshot,
  userIds: readonly string[],
  sql: (users: string) => string,
  factOf: (userId: string, rows: readonly Row[]) => DeviceFact,
): AsyncGenerator<DeviceStep> {
  const silent = new Set(userIds)
  let facts: {userId: string; fact: DeviceFact}[] = []
  let held = 0
  let rows: Row[] = []
  /** Makes a fact of the rows of one user. */
  const finish = (): void => {
    const [first] = rows
    if (first === undefined) return
    const userId = text(first, 'user_id')
    silent.delete(userId)
    facts.push({userId, fact: factOf(userId, rows)})
    held += rows.length
    rows = []
  }
  let current: string | null = null
  for await (const batch of snapshot.rows(sql(marks(userIds.length)), userIds)) {
    for (const row of batch) {
      const userId = text(row, 'user_id')
      if (userId !== current) finish()
      current = userId
      rows.push(row)
      if (held < ROWS_A_STEP) continue
      yield {how, requests: 0, facts}
      facts = []
      held = 0
    }
  }
  finish()
  yield {how, requests: 0, facts: [...facts, ...[...silent].map((userId) => ({userId, fact: factOf(userId, [])}))]}
}
