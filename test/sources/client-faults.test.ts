import {createServer} from 'node:net'
import type {AddressInfo} from 'node:net'
import {describe, expect, onTestFinished, test} from 'vitest'
import {StateError} from '../../src/errors.ts'
import type {ClientInput} from './client-gathered.ts'
import {
  cutInTheBody,
  hangUp,
  html,
  json,
  refusal,
  ROOM,
  silence,
  silenceInTheBody,
  drips,
  StubHomeserver,
  TOKEN,
  USER,
} from './client-stub.ts'
import type {Reply} from './client-stub.ts'

const forever = (reply: Reply): Reply[] => Array.from({length: 20}, () => reply)

/** The error of a gathering; fails where there is none, or where it tells a secret. */
async function failure(server: StubHomeserver, more: Partial<ClientInput> = {}): Promise<StateError> {
  const error: unknown = await server.gather(more).then(
    () => expect.fail('it did not fail'),
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof StateError)) throw error
  const shown = `${error.message} ${error.hint ?? ''}`
  expect(shown).not.toContain(TOKEN)
  expect(shown).not.toContain('filter=')
  return error
}

describe('a busy server', () => {
  test('that names a Retry-After is asked again after it', async () => {
    const server = await StubHomeserver.start()
    server.next('messages', refusal(429, 'M_LIMIT_EXCEEDED', 'slow down', {'retry-after': '1'}))
    const pauses: {readonly ms: number}[] = []
    const start = performance.now()
    await server.gather({maxRetryMs: 2000, onPause: (pause) => pauses.push(pause)})
    expect(performance.now() - start).toBeGreaterThan(990)
    expect(server.count('messages')).toBe(2)
    expect(pauses).toMatchObject([{ms: 1000}])
  })

  test('that names retry_after_ms is asked again after it', async () => {
    const server = await StubHomeserver.start()
    server.next('messages', json({errcode: 'M_LIMIT_EXCEEDED', error: 'slow', retry_after_ms: 150}, 429))
    const start = performance.now()
    await server.gather()
    expect(performance.now() - start).toBeGreaterThan(140)
    expect(server.count('messages')).toBe(2)
  })

  test('is not waited for beyond the limit', async () => {
    const server = await StubHomeserver.start()
    server.next('messages', ...forever(refusal(429, 'M_LIMIT_EXCEEDED', 'slow down', {'retry-after': '3600'})))
    const error = await failure(server)
    expect(error.code).toBe('RATE_LIMITED')
    expect(error.message).toBe(
      `${server.url}/_matrix/client/v3/rooms/${encodeURIComponent(ROOM)}/messages answered 429 (too many requests) ` +
        'and asks to wait 3600 s.',
    )
    expect(server.count('messages')).toBe(1)
  })

  test('that never says when is asked a few times, in growing pauses', async () => {
    const server = await StubHomeserver.start()
    server.next('messages', ...forever(html(429)))
    const error = await failure(server)
    expect(error.code).toBe('RATE_LIMITED')
    expect(error.message).toContain('after 1 s of pauses')
    expect(server.count('messages')).toBe(6)
  })
})

