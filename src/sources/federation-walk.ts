import type {RoomVersionRules} from '../matrix/room-version.ts'
import type {GatherContext, Refusal, Step} from './evidence.ts'
import {ENDPOINTS} from './federation-endpoints.ts'
import type {FederationEndpoints} from './federation-endpoints.ts'
import {copiesOf, nameEvents} from './federation-events.ts'
import type {NamedEvent} from './federation-events.ts'

/** Names of what a walk leaves for the next run. */
export const WALK_MARKS = {
  /** Events to ask for next, as `[event ID, depth that it is below][]`. */
  frontier: 'frontier',
  /** How many events the walk has brought. */
  walked: 'walked',
  /** The walk has once reached its end. */
  complete: 'complete',
  /** The events that the last complete walk started from. */
  starts: 'starts',
} as const

export interface Walk {
  readonly endpoints: FederationEndpoints
  readonly rules: RoomVersionRules
  readonly context: GatherContext
  /** Events to start from, newest first; as far as they are new. */
  readonly starts: readonly string[]
  /** Requests sent since the last call. */
  readonly spent: () => number
  /** Hears of each event that comes. */
  readonly onEvent: (event: NamedEvent) => void
}

/** Synapse gives no more than 100. So many events to start from make a request of 3 KB, which every reverse proxy lets through. */
const PAGE = 100
const STARTS_A_PAGE = 50
/** Synapse gives no more than 20. */
const GAP = 20
const MAX_LATEST = 5
const MAX_MISSES = 2

/**
 * The history of the room, newest first, as far as the limits say.
 *
 * @remarks What waits to be asked for is kept with each page, so that a run that was killed goes on with the page that was under way.
 * Other routes may know events whose ancestors nobody has: the first walk therefore goes by what it has got itself; a later one follows
 * known events until a page has nothing new.
 */
export async function* walkHistory(walk: Walk): AsyncGenerator<Step> {
  const {context, starts} = walk
  const {marks, limits} = context
  const kept = frontierIn(marks.get(WALK_MARKS.frontier))
  const complete = marks.has(WALK_MARKS.complete)
  const first = kept === null && !complete
  const near = limits.around !== undefined
  const state: WalkState = {
    frontier: new Map(near ? [] : kept),
    walked: new Set(),
    misses: new Map(),
    count: near ? 0 : Number(marks.get(WALK_MARKS.walked) ?? 0),
    follow: near || first ? 'all' : 'new',
    since: {id: limits.since ?? null, depth: null},
    most: limits.depth ?? (near ? PAGE : Infinity),
  }
  if (limits.since !== undefined) yield* locate(walk, state, limits.since)
  const newStarts = starts.filter((id) => state.follow === 'all' || !context.knows(id))
  const earliest = complete && kept === null && !near ? startsIn(marks.get(WALK_MARKS.starts)) : []
  if (earliest.length > 0 && newStarts.length > 0 && newStarts.length <= MAX_LATEST) {
    yield* closeGap(walk, state, earliest, newStarts)
  } else for (const id of newStarts) state.frontier.set(id, Number.MAX_SAFE_INTEGER)
  while (state.frontier.size > 0 && state.count < state.most) yield* page(walk, state)
}

interface WalkState {
  /** Events to ask for, with the depth of an event that names them. */
  readonly frontier: Map<string, number>
  /** What came in this run. */
  readonly walked: Set<string>
  /** How often an event that was asked for did not come. */
  readonly misses: Map<string, number>
  count: number
  /** Whether events that are known are followed: always, or only from pages that had something new. */
  readonly follow: 'all' | 'new'
  readonly since: {readonly id: string | null; depth: number | null}
  readonly most: number
}

async function* page(walk: Walk, state: WalkState): AsyncGenerator<Step> {
  const {endpoints, rules, context} = walk
  const asked = newestOf(state.frontier, STARTS_A_PAGE)
  const limit = Math.min(PAGE, state.most - state.count)
  const outcome = await endpoints.backfill(asked, limit)
  const refusals: Refusal[] = []
  let texts: readonly string[] = []
  if ('refusal' in outcome) {
    for (const eventId of asked) {
      refusals.push({...outcome.refusal, eventId})
      state.frontier.delete(eventId)
    }
  } else {
    texts = outcome.value
    const events = nameEvents(texts, rules)
    take(
      walk,
      state,
      events,
      events.some(({eventId}) => !context.knows(eventId)),
    )
    for (const eventId of missed(state, asked, events, texts.length >= limit)) {
      const message = 'the server gave other events, but not this one'
      refusals.push({what: ENDPOINTS.backfill, eventId, outcome: 'absent', status: 200, message})
    }
  }
  yield {
    how: ENDPOINTS.backfill,
    requests: walk.spent(),
    events: copiesOf(texts),
    refusals,
    marks: marksOf(walk, state),
  }
}

/**
 * Takes events in and puts what they come after on the frontier. What nothing leads to is not followed: where IDs are hashes, nobody can
 * make up the ancestors of an event, but anybody can put other events beside them, page after page.
 */
