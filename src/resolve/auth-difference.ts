import type {RoomGraph} from '../graph/room-graph.ts'
import type {Adjacency} from '../graph/topological-order.ts'
import type {Conflict} from './conflict.ts'
import {IntHeap} from './int-heap.ts'
import type {RowSet} from './row-set.ts'
import {ABSENT} from './state-trie.ts'

/**
 * Where the letter of the spec and what deployed servers compute differ: whether the events of a state set count as part of its auth
 * chains, and whether the power set is closed through events outside the full conflicted set.
 */
export type Reading = 'synapse' | 'spec'

/** Beyond this many states the bits of a mask do not suffice, and chains are walked one by one. */
const MAX_MASKED = 31

/**
 * The auth difference: events in the auth chains of some of the merged states but not of all.
 *
 * Only the differing slots are walked from: what the states agree on is in every chain. Newest events come first, so that an event is
 * complete when it is looked at, and the walk ends as soon as nothing is left that some states lack.
 *
 * @see https://spec.matrix.org/v1.19/rooms/v2/#definitions "Auth difference"
 * @remarks O(chains of the conflicted events down to where they meet); uses buffers of its own, one object a replay.
 */
export class AuthDifference {
  readonly #graph: RoomGraph
  readonly #mask: Int32Array
  readonly #maskStamp: Int32Array
  readonly #searched: Int32Array
  readonly #heap = new IntHeap()
  #children: Adjacency | null = null
  #search = 0
  /** Whether a state's events count as part of its chains. */
  #synapse = true
  /** Bits of all states of the merge. */
  #everyone = 0
  /** Events in the heap that some states lack. */
  #partial = 0

  constructor(graph: RoomGraph) {
    this.#graph = graph
    this.#mask = new Int32Array(graph.size)
    this.#maskStamp = new Int32Array(graph.size)
    this.#searched = new Int32Array(graph.size)
  }

  /** Adds the auth difference of the states of a begun merge to `found`. */
  addTo(found: RowSet, conflict: Conflict, reading: Reading): void {
    this.#search += 1
    this.#synapse = reading === 'synapse'
    if (conflict.roots.length > MAX_MASKED) this.#byCounting(found, conflict)
    else this.#byMasks(found, conflict)
  }

  #byMasks(found: RowSet, conflict: Conflict): void {
    const width = conflict.roots.length
    const heap = this.#heap
    this.#everyone = 2 ** width - 1
    this.#partial = 0
    heap.clear()
    for (let k = 0; k < conflict.values.length; k += 1) {
      const event = conflict.values[k] ?? ABSENT
      if (event === ABSENT) continue
      if (this.#synapse) this.#mark(conflict, event, 1 << (k % width))
      else this.#markParents(conflict, event, 1 << (k % width))
    }
    while (this.#partial > 0) {
      const event = heap.pop()
      let bits = this.#mask[event] ?? 0
      if (bits !== this.#everyone) {
        this.#partial -= 1
        if (this.#isInAgreedChain(conflict, event)) bits = this.#everyone
        else found.add(event)
      }
      this.#markParents(conflict, event, bits)
    }
  }

  #markParents(conflict: Conflict, event: number, bits: number): void {
    const {starts, edges} = this.#graph.auth
    for (let k = starts[event] ?? 0, end = starts[event + 1] ?? 0; k < end; k += 1)
      this.#mark(conflict, edges[k] ?? 0, bits)
  }

