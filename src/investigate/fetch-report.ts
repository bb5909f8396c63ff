import type {CaseCounts, CaseReader, SourceId, StoredSource} from '../casefile/shapes.ts'
import type {Finding} from '../finding/finding.ts'
import {type Refusal, type RouteKind, STATES_ELSEWHERE} from '../sources/evidence.ts'
import type {RouteReport} from './gather-case.ts'
import type {MoreAccess} from './open-routes.ts'

/** An event that others cite, or that a server told as an extremity, and that nobody gave; with who was asked for it. */
export interface MissingEvidence {
  readonly eventId: string
  readonly asked: readonly {readonly source: string; readonly outcome: Refusal['outcome']; readonly message: string}[]
}

/** What is known of a route after a run: what it did in it, and what it has shown in all. */
export interface RouteOutcome extends RouteReport {
  /** Distinct events that it has shown, in all runs. */
  readonly events: number
  /** Events that no other route has shown. */
  readonly onlyHere: number
  /** Events that it marked, in all runs. */
  readonly marked: {readonly rejected: number; readonly softFailed: number; readonly outliers: number}
}

/** What `fetch` brought. */
export interface FetchReport {
  readonly roomId: string
  readonly roomVersion: string | null
  readonly casePath: string
  /** `false`: an earlier run's case was gone on with. */
  readonly isNew: boolean
  readonly routes: readonly RouteOutcome[]
  readonly counts: CaseCounts
  /** Everything that an event names is here, no verdict is undetermined, and no route failed. */
  readonly complete: boolean
  readonly missing: readonly MissingEvidence[]
  /** What no route that was asked can show. */
  readonly unknowable: readonly string[]
  readonly notes: readonly string[]
  readonly moreAccess: readonly MoreAccess[]
  readonly findings: readonly Finding[]
  /** What was checked of hashes and signatures; `null` when nothing was. */
  readonly verified: {readonly copies: number; readonly unverifiable: number; readonly perSecond: number} | null
}

/** Events that others cite, and extremities that servers told, that are not here. */
export function lacking(reader: CaseReader): readonly string[] {
  return [...new Set([...reader.missing(), ...reader.newest().filter((id) => !reader.knows(id))])]
}

/** Who was asked for each event that is missing. */
export function missingEvidence(reader: CaseReader): readonly MissingEvidence[] {
  const names = new Map(reader.sources().map(({id, name}) => [id, name]))
  const refusals = Map.groupBy(reader.refusals(), ({eventId}) => eventId ?? '')
  return lacking(reader).map((eventId) => ({
    eventId,
    asked: (refusals.get(eventId) ?? []).map(({source, outcome, message}) => ({
      source: names.get(source) ?? '',
      outcome,
      message,
    })),
  }))
}

/** Routes by how much they show of one server, most first. */
const BY_INSIGHT: readonly RouteKind[] = ['database', 'admin', 'federation', 'client', 'file']

/**
 * What the sources cannot show, taken together: what the one with the most insight cannot. (Federation tells the state at any event,
 * which the admin API does not, and hardly anything else that it lacks.)
 */
export function unknowableOf(sources: readonly Pick<StoredSource, 'kind' | 'unknowable'>[]): readonly string[] {
  const best = BY_INSIGHT.find((kind) => sources.some((source) => source.kind === kind && source.unknowable.length > 0))
  const what = sources.filter(({kind}) => kind === best).flatMap(({unknowable}) => unknowable)
  const hasFederation = sources.some(({kind}) => kind === 'federation')
  return [...new Set(what)].filter((entry) => !(hasFederation && entry === STATES_ELSEWHERE))
}

/** Distinct events by source, those that only it has, and what it marked. */
export function shownBy(reader: CaseReader): ReadonlyMap<SourceId, Omit<RouteOutcome, keyof RouteReport>> {
  const byEvent = new Map<string, Set<SourceId>>()
  const marks = new Map<SourceId, {rejected: Set<string>; softFailed: Set<string>; outliers: Set<string>}>()
  for (const {eventId, sightings} of reader.copies()) {
    const seen = byEvent.get(eventId) ?? new Set()
    byEvent.set(eventId, seen)
    for (const sighting of sightings) {
      seen.add(sighting.source)
      const marked = marks.get(sighting.source) ?? {rejected: new Set(), softFailed: new Set(), outliers: new Set()}
      marks.set(sighting.source, marked)
      if (typeof sighting.marks.rejected === 'string') marked.rejected.add(eventId)
      if (sighting.marks.softFailed === true) marked.softFailed.add(eventId)
      if (sighting.marks.outlier === true) marked.outliers.add(eventId)
    }
  }
  const result = new Map<SourceId, {events: number; onlyHere: number; marked: RouteOutcome['marked']}>()
  for (const {id} of reader.sources()) {
    const marked = marks.get(id)
    const counts = {
      rejected: marked?.rejected.size ?? 0,
      softFailed: marked?.softFailed.size ?? 0,
      outliers: marked?.outliers.size ?? 0,
    }
    result.set(id, {events: 0, onlyHere: 0, marked: counts})
  }
  for (const seen of byEvent.values()) {
    for (const id of seen) {
      const entry = result.get(id)
      if (entry === undefined) continue
      entry.events += 1
      if (seen.size === 1) entry.onlyHere += 1
    }
  }
  return result
}