describe('a faulty server', () => {
  test('is asked again after a 500 and a 502', async () => {
    const server = await StubHomeserver.start()
    server.next('messages', refusal(500, 'M_UNKNOWN', 'Internal server error'), html(502))
    const {pdus} = await server.gather()
    expect(server.count('messages')).toBe(3)
    expect(pdus).toHaveLength(4)
  })

  test('is given up after five attempts', async () => {
    const server = await StubHomeserver.start()
    server.next('messages', ...forever(refusal(500, 'M_UNKNOWN', 'Internal server error')))
    const error = await failure(server)
    expect(error.code).toBe('SERVER_UNREACHABLE')
    expect(error.message).toMatch(/\/messages answered 500: M_UNKNOWN: Internal server error$/u)
    expect(error.hint).toContain('look into its log')
    expect(server.count('messages')).toBe(5)
  })

  test('may cut a body; the request is sent again', async () => {
    const server = await StubHomeserver.start()
    server.next('messages', cutInTheBody, cutInTheBody)
    const {pdus, requests} = await server.gather()
    expect(pdus).toHaveLength(4)
    expect(requests).toBe(13)
  })

  test('that cuts every body is given up', async () => {
    const server = await StubHomeserver.start()
    server.next('messages', ...forever(cutInTheBody))
    const error = await failure(server)
    expect(error.code).toBe('SERVER_UNREACHABLE')
    expect(error.message).toContain('cut the connection in the middle of its answer.')
    expect(server.count('messages')).toBe(5)
  })

  test('that hangs up is asked again, then given up', async () => {
    const server = await StubHomeserver.start()
    server.next('messages', hangUp)
    await server.gather()
    server.next('messages', ...forever(hangUp))
    const error = await failure(server)
    expect(error.code).toBe('SERVER_UNREACHABLE')
    expect(error.message).toContain('closed the connection.')
  })

  test('that says nothing is given up', async () => {
    const server = await StubHomeserver.start()
    server.next('whoami', ...forever(silence))
    const error = await failure(server, {timeoutMs: 100, maxRetryMs: 0})
    expect(error.code).toBe('SERVER_UNREACHABLE')
    expect(error.message).toMatch(/sent nothing for too long\..*UND_ERR_HEADERS_TIMEOUT/u)
  })

  test('that stops in the middle of a body is given up', async () => {
    const server = await StubHomeserver.start()
    server.next('whoami', ...forever(silenceInTheBody))
    const error = await failure(server, {timeoutMs: 100, maxRetryMs: 0})
    expect(error.code).toBe('SERVER_UNREACHABLE')
    expect(error.message).toMatch(/sent nothing for too long\..*UND_ERR_BODY_TIMEOUT/u)
  })

  test.each([
    ['as it is', TOKEN],
    ['percent-encoded', encodeURIComponent(TOKEN)],
    ['in Base64', Buffer.from(TOKEN).toString('base64')],
  ])('that gives the token back %s is not believed, and the token is not repeated', async (_, form) => {
    const server = await StubHomeserver.start()
    for (const reply of [
      json({user_id: `@${form}:example.org`}),
      json({errcode: 'M_FORBIDDEN', error: form}, 403),
      json(`<html>${form}`, 200, {'content-type': form}),
    ]) {
      server.next('whoami', reply)
      const error = await failure(server, {maxRetryMs: 0})
      expect(`${error.message} ${error.hint ?? ''}`).not.toContain(form)
    }
  })

  test('that drips for ever is given up', async () => {
    const server = await StubHomeserver.start()
    server.next('whoami', ...forever(drips))
    const error = await failure(server, {timeoutMs: 300})
    expect(error.code).toBe('SERVER_UNREACHABLE')
    expect(error.message).toMatch(/too slowly/u)
    expect(server.count('whoami')).toBe(1)
  })

  test('may answer with JSON that ends early, once', async () => {
    const server = await StubHomeserver.start()
    server.next('messages', json('{"chunk":['))
    expect((await server.gather()).pdus).toHaveLength(4)
    server.next('messages', ...forever(json('{"chunk":[')))
    const error = await failure(server)
    expect(error.code).toBe('SERVER_ANSWER_MALFORMED')
    expect(error.message).toContain(
      'answered 200 with JSON that is broken or ends early: it starts with "{\\"chunk\\":["',
    )
  })
})

describe('something else than a homeserver', () => {
  test('answers with a page for people', async () => {
    const server = await StubHomeserver.start()
    server.next('whoami', html(200))
    const error = await failure(server)
    expect(error.code).toBe('SERVER_ANSWER_MALFORMED')
    expect(error.message).toBe(
      `${server.url}/_matrix/client/v3/account/whoami answered 200 with text/html, not as the Matrix client API does. ` +
        'It starts with "<html><body>Sign in first</body></html>"',
    )
    expect(server.count('whoami')).toBe(1)
  })

  test('answers 404 with a page for people', async () => {
    const server = await StubHomeserver.start()
    server.next('whoami', html(404, '<h1>Not Found</h1>'))
    const error = await failure(server)
    expect(error.code).toBe('SERVER_ANSWER_MALFORMED')
    expect(error.message).toContain('answered 404 with text/html')
    expect(error.hint).toContain('Check --homeserver')
  })

  test('answers with JSON of another kind', async () => {
    const server = await StubHomeserver.start()
    server.next('whoami', json([1, 2]))
    expect(await failure(server)).toMatchObject({code: 'SERVER_ANSWER_MALFORMED'})
    server.next('versions', json({}))
    expect((await failure(server)).message).toContain('/_matrix/client/versions answered with no list of versions')
    server.next('state', json({nothing: true}))
    expect((await failure(server)).message).toContain('/state answered with no list of state events')
  })

  test('is suspected behind a port that browsers and Node refuse', async () => {
    const server = await StubHomeserver.start()
    const error = await failure(server, {homeserver: 'http://127.0.0.1:6667'})
    expect(error.code).toBe('USAGE')
    expect(error.message).toContain('Port 6667 belongs to another protocol')
  })

  test('sends elsewhere', async () => {
    const server = await StubHomeserver.start()
    const headers = {location: 'https://user:word@other.example/x?access_token=abc'}
    server.next('whoami', json('', 302, headers))
    const error = await failure(server)
    expect(error.code).toBe('SERVER_REFUSED')
    expect(error.message).toContain('answered 302, a redirect to https://other.example/x.')
    expect(server.asked).toHaveLength(1)
  })

  test('does not speak HTTP', async () => {
    const tcp = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.end('220 mail.example ESMTP\r\n')
    })
    await new Promise<void>((resolve) => void tcp.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void tcp.close())
    const server = await StubHomeserver.start()
    const homeserver = `http://127.0.0.1:${String((tcp.address() as AddressInfo).port)}`
    const error = await failure(server, {homeserver})
    expect(error.code).toBe('SERVER_ANSWER_MALFORMED')
    expect(error.message).toContain('does not answer with HTTP')
  })

  test('is kept from playing with the terminal', async () => {
    const server = await StubHomeserver.start()
    server.next('whoami', refusal(403, 'M_FORBIDDEN', 'red \u001b[31m and \u202eback\r\nnew line'))
    const {message} = await failure(server)
    expect(message).toMatch(/red \[31m and back new line$/u)
  })
})

