import type {CaseReader, CaseWriter, SourceId, StoredCopy, StoredSource} from '../casefile/shapes.ts'
import type {EventCopy, Step} from '../sources/evidence.ts'

/** What of a case goes into another. */
export interface CopyPlan {
  readonly roomVersion: string
  /** What becomes of a copy; `null`: it is left out. Asked once for each. */
  readonly event: (copy: StoredCopy) => EventCopy | null
  /** What becomes of a source's name and address. */
  readonly source?: (source: StoredSource) => StoredSource
  /** Events that are there afterwards: what servers said of the states at others is left out, as are state groups. All when absent. */
  readonly only?: ReadonlySet<string>
  /** Remarks on how the new case was made. */
  readonly notes?: readonly string[]
}

const NOTHING_ASKED = {requests: 0}
const BATCH = 500

/** Copies the evidence of one case into another, source by source, with the times at which it came. O(evidence), streaming. */
export function copyEvidence(from: CaseReader, to: CaseWriter, plan: CopyPlan): void {
  const sources = new Map<SourceId, SourceId>()
  for (const stored of from.sources()) {
    const {id, unknowable, firstTs, lastTs, requests, ...identity} = plan.source?.(stored) ?? stored
    const made = to.source(identity, unknowable)
    sources.set(id, made)
    to.keep(made, {how: 'copy of a case', requests, roomVersion: plan.roomVersion}, firstTs)
    to.keep(made, {how: 'copy of a case', ...NOTHING_ASKED}, lastTs)
  }
  const sourceOf = (source: SourceId): SourceId => {
    const made = sources.get(source)
    if (made === undefined) throw new Error(`evidence is from source ${String(source)}, which the case does not have`)
    return made
  }
  copyEvents(from, to, plan, sourceOf)
  copyReports(from, to, plan, sourceOf)
  to.addKeys(from.keys())
  for (const {ts, ...limits} of from.limits()) to.addLimits(limits, ts)
  const [first] = from.sources()
  if (first === undefined) return
  const rest = {how: 'copy of a case', ...NOTHING_ASKED}
  // With a time of its own the step would say that the source was asked now.
  to.keep(sourceOf(first.id), {...rest, aliases: from.aliases(), notes: plan.notes ?? []}, first.lastTs)
}

/** Sightings of one source, endpoint and time go together. */
function copyEvents(from: CaseReader, to: CaseWriter, plan: CopyPlan, sourceOf: (source: SourceId) => SourceId): void {
  const waiting = new Map<string, {source: SourceId; how: string; ts: number; events: EventCopy[]}>()
  let held = 0
  const flush = (): void => {
    for (const {source, how, ts, events} of waiting.values()) to.keep(source, {how, ...NOTHING_ASKED, events}, ts)
    waiting.clear()
    held = 0
  }
  for (const copy of from.copies()) {
    const event = plan.event(copy)
    if (event === null) continue
    for (const {source, how, ts, marks} of copy.sightings) {
      const name = JSON.stringify([source, ts, how])
      const entry = waiting.get(name) ?? {source: sourceOf(source), how, ts, events: []}
      waiting.set(name, entry)
      entry.events.push({...event, marks})
      held += 1
    }
    if (held >= BATCH) flush()
  }
  flush()
}

function copyReports(
  from: CaseReader,
  to: CaseWriter,
  {only}: CopyPlan,
  sourceOf: (source: SourceId) => SourceId,
): void {
  const keep = (source: SourceId, ts: number, how: string, step: Partial<Step>): void => {
    to.keep(sourceOf(source), {how, ...NOTHING_ASKED, ...step}, ts)
  }
  const isThere = (eventId: string | null | undefined): boolean =>
    only === undefined || (typeof eventId === 'string' && only.has(eventId))
  for (const {source, ts, ...state} of from.states()) {
    if (isThere(state.eventId)) keep(source, ts, state.how, {states: [state]})
  }
  for (const {source, ts, ...extremities} of from.extremities()) {
    if (only === undefined) keep(source, ts, extremities.how, {extremities: [extremities]})
  }
  for (const {source, ts, ...refusal} of from.refusals()) {
    if (isThere(refusal.eventId)) keep(source, ts, refusal.what, {refusals: [refusal]})
  }
  for (const {source, ts, text} of from.notes()) keep(source, ts, 'note', {notes: [text]})
  if (only !== undefined) return
  for (const {id, lastTs} of from.sources()) {
    for (const stateGroups of inBatches(from.stateGroups(id))) keep(id, lastTs, 'state groups', {stateGroups})
    for (const eventStateGroups of inBatches(from.eventStateGroups(id))) {
      keep(id, lastTs, 'state groups of events', {eventStateGroups})
    }
    for (const currentStateChanges of inBatches(from.currentStateChanges(id))) {
      keep(id, lastTs, 'changes of the current state', {currentStateChanges})
    }
  }
}

function* inBatches<T>(items: Iterable<T>): Generator<readonly T[]> {
  let batch: T[] = []
  for (const item of items) {
    batch.push(item)
    if (batch.length < BATCH) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
