import {existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {describe, expect, onTestFinished, test} from 'vitest'
import type {Baseline} from '../../src/matrix/device-baseline.ts'
import {setUp} from '../../src/investigate/set-up.ts'
import type {BotContext, SetupRequest} from '../../src/investigate/setup-request.ts'
import {html, json} from '../sources/client-stub.ts'
import {ADMIN_TOKEN, ALICE, ALICE_TOKEN, LoginServer, PASSWORD} from '../sources/login-server.ts'
import {databaseOf, failure, left, newFolder, NOW, options, readProfile, typing} from './setup-run.ts'

const SIGNING_KEY = 'ed25519 a_test 2qxg3ZR6Ji4fBf7cPRD8bfJ2PSlRh8Zs9cUk7fS9mqI\n'

const byToken = (server: LoginServer, more: Partial<SetupRequest> = {}): SetupRequest => ({
  profile: 'default',
  homeserver: server.url,
  accessToken: ALICE_TOKEN,
  ...more,
})
const byPassword = (server: LoginServer, more: Partial<SetupRequest> = {}): SetupRequest => ({
  profile: 'default',
  homeserver: server.url,
  user: ALICE,
  password: PASSWORD,
  ...more,
})

describe('a profile', () => {
  test('by an access token: the file holds it, and the report does not', async () => {
    const [server, folder] = [await LoginServer.start(), newFolder()]
    const report = await setUp(byToken(server), options(folder))
    expect(readProfile(folder)).toEqual({
      schema: 'matrix-state/profile/1',
      created_ts: NOW,
      changed_ts: NOW,
      homeserver: server.url,
      server_name: 'example.org',
      insecure: false,
      account: {user_id: ALICE, device_id: 'GIVEN', access_token: ALICE_TOKEN, own_login: false},
      admin_token: null,
      signing_key_file: null,
      databases: [],
      bot: null,
    })
    expect(report).toMatchObject({created: true, account: {userId: ALICE, deviceId: 'GIVEN', ownLogin: false}})
    expect(JSON.stringify(report)).not.toContain(ALICE_TOKEN)
    expect(left(folder)).toEqual(['default.json'])
    expect(statSync(join(folder, 'default.json')).mode & 0o777).toBe(0o600)
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    expect(server.words).toEqual(['GET /versions', 'GET /account/whoami'])
  })

  test('by a password: a device of its own with a name that says whose it is', async () => {
    const [server, folder] = [await LoginServer.start(), newFolder()]
    const report = await setUp(byPassword(server, {profile: 'second'}), options(folder))
    expect(server.loggedIn).toEqual([
      {userId: ALICE, deviceId: 'MADE1', name: 'matrix-state on testhost (profile second)'},
    ])
    expect(readProfile(folder, 'second').account).toMatchObject({device_id: 'MADE1', own_login: true})
    expect(JSON.stringify(readProfile(folder, 'second'))).not.toContain('Beiwerk')
    expect(report.account?.ownLogin).toBe(true)
    expect(server.words).not.toContain('POST /logout')
  })

  test('by the part of the user ID before the colon', async () => {
    const [server, folder] = [await LoginServer.start(), newFolder()]
    await setUp(byPassword(server, {user: 'alice'}), options(folder))
    expect(readProfile(folder).account?.user_id).toBe(ALICE)
  })

  test('with an admin, a signing key and a database, paths absolute', async () => {
    const [server, folder] = [await LoginServer.start(), newFolder()]
    const database = databaseOf()
    mkdirSync(dirname(folder), {recursive: true})
    const key = join(dirname(folder), 'my.signing.key')
    writeFileSync(key, SIGNING_KEY)
    const relative = join('..', '..', '..', '..', '..', '..', '..', '..', '..', '..', key)
    const report = await setUp(
      byToken(server, {
        adminToken: ADMIN_TOKEN,
        signingKeyFile: relative,
        databases: [database, database],
      }),
      options(folder),
    )
    const profile = readProfile(folder)
    expect(profile).toMatchObject({admin_token: ADMIN_TOKEN, signing_key_file: key, databases: [database]})
    expect(report).toMatchObject({admin: true, signingKeyFile: key})
    expect(JSON.stringify(report)).not.toContain(ADMIN_TOKEN)
    expect(JSON.stringify(profile)).not.toContain('2qxg3ZR6')
  })

  test('of a database alone needs no homeserver, and asks none', async () => {
    const folder = newFolder()
    const database = databaseOf()
    const report = await setUp({profile: 'default', databases: [database]}, options(folder))
    expect(report).toMatchObject({homeserver: null, account: null, databases: [database]})
    expect(readProfile(folder).server_name).toBe(report.serverName)
    expect(report.serverName).not.toBeNull()
  })

  test('of an admin alone has no account', async () => {
    const [server, folder] = [await LoginServer.start(), newFolder()]
    await setUp({profile: 'default', homeserver: server.url, adminToken: ADMIN_TOKEN}, options(folder))
    expect(readProfile(folder)).toMatchObject({account: null, admin_token: ADMIN_TOKEN, server_name: 'example.org'})
  })
})

describe('the homeserver', () => {
  test('is found by the well-known of the server name, also of the one in the user ID', async () => {
    const [home, website, folder] = [
      await LoginServer.start({tls: true}),
      await LoginServer.start({tls: true}),
      newFolder(),
    ]
    website.wellKnown = {'m.homeserver': {base_url: `${home.url}/`}}
    home.passwords.set(`@bob:localhost:${String(website.port)}`, PASSWORD)
    const user = `@bob:localhost:${String(website.port)}`
    await setUp({profile: 'default', user, password: PASSWORD, insecure: true}, options(folder))
    expect(readProfile(folder).homeserver).toBe(home.url)
    expect(website.words).toEqual(['GET /.well-known/matrix/client'])
  })

  test('is found where the website of the server was given as a URL', async () => {
    const [home, website, folder] = [
      await LoginServer.start({tls: true}),
      await LoginServer.start({tls: true}),
      newFolder(),
    ]
    website.wellKnown = {'m.homeserver': {base_url: home.url}}
    website.fault('GET /versions', html(404))
    const report = await setUp(byToken(home, {homeserver: website.url, insecure: true}), options(folder))
    expect(report.homeserver).toBe(home.url)
    expect(website.asked.every(({authorization}) => authorization === undefined)).toBe(true)
    expect(report.notes.join(' ')).toContain('--insecure')
  })

  test('that the well-known names and that is none: says who named it', async () => {
    const [website, folder] = [await LoginServer.start({tls: true}), newFolder()]
    website.wellKnown = {'m.homeserver': {base_url: `${website.url}/nothing`}}
    const error = await failure(
      setUp(
        {
          profile: 'default',
          homeserver: `localhost:${String(website.port)}`,
          accessToken: 'abcdefghijklmn',
          insecure: true,
        },
        options(folder),
      ),
    )
    expect(error.message).toContain('/nothing/_matrix/client/versions')
    expect(error.hint).toContain('.well-known/matrix/client names this address')
    expect(left(folder)).toEqual([])
  })

  test('that does not answer as one gets neither token nor password', async () => {
    const [server, folder] = [await LoginServer.start(), newFolder()]
    server.fault('GET /versions', json({hello: 'world'}))
    const error = await failure(setUp(byPassword(server), options(folder)))
    expect(error.code).toBe('SERVER_ANSWER_MALFORMED')
    expect(server.words).not.toContain('POST /login')
    expect(left(folder)).toEqual([])
  })
})

describe('before anything is done on a server', () => {
  test('a profile of that name stops it, also one that is damaged', async () => {
    const [server, folder] = [await LoginServer.start(), newFolder()]
    await setUp(byToken(server), options(folder))
    const asked = server.asked.length
    for (const text of [null, '', '{"schema"']) {
      if (text !== null) writeFileSync(join(folder, 'default.json'), text)
      const error = await failure(setUp(byPassword(server), options(folder)))
      expect(error.code).toBe('PROFILE_EXISTS')
    }
    expect(server.asked).toHaveLength(asked)
    expect(left(folder)).toEqual(['default.json'])
  })

  test.each<[string, Partial<SetupRequest>, readonly RegExp[]]>([
    ['nothing', {}, [/--homeserver/, /MATRIX_STATE_TOKEN/, /--user/, /--password-file/]],
    ['a homeserver', {homeserver: 'example.org'}, [/MATRIX_STATE_TOKEN/]],
    ['a token', {accessToken: ALICE_TOKEN}, [/--homeserver/]],
    ['a user', {user: ALICE}, [/password of "@alice:example\.org"/]],
    ['a part of a user ID', {user: 'alice'}, [/--homeserver/, /password of "alice"/]],
    ['a password', {homeserver: 'example.org', password: PASSWORD}, [/--user/]],
    ['a signing key', {signingKeyFile: 'signing.key'}, [/--server-name/]],
  ])('all that is missing is named in one error: there is %s', async (_name, request, words) => {
    const folder = newFolder()
    const error = await failure(setUp({profile: 'default', ...request}, options(folder)))
    expect(error.code).toBe('USAGE')
    for (const word of words) expect(error.message).toMatch(word)
    expect(JSON.stringify([error.message, error.hint])).not.toMatch(/syt_|Beiwerk/)
    expect(existsSync(folder)).toBe(false)
  })
})

describe('a person at a terminal', () => {
  test('is asked for everything where nothing was given', async () => {
    const [server, folder] = [await LoginServer.start(), newFolder()]
    const person = typing(
      ['homeserver', server.url],
      ['credential', 'password'],
      ['user', 'alice'],
      ['password', PASSWORD],
      ['adminToken', ''],
      ['signingKeyFile', ''],
      ['database', ''],
    )
    await setUp({profile: 'default'}, options(folder, {prompts: person.prompts}))
    expect(person.waiting).toEqual([])
    expect(readProfile(folder).account).toMatchObject({user_id: ALICE, own_login: true})
  })

  test('is asked for nothing where enough was given', async () => {
    const [server, folder] = [await LoginServer.start(), newFolder()]
    await setUp(byToken(server), options(folder, {prompts: typing().prompts}))
    await setUp(byPassword(server, {profile: 'b'}), options(folder, {prompts: typing().prompts}))
    await setUp(
      {profile: 'c', homeserver: server.url, adminToken: ADMIN_TOKEN},
      options(folder, {prompts: typing().prompts}),
    )
  })

  test('may mistype: address, password and token are asked for again, and no device is left', async () => {
    const [server, folder] = [await LoginServer.start(), newFolder()]
    const person = typing(
      ['homeserver', 'http://localhost:1'],
      ['homeserver', 'ftp://x'],
      ['homeserver', server.url],
      ['credential', 'password'],
      ['user', 'alice'],
      ['password', 'wrong'],
      ['user', 'alice'],
      ['password', PASSWORD],
      ['adminToken', 'syt_mistyped_token'],
      ['adminToken', ADMIN_TOKEN],
      ['signingKeyFile', '/nonexistent'],
      ['signingKeyFile', ''],
      ['database', 'sqlite:/nonexistent'],
      ['database', ''],
    )
    await setUp({profile: 'default'}, options(folder, {prompts: person.prompts}))
    expect(person.complaints).toHaveLength(6)
    expect(server.loggedIn).toHaveLength(1)
    expect(readProfile(folder).admin_token).toBe(ADMIN_TOKEN)
  })

  test('is asked three times, and not for ever', async () => {
    const [server, folder] = [await LoginServer.start(), newFolder()]
    const person = typing(['accessToken', 'syt_1'], ['accessToken', 'syt_2'], ['accessToken', 'syt_3'])
    const prompts = {...person.prompts, credential: () => Promise.resolve('token' as const)}
    const error = await failure(setUp({profile: 'default', homeserver: server.url}, options(folder, {prompts})))
    expect(error.code).toBe('SERVER_REFUSED')
    expect(left(folder)).toEqual([])
  })

  test('is asked for a token where the server takes no passwords, before any is typed', async () => {
    const [server, folder] = [await LoginServer.start(), newFolder()]
    server.flows = [{type: 'm.login.sso'}]
    const person = typing(['credential', 'password'], ['accessToken', ALICE_TOKEN])
    await setUp({profile: 'default', homeserver: server.url}, options(folder, {prompts: person.prompts}))
    expect(person.complaints).toEqual([expect.stringContaining('does not take a password')])
    expect(readProfile(folder).account).toMatchObject({device_id: 'GIVEN', own_login: false})
  })

  test('who gave a password that is wrong is not asked: the file has to be put right', async () => {
    const [server, folder] = [await LoginServer.start(), newFolder()]
    const error = await failure(
      setUp(byPassword(server, {password: 'wrong'}), options(folder, {prompts: typing().prompts})),
    )
    expect(error.message).toContain('does not accept this user and password')
  })
})

test('a token of somebody else than --user is refused', async () => {
  const [server, folder] = [await LoginServer.start(), newFolder()]
  const error = await failure(setUp(byToken(server, {user: '@bob:example.org'}), options(folder)))
  expect(error.code).toBe('OTHER_IDENTITY')
  expect(left(folder)).toEqual([])
})

describe('the step for a bot', () => {
  const baseline: Baseline = {
    recorded_ts: NOW,
    user_id: ALICE,
    device_id: 'GIVEN',
    ed25519: 'A'.repeat(43),
    curve25519: 'B'.repeat(43),
    master_key: null,
    self_signing_key: null,
    cross_signed: false,
    store: null,
  }

  test('is told the confirmed account, and its baseline is in the profile', async () => {
    const [server, folder] = [await LoginServer.start(), newFolder()]
    const told: BotContext[] = []
    const bot = (context: BotContext) => {
      told.push(context)
      return Promise.resolve({baseline, bootstrapped: null, notes: ['a remark']})
    }
    const report = await setUp(byToken(server, {password: PASSWORD}), options(folder, {bot}))
    expect(told[0]).toMatchObject({
      userId: ALICE,
      deviceId: 'GIVEN',
      ownLogin: false,
      before: null,
      baseUrl: server.url,
    })
    expect(await told[0]?.password()).toBe(PASSWORD)
    expect(await told[0]?.store()).toBeUndefined()
    expect(readProfile(folder).bot).toEqual(baseline)
    expect(report).toMatchObject({bot: baseline, notes: ['a remark']})
  })

  test('asks a person for its store until there is one, and for the check file', async () => {
    const [server, folder] = [await LoginServer.start(), newFolder()]
    const [there, empty] = [mkdtempSync(join(tmpdir(), 'matrix-state-store-')), join(tmpdir(), 'matrix-state-no-store')]
    onTestFinished(() => {
      rmSync(there, {recursive: true})
    })
    writeFileSync(join(there, 'crypto.db'), 'x')
    const told: unknown[] = []
    const bot = async ({store}: BotContext) => {
      told.push(await store())
      return {baseline, bootstrapped: null, notes: []}
    }
    const answers = [
      [
        ['store', empty],
        ['store', ` ${there} `],
        ['storeCheckFile', join(there, 'key')],
      ],
      [
        ['store', there],
        ['storeCheckFile', ''],
      ],
      [['store', '']],
    ] as const
    for (const [index, typed] of answers.entries()) {
      const {prompts, complaints, waiting} = typing(...typed)
      const name = `bot${String(index)}`
      await setUp({...byToken(server), profile: name}, options(folder, {bot, prompts}))
      expect(waiting).toEqual([])
      expect(complaints).toEqual(index === 0 ? [expect.stringContaining('is not there')] : [])
    }
    expect(told).toEqual([
      {path: there, check: {kind: 'file', path: join(there, 'key')}},
      {path: there, check: null},
      null,
    ])
  })

  test('that fails takes the login back', async () => {
    const [server, folder] = [await LoginServer.start(), newFolder()]
    const bot = () => Promise.reject(new Error('no keys'))
    await expect(setUp(byPassword(server), options(folder, {bot}))).rejects.toThrow('no keys')
    expect(server.loggedIn).toEqual([])
    expect(left(folder)).toEqual([])
  })

  test('Ctrl-C during it leaves nothing, unless it has made what cannot be taken back', async () => {
    const server = await LoginServer.start()
    for (const bootstrapped of [null, {masterKey: 'C'.repeat(43), recoveryKeyFile: null}]) {
      const folder = newFolder()
      const stop = new AbortController()
      const bot = () => {
        stop.abort(new Error('Ctrl-C'))
        return Promise.resolve({baseline, bootstrapped, notes: []})
      }
      const work = setUp(byPassword(server), options(folder, {bot, signal: stop.signal}))
      if (bootstrapped === null) await expect(work).rejects.toThrow('Ctrl-C')
      else expect((await work).bot).toEqual(baseline)
      expect(left(folder)).toEqual(bootstrapped === null ? [] : ['default.json'])
      expect(server.loggedIn).toHaveLength(bootstrapped === null ? 0 : 1)
    }
  })

  test('needs an account', async () => {
    const folder = newFolder()
    const bot = () => Promise.reject(new Error('it is not to be called'))
    const error = await failure(setUp({profile: 'default', databases: ['sqlite:x']}, options(folder, {bot})))
    expect(error.message).toMatch(/--homeserver.*MATRIX_STATE_TOKEN/)
  })
})
