import {type Merge, candidatesIn} from '../../forensics/merge.ts'
import type {RoomGraph} from '../../graph/room-graph.ts'
import type {PowerLevel} from '../../matrix/power-levels.ts'
import type {Phase, TraceStep} from '../../resolve/merge-trace.ts'
import {authEventIn} from '../../resolve/power-order.ts'
import {UNKNOWN_STATE} from '../../resolve/replay.ts'
import type {TracedMerge} from '../../resolve/resolver.ts'
import type {Room} from './room.ts'

/** One event before the judges of a merge, and what put it in its place in the order. */
export interface MergeStep extends TraceStep {
  /** In the phase `power`: power of its sender by its own auth events; else `null`. */
  readonly power: PowerLevel | null
  /**
   * In the phase `mainline`: how many power levels lie between those that the merge came to (0) and the first of the mainline that it was sent
   * under, the newest first; -1: it was sent under none of them. Else `null`.
   */
  readonly mainline: number | null
  /** Whether the merge left it in its slot. */
  readonly stands: boolean
}

/** A merge as its algorithm goes through it. */
export interface SteppedMerge {
  /** Slots that differed, with the events that stood in them on the branches and what the merge gave, or `ABSENT`. */
  readonly slots: readonly {readonly slot: number; readonly candidates: readonly number[]; readonly result: number}[]
  /** Events of the full conflicted set that stood in none of those slots: they came in by the auth chains. */
  readonly added: readonly number[]
  readonly phases: readonly {readonly phase: Phase; readonly steps: readonly MergeStep[]}[]
  /** Power levels that the mainline begins with, or `ABSENT`. */
  readonly mainlineTop: number
}

/** The merge at an event, or (`null`) that over the tips; `null` where nothing was merged, or something of it is not known. */
export function mergeAt(room: Room, row: number | null): Merge | null {
  const {graph, replay, tips, now} = room
  const prevs = row === null ? tips : [...graph.prevOf(row)]
  const inputs = prevs.map((prev) => replay.after[prev] ?? UNKNOWN_STATE)
  if (new Set(inputs).size < 2 || inputs.includes(UNKNOWN_STATE)) return null
  const result = row === null ? now : (replay.before[row] ?? UNKNOWN_STATE)
  return result === UNKNOWN_STATE ? null : {at: row, prevs, inputs, result, ...(row === null ? {} : {limit: row})}
}

/** @remarks Resolves the merge once more. */
export function stepsOf({graph, replay}: Room, merge: Merge): SteppedMerge {
  const {resolver, trie} = replay
  const trace = resolver.trace(merge.inputs, {}, merge.limit)
  const slots = trace.slots.map((slot) => ({
    slot,
    candidates: candidatesIn(trie, merge, slot),
    result: trie.get(trace.root, slot),
  }))
  const conflicted = new Set(slots.flatMap(({candidates}) => candidates))
  const place = mainlinePlaces(graph, trace)
  const steps = trace.steps.map((step): MergeStep => ({
    ...step,
    power: step.phase === 'power' ? resolver.senderPower(step.row) : null,
    mainline: step.phase === 'mainline' ? place(step.row) : null,
    stands: trie.get(trace.root, step.slot) === step.row,
  }))
  return {
    slots,
    added: trace.full.filter((row) => !conflicted.has(row)),
    phases: (['power', 'mainline', 'sequence', 'depth'] as const).flatMap((phase) => {
      const own = steps.filter((step) => step.phase === phase)
      return own.length === 0 ? [] : [{phase, steps: own}]
    }),
    mainlineTop: trace.mainlineTop,
  }
}

/** @see https://spec.matrix.org/v1.19/rooms/v2/#definitions "Mainline ordering" */
function mainlinePlaces(graph: RoomGraph, {mainlineTop}: TracedMerge): (row: number) => number {
  const places = new Map<number, number>()
  for (let at = mainlineTop; at >= 0; at = authEventIn(graph, at, graph.powerSlot)) places.set(at, places.size)
  return (row) => {
    for (let at = row; at >= 0; at = authEventIn(graph, at, graph.powerSlot)) {
      const place = places.get(at)
      if (place !== undefined) return place
    }
    return -1
  }
}
