import {createServer, request as plainRequest} from 'node:http'
import type {Server} from 'node:http'
import {createServer as createTlsServer, request as tlsRequest} from 'node:https'
import type {AddressInfo} from 'node:net'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {CERTIFICATE, PRIVATE_KEY} from '../sources/client-certificate.ts'
import {FAULTS, FaultProxy} from './fault-proxy.ts'
import type {Fault} from './fault-proxy.ts'

const ANSWER = JSON.stringify({chunk: ['first', 'second'], end: 't1'})

interface Got {
  readonly status: number
  readonly headers: NodeJS.Dict<string | string[]>
  readonly body: string
  /** The answer ended before it was whole. */
  readonly cut: boolean
}

async function ask(url: string, options: {method?: string; body?: string; agent?: string} = {}): Promise<Got> {
  const send = url.startsWith('https:') ? tlsRequest : plainRequest
  return new Promise((resolve, reject) => {
    const headers = {authorization: 'Bearer secret', 'user-agent': options.agent ?? 'test'}
    const sent = send(
      url,
      {method: options.method ?? 'GET', headers, rejectUnauthorized: false, agent: false},
      (got) => {
        let body = ''
        const end = (cut: boolean): void => resolve({status: got.statusCode ?? 0, headers: got.headers, body, cut})
        got.setEncoding('utf8').on('data', (chunk: string) => {
          body += chunk
          if (body.length > 2 ** 21) got.destroy()
        })
        got.once('error', () => end(true))
        got.once('close', () => end(!got.complete))
      },
    )
    sent.once('error', reject)
    sent.end(options.body)
  })
}

describe.each(['http', 'https'])('a proxy in front of a real %s server', (protocol) => {
  let real: Server
  let proxy: FaultProxy
  let asked: string[]

  beforeEach(async () => {
    asked = []
    const handle: Parameters<typeof createServer>[1] = (incoming, response) => {
      let body = ''
      incoming.on('data', (chunk: Buffer) => (body += chunk.toString()))
      incoming.once('end', () => {
        asked.push(`${incoming.method ?? ''} ${incoming.url ?? ''} ${incoming.headers.authorization ?? ''} ${body}`)
        response.writeHead(200, {'content-type': 'application/json'})
        response.end(ANSWER)
      })
    }
    const tls = {cert: CERTIFICATE, key: PRIVATE_KEY}
    real = protocol === 'http' ? createServer(handle) : createTlsServer(tls, handle)
    await new Promise<void>((resolve) => real.listen(0, '127.0.0.1', resolve))
    const target = `${protocol}://127.0.0.1:${String((real.address() as AddressInfo).port)}`
    proxy = await FaultProxy.launch({target, ...(protocol === 'https' ? {tls} : {})})
  })
  afterEach(async () => {
    await proxy.close()
    await new Promise((resolve) => {
      real.close(resolve)
      real.closeAllConnections()
    })
  })
  const hit = (fault: Fault, first = 1, times = 1): void => proxy.script([{match: /\/messages/u, first, times, fault}])

  it('passes on what is asked and answered, and writes down no header', async () => {
    const got = await ask(`${proxy.url}/messages?from=a%2Fb`, {method: 'POST', body: '{"n":1}'})
    expect(got).toMatchObject({status: 200, body: ANSWER, cut: false})
    expect(asked).toEqual(['POST /messages?from=a%2Fb Bearer secret {"n":1}'])
    expect(proxy.exchanges).toMatchObject([{method: 'POST', url: '/messages?from=a%2Fb', status: 200, completed: true}])
    expect(JSON.stringify(proxy.exchanges)).not.toContain('secret')
  })

  it('hits the requests of the script only, then lets through', async () => {
    hit(FAULTS.badGateway, 2, 2)
    const statuses: number[] = []
    for (const path of ['/messages', '/other', '/messages', '/messages', '/messages', '/other']) {
      statuses.push((await ask(`${proxy.url}${path}`)).status)
    }
    expect(statuses).toEqual([200, 200, 502, 502, 200, 200])
    expect(proxy.exchanges.map(({completed}) => completed)).toEqual([true, true, false, false, true, true])
  })

  it('cuts in the middle of the body', async () => {
    hit(FAULTS.cut)
    expect(await ask(`${proxy.url}/messages`)).toMatchObject({
      status: 200,
      cut: true,
      body: ANSWER.slice(0, Math.floor(ANSWER.length / 2)),
    })
    expect(proxy.exchanges[0]?.completed).toBe(false)
  })

  it('cuts before any answer, and does not ask the server', async () => {
    hit(FAULTS.reset)
    await expect(ask(`${proxy.url}/messages`)).rejects.toThrow(/hang up|ECONNRESET/u)
    expect(asked).toEqual([])
  })

  it('answers half of the JSON as if it were all', async () => {
    hit(FAULTS.truncate)
    const got = await ask(`${proxy.url}/messages`)
    expect(got).toMatchObject({status: 200, cut: false})
    expect(() => JSON.parse(got.body) as unknown).toThrow(SyntaxError)
  })

  it('answers 429 with Retry-After, HTML and redirects on its own', async () => {
    hit(FAULTS.tooMany)
    expect(await ask(`${proxy.url}/messages`)).toMatchObject({status: 429, headers: {'retry-after': '1'}})
    hit(FAULTS.html)
    expect(await ask(`${proxy.url}/messages`)).toMatchObject({status: 200, headers: {'content-type': 'text/html'}})
    hit(FAULTS.redirect)
    expect(await ask(`${proxy.url}/messages`)).toMatchObject({status: 302, headers: {location: expect.any(String)}})
    expect(asked).toEqual([])
  })

  it('floods until the client goes away', async () => {
    hit(FAULTS.flood)
    const got = await ask(`${proxy.url}/messages`)
    expect(got.cut).toBe(true)
    expect(got.body.length).toBeGreaterThan(2 ** 21)
    expect(proxy.exchanges[0]?.bytesSent).toBeLessThan(FAULTS.flood.limit)
  })

  it('gives another body', async () => {
    hit({kind: 'rewrite', rewrite: (body) => body.replace('second', 'zw\u00f6lfter')})
    const got = await ask(`${proxy.url}/messages`)
    expect(JSON.parse(got.body)).toEqual({chunk: ['first', 'zw\u00f6lfter'], end: 't1'})
  })

  it('passes on late', async () => {
    hit({kind: 'delay', ms: 5})
    expect(await ask(`${proxy.url}/messages`)).toMatchObject({status: 200, body: ANSWER})
    expect(proxy.exchanges).toMatchObject([{fault: 'delay', completed: true}])
  })

  it('leaves what servers ask of each other alone', async () => {
    hit(FAULTS.badGateway, 1, 100)
    expect(await ask(`${proxy.url}/messages`, {agent: 'Synapse/1.163.2'})).toMatchObject({status: 200})
    expect(await ask(`${proxy.url}/messages`)).toMatchObject({status: 502})
    expect(proxy.takeExchanges()).toHaveLength(1)
  })

  it('says 502 by cutting when the server is gone', async () => {
    await new Promise((resolve) => {
      real.close(resolve)
      real.closeAllConnections()
    })
    await expect(ask(`${proxy.url}/messages`)).rejects.toThrow(/hang up|ECONNRESET/u)
  })
})
