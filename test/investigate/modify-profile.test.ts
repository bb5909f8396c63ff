import {readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {describe, expect, test} from 'vitest'
import type {Baseline} from '../../src/matrix/device-baseline.ts'
import {modifyProfile} from '../../src/investigate/modify-profile.ts'
import {setUp} from '../../src/investigate/set-up.ts'
import type {ModifyRequest} from '../../src/investigate/setup-request.ts'
import {Person} from '../cli/key-server.ts'
import {html, silence} from '../sources/client-stub.ts'
import {ADMIN_TOKEN, ALICE, ALICE_TOKEN, LoginServer, PASSWORD} from '../sources/login-server.ts'
import {databaseOf, failure, left, newFolder, NOW, options, readProfile, typing} from './setup-run.ts'

const NEW_TOKEN = 'syt_given_newer_token_of_alice_0d44'

/** A profile by the given token, or by a login of its own. */
async function made(by: 'token' | 'password' = 'token') {
  const [server, folder] = [await LoginServer.start(), newFolder()]
  const credentials = by === 'token' ? {accessToken: ALICE_TOKEN} : {user: ALICE, password: PASSWORD}
  await setUp({profile: 'default', homeserver: server.url, ...credentials}, options(folder))
  server.asked.length = 0
  const modify = (request: Partial<ModifyRequest>, more: Parameters<typeof options>[1] = {}) =>
    modifyProfile({profile: 'default', ...request}, options(folder, {nowMs: () => NOW + 5, ...more}))
  return {server, folder, modify, file: join(folder, 'default.json')}
}

describe('the token', () => {
  test('of the same device takes the place of the other, and is not shown', async () => {
    const {server, folder, modify} = await made()
    server.devices.set(NEW_TOKEN, {userId: ALICE, deviceId: 'GIVEN', name: ''})
    const report = await modify({accessToken: NEW_TOKEN})
    expect(report).toMatchObject({
      created: false,
      changes: [{field: 'access_token', before: 'set', after: 'replaced'}],
    })
    expect(JSON.stringify(report)).not.toMatch(/syt_/)
    expect(readProfile(folder)).toMatchObject({
      created_ts: NOW,
      changed_ts: NOW + 5,
      account: {access_token: NEW_TOKEN, device_id: 'GIVEN', own_login: false},
    })
  })

  test.each([
    ['another user', '@bob:example.org', 'GIVEN'],
    ['another device', ALICE, 'OTHER'],
  ])('of %s is refused, and the file is as it was', async (_name, userId, deviceId) => {
    const {server, modify, file} = await made()
    const before = readFileSync(file, 'utf8')
    server.devices.set(NEW_TOKEN, {userId, deviceId, name: ''})
    const error = await failure(modify({accessToken: NEW_TOKEN}))
    expect(error.code).toBe('OTHER_IDENTITY')
    expect(error.message).toContain(`${userId}, device ${deviceId}`)
    expect(error.message).toContain(`${ALICE}, device GIVEN`)
    expect(readFileSync(file, 'utf8')).toBe(before)
  })

  test('that is the same changes nothing', async () => {
    const {modify, file} = await made()
    const before = readFileSync(file, 'utf8')
    expect((await modify({accessToken: ALICE_TOKEN})).changes).toEqual([])
    expect(readFileSync(file, 'utf8')).toBe(before)
  })

  test('by password: the same device again, where it is matrix-state’s own', async () => {
    const {server, folder, modify} = await made('password')
    const before = readProfile(folder)
    server.devices.delete(before.account?.access_token ?? '')
    await modify({password: PASSWORD})
    expect(server.loggedIn.map(({deviceId}) => deviceId)).toEqual(['MADE1'])
    expect(readProfile(folder).account).toMatchObject({device_id: 'MADE1', own_login: true})
    expect(readProfile(folder).account?.access_token).not.toBe(before.account?.access_token)
  })

  test('by password is refused where the device is a client’s or a bot’s: its own token would end', async () => {
    const {server, modify} = await made()
    const error = await failure(modify({password: PASSWORD}))
    expect(error.code).toBe('OTHER_IDENTITY')
    expect(error.hint).toContain('MATRIX_STATE_TOKEN')
    expect(server.words).toEqual([])
  })

  test('of another user than --user is refused before anything is asked', async () => {
    const {server, modify} = await made('password')
    const error = await failure(modify({user: '@bob:example.org', password: PASSWORD}))
    expect(error.code).toBe('OTHER_IDENTITY')
    expect(server.words).toEqual([])
  })
})

describe('the address', () => {
  test('that is another: the token is tried there, and must be of the same device', async () => {
    const {folder, modify, server} = await made()
    const moved = await LoginServer.start()
    const report = await modify({homeserver: moved.url})
    expect(report.changes).toEqual([{field: 'homeserver', before: server.url, after: moved.url}])
    expect(readProfile(folder).homeserver).toBe(moved.url)
    expect(moved.words).toEqual(['GET /versions', 'GET /account/whoami'])
  })

  test('of a server that does not know the token says that a new one is needed, too', async () => {
    const {modify, file} = await made()
    const before = readFileSync(file, 'utf8')
    const moved = await LoginServer.start()
    moved.devices.clear()
    const error = await failure(modify({homeserver: moved.url}))
    expect(error.code).toBe('SERVER_REFUSED')
    expect(error.hint).toContain('MATRIX_STATE_TOKEN')
    expect(readFileSync(file, 'utf8')).toBe(before)
  })

  test('of a server where it is somebody else is refused', async () => {
    const {modify} = await made()
    const moved = await LoginServer.start()
    moved.devices.set(ALICE_TOKEN, {userId: '@alice:other.example', deviceId: 'GIVEN', name: ''})
    expect((await failure(modify({homeserver: moved.url}))).code).toBe('OTHER_IDENTITY')
  })

  test('where no homeserver answers gets no token', async () => {
    const {modify} = await made()
    const moved = await LoginServer.start()
    moved.fault('GET /versions', html(404), html(404))
    await failure(modify({homeserver: moved.url}))
    expect(moved.asked.every(({authorization}) => authorization === undefined)).toBe(true)
  })

  test('that turns out to be another server’s never sees the admin’s token', async () => {
    const [{modify}, moved] = [await made(), await LoginServer.start()]
    await modify({adminToken: ADMIN_TOKEN})
    moved.devices.set(ALICE_TOKEN, {userId: '@mallory:example.org', deviceId: 'GIVEN', name: ''})
    expect((await failure(modify({homeserver: moved.url}))).code).toBe('OTHER_IDENTITY')
    expect(moved.asked.map(({authorization}) => authorization)).toContain(`Bearer ${ALICE_TOKEN}`)
    expect(moved.asked.map(({authorization}) => authorization)).not.toContain(`Bearer ${ADMIN_TOKEN}`)
  })

  test('that is only in the environment, and is another, is refused and never asked', async () => {
    const [{server, folder, modify}, other] = [await made(), await LoginServer.start()]
    other.devices.set(ALICE_TOKEN, {userId: ALICE, deviceId: 'GIVEN', name: ''})
    const error = await failure(modify({adminToken: ADMIN_TOKEN, environmentHomeserver: other.url}))
    expect(error.code).toBe('USAGE')
    expect(error.message).toContain('MATRIX_STATE_HOMESERVER is another address than that of the profile default')
    expect(other.asked).toEqual([])
    await modify({adminToken: ADMIN_TOKEN, environmentHomeserver: `${server.url}/`})
    expect(readProfile(folder)).toMatchObject({homeserver: server.url, admin_token: ADMIN_TOKEN})
  })

  test('that changes has the admin’s token tried there, too', async () => {
    const {modify, folder} = await made()
    await modify({adminToken: ADMIN_TOKEN})
    const moved = await LoginServer.start()
    moved.admins.clear()
    expect((await failure(modify({homeserver: moved.url}))).message).toContain('no server admin')
    await modify({homeserver: moved.url, drop: {admin: true}})
    expect(readProfile(folder)).toMatchObject({homeserver: moved.url, admin_token: null})
  })
})

describe('routes', () => {
  test('come and go, without the server where it is not about it', async () => {
    const {server, folder, modify} = await made()
    const [one, two] = [databaseOf(), databaseOf()]
    const report = await modify({databases: [one]})
    expect(report.changes).toEqual([{field: 'databases', before: 'none', after: one}])
    await modify({databases: [two]})
    expect(readProfile(folder).databases).toEqual([one, two])
    await modify({databases: [one], drop: {databases: true}})
    expect(readProfile(folder).databases).toEqual([one])
    await modify({drop: {databases: true}})
    expect(readProfile(folder).databases).toEqual([])
    expect(server.words).toEqual([])
  })

  test('an admin’s token is tried, told as set, replaced, not set', async () => {
    const {server, modify} = await made()
    const later = 'syt_given_later_token_of_the_admin'
    server.devices.set(later, {userId: '@admin:example.org', deviceId: 'B', name: ''})
    const changes = [
      await modify({adminToken: ADMIN_TOKEN}),
      await modify({adminToken: later}),
      await modify({drop: {admin: true}}),
    ].map((report) => report.changes)
    expect(changes).toEqual([
      [{field: 'admin_token', before: 'not set', after: 'set'}],
      [{field: 'admin_token', before: 'set', after: 'replaced'}],
      [{field: 'admin_token', before: 'set', after: 'not set'}],
    ])
    expect((await failure(modify({adminToken: ALICE_TOKEN}))).message).toContain('no server admin')
  })

  test('that cannot be opened change nothing', async () => {
    const {modify, file} = await made()
    const before = readFileSync(file, 'utf8')
    expect((await failure(modify({databases: ['sqlite:/nonexistent/x.db']}))).code).toBe('INPUT_NOT_FOUND')
    expect((await failure(modify({databases: [databaseOf('other.example')]}))).code).toBe('USAGE')
    expect((await failure(modify({signingKeyFile: '/nonexistent/signing.key'}))).code).toBe('INPUT_NOT_FOUND')
    expect((await failure(modify({serverName: 'other.example'}))).code).toBe('USAGE')
    expect(readFileSync(file, 'utf8')).toBe(before)
  })
})

describe('a profile', () => {
  test('that is not there is not made', async () => {
    const {modify, folder} = await made()
    const error = await failure(modify({profile: 'other', accessToken: ALICE_TOKEN}))
    expect(error.code).toBe('PROFILE_ABSENT')
    expect(left(folder)).toEqual(['default.json'])
  })

  test('without an account gets one, by a login that is taken back where anything fails', async () => {
    const [server, folder] = [await LoginServer.start(), newFolder()]
    const database = databaseOf()
    await setUp({profile: 'default', databases: [database], serverName: 'example.org'}, options(folder))
    const request = {profile: 'default', homeserver: server.url, user: ALICE, password: PASSWORD}
    server.fault('GET /account/whoami', silence)
    await failure(modifyProfile(request, options(folder, {timeoutMs: 200})))
    expect(server.loggedIn).toEqual([])
    await modifyProfile(request, options(folder))
    expect(readProfile(folder).account).toMatchObject({user_id: ALICE, own_login: true})
  })

  test('keeps what a newer matrix-state has put beside', async () => {
    const {modify, file} = await made()
    const profile = JSON.parse(readFileSync(file, 'utf8')) as object
    writeFileSync(file, JSON.stringify({...profile, later: {deep: [1]}}))
    await modify({adminToken: ADMIN_TOKEN})
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({later: {deep: [1]}, admin_token: ADMIN_TOKEN})
  })

  test('to which nothing is to change: says what can be changed', async () => {
    const {modify} = await made()
    const error = await failure(modify({databases: [], drop: {admin: false}}))
    expect(error.code).toBe('USAGE')
    expect(error.hint).toContain('--no-admin')
  })

  test('is changed as a person at a terminal answers', async () => {
    const {server, folder, modify} = await made()
    server.devices.set(NEW_TOKEN, {userId: ALICE, deviceId: 'GIVEN', name: ''})
    await modify({}, {prompts: typing(['change', 'token'], ['accessToken', NEW_TOKEN]).prompts})
    expect(readProfile(folder).account?.access_token).toBe(NEW_TOKEN)
    await modify({}, {prompts: typing(['change', 'admin'], ['adminToken', ADMIN_TOKEN]).prompts})
    await modify({}, {prompts: typing(['change', 'admin'], ['adminToken', '']).prompts})
    expect(readProfile(folder).admin_token).toBeNull()
  })
})

describe('a bot', () => {
  const bot = new Person(ALICE).device('GIVEN')

  async function madeBot() {
    const start = await made()
    const serve = (server: LoginServer, person: Person): void => {
      server.more = (what) => {
        if (what === 'POST /keys/query') {
          const {devices, master, selfSigning} = person
          return {
            device_keys: {[ALICE]: devices},
            master_keys: {[ALICE]: master},
            self_signing_keys: {[ALICE]: selfSigning},
            failures: {},
          }
        }
        return what === 'GET /devices' ? {devices: [{device_id: 'GIVEN'}]} : null
      }
    }
    serve(start.server, bot)
    const keys = bot.devices['GIVEN']?.['keys'] as Record<string, string>
    const baseline: Baseline = {
      recorded_ts: NOW,
      user_id: ALICE,
      device_id: 'GIVEN',
      ed25519: keys['ed25519:GIVEN'] ?? '',
      curve25519: keys['curve25519:GIVEN'] ?? '',
      master_key: null,
      self_signing_key: null,
      cross_signed: false,
      store: null,
    }
    const step = () => Promise.resolve({baseline, bootstrapped: null, notes: []})
    const report = await start.modify({}, {bot: step})
    return {...start, serve, baseline, report}
  }

  test('is recorded into a profile that has none', async () => {
    const {report, folder, baseline} = await madeBot()
    expect(report.changes).toEqual([{field: 'bot', before: 'none', after: expect.stringContaining(baseline.ed25519)}])
    expect(readProfile(folder).bot).toEqual(baseline)
  })

  test('that publishes the recorded keys may get another token, and its server another address', async () => {
    const {server, modify, serve} = await madeBot()
    server.devices.set(NEW_TOKEN, {userId: ALICE, deviceId: 'GIVEN', name: ''})
    expect(await modify({accessToken: NEW_TOKEN})).toMatchObject({notes: [], changes: [{field: 'access_token'}]})
    const moved = await LoginServer.start()
    moved.devices.set(NEW_TOKEN, {userId: ALICE, deviceId: 'GIVEN', name: ''})
    serve(moved, bot)
    expect(await modify({homeserver: moved.url})).toMatchObject({notes: [], changes: [{field: 'homeserver'}]})
  })

  test('that publishes other keys under the same device ID is another identity', async () => {
    const {server, modify, serve, file} = await madeBot()
    const before = readFileSync(file, 'utf8')
    serve(server, new Person(ALICE).device('GIVEN'))
    server.devices.set(NEW_TOKEN, {userId: ALICE, deviceId: 'GIVEN', name: ''})
    const error = await failure(modify({accessToken: NEW_TOKEN}))
    expect(error.code).toBe('OTHER_IDENTITY')
    expect(error.message).toMatch(/ed25519 was .*; curve25519 was /)
    expect(readFileSync(file, 'utf8')).toBe(before)
  })

  test('that was set up anew may have the token of its new device, where that is accepted, and of nobody else', async () => {
    const {server, folder, modify, serve, baseline} = await madeBot()
    serve(server, new Person(ALICE).device('NEWER'))
    server.devices.set(NEW_TOKEN, {userId: ALICE, deviceId: 'NEWER', name: ''})
    const bot = () => Promise.resolve({baseline: {...baseline, device_id: 'NEWER'}, bootstrapped: null, notes: []})
    const refused = await failure(modify({accessToken: NEW_TOKEN}, {bot}))
    expect(refused.code).toBe('OTHER_IDENTITY')
    expect(refused.hint).toMatch(/setup --bot --modify --accept-new-identity --profile default.* stay unreadable/)
    server.devices.set('syt_given_token_of_bob', {userId: '@bob:example.org', deviceId: 'NEWER', name: ''})
    const ofBob = modify({accessToken: 'syt_given_token_of_bob', acceptNewDevice: true}, {bot})
    expect((await failure(ofBob)).code).toBe('OTHER_IDENTITY')
    const report = await modify({accessToken: NEW_TOKEN, acceptNewDevice: true}, {bot})
    expect(report.changes.map(({field}) => field)).toEqual(['device_id', 'access_token', 'bot.device_id'])
    expect(readProfile(folder)).toMatchObject({account: {device_id: 'NEWER'}, bot: {device_id: 'NEWER'}})
  })

  test('that publishes no keys: the token is taken, with a remark', async () => {
    const {server, modify, serve} = await madeBot()
    serve(server, new Person(ALICE))
    server.devices.set(NEW_TOKEN, {userId: ALICE, deviceId: 'GIVEN', name: ''})
    expect((await modify({accessToken: NEW_TOKEN})).notes).toEqual([expect.stringContaining('cannot be held against')])
  })
})
