import {Flag, type RoomGraph} from '../graph/room-graph.ts'
import type {Replay} from '../resolve/replay.ts'
import {UNKNOWN_STATE, Verdict} from '../resolve/replay.ts'
import type {Resolver} from '../resolve/resolver.ts'
import {ABSENT, type StateRoot, type StateTrie} from '../resolve/state-trie.ts'
import {causalOrder} from './causal-order.ts'

/** States that were merged, and what came of it. */
export interface Merge {
  /** Event that cites what was merged; `null` where the tips of the room were, or states that were given. */
  readonly at: number | null
  /** Events that the inputs are the states after; empty for states that were given. */
  readonly prevs: readonly number[]
  readonly inputs: readonly StateRoot[]
  readonly result: StateRoot
  /** Row that all events in the states are below, where that is known: it spares a search. */
  readonly limit?: number
}

/** What is needed to look at merges: the room, and the means to resolve again. */
export interface MergeContext {
  readonly graph: RoomGraph
  readonly trie: StateTrie
  readonly resolver: Resolver
  /** State before each event, where there was a replay. */
  readonly before: Int32Array | null
}

/**
 * All merges of a replay in which states differed, in an order that does not depend on that of the lines; the tips' last. Where something
 * is undetermined the tips are only the edge of what could be judged, and no server ever merges them.
 */
export function* mergesOf(replay: Replay, tips: readonly number[]): Generator<Merge> {
  const {graph, after, before} = replay
  const rows = [...replay.merges].flatMap(([row, conflicts]) => (conflicts === 0 ? [] : [row]))
  for (const row of rows.sort(causalOrder(graph))) {
    const prevs = [...graph.prevOf(row)]
    const inputs = prevs.map((prev) => after[prev] ?? UNKNOWN_STATE)
    yield {at: row, prevs, inputs, result: before[row] ?? UNKNOWN_STATE, limit: row}
  }
  if (hasUndetermined(replay)) return
  const prevs = tips.toSorted(causalOrder(graph))
  const inputs = prevs.map((tip) => after[tip] ?? UNKNOWN_STATE)
  if (new Set(inputs).size < 2 || inputs.includes(UNKNOWN_STATE)) return
  const {root, conflicts} = replay.resolver.resolve(inputs)
  if (conflicts > 0) yield {at: null, prevs, inputs, result: root}
}

/** Whether an event could not be judged, because of what is missing. */
export function hasUndetermined({graph, verdicts}: Replay): boolean {
  return verdicts.some(
    (verdict, row) => verdict === Verdict.Undetermined && !graph.has(row, Flag.Missing | Flag.Foreign),
  )
}

/** Distinct events that the inputs have in a slot, in the order of the inputs; `ABSENT` left out. */
export function candidatesIn(trie: StateTrie, merge: Merge, slot: number): readonly number[] {
  const found: number[] = []
  for (const input of merge.inputs) {
    const event = trie.get(input, slot)
    if (event !== ABSENT && !found.includes(event)) found.push(event)
  }
  return found
}
