import {createHash} from 'node:crypto'
import {readFileSync} from 'node:fs'
import {describe, expect, it} from 'vitest'
import {parseDatabaseAddress} from '../../src/sources/database-address.ts'
import {openDatabaseDeviceRoute} from '../../src/sources/device-database.ts'
import type {DeviceRoute} from '../../src/sources/device-evidence.ts'
import {findPostgres, startCluster, withClient} from '../live/postgres.ts'
import {ALICE, BOB, factsOf, KEYS_QUERY, stepsOf} from './device-gathered.ts'
import {deviceRows, deviceStatements, ROOM, SIGNATURE, SIGNED_BY} from './device-tables.ts'
import {realRoom, sqliteOf, statements} from './synapse-database.ts'
import type {Content} from './synapse-database.ts'

const SERVER = 'localhost:18448'
const FIRST = Object.keys(KEYS_QUERY.device_keys[ALICE] ?? {})[0] ?? ''

/** A real database of Synapse, of which only the names of its users are others. */
function content(): Content {
  return {...realRoom(), users: [{name: ALICE}], local_current_membership: [], current_state_events: []}
}

function sqlite(
  without: readonly string[] = [],
  rows = deviceRows(),
): {file: string; route: () => Promise<DeviceRoute>} {
  const {file, open} = sqliteOf(content())
  open.exec('BEGIN')
  for (const {sql, params} of deviceStatements(rows, without)) open.prepare(sql).run(...params)
  open.exec('COMMIT')
  return {file, route: () => openDatabaseDeviceRoute({address: parseDatabaseAddress(`${SERVER}=sqlite:${file}`, {})})}
}

