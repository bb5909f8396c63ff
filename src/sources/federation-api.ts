import {StateError} from '../errors.ts'
import {isServerName, isUserId, serverNameOf} from '../matrix/ids.ts'
import type {RoomVersionRules} from '../matrix/room-version.ts'
import {valueIn} from './client-bodies.ts'
import type {GatherContext, PlannedRequest, Refusal, Route, Step} from './evidence.ts'
import {type Discovery, NO_DISCOVERY} from './federation-discovery.ts'
import {ENDPOINTS, federationEndpoints} from './federation-endpoints.ts'
import type {FederationEndpoints} from './federation-endpoints.ts'
import {copiesOf, knownRules, learnVersion, nameEvents} from './federation-events.ts'
import type {NamedEvent} from './federation-events.ts'
import {openFederationHttp} from './federation-http.ts'
import type {FederationHttp, FederationTimeouts} from './federation-http.ts'
import {openDiscovery} from './federation-lookups.ts'
import {plannedRequests, unknowableTo} from './federation-plan.ts'
import {readSigningKeys} from './federation-signing-key.ts'
import type {SigningKey} from './federation-signing-key.ts'
import {askStates} from './federation-state.ts'
import {walkHistory} from './federation-walk.ts'

export interface FederationRouteOptions {
  /** Name of the server that asks. */
  readonly origin: string
  /** Its signing key, or the path of the file that it is in. */
  readonly key: SigningKey | {readonly keyFile: string}
  /** Name of the server whose view is asked for; may be the origin itself. */
  readonly server: string
  /** A user of the origin, so that the server can be asked for a template of a join; nobody joins. */
  readonly user?: string | undefined
  /** Accepts any TLS certificate. */
  readonly insecure?: boolean | undefined
  /** `host:port` to connect to instead of what discovery would find. */
  readonly address?: string | undefined
  /** Requests under way at the same time; 4 unless told otherwise. */
  readonly concurrency?: number | undefined
  readonly timeouts?: FederationTimeouts | undefined
  /** The longest that the pauses of one request may sum up to, in milliseconds; 60,000 unless told otherwise. */
  readonly maxRetryMs?: number | undefined
  readonly maxBodyBytes?: number | undefined
  /** Shared by routes of one process, so that its cache is. */
  readonly discovery?: Discovery | undefined
  readonly nowMs?: (() => number) | undefined
}

/** More forward extremities than this are not started from; Synapse tells no more than ten. */
const MAX_STARTS = 20
/** Where extremities are not told, so many events are started from, the newest by time: one of them may be of another branch. */
const NEWEST_BY_TIME = 5
/** Clocks differ, so the newest event by time is asked for as of a little later. */
const CLOCK_SKEW_MS = 3_600_000
const FETCHED_TOGETHER = 20
/** Events at which the state was asked for in earlier runs. */
const STATES_MARK = 'states'

/**
 * Another server's view of a room, or one's own server's, by the API that servers speak among themselves.
 *
 * @throws StateError USAGE for names that are none. What else is wrong, the signing key file included, is thrown when events are asked for.
 * @see https://spec.matrix.org/v1.19/server-server-api/
 */
export function openFederationRoute(options: FederationRouteOptions): Route {
  const {origin, server, user} = options
  for (const name of [origin, server]) {
    if (!isServerName(name))
      throw new StateError('USAGE', `${JSON.stringify(name.slice(0, 255))} is not a server name.`)
  }
  if (user !== undefined && !(isUserId(user) && serverNameOf(user) === origin)) {
    throw new StateError('USAGE', `${JSON.stringify(user.slice(0, 255))} is not a user of ${origin}.`)
  }
  const opened = new Opened(options)
  return {
    identity: {
      kind: 'federation',
      name: `federation ${server} as ${origin}`,
      server,
      address: `https://${options.address ?? server}`,
      insecure: options.insecure === true,
    },
    unknowable: unknowableTo(origin, server),
    plan: (limits): readonly PlannedRequest[] => plannedRequests(options, limits),
    gather: (context) => gather(options, opened, context),
    fetchEvents: (eventIds, context) => fetchEvents(opened, eventIds, context),
    resolveAlias: (alias, signal) => resolveAlias(options, opened, alias, signal),
    close: () => opened.close(),
  }
}

