import type {RoomGraph} from '../graph/room-graph.ts'
import {ABSENT, type StateRoot, type StateTrie} from './state-trie.ts'

/**
 * What a merge is about: the slots in which the merged states differ, and what each holds there. One object serves for a whole replay;
 * marks are stamped with the merge's number instead of being cleared.
 */
export class Conflict {
  readonly graph: RoomGraph
  readonly trie: StateTrie
  roots: readonly StateRoot[] = []
  /** Slots in which the states differ. */
  readonly slots: number[] = []
  /** `values[k * roots.length + i]`: event of state `i` in slot `slots[k]`, or `ABSENT`. */
  readonly values: number[] = []
  /** No event from this row on is in any of the states, or cited by one that is. */
  limit = Infinity
  /** Number of the merge; what carries another number is of an earlier one. */
  stamp = 0
  readonly #slotStamp: Int32Array
  readonly #resolvedStamp: Int32Array
  readonly #resolved: Int32Array
  /** Slots that `resolve` was called for in this merge. */
  readonly touched: number[] = []

  constructor(graph: RoomGraph, trie: StateTrie) {
    this.graph = graph
    this.trie = trie
    const slots = graph.slots.length
    this.#slotStamp = new Int32Array(slots)
    this.#resolvedStamp = new Int32Array(slots)
    this.#resolved = new Int32Array(slots)
  }

  /** Starts a merge of these states, which hold events of rows below `limit` only. */
  begin(roots: readonly StateRoot[], limit: number): void {
    this.stamp += 1
    this.limit = limit
    this.roots = roots
    this.slots.length = 0
    this.values.length = 0
    this.touched.length = 0
    this.trie.differences(roots, this.slots)
    for (const slot of this.slots) {
      this.#slotStamp[slot] = this.stamp
      for (const root of roots) this.values.push(this.trie.get(root, slot))
    }
  }

  /** Whether the states differ in the slot. */
  isDifferent(slot: number): boolean {
    return this.#slotStamp[slot] === this.stamp
  }

  /** What all states agree on in the slot; `ABSENT` where they differ. */
  agreed(slot: number): number {
    return slot < 0 || this.isDifferent(slot) ? ABSENT : this.trie.get(this.roots[0] ?? 0, slot)
  }

  /** Puts an event into the resolved state. */
  resolve(slot: number, event: number): void {
    if (this.#resolvedStamp[slot] !== this.stamp) {
      this.#resolvedStamp[slot] = this.stamp
      this.touched.push(slot)
    }
    this.#resolved[slot] = event
  }

  /** What was put into the resolved state in this merge, or `ABSENT`. */
  resolved(slot: number): number {
    return slot >= 0 && this.#resolvedStamp[slot] === this.stamp ? (this.#resolved[slot] ?? ABSENT) : ABSENT
  }

  /** Distinct events of a differing slot, in order of the states. */
  candidates(index: number): readonly number[] {
    const width = this.roots.length
    const found: number[] = []
    for (let i = 0; i < width; i += 1) {
      const event = this.values[index * width + i] ?? ABSENT
      if (event !== ABSENT && !found.includes(event)) found.push(event)
    }
    return found
  }

  /** The merged state: agreed slots as they are, differing ones (and new ones) as resolved. Shares nodes with the closest input. */
  result(): StateRoot {
    const width = this.roots.length
    let best = 0
    let fewest = Infinity
    for (let i = 0; i < width; i += 1) {
      let changes = 0
      for (let k = 0; k < this.slots.length; k += 1) {
        if (this.values[k * width + i] !== this.resolved(this.slots[k] ?? -1)) changes += 1
      }
      if (changes < fewest) [best, fewest] = [i, changes]
    }
    let root = this.roots[best] ?? 0
    for (const slot of this.slots) root = this.trie.set(root, slot, this.resolved(slot))
    for (const slot of this.touched) {
      // An agreed slot wins over what was resolved; a slot that no input holds comes with the auth difference.
      if (!this.isDifferent(slot) && this.agreed(slot) === ABSENT) root = this.trie.set(root, slot, this.resolved(slot))
    }
    return root
  }
}
