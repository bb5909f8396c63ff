import {createServer} from 'node:http'
import {connect} from 'node:net'
import type {AddressInfo, Socket} from 'node:net'
import {getCACertificates, setDefaultCACertificates} from 'node:tls'
import {inspect} from 'node:util'
import {afterEach, expect, onTestFinished, test, vi} from 'vitest'
import {StateError} from '../../src/errors.ts'
import {createDiscovery} from '../../src/sources/federation-discovery.ts'
import type {Discovery, ServerAddress} from '../../src/sources/federation-discovery.ts'
import {openFederationHttp} from '../../src/sources/federation-http.ts'
import type {FederationHttp, FederationHttpOptions} from '../../src/sources/federation-http.ts'
import {fetchWellKnown} from '../../src/sources/federation-lookups.ts'
import {parseSigningKeys} from '../../src/sources/federation-signing-key.ts'
import {CERTIFICATE} from './client-certificate.ts'
import {cutInTheBody, drips, hangUp, html, json, refusal, silence, silenceInTheBody} from './client-stub.ts'
import type {Reply} from './client-stub.ts'
import {ORIGIN, realRoom, SEED, StubFederation, USER} from './federation-stub.ts'
import {Gathered} from './gathered.ts'

const ROOM = realRoom('conflict-v10')
const URI = '/_matrix/federation/v1/event/%24some'
const [KEY] = parseSigningKeys(`ed25519 1 ${SEED}`, 'f')
const NO_DISCOVERY = createDiscovery({
  fetchWellKnown: () => Promise.reject(new Error('none')),
  resolveSrv: () => Promise.reject(new Error('none')),
  nowMs: () => 0,
})

afterEach(() => {
  vi.unstubAllEnvs()
})

async function open(stub: StubFederation, more: Partial<FederationHttpOptions> = {}): Promise<FederationHttp> {
  const http = await openFederationHttp({
    server: stub.name,
    signer: {origin: ORIGIN, key: KEY},
    discovery: NO_DISCOVERY,
    insecure: true,
    // Pauses start at 5 ms: a sixtieth of the limit.
    maxRetryMs: 300,
    ...more,
  })
  onTestFinished(() => http.close())
  return http
}

const PASSING: readonly (readonly [string, Reply])[] = [
  ['429 without a word', refusal(429, 'M_LIMIT_EXCEEDED', 'Too Many Requests')],
  ['429 with retry_after_ms', json({errcode: 'M_LIMIT_EXCEEDED', error: 'x', retry_after_ms: 20}, 429)],
  ['429 with Retry-After in seconds', refusal(429, 'M_LIMIT_EXCEEDED', 'x', {'retry-after': '0'})],
  ['429 with Retry-After as a date', refusal(429, 'M_X', 'x', {'retry-after': new Date(0).toUTCString()})],
  ['500', refusal(500, 'M_UNKNOWN', 'Internal server error')],
  ['502 of a reverse proxy', html(502)],
  ['503', html(503)],
  ['broken JSON', json('{"pdus":[{"type":')],
  ['a cut body', cutInTheBody],
  ['a closed connection', hangUp],
]
test.each(PASSING)('%s is tried again', async (_, reply) => {
  const stub = await StubFederation.start(ROOM)
  stub.next('event', reply, reply, json({pdus: []}))
  const http = await open(stub)
  expect(await http.ask({uri: URI})).toMatchObject({kind: 'answer', text: '{"pdus":[]}'})
  expect(http.requests()).toBe(3)
  expect(stub.unsigned).toEqual([])
})

const LASTING: readonly (readonly [string, Reply, object])[] = [
  ['502 for ever', html(502), {kind: 'failed', status: 502}],
  ['HTML', html(200), {kind: 'failed', status: 200}],
  ['404 of a reverse proxy', html(404), {kind: 'failed', status: 404}],
  ['404 of Synapse', json('""', 404), {kind: 'refused', status: 404}],
  ['403', refusal(403, 'M_FORBIDDEN', 'no\u001b[31m'), {kind: 'refused', status: 403, said: 'M_FORBIDDEN: no [31m'}],
  ['bytes that are no UTF-8', (_, response) => void response.end(Buffer.from([0x22, 0xff, 0x22])), {kind: 'failed'}],
]
test.each(LASTING)('%s is told as what it is', async (_, reply, expected) => {
  const stub = await StubFederation.start(ROOM)
  stub.next('event', ...Array.from({length: 9}, () => reply))
  const answer = await (await open(stub)).ask({uri: URI})
  expect(answer).toMatchObject(expected)
  expect(inspect(answer)).not.toContain('--homeserver')
})

