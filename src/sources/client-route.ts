import {StateError} from '../errors.ts'
import {accountRoute, counter, openAccount} from './client-access.ts'
import type {Account, AccessOptions} from './client-access.ts'
import {valueIn} from './client-bodies.ts'
import type {ClientHttp} from './client-http.ts'
import {
  askCurrentState,
  askOrRefusal,
  askPage,
  askSync,
  askVersions,
  copyOf,
  NOT_SYNCED,
  notInRoom,
  roomPath,
  roomVersionIn,
  sameIds,
  STATE_ENDPOINT,
} from './client-requests.ts'
import type {GivenState} from './client-requests.ts'
import type {EventCopy, GatherContext, GatherLimits, PlannedRequest, Refusal, Route, Step} from './evidence.ts'
import {askContext, readAround, readHoles, statesAt} from './room-context.ts'
import type {ContextEndpoint} from './room-context.ts'
import {Timeline} from './timeline.ts'
import type {AskMessages} from './timeline.ts'

/** What an ordinary member can never see, whatever the server. */
export const UNKNOWABLE_TO_MEMBERS: readonly string[] = [
  'soft-failed events',
  'rejected events',
  'auth events outside the timeline (outliers)',
  'events hidden by history visibility',
  'events that servers keep from clients (Synapse: org.matrix.dummy_event, m.room.aliases, expired messages)',
  'messages of users whom this account ignores',
]

const SYNC = '/_matrix/client/v3/sync'
const MESSAGES = '/_matrix/client/v3/rooms/{roomId}/messages'
const CONTEXT = '/_matrix/client/v3/rooms/{roomId}/context/{eventId}'
const ALIASES = '/_matrix/client/v3/rooms/{roomId}/aliases'
const MAX_ROUNDS = 3
/** Single events that a step holds. */
const BATCH = 20
/** The mark that lists the events after which the state is known already. */
const AFTER = 'states after'

/**
 * Opens the way of an ordinary member: a room as one account sees it.
 *
 * @throws StateError for a token or an address that is of no use
 * @remarks Opening sends one or two requests, since the account's name is part of the route's. `gather` asks for the current state and the
 * newest events, again while the state changes, then for the state after the newest events and for the rest of the timeline. What
 * `/rooms/{id}/state` says is the current state, since it is what the server itself goes by (Synapse: `current_state_events`); `/sync` gives the
 * PDUs, also of state events that the timeline hides. `/members` is not asked: `/state` holds all members, those that left as well,
 * and `/context` those at an event.
 *
 * What this does to the server: the account's and the token's "last seen" change, as with every request. `/sync` without `since` reads
 * to-device messages but does not delete them (Synapse deletes those that a `since` acknowledges), counts as no presence
 * (`set_presence=offline`), and may deliver a server notice that is due. `/messages` makes the server fetch missing events from other servers
 * where it sees a gap. An alias of another server is asked of that server.
 *
 * The client API has no way to ask for one event in federation format. `fetchEvents` asks `/context` where the event is, and reads a
 * page of one event there.
 */
export async function openClientRoute(options: AccessOptions): Promise<Route> {
  const account = await openAccount(options)
  return {
    ...accountRoute(account, 'client', account.userId, (context, opening) => gather(account, context, opening)),
    unknowable: UNKNOWABLE_TO_MEMBERS,
    plan: clientPlan,
    fetchEvents: (eventIds, context) => fetchEvents(account, eventIds, context),
  }
}

