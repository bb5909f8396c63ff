import {setTimeout as sleep} from 'node:timers/promises'
import type {DeviceKeeper, SourceId} from '../casefile/shapes.ts'
import {sameDeviceList} from '../devices/device-lists.ts'
import type {StateError} from '../errors.ts'
import {canonicalJson} from '../matrix/canonical-json.ts'
import type {DeviceSnapshot, PublishedKeys} from '../matrix/device-facts.ts'
import {serverNameOf} from '../matrix/ids.ts'
import {type Json, JsonError} from '../matrix/json.ts'
import type {DeviceRoute, DeviceRouteIdentity, DeviceStep} from '../sources/device-evidence.ts'
import {ROUTE_KINDS} from '../sources/evidence.ts'
import {Semaphore} from '../sources/semaphore.ts'
import {failedAsWhole, routeFailure} from './route-failure.ts'

/** What one route did in this run. */
export interface DeviceRouteReport extends DeviceRouteIdentity {
  /** Users of whom it told anything. */
  readonly users: number
  readonly requests: number
  readonly seconds: number
  /** Things that it was asked for and did not give. */
  readonly refusals: number
  /** Remarks for people. */
  readonly notes: readonly string[]
  /** Why it ended early, or `null`. */
  readonly error: StateError | null
}

/** How far a gathering is. */
export interface DeviceProgress {
  /** `settling`: copies that differed from their origin are asked for again. */
  readonly kind: 'gathering' | 'waiting' | 'settling'
  /** Name of the route; `''` while waiting. */
  readonly route: string
  /** Users that it has told of, and all that it was asked for. */
  readonly done: number
  readonly all: number
}

export interface GatherDevicesOptions {
  readonly userIds: readonly string[]
  readonly routes: readonly DeviceRoute[]
  readonly federationWith: (servers: readonly string[]) => readonly DeviceRoute[]
  readonly keeper: DeviceKeeper
  readonly signal: AbortSignal
  readonly nowMs: () => number
  /** How long a difference between a copy and its origin must last to count, milliseconds. */
  readonly settleMs: number
  readonly onProgress?: (progress: DeviceProgress) => void
  readonly onPause?: (pause: {readonly route: string; readonly ms: number; readonly reason: string}) => void
}

export interface DeviceGathering {
  readonly requests: number
  readonly byRoute: readonly DeviceRouteReport[]
  /** Those of `byRoute` that ended early. */
  readonly failed: readonly DeviceRouteReport[]
  /** Users of whom a copy differed from the origin at first; they were asked for again. */
  readonly differed: readonly string[]
}

/** Servers that are asked at the same time. */
const SERVERS_AT_ONCE = 8
/** Users that are asked for again, at most: more that differ at once have one cause. */
const MOST_SETTLED = 1000

/**
 * Gathers what all routes tell of users' devices: files and databases first, then federation, the admin API and the client API; routes of one
 * kind side by side. Each step is kept as it comes and forgotten, so that memory does not grow with the number of users. Users of whom a
 * server's copy differs from the origin are asked for once more after a while, by the same routes: what differs then is no change under way.
 *
 * @returns what each route did; a route that fails is reported and stops no other
 * @throws StateError CASE_UNUSABLE; the signal's reason when it fires
 */
export async function gatherDevices(options: GatherDevicesOptions): Promise<DeviceGathering> {
  const {userIds, routes, federationWith, signal, settleMs, nowMs} = options
  const startedTs = nowMs()
  const servers = [...new Set(userIds.map((userId) => serverNameOf(userId)))].sort()
  const all = [...routes, ...federationWith(servers)]
  const runs = all.map((route) => new RouteRun(route, options))
  await inOrder(runs, (run) => run.gather('gathering', userIds))
  const differed = differingUsers(options, runs, startedTs)
  if (differed.length > 0) {
    options.onProgress?.({kind: 'waiting', route: '', done: 0, all: differed.length})
    await sleep(settleMs, undefined, {signal}).catch(() => {
      signal.throwIfAborted()
    })
    const again = runs.filter((run) => run.toldKeys)
    await inOrder(again, (run) => run.gather('settling', differed.slice(0, MOST_SETTLED)))
  }
  const byRoute = runs.map((run) => run.report())
  return {
    requests: byRoute.reduce((sum, {requests}) => sum + requests, 0),
    byRoute,
    failed: byRoute.filter(({error}) => error !== null),
    differed,
  }
}

async function inOrder(runs: readonly RouteRun[], work: (run: RouteRun) => Promise<void>): Promise<void> {
  const semaphore = new Semaphore(SERVERS_AT_ONCE)
  for (const kind of ROUTE_KINDS) {
    const side = runs.filter(({kind: its}) => its === kind)
    await Promise.all(side.map((run) => semaphore.run(() => work(run))))
  }
}

