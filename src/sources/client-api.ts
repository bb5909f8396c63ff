import {randomUUID} from 'node:crypto'
import {StateError} from '../errors.ts'
import {askWellKnown, isUnencrypted, parseHomeserver} from './client-address.ts'
import {arrayIn, elementTexts, malformed, stringIn, valueIn} from './client-bodies.ts'
import {openClientHttp} from './client-http.ts'
import type {Answer, ClientHttp, ClientHttpOptions, ExplainRefusal} from './client-http.ts'
import type {RawPdu} from './port.ts'

/** One room, seen by one account. */
export interface ClientApiInput {
  /** A URL, with a path prefix if need be, or a bare server name. */
  readonly homeserver: string
  readonly accessToken: string
  /** A room ID (`!…`) or an alias (`#…`). */
  readonly room: string
  /** Accepts any TLS certificate. */
  readonly insecure?: boolean
  readonly onProgress?: (step: ClientApiStep) => void
  /** When it fires, its reason is thrown. */
  readonly signal?: AbortSignal
  /** The longest that the pauses of one request may sum up to, in milliseconds; 60,000 unless told otherwise. */
  readonly maxRetryMs?: number
  /** The longest silence of the server, in milliseconds; 180,000 unless told otherwise. */
  readonly timeoutMs?: number
}

/** What is going on, for whoever shows progress. */
export type ClientApiStep =
  | {readonly kind: 'asking'; readonly what: 'address' | 'account' | 'versions' | 'alias' | 'state' | 'state-pdus'}
  | {readonly kind: 'page'; readonly page: number; readonly pdus: number}
  | {readonly kind: 'pause'; readonly ms: number; readonly reason: string}

/** What one server says the state of the room is. */
export interface ReportedState {
  readonly server: string
  readonly what: 'current'
  /** The endpoint that said so. */
  readonly how: string
  readonly eventIds: readonly string[]
}

/** All that an ordinary member can learn of a room by the client API. */
export interface ClientApiEvidence {
  readonly roomId: string
  /** The account's server. */
  readonly serverName: string
  readonly userId: string
  /**
   * Each event once, its text as received. That is the PDU with additions of the server, to be taken away before hashing: `event_id`
   * (room versions 3 and later) and `unsigned`; `room_id` of version 12's create event; in redactions `content.redacts`
   * (up to version 10) or the outer `redacts` (from 11).
   */
  readonly pdus: readonly RawPdu[]
  readonly reported: ReportedState
  /**
   * The state that `/sync` tells: its state block, overridden by its timeline; `null` when `/sync` did not show the room.
   * Weaker than `reported`: Synapse gives the state after the latest event that it received, which at a fork is that of one
   * branch; it leaves `m.room.aliases` out, and the create event of version 12. Only where the room has one tip does a
   * difference mean that the server disagrees with itself.
   */
  readonly syncEventIds: readonly string[] | null
  /** `false` when the room's state kept changing meanwhile, so that `reported` may be ahead of `pdus` or behind them. */
  readonly settled: boolean
  /** What this route can never show. */
  readonly unknowable: readonly string[]
  /** How many HTTP requests were sent. */
  readonly requests: number
  /** Remarks for people: what was unusual about this gathering. */
  readonly notes: readonly string[]
}

/** What an ordinary member can never see, whatever the server. */
export const UNKNOWABLE_TO_MEMBERS: readonly string[] = [
  'soft-failed events',
  'rejected events',
  'auth events outside the timeline (outliers)',
  'events hidden by history visibility',
  'events that servers keep from clients (Synapse: org.matrix.dummy_event, m.room.aliases, expired messages)',
  'messages of users whom this account ignores',
]

const STATE_ENDPOINT = '/_matrix/client/v3/rooms/{roomId}/state'
const MAX_ROUNDS = 3
const MAX_EMPTY_PAGES = 2000

