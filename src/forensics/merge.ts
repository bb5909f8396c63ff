import type {RoomGraph} from '../graph/room-graph.ts'
import type {Replay} from '../resolve/replay.ts'
import {UNKNOWN_STATE} from '../resolve/replay.ts'
import type {Resolver} from '../resolve/resolver.ts'
import {ABSENT, type StateRoot, type StateTrie} from '../resolve/state-trie.ts'

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

/** All merges of a replay in which states differed, in topological order, the tips' last. */
export function* mergesOf(replay: Replay, tips: readonly number[]): Generator<Merge> {
  const {graph, after, before} = replay
  for (const [row, conflicts] of replay.merges) {
    if (conflicts === 0) continue
    const prevs = [...graph.prevOf(row)]
    const inputs = prevs.map((prev) => after[prev] ?? UNKNOWN_STATE)
    yield {at: row, prevs, inputs, result: before[row] ?? UNKNOWN_STATE, limit: row}
  }
  const inputs = tips.map((tip) => after[tip] ?? UNKNOWN_STATE)
  if (new Set(inputs).size < 2 || inputs.includes(UNKNOWN_STATE)) return
  const {root, conflicts} = replay.resolver.resolve(inputs)
  if (conflicts > 0) yield {at: null, prevs: tips, inputs, result: root}
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
