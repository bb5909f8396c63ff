import type {RoomGraph} from '../../graph/room-graph.ts'

/** The auth chain of an event: all that it relies on, by its auth events and theirs. */
export interface AuthChain {
  /** Without the event itself, the newest first. */
  readonly rows: readonly number[]
  /**
   * From an event of the chain, or the event itself, to an auth event. Where the chain is not too long, only to those that no other of its auth
   * events relies on: what is left says the same, and can be read.
   */
  readonly links: readonly (readonly [from: number, to: number])[]
}

/** Longest chain of which links are left out: it costs a bit for each two events. */
const REDUCED = 4000

/** @remarks O(events and auth edges of the chain), beside leaving out links. */
export function authChainOf(graph: RoomGraph, row: number): AuthChain {
  const found = new Set<number>()
  const stack = [row]
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    for (const parent of graph.authOf(next)) {
      if (found.has(parent)) continue
      found.add(parent)
      stack.push(parent)
    }
  }
  const rows = [...found].sort((a, b) => b - a)
  return {rows, links: rows.length > REDUCED ? allLinks(graph, [row, ...rows]) : fewestLinks(graph, [row, ...rows])}
}

function allLinks(graph: RoomGraph, rows: readonly number[]): AuthChain['links'] {
  return rows.flatMap((from) => [...new Set(graph.authOf(from))].map((to) => [from, to] as const))
}

/** The transitive reduction. Rows are in topological order: an auth event has a smaller one. */
function fewestLinks(graph: RoomGraph, rows: readonly number[]): AuthChain['links'] {
  const oldestFirst = [...rows].sort((a, b) => a - b)
  const place = new Map(oldestFirst.map((row, index) => [row, index]))
  const words = Math.ceil(oldestFirst.length / 32)
  /** By place: a bit for each event of its own chain. */
  const behind: Uint32Array[] = []
  const links: (readonly [number, number])[] = []
  for (const from of oldestFirst) {
    const own = new Uint32Array(words)
    // The newest first: what an auth event relies on is older than it.
    for (const to of [...new Set(graph.authOf(from))].sort((a, b) => b - a)) {
      const at = place.get(to) ?? 0
      const [word, bit] = [at >>> 5, 1 << (at & 31)]
      if (((own[word] ?? 0) & bit) !== 0) continue
      links.push([from, to])
      behind[at]?.forEach((bits, index) => {
        own[index] = (own[index] ?? 0) | bits
      })
      own[word] = (own[word] ?? 0) | bit
    }
    behind.push(own)
  }
  return links
}