test('a 429 that asks for too long ends with an error that says so, at once', async () => {
  const stub = await StubFederation.start(ROOM)
  stub.next('event', refusal(429, 'M_LIMIT_EXCEEDED', 'x', {'retry-after': '3600'}))
  const http = await open(stub)
  await expect(http.ask({uri: URI})).rejects.toMatchObject({
    code: 'RATE_LIMITED',
    message: expect.stringContaining('3600 s') as string,
  })
  expect(http.requests()).toBe(1)
})

test('pauses grow and are told', async () => {
  const stub = await StubFederation.start(ROOM)
  stub.next('event', html(502), html(502), html(502), json({pdus: []}))
  const pauses: number[] = []
  const http = await open(stub)
  await http.ask({uri: URI, onPause: ({ms}) => pauses.push(ms)})
  expect(pauses).toEqual([5, 10, 20])
})

test('a signed request is not sent after a redirect', async () => {
  const stub = await StubFederation.start(ROOM)
  stub.next('event', json('', 302, {location: `https://localhost:${String(stub.port)}/_matrix/elsewhere`}))
  const answer = await (await open(stub)).ask({uri: URI})
  expect(answer).toMatchObject({kind: 'failed', error: {code: 'SERVER_REFUSED'}})
  expect(stub.asked).toHaveLength(1)
})

test('a body that is too long is not read to its end', async () => {
  const stub = await StubFederation.start(ROOM)
  let written = 0
  stub.next('event', (_request, response) => {
    response.writeHead(200, {'content-type': 'application/json'})
    const more = (): void => {
      while (!response.destroyed && written < 1e8) {
        written += 65_536
        if (!response.write(' '.repeat(65_536))) {
          response.once('drain', more)
          return
        }
      }
      response.end()
    }
    more()
  })
  const answer = await (await open(stub, {maxBodyBytes: 200_000})).ask({uri: URI})
  expect(answer).toMatchObject({kind: 'failed', error: {code: 'SERVER_ANSWER_MALFORMED'}})
  expect(written).toBeLessThan(5e7)
})

test.each([
  ['before the answer', silence],
  ['within the answer', silenceInTheBody],
])('silence %s ends by a time-out', async (_, reply) => {
  const stub = await StubFederation.start(ROOM)
  stub.next('event', reply, json({pdus: []}))
  const pauses: string[] = []
  const http = await open(stub, {timeouts: {silenceMs: 300}})
  const answer = await http.ask({uri: URI, onPause: ({reason}) => pauses.push(reason)})
  expect(answer.kind).toBe('answer')
  expect(pauses[0]).toMatch(/sent nothing for too long/)
})

test('an answer in drips ends the route', async () => {
  const stub = await StubFederation.start(ROOM)
  stub.next('event', drips)
  const http = await open(stub, {timeouts: {silenceMs: 300}})
  await expect(http.ask({uri: URI})).rejects.toMatchObject({
    code: 'SERVER_UNREACHABLE',
    message: expect.stringContaining('too slowly') as string,
  })
  expect(http.requests()).toBe(1)
})

test('the signal ends a request, a pause and the wait for a turn with its reason', async () => {
  const stub = await StubFederation.start(ROOM)
  const reason = new Error('enough')
  stub.next('event', silence)
  const http = await open(stub, {concurrency: 1})
  const stop = new AbortController()
  const asking = [http.ask({uri: URI, signal: stop.signal}), http.ask({uri: URI, signal: stop.signal})]
  setTimeout(() => {
    stop.abort(reason)
  }, 50)
  for (const asked of asking) await expect(asked).rejects.toBe(reason)

  stub.next('event', refusal(429, 'M_LIMIT_EXCEEDED', 'x', {'retry-after': '60'}))
  const late = new AbortController()
  const patient = await open(stub, {maxRetryMs: 600_000})
  const onPause = (): void => {
    setImmediate(() => {
      late.abort(reason)
    })
  }
  await expect(patient.ask({uri: URI, signal: late.signal, onPause})).rejects.toBe(reason)
})