/** All that is to be read of the two accounts, from whichever database. */
async function expectAll(route: DeviceRoute): Promise<void> {
  expect(route.identity).toMatchObject({kind: 'database', server: SERVER, account: null})
  const steps = await stepsOf(route, [ALICE, BOB])
  const [keys] = factsOf(steps, ALICE, 'keys')
  expect(keys).toMatchObject({view: 'origin', user_signing_key: null})
  expect(Object.keys(keys?.devices ?? {}).sort()).toEqual(
    [...Object.keys(KEYS_QUERY.device_keys[ALICE] ?? {}), 'KEYLESS'].sort(),
  )
  expect(keys?.devices['KEYLESS']).toBeNull()
  const recorded = KEYS_QUERY.device_keys[ALICE]?.[FIRST] as {signatures: Record<string, Record<string, string>>}
  expect(keys?.devices[FIRST]).toEqual({
    ...recorded,
    signatures: {...recorded.signatures, [ALICE]: {...recorded.signatures[ALICE], [SIGNED_BY]: SIGNATURE}},
  })
  expect(keys?.master_key).toEqual(KEYS_QUERY.master_keys[ALICE])
  expect(factsOf(steps, ALICE, 'sessions')[0]?.devices).toContainEqual({device_id: 'KEYLESS', dehydrated: true})
  expect(factsOf(steps, ALICE, 'sessions')[0]?.devices).toContainEqual({
    device_id: FIRST,
    display_name: 'phone',
    last_seen_ts: 5,
    dehydrated: false,
  })

  const [copy] = factsOf(steps, BOB, 'keys')
  expect(copy).toMatchObject({view: 'copy', stream_id: 53, master_key: KEYS_QUERY.master_keys[BOB]})
  expect(copy?.devices).toEqual({...KEYS_QUERY.device_keys[BOB], BARE: null})
  expect(copy).not.toHaveProperty('user_signing_key')
  expect(factsOf(steps, BOB, 'list-resync')).toEqual([{kind: 'list-resync', added_ts: 77}])

  const left = factsOf(steps, ALICE, 'one-time-keys')[0]?.devices[FIRST]
  expect(left).toMatchObject({counts: {signed_curve25519: 120}, fallback: [{used: true, key: {fallback: true}}]})
  expect(left?.keys).toHaveLength(100)
  expect(left?.keys?.[0]).toEqual({algorithm: 'signed_curve25519', key_id: 'K119', ts_added_ms: 881, key: {key: '119'}})

  const inbox = factsOf(steps, ALICE, 'inbox')[0]?.devices[FIRST]
  expect(inbox?.count).toBe(520)
  expect(inbox?.messages).toHaveLength(468)
  expect(inbox?.messages[0]).toMatchObject({sender: BOB, type: 'm.room.encrypted', stream_id: 519})

  expect(factsOf(steps, ALICE, 'list-unsent')[0]?.destinations).toEqual([
    {destination: 'far', count: 2, oldest_ts: 30, failing_since_ts: 10},
  ])
  expect(factsOf(steps, ALICE, 'account-data')[0]?.types).toEqual({
    'm.secret_storage.default_key': {key: 'k1'},
    'm.secret_storage.key.k1': {algorithm: 'a'},
    'm.cross_signing.master': null,
    'm.cross_signing.self_signing': null,
    'm.cross_signing.user_signing': null,
    'm.megolm_backup.v1': null,
    'm.org.matrix.custom.backup_disabled': null,
  })
  expect(factsOf(steps, ALICE, 'backup')[0]?.version).toEqual({
    version: '2',
    algorithm: 'b',
    auth_data: {public_key: 'p'},
    etag: '9',
    count: 1,
  })
  expect(steps.flatMap(({refusals = []}) => refusals)).toEqual([])
  expect(JSON.stringify(steps)).not.toMatch(/192\.0\.2|Agent|private|secret":1/u)

  const alone = await stepsOf(route, [ALICE])
  const rooms = [{room_id: ROOM, encrypted: true, joined: [ALICE, BOB]}]
  expect(factsOf(alone, ALICE, 'rooms')).toEqual([{kind: 'rooms', rooms}])
  expect(factsOf(await stepsOf(route, [BOB]), BOB, 'rooms')).toEqual([{kind: 'rooms', rooms}])
  const again = await stepsOf(route, [ALICE, BOB], {keysOnly: true})
  expect(new Set(again.flatMap(({facts}) => facts.map(({fact}) => fact.kind)))).toEqual(new Set(['keys']))
}

describe('devices in Synapse’s database', () => {
  it('are told as the server serves them, with what no API shows', async () => {
    await expectAll(await sqlite().route())
  })

  it('are read without a change to the file', async () => {
    const {file, route} = sqlite()
    const hash = (): string => createHash('sha256').update(readFileSync(file)).digest('hex')
    const before = hash()
    await stepsOf(await route(), [ALICE, BOB])
    expect(hash()).toBe(before)
  })

  it('of a server that lacks a table: a refusal that names it, and all else', async () => {
    for (const table of ['e2e_fallback_keys_json', 'dehydrated_devices', 'device_inbox', 'e2e_device_keys_json']) {
      const steps = await stepsOf(await sqlite([table]).route(), [ALICE, BOB])
      const refusals = steps.flatMap(({refusals: list = []}) => list)
      expect(refusals).toEqual(
        table === 'dehydrated_devices'
          ? []
          : [expect.objectContaining({what: table, outcome: 'absent', userIds: [ALICE]})],
      )
      expect(factsOf(steps, ALICE, 'backup')).toHaveLength(1)
      expect(factsOf(steps, BOB, 'keys')).toHaveLength(1)
      if (table === 'e2e_fallback_keys_json') {
        expect(factsOf(steps, ALICE, 'one-time-keys')[0]?.devices[FIRST]?.fallback).toBeNull()
      }
      if (table === 'dehydrated_devices') {
        expect(factsOf(steps, ALICE, 'sessions')[0]?.devices[0]).not.toHaveProperty('dehydrated')
      }
    }
  })

  it('of a user of whom there is no copy are not an empty list', async () => {
    const steps = await stepsOf(await sqlite().route(), ['@stranger:far'])
    expect(factsOf(steps, '@stranger:far', 'keys')).toEqual([])
    expect(steps.flatMap(({refusals = []}) => refusals)).toEqual([
      expect.objectContaining({what: 'device_lists_remote_cache', outcome: 'absent', userIds: ['@stranger:far']}),
    ])
  })

  it('of 2,000 users come in steps of limited size, 10 keys and 50 messages a device', async () => {
    const users = Array.from({length: 2000}, (_, n) => `@u${String(n).padStart(4, '0')}:${SERVER}`)
    const rows = users.flatMap((userId, n) => [
      ['devices', {user_id: userId, device_id: 'D', display_name: null, last_seen: n}] as const,
      ['e2e_device_keys_json', {user_id: userId, device_id: 'D', ts_added_ms: 1, key_json: '{"keys":{}}'}] as const,
      ...Array.from(
        {length: 12},
        (__, k) =>
          [
            'e2e_one_time_keys_json',
            {user_id: userId, device_id: 'D', algorithm: 'a', key_id: `k${String(k)}`, ts_added_ms: k, key_json: '{}'},
          ] as const,
      ),
    ])
    const steps = await stepsOf(await sqlite([], rows).route(), users)
    expect(Math.max(...steps.map(({facts}) => facts.length))).toBeLessThanOrEqual(500)
    const told = users.map((userId) =>
      factsOf(
        steps.filter(({how}) => how === 'e2e_one_time_keys_json'),
        userId,
        'one-time-keys',
      ),
    )
    expect(told.every((facts) => facts.length === 1 && facts[0]?.devices['D']?.keys?.length === 10)).toBe(true)
    expect(told.every((facts) => facts[0]?.devices['D']?.counts['a'] === 12)).toBe(true)
    expect(steps.length).toBeLessThan(60)
  })
})

const found = findPostgres()

describe.skipIf('skip' in found)('devices in Postgres', () => {
  it('are told as in SQLite', {timeout: 60_000}, async () => {
    const cluster = await startCluster()
    try {
      await cluster.createDatabase('devices')
      const where = {host: cluster.socket, port: cluster.port, user: cluster.user, database: 'devices'}
      await withClient(where, async (query) => {
        for (const {sql, params} of [...statements(content()), ...deviceStatements(deviceRows())]) {
          let count = 0
          await query(
            sql.replaceAll('?', () => `$${String((count += 1))}`),
            params,
          )
        }
      })
      const url = `${SERVER}=postgres://${cluster.user}@/devices?host=${cluster.socket}&port=${String(cluster.port)}`
      await expectAll(await openDatabaseDeviceRoute({address: parseDatabaseAddress(url, {})}))
    } finally {
      await cluster.stop()
    }
  })
})
