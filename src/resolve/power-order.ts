import type {Judgement} from '../auth/judgement.ts'
import {Membership, type RoomGraph, Type} from '../graph/room-graph.ts'
import {compareCodePoints} from '../matrix/code-points.ts'
import type {PowerLevel} from '../matrix/power-levels.ts'
import type {Reading} from './auth-difference.ts'

/**
 * Whether the event can change what others may do: power levels, join rules, the create event, kicks and bans.
 *
 * @see https://spec.matrix.org/v1.19/rooms/v2/#definitions "Power events"
 */
export function isPowerEvent(graph: RoomGraph, row: number): boolean {
  const slot = graph.slot[row] ?? -1
  if (slot === graph.powerSlot || slot === graph.joinRulesSlot || slot === graph.createSlot) return slot >= 0
  if (graph.type[row] !== Type.Member) return false
  const membership = graph.membership[row]
  return (membership === Membership.Leave || membership === Membership.Ban) && graph.sender[row] !== graph.target[row]
}

/** Event among the auth events that stands in the slot; the first, if there are several. */
export function authEventIn(graph: RoomGraph, row: number, slot: number): number {
  if (slot < 0) return -1
  const {starts, edges} = graph.auth
  for (let k = starts[row] ?? 0, end = starts[row + 1] ?? 0; k < end; k += 1) {
    const event = edges[k] ?? -1
    if (graph.slot[event] === slot) return event
  }
  return -1
}

interface Node {
  readonly row: number
  readonly power: PowerLevel
  /** Auth events that have to come first and did not yet. */
  open: number
  readonly children: Node[]
}

/**
 * The reverse topological power ordering of the power events of the full conflicted set and of their auth ancestors in it.
 *
 * @param full - the full conflicted set
 * @see https://spec.matrix.org/v1.19/rooms/v2/#definitions "Reverse topological power ordering"
 */
export function powerOrder(judgement: Judgement, full: ReadonlySet<number>, reading: Reading): readonly number[] {
  const {graph} = judgement
  const parentsOf = reading === 'synapse' ? directParents(graph, full) : ancestorsWithin(graph, full)
  const nodes = new Map<number, Node>()
  const nodeOf = (row: number): Node => {
    const known = nodes.get(row)
    if (known !== undefined) return known
    const node: Node = {row, power: senderPower(judgement, row), open: 0, children: []}
    nodes.set(row, node)
    todo.push(node)
    return node
  }
  const todo: Node[] = []
  for (const row of full) if (isPowerEvent(graph, row)) nodeOf(row)
  for (let node = todo.pop(); node !== undefined; node = todo.pop()) {
    for (const parent of parentsOf(node.row)) {
      nodeOf(parent).children.push(node)
      node.open += 1
    }
  }
  return sortNodes(graph, [...nodes.values()])
}

function directParents(graph: RoomGraph, full: ReadonlySet<number>): (row: number) => Iterable<number> {
  return (row) => new Set(graph.authOf(row).filter((parent) => full.has(parent)))
}

function ancestorsWithin(graph: RoomGraph, full: ReadonlySet<number>): (row: number) => Iterable<number> {
  const oldest = Math.min(...full)
  return (row) => {
    const seen = new Set<number>()
    const stack = [row]
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      for (const parent of graph.authOf(next)) {
        // Rows are in topological order: below the oldest of the set there is nothing of it.
        if (parent < oldest || seen.has(parent)) continue
        seen.add(parent)
        stack.push(parent)
      }
    }
    return [...seen].filter((parent) => full.has(parent))
  }
}

/** Power of the event's sender by its own auth events. */
function senderPower(judgement: Judgement, row: number): PowerLevel {
  const {graph} = judgement
  const sender = graph.senderName(row)
  if (judgement.isCreatorAboveAll(sender)) return Infinity
  const levels = authEventIn(graph, row, graph.powerSlot)
  if (levels >= 0) return graph.powerLevels(levels).user(sender)
  const citesCreate = graph.rules.roomIdIsCreateHash || authEventIn(graph, row, graph.createSlot) >= 0
  return citesCreate && sender === judgement.creatorName ? 100 : 0
}

/** Greatest power first, then oldest, then smallest ID. Power that cannot be read sorts last. */
function compare(graph: RoomGraph, a: Node, b: Node): number {
  if (a.power > b.power) return -1
  if (a.power < b.power) return 1
  return compareAge(graph, a.row, b.row)
}

/** Oldest first, by the timestamps that the events claim; ties by ID. Total. */
export function compareAge(graph: RoomGraph, a: number, b: number): number {
  return (graph.ts[a] ?? 0) - (graph.ts[b] ?? 0) || compareCodePoints(graph.id(a), graph.id(b))
}

/** Kahn's algorithm; the least of the nodes that are ready comes next. */
function sortNodes(graph: RoomGraph, nodes: readonly Node[]): readonly number[] {
  const ready = nodes.filter(({open}) => open === 0).sort((a, b) => compare(graph, b, a))
  const sorted: number[] = []
  for (let node = ready.pop(); node !== undefined; node = ready.pop()) {
    sorted.push(node.row)
    for (const child of node.children) {
      child.open -= 1
      if (child.open === 0) insert(graph, ready, child)
    }
  }
  return sorted
}

/** Keeps the list sorted, the least last. */
function insert(graph: RoomGraph, ready: Node[], node: Node): void {
  let low = 0
  let high = ready.length
  while (low < high) {
    const middle = (low + high) >> 1
    const other = ready[middle]
    if (other !== undefined && compare(graph, other, node) > 0) low = middle + 1
    else high = middle
  }
  ready.splice(low, 0, node)
}
