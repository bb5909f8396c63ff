import {compareAge} from '../resolve/power-order.ts'
import {ABSENT, type StateRoot} from '../resolve/state-trie.ts'
import {type Replay, UNKNOWN_STATE} from '../resolve/replay.ts'
import {Ancestry} from './ancestry.ts'
import {establishCause, Inquest, InquestTools, type ResetCause, wasRevoked} from './cause.ts'
import type {Blocker, Fate} from './fate.ts'
import {candidatesIn, type Merge, type MergeContext, mergesOf} from './merge.ts'

/** An event that lost its slot in a merge, and how. */
export interface Dropped {
  readonly row: number
  readonly fate: Fate
}

/** A slot that went back to an older value, or vanished, in a merge. */
export interface Reset {
  readonly merge: Merge
  readonly slot: number
  /** The value that should have stayed; with `expected`, the newest that lost it to what its sender could not know of. */
  readonly lost: number
  /** What stands there instead, or `ABSENT`. */
  readonly got: number
  /** Whether every merged state had something in the slot. */
  readonly inEvery: boolean
  /** What each merged state had there, or `ABSENT`. */
  readonly held: readonly number[]
  readonly cause: ResetCause
  /** Whether it is what resolution is meant to do: concurrent revocation. */
  readonly expected: boolean
  /** How `lost` came to lose. */
  readonly fate: Fate
  /** Newer values that were dropped before it, newest first, each by events concurrent with it. */
  readonly dropped: readonly Dropped[]
  readonly blockers: readonly Blocker[]
  /** An event that the merge did not look at and without which `lost` could not pass. */
  readonly lacking: number | null
  /** What room version 12 makes of the same states: a row, `ABSENT`, or `null` where that is the room's own algorithm. */
  readonly underV21: number | null
  /** Slot and event at the root of a cascade: what this one and others fell by. */
  readonly root: {readonly slot: number; readonly event: number} | null
  /** Other merges in which the same happened. */
  readonly again: number
}

export interface ResetOptions {
  /** Tips of the room, whose states are merged, too. */
  readonly tips: readonly number[]
}

/**
 * Every slot that goes back or vanishes in a merge of a replay without an event that causally revokes it.
 *
 * @remarks Merges are compared slot by slot where their inputs differ; only those in which something is amiss are resolved again.
 */
export function findResets(replay: Replay, {tips}: ResetOptions): readonly Reset[] {
  const {graph, trie, resolver, before} = replay
  const tools = new InquestTools({graph, trie, resolver, before}, new Ancestry(graph))
  const court = new ResetCourt(tools)
  for (const merge of mergesOf(replay, tips)) court.hear(merge, null)
  return court.resets()
}

/** Collects the resets of many merges; what happens again in later merges is counted, not repeated. */
export class ResetCourt {
  readonly #tools: InquestTools
  readonly #found = new Map<string, Reset & {again: number}>()
  readonly #heard = new Set<string>()

  constructor(tools: InquestTools) {
    this.#tools = tools
  }