test('a server that cannot be reached is told with the way by which it was looked for', async () => {
  const stub = await StubFederation.start(ROOM)
  const at = (host: string, port: number): ServerAddress => ({host, port, hostHeader: 'h', tlsName: 'h'})
  const discovery: Discovery = {
    discover: async () => ({addresses: [at('127.0.0.1', 1)], trail: ['SRV _matrix-fed._tcp.h: 127.0.0.1:1']}),
  }
  const http = await open(stub, {discovery})
  const error: unknown = await http.ask({uri: URI}).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({code: 'SERVER_UNREACHABLE'})
  expect((error as StateError).hint).toContain('SRV _matrix-fed._tcp.h')
})

test('the next address is tried when one cannot be connected to', async () => {
  const stub = await StubFederation.start(ROOM)
  const at = (port: number): ServerAddress => ({host: '127.0.0.1', port, hostHeader: 'h', tlsName: 'h'})
  const discovery: Discovery = {discover: async () => ({addresses: [at(1), at(stub.port)], trail: []})}
  const http = await open(stub, {discovery})
  expect((await http.ask({uri: URI})).kind).toBe('refused')
})

test('the certificate must be for the name that discovery says, which is also sent as SNI and Host', async () => {
  const usual = getCACertificates('default')
  setDefaultCACertificates([...usual, CERTIFICATE])
  onTestFinished(() => {
    setDefaultCACertificates(usual)
  })
  const stub = await StubFederation.start(ROOM)
  const to = (tlsName: string, hostHeader: string): Discovery => ({
    discover: async () => ({addresses: [{host: '127.0.0.1', port: stub.port, hostHeader, tlsName}], trail: []}),
  })
  const good = await open(stub, {insecure: false, discovery: to('localhost', 'localhost')})
  expect((await good.ask({uri: URI})).kind).toBe('refused')
  expect(stub.asked.at(-1)).toMatchObject({host: 'localhost', sni: 'localhost'})

  for (const name of ['example.org', '127.0.0.1']) {
    const bad = await open(stub, {insecure: false, discovery: to(name, name)})
    await expect(bad.ask({uri: URI})).rejects.toMatchObject({
      code: 'SERVER_UNREACHABLE',
      message: expect.stringContaining('certificate') as string,
    })
  }
  const other = await open(stub, {insecure: true, discovery: to('hs.example.org', 'hs.example.org')})
  await other.ask({uri: URI})
  expect(stub.asked.at(-1)).toMatchObject({host: 'hs.example.org', sni: 'hs.example.org'})
})

test('without insecure, a certificate of nobody knows whom is refused', async () => {
  const stub = await StubFederation.start(ROOM)
  const http = await open(stub, {insecure: false})
  await expect(http.ask({uri: URI})).rejects.toMatchObject({
    code: 'SERVER_UNREACHABLE',
    hint: expect.stringContaining('--insecure') as string,
  })
})

test('an address replaces where to connect, not who is asked', async () => {
  const stub = await StubFederation.start(ROOM)
  const http = await open(stub, {address: `127.0.0.1:${String(stub.port)}`})
  expect((await http.ask({uri: URI})).kind).toBe('refused')
  expect(stub.asked.at(-1)).toMatchObject({host: stub.name, sni: 'localhost'})
  await expect((await open(stub, {address: 'nonsense'})).ask({uri: URI})).rejects.toMatchObject({code: 'USAGE'})
})

