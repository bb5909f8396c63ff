import {describe, expect, test} from 'vitest'
import {type Change, openClientHttp} from '../../src/sources/client-http.ts'
import {cutInTheBody, hangUp, html, json, refusal, type Reply} from './client-stub.ts'
import {ALICE_TOKEN, LoginServer} from './login-server.ts'

const PATH = '/_matrix/client/v3/logout'
const WHAT = 'POST /logout'

async function sent(replies: readonly Reply[], change: Partial<Change> = {}) {
  const server = await LoginServer.start()
  server.fault(WHAT, ...replies)
  // Pauses between attempts start at 5 ms.
  const http = await openClientHttp({baseUrl: server.url, accessToken: ALICE_TOKEN, maxRetryMs: 300})
  try {
    const answer = await http
      .send({method: 'POST', path: PATH, body: {a: 1}, ...change})
      .catch((error: unknown) => error)
    return {answer, times: server.words.filter((what) => what === WHAT).length, server}
  } finally {
    await http.close()
  }
}

const FAULTS: readonly [string, Reply][] = [
  ['502', html(502)],
  ['500', refusal(500, 'M_UNKNOWN', 'oops')],
  ['a connection that is closed', hangUp],
  ['an answer that is cut', cutInTheBody],
]

describe('what changes something', () => {
  test.each(FAULTS)('is sent once after %s', async (_name, fault) => {
    const {answer, times} = await sent([fault])
    expect(answer).toBeInstanceOf(Error)
    expect(times).toBe(1)
  })

  test.each(FAULTS)('is sent again after %s where that does no harm', async (_name, fault) => {
    const {answer, times} = await sent([fault], {idempotent: true})
    expect(answer).toMatchObject({status: 200, json: {}})
    expect(times).toBe(2)
  })

  test('is sent again after 429, which says that nothing was done', async () => {
    const {answer, times} = await sent([refusal(429, 'M_LIMIT_EXCEEDED', 'slow')])
    expect(answer).toMatchObject({status: 200})
    expect(times).toBe(2)
  })

  test('is not sent to where a redirect leads', async () => {
    const other = await LoginServer.start()
    for (const status of [301, 307, 308]) {
      const {answer} = await sent([json({}, status, {location: `${other.url}${PATH}`})])
      expect(answer).toMatchObject({code: 'SERVER_REFUSED'})
    }
    expect(other.asked).toEqual([])
  })

  test('takes a refusal for an answer where it is one', async () => {
    const steps = {flows: [{stages: ['m.login.password']}], session: 'x'}
    const {answer, times} = await sent([json(steps, 401)], {accept: [401]})
    expect(answer).toMatchObject({status: 401, json: steps})
    expect(times).toBe(1)
    expect((await sent([json(steps, 401)])).answer).toBeInstanceOf(Error)
    expect((await sent([html(401)], {accept: [401]})).answer).toMatchObject({code: 'SERVER_ANSWER_MALFORMED'})
  })

  test('is sent by its method, with its body', async () => {
    const server = await LoginServer.start()
    server.more = (what, body) => ({what, body})
    const http = await openClientHttp({baseUrl: server.url, accessToken: ALICE_TOKEN})
    for (const method of ['PUT', 'DELETE', 'POST'] as const) {
      const {json: answer} = await http.send({method, path: '/_matrix/client/v3/thing', body: {m: method}})
      expect(answer).toEqual({what: `${method} /thing`, body: {m: method}})
    }
    await http.close()
  })
})
