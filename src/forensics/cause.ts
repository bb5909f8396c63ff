import {authEventIn, compareAge} from '../resolve/power-order.ts'
import {Flag} from '../graph/room-graph.ts'
import {UNKNOWN_STATE} from '../resolve/replay.ts'
import {Resolver, type TracedMerge} from '../resolve/resolver.ts'
import {ABSENT, type StateRoot} from '../resolve/state-trie.ts'
import type {Ancestry} from './ancestry.ts'
import {type Blocker, type Fate, fateOf} from './fate.ts'
import type {Merge, MergeContext} from './merge.ts'

/**
 * Why a slot went back or vanished. The names are those of MSC4297 where it has them; `power-order`: both were valid power events, and
 * the one came last whose sender has less power, or that builds on what came late itself.
 */
export const RESET_CAUSES = [
  'A-unconflicted-deauthorises',
  'B-missing-intermediate',
  'concurrent-rule-change',
  'revoked-concurrently',
  'stale-input',
  'mainline-older',
  'ts-tiebreak',
  'id-tiebreak',
  'power-order',
  'depth-forged',
  'rejected-input',
  'missing-events',
] as const
export type ResetCause = (typeof RESET_CAUSES)[number]

/** One merge on the table: traced once, and resolved again under other conditions as questions need it. */
export class Inquest {
  readonly context: MergeContext
  readonly merge: Merge
  readonly ancestry: Ancestry
  readonly trace: TracedMerge
  readonly #tools: InquestTools

  constructor(merge: Merge, tools: InquestTools) {
    this.context = tools.context
    this.merge = merge
    this.ancestry = tools.ancestry
    this.#tools = tools
    this.trace = tools.context.resolver.trace(merge.inputs, {}, merge.limit)
  }

  fate(row: number): Fate {
    return fateOf(this.context, this.trace, row)
  }

  /** What the algorithm of room version 12 makes of the same states; `null` where it is the room's own. */
  underV21(slot: number): number | null {
    const root = this.#tools.underV21(this.merge)
    return root === null ? null : this.context.trie.get(root, slot)
  }

  /** What would stand in the slot with these events taken from own auth events, or these added to the full conflicted set. */
  whatIf(slot: number, what: {readonly fromOwn?: ReadonlySet<number>; readonly extra?: readonly number[]}): number {
    return this.context.trie.get(this.context.resolver.trace(this.merge.inputs, what, this.merge.limit).root, slot)
  }

  /** What stood in the slot before the event; without a known state before it, what it cites. */
  previous(row: number): number {
    const {graph, trie, before} = this.context
    const slot = graph.slot[row] ?? -1
    const state = before?.[row] ?? UNKNOWN_STATE
    return state === UNKNOWN_STATE ? authEventIn(graph, row, slot) : trie.get(state, slot)
  }
}

/** What all inquests of a room share. */
export class InquestTools {
  readonly context: MergeContext
  readonly ancestry: Ancestry
  #v21: Resolver | null = null

  constructor(context: MergeContext, ancestry: Ancestry) {
    this.context = context
    this.ancestry = ancestry
  }

  underV21(merge: Merge): StateRoot | null {
    const {graph, trie, resolver} = this.context
    if (resolver.algorithm === 'v2.1') return null
    const {isRejected} = resolver.checker.judgement
    this.#v21 ??= new Resolver(graph, {algorithm: 'v2.1', reading: resolver.reading, isRejected, trie})
    return this.#v21.resolve(merge.inputs, merge.limit).root
  }
}

/**
 * Whether an event lost its slot because of events that its sender could not know of, as resolution means it to be: they stand against it,
 * or against what it was sent under.
 */
export function wasRevoked(inquest: Inquest, row: number, fate: Fate): boolean {
  if (fate.kind !== 'failed' || fate.blockers.length === 0) return false
  return fate.blockers.every(({event, own}) => {
    if (inquest.ancestry.areConcurrent(event, row)) return true
    // An own auth event is older than the event, so that this ends.
    return own !== ABSENT && inquest.ancestry.isBefore(event, own) && wasRevoked(inquest, own, inquest.fate(own))
  })
}

/** What is known of a cause beside its name. */
export interface Established {
  readonly cause: ResetCause
  /** Events that stood against the lost one. */
  readonly blockers: readonly Blocker[]
  /** An event without which it could not pass, and which the merge did not look at. */
  readonly lacking: number | null
}

/**
 * Why an event that should have kept its slot lost it: each cause is established by resolving again under other conditions.
 *
 * @param lost - the event, which no event that knew of it revoked
 * @param trueInputs - the replayed states where the merged ones came from elsewhere
 */