/** What one run of the command asks for on many servers: routes that share one discovery, to be asked side by side. */
export function openFederationRoutes(
  options: Omit<FederationRouteOptions, 'server' | 'address'>,
  servers: readonly string[],
): readonly Route[] {
  const discovery = options.discovery ?? openDiscovery(options)
  return servers.map((server) => openFederationRoute({...options, server, discovery}))
}

/** One server, to be asked for its states one by one. */
export interface StateQuestions {
  /**
   * Events of the state before an event; `null`: the server has no such event, or does not know its state there.
   *
   * @throws StateError where it cannot be reached or will not tell
   */
  readonly ask: (eventId: string, signal: AbortSignal) => Promise<readonly string[] | null>
  readonly close: () => Promise<void>
}

/** For questions that depend on the answers before them; nothing is connected before the first. Each costs the server one `/state_ids`. */
export function openStateQuestions(options: FederationRouteOptions, roomId: string): StateQuestions {
  const opened = new Opened(options)
  return {
    ask: async (eventId, signal) => {
      const {endpoints} = await opened.endpoints({roomId, signal, onPause: () => undefined})
      const outcome = await endpoints.stateIds(eventId)
      if ('value' in outcome) return outcome.value
      if (outcome.refusal.outcome === 'absent') return null
      throw outcome.error
    },
    close: () => opened.close(),
  }
}

/** The key and the connections, opened when first needed. */
class Opened {
  readonly #options: FederationRouteOptions
  #opening: Promise<{readonly http: FederationHttp; readonly keyId: string}> | null = null
  #counted = 0

  constructor(options: FederationRouteOptions) {
    this.#options = options
  }

  async http(): Promise<{readonly http: FederationHttp; readonly keyId: string}> {
    this.#opening ??= this.#open()
    return this.#opening
  }

  async endpoints(context: Pick<GatherContext, 'roomId' | 'signal' | 'onPause'>): Promise<Endpoints> {
    const {http, keyId} = await this.http()
    const {origin, server} = this.#options
    return {
      endpoints: federationEndpoints(http, {origin, server, keyId, roomId: context.roomId}, context),
      spent: () => {
        const spent = http.requests() - this.#counted
        this.#counted += spent
        return spent
      },
      trail: http.trail,
    }
  }

  async close(): Promise<void> {
    const opening = this.#opening
    this.#opening = null
    // Where opening failed, there is nothing to close.
    const opened = await opening?.catch(() => null)
    await opened?.http.close()
  }

  async #open(): Promise<{readonly http: FederationHttp; readonly keyId: string}> {
    const {key: given, origin, ...rest} = this.#options
    const key = 'keyFile' in given ? (await readSigningKeys(given.keyFile))[0] : given
    const discovery = this.#options.discovery ?? openDiscovery({...rest, timeoutMs: rest.timeouts?.connectMs})
    return {http: await openFederationHttp({...rest, discovery, signer: {origin, key}}), keyId: key.keyId}
  }
}

interface Endpoints {
  readonly endpoints: FederationEndpoints
  readonly spent: () => number
  readonly trail: () => readonly string[]
}

async function* gather(
  options: FederationRouteOptions,
  opened: Opened,
  context: GatherContext,
): AsyncGenerator<Step, void, undefined> {
  const {endpoints, spent, trail} = await opened.endpoints(context)
  const start = await findStart(options, endpoints, context)
  yield {
    how: start.how,
    requests: spent(),
    ...(start.roomVersion === null ? {} : {roomVersion: start.roomVersion}),
    ...(start.extremities ? {extremities: [{direction: 'forward', how: start.how, eventIds: start.eventIds}]} : {}),
    refusals: start.refusals,
    notes: trail().every((part) => part.endsWith(NO_DISCOVERY))
      ? []
      : [`${options.server} was found this way: ${trail().join('; ')}.`],
  }
  let version = start.roomVersion ?? context.roomVersion()
  if (version === null) {
    const learnt = await learnVersion(endpoints, context.roomId, start.eventIds[0] ?? null)
    version = learnt.version
    if (version === null) throw versionUnknown(options.server, learnt.refusals)
    yield {
      how: learnt.how,
      requests: spent(),
      roomVersion: version,
      events: copiesOf(learnt.texts),
      refusals: learnt.refusals,
    }
  }
  const rules = knownRules(version)
  const {around} = context.limits
  const starts = around === undefined ? start.eventIds : [around]
  const seen = new Map<string, NamedEvent>()
  const onEvent = (event: NamedEvent): void => {
    if (starts.includes(event.eventId)) seen.set(event.eventId, event)
  }
  yield* walkHistory({endpoints, rules, context, starts, spent, onEvent})
  yield* newStates({start, starts, rules, seen}, endpoints, context, spent)
}

