import {createServer} from 'node:http'
import type {IncomingMessage, Server, ServerResponse} from 'node:http'
import {createServer as createTlsServer} from 'node:https'
import {CERTIFICATE, PRIVATE_KEY} from './client-certificate.ts'
import {type ClientEvidence, type ClientInput, gatherByClient} from './client-gathered.ts'
import {listen} from './listen.ts'

/** One answer of a stub: what it does with the socket is its own affair. */
export type Reply = (request: IncomingMessage, response: ServerResponse) => void

/** What was asked, in the order it came. */
export interface Asked {
  readonly path: string
  readonly query: Record<string, string>
  readonly authorization: string | undefined
}

export const TOKEN = 'syt_c2VjcmV0_tokenOfTheTest_1a2b3c'
export const ROOM = '!room:example.org'
export const USER = '@alice:example.org'

/** The endpoints that a stub knows, by the end of their path. */
export type Endpoint = 'whoami' | 'versions' | 'directory' | 'state' | 'sync' | 'messages' | 'well-known'

/** A homeserver on a real socket with one small room; `replies` come first, one a request, then ordinary answers. */
export class StubHomeserver {
  readonly asked: Asked[] = []
  readonly url: string
  readonly #replies = new Map<Endpoint, Reply[]>()

  private constructor(server: Server, url: string) {
    this.url = url
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const url = new URL(request.url ?? '/', this.url)
      const query = Object.fromEntries(url.searchParams)
      this.asked.push({path: url.pathname, query, authorization: request.headers.authorization})
      const endpoint = endpointOf(url.pathname)
      const ordinary = endpoint === null ? NOT_FOUND : json(ORDINARY[endpoint])
      const reply = (endpoint === null ? undefined : this.#replies.get(endpoint)?.shift()) ?? ordinary
      reply(request, response)
    })
  }

  static async start(options: {readonly tls?: boolean} = {}): Promise<StubHomeserver> {
    const server = options.tls === true ? createTlsServer({cert: CERTIFICATE, key: PRIVATE_KEY}) : createServer()
    const port = await listen(server, 'localhost')
    return new StubHomeserver(server, `${options.tls === true ? 'https' : 'http'}://localhost:${String(port)}`)
  }

  /** Sets what the next requests to an endpoint get; `times` repeats the last one. */
  next(endpoint: Endpoint, ...replies: Reply[]): this {
    this.#replies.set(endpoint, replies)
    return this
  }

  /** How often an endpoint was asked. */
  count(endpoint: Endpoint): number {
    return this.asked.filter(({path}) => endpointOf(path) === endpoint).length
  }

  gather(more: Partial<ClientInput> = {}): Promise<ClientEvidence> {
    // Pauses between attempts start at 5 ms: a sixtieth of the limit.
    return gatherByClient({homeserver: this.url, accessToken: TOKEN, room: ROOM, maxRetryMs: 300, ...more})
  }
}

function endpointOf(path: string): Endpoint | null {
  if (path.includes('/directory/room/')) return 'directory'
  if (path.endsWith('/.well-known/matrix/client')) return 'well-known'
  const last = path.slice(path.lastIndexOf('/') + 1)
  return (['whoami', 'versions', 'state', 'sync', 'messages'] as const).find((name) => name === last) ?? null
}

/** A JSON answer; a string is sent as it is. */
export function json(body: unknown, status = 200, headers: Record<string, string> = {}): Reply {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return (_request, response) => {
    response.writeHead(status, {'content-type': 'application/json', ...headers}).end(text)
  }
}

/** A Matrix error. */
export function refusal(status: number, errcode: string, error: string, headers: Record<string, string> = {}): Reply {
  return json({errcode, error}, status, headers)
}

/** What is asked beside the endpoints above, single events and aliases, is not shown to this account. */
const NOT_FOUND = refusal(404, 'M_NOT_FOUND', 'Event not found.')