describe('a refusal', () => {
  test('of the token does not show it, even if the server does', async () => {
    const server = await StubHomeserver.start()
    server.next('whoami', refusal(401, 'M_UNKNOWN_TOKEN', `Unknown token ${TOKEN}`))
    const error = await failure(server)
    expect(error.code).toBe('SERVER_REFUSED')
    expect(error.message).toBe(
      `The homeserver does not accept the access token (${server.url}/_matrix/client/v3/account/whoami ` +
        'answered 401 M_UNKNOWN_TOKEN: Unknown token <access token>)',
    )
    expect(error.hint).toContain('log in again')
    expect(server.asked).toHaveLength(1)
  })

  test('shows no token that this process sent in another name, either', async () => {
    const server = await StubHomeserver.start()
    const other = 'syt_admin_abcdefghijkl'
    server.next('whoami', refusal(401, 'M_UNKNOWN_TOKEN', 'nobody knows it'))
    await failure(server, {accessToken: other})
    server.next('whoami', refusal(401, 'M_UNKNOWN_TOKEN', `not ${other}, and not ${TOKEN}`))
    const {message} = await failure(server)
    expect(message).toContain('not <access token>, and not <access token>')
  })

  test('of the room says that the account is not in it', async () => {
    const server = await StubHomeserver.start()
    server.next('state', refusal(403, 'M_FORBIDDEN', 'User not in room'))
    const error = await failure(server)
    expect(error.code).toBe('SERVER_REFUSED')
    expect(error.message).toBe(
      `${USER} may not read ${ROOM}: most likely it is not in the room (M_FORBIDDEN: User not in room)`,
    )
    expect(error.hint).toContain('Join with this account')
    expect(server.count('sync')).toBe(0)
  })

  test('of an alias says that nobody knows it', async () => {
    const server = await StubHomeserver.start()
    server.next('directory', refusal(404, 'M_NOT_FOUND', 'Room alias not found'))
    const error = await failure(server, {room: '#cats:example.org'})
    expect(error.message).toBe('No room is known by the alias #cats:example.org (M_NOT_FOUND: Room alias not found)')
  })

  test('of another kind is told in the server’s words', async () => {
    const server = await StubHomeserver.start()
    server.next('whoami', refusal(403, 'M_USER_DEACTIVATED', 'This account is closed'))
    const error = await failure(server)
    expect(error.message).toMatch(/whoami answered 403 M_USER_DEACTIVATED: This account is closed$/u)
  })
})