async function* newStates(
  found: {
    readonly start: Start
    readonly starts: readonly string[]
    readonly rules: RoomVersionRules
    readonly seen: ReadonlyMap<string, NamedEvent>
  },
  endpoints: FederationEndpoints,
  context: GatherContext,
  spent: () => number,
): AsyncGenerator<Step> {
  const {start, starts, rules, seen} = found
  const mark = context.marks.get(STATES_MARK)
  const asked = new Set(mark === undefined ? [] : (JSON.parse(mark) as string[]))
  // Events that were only found by time are mostly ancestors of the first.
  const wanted = start.extremities ? starts : starts.slice(0, 1)
  const at = wanted.filter((id) => !asked.has(id))
  const sole = start.extremities && start.eventIds.length === 1 ? (start.eventIds[0] ?? null) : null
  const done = wanted.filter((id) => asked.has(id))
  const questions = {endpoints, rules, at, soleExtremity: sole, whole: mark === undefined, spent}
  let answered = 0
  for await (const step of askStates({...questions, seen: (id) => seen.get(id)})) {
    answered += 1
    yield {...step, marks: {[STATES_MARK]: JSON.stringify([...done, ...at.slice(0, answered)])}}
  }
}

interface Start {
  /** Events to start from, newest first where that is known. */
  readonly eventIds: readonly string[]
  /** Whether the server said that these are its forward extremities. */
  readonly extremities: boolean
  readonly how: string
  readonly roomVersion: string | null
  readonly refusals: readonly Refusal[]
}

/** Where the room's history ends, by the best that the server tells. */
async function findStart(
  {user, server, origin, nowMs = Date.now}: FederationRouteOptions,
  endpoints: FederationEndpoints,
  context: GatherContext,
): Promise<Start> {
  const refusals: Refusal[] = []
  const errors: StateError[] = []
  const refuse = (outcome: {readonly refusal: Refusal; readonly error: StateError}): void => {
    refusals.push(outcome.refusal)
    errors.push(outcome.error)
  }
  // Synapse refuses templates of joins to its own users.
  if (user !== undefined && server !== origin) {
    const outcome = await endpoints.makeJoin(user)
    if ('value' in outcome) {
      const {prevEvents, roomVersion} = outcome.value
      const eventIds = prevEvents.slice(0, MAX_STARTS)
      if (eventIds.length > 0) return {eventIds, extremities: true, how: ENDPOINTS.makeJoin, roomVersion, refusals}
    } else refuse(outcome)
  }
  const told = await endpoints.extremities()
  if ('value' in told) {
    const eventIds = told.value.slice(0, MAX_STARTS)
    if (eventIds.length > 0) {
      return {eventIds, extremities: true, how: ENDPOINTS.extremities, roomVersion: null, refusals}
    }
    // Most servers do not have it: that is no refusal worth keeping.
  } else if (told.refusal.outcome !== 'absent' && told.refusal.status !== 400) refuse(told)
  const byTime: string[] = []
  let ts = nowMs() + CLOCK_SKEW_MS
  while (byTime.length < NEWEST_BY_TIME) {
    const outcome = await endpoints.timestampToEvent(ts)
    if ('refusal' in outcome) {
      if (byTime.length === 0) refuse(outcome)
      break
    }
    byTime.push(outcome.value.eventId)
    // What is known was walked from before, or will be by what other routes told.
    if (context.knows(outcome.value.eventId) || outcome.value.ts >= ts) break
    ts = outcome.value.ts - 1
  }
  const eventIds = [...new Set([...byTime, ...context.newest().slice(0, MAX_STARTS)])]
  if (eventIds.length > 0 || context.limits.around !== undefined) {
    return {eventIds, extremities: false, how: ENDPOINTS.timestampToEvent, roomVersion: null, refusals}
  }
  const failed = errors.find(({code}) => code === 'SERVER_ANSWER_MALFORMED' || code === 'SERVER_UNREACHABLE')
  if (failed !== undefined) throw failed
  const said = refusals.map(({what, message}) => `${what}: ${message}`).join('; ')
  throw new StateError('SERVER_REFUSED', `${server} names no event of ${context.roomId} to start from (${said}).`, {
    hint:
      (user === undefined && server !== origin
        ? `Name a user of ${origin} that could join the room; or give`
        : 'Give') +
      ' a dump or another route first, so that events are known; or check that the server is in the room.',
  })
}

