import {describe, expect, test} from 'vitest'
import {StateError} from '../../src/errors.ts'
import {logIn, logOut, type LoginOptions} from '../../src/sources/account-login.ts'
import {cutInTheBody, hangUp, html, json, refusal, type Reply, silence} from './client-stub.ts'
import {ALICE, ALICE_TOKEN, LoginServer, PASSWORD} from './login-server.ts'

const login = (server: LoginServer, more: Partial<LoginOptions> = {}) =>
  logIn({baseUrl: server.url, user: ALICE, password: PASSWORD, deviceName: 'matrix-state on test', ...more})

async function failure(work: Promise<unknown>): Promise<StateError> {
  const error = await work.then(
    () => expect.fail('it should fail'),
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof StateError)) throw error
  return error
}

/** In any form in which it could be read out of a text. */
function holdsPassword(error: StateError, password = PASSWORD): boolean {
  const text = [error.message, error.hint ?? '', String(error.stack), JSON.stringify(error.cause ?? '')].join('\n')
  const forms = [password, encodeURIComponent(password), Buffer.from(password).toString('base64'), 'Beiwerk']
  return forms.some((form) => text.includes(form))
}

const counts = (server: LoginServer): number => server.words.filter((what) => what === 'POST /login').length

describe('a login', () => {
  test('makes a device with the name that it was given, and the logout takes it away', async () => {
    const server = await LoginServer.start()
    const {accessToken, ...made} = await login(server)
    expect(made).toEqual({userId: ALICE, deviceId: 'MADE1'})
    expect(server.loggedIn).toEqual([{userId: ALICE, deviceId: 'MADE1', name: 'matrix-state on test'}])
    expect(server.words).toEqual(['GET /login', 'POST /login'])
    expect(server.asked[1]?.body).toMatchObject({
      type: 'm.login.password',
      identifier: {type: 'm.id.user', user: ALICE},
    })
    expect(await logOut({baseUrl: server.url, accessToken})).toBe(true)
    expect(server.loggedIn).toEqual([])
    expect(await logOut({baseUrl: server.url, accessToken})).toBe(false)
  })

  test('as a device that there is ends its other token', async () => {
    const server = await LoginServer.start()
    const first = await login(server)
    const again = await login(server, {deviceId: first.deviceId})
    expect(again.deviceId).toBe(first.deviceId)
    expect(server.loggedIn).toHaveLength(1)
    expect(server.devices.has(first.accessToken)).toBe(false)
  })

  test.each<[string, Reply, StateError['code'], RegExp]>([
    ['403', refusal(403, 'M_FORBIDDEN', 'Invalid username or password'), 'SERVER_REFUSED', /does not accept this user/],
    ['deactivated', refusal(403, 'M_USER_DEACTIVATED', 'gone'), 'SERVER_REFUSED', /is deactivated/],
    ['429', refusal(429, 'M_LIMIT_EXCEEDED', 'slow', {'retry-after': '300'}), 'RATE_LIMITED', /wait 300 s/],
    [
      'a redirect',
      json({}, 302, {location: 'https://other.example/login'}),
      'SERVER_REFUSED',
      /redirect to https:\/\/other/,
    ],
    ['308', json({}, 308, {location: 'https://other.example/login'}), 'SERVER_REFUSED', /redirect/],
  ])('that is refused (%s) is sent once, and made no device', async (_name, reply, code, words) => {
    const server = await LoginServer.start()
    server.fault('POST /login', reply, reply)
    const error = await failure(login(server))
    expect(error.code).toBe(code)
    expect(error.message).toMatch(words)
    expect(error.message).not.toContain('taken back')
    expect(counts(server)).toBe(1)
  })

  test.each<[string, Reply]>([
    ['a connection that is cut', hangUp],
    ['an answer that is cut', cutInTheBody],
    ['502', html(502)],
    ['500', refusal(500, 'M_UNKNOWN', 'Internal server error')],
    ['an answer without a token', json({user_id: ALICE})],
    ['a page', html(200)],
  ])('after which it is open whether there is a device (%s) is not repeated, and says so', async (_name, reply) => {
    const server = await LoginServer.start()
    server.fault('POST /login', reply)
    const error = await failure(login(server))
    expect(counts(server)).toBe(1)
    expect(error.message).toContain('not known to have been taken back')
    expect(error.hint).toContain('"matrix-state on test"')
    expect(holdsPassword(error)).toBe(false)
  })

  test.each<[string, (password: string) => Reply]>([
    ['an error', (password) => refusal(403, 'M_FORBIDDEN', `wrong password: ${password}`)],
    ['an error code', (password) => refusal(403, password, 'wrong')],
    ['JSON', (password) => json({got: {password}}, 400)],
    ['a page', (password) => html(400, `<p>${password}</p>`)],
    ['a page, of which a part would be shown', (password) => html(400, `<${'p'.repeat(60)}>${password}`)],
    ['a redirect', (password) => json({}, 302, {location: `https://x.example/?p=${encodeURIComponent(password)}`})],
    [
      'a redirect to a path',
      (password) => json({}, 302, {location: `https://x.example/${encodeURIComponent(password)}`}),
    ],
    ['a content type', (password) => json('x', 400, {'content-type': Buffer.from(password).toString('base64')})],
    ['a server error', (password) => refusal(500, 'M_UNKNOWN', password)],
  ])('whose password the server repeats in %s does not show it', async (_name, reply) => {
    const server = await LoginServer.start()
    server.fault('POST /login', reply(PASSWORD))
    expect(holdsPassword(await failure(login(server)))).toBe(false)
    server.fault('POST /login', reply('ab  c'))
    server.passwords.set(ALICE, 'ab  c')
    expect((await failure(login(server, {password: 'ab  c'}))).message).not.toMatch(/ab +c/)
  })

  test.each<[string, readonly object[], RegExp, RegExp]>([
    [
      'SSO',
      [{type: 'm.login.sso'}, {type: 'm.login.token'}],
      /offers m\.login\.sso, m\.login\.token/,
      /logged in with SSO/,
    ],
    ['OAuth', [{type: 'm.login.sso', oauth_aware_preferred: true}], /m\.login\.sso/, /mas-cli manage issue-comp/],
    [
      'OAuth in the words before it was stable',
      [{type: 'm.login.sso', 'org.matrix.msc3824.delegated_oidc_compatibility': true}],
      /m\.login\.sso/,
      /mas-cli/,
    ],
    ['nothing', [], /offers no way/, /token-file/],
  ])(
    'at a server that takes no passwords but %s says to give a token; no password is sent',
    async (_name, flows, words, hint) => {
      const server = await LoginServer.start()
      server.flows = flows
      const error = await failure(login(server))
      expect(error.code).toBe('SERVER_REFUSED')
      expect(error.message).toMatch(words)
      expect(error.hint).toMatch(hint)
      expect(error.hint).toContain('MATRIX_STATE_TOKEN')
      expect(counts(server)).toBe(0)
    },
  )

  test.each<[string, Reply]>([
    ['a Matrix error', refusal(404, 'M_UNRECOGNIZED', 'Unrecognized request')],
    ['a page', html(404)],
  ])('at a server without /login (%s) says to give a token', async (_name, reply) => {
    const server = await LoginServer.start()
    server.fault('GET /login', reply)
    expect((await failure(login(server))).hint).toMatch(/MATRIX_STATE_TOKEN.*mas-cli/)
  })
})