export function establishCause(
  inquest: Inquest,
  lost: number,
  fate: Fate,
  trueInputs: readonly StateRoot[] | null,
): Established {
  const {context, merge} = inquest
  const {graph, trie, resolver} = context
  const slot = graph.slot[lost] ?? -1
  const blockers = fate.kind === 'failed' ? fate.blockers : []
  const established = (cause: ResetCause, lacking: number | null = null): Established => ({cause, blockers, lacking})
  // Version 1 judges rejected events like others.
  if (fate.kind === 'rejected-before' || resolver.checker.judgement.isRejected(lost))
    return established('rejected-input')
  // With a gap in what it cites, no other way to resolve would prove anything.
  if (lacksAuthEvents(context, lost)) return established('missing-events')
  if (fate.kind !== 'overridden' && resolver.algorithm === 'v2' && inquest.underV21(slot) === lost) {
    const agreed = new Set(blockers.filter(({origin}) => origin === 'agreed').map((blocker) => blocker.slot))
    if (agreed.size > 0 && inquest.whatIf(slot, {fromOwn: agreed}) === lost) {
      return established('A-unconflicted-deauthorises')
    }
    const lacking = intermediate(inquest, lost, slot)
    if (lacking !== null) return established('B-missing-intermediate', lacking)
  }
  if (trueInputs?.some((root, index) => root !== merge.inputs[index]) === true) {
    if (trie.get(resolver.resolve(trueInputs).root, slot) === lost) return established('stale-input')
  }
  if (fate.kind === 'overridden') return established(orderingCause(inquest, lost, fate.by))
  if (blockers.length > 0 && wasRevoked(inquest, lost, fate)) return established('revoked-concurrently')
  const tooLate = blockers.find(({own}) => cameAfter(inquest, own, lost))
  if (tooLate !== undefined) return established(orderingCause(inquest, lost, tooLate.own))
  return established('concurrent-rule-change')
}

/** Whether an event that another one builds on was put after it, and stands: the order alone made the other one fail. */
function cameAfter({trace}: Inquest, own: number, row: number): boolean {
  const place = (one: number): number => trace.steps.findLastIndex((step) => step.row === one)
  const at = place(own)
  return own !== ABSENT && at > place(row) && trace.steps[at]?.outcome === 'passed'
}

/** An event that the merge did not look at and with which the lost one stays: itself, or one on the way from it to older values. */
function intermediate(inquest: Inquest, lost: number, slot: number): number | null {
  const {graph} = inquest.context
  const full = new Set(inquest.trace.full)
  const oldest = inquest.trace.full.reduce((least, row) => Math.min(least, row), Infinity)
  const candidates = new Set([lost])
  const stack = [lost]
  for (let row = stack.pop(); row !== undefined; row = stack.pop()) {
    for (const parent of graph.authOf(row)) {
      if (parent < oldest || candidates.has(parent) || graph.has(parent, Flag.Missing)) continue
      candidates.add(parent)
      stack.push(parent)
    }
  }
  const unseen = [...candidates].filter((row) => !full.has(row)).sort((a, b) => compareAge(graph, b, a))
  if (unseen.length === 0 || inquest.whatIf(slot, {extra: unseen}) !== lost) return null
  return unseen.find((row) => inquest.whatIf(slot, {extra: [row]}) === lost) ?? unseen[0] ?? null
}

function lacksAuthEvents({graph}: MergeContext, lost: number): boolean {
  const seen = new Set([lost])
  for (const row of seen) {
    if (graph.has(row, Flag.Missing)) return true
    for (const parent of graph.authOf(row)) seen.add(parent)
  }
  return false
}

/** By which criterion the winner came after the lost event, both being valid. */
export function orderingCause({context, trace}: Inquest, lost: number, winner: number): ResetCause {
  const {graph, resolver} = context
  if (resolver.algorithm === 'v1') return 'depth-forged'
  if (winner === ABSENT) return 'concurrent-rule-change'
  const phaseOf = (row: number): string | undefined => trace.steps.find((step) => step.row === row)?.phase
  if (phaseOf(lost) !== phaseOf(winner)) return 'power-order'
  if (phaseOf(lost) === 'power') {
    if (resolver.senderPower(lost) !== resolver.senderPower(winner)) return 'power-order'
    // An event waits for those that it builds on: then neither times nor IDs put it last.
    if (compareAge(graph, lost, winner) > 0) return 'power-order'
  } else {
    const places = mainline(context, trace.mainlineTop)
    if (placeOn(context, places, lost) !== placeOn(context, places, winner)) return 'mainline-older'
  }
  if (graph.ts[lost] !== graph.ts[winner]) return 'ts-tiebreak'
  return compareAge(graph, lost, winner) === 0 ? 'power-order' : 'id-tiebreak'
}

/** Power levels from the resolved ones back to the first, each with its place; 0 is the newest. */
export function mainline({graph}: MergeContext, top: number): ReadonlyMap<number, number> {
  const places = new Map<number, number>()
  for (let row = top; row >= 0 && !places.has(row); row = authEventIn(graph, row, graph.powerSlot)) {
    places.set(row, places.size)
  }
  return places
}

/** How far back on the mainline the power levels are under which an event was sent; the mainline's length where they are not on it. */
export function placeOn({graph}: MergeContext, places: ReadonlyMap<number, number>, row: number): number {
  const seen = new Set<number>()
  for (let at = authEventIn(graph, row, graph.powerSlot); at >= 0 && !seen.has(at);) {
    const place = places.get(at)
    if (place !== undefined) return place
    seen.add(at)
    at = authEventIn(graph, at, graph.powerSlot)
  }
  return places.size
}
