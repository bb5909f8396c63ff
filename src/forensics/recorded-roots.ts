import {Flag, type RoomGraph, slotKey} from '../graph/room-graph.ts'
import {ABSENT, EMPTY_STATE, type StateRoot, type StateTrie} from '../resolve/state-trie.ts'
import type {RecordedStates, ToldSlot} from './server-view.ts'

/**
 * Numbers for the events that servers name. An event that can be replayed has the row of the graph; one that the graph lacks, or has only as
 * cited, has a number from `graph.size` on, so that a state in the trie can hold it. One for all servers of a room: equal IDs, equal numbers.
 */
export class ToldRows {
  readonly #graph: RoomGraph
  readonly #numbers = new Map<string, number>()
  readonly #ids: string[] = []

  constructor(graph: RoomGraph) {
    this.#graph = graph
  }

  row(eventId: string): number {
    const row = this.#graph.row(eventId)
    if (row >= 0 && !this.#graph.has(row, Flag.Missing)) return row
    const known = this.#numbers.get(eventId)
    if (known !== undefined) return known
    const number = this.#graph.size + this.#ids.length
    this.#numbers.set(eventId, number)
    this.#ids.push(eventId)
    return number
  }

  /** Whether the event itself is here. */
  isHere(row: number): boolean {
    return row >= 0 && row < this.#graph.size
  }

  idOf(row: number): string {
    return row < this.#graph.size ? this.#graph.id(row) : (this.#ids[row - this.#graph.size] ?? raise(row))
  }

  /** Events that were named and are not here, in the order in which they were met. */
  get strangers(): readonly string[] {
    return this.#ids
  }
}

/** A told state as a root of the replay's trie, with what has no place there. */
export interface ToldRoot {
  readonly root: StateRoot
  /** In slots that no event of the graph has; by `slotKey`. */
  readonly beside: ReadonlyMap<string, Required<ToldSlot>>
  /** Event IDs of which nobody tells the slot. */
  readonly unknown: readonly string[]
  /** Event IDs without a slot, of events that are here and are no state events: they stand in no slot. */
  readonly misplaced: readonly string[]
  /** Event IDs that were told for a slot that has another event already: the later one stands. */
  readonly twice: readonly string[]
}

const NOTHING_BESIDE: ReadonlyMap<string, Required<ToldSlot>> = new Map()

interface GroupRoot {
  readonly root: StateRoot
  /** Slots of the graph that hold an event. */
  readonly size: number
  readonly beside: ReadonlyMap<string, Required<ToldSlot>>
}

const NO_GROUP: GroupRoot = {root: EMPTY_STATE, size: 0, beside: NOTHING_BESIDE}

/**
 * The states that one server told or recorded, as roots of a replay's trie, so that they are compared with the replay's own in the time of
 * what differs. Slots are known by (type, state_key), events by `ToldRows`.
 */
export class RecordedRoots {
  readonly rows: ToldRows
  readonly #graph: RoomGraph
  readonly #trie: StateTrie
  readonly #recorded: RecordedStates | null
  /** By group; `null`: something that it is made from is not here, or it is made from itself. */
  readonly #groups = new Map<number, GroupRoot | null>()
  readonly #places = new Map<Required<ToldSlot>, number>()
  #last: GroupRoot = NO_GROUP

  /** @param recorded - `null` for a server that told single states only */
  constructor(
    graph: RoomGraph,
    trie: StateTrie,
    recorded: RecordedStates | null,
    rows: ToldRows = new ToldRows(graph),
  ) {
    this.#graph = graph
    this.#trie = trie
    this.#recorded = recorded
    this.rows = rows
  }

  /** The recorded state before the event; `null` where it is not told, or a group that it is made from is not here. */
  before(eventId: string): StateRoot | null {
    return this.#at(eventId, 'before')?.root ?? null
  }

  /** The recorded state after the event; `null` as for `before`. */
  after(eventId: string): StateRoot | null {
    return this.#at(eventId, 'after')?.root ?? null
  }

  /** What the recorded state holds in slots that no event of the graph has. */
  beside(eventId: string, side: 'before' | 'after'): ReadonlyMap<string, Required<ToldSlot>> {
    return this.#at(eventId, side)?.beside ?? NOTHING_BESIDE
  }

  /**
   * A state group; `null` as for `before`.
   *
   * @param near - a state that it is likely to be equal to, or nearly so
   */
  rootOfGroup(group: number, near?: StateRoot): {readonly root: StateRoot; readonly beside: ToldRoot['beside']} | null {
    const known = this.#groups.get(group)
    if (known !== undefined) return known
    if (near !== undefined && this.#recorded?.group(group)?.base === null) {
      this.#last = {root: near, size: this.#sizeOf(near), beside: NOTHING_BESIDE}
    }
    return this.#group(group)
  }

  /** Event ID of a row in one of the roots. */
  idOf(row: number): string {
    return this.rows.idOf(row)
  }

