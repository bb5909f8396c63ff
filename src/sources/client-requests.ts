import {randomUUID} from 'node:crypto'
import {StateError} from '../errors.ts'
import {versionIn} from '../matrix/room-version.ts'
import {arrayIn, elementTexts, malformed, stringIn, valueIn} from './client-bodies.ts'
import type {Answer, ClientHttp, ExplainRefusal} from './client-http.ts'
import type {EventCopy, Refusal, ReportedSlot} from './evidence.ts'

/** Events of one `/messages` answer, at most. Synapse gives 1,000 even if more are asked for. */
export const PAGE_SIZE = 1000

/** An event in federation format, as an answer holds it. */
export interface GivenPdu {
  /** Byte for byte as it stands in the answer. */
  readonly text: string
  /** What `JSON.parse` makes of it: good for IDs and names, never for hashing. */
  readonly event: Partial<Record<string, unknown>>
}

/** The endpoint of the current state, for people. */
export const STATE_ENDPOINT = '/_matrix/client/v3/rooms/{roomId}/state'
/** Said where state events may be lacking. */
export const NOT_SYNCED = '/sync did not show the room: state events that the timeline hides are missing.'

/** What `/messages` is asked. */
export interface PageQuery {
  readonly dir: 'b' | 'f'
  readonly limit: string
  readonly from?: string
  readonly to?: string
}

/** One answer of `/messages`. */
export interface Page {
  readonly pdus: readonly GivenPdu[]
  /** Token of the place where the page begins. */
  readonly start: string | null
  /** Token to go on from; `null` at the end of what is visible. */
  readonly end: string | null
}

/** A state in the form for clients. */
export interface GivenState {
  readonly slots: readonly Required<ReportedSlot>[]
  /** Of the create event among them; `null` where there is none. */
  readonly roomVersion: string | null
  /** The `membership` of a user by this state; `undefined` where there is none. */
  readonly membershipOf: (userId: string) => unknown
}

/** What `/sync` says of one room. */
export interface SyncedRoom {
  readonly pdus: readonly GivenPdu[]
  /** The state: its state block, overridden by its timeline. */
  readonly eventIds: readonly string[]
}

/** Whose token it is, and of which device; servers need not tell that. https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3accountwhoami */
export async function askAccount(
  http: ClientHttp,
): Promise<{readonly userId: string; readonly serverName: string; readonly deviceId: string | null}> {
  const whoami = await http.get('/_matrix/client/v3/account/whoami')
  const userId = stringIn(whoami, 'user_id')
  if (!/^@[^:]*:./u.test(userId)) throw malformed(whoami.url, 'a "user_id" that is none')
  const deviceId = valueIn(whoami.json, ['device_id'])
  return {
    userId,
    serverName: userId.slice(userId.indexOf(':') + 1),
    deviceId: typeof deviceId === 'string' && deviceId !== '' ? deviceId : null,
  }
}

/** @returns a remark where the server is older than the requests that follow. */
export async function askVersions(http: ClientHttp): Promise<string | null> {
  const answer = await http.get('/_matrix/client/versions')
  const versions = (answer.json as {versions?: unknown} | null)?.versions
  if (!Array.isArray(versions)) throw malformed(answer.url, 'no list of versions')
  return versions.some((version) => typeof version === 'string' && version.startsWith('v'))
    ? null
    : 'The server names no version v1.1 or later of the client API: some requests may be unknown to it.'
}

/** Room ID of an alias. @throws StateError SERVER_REFUSED where nobody knows it */
export async function askAlias(http: ClientHttp, alias: string): Promise<string> {
  const explain: ExplainRefusal = (status, _errcode, said) =>
    status === 404
      ? new StateError('SERVER_REFUSED', `No room is known by the alias ${alias} (${said})`, {
          hint: 'Check the spelling, or give the room ID (!…), which clients show in the room’s settings.',
        })
      : null
  const path = `/_matrix/client/v3/directory/room/${encodeURIComponent(alias)}`
  return stringIn(await http.get(path, {}, explain), 'room_id')
}

/**
 * The current state as a member sees it.
 *
 * @throws StateError SERVER_REFUSED also for an account that has left: the server would show it the state at that time
 */
export async function askCurrentState(http: ClientHttp, userId: string, roomId: string): Promise<GivenState> {
  const answer = await http.get(roomPath(roomId, 'state'), {}, notInRoom(userId, roomId))
  const state = stateIn(answer, [])
  const own = state.membershipOf(userId)
  if (own === 'leave' || own === 'ban' || own === 'invite' || own === 'knock') {
    const how = {leave: 'has left', ban: 'is banned from', invite: 'is only invited to', knock: 'only knocks at'}[own]
    throw new StateError('SERVER_REFUSED', `${userId} ${how} ${roomId}: the server would not show its current state.`, {
      hint: 'Use the token of a joined account, or the admin API or the database of a server that is in the room.',
    })
  }
  return state
}

/** The list of state events, in the form for clients, that the keys lead to. */
export function stateIn(answer: Answer, path: readonly string[]): GivenState {
  const events = valueIn(answer.json, path)
  if (!Array.isArray(events)) throw malformed(answer.url, 'no list of state events')
  const versions: (string | null)[] = []
  const members = new Map<unknown, unknown>()
  const slots = (events as (Partial<Record<string, unknown>> | null)[]).map((event) => {
    const {event_id: eventId, type, state_key: stateKey} = event ?? {}
    if (typeof eventId !== 'string') throw malformed(answer.url, 'a state event without event_id')
    if (typeof type !== 'string' || typeof stateKey !== 'string') {
      throw malformed(answer.url, 'a state event without type or state_key')
    }
    const content = event?.content as {membership?: unknown} | null | undefined
    if (type === 'm.room.member') members.set(stateKey, content?.membership)
    if (type === 'm.room.create') versions.push(versionIn(content))
    return {eventId, type, stateKey}
  })
  return {slots, roomVersion: versions[0] ?? null, membershipOf: (userId) => members.get(userId)}
}