/** What a gathering asks a server for, without asking. */
export function clientPlan(limits: GatherLimits): readonly PlannedRequest[] {
  const fetching =
    'where the server sees a gap in the events, it fetches what is missing from other servers and stores it, so the evidence may change'
  const seen = 'none, beyond the account’s “last seen”'
  const get = (path: string): string => `GET ${path}`
  const first: PlannedRequest[] = [
    {
      request: get('/_matrix/client/v3/account/whoami'),
      times: '1',
      purpose: 'whose token it is, and of which server',
      effect: seen,
    },
    {request: get('/_matrix/client/versions'), times: '1', purpose: 'what the server can do', effect: 'none'},
    {
      request: get(STATE_ENDPOINT),
      times: limits.around === undefined ? '2; up to 4 while the state keeps changing' : '1',
      purpose: 'the current state as the server reports it',
      effect: seen,
    },
    {
      request: get(SYNC),
      times: limits.around === undefined ? '1; up to 3 while the state keeps changing' : '1',
      purpose: 'the state events in federation format',
      effect: 'a server notice that is due may be delivered; without “since” nothing is acknowledged or deleted',
    },
    {request: get(ALIASES), times: '1', purpose: 'aliases of the room on this server', effect: seen},
  ]
  if (limits.around !== undefined) {
    return [
      ...first,
      {request: get(CONTEXT), times: '1', purpose: 'the state after the event, and where it is', effect: seen},
      {
        request: get(MESSAGES),
        times: '1 for each 1,000 events, to both sides',
        purpose: 'the events around it',
        effect: fetching,
      },
    ]
  }
  return [
    ...first,
    {
      request: get(CONTEXT),
      times: '1 for each of the newest events, at most 10',
      purpose: 'the state after them as the server reports it',
      effect: seen,
    },
    {request: get(MESSAGES), times: '1 for each 1,000 events', purpose: 'the timeline', effect: fetching},
    {
      request: get(CONTEXT),
      times: '1 for each missing event',
      purpose: 'where it is in the timeline',
      effect: seen,
    },
    {request: get(MESSAGES), times: '1 for each missing event', purpose: 'the event itself', effect: fetching},
  ]
}

async function* gather(account: Account, context: GatherContext, opening: number): AsyncGenerator<Step> {
  const {signal, onPause, roomId, limits} = context
  const http = await account.connect({signal, onPause})
  try {
    const requests = counter(http, opening)
    const {userId} = account
    const ask: AskMessages = (query, explain) =>
      askPage(
        http,
        roomPath(roomId, 'messages'),
        query,
        (status, errcode, said) => explain(status, errcode, said) ?? notInRoom(userId, roomId)(status, errcode, said),
      )
    const old = await askVersions(http)
    let state = await askCurrentState(http, userId, roomId)
    const notes = [...account.notes, ...(old === null ? [] : [old])]
    yield {...stateStep(state, requests()), notes}
    const aliases = await askAliases(http, roomId, requests)
    if (limits.around !== undefined) {
      yield (await syncStep(http, roomId, requests)).step
      yield aliases
      yield* readAround(http, contextOf(roomId), {how: MESSAGES, ask}, limits.around, context, requests)
      return
    }
    yield aliases
    const timeline = new Timeline(context, MESSAGES, ask, requests)
    let settled = false
    for (let round = 1; !settled && round <= MAX_ROUNDS; round += 1) {
      const {step, place} = await syncStep(http, roomId, requests)
      yield step
      yield await timeline.newest(place)
      const now = await askCurrentState(http, userId, roomId)
      settled = sameIds(eventIdsOf(state), eventIdsOf(now))
      state = now
      const unrest = 'The state of the room kept changing: the reported state may not fit the events exactly.'
      yield settled
        ? {how: STATE_ENDPOINT, requests: requests()}
        : {...stateStep(now, requests()), notes: round === MAX_ROUNDS ? [unrest] : []}
    }
    yield* statesAfterTips(http, timeline.tips, context, requests)
    yield* timeline.rest()
    yield* readHoles(http, contextOf(roomId), {how: MESSAGES, ask}, timeline.holes, context, requests)
  } finally {
    await http.close()
  }
}

/** What an event’s state is does not change: each is asked once. */
async function* statesAfterTips(
  http: ClientHttp,
  tips: readonly string[],
  context: GatherContext,
  requests: () => number,
): AsyncGenerator<Step> {
  const asked = new Set((context.marks.get(AFTER) ?? '').split(' '))
  const unasked = tips.filter((id) => !asked.has(id))
  for (const [index, eventId] of unasked.entries()) {
    const marks = {[AFTER]: [...tips.filter((id) => asked.has(id)), ...unasked.slice(0, index + 1)].join(' ')}
    for await (const step of statesAt(http, contextOf(context.roomId), [eventId], 'after', requests)) {
      yield {...step, marks}
    }
  }
}

