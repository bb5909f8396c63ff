import {serverNameOf} from '../matrix/ids.ts'
import {type DatabaseRouteOptions, openSynapseDatabase} from './database-opened.ts'
import type {Database} from './database-port.ts'
import {type Schema, schemaNotes} from './database-schema.ts'
import {accountData, backups, sharedRooms} from './device-database-account.ts'
import {localKeys, remoteKeys} from './device-database-keys.ts'
import {inboxes, oneTimeKeys, unsentLists} from './device-database-waiting.ts'
import {type DeviceContext, type DeviceRoute, type DeviceStep, wants} from './device-evidence.ts'
import {FEW_USERS} from './device-keys.ts'
import {deviceTables} from './device-tables.ts'
import type {Look} from './device-tables.ts'
import type {PlannedRequest} from './evidence.ts'

/**
 * The database of a Synapse server as a route to devices: what it publishes for its users, what it has copied of others, and what no API
 * shows, as one-time keys and messages that wait. Nothing is changed, and private keys are not there.
 *
 * Connects once to see that it is Synapse's, and whose. Every gathering is then one connection and one read-only transaction.
 *
 * @throws StateError INPUT_NOT_FOUND, DATABASE_UNUSABLE, SERVER_UNREACHABLE, SERVER_REFUSED, CREDENTIALS_ABSENT, USAGE
 */
export async function openDatabaseDeviceRoute(options: DatabaseRouteOptions): Promise<DeviceRoute> {
  const {database, schema, identity} = await openSynapseDatabase(options)
  return {
    identity: {...identity, account: null},
    plan: databaseDevicePlan,
    gather: (context) => gather(database, identity.server, schema, context),
    close: async () => Promise.resolve(),
  }
}

async function* gather(
  database: Database,
  server: string,
  schema: Schema,
  context: DeviceContext,
): AsyncGenerator<DeviceStep> {
  const {userIds, keysOnly = false, signal} = context
  const snapshot = await database.snapshot(signal)
  try {
    const tables = await deviceTables(snapshot)
    const isLocal = (userId: string): boolean => serverNameOf(userId) === server
    const look: Look = {
      snapshot,
      tables,
      local: userIds.filter(isLocal),
      remote: userIds.filter((userId) => !isLocal(userId)),
      few: userIds.length <= FEW_USERS,
    }
    const notes = [...snapshot.notes, ...schemaNotes(schema)]
    if (notes.length > 0) yield {how: 'schema_version', requests: 0, facts: [], notes}
    yield* localKeys(look, keysOnly)
    yield* remoteKeys(look, keysOnly)
    if (keysOnly) return
    if (wants(context, 'one-time-keys')) yield* oneTimeKeys(look)
    if (wants(context, 'inbox')) yield* inboxes(look)
    if (wants(context, 'list-unsent')) yield* unsentLists(look)
    if (wants(context, 'account-data')) yield* accountData(look)
    if (wants(context, 'backup')) yield* backups(look)
    if (wants(context, 'rooms')) yield* sharedRooms(look)
  } finally {
    await snapshot.close()
  }
}

/** What is asked, without asking. */
export function databaseDevicePlan(users: number): readonly PlannedRequest[] {
  const query = (request: string, purpose: string, times = '1 for each 500 users'): PlannedRequest => ({
    request: `SELECT … FROM ${request}`,
    times,
    purpose,
    effect: 'none',
  })
  return [
    {request: 'BEGIN … READ ONLY', times: '1', purpose: 'everything from one moment', effect: 'none'},
    query('devices, dehydrated_devices', 'logins, and when they were last seen; no addresses'),
    query(
      'e2e_device_keys_json, e2e_cross_signing_keys, e2e_cross_signing_signatures',
      'the keys that are published for this server’s users',
    ),
    query(
      'device_lists_remote_cache, device_lists_remote_extremeties, device_lists_remote_resync',
      'the copies of other servers’ lists, and which the server takes for stale',
    ),
    query('e2e_one_time_keys_json, e2e_fallback_keys_json', 'what is left for others to start sessions with'),
    query('device_inbox', 'to-device messages that wait: how many, and the newest as they are, encrypted'),
    query('device_lists_outbound_pokes, destinations', 'changes that others were not told yet (reads the whole table)'),
    query('account_data', 'cross-signing, secret storage and backup; nothing else of it'),
    query('e2e_room_keys_versions, e2e_room_keys', 'the current key backups, and how many keys are in them'),
    ...(users === 1
      ? [query('local_current_membership, current_state_events', 'the user’s rooms, and who else is there', '2')]
      : []),
  ]
}