/**
 * Gathers a room as an ordinary member: account, current state, then the timeline back to the start.
 *
 * @throws StateError for all that a user can act on; `input.signal`'s reason when that fires.
 * @remarks What this does to the server. The account's and the token's "last seen" change, as with every request. `/sync`
 * without `since` reads to-device messages but does not delete them (Synapse deletes those that a `since` acknowledges),
 * counts as no presence (`set_presence=offline`), and may deliver a server notice that is due. `/messages` makes the
 * server fetch missing events from other servers where it sees a gap: it may change the evidence, so it comes last.
 * An alias of another server is asked of that server.
 *
 * The current state is what `/rooms/{id}/state` says, since this is what the server itself goes by (Synapse:
 * `current_state_events`); `/sync` gives the PDUs, also of state events that the timeline hides. `/state` is asked before
 * and after the newest page, and all three again if it changed, so that state and events belong together.
 */
export async function gatherByClientApi(input: ClientApiInput): Promise<ClientApiEvidence> {
  const accessToken = checkedToken(input.accessToken)
  checkRoom(input.room)
  const notes: string[] = []
  const typed = parseHomeserver(input.homeserver)
  if (typed.guessed) input.onProgress?.({kind: 'asking', what: 'address'})
  const {baseUrl, requests} = typed.guessed ? await askWellKnown(typed.baseUrl, input) : {...typed, requests: 0}
  if (isUnencrypted(baseUrl)) notes.push(`The access token went to ${new URL(baseUrl).host} unencrypted (http://).`)
  const http = await openClientHttp(httpOptions(input, baseUrl, accessToken))
  try {
    const evidence = await gather(http, input, notes)
    return {...evidence, unknowable: UNKNOWABLE_TO_MEMBERS, requests: http.requests() + requests, notes}
  } finally {
    await http.close()
  }
}

async function gather(
  http: ClientHttp,
  input: ClientApiInput,
  notes: string[],
): Promise<Omit<ClientApiEvidence, 'unknowable' | 'requests' | 'notes'>> {
  const step = (asked: ClientApiStep): void => input.onProgress?.(asked)
  step({kind: 'asking', what: 'account'})
  const whoami = await http.get('/_matrix/client/v3/account/whoami')
  const userId = stringIn(whoami, 'user_id')
  if (!/^@[^:]*:./u.test(userId)) throw malformed(whoami.url, 'a "user_id" that is none')
  const serverName = userId.slice(userId.indexOf(':') + 1)
  step({kind: 'asking', what: 'versions'})
  checkVersions(await http.get('/_matrix/client/versions'), notes)
  const roomId = input.room.startsWith('#') ? await resolveAlias(http, input.room, step) : input.room

  const collected = new Collected()
  const readState = async (): Promise<string[]> => {
    step({kind: 'asking', what: 'state'})
    return currentState(await http.get(roomPath(roomId, 'state'), {}, notInRoom(userId, roomId)), userId, roomId)
  }
  let state = await readState()
  let syncEventIds: readonly string[] | null = null
  let settled = false
  let next: string | null = null
  for (let round = 1; !settled && round <= MAX_ROUNDS; round += 1) {
    step({kind: 'asking', what: 'state-pdus'})
    syncEventIds = await stateBySync(http, roomId, collected, notes)
    next = await readPage(http, userId, roomId, null, collected)
    step({kind: 'page', page: 1, pdus: collected.pdus.length})
    const after = await readState()
    settled = sameIds(state, after)
    state = after
  }
  if (!settled) notes.push('The state of the room kept changing: the reported state may not fit the events exactly.')
  await readBack(http, userId, roomId, next, collected, step, notes)
  if (syncEventIds === null) {
    notes.push('/sync did not show the room: state events that the timeline hides are missing.')
  }
  if (!collected.createSeen) notes.push('The timeline ended before the room’s create event: its start is not visible.')
  const reported: ReportedState = {server: serverName, what: 'current', how: STATE_ENDPOINT, eventIds: state}
  return {roomId, serverName, userId, pdus: collected.pdus, reported, syncEventIds, settled}
}

/** The events so far, each once; what came first stays. */
class Collected {
  readonly pdus: RawPdu[] = []
  createSeen = false
  readonly #ids = new Set<string>()

