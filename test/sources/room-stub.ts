import {createServer} from 'node:http'
import type {IncomingMessage, ServerResponse} from 'node:http'
import type {GatherContext, GatherLimits, Route, Step} from '../../src/sources/evidence.ts'
import {json, refusal, ROOM, TOKEN, USER} from './client-stub.ts'
import type {Reply} from './client-stub.ts'
import {listen} from './listen.ts'

/** An event of a stub, ordered as Synapse orders: pages by depth, arrival by stream. */
export interface StubEvent {
  readonly id: string
  readonly type: string
  readonly stateKey: string | null
  readonly depth: number
  readonly stream: number
  readonly prev: readonly string[]
  readonly content: object
  readonly softFailed: boolean
  readonly outlier: boolean
}

/** A homeserver on a real socket with one room that grows: client API and admin API, with tokens as Synapse makes them. */
export class RoomServer {
  readonly asked: {readonly path: string; readonly query: Record<string, string>}[] = []
  readonly events: StubEvent[] = []
  readonly url: string
  /** Events of one answer at most, whatever is asked for. */
  pageCap = 4
  /** Whether `to` means anything. */
  heedsTo = true
  isAdmin = true
  /** What the room summary counts; `null`: what is true. */
  countedState: number | null = null
  /** Answers that come before the ordinary ones, by the end of the path. */
  readonly faults = new Map<string, Reply[]>()
  #stream = 0

  private constructor(url: string) {
    this.url = url
    this.add('$create', [], {type: 'm.room.create', stateKey: '', content: {room_version: '10'}})
    this.add('$join', ['$create'], {type: 'm.room.member', stateKey: USER, content: {membership: 'join'}})
  }

