import type {Judgement} from '../auth/judgement.ts'
import {Membership, type RoomGraph, Type} from '../graph/room-graph.ts'
import {compareCodePoints} from '../matrix/code-points.ts'
import {isMalformed, type PowerLevel} from '../matrix/power-levels.ts'
import type {Reading} from './auth-difference.ts'
import {RowSet} from './row-set.ts'

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

/** Power that cannot be read sorts last; -Infinity compares, NaN would not. */
const UNREADABLE = -Infinity

/**
 * The reverse topological power ordering of the power events of a full conflicted set and of their auth ancestors in it: events after
 * their auth events; among those that could come next the sender with the greatest power, then the oldest, then the smallest ID.
 *
 * @see https://spec.matrix.org/v1.19/rooms/v2/#definitions "Reverse topological power ordering"
 * @remarks O(events in the set log of them) plus their auth events; buffers are kept, one object a replay.
 */
export class PowerOrder {
  readonly #judgement: Judgement
  readonly #graph: RoomGraph
  readonly #chosen: RowSet
  /** By row: auth events in the set that did not come yet. */
  readonly #open: Int32Array
  /** By row: first entry of its list of dependants, or -1. Entries: the dependant, and the next entry. */
  readonly #firstDependant: Int32Array
  readonly #dependants: number[] = []
  readonly #power = new Map<number, PowerLevel>()
  readonly #ready: number[] = []

  constructor(judgement: Judgement) {
    const {graph} = judgement
    this.#judgement = judgement
    this.#graph = graph
    this.#chosen = new RowSet(graph.size)
    this.#open = new Int32Array(graph.size)
    this.#firstDependant = new Int32Array(graph.size)
  }

  /** A fresh list of rows. `full` is the full conflicted set. */
  sort(full: RowSet, reading: Reading): readonly number[] {
    const chosen = this.#chosen
    chosen.clear()
    this.#dependants.length = 0
    for (const row of full.rows) if (isPowerEvent(this.#graph, row)) this.#choose(row)
    // The list grows while it is walked: auth events of power events are taken in, and theirs.
    const oldest = reading === 'spec' ? full.rows.reduce((least, row) => Math.min(least, row), Infinity) : 0
    for (const row of chosen.rows) {
      if (reading === 'synapse') this.#dependOnParents(row, full)
      else for (const ancestor of ancestors(this.#graph, row, oldest)) this.#dependOn(row, ancestor, full)
    }
    return this.#emit()
  }

  #choose(row: number): void {
    if (!this.#chosen.add(row)) return
    this.#open[row] = 0
    this.#firstDependant[row] = -1
  }

  #dependOnParents(row: number, full: RowSet): void {
    const {starts, edges} = this.#graph.auth
    for (let k = starts[row] ?? 0, end = starts[row + 1] ?? 0; k < end; k += 1) this.#dependOn(row, edges[k] ?? 0, full)
  }

  #dependOn(row: number, parent: number, full: RowSet): void {
    if (!full.has(parent)) return
    this.#choose(parent)
    this.#open[row] = (this.#open[row] ?? 0) + 1
    const entry = this.#dependants.length
    this.#dependants.push(row, this.#firstDependant[parent] ?? -1)
    this.#firstDependant[parent] = entry
  }

  /** Kahn's algorithm. `ready` is sorted, what comes next last. */
  #emit(): readonly number[] {
    const ready = this.#ready
    ready.length = 0
    for (const row of this.#chosen.rows) if (this.#open[row] === 0) ready.push(row)
    ready.sort((a, b) => this.#compare(b, a))
    const sorted: number[] = []
    for (let row = ready.pop(); row !== undefined; row = ready.pop()) {
      sorted.push(row)
      for (let entry = this.#firstDependant[row] ?? -1; entry >= 0; entry = this.#dependants[entry + 1] ?? -1) {
        const dependant = this.#dependants[entry] ?? 0
        const open = (this.#open[dependant] ?? 0) - 1
        this.#open[dependant] = open
        if (open === 0) this.#insert(dependant)
      }
    }
    return sorted
  }

  #insert(row: number): void {
    const ready = this.#ready
    let low = 0
    let high = ready.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#compare(ready[middle] ?? 0, row) > 0) low = middle + 1
      else high = middle
    }
    ready.splice(low, 0, row)
  }

  #compare(a: number, b: number): number {
    const x = this.powerOf(a)
    const y = this.powerOf(b)
    if (x > y) return -1
    if (x < y) return 1
    return compareAge(this.#graph, a, b)
  }

  /** Power of the event's sender by its own auth events; -Infinity where it cannot be read. */
  powerOf(row: number): PowerLevel {
    const known = this.#power.get(row)
    if (known !== undefined) return known
    const level = senderPower(this.#judgement, row)
    const power = isMalformed(level) ? UNREADABLE : level
    this.#power.set(row, power)
    return power
  }
}

/** Rows are in topological order: below the oldest of the set there is nothing of it. */
function ancestors(graph: RoomGraph, row: number, oldest: number): Iterable<number> {
  const seen = new Set<number>()
  const stack = [row]
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    for (const parent of graph.authOf(next)) {
      if (parent < oldest || seen.has(parent)) continue
      seen.add(parent)
      stack.push(parent)
    }
  }
  return seen
}

function senderPower(judgement: Judgement, row: number): PowerLevel {
  const {graph} = judgement
  const sender = graph.senderName(row)
  if (judgement.isCreatorAboveAll(sender)) return Infinity
  const levels = authEventIn(graph, row, graph.powerSlot)
  if (levels >= 0) return graph.powerLevels(levels).user(sender)
  const citesCreate = graph.rules.roomIdIsCreateHash || authEventIn(graph, row, graph.createSlot) >= 0
  return citesCreate && sender === judgement.creatorName ? 100 : 0
}

/** Oldest first, by the timestamps that the events claim; ties by ID. Total. */
export function compareAge(graph: RoomGraph, a: number, b: number): number {
  return (graph.ts[a] ?? 0) - (graph.ts[b] ?? 0) || compareCodePoints(graph.id(a), graph.id(b))
}
