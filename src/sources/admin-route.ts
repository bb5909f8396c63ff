import {adminPath, adminRefusal, adminRequest} from './admin-access.ts'
import {accountRoute, counter, openAccount} from './client-access.ts'
import type {Account, AccessOptions} from './client-access.ts'
import {arrayIn, elementText, malformed, valueIn} from './client-bodies.ts'
import type {Answer, ClientHttp} from './client-http.ts'
import {askOrRefusal, askPage, copyOf, pduOf, stateIn} from './client-requests.ts'
import {
  type EventCopy,
  type GatherContext,
  type GatherLimits,
  type PlannedRequest,
  type Refusal,
  type Route,
  STATES_ELSEWHERE,
  type Step,
} from './evidence.ts'
import {readAround, readHoles, statesAt} from './room-context.ts'
import type {ContextEndpoint} from './room-context.ts'
import {Timeline} from './timeline.ts'
import type {AskMessages} from './timeline.ts'

const ROOM = '/_synapse/admin/v1/rooms/{roomId}'
const FETCH_EVENT = '/_synapse/admin/v1/fetch_event/{eventId}'
/** Single events asked for at a time, and those that a step holds. */
const AT_ONCE = 4
const BATCH = 100
/** Extremities whose states are asked for. */
const MAX_EXTREMITIES = 20

/** What the admin API never shows. */
export const UNKNOWABLE_TO_ADMINS: readonly string[] = [
  'rejected events',
  'which events are outliers',
  STATES_ELSEWHERE,
]

export interface AdminOptions extends AccessOptions {
  /** Whether to read the timeline, which can make the server fetch from others; `true` unless told otherwise. */
  readonly withMessages?: boolean
}

/**
 * Opens the way of an administrator of a Synapse server, who need not be in the room.
 *
 * @throws StateError for a token or an address that is of no use. That the account is no administrator is told by `gather`.
 * @remarks Opening sends one or two requests, since the server's name is part of the route's. All requests are GET: nothing is deleted.
 * @see https://element-hq.github.io/synapse/latest/admin_api/rooms.html
 */
export async function openAdminRoute(options: AdminOptions): Promise<Route> {
  const account = await openAccount(options)
  const withMessages = options.withMessages ?? true
  return {
    ...accountRoute(account, 'admin', account.serverName, (context, opening) =>
      gather(account, context, withMessages, opening),
    ),
    unknowable: UNKNOWABLE_TO_ADMINS,
    plan: (limits) => adminPlan(limits, withMessages),
    fetchEvents: (eventIds, context) => fetchEvents(account, eventIds, context),
  }
}

/** What a gathering asks a server for, without asking. */
export function adminPlan(limits: GatherLimits, withMessages = true): readonly PlannedRequest[] {
  const get = (request: string, times: string, purpose: string, effect = 'none'): PlannedRequest => ({
    request: `GET ${request}`,
    times,
    purpose,
    effect,
  })
  const around = limits.around !== undefined
  return [
    get(
      '/_matrix/client/v3/account/whoami',
      '1',
      'whose token it is, and of which server',
      'the account’s “last seen”',
    ),
    get(ROOM, '1', 'the room version, and the server’s own count of state events'),
    get(`${ROOM}/state`, '1', 'the current state as the server reports it'),
    get(`${ROOM}/forward_extremities`, '1', 'the server’s forward extremities'),
    get(
      `${ROOM}/context/{eventId}`,
      `1 for each extremity, at most ${String(MAX_EXTREMITIES)}${around ? ', and 1 for the event' : ''}`,
      'the state there as the server reports it',
    ),
    get(
      FETCH_EVENT,
      withMessages ? '1 for each extremity and each missing event' : '1 for each state event and each missing event',
      'the events themselves, also those outside the timeline',
    ),
    ...(withMessages
      ? [
          get(
            `${ROOM}/messages`,
            around ? '1 for each 1,000 events, to both sides' : '1 for each 1,000 events',
            'the timeline, soft-failed events included',
            'where the server sees a gap in the events, it fetches what is missing from other servers and stores it, so the evidence may change',
          ),
        ]
      : []),
  ]
}

async function* gather(
  account: Account,
  context: GatherContext,
  withMessages: boolean,
  opening: number,
): AsyncGenerator<Step> {
  const {signal, onPause, roomId, limits} = context
  const http = await account.connect({signal, onPause})
  try {
    const requests = counter(http, opening)
    const explain = adminRefusal(account, roomId)
    const {counted, step} = await summary(http, account, roomId, requests)
    yield step
    const answer = await http.get(adminPath(roomId, 'state'), {}, explain)
    const state = stateIn(answer, ['state'])
    const now = state.slots.length
    const drift =
      counted === null || counted === now
        ? []
        : [
            `The server counts ${String(counted)} state events in the room, but its current state has ${String(now)}: ` +
              'slots may have vanished from it, as in a state reset.',
          ]
    yield {
      how: `${ROOM}/state`,
      requests: requests(),
      states: [{what: 'current', eventId: null, how: `${ROOM}/state`, slots: state.slots}],
      notes: drift,
    }
    const extremities: string[] = []
    yield await askExtremities(http, roomId, extremities, requests)
    yield* statesAt(http, contextOf(roomId), extremities.slice(0, MAX_EXTREMITIES), 'at-extremity', requests)
    const wanted = withMessages ? extremities : [...extremities, ...state.slots.map(({eventId}) => eventId)]
    yield* fetchEvents(
      account,
      [...new Set(wanted)].filter((id) => !context.knows(id)),
      context,
    )
    const ask: AskMessages = (query, explainPage) =>
      askPage(
        http,
        adminPath(roomId, 'messages'),
        query,
        (status, errcode, said) => explainPage(status, errcode, said) ?? explain(status, errcode, said),
      )
    const messages = {how: `${ROOM}/messages`, ask}
    if (limits.around !== undefined) {
      yield* readAround(http, contextOf(roomId), withMessages ? messages : null, limits.around, context, requests)
    } else if (withMessages) {
      const timeline = new Timeline(context, messages.how, ask, requests)
      yield await timeline.newest(null)
      yield* timeline.rest()
      yield* readHoles(http, contextOf(roomId), messages, timeline.holes, context, requests)
    }
  } finally {
    await http.close()
  }
}

