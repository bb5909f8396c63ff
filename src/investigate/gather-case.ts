import type {CaseWriter, SourceId} from '../casefile/shapes.ts'
import type {StateError} from '../errors.ts'
import {
  type GatherContext,
  type GatherLimits,
  type Route,
  ROUTE_KINDS,
  type RouteIdentity,
  type Step,
} from '../sources/evidence.ts'
import {failedAsWhole, routeFailure} from './route-failure.ts'

/** What one route did in this run. */
export interface RouteReport extends RouteIdentity {
  /** Events that no route had brought before. */
  readonly newEvents: number
  /** Copies that this run read from it, known ones included. */
  readonly read: number
  readonly requests: number
  readonly seconds: number
  /** Things that it was asked for and did not give. */
  readonly refusals: number
  /** Missing events that it could have been asked for, had this run not asked it for so many already. */
  readonly unasked: number
  /** Why it ended early, or `null`. */
  readonly error: StateError | null
}

/** How far a gathering is, for whoever shows progress. */
export interface GatherProgress {
  readonly route: string
  readonly kind: 'gathering' | 'completing' | 'pause'
  /** Events read from the route in this run. */
  readonly events: number
  /** Where the route knows. */
  readonly total: number | null
  readonly requests: number
  readonly seconds: number
  readonly pause?: {readonly ms: number; readonly reason: string}
}

export interface GatherOptions {
  readonly limits: GatherLimits
  readonly signal: AbortSignal
  readonly nowMs: () => number
  /** `false` leaves holes as they are. @defaultValue true */
  readonly completion?: boolean
  /** @defaultValue `MOST_ASKED` */
  readonly mostAsked?: number
  readonly onProgress?: (progress: GatherProgress) => void
}

/**
 * Missing events that a run asks one route for: so many, and as many again as the case held when completion began. Nothing else would
 * end it with a server that makes up another missing event for each one that it gives.
 */
export const MOST_ASKED = 20_000

/**
 * Gathers a room from all routes into a case: least invasive kinds first, routes of one kind side by side, then what is missing from
 * whoever has it, auth events before prev events. Everything that comes is kept at once, so that a run that is cut off goes on
 * where it was.
 *
 * @returns what each route did; a route that fails is reported and stops no other
 * @throws the signal's reason when it fires
 */
export async function gatherCase(
  caseFile: CaseWriter,
  routes: readonly Route[],
  options: GatherOptions,
): Promise<readonly RouteReport[]> {
  const runs = routes.map((route) => new RouteRun(caseFile, route, options))
  for (const kind of ROUTE_KINDS) {
    const side = runs.filter(({route}) => route.identity.kind === kind)
    await Promise.all(side.map((run) => run.gather()))
  }
  // A route that found no event to start from finds one in what the others brought.
  await Promise.all(runs.filter((run) => run.lackedStart).map((run) => run.gather()))
  if (options.completion !== false) await complete(caseFile, runs, options)
  return runs.map((run) => run.report())
}

/**
 * Fetches missing events from every route that can give single ones, until nothing is missing or nobody has it; at last those that are only
 * named: in a state, or as the ID of a text that turned out to be another event. Each route is asked for a limited number.
 */
async function complete(caseFile: CaseWriter, runs: readonly RouteRun[], options: GatherOptions): Promise<void> {
  // Limits cut the history on purpose; the auth chains are wanted all the same.
  const isCut =
    options.limits.depth !== undefined || options.limits.since !== undefined || options.limits.around !== undefined
  const able = runs.filter((run) => run.canFetch)
  const most = (options.mostAsked ?? MOST_ASKED) + caseFile.counts().events
  for (;;) {
    let asked = 0
    for (const kind of isCut ? (['auth'] as const) : (['auth', 'prev', 'named'] as const)) {
      for (const run of able) {
        const absent = kind === 'named' ? caseFile.named() : caseFile.missing(kind)
        const wanted = run.share(absent, most)
        if (wanted.length === 0) continue
        asked += wanted.length
        await run.fetch(wanted)
      }
      if (asked > 0) break
    }
    if (asked === 0) return
  }
}

