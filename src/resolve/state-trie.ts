const BITS = 4
const WIDTH = 1 << BITS
const MASK = WIDTH - 1

/** Slots of one leaf. */
export const LEAF_WIDTH = WIDTH

/** A state: the number of the root node of its trie. Equal numbers are equal states; unequal ones may be equal, too. */
export type StateRoot = number

/** The state without any event. */
export const EMPTY_STATE: StateRoot = 0

/** No event stands in the slot. */
export const ABSENT = -1

/**
 * All states of a room, as persistent 16-way tries over slot numbers that share their nodes in one growing array. A changed slot
 * costs one path; two states are compared in the time of what differs.
 *
 * @remarks 64 bytes a node; about one node for each level of the path that a state event changes.
 */
export class StateTrie {
  readonly #levels: number
  #nodes: Int32Array
  #used = WIDTH

  /** @param slots - how many slots there are; fixes the depth of the tries */
  constructor(slots: number) {
    let levels = 1
    while (WIDTH ** levels < slots) levels += 1
    this.#levels = levels
    this.#nodes = new Int32Array(WIDTH * 1024)
  }

  /** Bytes in use. */
  get byteLength(): number {
    return this.#used * 4
  }

  /** Row of the event in the slot, or `ABSENT`. A negative slot holds nothing. */
  get(root: StateRoot, slot: number): number {
    if (slot < 0) return ABSENT
    const nodes = this.#nodes
    let node = root
    for (let shift = (this.#levels - 1) * BITS; shift >= 0; shift -= BITS) {
      if (node === 0) return ABSENT
      node = nodes[node + ((slot >> shift) & MASK)] ?? 0
    }
    return node - 1
  }

  /** The state with `event` (or `ABSENT`) in the slot; `root` stays as it is. */
  set(root: StateRoot, slot: number, event: number): StateRoot {
    if (this.get(root, slot) === event) return root
    return this.#set(root, slot, (this.#levels - 1) * BITS, event + 1)
  }

  #set(node: number, slot: number, shift: number, value: number): number {
    const place = (slot >> shift) & MASK
    const below = shift === 0 ? value : this.#set(this.#nodes[node + place] ?? 0, slot, shift - BITS, value)
    const copy = this.#allocate()
    this.#nodes.copyWithin(copy, node, node + WIDTH)
    this.#nodes[copy + place] = below
    return copy
  }

  /** Offset of a fresh node. Node 0 is the empty one, so that a child of 0 means "nothing below". */
  #allocate(): number {
    if (this.#used + WIDTH > this.#nodes.length) {
      const grown = new Int32Array(this.#nodes.length * 2)
      grown.set(this.#nodes)
      this.#nodes = grown
    }
    const node = this.#used
    this.#used += WIDTH
    return node
  }

  /** Calls `visit` for every slot that holds an event, by slot number. */
  forEach(root: StateRoot, visit: (slot: number, event: number) => void): void {
    this.#walk(root, 0, (this.#levels - 1) * BITS, visit)
  }

  #walk(node: number, prefix: number, shift: number, visit: (slot: number, event: number) => void): void {
    if (node === 0) return
    for (let place = 0; place < WIDTH; place += 1) {
      const below = this.#nodes[node + place] ?? 0
      if (below === 0) continue
      const slot = prefix | (place << shift)
      if (shift === 0) visit(slot, below - 1)
      else this.#walk(below, slot, shift - BITS, visit)
    }
  }

  /**
   * Calls `visit` for every leaf of the trie, in order, with its number and its first slot. Equal numbers are equal leaves, so that work
   * on one can be kept. Its events: `leafEvent(leaf, place)` for each place below `LEAF_WIDTH`.
   */
  forEachLeaf(root: StateRoot, visit: (leaf: number, firstSlot: number) => void): void {
    this.#leaves(root, 0, (this.#levels - 1) * BITS, visit)
  }

  #leaves(node: number, prefix: number, shift: number, visit: (leaf: number, firstSlot: number) => void): void {
    if (node === 0) return
    if (shift === 0) {
      visit(node, prefix)
      return
    }
    for (let place = 0; place < WIDTH; place += 1) {
      this.#leaves(this.#nodes[node + place] ?? 0, prefix | (place << shift), shift - BITS, visit)
    }
  }

  /** Row of the event at a place of a leaf, or `ABSENT`. */
  leafEvent(leaf: number, place: number): number {
    return (this.#nodes[leaf + place] ?? 0) - 1
  }

  /** Slots, in order, in which not all of the states hold the same event; appended to `found`. */
  differences(roots: readonly StateRoot[], found: number[]): void {
    const top = (this.#levels - 1) * BITS
    if (roots.length === 2) this.#compareTwo(roots[0] ?? 0, roots[1] ?? 0, 0, top, found)
    else this.#compare(roots, 0, top, found)
  }

  #compareTwo(a: number, b: number, prefix: number, shift: number, found: number[]): void {
    const nodes = this.#nodes
    for (let place = 0; place < WIDTH; place += 1) {
      const x = nodes[a + place] ?? 0
      const y = nodes[b + place] ?? 0
      if (x === y) continue
      if (shift === 0) found.push(prefix | place)
      else this.#compareTwo(x, y, prefix | (place << shift), shift - BITS, found)
    }
  }

  #compare(nodes: readonly number[], prefix: number, shift: number, found: number[]): void {
    const all = this.#nodes
    for (let place = 0; place < WIDTH; place += 1) {
      const first = all[(nodes[0] ?? 0) + place] ?? 0
      let same = true
      for (let k = 1; k < nodes.length; k += 1) {
        if ((all[(nodes[k] ?? 0) + place] ?? 0) !== first) {
          same = false
          break
        }
      }
      if (same) continue
      const slot = prefix | (place << shift)
      if (shift === 0) found.push(slot)
      else
        this.#compare(
          nodes.map((node) => all[node + place] ?? 0),
          slot,
          shift - BITS,
          found,
        )
    }
  }
}
