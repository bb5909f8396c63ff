import {ALICE, BOB, KEYS_QUERY} from './device-gathered.ts'
import {insertion} from './synapse-database.ts'
import type {Value} from './synapse-database.ts'

/** Tables on devices as Synapse 1.163.2 has them; valid in SQLite and Postgres. */
const DEVICE_TABLES: Readonly<Record<string, string>> = {
  devices: `user_id TEXT NOT NULL, device_id TEXT NOT NULL, display_name TEXT, last_seen BIGINT, ip TEXT, user_agent TEXT,
    hidden BOOL DEFAULT FALSE, UNIQUE (user_id, device_id)`,
  dehydrated_devices: 'user_id TEXT NOT NULL PRIMARY KEY, device_id TEXT NOT NULL, device_data TEXT NOT NULL',
  e2e_device_keys_json: `user_id TEXT NOT NULL, device_id TEXT NOT NULL, ts_added_ms BIGINT NOT NULL, key_json TEXT NOT NULL,
    UNIQUE (user_id, device_id)`,
  e2e_cross_signing_keys: `user_id TEXT NOT NULL, keytype TEXT NOT NULL, keydata TEXT NOT NULL, stream_id BIGINT NOT NULL,
    updatable_without_uia_before_ms BIGINT DEFAULT NULL, instance_name TEXT`,
  e2e_cross_signing_signatures: `user_id TEXT NOT NULL, key_id TEXT NOT NULL, target_user_id TEXT NOT NULL,
    target_device_id TEXT NOT NULL, signature TEXT NOT NULL`,
  device_lists_remote_cache: 'user_id TEXT NOT NULL, device_id TEXT NOT NULL, content TEXT NOT NULL',
  device_lists_remote_extremeties: 'user_id TEXT NOT NULL, stream_id TEXT NOT NULL',
  device_lists_remote_resync: 'user_id TEXT NOT NULL, added_ts BIGINT NOT NULL',
  e2e_one_time_keys_json: `user_id TEXT NOT NULL, device_id TEXT NOT NULL, algorithm TEXT NOT NULL, key_id TEXT NOT NULL,
    ts_added_ms BIGINT NOT NULL, key_json TEXT NOT NULL`,
  e2e_fallback_keys_json: `user_id TEXT NOT NULL, device_id TEXT NOT NULL, algorithm TEXT NOT NULL, key_id TEXT NOT NULL,
    key_json TEXT NOT NULL, used BOOL NOT NULL DEFAULT FALSE`,
  device_inbox:
    'user_id TEXT NOT NULL, device_id TEXT NOT NULL, stream_id BIGINT NOT NULL, message_json TEXT NOT NULL, instance_name TEXT',
  device_lists_outbound_pokes: `destination TEXT NOT NULL, stream_id BIGINT NOT NULL, user_id TEXT NOT NULL, device_id TEXT NOT NULL,
    sent BOOL NOT NULL, ts BIGINT NOT NULL, opentracing_context TEXT, instance_name TEXT`,
  destinations: `destination TEXT PRIMARY KEY, retry_last_ts BIGINT, retry_interval BIGINT, failure_ts BIGINT,
    last_successful_stream_ordering BIGINT`,
  account_data: `user_id TEXT NOT NULL, account_data_type TEXT NOT NULL, stream_id BIGINT NOT NULL, content TEXT NOT NULL,
    instance_name TEXT`,
  e2e_room_keys_versions: `user_id TEXT NOT NULL, version BIGINT NOT NULL, algorithm TEXT NOT NULL, auth_data TEXT NOT NULL,
    deleted SMALLINT DEFAULT 0 NOT NULL, etag BIGINT`,
  e2e_room_keys: `user_id TEXT NOT NULL, room_id TEXT NOT NULL, session_id TEXT NOT NULL, version BIGINT NOT NULL,
    first_message_index INT, forwarded_count INT, is_verified BOOL, session_data TEXT NOT NULL`,
}

export const ROOM = '!secret:localhost'
const [MASTER, SELF_SIGNING] = [KEYS_QUERY.master_keys[ALICE], KEYS_QUERY.self_signing_keys[ALICE]]
/** A signature that was uploaded apart from the key, and is not in its JSON. */
export const [SIGNED_BY, SIGNATURE] = ['ed25519:TheSelfSigningKey', 'uploadedApartFromTheKey']

type Rows = readonly (readonly [table: string, row: Readonly<Record<string, Value>>])[]