  /**
   * Takes another root of an equal state for the group. Groups made from it then share the nodes of that root, so that comparing them with
   * states made from that root costs only what differs: done along a replay, a scan of all states costs what the events change.
   */
  adoptForGroup(group: number, root: StateRoot): void {
    const known = this.#groups.get(group)
    if (known === null || known === undefined) return
    this.#groups.set(group, {...known, root})
    if (this.#last.root === known.root) this.#last = {...this.#last, root}
  }

  /** A list as `/state_ids` gives it: type and state key are looked up in the graph where they are not told. */
  rootOfTold(slots: readonly ToldSlot[]): ToldRoot {
    const beside = new Map<string, Required<ToldSlot>>()
    const unknown: string[] = []
    const misplaced: string[] = []
    const twice: string[] = []
    let root: StateRoot = EMPTY_STATE
    for (const {eventId, type, stateKey} of slots) {
      const row = this.rows.row(eventId)
      if (type !== undefined && stateKey !== undefined) {
        const slot = this.#graph.slotOf(type, stateKey)
        if (slot < 0) {
          const key = slotKey(type, stateKey)
          if (beside.has(key) && beside.get(key)?.eventId !== eventId) twice.push(eventId)
          beside.set(key, {eventId, type, stateKey})
          continue
        }
        root = this.#put(root, slot, row, twice)
        continue
      }
      const isHere = this.rows.isHere(row)
      const slot = isHere ? (this.#graph.slot[row] ?? -1) : -1
      if (slot < 0) (isHere ? misplaced : unknown).push(eventId)
      else root = this.#put(root, slot, row, twice)
    }
    return {root, beside, unknown, misplaced, twice}
  }

  #put(root: StateRoot, slot: number, row: number, twice: string[]): StateRoot {
    const other = this.#trie.get(root, slot)
    if (other >= 0 && other !== row) twice.push(this.idOf(row))
    return this.#trie.set(root, slot, row)
  }

  #at(eventId: string, side: 'before' | 'after'): GroupRoot | null {
    const group = this.#recorded?.around(eventId)?.[side]
    return group === null || group === undefined ? null : this.#group(group)
  }

  /** Down to a group that is known or needs none, then up again: chains may be longer than the stack. */
  #group(group: number): GroupRoot | null {
    const known = this.#groups.get(group)
    if (known !== undefined) return known
    const chain: number[] = []
    const inChain = new Set<number>()
    let base: GroupRoot | null | undefined
    for (let at: number | null = group; ;) {
      if (at === null) {
        base = NO_GROUP
        break
      }
      base = this.#groups.get(at)
      if (base !== undefined) break
      const next: {readonly base: number | null} | undefined = inChain.has(at) ? undefined : this.#recorded?.group(at)
      if (next === undefined) {
        base = null
        break
      }
      chain.push(at)
      inChain.add(at)
      at = next.base
    }
    for (const step of chain.reverse()) {
      base = base === null ? null : this.#on(base, step)
      this.#groups.set(step, base)
    }
    return base
  }

  #on(base: GroupRoot, group: number): GroupRoot {
    const {base: from, slots} = this.#recorded?.group(group) ?? {base: null, slots: []}
    // A group that is stored whole is mostly like the one before it: made from that, it shares its nodes.
    const {root: start, size: before} = from === null ? this.#last : base
    let root = start
    let size = before
    let listed = 0
    let beside: Map<string, Required<ToldSlot>> | null = null
    for (const told of slots) {
      const place = this.#placeOf(told)
      if (place < 0) {
        beside ??= new Map(base.beside)
        beside.set(slotKey(told.type, told.stateKey), told)
        continue
      }
      const slot = Math.floor(place / SHIFT)
      const row = place % SHIFT
      const old = this.#trie.get(root, slot)
      listed += 1
      if (old === row) continue
      if (old === ABSENT) size += 1
      root = this.#trie.set(root, slot, row)
    }
    if (from === null && size !== listed) {
      root = this.#only(root, slots)
      size = this.#sizeOf(root)
    }
    this.#last = {root, size, beside: beside ?? base.beside}
    return this.#last
  }

  /** Slot and row in one number; negative: no event of the graph has the slot. The same objects come again and again. */
  #placeOf(told: Required<ToldSlot>): number {
    const known = this.#places.get(told)
    if (known !== undefined) return known
    const row = this.rows.row(told.eventId)
    const slot = this.#slotOf(row, told)
    const place = slot < 0 ? -1 : slot * SHIFT + row
    this.#places.set(told, place)
    return place
  }

  /** Mostly the event's own, which is sooner compared than looked up. */
  #slotOf(row: number, {type, stateKey}: Required<ToldSlot>): number {
    const own = this.rows.isHere(row) ? (this.#graph.slot[row] ?? -1) : -1
    if (own >= 0) {
      const slot = this.#graph.slotAt(own)
      if (slot.stateKey === stateKey && slot.type === type) return own
    }
    return this.#graph.slotOf(type, stateKey)
  }

  /** Without what the slots do not list. */
  #only(root: StateRoot, slots: readonly Required<ToldSlot>[]): StateRoot {
    const listed = new Set(slots.map((told) => Math.floor(this.#placeOf(told) / SHIFT)))
    const others: number[] = []
    this.#trie.forEach(root, (slot) => {
      if (!listed.has(slot)) others.push(slot)
    })
    return others.reduce((made, slot) => this.#trie.set(made, slot, ABSENT), root)
  }

  #sizeOf(root: StateRoot): number {
    let size = 0
    this.#trie.forEach(root, () => (size += 1))
    return size
  }
}

/** Rows are smaller. */
const SHIFT = 2 ** 31

function raise(row: number): never {
  throw new RangeError(`no event has number ${String(row)}`)
}