/** One route in one run. */
class RouteRun {
  readonly route: Route
  readonly #case: CaseWriter
  readonly #options: GatherOptions
  readonly #source: SourceId
  readonly #asked = new Set<string>()
  #newEvents = 0
  #read = 0
  #requests = 0
  #seconds = 0
  #refusals = 0
  readonly #unasked = new Set<string>()
  #total: number | null = null
  #error: StateError | null = null

  constructor(caseFile: CaseWriter, route: Route, options: GatherOptions) {
    this.route = route
    this.#case = caseFile
    this.#options = options
    this.#source = caseFile.source(route.identity, route.unknowable)
  }

  get lackedStart(): boolean {
    return this.#error?.code === 'EVENT_UNKNOWN' && this.#case.newest().length > 0
  }

  get canFetch(): boolean {
    return this.route.fetchEvents !== undefined && this.#error === null
  }

  /** Those that it was not asked for yet, as far as it may be asked. */
  share(absent: readonly string[], most: number): readonly string[] {
    const open = absent.filter((id) => !this.#asked.has(id))
    const share = open.slice(0, most - this.#asked.size)
    for (const id of open.slice(share.length)) this.#unasked.add(id)
    return share
  }

  async gather(): Promise<void> {
    this.#error = null
    await this.#take('gathering', (context) => this.route.gather(context))
  }

  async fetch(eventIds: readonly string[]): Promise<void> {
    for (const id of eventIds) this.#asked.add(id)
    const {fetchEvents} = this.route
    if (fetchEvents !== undefined) await this.#take('completing', (context) => fetchEvents(eventIds, context))
  }

  async #take(kind: 'gathering' | 'completing', steps: (context: GatherContext) => AsyncIterable<Step>): Promise<void> {
    const {signal, nowMs} = this.#options
    const start = nowMs()
    const before = this.#seconds
    try {
      for await (const step of steps(this.#context(kind))) {
        const kept = this.#case.keep(this.#source, step, nowMs())
        this.#newEvents += kept.events
        this.#read += step.events?.length ?? 0
        this.#requests += step.requests
        this.#refusals += step.refusals?.length ?? 0
        this.#total = step.total ?? this.#total
        this.#seconds = before + (nowMs() - start) / 1000
        this.#tell(kind)
        signal.throwIfAborted()
      }
    } catch (error) {
      this.#error = routeFailure(error, signal)
      this.#recordFailure(this.#error)
    } finally {
      this.#seconds = before + (nowMs() - start) / 1000
    }
  }

  #recordFailure(error: StateError): void {
    const refusal = failedAsWhole(error)
    this.#case.keep(this.#source, {how: refusal.what, requests: 0, refusals: [refusal]}, this.#options.nowMs())
  }

  #context(kind: 'gathering' | 'completing'): GatherContext {
    const {limits, signal} = this.#options
    return {
      roomId: this.#case.roomId,
      roomVersion: () => this.#case.roomVersion,
      marks: this.#case.marks(this.#source),
      knows: (id) => this.#case.knows(id),
      newest: () => this.#case.newest(),
      limits,
      signal,
      onPause: (pause) => {
        this.#tell(kind, pause)
      },
    }
  }

  #tell(kind: 'gathering' | 'completing', pause?: {readonly ms: number; readonly reason: string}): void {
    this.#options.onProgress?.({
      route: this.route.identity.name,
      kind: pause === undefined ? kind : 'pause',
      events: this.#read,
      total: this.#total,
      requests: this.#requests,
      seconds: this.#seconds,
      ...(pause === undefined ? {} : {pause}),
    })
  }

  report(): RouteReport {
    return {
      ...this.route.identity,
      newEvents: this.#newEvents,
      read: this.#read,
      requests: this.#requests,
      seconds: this.#seconds,
      refusals: this.#refusals,
      unasked: this.#unasked.size,
      error: this.#error,
    }
  }
}