/** Something that is not JSON. */
export function html(status: number, body = '<html><body>Sign in first</body></html>'): Reply {
  return (_request, response) => void response.writeHead(status, {'content-type': 'text/html'}).end(body)
}

/** Promises more bytes than it sends, then closes the connection. */
export const cutInTheBody: Reply = (_request, response) => {
  response.writeHead(200, {'content-type': 'application/json', 'content-length': '5000'})
  response.write('{"chunk":[{"event_id":"$cut', () => setTimeout(() => response.socket?.destroy(), 5))
}

/** Closes the connection without a word. */
export const hangUp: Reply = (request) => void request.socket.destroy()

/** Takes the request and stays silent. */
export const silence: Reply = () => undefined

/** Sends headers and the beginning of a body, then nothing. */
export const silenceInTheBody: Reply = (_request, response) => {
  response.writeHead(200, {'content-type': 'application/json', 'content-length': '5000'}).write('{')
}

/** A blank now and then, without an end. */
export const drips: Reply = (_request, response) => {
  response.writeHead(200, {'content-type': 'application/json'})
  const timer = setInterval(() => response.write(' '), 20)
  response.on('close', () => {
    clearInterval(timer)
  })
}

/** The text of an event in federation format, with numbers that JavaScript would write otherwise. */
export function pduText(id: string, type: string, stateKey: string | null, extra = ''): string {
  const key = stateKey === null ? '' : `"state_key":${JSON.stringify(stateKey)},`
  return (
    `{"event_id":"${id}", "type":"${type}",${key}"content":{"big":9007199254740993,"float":1.0,"text":"]}\\"\\u00e9"},` +
    `"prev_events":[],"auth_events":[],"depth":1${extra}}`
  )
}

export const CREATE = pduText('$create', 'm.room.create', '')
export const JOIN = pduText('$join', 'm.room.member', USER)
export const TOPIC = pduText('$topic', 'm.room.topic', '')
export const MESSAGE = pduText('$message', 'm.room.message', null)

/** A page of `/messages`. */
export function page(texts: readonly string[], end?: string): Reply {
  return json(`{"start":"x","chunk":[${texts.join(', ')}]${end === undefined ? '' : `,"end":${JSON.stringify(end)}`}}`)
}

/** An answer of `/sync` for the room. */
export function sync(state: readonly string[], timeline: readonly string[]): Reply {
  return json(syncText(state, timeline))
}

/** An answer of `/state`. */
export function state(
  ...entries: readonly (readonly [type: string, stateKey: string, id: string, content?: object])[]
): Reply {
  return json(stateJson(entries))
}

function stateJson(entries: readonly (readonly [string, string, string, object?])[]): object[] {
  return entries.map(([type, key, id, content]) => ({type, state_key: key, event_id: id, content: content ?? {}}))
}

function syncText(stateTexts: readonly string[], timeline: readonly string[]): string {
  const room = `{"state":{"events":[${stateTexts.join(',')}]},"timeline":{"events":[${timeline.join(',')}],"limited":true}}`
  return `{"next_batch":"s1","to_device":{"events":[{"type":"secret"}]},"rooms":{"join":{"${ROOM}":${room}}}}`
}

const ORDINARY: Readonly<Record<Endpoint, unknown>> = {
  whoami: {user_id: USER, device_id: 'D'},
  versions: {versions: ['v1.11']},
  directory: {room_id: ROOM, servers: ['example.org']},
  state: stateJson([
    ['m.room.create', '', '$create'],
    ['m.room.member', USER, '$join', {membership: 'join'}],
    ['m.room.topic', '', '$topic'],
  ]),
  sync: syncText([CREATE, JOIN, TOPIC], [MESSAGE]),
  messages: `{"start":"x","chunk":[${[MESSAGE, TOPIC, JOIN, CREATE].join(',')}]}`,
  'well-known': {},
}