async function* fetchEvents(
  opened: Opened,
  eventIds: readonly string[],
  context: GatherContext,
): AsyncGenerator<Step, void, undefined> {
  if (eventIds.length === 0) return
  const {endpoints, spent} = await opened.endpoints(context)
  let version = context.roomVersion()
  if (version === null) {
    const learnt = await learnVersion(endpoints, context.roomId, eventIds[0] ?? null)
    version = learnt.version
    if (version === null) throw versionUnknown('The server', learnt.refusals)
    yield {how: learnt.how, requests: spent(), roomVersion: version, events: copiesOf(learnt.texts)}
  }
  const rules = knownRules(version)
  for (let from = 0; from < eventIds.length; from += FETCHED_TOGETHER) {
    const ids = eventIds.slice(from, from + FETCHED_TOGETHER)
    const outcomes = await Promise.all(ids.map(async (eventId) => ({eventId, outcome: await endpoints.event(eventId)})))
    const texts: string[] = []
    const refusals: Refusal[] = []
    for (const {eventId, outcome} of outcomes) {
      if ('refusal' in outcome) {
        refusals.push(outcome.refusal)
        continue
      }
      // What is not the event that was asked for is evidence all the same.
      texts.push(...outcome.value)
      const names = nameEvents(outcome.value, rules).map((event) => event.eventId)
      if (!names.includes(eventId)) refusals.push(notTheOne(eventId, names))
    }
    yield {how: ENDPOINTS.event, requests: spent(), events: copiesOf(texts), refusals}
  }
}

function notTheOne(eventId: string, names: readonly string[]): Refusal {
  const came = names.length === 0 ? 'nothing that is an event' : `another event, ${names.join(', ')}`
  return {what: ENDPOINTS.event, eventId, outcome: 'failed', status: 200, message: `the server answered with ${came}`}
}

async function resolveAlias(
  {server}: FederationRouteOptions,
  opened: Opened,
  alias: string,
  signal: AbortSignal,
): Promise<string> {
  const {http} = await opened.http()
  const uri = `/_matrix/federation/v1/query/directory?room_alias=${encodeURIComponent(alias)}`
  const answer = await http.ask({uri, signal})
  const roomId = answer.kind === 'answer' ? valueIn(answer.json, ['room_id']) : undefined
  if (typeof roomId === 'string' && roomId.startsWith('!')) return roomId
  if (answer.kind === 'failed') throw answer.error
  const said = answer.kind === 'refused' ? `: it answered ${String(answer.status)} ${answer.said}` : ''
  throw new StateError('SERVER_REFUSED', `${server} names no room for the alias ${alias}${said}.`, {
    hint: `An alias is known to the server in its name, ${serverNameOf(alias)}: ask that one, or give the room ID.`,
  })
}

function versionUnknown(server: string, refusals: readonly Refusal[]): StateError {
  const said = refusals.map(({what, status, message}) => `${what}: ${String(status ?? '')} ${message}`).join('; ')
  return new StateError('ROOM_VERSION_UNKNOWN', `${server} does not show the room’s create event (${said}).`, {
    hint: 'Without the room’s version, events cannot be told apart: give a dump that has the create event, or another route, first.',
  })
}