/** Users of whom this run was told both by their own server and by another, and not the same. */
function differingUsers(
  {userIds, keeper}: GatherDevicesOptions,
  runs: readonly RouteRun[],
  startedTs: number,
): readonly string[] {
  const ofViews = (view: PublishedKeys['view']): ReadonlySet<string> =>
    new Set(runs.flatMap((run) => [...run.toldBy[view]]))
  const [byOrigin, byCopy] = [ofViews('origin'), ofViews('copy')]
  return userIds.filter((userId) => {
    if (!byOrigin.has(userId) || !byCopy.has(userId)) return false
    const told = keeper
      .of(userId)
      .filter(isKeys)
      .filter(({lastTs}) => lastTs >= startedTs)
    const newest = new Map(told.map((snapshot) => [JSON.stringify([snapshot.route, snapshot.how]), snapshot.fact]))
    const [origins, copies] = [
      [...newest.values()].filter(({view}) => view === 'origin'),
      [...newest.values()].filter(({view}) => view === 'copy'),
    ]
    return copies.some((copy) => origins.some((origin) => !sameDeviceList(copy, origin)))
  })
}

function isKeys(snapshot: DeviceSnapshot): snapshot is DeviceSnapshot<PublishedKeys> {
  return snapshot.fact.kind === 'keys'
}

/** One route in one run. */
class RouteRun {
  readonly kind: DeviceRouteIdentity['kind']
  /** Users whose published keys it told, by view. */
  readonly toldBy = {origin: new Set<string>(), copy: new Set<string>()}
  readonly #route: DeviceRoute
  readonly #options: GatherDevicesOptions
  readonly #source: SourceId
  readonly #users = new Set<string>()
  readonly #notes = new Set<string>()
  #requests = 0
  #seconds = 0
  #refusals = 0
  #error: StateError | null = null

  constructor(route: DeviceRoute, options: GatherDevicesOptions) {
    this.kind = route.identity.kind
    this.#route = route
    this.#options = options
    this.#source = options.keeper.source(route.identity)
  }

  get toldKeys(): boolean {
    return this.#error === null && this.toldBy.origin.size + this.toldBy.copy.size > 0
  }

  async gather(kind: 'gathering' | 'settling', userIds: readonly string[]): Promise<void> {
    const {signal, nowMs, onProgress, onPause, keeper} = this.#options
    const {name} = this.#route.identity
    const start = nowMs()
    const done = new Set<string>()
    const all = userIds.length
    try {
      onProgress?.({kind, route: name, done: 0, all})
      const steps = this.#route.gather({
        userIds,
        ...(kind === 'settling' ? {keysOnly: true} : {}),
        signal,
        onPause: (told) => onPause?.({route: name, ...told}),
      })
      for await (const step of steps) {
        const storable = withoutUnstorable(step)
        keeper.keep(this.#source, storable, nowMs())
        this.#count(storable)
        for (const {userId} of storable.facts) done.add(userId)
        onProgress?.({kind, route: name, done: done.size, all})
        signal.throwIfAborted()
      }
    } catch (error) {
      this.#error = routeFailure(error, signal)
      const refusal = failedAsWhole(this.#error)
      keeper.keep(this.#source, {how: refusal.what, requests: 0, facts: [], refusals: [refusal]}, nowMs())
    } finally {
      this.#seconds += (nowMs() - start) / 1000
    }
  }

  #count({requests, facts, refusals = [], notes = []}: DeviceStep): void {
    this.#requests += requests
    this.#refusals += refusals.length
    for (const note of notes) this.#notes.add(note)
    for (const {userId, fact} of facts) {
      this.#users.add(userId)
      if (fact.kind === 'keys') this.toldBy[fact.view].add(userId)
    }
  }

  report(): DeviceRouteReport {
    return {
      ...this.#route.identity,
      users: this.#users.size,
      requests: this.#requests,
      seconds: this.#seconds,
      refusals: this.#refusals,
      notes: [...this.#notes],
      error: this.#error,
    }
  }
}

/** Half a surrogate pair has no form in which it could be kept or signed: what holds one counts as not given. */
function withoutUnstorable(step: DeviceStep): DeviceStep {
  const spoilt = step.facts.filter(({fact}) => !isStorable(fact as unknown as Json))
  if (spoilt.length === 0) return step
  const message = 'what came holds text that is no Unicode, or nests too deeply: it is not kept'
  const userIds = [...new Set(spoilt.map(({userId}) => userId))]
  return {
    ...step,
    facts: step.facts.filter((fact) => !spoilt.includes(fact)),
    refusals: [...(step.refusals ?? []), {what: step.how, outcome: 'failed', message, userIds}],
  }
}

function isStorable(fact: Json): boolean {
  try {
    canonicalJson(fact, 'python')
    return true
  } catch (error) {
    if (error instanceof JsonError) return false
    throw error
  }
}
