import {existsSync, rmSync, writeFileSync} from 'node:fs'
import {describe, expect, test} from 'vitest'
import type {ErrorCode} from '../../src/errors.ts'
import {setUp} from '../../src/investigate/set-up.ts'
import type {SetupRequest} from '../../src/investigate/setup-request.ts'
import {html, json, refusal, type Reply, silence} from '../sources/client-stub.ts'
import {ADMIN_TOKEN, ALICE, ALICE_TOKEN, LoginServer, PASSWORD} from '../sources/login-server.ts'
import {failure, left, newFolder, options, readProfile} from './setup-run.ts'

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

describe('whatever fails after the login logs it out again, and leaves no file', () => {
  const faults: readonly [string, string, Reply, ErrorCode][] = [
    ['whoami is refused', 'GET /account/whoami', refusal(401, 'M_UNKNOWN_TOKEN', 'no'), 'SERVER_REFUSED'],
    ['whoami fails', 'GET /account/whoami', html(502), 'SERVER_UNREACHABLE'],
    ['whoami never answers', 'GET /account/whoami', silence, 'SERVER_UNREACHABLE'],
    [
      'whoami names another user',
      'GET /account/whoami',
      json({user_id: '@eve:example.org'}),
      'SERVER_ANSWER_MALFORMED',
    ],
    [
      'whoami names another device',
      'GET /account/whoami',
      json({user_id: ALICE, device_id: 'OTHER'}),
      'SERVER_ANSWER_MALFORMED',
    ],
  ]
  test.each(faults)('%s', async (_name, what, reply, code) => {
    const [server, folder] = [await LoginServer.start(), newFolder()]
    server.fault(what, reply)
    const error = await failure(setUp(byPassword(server), options(folder, {timeoutMs: 300})))
    expect(error.code).toBe(code)
    expect(server.words.at(-1)).toBe('POST /logout')
    expect(server.loggedIn).toEqual([])
    expect(existsSync(folder)).toBe(false)
  })

  const requests: readonly [string, Partial<SetupRequest>, ErrorCode][] = [
    ['the admin is none', {adminToken: ALICE_TOKEN}, 'SERVER_REFUSED'],
    ["the admin's token is not valid", {adminToken: 'syt_no_token_of_anybody'}, 'SERVER_REFUSED'],
    ['there is no such key file', {signingKeyFile: '/nonexistent/signing.key'}, 'INPUT_NOT_FOUND'],
    ['the key file is none', {signingKeyFile: import.meta.filename}, 'KEYS_MALFORMED'],
    ['there is no such database', {databases: ['sqlite:/nonexistent/homeserver.db']}, 'INPUT_NOT_FOUND'],
    ['the database is none', {databases: [`sqlite:${import.meta.filename}`]}, 'DATABASE_UNUSABLE'],
    ['the signing key is of another server', {serverName: 'other.example'}, 'USAGE'],
  ]
  test.each(requests)('%s', async (_name, more, code) => {
    const [server, folder] = [await LoginServer.start(), newFolder()]
    const error = await failure(setUp(byPassword(server, more), options(folder)))
    expect(error.code).toBe(code)
    expect(server.words.at(-1)).toBe('POST /logout')
    expect(server.loggedIn).toEqual([])
    expect(existsSync(folder)).toBe(false)
  })

  test('the server gave a login of another user', async () => {
    const [server, folder] = [await LoginServer.start(), newFolder()]
    server.fault('POST /login', (request, response) => {
      server.passwords.set('@eve:example.org', PASSWORD)
      server.logIn({identifier: {user: '@eve:example.org'}, password: PASSWORD})(request, response)
    })
    const error = await failure(setUp(byPassword(server), options(folder)))
    expect(error.code).toBe('OTHER_IDENTITY')
    expect(server.loggedIn).toEqual([])
  })

  test('the logout fails, too: the device that stays is named, with how to be rid of it', async () => {
    const [server, folder] = [await LoginServer.start(), newFolder()]
    server.fault('GET /account/whoami', refusal(403, 'M_FORBIDDEN', 'no'))
    server.fault('POST /logout', refusal(403, 'M_FORBIDDEN', 'not now'))
    const error = await failure(setUp(byPassword(server), options(folder)))
    expect(error.message).toMatch(
      /M_FORBIDDEN: no.*device MADE1 of @alice:example\.org.*could not be logged out.*not now/,
    )
    expect(error.hint).toContain('Log out MADE1 (matrix-state on testhost (profile default))')
    expect(left(folder)).toEqual([])
  })

  test('a token that was given is never logged out', async () => {
    const [server, folder] = [await LoginServer.start(), newFolder()]
    await failure(setUp(byToken(server, {adminToken: ALICE_TOKEN}), options(folder)))
    expect(server.words).not.toContain('POST /logout')
  })

  test.each(['GET /account/whoami', 'GET /_synapse/admin/v1/users/@admin:example.org/admin'])(
    'Ctrl-C while the server is silent after %s',
    async (what) => {
      const [server, folder] = [await LoginServer.start(), newFolder()]
      const stop = new AbortController()
      server.fault(what, (...args) => {
        silence(...args)
        stop.abort(new Error('Ctrl-C'))
      })
      const work = setUp(byPassword(server, {adminToken: ADMIN_TOKEN}), options(folder, {signal: stop.signal}))
      await expect(work).rejects.toThrow('Ctrl-C')
      expect(server.words.at(-1)).toBe('POST /logout')
      expect(server.loggedIn).toEqual([])
      expect(existsSync(folder)).toBe(false)
    },
  )

  test('the folder has become a file when the profile is to be written', async () => {
    const [server, folder] = [await LoginServer.start(), newFolder()]
    server.fault('GET /account/whoami', (request, response) => {
      rmSync(folder, {recursive: true})
      writeFileSync(folder, '')
      json({user_id: ALICE})(request, response)
    })
    expect((await failure(setUp(byPassword(server), options(folder)))).code).toBe('OUTPUT_FAILED')
    expect(server.loggedIn).toEqual([])
  })
})

test('of two at once one wins, and the other logs out its login', async () => {
  const [server, folder] = [await LoginServer.start(), newFolder()]
  // Each has its login before one of them goes on.
  let waiting: (() => void)[] = []
  const together: Reply = (request, response) => {
    waiting.push(() => {
      const device = server.devices.get(request.headers.authorization?.replace('Bearer ', '') ?? '')
      json({user_id: device?.userId, device_id: device?.deviceId})(request, response)
    })
    if (waiting.length < 2) return
    for (const go of waiting) go()
    waiting = []
  }
  server.fault('GET /account/whoami', together, together)
  const outcomes = await Promise.allSettled([1, 2].map(() => setUp(byPassword(server), options(folder))))
  const [won, lost] = [
    outcomes.filter(({status}) => status === 'fulfilled'),
    outcomes.filter((outcome) => outcome.status === 'rejected'),
  ]
  expect(won).toHaveLength(1)
  expect(lost[0]?.reason).toMatchObject({code: 'PROFILE_EXISTS'})
  expect(server.loggedIn.map(({deviceId}) => deviceId)).toEqual([readProfile(folder).account?.device_id])
  expect(left(folder)).toEqual(['default.json'])
})
