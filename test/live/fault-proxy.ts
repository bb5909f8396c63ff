import {createHash} from 'node:crypto'
import {Agent as HttpAgent, createServer, request as httpRequest} from 'node:http'
import type {IncomingMessage, OutgoingHttpHeaders, Server, ServerResponse} from 'node:http'
import {Agent as HttpsAgent, createServer as createTlsServer, request as httpsRequest} from 'node:https'
import type {AddressInfo, Socket} from 'node:net'
import {once} from 'node:events'
import {setTimeout as sleep} from 'node:timers/promises'

/** What is done to one request instead of just passing it on. */
export type Fault =
  /** Passed on after a while. */
  | {readonly kind: 'delay'; readonly ms: number}
  /** Passed on at once; the answer is, after a while. */
  | {readonly kind: 'late'; readonly ms: number}
  /** The real answer's head and half of its body, then the connection is cut. */
  | {readonly kind: 'cut'}
  /** The connection is cut before any answer. The real server is not asked. */
  | {readonly kind: 'reset'}
  /** An answer of the proxy's own; the real server is not asked. */
  | {readonly kind: 'answer'; readonly status: number; readonly headers?: OutgoingHttpHeaders; readonly body?: string}
  /** Half of the real answer's body, as if it were all. */
  | {readonly kind: 'truncate'}
  /** JSON that does not end, as fast as it is read, up to a limit at which the check has failed anyway. */
  | {readonly kind: 'flood'; readonly limit: number}
  /** The real answer with another body. */
  | {readonly kind: 'rewrite'; readonly rewrite: (body: string) => string}

/** Faults by name, as scripts use them. */
export const FAULTS = {
  delay: {kind: 'delay', ms: 1500},
  cut: {kind: 'cut'},
  reset: {kind: 'reset'},
  tooMany: {
    kind: 'answer',
    status: 429,
    headers: {'content-type': 'application/json', 'retry-after': '1'},
    body: '{"errcode":"M_LIMIT_EXCEEDED","error":"Too Many Requests","retry_after_ms":1000}',
  },
  badGateway: {kind: 'answer', status: 502, headers: {'content-type': 'text/html'}, body: '<h1>502 Bad Gateway</h1>'},
  html: {kind: 'answer', status: 200, headers: {'content-type': 'text/html'}, body: '<!doctype html><p>Please log in'},
  truncate: {kind: 'truncate'},
  redirect: {kind: 'answer', status: 302, headers: {location: 'https://127.0.0.1:9/elsewhere'}},
  flood: {kind: 'flood', limit: 2 ** 30},
} as const satisfies Record<string, Fault>

/** Which requests of those that match are hit: the `first`-th (from 1) and `times - 1` after it. */
export interface FaultRule {
  /** Tried on `GET /path?query`. */
  readonly match: RegExp
  readonly first: number
  readonly times: number
  readonly fault: Fault
}

/** One request as the proxy saw it. No header is kept: they hold secrets. */
export interface Exchange {
  readonly method: string
  readonly url: string
  /** Of the request's body; empty when there was none. */
  readonly body: string
  /** Sent by a Matrix server, not by the program. */
  readonly byServer: boolean
  /** What the client was sent, 0 when nothing. */
  status: number
  fault: Fault['kind'] | null
  /** The whole answer went out and the client had not gone away. */
  completed: boolean
  bytesSent: number
}

export interface FaultProxyOptions {
  /** Where the real server listens: `http://127.0.0.1:8008`, `https://127.0.0.1:8448`; certificates are not verified. */
  readonly target: string
  /** PEM texts: the proxy speaks TLS. */
  readonly tls?: {readonly cert: string; readonly key: string}
  /** A free one when absent. */
  readonly port?: number
}

/** An HTTP proxy on loopback in front of one real server, which by a script does to requests what networks and servers do. */
export class FaultProxy {
  readonly exchanges: Exchange[] = []
  /** Called for each request of the program (not of servers) before anything is done about it. */
  onRequest: ((exchange: Exchange) => void) | null = null
  readonly #server: Server
  readonly #target: URL
  readonly #agent: HttpAgent | HttpsAgent
  readonly #sockets = new Set<Socket>()
  readonly #secure: boolean
  #rules: {readonly rule: FaultRule; seen: number}[] = []

