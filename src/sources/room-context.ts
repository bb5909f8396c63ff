import {valueIn} from './client-bodies.ts'
import type {ClientHttp} from './client-http.ts'
import {askOrRefusal, copyOf, PAGE_SIZE, prevEventsOf, roomVersionIn, stateIn} from './client-requests.ts'
import type {GivenState, Page} from './client-requests.ts'
import type {GatherContext, Refusal, Step} from './evidence.ts'
import type {AskMessages} from './timeline.ts'

/** Events to each side of `--around` where `--depth` does not say. */
export const AROUND = 100
/** Holes that are tried in one run. */
const MAX_HOLES = 100

/** What `/context` says of one event: the state after it, and where pages begin. */
export interface EventPlace {
  readonly state: GivenState
  /** Token of the place just after the event. */
  readonly end: string | null
}

/** A server's `/context`, by the client API or by the admin API. */
export interface ContextEndpoint {
  /** For people. */
  readonly how: string
  readonly path: (eventId: string) => string
}

/**
 * Asks for the state after an event.
 *
 * @param members - `needed` leaves out the members that the event does not concern, where only the place is wanted
 * @returns a refusal where the server does not show the event. Synapse answers 404 for events that it does not know, rejected, or hides,
 * and 500 for those whose state it does not have (outliers).
 */
export async function askContext(
  http: ClientHttp,
  endpoint: ContextEndpoint,
  eventId: string,
  members: 'all' | 'needed' = 'all',
): Promise<EventPlace | {readonly refusal: Refusal}> {
  const query = {limit: '0', ...(members === 'all' ? {} : {filter: '{"lazy_load_members":true}'})}
  const asked = {what: endpoint.how, eventId, query}
  const outcome = await askOrRefusal(http, endpoint.path(eventId), asked, (status) => {
    if (status === 404) return 'absent'
    if (status === 403) return 'refused'
    return status === 500 ? 'failed' : null
  })
  if ('refusal' in outcome) return outcome
  const end = valueIn(outcome.answer.json, ['end'])
  return {state: stateIn(outcome.answer, ['state']), end: typeof end === 'string' && end !== '' ? end : null}
}

/** Asks for the states after some events, a step for each. */
export async function* statesAt(
  http: ClientHttp,
  endpoint: ContextEndpoint,
  eventIds: readonly string[],
  what: 'after' | 'at-extremity',
  requests: () => number,
): AsyncGenerator<Step> {
  for (const eventId of eventIds) {
    const place = await askContext(http, endpoint, eventId)
    const step = {how: endpoint.how, requests: requests()}
    if ('refusal' in place) yield {...step, refusals: [place.refusal]}
    else yield {...step, states: [{what, eventId, how: endpoint.how, slots: place.state.slots}]}
  }
}

/**
 * Fills holes: events that others cite and that the timeline has at places which were read before they came.
 *
 * @remarks A hole costs a `/context` and a page, which usually brings all of a backfilled piece. At most 100 are tried.
 */
export async function* readHoles(
  http: ClientHttp,
  endpoint: ContextEndpoint,
  messages: {readonly how: string; readonly ask: AskMessages},
  holes: ReadonlySet<string>,
  context: GatherContext,
  requests: () => number,
): AsyncGenerator<Step> {
  const open = new Set(holes)
  const seen = new Set<string>()
  let tries = 0
  for (const eventId of open) {
    if (seen.has(eventId) || context.knows(eventId)) continue
    tries += 1
    if (tries > MAX_HOLES) return
    const place = await askContext(http, endpoint, eventId, 'needed')
    if ('refusal' in place) {
      yield {how: endpoint.how, requests: requests(), refusals: [place.refusal]}
      continue
    }
    if (place.end === null) continue
    const {pdus} = await messages.ask({dir: 'b', limit: String(PAGE_SIZE), from: place.end}, () => null)
    for (const {event} of pdus) seen.add(String(event.event_id))
    // What is added to a set while it is gone through is gone through as well.
    for (const prev of pdus.flatMap(prevEventsOf)) open.add(prev)
    yield {how: messages.how, requests: requests(), events: pdus.map(copyOf)}
  }
}

/** How far the pages to one side of an event have come. */
interface Side {
  /** Token to go on from; `null`: nothing is left on this side. */
  readonly next: string | null
  readonly events: number
}

/**
 * Reads the timeline around an event, to both sides; first the state after it. It goes on where an earlier run for the same event ended,
 * and asks again for what is newer where that reached the newest event.
 *
 * @param messages - `null`: only the state is asked for
 */
export async function* readAround(
  http: ClientHttp,
  endpoint: ContextEndpoint,
  messages: {readonly how: string; readonly ask: AskMessages} | null,
  eventId: string,
  context: GatherContext,
  requests: () => number,
): AsyncGenerator<Step> {
  const mark = `around ${eventId}`
  const place = await askContext(http, endpoint, eventId)
  if ('refusal' in place) {
    yield {how: endpoint.how, requests: requests(), refusals: [place.refusal]}
    return
  }
  const {state, end} = place
  yield {
    how: endpoint.how,
    requests: requests(),
    states: [{what: 'after', eventId, how: endpoint.how, slots: state.slots}],
  }
  if (messages === null) return
  const wanted = context.limits.depth === undefined ? AROUND : Math.ceil(context.limits.depth / 2)
  const begin: Side = {next: end, events: 0}
  let sides = {b: begin, f: begin, ...sidesOf(context.marks.get(mark))}
  for (const dir of ['b', 'f'] as const) {
    const asked = new Set<string>()
    for (
      let side = sides[dir];
      side.next !== null && side.events < wanted && !asked.has(side.next);
      side = sides[dir]
    ) {
      asked.add(side.next)
      const limit = String(Math.min(PAGE_SIZE, wanted - side.events))
      const page = await messages.ask({dir, limit, from: side.next}, () => null)
      sides = {...sides, [dir]: {next: nextOf(page, dir, side.next), events: side.events + page.pdus.length}}
      const roomVersion = roomVersionIn(page.pdus)
      yield {
        how: messages.how,
        requests: requests(),
        ...(roomVersion === null ? {} : {roomVersion}),
        events: page.pdus.map(copyOf),
        marks: {[mark]: JSON.stringify(sides)},
      }
    }
  }
}

/** The future has no end: where the newest event was reached, the same place is asked again another time. */
function nextOf(page: Page, dir: 'b' | 'f', asked: string): string | null {
  return page.end ?? (dir === 'f' ? asked : null)
}

function sidesOf(mark: string | undefined): Partial<Record<'b' | 'f', Side>> {
  try {
    return JSON.parse(mark ?? '{}') as Partial<Record<'b' | 'f', Side>>
  } catch {
    return {}
  }
}