function take(
  walk: Walk,
  state: WalkState,
  page: readonly NamedEvent[],
  anyNew: boolean,
  wanted: {readonly has: (eventId: string) => boolean} = state.frontier,
): void {
  const {context} = walk
  const events = ledTo(page, wanted)
  for (const event of events) {
    if (state.walked.has(event.eventId)) continue
    state.walked.add(event.eventId)
    state.frontier.delete(event.eventId)
    state.count += 1
    walk.onEvent(event)
  }
  for (const {eventId, prevEvents, depth} of events) {
    const {since} = state
    if (eventId === since.id || (since.depth !== null && depth <= since.depth)) continue
    for (const id of prevEvents) {
      if (state.walked.has(id) || (state.misses.get(id) ?? 0) >= MAX_MISSES) continue
      if (state.follow === 'all' || anyNew || !context.knows(id)) {
        state.frontier.set(id, Math.max(depth, state.frontier.get(id) ?? 0))
      }
    }
  }
}

/** Those that were wanted, and those of the others that they come after, near or far. */
function ledTo(
  page: readonly NamedEvent[],
  wanted: {readonly has: (eventId: string) => boolean},
): readonly NamedEvent[] {
  const byId = new Map(page.map((event) => [event.eventId, event]))
  const found = new Set<NamedEvent>()
  const open = page.filter(({eventId}) => wanted.has(eventId))
  for (let event = open.pop(); event !== undefined; event = open.pop()) {
    if (found.has(event)) continue
    found.add(event)
    for (const id of event.prevEvents) {
      const before = byId.get(id)
      if (before !== undefined) open.push(before)
    }
  }
  return page.filter((event) => found.has(event))
}

/**
 * Takes what was asked for in vain off the frontier. A full page may have had no room for all; a page that has none of what was asked for
 * is the end of asking.
 */
function missed(
  state: WalkState,
  asked: readonly string[],
  events: readonly NamedEvent[],
  full: boolean,
): readonly string[] {
  const came = new Set(events.map(({eventId}) => eventId))
  const anyCame = asked.some((id) => came.has(id))
  if (anyCame && full) return []
  const gone: string[] = []
  for (const id of asked) {
    if (came.has(id)) continue
    const misses = anyCame ? (state.misses.get(id) ?? 0) + 1 : MAX_MISSES
    state.misses.set(id, misses)
    if (misses < MAX_MISSES) continue
    state.frontier.delete(id)
    gone.push(id)
  }
  return gone
}

/** What happened since an earlier run, if it is little: the new ends one by one, and what is between them and the old ones at once. */
async function* closeGap(
  walk: Walk,
  state: WalkState,
  earliest: readonly string[],
  latest: readonly string[],
): AsyncGenerator<Step> {
  const {endpoints, rules, context} = walk
  const outcomes = await Promise.all(latest.map((id) => endpoints.event(id)))
  const texts = outcomes.flatMap((outcome) => ('refusal' in outcome ? [] : outcome.value))
  const refusals = outcomes.flatMap((outcome) => ('refusal' in outcome ? [outcome.refusal] : []))
  take(walk, state, nameEvents(texts, rules), false, new Set(latest))
  yield {how: ENDPOINTS.event, requests: walk.spent(), events: copiesOf(texts), refusals, marks: marksOf(walk, state)}
  if (state.frontier.size === 0) return
  const between = await endpoints.missingEvents(earliest, latest, GAP)
  if ('refusal' in between) {
    yield {how: ENDPOINTS.missingEvents, requests: walk.spent(), refusals: [between.refusal]}
    return
  }
  const events = nameEvents(between.value, rules)
  take(
    walk,
    state,
    events.filter(({eventId}) => !context.knows(eventId)),
    false,
  )
  yield {
    how: ENDPOINTS.missingEvents,
    requests: walk.spent(),
    events: copiesOf(between.value),
    marks: marksOf(walk, state),
  }
}

/** Learns the depth of the event that is not to be gone behind. */
async function* locate(walk: Walk, state: WalkState, eventId: string): AsyncGenerator<Step> {
  const outcome = await walk.endpoints.event(eventId)
  if ('refusal' in outcome) {
    const notes = [
      `${eventId}, which --since names, is not known to the server: the walk ends there only if it comes by it.`,
    ]
    yield {how: ENDPOINTS.event, requests: walk.spent(), refusals: [outcome.refusal], notes}
    return
  }
  const event = nameEvents(outcome.value, walk.rules).find((named) => named.eventId === eventId)
  state.since.depth = event?.depth ?? null
  yield {how: ENDPOINTS.event, requests: walk.spent(), events: copiesOf(outcome.value)}
}

function newestOf(frontier: ReadonlyMap<string, number>, count: number): readonly string[] {
  const ids = [...frontier.keys()]
  if (ids.length <= count) return ids
  return ids.sort((a, b) => (frontier.get(b) ?? 0) - (frontier.get(a) ?? 0)).slice(0, count)
}

/** An end by a limit is no end: what is on the frontier waits for a run that goes further. A look around one event leaves no marks. */
function marksOf({context, starts}: Walk, {frontier, count}: WalkState): Record<string, string | null> {
  if (context.limits.around !== undefined) return {}
  const walked = {[WALK_MARKS.walked]: String(count)}
  if (frontier.size > 0) return {...walked, [WALK_MARKS.frontier]: JSON.stringify([...frontier])}
  return {
    ...walked,
    [WALK_MARKS.frontier]: null,
    [WALK_MARKS.complete]: '1',
    [WALK_MARKS.starts]: JSON.stringify(starts),
  }
}

function frontierIn(mark: string | undefined): readonly (readonly [string, number])[] | null {
  return mark === undefined ? null : (JSON.parse(mark) as [string, number][])
}

function startsIn(mark: string | undefined): readonly string[] {
  return mark === undefined ? [] : (JSON.parse(mark) as string[])
}