/** The first request: whether this is a Synapse, its administrator, and a room that it knows. */
async function summary(
  http: ClientHttp,
  account: Account,
  roomId: string,
  requests: () => number,
): Promise<{readonly counted: number | null; readonly step: Step}> {
  const answer = await adminRequest(() => http.get(adminPath(roomId), {}, adminRefusal(account, roomId)))
  const {version, state_events: counted, canonical_alias: alias} = objectOf(answer)
  const step: Step = {
    how: ROOM,
    requests: requests(),
    ...(typeof version === 'string' ? {roomVersion: version} : {}),
    ...(typeof alias === 'string' ? {aliases: [alias]} : {}),
    notes: account.notes,
  }
  return {counted: typeof counted === 'number' ? counted : null, step}
}

async function askExtremities(
  http: ClientHttp,
  roomId: string,
  found: string[],
  requests: () => number,
): Promise<Step> {
  const how = `${ROOM}/forward_extremities`
  const outcome = await askOrRefusal(http, adminPath(roomId, 'forward_extremities'), {what: how}, (status) =>
    status === 400 || status === 404 ? 'failed' : null,
  )
  if ('refusal' in outcome) return {how, requests: requests(), refusals: [outcome.refusal]}
  for (const result of arrayIn(outcome.answer, ['results'])) {
    const id = valueIn(result, ['event_id'])
    if (typeof id !== 'string') throw malformed(outcome.answer.url, 'an extremity without event_id')
    found.push(id)
  }
  const left = found.length - MAX_EXTREMITIES
  return {
    how,
    requests: requests(),
    extremities: [{direction: 'forward', how, eventIds: [...found]}],
    notes: left > 0 ? [`The states at ${String(left)} of ${String(found.length)} extremities were not asked for.`] : [],
  }
}

/** Asks for single events, some at once: one takes Synapse 8 ms. */
async function* fetchEvents(
  account: Account,
  eventIds: readonly string[],
  {signal, onPause, roomId}: GatherContext,
): AsyncGenerator<Step> {
  if (eventIds.length === 0) return
  const lanes: ClientHttp[] = []
  const end = new AbortController()
  const work = {signal: AbortSignal.any([signal, end.signal]), onPause}
  try {
    while (lanes.length < Math.min(AT_ONCE, eventIds.length)) lanes.push(await account.connect(work))
    const counters = lanes.map((http) => counter(http, 0))
    for (let from = 0; from < eventIds.length; from += BATCH) {
      const queue = eventIds.slice(from, from + BATCH)
      const given: (EventCopy | Refusal)[] = []
      await Promise.all(
        lanes.map(async (http) => {
          for (let eventId = queue.shift(); eventId !== undefined; eventId = queue.shift()) {
            given.push(await fetchEvent(http, account, roomId, eventId))
          }
        }),
      )
      yield {
        how: FETCH_EVENT,
        requests: counters.reduce((sum, requests) => sum + requests(), 0),
        events: given.filter((one) => 'text' in one),
        refusals: given.filter((one) => 'outcome' in one),
      }
    }
  } finally {
    end.abort()
    await Promise.all(lanes.map((http) => http.close()))
  }
}

async function fetchEvent(
  http: ClientHttp,
  account: Account,
  roomId: string,
  eventId: string,
): Promise<EventCopy | Refusal> {
  const path = `/_synapse/admin/v1/fetch_event/${encodeURIComponent(eventId)}`
  const outcome = await adminRequest(() =>
    askOrRefusal(
      http,
      path,
      {what: FETCH_EVENT, eventId},
      (status) => (status === 404 ? 'absent' : null),
      adminRefusal(account, null),
    ),
  )
  if ('refusal' in outcome) return outcome.refusal
  const {answer} = outcome
  const event = pduOf(answer, valueIn(answer.json, ['event']))
  const text = elementText(answer.text, ['event'])
  if (text === null) throw malformed(answer.url, 'no "event"')
  if (event.room_id !== roomId) {
    return {what: FETCH_EVENT, eventId, outcome: 'absent', message: 'the event of this ID is in another room'}
  }
  return copyOf({text, event})
}

function contextOf(roomId: string): ContextEndpoint {
  return {
    how: `${ROOM}/context/{eventId}`,
    path: (eventId) => adminPath(roomId, `context/${encodeURIComponent(eventId)}`),
  }
}

function objectOf(answer: Answer): Partial<Record<string, unknown>> {
  if (typeof answer.json !== 'object' || answer.json === null) throw malformed(answer.url, 'no description of a room')
  return answer.json
}
