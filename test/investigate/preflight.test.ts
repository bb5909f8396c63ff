import {expect, test} from 'vitest'
import {preflight, type PreflightOptions} from '../../src/investigate/preflight.ts'
import {BOT, BOT_TOKEN, BotServer, DEVICE} from '../cli/bot-server.ts'
import {oneTimeKey} from '../devices/users.ts'
import {deviceStatements} from '../sources/device-tables.ts'
import {realRoom, sqliteOf} from '../sources/synapse-database.ts'

/** The database of the bot's server: it publishes what the server publishes, and has one used fallback key left. */
function databaseOf({device, owner}: BotServer): string {
  const {file, open} = sqliteOf({...realRoom(), users: [{name: BOT}], local_current_membership: []})
  const user_id = BOT
  const key = (keytype: string, keydata: object) => ({user_id, keytype, keydata: JSON.stringify(keydata), stream_id: 1})
  const own =
    device === null
      ? []
      : ([
          ['devices', {user_id, device_id: DEVICE}],
          ['e2e_device_keys_json', {user_id, device_id: DEVICE, ts_added_ms: 1, key_json: JSON.stringify(device.keys)}],
          [
            'e2e_fallback_keys_json',
            {
              user_id,
              device_id: DEVICE,
              algorithm: 'signed_curve25519',
              key_id: 'AAAAAQ',
              key_json: JSON.stringify(oneTimeKey(BOT, device)),
              used: 1,
            },
          ],
        ] as const)
  const rows = [
    ...own,
    ['e2e_cross_signing_keys', key('master', owner.own.master_key)],
    ['e2e_cross_signing_keys', key('self_signing', owner.own.self_signing_key)],
  ] as const
  open.exec('BEGIN')
  for (const {sql, params} of deviceStatements(rows)) open.prepare(sql).run(...params)
  open.exec('COMMIT')
  return `a.example=sqlite:${file}`
}

async function setUp() {
  const server = await BotServer.start()
  const baseline = server.baseline({backup: null})
  const client = {homeserver: server.url, accessToken: BOT_TOKEN}
  const run = (access: PreflightOptions['access'], more: Partial<PreflightOptions> = {}) =>
    preflight({
      baseline,
      profile: 'bot',
      account: {user_id: BOT, device_id: DEVICE},
      access,
      store: 'check',
      timeoutMs: 10_000,
      signal: new AbortController().signal,
      nowMs: Date.now,
      ...more,
    })
  server.backup = null
  return {server, client, run}
}

type Report = Awaited<ReturnType<typeof preflight>>
const outcome = ({checks}: Report, id: string) => checks.find((check) => check.id === id)?.outcome
const ids = ({findings}: Report) => findings.map(({id}) => id)

test('a database alone tells all but the token', async () => {
  const {server, run} = await setUp()
  const report = await run({databases: [databaseOf(server)]})
  expect([report.findings, report.complete, report.error]).toEqual([[], true, null])
  expect(report.checks.filter((check) => check.outcome !== 'ok').map(({id}) => id)).toEqual(['token', 'store-opens'])
  expect(server.asked).toEqual([])
})

test('a database tells of a used fallback key, which a token does not', async () => {
  const {server, client, run} = await setUp()
  server.oneTimeKeys = 0
  server.instead.set('/sync', [
    200,
    {next_batch: 's', device_one_time_keys_count: {}, device_unused_fallback_key_types: []},
  ])
  expect(outcome(await run(client), 'one-time-keys')).toBe('not-checked')
  expect(outcome(await run({...client, databases: [databaseOf(server)]}), 'one-time-keys')).toBe('ok')
})

test('where the token is refused, the database tells whether the device is gone', async () => {
  const {server, client, run} = await setUp()
  server.instead.set('/whoami', [401, {errcode: 'M_UNKNOWN_TOKEN', error: 'Invalid access token'}])
  const there = databaseOf(server)
  expect(ids(await run({...client, databases: [there]}))).toEqual(['baseline/token-refused'])
  server.device = null
  expect(ids(await run({...client, databases: [databaseOf(server)]}))).toEqual([
    'baseline/token-refused',
    'baseline/device-gone',
  ])
})

test('an admin’s token tells the published keys where that of the bot is refused', async () => {
  const {server, client, run} = await setUp()
  const report = await run({...client, accessToken: 'syt_another', adminToken: BOT_TOKEN})
  expect(ids(report)).toEqual(['baseline/token-refused'])
  expect(outcome(report, 'cross-signature')).toBe('ok')
  // Who refuses has been asked.
  expect(report.asked.map(({kind, requests}) => [kind, requests > 0])).toEqual([
    ['client', true],
    ['admin', true],
  ])
  expect(server.asked.map(({path}) => path).filter((path) => path.includes('joined_rooms'))).toEqual([])
})

test('a database that does not open, beside a server that answers', async () => {
  const {client, run} = await setUp()
  const report = await run({...client, databases: ['a.example=sqlite:/nowhere/homeserver.db']})
  expect(report.failed.map(({error}) => error.code)).toEqual(['INPUT_NOT_FOUND'])
  expect([report.findings, report.error, report.complete]).toEqual([[], null, true])
})

test('nobody to ask is an error, and the store was looked at', async () => {
  const {server, run} = await setUp()
  const baseline = server.baseline({store: {path: '/nowhere/store', check: null}})
  const report = await run({}, {baseline})
  expect([report.error?.code, ids(report)]).toEqual(['CREDENTIALS_ABSENT', ['baseline/store-missing']])
  expect((await run({homeserver: server.url})).error?.message).toContain('access token')
})

test('an interruption is thrown, not told', async () => {
  const {server, client, run} = await setUp()
  server.silent = '/keys/query'
  const controller = new AbortController()
  const reason = new Error('Ctrl-C')
  setTimeout(() => {
    controller.abort(reason)
  }, 300)
  await expect(run(client, {signal: controller.signal})).rejects.toBe(reason)
})