  /** The event is in the chains of the states of these bits; of all, if the states agree on it and count as part of their chains. */
  #mark(conflict: Conflict, event: number, bits: number): void {
    const seen = this.#maskStamp[event] === this.#search
    const before = seen ? (this.#mask[event] ?? 0) : 0
    let after = before | bits
    if (before === after) return
    if (before === 0) {
      this.#maskStamp[event] = this.#search
      this.#heap.push(event)
      if (this.#synapse && this.#isAgreed(conflict, event)) after = this.#everyone
      if (after !== this.#everyone) this.#partial += 1
    } else if (after === this.#everyone) this.#partial -= 1
    this.#mask[event] = after
  }

  /** Whether the states agree on the event. */
  #isAgreed(conflict: Conflict, row: number): boolean {
    const slot = this.#graph.slot[row] ?? -1
    return slot >= 0 && conflict.agreed(slot) === row
  }

  /** Whether every state has the event in its chains because of what the states agree on. */
  #isInAgreedChain(conflict: Conflict, event: number): boolean {
    if (this.#synapse && this.#isAgreed(conflict, event)) return true
    const {starts, edges} = this.#childrenOf()
    const seen: number[] = []
    const stack = [event]
    for (let row = stack.pop(); row !== undefined; row = stack.pop()) {
      for (let k = starts[row] ?? 0, end = starts[row + 1] ?? 0; k < end; k += 1) {
        const child = edges[k] ?? 0
        // Children come oldest first, and those from the merge on are in no state yet.
        if (child >= conflict.limit) break
        // What an earlier search of this merge went through without success leads nowhere.
        if (this.#searched[child] === this.#search) continue
        if (this.#isAgreed(conflict, child)) {
          for (const visited of seen) this.#searched[visited] = 0
          return true
        }
        this.#searched[child] = this.#search
        seen.push(child)
        stack.push(child)
      }
    }
    return false
  }

  /** State events that cite an event among their auth events, oldest first; made when first needed. */
  #childrenOf(): Adjacency {
    this.#children ??= childrenByAuth(this.#graph)
    return this.#children
  }

  /** The same for any number of states: counts in how many states' chains an event is. */
  #byCounting(found: RowSet, conflict: Conflict): void {
    const width = conflict.roots.length
    const counts = new Map<number, number>()
    for (let state = 0; state < width; state += 1) {
      const seen = new Set<number>()
      const stack: number[] = []
      const visit = (event: number): void => {
        if (seen.has(event)) return
        seen.add(event)
        stack.push(event)
      }
      for (let k = state; k < conflict.values.length; k += width) {
        const event = conflict.values[k] ?? ABSENT
        if (event === ABSENT) continue
        if (this.#synapse) visit(event)
        else for (const parent of this.#graph.authOf(event)) visit(parent)
      }
      for (let row = stack.pop(); row !== undefined; row = stack.pop())
        for (const parent of this.#graph.authOf(row)) visit(parent)
      for (const event of seen) counts.set(event, (counts.get(event) ?? 0) + 1)
    }
    for (const [event, count] of counts) {
      if (count < width && !this.#isInAgreedChain(conflict, event)) found.add(event)
    }
  }
}

function childrenByAuth(graph: RoomGraph): Adjacency {
  const {size, slot} = graph
  const {starts: authStarts, edges: parents} = graph.auth
  const starts = new Int32Array(size + 1)
  for (let child = 0; child < size; child += 1) {
    if ((slot[child] ?? -1) < 0) continue
    for (let k = authStarts[child] ?? 0, end = authStarts[child + 1] ?? 0; k < end; k += 1) {
      const after = (parents[k] ?? 0) + 1
      starts[after] = (starts[after] ?? 0) + 1
    }
  }
  for (let row = 0; row < size; row += 1) starts[row + 1] = (starts[row + 1] ?? 0) + (starts[row] ?? 0)
  const next = starts.slice()
  const edges = new Int32Array(starts[size] ?? 0)
  for (let child = 0; child < size; child += 1) {
    if ((slot[child] ?? -1) < 0) continue
    for (let k = authStarts[child] ?? 0, end = authStarts[child + 1] ?? 0; k < end; k += 1) {
      const parent = parents[k] ?? 0
      edges[next[parent] ?? 0] = child
      next[parent] = (next[parent] ?? 0) + 1
    }
  }
  return {starts, edges}
}