  private constructor({target, tls}: FaultProxyOptions) {
    this.#target = new URL(target)
    this.#secure = tls !== undefined
    this.#agent =
      this.#target.protocol === 'https:'
        ? new HttpsAgent({keepAlive: true, rejectUnauthorized: false})
        : new HttpAgent({keepAlive: true})
    const handle = (incoming: IncomingMessage, response: ServerResponse): void => {
      this.#serve(incoming, response).catch(() => incoming.socket.destroy())
    }
    this.#server = tls === undefined ? createServer(handle) : createTlsServer(tls, handle)
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
      socket.on('error', () => undefined)
    })
    this.#server.on('tlsClientError', () => undefined)
  }

  static async launch(options: FaultProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options)
    proxy.#server.listen(options.port ?? 0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `http${this.#secure ? 's' : ''}://127.0.0.1:${String(this.port)}`
  }

  /** Replaces the script; counting starts anew. The first rule that hits a request counts. */
  script(rules: readonly FaultRule[]): void {
    this.#rules = rules.map((rule) => ({rule, seen: 0}))
  }

  /** What the program asked for since the last call. */
  takeExchanges(): Exchange[] {
    return this.exchanges.splice(0).filter(({byServer}) => !byServer)
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    this.#agent.destroy()
    await closed
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const {method = 'GET', url = '/'} = incoming
    const body = await readAll(incoming)
    const exchange: Exchange = {
      method,
      url,
      body: body.length === 0 ? '' : createHash('sha256').update(body).digest('base64url'),
      byServer: incoming.headers['user-agent']?.startsWith('Synapse/') === true,
      status: 0,
      fault: null,
      completed: false,
      bytesSent: 0,
    }
    this.exchanges.push(exchange)
    response.once('finish', () => (exchange.completed = exchange.fault === null || exchange.fault === 'delay'))
    const fault = exchange.byServer ? null : this.#faultFor(`${method} ${url}`)
    exchange.fault = fault?.kind ?? null
    if (!exchange.byServer) this.onRequest?.(exchange)
    if (fault?.kind === 'reset') {
      incoming.socket.destroy()
      return
    }
    if (fault?.kind === 'answer') {
      answer(exchange, response, fault.status, fault.headers ?? {}, fault.body ?? '')
      return
    }
    if (fault?.kind === 'flood') return flood(exchange, response, fault.limit)
    if (fault?.kind === 'delay') await sleep(fault.ms)
    const real = await this.#ask(incoming, method, url, body)
    const {statusCode: status = 502} = real
    exchange.status = status
    const headers = {...real.headers}
    delete headers['transfer-encoding']
    delete headers['connection']
    const content = await readAll(real)
    if (fault?.kind === 'late') await sleep(fault.ms)
    if (fault?.kind === 'cut') {
      response.writeHead(status, {...headers, 'content-length': content.length})
      response.write(content.subarray(0, Math.floor(content.length / 2)), () => incoming.socket.destroy())
      return
    }
    const sent =
      fault?.kind === 'truncate'
        ? content.subarray(0, Math.floor(content.length / 2))
        : fault?.kind === 'rewrite'
          ? Buffer.from(fault.rewrite(content.toString('utf8')), 'utf8')
          : content
    answer(exchange, response, status, headers, sent)
  }

  #faultFor(line: string): Fault | null {
    let hit: Fault | null = null
    for (const entry of this.#rules) {
      if (!entry.rule.match.test(line)) continue
      entry.seen += 1
      const {first, times, fault} = entry.rule
      if (hit === null && entry.seen >= first && entry.seen < first + times) hit = fault
    }
    return hit
  }

  async #ask(incoming: IncomingMessage, method: string, path: string, body: Buffer): Promise<IncomingMessage> {
    const left = ['connection', 'accept-encoding', 'transfer-encoding', 'content-length']
    const headers: OutgoingHttpHeaders = Object.fromEntries(
      Object.entries(incoming.headers).filter(([name]) => !left.includes(name)),
    )
    if (body.length > 0) headers['content-length'] = String(body.length)
    const send = this.#target.protocol === 'https:' ? httpsRequest : httpRequest
    const {hostname, port} = this.#target
    return new Promise((resolve, reject) => {
      const sent = send({hostname, port, path, method, headers, agent: this.#agent}, resolve)
      sent.once('error', reject)
      sent.end(body)
    })
  }
}

function answer(
  exchange: Exchange,
  response: ServerResponse,
  status: number,
  headers: OutgoingHttpHeaders,
  body: string | Buffer,
): void {
  const bytes = Buffer.from(body)
  exchange.status = status
  exchange.bytesSent = bytes.length
  response.writeHead(status, {...headers, 'content-length': bytes.length})
  response.end(bytes)
}

async function flood(exchange: Exchange, response: ServerResponse, limit: number): Promise<void> {
  exchange.status = 200
  response.on('error', () => undefined)
  response.writeHead(200, {'content-type': 'application/json'})
  response.write('{"chunk":["')
  const block = 'x'.repeat(2 ** 16)
  while (exchange.bytesSent < limit && !response.destroyed) {
    exchange.bytesSent += block.length
    if (!response.write(block)) await writable(response)
  }
  response.destroy()
}

/** Until more can be written, or the client is gone. */
async function writable(response: ServerResponse): Promise<void> {
  await new Promise<void>((resolve) => {
    const go = (): void => {
      response.off('drain', go)
      response.off('close', go)
      resolve()
    }
    response.on('drain', go)
    response.on('close', go)
  })
}

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
