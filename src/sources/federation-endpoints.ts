import {StateError} from '../errors.ts'
import type {JsonObject} from '../matrix/json.ts'
import {DEFAULT_ROOM_VERSION, KNOWN_ROOM_VERSIONS} from '../matrix/room-version.ts'
import {elementTexts, valueIn} from './client-bodies.ts'
import type {GatherContext, Refusal} from './evidence.ts'
import {routeRefusal} from './federation-failures.ts'
import type {FederationAnswer, FederationHttp} from './federation-http.ts'

/** What was asked for, or why it was not given. */
export type Outcome<T> = {readonly value: T} | {readonly refusal: Refusal; readonly error: StateError}

/** PDUs as texts, byte for byte. */
export interface StateTexts {
  readonly pdus: readonly string[]
  readonly authChain: readonly string[]
}

/** A template of a join: the server would have it follow its newest events. */
export interface JoinTemplate {
  readonly prevEvents: readonly string[]
  readonly roomVersion: string
}

/** The endpoints, about one room; nothing that comes is believed yet but that it has the right shape. */
export interface FederationEndpoints {
  readonly makeJoin: (userId: string) => Promise<Outcome<JoinTemplate>>
  /** MSC4370, where the server has it. */
  readonly extremities: () => Promise<Outcome<readonly string[]>>
  readonly timestampToEvent: (ts: number) => Promise<Outcome<{readonly eventId: string; readonly ts: number}>>
  readonly state: (eventId: string) => Promise<Outcome<StateTexts>>
  readonly stateIds: (eventId: string) => Promise<Outcome<readonly string[]>>
  readonly event: (eventId: string) => Promise<Outcome<readonly string[]>>
  readonly eventAuth: (eventId: string) => Promise<Outcome<readonly string[]>>
  readonly backfill: (eventIds: readonly string[], limit: number) => Promise<Outcome<readonly string[]>>
  readonly missingEvents: (
    earliest: readonly string[],
    latest: readonly string[],
    limit: number,
  ) => Promise<Outcome<readonly string[]>>
}

const V1 = '/_matrix/federation/v1'

/** Names of the endpoints, for people. */
export const ENDPOINTS = {
  makeJoin: '/make_join',
  extremities: '/org.matrix.msc4370/extremities',
  timestampToEvent: '/timestamp_to_event',
  state: '/state',
  stateIds: '/state_ids',
  event: '/event',
  eventAuth: '/event_auth',
  backfill: '/backfill',
  missingEvents: '/get_missing_events',
} as const

/** Who asks whom about which room. */
export interface Asking {
  readonly server: string
  readonly origin: string
  readonly keyId: string
  readonly roomId: string
}

