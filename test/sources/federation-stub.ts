import {readFileSync} from 'node:fs'
import {createServer} from 'node:https'
import type {IncomingMessage, Server, ServerResponse} from 'node:http'
import type {Socket} from 'node:net'
import {join} from 'node:path'
import {createSecureContext} from 'node:tls'
import {onTestFinished} from 'vitest'
import {canonicalJson} from '../../src/matrix/canonical-json.ts'
import {parsePdu} from '../../src/matrix/pdu.ts'
import type {Pdu} from '../../src/matrix/pdu.ts'
import {rulesFor} from '../../src/matrix/room-version.ts'
import {verifyEd25519} from '../../src/matrix/signatures.ts'
import {openFederationRoute} from '../../src/sources/federation-api.ts'
import type {FederationRouteOptions} from '../../src/sources/federation-api.ts'
import {parseSigningKeys} from '../../src/sources/federation-signing-key.ts'
import type {Route} from '../../src/sources/evidence.ts'
import {unpack} from '../conformance/packed.ts'
import {vectors} from '../matrix/vectors.ts'
import {CERTIFICATE, PRIVATE_KEY} from './client-certificate.ts'
import {json, refusal} from './client-stub.ts'
import type {Reply} from './client-stub.ts'
import {listen} from './listen.ts'

/** A real room of two servers, with the state after each event as one of them has it. */
export interface StubRoom {
  readonly roomId: string
  readonly version: string
  /** By event ID. */
  readonly events: ReadonlyMap<string, {readonly text: string; readonly pdu: Pdu}>
  readonly stateAfter: ReadonlyMap<string, readonly string[]>
  readonly tips: readonly string[]
}

export function realRoom(name: string): StubRoom {
  const room = unpack(readFileSync(join(import.meta.dirname, '../conformance/data', `${name}.json.gz`)))
  if (room.kind !== 'server') throw new Error(`${name} is no room of servers`)
  const rules = rulesFor(room.version)
  if (rules === undefined) throw new Error(`no rules for ${room.version}`)
  const rejected = new Set(room.rejected)
  // Blanks that no writer of JSON would make, so that texts show whether they came through as they were.
  const pairs = room.lines.map((line) => {
    const text = line.replace('{', '{ ').replace(/\}$/, '\t}')
    return {text, pdu: parsePdu(text, rules)}
  })
  const events = new Map(
    pairs.filter(({pdu}) => !rejected.has(pdu.eventId)).map((pair) => [pair.pdu.eventId as string, pair]),
  )
  const cited = new Set([...events.values()].flatMap(({pdu}) => pdu.prevEvents))
  const [first] = events.values()
  if (first === undefined) throw new Error(`${name} is empty`)
  return {
    roomId: first.pdu.roomId,
    version: room.version,
    events,
    stateAfter: new Map(Object.entries(room.after.hs1).map(([id, ids]) => [id, ids])),
    tips: [...events.keys()].filter((id) => !cited.has(id)),
  }
}

export const ORIGIN = 'origin.example.org'
export const USER = `@somebody:${ORIGIN}`
const [KEY] = parseSigningKeys(`ed25519 1 ${vectors.key.seed_unpadded_b64}`, 'the key of the tests')
export const SEED = vectors.key.seed_unpadded_b64

export type FederationEndpoint =
  | 'make_join'
  | 'extremities'
  | 'timestamp_to_event'
  | 'state'
  | 'state_ids'
  | 'event'
  | 'event_auth'
  | 'backfill'
  | 'get_missing_events'
  | 'other'

/** One request, after its signature was found good. */
export interface FederationAsked {
  readonly endpoint: FederationEndpoint
  readonly uri: string
  readonly host: string | undefined
  readonly sni: string | false | null
}

/** A server that answers from a room as Synapse does; `replies` come first, one a request. */
export class StubFederation {
  readonly asked: FederationAsked[] = []
  readonly port: number
  readonly name: string
  /** Problems with signatures; tests want none. */
  readonly unsigned: string[] = []
  readonly room: StubRoom
  /** Events that it has; all of the room unless a test takes some away. */
  events: ReadonlySet<string>
  tips: readonly string[]
  /** Requests that were being answered at the same time, at most. */
  mostAtOnce = 0
  #now = 0
  readonly #replies = new Map<FederationEndpoint, Reply[]>()

