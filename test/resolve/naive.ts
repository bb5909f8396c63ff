/** Plain implementations of what `src/resolve` does fast: as the spec words it, with sets. */
import {type RoomGraph} from '../../src/graph/room-graph.ts'
import type {Reading} from '../../src/resolve/auth-difference.ts'

export function authChain(graph: RoomGraph, row: number): ReadonlySet<number> {
  const chain = new Set<number>()
  const todo = [row]
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    for (const parent of graph.authOf(next)) {
      if (chain.has(parent)) continue
      chain.add(parent)
      todo.push(parent)
    }
  }
  return chain
}

/** The union of the full auth chains of all events of a state; Synapse counts the events themselves. */
function fullChain(graph: RoomGraph, state: readonly number[], reading: Reading): ReadonlySet<number> {
  const chain = new Set(reading === 'synapse' ? state : [])
  for (const row of state) for (const ancestor of authChain(graph, row)) chain.add(ancestor)
  return chain
}

/** Events that are in the chains of some of the states, not of all. */
export function authDifference(
  graph: RoomGraph,
  states: readonly (readonly number[])[],
  reading: Reading,
): ReadonlySet<number> {
  const chains = states.map((state) => fullChain(graph, state, reading))
  const union = new Set(chains.flatMap((chain) => [...chain]))
  return new Set([...union].filter((row) => !chains.every((chain) => chain.has(row))))
}

function powerLevelsOf(graph: RoomGraph, row: number): number | undefined {
  return graph.authOf(row).find((parent) => graph.slot[parent] === graph.powerSlot && graph.powerSlot >= 0)
}

/** The power levels, those that they cite, and so on. */
function mainlineFrom(graph: RoomGraph, power: number): readonly number[] {
  const mainline: number[] = []
  for (let at: number | undefined = power; at !== undefined && at >= 0; at = powerLevelsOf(graph, at)) mainline.push(at)
  return mainline
}

/** The mainline ordering, position by position. */
export function mainlineSort(graph: RoomGraph, rows: readonly number[], power: number): readonly number[] {
  const mainline = mainlineFrom(graph, power)
  const position = (row: number): number => {
    for (let at = powerLevelsOf(graph, row); at !== undefined; at = powerLevelsOf(graph, at)) {
      const index = mainline.indexOf(at)
      if (index >= 0) return index
    }
    return Infinity
  }
  const bytes = (row: number): Buffer => Buffer.from(graph.id(row), 'utf8')
  return [...rows].sort((a, b) => {
    const [x, y] = [position(a), position(b)]
    if (x !== y) return x > y ? -1 : 1
    return (graph.ts[a] ?? 0) - (graph.ts[b] ?? 0) || Buffer.compare(bytes(a), bytes(b))
  })
}