test('HTTPS_PROXY is used, but not for loopback nor for what NO_PROXY names', async () => {
  const stub = await StubFederation.start(ROOM)
  const proxied: string[] = []
  const proxy = createServer()
  proxy.on('connect', (request, socket: Socket) => {
    proxied.push(request.url ?? '')
    const onward = connect(stub.port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      onward.pipe(socket).pipe(onward)
    })
    for (const end of [socket, onward]) end.on('error', () => undefined)
    onTestFinished(() => void onward.destroy())
  })
  await new Promise<void>((resolve) => void proxy.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void proxy.close())
  vi.stubEnv('HTTPS_PROXY', `http://127.0.0.1:${String((proxy.address() as AddressInfo).port)}`)
  vi.stubEnv('https_proxy', process.env['HTTPS_PROXY'])
  vi.stubEnv('NO_PROXY', 'spared.invalid')
  vi.stubEnv('no_proxy', 'spared.invalid')
  const to = (host: string): Discovery => ({
    discover: async () => ({addresses: [{host, port: 4448, hostHeader: 'h.invalid', tlsName: 'h.invalid'}], trail: []}),
  })
  const far = await open(stub, {discovery: to('far.invalid')})
  expect((await far.ask({uri: URI})).kind).toBe('refused')
  expect(proxied).toEqual(['far.invalid:4448'])
  expect(stub.asked.at(-1)).toMatchObject({host: 'h.invalid', sni: 'h.invalid'})
  await expect((await open(stub, {discovery: to('spared.invalid')})).ask({uri: URI})).rejects.toThrow()
  expect((await (await open(stub)).ask({uri: URI})).kind).toBe('refused')
  expect(proxied).toHaveLength(1)
})

test('well-known answers: redirects are followed, over HTTPS only, and long ones are not read', async () => {
  const stub = await StubFederation.start(ROOM)
  // The stub wants signatures of everything; what it answers then is an answer like any other.
  const base = `https://localhost:${String(stub.port)}`
  expect(await fetchWellKnown(`${base}/.well-known/matrix/server`, {insecure: true})).toMatchObject({status: 401})
  const server = await wellKnownServer({
    '/one': (_, response) => void response.writeHead(307, {location: '/two'}).end(),
    '/two': json({'m.server': 'x'}, 200, {'cache-control': 'max-age=5', expires: 'never'}),
    '/http': (_, response) => void response.writeHead(302, {location: 'http://localhost/'}).end(),
    '/round': (_, response) => void response.writeHead(302, {location: '/round'}).end(),
    '/long': json(' '.repeat(60_000)),
    '/cut': cutInTheBody,
  })
  const options = {insecure: true, timeoutMs: 2000}
  expect(await fetchWellKnown(`${server}/one`, options)).toEqual({
    status: 200,
    text: '{"m.server":"x"}',
    cacheControl: 'max-age=5',
    expires: 'never',
  })
  await expect(fetchWellKnown(`${server}/http`, options)).rejects.toThrow(/no https/)
  await expect(fetchWellKnown(`${server}/round`, options)).rejects.toThrow(/more than 10 times/)
  await expect(fetchWellKnown(`${server}/long`, options)).rejects.toThrow(/longer than/)
  await expect(fetchWellKnown(`${server}/cut`, options)).rejects.toThrow(/cut the connection/)
  await expect(fetchWellKnown(`${server}/one`, {timeoutMs: 2000})).rejects.toThrow(/certificate/)
})

test('a gathering goes through all kinds of faults with nothing lost', async () => {
  const stub = await StubFederation.start(ROOM)
  const limited = json({errcode: 'M_LIMIT_EXCEEDED', error: 'x', retry_after_ms: 1}, 429)
  stub.next('make_join', html(502))
  stub.next('backfill', cutInTheBody, hangUp, limited, json('{"pdus":['))
  stub.next('state', limited, html(503))
  const gathered = await new Gathered(ROOM.roomId).gather(stub.route({user: USER}))
  expect(gathered.ids).toEqual([...ROOM.events.keys()].sort())
  expect(gathered.refusals).toEqual([])
  expect(gathered.pauses.length).toBe(7)
  expect(gathered.requests).toBe(stub.asked.length)
})

async function wellKnownServer(replies: Readonly<Record<string, Reply>>): Promise<string> {
  const stub = await StubFederation.start(ROOM, (request, response) => {
    const reply = replies[request.url ?? '']
    reply?.(request, response)
    return reply !== undefined
  })
  return `https://localhost:${String(stub.port)}`
}
