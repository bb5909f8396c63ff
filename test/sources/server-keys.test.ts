import {createServer} from 'node:https'
import type {IncomingMessage} from 'node:http'
import {expect, test} from 'vitest'
import type {Json, JsonObject} from '../../src/matrix/json.ts'
import {signedText} from '../../src/matrix/signatures.ts'
import {fetchServerKeys} from '../../src/sources/server-keys.ts'
import {vectors} from '../matrix/vectors.ts'
import {signText} from '../matrix/vectors.ts'
import {CERTIFICATE, PRIVATE_KEY} from './client-certificate.ts'
import {hangUp, html, json} from './client-stub.ts'
import type {Reply} from './client-stub.ts'
import {listen} from './listen.ts'

const {seed_unpadded_b64: SEED, public_key_unpadded_b64: PUBLIC} = vectors.key
const OLD = Buffer.alloc(32, 7).toString('base64').replace(/=$/, '')

/** What a server publishes, signed as it should be. */
function published(server: string, more: Readonly<Record<string, Json>> = {}, sign = true): JsonObject {
  const object = {
    server_name: server,
    valid_until_ts: 2000,
    verify_keys: {'ed25519:1': {key: PUBLIC}},
    old_verify_keys: {'ed25519:0': {key: OLD, expired_ts: 1000}},
    ...more,
  }
  return sign ? {...object, signatures: {[server]: {'ed25519:1': signText(signedText(object), SEED)}}} : object
}

interface KeyStub {
  readonly name: string
  readonly asked: {readonly url: string; readonly body: string; readonly authorization: string | undefined}[]
}

async function keyStub(answer: (stub: KeyStub, request: IncomingMessage) => Reply): Promise<KeyStub> {
  const server = createServer({cert: CERTIFICATE, key: PRIVATE_KEY})
  const stub: KeyStub = {name: `localhost:${String(await listen(server))}`, asked: []}
  server.on('request', (request: IncomingMessage, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const {url = '', headers} = request
      stub.asked.push({url, body: Buffer.concat(chunks).toString(), authorization: headers.authorization})
      answer(stub, request)(request, response)
    })
  })
  return stub
}

const OPTIONS = {insecure: true, maxRetryMs: 60, nowMs: () => 500} as const

test('keys come from the server itself, current and old ones, with the text as it came', async () => {
  const stub = await keyStub(({name}) => json(` ${JSON.stringify(published(name), null, 1)}\n`))
  const {fetched, refusals, requests} = await fetchServerKeys([stub.name, stub.name], OPTIONS)
  const common = {server: stub.name, fetchedTs: 500, via: 'direct'}
  expect(fetched).toEqual([
    {
      server: stub.name,
      via: 'direct',
      text: ` ${JSON.stringify(published(stub.name), null, 1)}\n`,
      keys: [
        {...common, keyId: 'ed25519:1', key: PUBLIC, validUntilTs: 2000, expiredTs: null},
        {...common, keyId: 'ed25519:0', key: OLD, validUntilTs: null, expiredTs: 1000},
      ],
    },
  ])
  expect([refusals, requests]).toEqual([[], 1])
  expect(stub.asked).toEqual([{url: '/_matrix/key/v2/server', body: '', authorization: undefined}])
})

test('a notary is asked for the keys of those that do not answer, by key ID, and only for those', async () => {
  const notary = await keyStub(({name}, {url}) => {
    if (url === '/_matrix/key/v2/server') return json(published(name))
    const other = published('other.example.org')
    return json(`{"server_keys": [${JSON.stringify(published('gone.invalid'))} , ${JSON.stringify(other)}]}`)
  })
  const silent = await keyStub(() => hangUp)
  const asked = ['gone.invalid', silent.name, notary.name]
  const keyIds = new Map([['gone.invalid', ['ed25519:1']]])
  const discovery = {
    discover: async (server: string) => {
      const port = server === 'gone.invalid' ? 1 : Number(server.split(':')[1])
      return {addresses: [{host: '127.0.0.1', port, hostHeader: server, tlsName: 'localhost'}] as const, trail: []}
    },
  }
  const {fetched, refusals} = await fetchServerKeys(asked, {...OPTIONS, notaries: [notary.name], keyIds, discovery})
  expect(fetched.map(({server, via}) => [server, via])).toEqual([
    [notary.name, 'direct'],
    ['gone.invalid', `notary ${notary.name}`],
  ])
  expect(fetched[1]?.text).toBe(JSON.stringify(published('gone.invalid')))
  expect(fetched[1]?.keys[0]?.via).toBe(`notary ${notary.name}`)
  expect(JSON.parse(notary.asked.find(({body}) => body !== '')?.body ?? '')).toEqual({
    server_keys: {'gone.invalid': {'ed25519:1': {minimum_valid_until_ts: 0}}, [silent.name]: {}},
  })
  expect(refusals.map(({what, outcome}) => [what, outcome])).toEqual([
    ['/_matrix/key/v2/server of gone.invalid', 'failed'],
    [`/_matrix/key/v2/server of ${silent.name}`, 'failed'],
    [`/_matrix/key/v2/query of ${notary.name} for ${silent.name}`, 'absent'],
  ])
})

test('keys that will not be valid for long enough are asked of a notary, too', async () => {
  const notary = await keyStub(() => json({server_keys: []}))
  const stub = await keyStub(({name}) => json(published(name)))
  const {fetched} = await fetchServerKeys([stub.name], {...OPTIONS, notaries: [notary.name], minimumValidUntilMs: 2001})
  expect(fetched).toHaveLength(1)
  expect(notary.asked).toHaveLength(1)
  await fetchServerKeys([stub.name], {...OPTIONS, notaries: [notary.name], minimumValidUntilMs: 2000})
  expect(notary.asked).toHaveLength(1)
})

test('what is no answer is a refusal for that server alone', async () => {
  const good = await keyStub(({name}) => json(published(name)))
  const bad = await keyStub(() => html(404))
  const forged = await keyStub(({name}) => json({...published(name), valid_until_ts: 9999}))
  const other = await keyStub(() => json(published('other.example.org')))
  const empty = await keyStub(() => json({server_keys: []}))
  const asked = [bad.name, forged.name, other.name, empty.name, 'no name', good.name]
  const {fetched, refusals} = await fetchServerKeys(asked, OPTIONS)
  expect(fetched.map(({server}) => server)).toEqual([good.name])
  const messages = new Map(refusals.map(({what, message}) => [what.replace(/.* of /, ''), message]))
  expect([...messages.keys()].sort()).toEqual(asked.slice(0, 5).sort())
  expect(messages.get(forged.name)).toMatch(/has a bad signature by its own key "ed25519:1"$/)
  expect(messages.get(other.name)).toBe(`the answer has keys of "other.example.org" instead of "${other.name}"`)
  expect(messages.get(empty.name)).toBe('there are no keys in it')
})

test('the signal ends it', async () => {
  const stub = await keyStub(() => () => undefined)
  const reason = new Error('enough')
  const stop = new AbortController()
  const fetching = fetchServerKeys([stub.name], {...OPTIONS, signal: stop.signal})
  setTimeout(() => {
    stop.abort(reason)
  }, 50)
  await expect(fetching).rejects.toBe(reason)
})