/**
 * Asks `/sync` without `since` for this room only, in federation format.
 *
 * @returns `room` is `null` when it does not show the room; `nextBatch` is the server's place in its stream of events.
 * @remarks Without `since` nothing is acknowledged: Synapse deletes no to-device messages. Presence stays as it is.
 */
export async function askSync(
  http: ClientHttp,
  roomId: string,
): Promise<{readonly room: SyncedRoom | null; readonly nextBatch: string | null}> {
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
  const answer = await http.get('/_matrix/client/v3/sync', query)
  const token = valueIn(answer.json, ['next_batch'])
  const nextBatch = typeof token === 'string' && token !== '' ? token : null
  const place = ['rooms', 'join', roomId]
  if (valueIn(answer.json, place) === undefined) return {room: null, nextBatch}
  const slots = new Map<string, string>()
  const pdus = ['state', 'timeline'].flatMap((block) => pdusIn(answer, [...place, block, 'events']))
  for (const {event} of pdus) {
    if (typeof event.state_key !== 'string') continue
    slots.set(JSON.stringify([event.type, event.state_key]), String(event.event_id))
  }
  return {room: {pdus, eventIds: [...slots.values()]}, nextBatch}
}

/** One page of a timeline in federation format, by the client API or by the admin API. */
export async function askPage(
  http: ClientHttp,
  path: string,
  query: PageQuery,
  explain: ExplainRefusal,
): Promise<Page> {
  const answer = await http.get(path, {...query, filter: '{"event_format":"federation"}'}, explain)
  const pdus = pdusIn(answer, ['chunk'])
  const token = (key: string): string | null => {
    const value = valueIn(answer.json, [key])
    return typeof value === 'string' && value !== '' ? value : null
  }
  return {pdus, start: token('start'), end: token('end')}
}

/** The events of the list that the keys lead to. @throws StateError SERVER_ANSWER_MALFORMED in any other format */
export function pdusIn(answer: Answer, path: readonly string[]): GivenPdu[] {
  const events = arrayIn(answer, path)
  const texts = elementTexts(answer.text, path)
  if (texts.length !== events.length) throw malformed(answer.url, `"${path.at(-1) ?? ''}" more than once`)
  return texts.map((text, index) => ({text, event: pduOf(answer, events[index])}))
}

/** The value as an event in federation format. */
export function pduOf(answer: Answer, value: unknown): Partial<Record<string, unknown>> {
  const event = value as Partial<Record<string, unknown>> | null | undefined
  if (event !== null && event !== undefined && Array.isArray(event.prev_events)) return event
  const message = `${answer.url} gave events without prev_events, not in federation format.`
  throw new StateError('SERVER_ANSWER_MALFORMED', message, {
    hint: 'This server ignores the filter event_format=federation: use its database, the federation API, or a dump.',
  })
}

/** The event as evidence. Synapse tells server admins, and nobody else, which events it soft-failed. */
export function copyOf({text, event}: GivenPdu): EventCopy {
  const unsigned = event.unsigned as Partial<Record<string, unknown>> | null | undefined
  const softFailed = unsigned?.['io.element.synapse.soft_failed'] === true
  const eventId = typeof event.event_id === 'string' ? event.event_id : null
  return {text, eventId, ...(softFailed ? {marks: {softFailed}} : {})}
}

/** The room version that a create event among them names. */
export function roomVersionIn(pdus: readonly GivenPdu[]): string | null {
  const create = pdus.find(({event}) => event.type === 'm.room.create' && event.state_key === '')
  return create === undefined ? null : versionIn(create.event.content)
}

/** IDs of the events that it names as the ones before it, in any room version. */
export function prevEventsOf({event}: GivenPdu): string[] {
  return (event.prev_events as unknown[]).flatMap((prev): string[] => {
    const id: unknown = Array.isArray(prev) ? prev[0] : prev
    return typeof id === 'string' ? [id] : []
  })
}

/** A request whose refusal is an answer as well: where `outcomeOf` knows one for the status. `otherwise` explains other refusals. */
export async function askOrRefusal(
  http: ClientHttp,
  path: string,
  asked: {readonly what: string; readonly eventId?: string; readonly query?: Readonly<Record<string, string>>},
  outcomeOf: (status: number) => Refusal['outcome'] | null,
  otherwise: ExplainRefusal = () => null,
): Promise<{readonly answer: Answer} | {readonly refusal: Refusal}> {
  const {what, eventId, query} = asked
  const refusals: Refusal[] = []
  const explain: ExplainRefusal = (status, errcode, message) => {
    const outcome = outcomeOf(status)
    if (outcome === null) return otherwise(status, errcode, message)
    refusals.push({what, ...(eventId === undefined ? {} : {eventId}), outcome, status, message})
    return new StateError('SERVER_REFUSED', message)
  }
  try {
    return {answer: await http.get(path, query, explain)}
  } catch (error) {
    const [refusal] = refusals
    if (refusal === undefined) throw error
    return {refusal}
  }
}

/** Words for an account that the server does not let read a room. */
export function notInRoom(userId: string, roomId: string): ExplainRefusal {
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

export function roomPath(roomId: string, endpoint: string): string {
  return `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/${endpoint}`
}

export function sameIds(a: readonly string[], b: readonly string[]): boolean {
  const ids = new Set(a)
  return ids.size === new Set(b).size && b.every((id) => ids.has(id))
}