describe('a signal during the login', () => {
  test('lets the answer come and logs the device out again', async () => {
    const server = await LoginServer.start()
    const stop = new AbortController()
    server.fault('POST /login', (request, response) => {
      stop.abort(new Error('Ctrl-C'))
      setTimeout(() => {
        server.logIn(server.asked.at(-1)?.body ?? {})(request, response)
      }, 50)
    })
    await expect(login(server, {signal: stop.signal})).rejects.toThrow('Ctrl-C')
    expect(server.words.at(-1)).toBe('POST /logout')
    expect(server.loggedIn).toEqual([])
  })

  test('and no answer: ends, and says that a device may have been left', async () => {
    const server = await LoginServer.start()
    const stop = new AbortController()
    server.fault('POST /login', () => {
      stop.abort(new Error('Ctrl-C'))
    })
    const error = await failure(login(server, {signal: stop.signal, graceMs: 50}))
    expect(error.message).toContain('interrupted before the server answered')
    expect(error.hint).toContain('"matrix-state on test"')
  })

  test('and a logout that fails: says that the device is left', async () => {
    const server = await LoginServer.start()
    const stop = new AbortController()
    server.fault('POST /login', (request, response) => {
      server.logIn(server.asked.at(-1)?.body ?? {})(request, response)
      stop.abort(new Error('Ctrl-C'))
    })
    server.fault('POST /logout', ...Array.from({length: 9}, () => refusal(403, 'M_FORBIDDEN', 'no')))
    const error = await failure(login(server, {signal: stop.signal}))
    expect(error.message).toContain('not known to have been taken back')
    expect(server.loggedIn).toHaveLength(1)
  })

  test('before it is sent makes no device', async () => {
    const server = await LoginServer.start()
    const stop = new AbortController()
    server.fault('GET /login', (...args) => {
      stop.abort(new Error('Ctrl-C'))
      silence(...args)
    })
    await expect(login(server, {signal: stop.signal})).rejects.toThrow('Ctrl-C')
    expect(counts(server)).toBe(0)
  })
})

describe('a logout', () => {
  test('is repeated where the server is not well for a moment', async () => {
    const server = await LoginServer.start()
    server.fault('POST /logout', html(502))
    expect(await logOut({baseUrl: server.url, accessToken: ALICE_TOKEN})).toBe(true)
    expect(server.devices.has(ALICE_TOKEN)).toBe(false)
  })

  test('that is refused fails', async () => {
    const server = await LoginServer.start()
    server.fault('POST /logout', refusal(401, 'M_FORBIDDEN', 'no'))
    expect((await failure(logOut({baseUrl: server.url, accessToken: ALICE_TOKEN}))).code).toBe(
      'SERVER_ANSWER_MALFORMED',
    )
    server.fault('POST /logout', html(404))
    expect((await failure(logOut({baseUrl: server.url, accessToken: ALICE_TOKEN}))).code).toBe(
      'SERVER_ANSWER_MALFORMED',
    )
  })
})