  /**
   * @param trueInputs - the replayed states, where those that were merged came from elsewhere
   * @param isAsked - slots that are of interest
   */
  hear(merge: Merge, trueInputs: readonly StateRoot[] | null, isAsked: (slot: number) => boolean = () => true): void {
    if (merge.result === UNKNOWN_STATE || merge.inputs.includes(UNKNOWN_STATE)) return
    const suspects = suspectSlots(this.#tools, merge)
    if (suspects.length === 0) return
    // Servers merge the same tips again and again: the same states give the same result.
    const key = [...new Set(merge.inputs)].sort((a, b) => a - b).join()
    const isRepeated = this.#heard.has(key)
    this.#heard.add(key)
    if (isRepeated) return
    const inquest = new Inquest(merge, this.#tools)
    const here = suspects.flatMap((slot) => judge(inquest, slot, trueInputs) ?? [])
    for (const reset of withRoots(here)) if (isAsked(reset.slot)) this.#add(reset)
  }

  /** In topological order. */
  resets(): readonly Reset[] {
    return [...this.#found.values()]
  }

  #add(reset: Reset): void {
    const key = [reset.slot, reset.lost, reset.got].join()
    const known = this.#found.get(key)
    if (known === undefined) this.#found.set(key, {...reset})
    else if (known.expected && !reset.expected && !wasLostBefore(this.#tools.ancestry, reset)) {
      // Rightly lost in one merge, and not so in another that knew nothing of the first: that is what matters.
      this.#found.delete(key)
      this.#found.set(key, {...reset, again: known.again + 1})
    } else known.again += 1
  }
}

/** Whether one of the merged states had lost the value already, and only hands that on. */
function wasLostBefore(ancestry: Ancestry, {merge, held, lost, got}: Reset): boolean {
  return merge.prevs.some((prev, index) => held[index] === got && ancestry.isBefore(lost, prev))
}

/** Slots whose result is none of the newest values that were merged. */
export function suspectSlots({context: {trie}, ancestry}: InquestTools, merge: Merge): readonly number[] {
  const differing: number[] = []
  trie.differences([...new Set(merge.inputs)], differing)
  return differing.filter((slot) => {
    const got = trie.get(merge.result, slot)
    const candidates = candidatesIn(trie, merge, slot)
    return candidates.some((candidate) => isAfter(ancestry, candidate, got))
  })
}

function isAfter(ancestry: Ancestry, row: number, got: number): boolean {
  return got === ABSENT || ancestry.isBefore(got, row)
}

function judge(inquest: Inquest, slot: number, trueInputs: readonly StateRoot[] | null): Reset | null {
  const {context, merge, ancestry} = inquest
  const {trie} = context
  const got = trie.get(merge.result, slot)
  // What a server recorded need not be what resolution gives: then it is no merge that took the slot away.
  if (trie.get(inquest.trace.root, slot) !== got) return null
  const candidates = candidatesIn(trie, merge, slot)
  // A value that did not know of what stands there now is no newer one: that it lost is for the ordering to decide.
  const newest = candidates
    .filter((row) => isAfter(ancestry, row, got) && !candidates.some((other) => ancestry.isBefore(row, other)))
    .sort((a, b) => compareAge(context.graph, b, a))
  if (newest.length === 0) return null
  const held = merge.inputs.map((input) => trie.get(input, slot))
  const inEvery = !held.includes(ABSENT)
  const reset = (lost: number, fate: Fate, dropped: readonly Dropped[], expected: boolean): Reset => {
    const {cause, blockers, lacking} = expected
      ? {cause: 'revoked-concurrently' as const, blockers: fate.kind === 'failed' ? fate.blockers : [], lacking: null}
      : establishCause(inquest, lost, fate, trueInputs)
    const underV21 = inquest.underV21(slot)
    return {
      ...{merge, slot, lost, got, inEvery, held, cause, expected, fate, dropped, blockers, lacking, underV21},
      root: null,
      again: 0,
    }
  }
  let revoked: Reset | null = null
  for (const start of newest) {
    const {lost, fate, dropped} = walk(inquest, start, got)
    if (lost !== null) return reset(lost, fate, dropped, false)
    const [newestDropped] = dropped
    if (newestDropped !== undefined) {
      // A slot that every state had and that is gone is told as a reset whatever the cause.
      revoked ??= reset(newestDropped.row, newestDropped.fate, dropped.slice(1), !(inEvery && got === ABSENT))
    }
  }
  return revoked
}

/** From a newest value back to what the merge gave: values that lost it rightly are passed over, up to the first that did not. */
function walk(inquest: Inquest, start: number, got: number) {
  const dropped: Dropped[] = []
  let row = start
  while (row !== ABSENT && isAfter(inquest.ancestry, row, got)) {
    const fate = inquest.fate(row)
    if (!wasRevoked(inquest, row, fate)) return {lost: row, fate, dropped}
    dropped.push({row, fate})
    row = inquest.previous(row)
  }
  return {lost: null, fate: {kind: 'won'} as Fate, dropped}
}

/** What fell because of another slot of the same merge is told under it. */
function withRoots(resets: readonly Reset[]): readonly Reset[] {
  const bySlot = new Map(resets.map((reset) => [reset.slot, reset]))
  const rootOf = (reset: Reset, seen: ReadonlySet<number>): Reset['root'] => {
    const [blocker] = reset.blockers
    if (blocker === undefined) return null
    const above = bySlot.get(blocker.slot)
    const further = above === undefined || seen.has(above.slot) ? null : rootOf(above, new Set([...seen, above.slot]))
    return further ?? {slot: blocker.slot, event: blocker.event}
  }
  return resets.map((reset) => ({...reset, root: rootOf(reset, new Set([reset.slot]))}))
}

/** A merge of states that were given rather than replayed. */
export function givenMerge({resolver}: MergeContext, inputs: readonly StateRoot[]): Merge {
  return {at: null, prevs: [], inputs, result: resolver.resolve(inputs).root}
}

/** Resets in a merge of states that were given rather than replayed. */
export function givenResets(context: MergeContext, inputs: readonly StateRoot[]): readonly Reset[] {
  const court = new ResetCourt(new InquestTools(context, new Ancestry(context.graph)))
  court.hear(givenMerge(context, inputs), null)
  return court.resets()
}