/** @see https://spec.matrix.org/v1.19/server-server-api/ */
export function federationEndpoints(
  http: FederationHttp,
  asking: Asking,
  context: Pick<GatherContext, 'signal' | 'onPause'>,
): FederationEndpoints {
  const {signal, onPause} = context
  const room = encodeURIComponent(asking.roomId)

  const ask = async <T>(
    what: string,
    request: {readonly uri: string; readonly content?: JsonObject; readonly eventId?: string},
    read: (text: string, json: unknown) => T | null,
    roomId: string | null = asking.roomId,
  ): Promise<Outcome<T>> => {
    const {uri, content, eventId} = request
    const answer = await http.ask({
      uri,
      signal,
      onPause,
      ...(content === undefined ? {} : {method: 'POST' as const, content}),
    })
    const named = {what, ...(eventId === undefined ? {} : {eventId})}
    if (answer.kind === 'refused') {
      const whole = routeRefusal({...asking, roomId}, answer.status, answer.said)
      if (whole !== null) throw whole
    }
    if (answer.kind !== 'answer') return withheld(named, answer)
    const value = read(answer.text, answer.json)
    if (value !== null) return {value}
    const error = new StateError('SERVER_ANSWER_MALFORMED', `${answer.url} answered with JSON of another shape.`, {
      hint: 'This is a fault of the server, or of something in front of it.',
    })
    return {refusal: {...named, outcome: 'failed', status: 200, message: error.message}, error}
  }

  return {
    makeJoin: (userId) => {
      const versions = KNOWN_ROOM_VERSIONS.map((version) => `ver=${encodeURIComponent(version)}`).join('&')
      return ask(
        ENDPOINTS.makeJoin,
        {uri: `${V1}/make_join/${room}/${encodeURIComponent(userId)}?${versions}`},
        (_, json) => {
          const prevEvents = idsIn(json, ['event', 'prev_events'])
          // Servers older than room version 2 do not name it.
          const roomVersion = valueIn(json, ['room_version']) ?? DEFAULT_ROOM_VERSION
          return prevEvents === null || typeof roomVersion !== 'string' ? null : {prevEvents, roomVersion}
        },
        null,
      )
    },
    extremities: () =>
      ask(
        ENDPOINTS.extremities,
        {uri: `/_matrix/federation/unstable/org.matrix.msc4370/extremities/${room}`},
        (_, json) => idsIn(json, ['prev_events']),
      ),
    timestampToEvent: (ts) =>
      ask(ENDPOINTS.timestampToEvent, {uri: `${V1}/timestamp_to_event/${room}?ts=${String(ts)}&dir=b`}, (_, json) => {
        const eventId = valueIn(json, ['event_id'])
        const at = valueIn(json, ['origin_server_ts'])
        return typeof eventId === 'string' && typeof at === 'number' ? {eventId, ts: at} : null
      }),
    state: (eventId) =>
      ask(
        ENDPOINTS.state,
        {uri: `${V1}/state/${room}?event_id=${encodeURIComponent(eventId)}`, eventId},
        (text, json) => {
          const lists = Array.isArray(valueIn(json, ['pdus'])) && Array.isArray(valueIn(json, ['auth_chain']))
          return lists ? {pdus: elementTexts(text, ['pdus']), authChain: elementTexts(text, ['auth_chain'])} : null
        },
      ),
    stateIds: (eventId) =>
      ask(
        ENDPOINTS.stateIds,
        {uri: `${V1}/state_ids/${room}?event_id=${encodeURIComponent(eventId)}`, eventId},
        (_, json) => idsIn(json, ['pdu_ids']),
      ),
    event: (eventId) =>
      ask(ENDPOINTS.event, {uri: `${V1}/event/${encodeURIComponent(eventId)}`, eventId}, listOf('pdus'), null),
    eventAuth: (eventId) =>
      ask(
        ENDPOINTS.eventAuth,
        {uri: `${V1}/event_auth/${room}/${encodeURIComponent(eventId)}`, eventId},
        listOf('auth_chain'),
      ),
    backfill: (eventIds, limit) => {
      const from = eventIds.map((id) => `v=${encodeURIComponent(id)}`).join('&')
      return ask(ENDPOINTS.backfill, {uri: `${V1}/backfill/${room}?${from}&limit=${String(limit)}`}, listOf('pdus'))
    },
    missingEvents: (earliest, latest, limit) =>
      ask(
        ENDPOINTS.missingEvents,
        {
          uri: `${V1}/get_missing_events/${room}`,
          content: {earliest_events: earliest, latest_events: latest, limit, min_depth: 0},
        },
        listOf('events'),
      ),
  }
}

function withheld(
  named: {readonly what: string; readonly eventId?: string},
  answer: Exclude<FederationAnswer, {kind: 'answer'}>,
): {readonly refusal: Refusal; readonly error: StateError} {
  if (answer.kind === 'failed') {
    const {error, status} = answer
    return {refusal: {...named, outcome: 'failed', ...(status === null ? {} : {status}), message: error.message}, error}
  }
  const {status, said, url} = answer
  const error = new StateError('SERVER_REFUSED', `${url} answered ${String(status)} ${said}`)
  return {refusal: {...named, outcome: status === 404 ? 'absent' : 'refused', status, message: said}, error}
}

function listOf(key: string): (text: string, json: unknown) => readonly string[] | null {
  return (text, json) => (Array.isArray(valueIn(json, [key])) ? elementTexts(text, [key]) : null)
}

/** A list of event IDs, or of the pairs that room versions 1 and 2 have; `null` for anything else. */
function idsIn(json: unknown, path: readonly string[]): readonly string[] | null {
  const list = valueIn(json, path)
  if (!Array.isArray(list)) return null
  const ids = list.map((entry: unknown) => (Array.isArray(entry) ? (entry[0] as unknown) : entry))
  return ids.every((id) => typeof id === 'string') ? ids : null
}