/** Alice is of this server, and has a device of each kind; Bob is of another. The keys are those that Synapse answered. */
export function deviceRows(): Rows {
  const devices = Object.entries(KEYS_QUERY.device_keys[ALICE] ?? {})
  const [first] = devices
  if (first === undefined) throw new Error('the recorded answer has no device')
  const [deviceId] = first
  const own = (row: Record<string, Value>): Record<string, Value> => ({user_id: ALICE, device_id: deviceId, ...row})
  const olm = (n: number, type = 'm.room.encrypted'): string =>
    JSON.stringify({sender: BOB, type, content: {n, ciphertext: {target: {type: 0, body: 'x'}}}})
  const copy = Object.entries(KEYS_QUERY.device_keys[BOB] ?? {})
  return [
    ...devices.flatMap(([id, keys]): Rows => [
      [
        'devices',
        {user_id: ALICE, device_id: id, display_name: 'phone', last_seen: 5, ip: '192.0.2.7', user_agent: 'Agent/1'},
      ],
      ['e2e_device_keys_json', {user_id: ALICE, device_id: id, ts_added_ms: 1, key_json: JSON.stringify(keys)}],
    ]),
    ['devices', {user_id: ALICE, device_id: 'KEYLESS', display_name: null, last_seen: null}],
    ['devices', {user_id: ALICE, device_id: 'theMasterKey', display_name: 'master signing key', hidden: 1}],
    ['e2e_device_keys_json', {user_id: ALICE, device_id: 'GONE', ts_added_ms: 1, key_json: '{}'}],
    ['dehydrated_devices', {user_id: ALICE, device_id: 'KEYLESS', device_data: '{"secret":1}'}],
    [
      'e2e_cross_signing_keys',
      {user_id: ALICE, keytype: 'master', keydata: '{"keys":{"ed25519:old":"old"}}', stream_id: 1},
    ],
    ['e2e_cross_signing_keys', {user_id: ALICE, keytype: 'master', keydata: JSON.stringify(MASTER), stream_id: 3}],
    [
      'e2e_cross_signing_keys',
      {user_id: ALICE, keytype: 'self_signing', keydata: JSON.stringify(SELF_SIGNING), stream_id: 2},
    ],
    [
      'e2e_cross_signing_keys',
      {user_id: BOB, keytype: 'master', keydata: JSON.stringify(KEYS_QUERY.master_keys[BOB]), stream_id: 4},
    ],
    [
      'e2e_cross_signing_signatures',
      {user_id: ALICE, key_id: SIGNED_BY, target_user_id: ALICE, target_device_id: deviceId, signature: SIGNATURE},
    ],
    [
      'e2e_cross_signing_signatures',
      {user_id: ALICE, key_id: 'ed25519:mine', target_user_id: BOB, target_device_id: 'BOB1', signature: 'private'},
    ],
    ...copy.map(([id, keys]): Rows[number] => [
      'device_lists_remote_cache',
      {user_id: BOB, device_id: id, content: JSON.stringify({device_id: id, keys})},
    ]),
    ['device_lists_remote_cache', {user_id: BOB, device_id: 'BARE', content: '{"device_id":"BARE"}'}],
    ['device_lists_remote_extremeties', {user_id: BOB, stream_id: '53'}],
    ['device_lists_remote_resync', {user_id: BOB, added_ts: 77}],
    ...Array.from({length: 120}, (_, n): Rows[number] => [
      'e2e_one_time_keys_json',
      own({
        algorithm: 'signed_curve25519',
        key_id: `K${String(n).padStart(3, '0')}`,
        ts_added_ms: 1000 - n,
        key_json: `{"key":"${String(n)}"}`,
      }),
    ]),
    [
      'e2e_fallback_keys_json',
      own({algorithm: 'signed_curve25519', key_id: 'F', key_json: '{"key":"f","fallback":true}', used: 1}),
    ],
    ...Array.from({length: 520}, (_, n): Rows[number] => [
      'device_inbox',
      own({stream_id: n, message_json: olm(n, n % 10 === 0 ? 'm.room_key_request' : 'm.room.encrypted')}),
    ]),
    ['device_lists_outbound_pokes', own({destination: 'far', stream_id: 1, sent: 0, ts: 40})],
    ['device_lists_outbound_pokes', own({destination: 'far', stream_id: 2, sent: 0, ts: 30})],
    ['device_lists_outbound_pokes', own({destination: 'near', stream_id: 3, sent: 1, ts: 20})],
    ['destinations', {destination: 'far', failure_ts: 10}],
    [
      'account_data',
      {user_id: ALICE, account_data_type: 'm.secret_storage.default_key', stream_id: 1, content: '{"key":"k1"}'},
    ],
    [
      'account_data',
      {user_id: ALICE, account_data_type: 'm.secret_storage.key.k1', stream_id: 2, content: '{"algorithm":"a"}'},
    ],
    [
      'account_data',
      {user_id: ALICE, account_data_type: 'm.secret_storage.key.k2', stream_id: 3, content: '{"algorithm":"b"}'},
    ],
    ['account_data', {user_id: ALICE, account_data_type: 'm.direct', stream_id: 4, content: '{"private":1}'}],
    ['e2e_room_keys_versions', {user_id: ALICE, version: 1, algorithm: 'a', auth_data: '{}', deleted: 0, etag: 1}],
    [
      'e2e_room_keys_versions',
      {user_id: ALICE, version: 2, algorithm: 'b', auth_data: '{"public_key":"p"}', deleted: 0, etag: 9},
    ],
    ['e2e_room_keys_versions', {user_id: ALICE, version: 3, algorithm: 'c', auth_data: '{}', deleted: 1, etag: 0}],
    ['e2e_room_keys', {user_id: ALICE, room_id: ROOM, session_id: 's', version: 2, session_data: '{}'}],
    ['local_current_membership', {room_id: ROOM, user_id: ALICE, event_id: '$1', membership: 'join'}],
    ['local_current_membership', {room_id: '!left:x', user_id: ALICE, event_id: '$2', membership: 'leave'}],
    [
      'current_state_events',
      {event_id: '$3', room_id: ROOM, type: 'm.room.encryption', state_key: '', membership: null},
    ],
    ...[ALICE, BOB].map((userId): Rows[number] => [
      'current_state_events',
      {event_id: `$${userId}`, room_id: ROOM, type: 'm.room.member', state_key: userId, membership: 'join'},
    ]),
  ]
}

/** The statements that add these tables to a database of Synapse. */
export function* deviceStatements(
  rows: Rows,
  without: readonly string[] = [],
): Generator<{readonly sql: string; readonly params: Value[]}> {
  for (const [name, columns] of Object.entries(DEVICE_TABLES)) {
    if (!without.includes(name)) yield {sql: `CREATE TABLE ${name} (${columns})`, params: []}
  }
  for (const [table, row] of rows) if (!without.includes(table)) yield insertion(table, row)
}
