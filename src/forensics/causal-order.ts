import type {RoomGraph} from '../graph/room-graph.ts'
import {compareAge} from '../resolve/power-order.ts'

interface CausalOrder {
  readonly rows: Int32Array
  /** By row: its place among `rows`. */
  readonly rank: Int32Array
}

/** A graph does not change, and many ask for its order. */
const known = new WeakMap<RoomGraph, CausalOrder>()

/**
 * All rows in an order in which every event follows its prev events, and which depends on the events alone: by the longest way to the first
 * event, then by age. Rows themselves are in topological order, too, but theirs follows the order of the lines: what is counted, or shown as an
 * example, in that order would change with it.
 *
 * @remarks O(events + edges) once for a graph, beside sorting events that are equally far from the first one.
 */
export function causalRows(graph: RoomGraph): Int32Array {
  return orderOf(graph).rows
}

/** Compares two rows by their places in `causalRows`. */
export function causalOrder(graph: RoomGraph): (a: number, b: number) => number {
  const {rank} = orderOf(graph)
  return (a, b) => (rank[a] ?? 0) - (rank[b] ?? 0)
}

function orderOf(graph: RoomGraph): CausalOrder {
  const made = known.get(graph) ?? order(graph)
  known.set(graph, made)
  return made
}

function order(graph: RoomGraph): CausalOrder {
  const {size} = graph
  const {starts, edges} = graph.prev
  const generation = new Int32Array(size)
  let last = 0
  for (let row = 0; row < size; row += 1) {
    let own = 0
    for (let k = starts[row] ?? 0, end = starts[row + 1] ?? 0; k < end; k += 1) {
      own = Math.max(own, (generation[edges[k] ?? 0] ?? 0) + 1)
    }
    generation[row] = own
    last = Math.max(last, own)
  }
  /** By generation: where its rows begin, and how far they are filled. */
  const begins = new Int32Array(last + 2)
  for (const own of generation) begins[own + 1] = (begins[own + 1] ?? 0) + 1
  for (let own = 0; own <= last; own += 1) begins[own + 1] = (begins[own + 1] ?? 0) + (begins[own] ?? 0)
  const filled = begins.slice()
  const rows = new Int32Array(size)
  for (let row = 0; row < size; row += 1) {
    const own = generation[row] ?? 0
    rows[filled[own] ?? 0] = row
    filled[own] = (filled[own] ?? 0) + 1
  }
  const rank = new Int32Array(size)
  for (let own = 0; own <= last; own += 1) {
    const [from, to] = [begins[own] ?? 0, begins[own + 1] ?? 0]
    if (to - from > 1) rows.subarray(from, to).sort((a, b) => compareAge(graph, a, b))
  }
  rows.forEach((row, place) => {
    rank[row] = place
  })
  return {rows, rank}
}