async function syncStep(
  http: ClientHttp,
  roomId: string,
  requests: () => number,
): Promise<{readonly step: Step; readonly place: string | null}> {
  try {
    const {room, nextBatch} = await askSync(http, roomId)
    if (room === null) return {step: {how: SYNC, requests: requests(), notes: [NOT_SYNCED]}, place: nextBatch}
    const roomVersion = roomVersionIn(room.pdus)
    const step: Step = {
      how: SYNC,
      requests: requests(),
      ...(roomVersion === null ? {} : {roomVersion}),
      events: room.pdus.map(copyOf),
    }
    return {step, place: nextBatch}
  } catch (error) {
    if (!(error instanceof StateError)) throw error
    const refusals: Refusal[] = [{what: SYNC, outcome: 'failed', message: error.message}]
    const step = {how: SYNC, requests: requests(), refusals, notes: [`Went on without /sync: ${error.message}`]}
    return {step, place: null}
  }
}

async function askAliases(http: ClientHttp, roomId: string, requests: () => number): Promise<Step> {
  const outcome = await askOrRefusal(http, roomPath(roomId, 'aliases'), {what: ALIASES}, (status) =>
    status === 403 ? 'refused' : status < 500 ? 'failed' : null,
  )
  const step = {how: ALIASES, requests: requests()}
  if ('refusal' in outcome) return {...step, refusals: [outcome.refusal]}
  const aliases = valueIn(outcome.answer.json, ['aliases'])
  return {...step, aliases: Array.isArray(aliases) ? aliases.filter((alias) => typeof alias === 'string') : []}
}

async function* fetchEvents(
  account: Account,
  eventIds: readonly string[],
  {signal, onPause, roomId}: GatherContext,
): AsyncGenerator<Step> {
  const http = await account.connect({signal, onPause})
  try {
    const requests = counter(http, 0)
    for (let from = 0; from < eventIds.length; from += BATCH) {
      const events: EventCopy[] = []
      const refusals: Refusal[] = []
      for (const eventId of eventIds.slice(from, from + BATCH)) {
        const given = await fetchEvent(http, account.userId, roomId, eventId)
        if ('text' in given) events.push(given)
        else refusals.push(given)
      }
      yield {how: MESSAGES, requests: requests(), events, refusals}
    }
  } finally {
    await http.close()
  }
}

/** Where the event is, then a page of one that begins there. */
async function fetchEvent(
  http: ClientHttp,
  userId: string,
  roomId: string,
  eventId: string,
): Promise<EventCopy | Refusal> {
  const place = await askContext(http, contextOf(roomId), eventId, 'needed')
  if ('refusal' in place) return place.refusal
  const lost = (message: string): Refusal => ({what: MESSAGES, eventId, outcome: 'failed', message})
  if (place.end === null) return lost('/context gave no page token')
  const query = {dir: 'b', limit: '1', from: place.end} as const
  const {pdus} = await askPage(http, roomPath(roomId, 'messages'), query, notInRoom(userId, roomId))
  const pdu = pdus.find(({event}) => event.event_id === eventId)
  return pdu === undefined ? lost('the page at the event’s place does not have it') : copyOf(pdu)
}

function contextOf(roomId: string): ContextEndpoint {
  return {how: CONTEXT, path: (eventId) => roomPath(roomId, `context/${encodeURIComponent(eventId)}`)}
}

function stateStep(state: GivenState, requests: number): Step {
  return {
    how: STATE_ENDPOINT,
    requests,
    ...(state.roomVersion === null ? {} : {roomVersion: state.roomVersion}),
    states: [{what: 'current', eventId: null, how: STATE_ENDPOINT, slots: state.slots}],
  }
}

function eventIdsOf({slots}: GivenState): string[] {
  return slots.map(({eventId}) => eventId)
}