  /** @returns how many of the events were new. */
  add(answer: Answer, path: readonly string[], fromTimeline: boolean): number {
    const before = this.pdus.length
    const events = arrayIn(answer, path)
    const texts = elementTexts(answer.text, path)
    if (texts.length !== events.length) throw malformed(answer.url, `"${path.at(-1) ?? ''}" more than once`)
    for (const [index, text] of texts.entries()) {
      const event = events[index] as Partial<Record<string, unknown>> | null | undefined
      if (!Array.isArray(event?.prev_events)) throw notFederationFormat(answer.url)
      if (fromTimeline && event.type === 'm.room.create') this.createSeen = true
      const id = event.event_id
      if (typeof id === 'string') {
        if (this.#ids.has(id)) continue
        this.#ids.add(id)
      }
      this.pdus.push({text, line: this.pdus.length + 1})
    }
    return this.pdus.length - before
  }
}

/**
 * Asks `/sync` without `since` for this room only, in federation format.
 *
 * @returns the event ids of the state it tells, or `null` when it does not show the room or refuses as a whole: other
 * requests can do without it.
 */
async function stateBySync(
  http: ClientHttp,
  roomId: string,
  collected: Collected,
  notes: string[],
): Promise<readonly string[] | null> {
  const none = {types: [], not_types: ['*']}
  const filter = {
    event_format: 'federation',
    presence: none,
    account_data: none,
    room: {
      rooms: [roomId],
      // Synapse answers the same /sync from a cache for two minutes: a room that nobody has makes each one different.
      not_rooms: [`!${randomUUID()}:matrix-state.invalid`],
      account_data: none,
      ephemeral: none,
      state: {lazy_load_members: false},
      timeline: {limit: 1, lazy_load_members: false},
    },
  }
  const query = {filter: JSON.stringify(filter), full_state: 'true', timeout: '0', set_presence: 'offline'}
  let answer: Answer
  try {
    answer = await http.get('/_matrix/client/v3/sync', query)
  } catch (error) {
    if (!(error instanceof StateError)) throw error
    notes.push(`Went on without /sync: ${error.message}`)
    return null
  }
  const room = ['rooms', 'join', roomId]
  if (valueIn(answer.json, room) === undefined) return null
  const slots = new Map<string, string>()
  for (const block of ['state', 'timeline']) {
    const path = [...room, block, 'events']
    collected.add(answer, path, false)
    for (const event of arrayIn(answer, path) as Partial<Record<string, unknown>>[]) {
      if (typeof event.state_key !== 'string') continue
      slots.set(JSON.stringify([event.type, event.state_key]), String(event.event_id))
    }
  }
  return [...slots.values()]
}

/** Reads one page backwards; returns the token of the next, or `null` at the start of what is visible. */
async function readPage(
  http: ClientHttp,
  userId: string,
  roomId: string,
  from: string | null,
  collected: Collected,
): Promise<string | null> {
  const query = {dir: 'b', limit: '1000', filter: '{"event_format":"federation"}', ...(from === null ? {} : {from})}
  const answer = await http.get(roomPath(roomId, 'messages'), query, notInRoom(userId, roomId))
  collected.add(answer, ['chunk'], true)
  const end = (answer.json as {end?: unknown}).end
  return typeof end === 'string' && end !== '' ? end : null
}

/** Pages back until no token comes; an empty page with a token is no end, a token that comes again is one. */
async function readBack(
  http: ClientHttp,
  userId: string,
  roomId: string,
  first: string | null,
  collected: Collected,
  step: (step: ClientApiStep) => void,
  notes: string[],
): Promise<void> {
  const seen = new Set<string>()
  let empty = 0
  for (let next = first, page = 2; next !== null; page += 1) {
    if (seen.has(next)) {
      notes.push('The server gave the same page token twice, so paging stopped: the history may be incomplete.')
      return
    }
    seen.add(next)
    const before = collected.pdus.length
    next = await readPage(http, userId, roomId, next, collected)
    step({kind: 'page', page, pdus: collected.pdus.length})
    empty = collected.pdus.length === before ? empty + 1 : 0
    if (empty >= MAX_EMPTY_PAGES) {
      notes.push(`Paging stopped after ${String(empty)} pages without a new event: the history may be incomplete.`)
      return
    }
  }
}

function currentState(answer: Answer, userId: string, roomId: string): string[] {
  if (!Array.isArray(answer.json)) throw malformed(answer.url, 'no list of state events')
  const eventIds: string[] = []
  let own: unknown
  for (const event of answer.json as (Partial<Record<string, unknown>> | null)[]) {
    const id = event?.event_id
    if (typeof id !== 'string') throw malformed(answer.url, 'a state event without event_id')
    eventIds.push(id)
    if (event?.type === 'm.room.member' && event.state_key === userId) {
      own = (event.content as {membership?: unknown} | null)?.membership
    }
  }
  if (own === 'leave' || own === 'ban' || own === 'invite' || own === 'knock') {
    const how = {leave: 'has left', ban: 'is banned from', invite: 'is only invited to', knock: 'only knocks at'}[own]
    throw new StateError('SERVER_REFUSED', `${userId} ${how} ${roomId}: the server would not show its current state.`, {
      hint: 'Use the token of a joined account, or the admin API or the database of a server that is in the room.',
    })
  }
  return eventIds
}

async function resolveAlias(http: ClientHttp, alias: string, step: (step: ClientApiStep) => void): Promise<string> {
  step({kind: 'asking', what: 'alias'})
  const explain: ExplainRefusal = (status, _errcode, said) =>
    status === 404
      ? new StateError('SERVER_REFUSED', `No room is known by the alias ${alias} (${said})`, {
          hint: 'Check the spelling, or give the room ID (!…), which clients show in the room’s settings.',
        })
      : null
  const path = `/_matrix/client/v3/directory/room/${encodeURIComponent(alias)}`
  return stringIn(await http.get(path, {}, explain), 'room_id')
}

function notInRoom(userId: string, roomId: string): ExplainRefusal {
  return (status, _errcode, said) =>
    status === 403 || status === 404
      ? new StateError(
          'SERVER_REFUSED',
          `${userId} may not read ${roomId}: most likely it is not in the room (${said})`,
          {
            hint: 'Join with this account, use the token of one that is joined, or use the admin API or the database.',
          },
        )
      : null
}

function httpOptions(input: ClientApiInput, baseUrl: string, accessToken: string): ClientHttpOptions {
  return {
    baseUrl,
    accessToken,
    insecure: input.insecure,
    signal: input.signal,
    maxRetryMs: input.maxRetryMs,
    timeoutMs: input.timeoutMs,
    onPause: ({ms, reason}) => input.onProgress?.({kind: 'pause', ms, reason}),
  }
}

function checkVersions(answer: Answer, notes: string[]): void {
  const versions = (answer.json as {versions?: unknown} | null)?.versions
  if (!Array.isArray(versions)) throw malformed(answer.url, 'no list of versions')
  if (!versions.some((version) => typeof version === 'string' && version.startsWith('v'))) {
    notes.push('The server names no version v1.1 or later of the client API: some requests may be unknown to it.')
  }
}

function checkedToken(token: string): string {
  const trimmed = token.trim()
  const hint = 'Put the access token into MATRIX_STATE_TOKEN or a file for --token-file.'
  if (trimmed === '') throw new StateError('CREDENTIALS_ABSENT', 'There is no access token.', {hint})
  if (!/^[\u0021-\u007e]+$/u.test(trimmed)) {
    throw new StateError('CREDENTIALS_ABSENT', 'The access token holds blanks or other characters no token has.', {
      hint,
    })
  }
  return trimmed
}

function checkRoom(room: string): void {
  if (/^![^\s]+$/u.test(room) || /^#[^\s:]+:[^\s]+$/u.test(room)) return
  throw new StateError('USAGE', `"${room}" is neither a room ID (!…) nor an alias (#name:server).`, {
    hint: 'In a shell put it into single quotes: bash replaces what follows a "!", and "#" starts a comment.',
  })
}

function roomPath(roomId: string, endpoint: string): string {
  return `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/${endpoint}`
}

function sameIds(a: readonly string[], b: readonly string[]): boolean {
  const ids = new Set(a)
  return ids.size === new Set(b).size && b.every((id) => ids.has(id))
}

function notFederationFormat(url: string): StateError {
  return new StateError(
    'SERVER_ANSWER_MALFORMED',
    `${url} gave events without prev_events, not in federation format.`,
    {
      hint: 'This server ignores the filter event_format=federation: use its database, the federation API, or a dump.',
    },
  )
}