  static async start(): Promise<RoomServer> {
    const server = createServer()
    const stub = new RoomServer(`http://127.0.0.1:${String(await listen(server))}`)
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const url = new URL(request.url ?? '/', stub.url)
      const query = Object.fromEntries(url.searchParams)
      const path = decodeURIComponent(url.pathname)
      stub.asked.push({path, query})
      const fault = [...stub.faults].find(([end, replies]) => path.endsWith(end) && replies.length > 0)?.[1].shift()
      ;(fault ?? stub.#reply(path, query))(request, response)
    })
    return stub
  }

  /** Adds an event behind others; its depth follows, its place in the stream is the next one. */
  add(id: string, prev: readonly string[], more: Partial<StubEvent> = {}): string {
    const depth = 1 + Math.max(0, ...prev.map((other) => this.events.find((event) => event.id === other)?.depth ?? 0))
    const plain = {type: 'm.room.message', stateKey: null, content: {}, softFailed: false, outlier: false}
    this.events.push({id, prev, depth, stream: (this.#stream += 1), ...plain, ...more})
    return id
  }

  /** Adds a chain of messages behind an event, or behind the newest one. @returns the last one's ID */
  chat(count: number, name: string, behind = this.events.at(-1)?.id ?? ''): string {
    let last = behind
    for (let n = 1; n <= count; n += 1) last = this.add(`$${name}${String(n)}`, [last])
    return last
  }

  /** IDs of what `/messages` can show, sorted. */
  shown(soft = false): string[] {
    return this.events
      .filter((event) => !event.outlier && (soft || !event.softFailed))
      .map(({id}) => id)
      .sort()
  }

  /** The pages asked for, by all that makes them different. */
  pages(): string[] {
    return this.asked.filter(({path}) => path.endsWith('/messages')).map(({query}) => JSON.stringify(query))
  }

  count(end: string): number {
    return this.asked.filter(({path}) => path.endsWith(end)).length
  }

  #reply(path: string, query: Record<string, string>): Reply {
    if (path.endsWith('/whoami')) return json({user_id: USER})
    if (path.endsWith('/versions')) return json({versions: ['v1.11']})
    if (path.endsWith('/sync')) return this.#sync()
    if (path.endsWith('/aliases')) return json({aliases: ['#room:example.org']})
    if (path.includes('/directory/room/')) return json({room_id: ROOM})
    const admin = path.startsWith('/_synapse/admin/v1')
    if (admin && !this.isAdmin) return refusal(403, 'M_FORBIDDEN', 'You are not a server admin')
    if (path.endsWith('/admin/v1/rooms')) return this.#rooms(query)
    if (path.endsWith('/messages')) return this.#messages(query, admin)
    if (path.endsWith('/forward_extremities')) {
      return json({count: 1, results: this.#tips().map(({id}) => ({event_id: id, state_group: 1}))})
    }
    const [, found, id = ''] = /\/(context|fetch_event)\/(.*)$/u.exec(path) ?? []
    const event = this.events.find((one) => one.id === id)
    if (found === 'fetch_event') {
      return event === undefined
        ? refusal(404, 'M_NOT_FOUND', 'Event not found')
        : json(`{"event":${this.text(event)}}`)
    }
    if (found === 'context') return this.#context(event)
    const state = this.#state(Infinity).map((one) => this.#clientForm(one))
    if (path.endsWith('/state')) return json(admin ? {state} : state)
    return json({room_id: ROOM, version: '10', state_events: this.countedState ?? state.length, canonical_alias: null})
  }

  #rooms(query: Record<string, string>): Reply {
    const from = Number(query.from)
    const rooms = Array.from({length: 3}, (_, n) => ({room_id: `!r${String(from + n)}:x`, version: '10', name: 'N'}))
    return json({rooms, total_rooms: 6, ...(from === 0 ? {next_batch: 3} : {})})
  }

  #sync(): Reply {
    const state = this.#state(Infinity).map((event) => this.text(event))
    const room = `{"state":{"events":[${state.join(',')}]},"timeline":{"events":[]}}`
    return json(`{"next_batch":"s${String(this.#stream)}_1","rooms":{"join":{"${ROOM}":${room}}}}`)
  }

  #messages(query: Record<string, string>, soft: boolean): Reply {
    const sign = query.dir === 'f' ? 1 : -1
    const order = (event: StubEvent): [number, number] => [event.depth, event.stream]
    const compare = (a: [number, number], b: [number, number]): number => a[0] - b[0] || a[1] - b[1]
    const all = this.events
      .filter((event) => !event.outlier && (soft || !event.softFailed))
      .sort((a, b) => sign * compare(order(a), order(b)))
    const [, depth, stream] = /^t(\d+)-(-?\d+)/u.exec(query.from ?? `t999-${String(this.#stream)}`) ?? []
    if (depth === undefined) return refusal(400, 'M_INVALID_PARAM', "'from' parameter is invalid")
    const from: [number, number] = [Number(depth), Number(stream)]
    const [, after] = /^s(\d+)/u.exec(query.to ?? '') ?? []
    if (query.to !== undefined && after === undefined) return refusal(400, 'M_INVALID_PARAM', "'to' is invalid")
    const chunk = all
      .filter((event) => (sign < 0 ? compare(order(event), from) <= 0 : compare(order(event), from) > 0))
      .filter((event) => after === undefined || !this.heedsTo || event.stream > Number(after))
      .slice(0, Math.min(Number(query.limit), this.pageCap))
    const last = chunk.at(-1)
    const end = last && `t${String(last.depth)}-${String(sign < 0 ? last.stream - 1 : last.stream)}_0`
    const texts = chunk.map((event) => this.text(event)).join(',')
    const start = `t${String(from[0])}-${String(from[1])}_0`
    return json(`{"start":"${start}","chunk":[${texts}]${end === undefined ? '' : `,"end":"${end}"`}}`)
  }

  #context(event: StubEvent | undefined): Reply {
    if (event === undefined) return refusal(404, 'M_NOT_FOUND', 'Event not found.')
    if (event.outlier) return refusal(500, 'M_UNKNOWN', 'Internal server error')
    const place = `t${String(event.depth)}-${String(event.stream)}`
    const state = this.#state(event.stream).map((one) => this.#clientForm(one))
    return json({event: this.#clientForm(event), events_before: [], events_after: [], state, start: place, end: place})
  }

  #tips(): StubEvent[] {
    const cited = new Set(this.events.flatMap(({prev}) => prev))
    return this.events.filter(({id, softFailed, outlier}) => !cited.has(id) && !softFailed && !outlier)
  }

  #state(until: number): StubEvent[] {
    const slots = new Map<string, StubEvent>()
    for (const event of this.events) {
      if (event.stateKey === null || event.stream > until || event.softFailed || event.outlier) continue
      slots.set(JSON.stringify([event.type, event.stateKey]), event)
    }
    return [...slots.values()]
  }

  #clientForm({id, type, stateKey, content}: StubEvent): object {
    return {event_id: id, type, content, ...(stateKey === null ? {} : {state_key: stateKey})}
  }

  /** The event in federation format, with a number that JavaScript would write otherwise. */
  text(event: StubEvent): string {
    const soft = event.softFailed ? {unsigned: {'io.element.synapse.soft_failed': true}} : {}
    const pdu = {...this.#clientForm(event), room_id: ROOM, prev_events: event.prev, auth_events: [], ...soft}
    return JSON.stringify(pdu).replace(/\}$/u, ',"exact":1.0}')
  }
}

/** What a case file keeps, as far as a route can tell. */
export class Kept {
  readonly marks = new Map<string, string>()
  readonly events = new Map<string, string>()
  readonly steps: Step[] = []

  keep(step: Step): void {
    this.steps.push(step)
    for (const {eventId, text} of step.events ?? []) if (eventId !== null) this.events.set(eventId, text)
    for (const [key, value] of Object.entries(step.marks ?? {})) {
      if (value === null) this.marks.delete(key)
      else this.marks.set(key, value)
    }
  }

  ids(): string[] {
    return [...this.events.keys()].sort()
  }

  context(limits: GatherLimits = {}, signal = new AbortController().signal): GatherContext {
    return {
      roomId: ROOM,
      roomVersion: () => '10',
      marks: this.marks,
      knows: (id) => this.events.has(id),
      newest: () => [],
      limits,
      signal,
      onPause: () => undefined,
    }
  }

  /** Runs a route to its end; or keeps some steps, takes one more that is lost, and leaves. @returns how many were kept */
  async run(route: Route, limits: GatherLimits = {}, atMost = Infinity): Promise<number> {
    let kept = 0
    for await (const step of route.gather(this.context(limits))) {
      if (kept === atMost) break
      this.keep(step)
      kept += 1
    }
    return kept
  }

  notes(): string[] {
    return this.steps.flatMap(({notes}) => notes ?? [])
  }
}

/** Options of a route to the stub: pauses between attempts start at 5 ms. */
export function access({url}: RoomServer): {homeserver: string; accessToken: string; maxRetryMs: number} {
  return {homeserver: url, accessToken: TOKEN, maxRetryMs: 300}
}
