import {createServer, request as httpRequest} from 'node:http'
import type {IncomingMessage, Server} from 'node:http'
import {connect} from 'node:net'
import type {Socket} from 'node:net'
import {afterEach, beforeEach, describe, expect, test, vi} from 'vitest'
import {StubHomeserver} from './client-stub.ts'
import {listen} from './listen.ts'

const VARIABLES = ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY', 'no_proxy', 'NO_PROXY']

beforeEach(() => {
  for (const name of VARIABLES) vi.stubEnv(name, undefined)
})
afterEach(() => {
  vi.unstubAllEnvs()
})

/** A proxy on a real socket that leads every name to one port of this machine. */
class Proxy {
  readonly seen: string[] = []
  refuses = false
  readonly url: string

  private constructor(server: Server, port: number, target: number) {
    this.url = `http://me:hunter2@127.0.0.1:${String(port)}`
    server.on('connect', (request: IncomingMessage, socket: Socket) => {
      this.seen.push(`CONNECT ${request.url ?? ''}`)
      if (this.refuses) {
        socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
        return
      }
      const onward = connect(target, 'localhost', () => {
        socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
        onward.pipe(socket).pipe(onward)
      })
      for (const end of [socket, onward]) end.on('error', () => socket.destroy())
    })
    server.on('request', (request: IncomingMessage, response) => {
      const url = new URL(request.url ?? '', 'http://none.invalid')
      this.seen.push(`${request.method ?? ''} ${url.origin}`)
      const onward = httpRequest(
        {host: 'localhost', port: target, path: url.pathname + url.search, headers: request.headers},
        (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers)
          answer.pipe(response)
        },
      )
      onward.end()
    })
  }

  static async start(target: string): Promise<Proxy> {
    const server = createServer()
    return new Proxy(server, await listen(server), Number(new URL(target).port))
  }
}

describe('a proxy of the environment', () => {
  test('is used for http', async () => {
    const server = await StubHomeserver.start()
    const proxy = await Proxy.start(server.url)
    vi.stubEnv('HTTP_PROXY', proxy.url)
    const {pdus} = await server.gather({homeserver: 'http://matrix.example.invalid'})
    expect(pdus).toHaveLength(4)
    expect(new Set(proxy.seen)).toEqual(new Set(['GET http://matrix.example.invalid']))
  })

  test('is used for https as a tunnel, through which certificates are verified', async () => {
    const server = await StubHomeserver.start({tls: true})
    const proxy = await Proxy.start(server.url)
    vi.stubEnv('https_proxy', proxy.url)
    const homeserver = 'https://matrix.example.invalid'
    const {pdus, notes} = await server.gather({homeserver, insecure: true})
    expect(pdus).toHaveLength(4)
    expect(notes).toEqual([
      'The TLS certificate of matrix.example.invalid was not verified (--insecure): somebody else may have answered.',
    ])
    expect(proxy.seen[0]).toBe('CONNECT matrix.example.invalid:443')
    const before = server.asked.length
    const error: unknown = await server.gather({homeserver}).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      code: 'SERVER_UNREACHABLE',
      message: expect.stringContaining('certificate of matrix.example.invalid cannot be trusted') as unknown,
      hint: expect.stringContaining('https_proxy names a proxy') as unknown,
    })
    expect(server.asked).toHaveLength(before)
  })

  test('that refuses is named as such, without its password', async () => {
    const server = await StubHomeserver.start({tls: true})
    const proxy = await Proxy.start(server.url)
    proxy.refuses = true
    vi.stubEnv('HTTPS_PROXY', proxy.url)
    const failing = server.gather({homeserver: 'https://matrix.example.invalid', maxRetryMs: 60_000})
    const error = (await failing.catch((thrown: unknown) => thrown)) as Error & {hint: string}
    expect(error.message).toContain('The proxy that HTTPS_PROXY names answered 407 for matrix.example.invalid')
    vi.stubEnv('HTTPS_PROXY', 'http://me:hunter2@no where')
    const unusable = server.gather({homeserver: 'https://matrix.example.invalid'})
    const other = (await unusable.catch((thrown: unknown) => thrown)) as Error & {hint: string}
    expect(other).toMatchObject({code: 'USAGE', message: 'The proxy that HTTPS_PROXY names cannot be used.'})
    for (const {message, hint, cause} of [error, other]) {
      expect(`${message} ${hint} ${String(cause)}`).not.toContain('hunter2')
    }
  })

  test('is not used for hosts that NO_PROXY names, nor for this machine', async () => {
    const server = await StubHomeserver.start()
    const proxy = await Proxy.start(server.url)
    vi.stubEnv('HTTP_PROXY', proxy.url)
    await server.gather()
    expect(proxy.seen).toEqual([])
    vi.stubEnv('NO_PROXY', 'example.invalid')
    const direct = server.gather({homeserver: 'http://matrix.example.invalid', maxRetryMs: 0})
    await expect(direct).rejects.toMatchObject({code: 'SERVER_UNREACHABLE'})
    expect(proxy.seen).toEqual([])
  })
})
