import {StateError} from '../errors.ts'
import {checkedToken, transportNotes} from './client-access.ts'
import {askWellKnown, parseHomeserver} from './client-address.ts'
import {openClientHttp} from './client-http.ts'
import type {ClientHttp, ClientHttpOptions} from './client-http.ts'
import {
  askAccount,
  askAlias,
  askCurrentState,
  askPage,
  askSync,
  askVersions,
  NOT_SYNCED,
  notInRoom,
  PAGE_SIZE,
  roomPath,
  sameIds,
  STATE_ENDPOINT,
} from './client-requests.ts'
import type {GivenPdu} from './client-requests.ts'
import type {RawPdu} from './port.ts'
import {MAX_EMPTY_PAGES, NO_START, SAME_TOKEN, tooManyEmptyPages} from './timeline.ts'

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

const MAX_ROUNDS = 3

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
  notes.push(...transportNotes(baseUrl, input.insecure === true))
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
  const {userId, serverName} = await askAccount(http)
  step({kind: 'asking', what: 'versions'})
  const old = await askVersions(http)
  if (old !== null) notes.push(old)
  const alias = input.room.startsWith('#')
  if (alias) step({kind: 'asking', what: 'alias'})
  const roomId = alias ? await askAlias(http, input.room) : input.room

  const collected = new Collected()
  const readState = async (): Promise<string[]> => {
    step({kind: 'asking', what: 'state'})
    return (await askCurrentState(http, userId, roomId)).slots.map(({eventId}) => eventId)
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
    notes.push(NOT_SYNCED)
  }
  if (!collected.createSeen) notes.push(NO_START)
  const reported: ReportedState = {server: serverName, what: 'current', how: STATE_ENDPOINT, eventIds: state}
  return {roomId, serverName, userId, pdus: collected.pdus, reported, syncEventIds, settled}
}

/** The events so far, each once; what came first stays. */
class Collected {
  readonly pdus: RawPdu[] = []
  createSeen = false
  readonly #ids = new Set<string>()

  add(pdus: readonly GivenPdu[], fromTimeline: boolean): void {
    for (const {text, event} of pdus) {
      if (fromTimeline && event.type === 'm.room.create') this.createSeen = true
      const id = event.event_id
      if (typeof id === 'string') {
        if (this.#ids.has(id)) continue
        this.#ids.add(id)
      }
      this.pdus.push({text, line: this.pdus.length + 1})
    }
  }
}

/** @returns the event ids of the state that `/sync` tells, or `null` when it refuses as a whole: other requests can do without it. */
async function stateBySync(
  http: ClientHttp,
  roomId: string,
  collected: Collected,
  notes: string[],
): Promise<readonly string[] | null> {
  try {
    const {room} = await askSync(http, roomId)
    collected.add(room?.pdus ?? [], false)
    return room?.eventIds ?? null
  } catch (error) {
    if (!(error instanceof StateError)) throw error
    notes.push(`Went on without /sync: ${error.message}`)
    return null
  }
}

/** Reads one page backwards; returns the token of the next, or `null` at the start of what is visible. */
async function readPage(
  http: ClientHttp,
  userId: string,
  roomId: string,
  from: string | null,
  collected: Collected,
): Promise<string | null> {
  const query = {dir: 'b' as const, limit: String(PAGE_SIZE), ...(from === null ? {} : {from})}
  const {pdus, end} = await askPage(http, roomPath(roomId, 'messages'), query, notInRoom(userId, roomId))
  collected.add(pdus, true)
  return end
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
      notes.push(SAME_TOKEN)
      return
    }
    seen.add(next)
    const before = collected.pdus.length
    next = await readPage(http, userId, roomId, next, collected)
    step({kind: 'page', page, pdus: collected.pdus.length})
    empty = collected.pdus.length === before ? empty + 1 : 0
    if (empty >= MAX_EMPTY_PAGES) {
      notes.push(tooManyEmptyPages(empty))
      return
    }
  }
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

function checkRoom(room: string): void {
  if (/^![^\s]+$/u.test(room) || /^#[^\s:]+:[^\s]+$/u.test(room)) return
  throw new StateError('USAGE', `"${room}" is neither a room ID (!…) nor an alias (#name:server).`, {
    hint: 'In a shell put it into single quotes: bash replaces what follows a "!", and "#" starts a comment.',
  })
}