  private constructor(
    server: Server,
    port: number,
    room: StubRoom,
    first: (request: IncomingMessage, response: ServerResponse) => boolean,
  ) {
    this.port = port
    this.name = `localhost:${String(port)}`
    this.room = room
    this.events = new Set(room.events.keys())
    this.tips = room.tips
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      if (!first(request, response)) void this.#serve(request, response)
    })
  }

  /** `first` may answer before signatures are looked at. */
  static async start(
    room: StubRoom,
    first: (request: IncomingMessage, response: ServerResponse) => boolean = () => false,
  ): Promise<StubFederation> {
    const server = createServer({
      cert: CERTIFICATE,
      key: PRIVATE_KEY,
      SNICallback: (_name, done) => {
        done(null, createSecureContext({cert: CERTIFICATE, key: PRIVATE_KEY}))
      },
    })
    return new StubFederation(server, await listen(server), room, first)
  }

  /** Sets what the next requests to an endpoint get. */
  next(endpoint: FederationEndpoint, ...replies: Reply[]): this {
    this.#replies.set(endpoint, replies)
    return this
  }

  count(endpoint: FederationEndpoint): number {
    return this.asked.filter((asked) => asked.endpoint === endpoint).length
  }

  route(more: Partial<FederationRouteOptions> = {}): Route {
    const route = openFederationRoute({
      origin: ORIGIN,
      key: KEY,
      server: this.name,
      insecure: true,
      // Pauses between attempts start at 5 ms: a sixtieth of the limit.
      maxRetryMs: 300,
      ...more,
    })
    onTestFinished(() => route.close())
    return route
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#now += 1
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#now)
    response.once('close', () => (this.#now -= 1))
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    const body = Buffer.concat(chunks).toString('utf8')
    const uri = request.url ?? ''
    const problem = signatureProblem(request, uri, body, this.name)
    if (problem !== null) {
      this.unsigned.push(`${uri}: ${problem}`)
      refusal(401, 'M_UNAUTHORIZED', `Invalid signature: ${problem}`)(request, response)
      return
    }
    const endpoint = endpointOf(uri)
    const {host} = request.headers
    const sni = (request.socket as Socket & {servername?: string | false}).servername ?? null
    this.asked.push({endpoint, uri, host, sni})
    const reply = this.#replies.get(endpoint)?.shift() ?? this.#answer(endpoint, new URL(uri, 'https://x'), body)
    reply(request, response)
  }

  #answer(endpoint: FederationEndpoint, url: URL, body: string): Reply {
    const last = decodeURIComponent(url.pathname.slice(url.pathname.lastIndexOf('/') + 1))
    const at = url.searchParams.get('event_id') ?? ''
    switch (endpoint) {
      case 'make_join':
        return json({room_version: this.room.version, event: {prev_events: this.tips}})
      case 'timestamp_to_event':
        return this.#newestUntil(Number(url.searchParams.get('ts')))
      case 'event':
        return this.events.has(last) ? pdus('pdus', [this.#text(last)]) : json('""', 404)
      case 'event_auth':
        return this.events.has(last)
          ? pdus('auth_chain', this.#authChain([last]))
          : refusal(404, 'M_NOT_FOUND', 'Could not find event')
      case 'backfill':
        return pdus('pdus', this.#backfill(url.searchParams.getAll('v'), Number(url.searchParams.get('limit'))))
      case 'state_ids':
        return this.events.has(at)
          ? json({pdu_ids: this.#stateBefore(at), auth_chain_ids: []})
          : refusal(404, 'M_NOT_FOUND', 'Could not find event')
      case 'state': {
        const ids = this.#stateBefore(at)
        const texts = ids.map((id) => this.#text(id)).join(', ')
        return json(`{"auth_chain":[${this.#authChain(ids).join(', ')}],"pdus":[${texts}]}`)
      }
      case 'get_missing_events': {
        const {earliest_events: earliest, latest_events: latest, limit} = JSON.parse(body)
        const from = latest.flatMap((id: string) => this.#prev(id)).filter((id: string) => !earliest.includes(id))
        return pdus('events', this.#backfill(from, limit, earliest))
      }
      case 'extremities':
      case 'other':
        return refusal(404, 'M_UNRECOGNIZED', 'Unrecognized request')
      default:
        return endpoint satisfies never
    }
  }

  #newestUntil(ts: number): Reply {
    const found = [...this.events]
      .map((id) => ({id, ts: this.room.events.get(id)?.pdu.originServerTs ?? 0}))
      .filter((event) => event.ts <= ts)
      .sort((a, b) => b.ts - a.ts)[0]
    if (found === undefined) return refusal(404, 'M_NOT_FOUND', 'Unable to find event')
    return json({event_id: found.id, origin_server_ts: found.ts})
  }

  #text(id: string): string {
    const event = this.room.events.get(id)
    if (event === undefined) throw new Error(`no event ${id}`)
    return event.text
  }

  #prev(id: string): readonly string[] {
    return this.room.events.get(id)?.pdu.prevEvents ?? []
  }

  /** Deepest first, as Synapse walks. */
  #backfill(from: readonly string[], limit: number, stops: readonly string[] = []): string[] {
    const depth = (id: string): number => Number(this.room.events.get(id)?.pdu.depth ?? 0)
    const queue = from.filter((id) => this.events.has(id))
    const given = new Set<string>()
    while (queue.length > 0 && given.size < Math.min(limit, 100)) {
      queue.sort((a, b) => depth(b) - depth(a))
      const id = queue.shift() ?? ''
      if (given.has(id) || stops.includes(id)) continue
      given.add(id)
      queue.push(...this.#prev(id).filter((prev) => this.events.has(prev)))
    }
    return [...given].map((id) => this.#text(id))
  }

  #authChain(ids: readonly string[]): string[] {
    const chain = new Set<string>()
    const stack = ids.flatMap((id) => [...(this.room.events.get(id)?.pdu.authEvents ?? [])])
    for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
      if (chain.has(id) || !this.room.events.has(id)) continue
      chain.add(id)
      stack.push(...(this.room.events.get(id)?.pdu.authEvents ?? []))
    }
    return [...chain].map((id) => this.#text(id))
  }

  /** As Synapse does for a state event that came by backfill: without what the event itself replaced. */
  #stateBefore(id: string): readonly string[] {
    return (this.room.stateAfter.get(id) ?? []).filter((other) => other !== id)
  }
}

function pdus(key: string, texts: readonly string[]): Reply {
  return json(`{"origin":"x","origin_server_ts":1, "${key}" : [${texts.join(' ,\n')}]}`)
}

function endpointOf(uri: string): FederationEndpoint {
  const name = /\/(?:v1|org\.matrix\.msc4370)\/([a-z_]+)\//.exec(uri)?.[1]
  const known = [
    'make_join',
    'extremities',
    'timestamp_to_event',
    'state',
    'state_ids',
    'event',
    'event_auth',
    'backfill',
    'get_missing_events',
  ] as const
  return known.find((endpoint) => endpoint === name) ?? 'other'
}

/** What is wrong with the `Authorization` header, by the letter of the spec; `null` when it is good. */
function signatureProblem(request: IncomingMessage, uri: string, body: string, name: string): string | null {
  const header = request.headers.authorization ?? ''
  const {origin, destination, key, sig} =
    /^X-Matrix origin="(?<origin>[^"]*)",destination="(?<destination>[^"]*)",key="(?<key>[^"]*)",sig="(?<sig>[^"]*)"$/.exec(
      header,
    )?.groups ?? {}
  if (origin !== ORIGIN || destination !== name || key !== 'ed25519:1') return `header ${header}`
  const content = body === '' ? {} : {content: JSON.parse(body)}
  const signed = canonicalJson({method: request.method ?? '', uri, origin, destination, ...content})
  return verifyEd25519(signed, vectors.key.public_key_unpadded_b64, sig ?? '') ? null : 'signature'
}
