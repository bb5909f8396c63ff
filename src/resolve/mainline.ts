import type {RoomGraph} from '../graph/room-graph.ts'
import {authEventIn, compareAge} from './power-order.ts'

/** Position of events that reach no power levels of the mainline: before the oldest. */
const BEFORE_ALL = -1

/**
 * Orders events by how recent the power levels are under which they were sent.
 *
 * Power levels events form a tree, each below the one among its auth events. The mainline is the path from the resolved power levels
 * to the root of their tree, and an event's place on it is where the path from its own power levels joins: their lowest common
 * ancestor, known by its depth.
 *
 * @see https://spec.matrix.org/v1.19/rooms/v2/#definitions "Mainline ordering"
 */
export class Mainline {
  readonly #graph: RoomGraph
  readonly #parent: Int32Array
  readonly #depth: Int32Array
  /** By row: place in the sort at hand. */
  readonly #places: Int32Array

  constructor(graph: RoomGraph) {
    this.#graph = graph
    this.#parent = new Int32Array(graph.size).fill(UNKNOWN)
    this.#depth = new Int32Array(graph.size).fill(UNKNOWN)
    this.#places = new Int32Array(graph.size)
  }

  /** A sorted copy. `power`: row of the resolved power levels, or -1. */
  sort(rows: readonly number[], power: number): readonly number[] {
    if (rows.length < 2) return rows
    for (const row of rows) this.#places[row] = this.#place(row, power)
    return rows.slice().sort((a, b) => (this.#places[a] ?? 0) - (this.#places[b] ?? 0) || compareAge(this.#graph, a, b))
  }

  #place(row: number, power: number): number {
    let a = this.#parentOf(row)
    let b = power
    // An event that is on the mainline itself cannot be among those that are sorted.
    while (a >= 0 && b >= 0) {
      if (a === b) return this.#depthOf(a)
      const x = this.#depthOf(a)
      const y = this.#depthOf(b)
      if (x >= y) a = this.#parentOf(a)
      if (y >= x) b = this.#parentOf(b)
    }
    return BEFORE_ALL
  }

  /** Power levels among the event's auth events, or -1. */
  #parentOf(row: number): number {
    const known = this.#parent[row] ?? UNKNOWN
    if (known !== UNKNOWN) return known
    const parent = authEventIn(this.#graph, row, this.#graph.powerSlot)
    this.#parent[row] = parent
    return parent
  }

  /** Number of power levels events below this one on the way to the root. */
  #depthOf(row: number): number {
    const known = this.#depth[row] ?? UNKNOWN
    return known === UNKNOWN ? this.#findDepth(row) : known
  }

  #findDepth(row: number): number {
    const path: number[] = []
    let at = row
    while (at >= 0 && this.#depth[at] === UNKNOWN) {
      path.push(at)
      at = this.#parentOf(at)
    }
    let depth = at < 0 ? -1 : (this.#depth[at] ?? 0)
    for (let next = path.pop(); next !== undefined; next = path.pop()) {
      depth += 1
      this.#depth[next] = depth
    }
    return depth
  }
}

const UNKNOWN = -2