describe('an address', () => {
  test('where nothing listens is told at once', async () => {
    const server = await StubHomeserver.start()
    const tcp = createServer()
    await new Promise<void>((resolve) => void tcp.listen(0, '127.0.0.1', resolve))
    const {port} = tcp.address() as AddressInfo
    await new Promise((resolve) => tcp.close(resolve))
    const error = await failure(server, {homeserver: `http://127.0.0.1:${String(port)}`, maxRetryMs: 60_000})
    expect(error.code).toBe('SERVER_UNREACHABLE')
    expect(error.message).toContain(`Nothing accepts connections at 127.0.0.1:${String(port)}.`)
    expect(error.hint).toContain('whether the homeserver runs')
  })

  test('that no DNS knows is told at once', async () => {
    const server = await StubHomeserver.start()
    const error = await failure(server, {homeserver: 'https://matrix-state-test.invalid', maxRetryMs: 60_000})
    expect(error.code).toBe('SERVER_UNREACHABLE')
    expect(error.message).toMatch(/(?:No address is known|The DNS gave no answer) for matrix-state-test\.invalid\./u)
  })

  test('with a certificate that nobody signed needs --insecure', async () => {
    const server = await StubHomeserver.start({tls: true})
    const error = await failure(server)
    expect(error.code).toBe('SERVER_UNREACHABLE')
    expect(error.message).toMatch(
      /The TLS certificate of localhost:\d+ cannot be trusted\..*DEPTH_ZERO_SELF_SIGNED_CERT/u,
    )
    expect(error.hint).toContain('--insecure')
    expect((await server.gather({insecure: true})).pdus).toHaveLength(4)
  })

  test('with https where only http is spoken is told as such', async () => {
    const server = await StubHomeserver.start()
    const error = await failure(server, {homeserver: server.url.replace('http:', 'https:')})
    expect(error.message).toContain('does not speak TLS on this port.')
    expect(error.hint).toContain('http://')
  })

  test('given as a bare name is looked up in .well-known, without the token', async () => {
    const server = await StubHomeserver.start({tls: true})
    server.next('well-known', json({'m.homeserver': {base_url: `${server.url}/prefix/`}}))
    const {requests} = await server.gather({homeserver: server.url.replace('https://', ''), insecure: true})
    expect(server.asked[0]).toEqual({path: '/.well-known/matrix/client', query: {}, authorization: undefined})
    expect(server.asked[1]?.path).toBe('/prefix/_matrix/client/v3/account/whoami')
    expect(requests).toBe(12)
  })

  test.each([{}, {'m.homeserver': {base_url: 'http://elsewhere.invalid'}}, {'m.homeserver': {base_url: 7}}, []])(
    'stays as it is where .well-known says %j',
    async (answer) => {
      const server = await StubHomeserver.start({tls: true})
      server.next('well-known', json(answer))
      await server.gather({homeserver: server.url.replace('https://', ''), insecure: true})
      expect(server.asked[1]?.path).toBe('/_matrix/client/v3/account/whoami')
    },
  )
})

describe('an input', () => {
  test.each<[string, Partial<ClientInput>, string, RegExp]>([
    [
      'a password in the URL',
      {homeserver: 'https://me:hunter2@example.org'},
      'USAGE',
      /holds a user name or a password/u,
    ],
    ['another scheme', {homeserver: 'ftp://example.org'}, 'USAGE', /not by ftp:\/\//u],
    ['a query', {homeserver: 'https://example.org/?access_token=hunter2'}, 'USAGE', /goes on after "\?" or "#"/u],
    ['no URL at all', {homeserver: 'https://'}, 'USAGE', /"https:\/\/" is not a URL/u],
    ['no token', {accessToken: ' \n'}, 'CREDENTIALS_ABSENT', /There is no access token/u],
    ['two tokens', {accessToken: 'syt_hunter2\nsyt_other'}, 'CREDENTIALS_ABSENT', /holds blanks/u],
  ])('with %s is refused before anything is sent', async (_what, input, code, words) => {
    const server = await StubHomeserver.start()
    const error = await failure(server, input)
    expect(error.code).toBe(code)
    expect(error.message).toMatch(words)
    expect(`${error.message} ${error.hint ?? ''} ${String(error.cause)}`).not.toContain('hunter2')
    expect(server.asked).toEqual([])
  })

  test('with a signal stops when it fires, also in a pause', async () => {
    const server = await StubHomeserver.start()
    const reason = new Error('enough')
    const during = server.next('messages', silence).gather({signal: AbortSignal.timeout(100)})
    await expect(during).rejects.toMatchObject({name: 'TimeoutError'})
    server.next('messages', refusal(429, 'M_LIMIT_EXCEEDED', 'slow', {'retry-after': '30'}))
    const stop = new AbortController()
    const paused = server.gather({
      signal: stop.signal,
      maxRetryMs: 60_000,
      onPause: () => {
        queueMicrotask(() => {
          stop.abort(reason)
        })
      },
    })
    await expect(paused).rejects.toBe(reason)
  })
})
