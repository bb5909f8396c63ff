import {compareCodePoints} from '../matrix/code-points.ts'
import {type EventId, isUserId, serverNameOf} from '../matrix/ids.ts'
import {isObject, type JsonObject, own} from '../matrix/json.ts'
import type {FormatFault, Pdu} from '../matrix/pdu.ts'
import type {RoomVersionRules} from '../matrix/room-version.ts'
import {Arrivals, type Column} from './arrivals.ts'
import {IntList, Interner} from './interner.ts'
import {FIXED_TYPES, Flag, Membership, RoomGraph, type Slot, slotKey, Type} from './room-graph.ts'
import {type Adjacency, topologicalOrder} from './topological-order.ts'

const MEMBERSHIPS: ReadonlyMap<string, number> = new Map([
  ['join', Membership.Join],
  ['invite', Membership.Invite],
  ['leave', Membership.Leave],
  ['ban', Membership.Ban],
  ['knock', Membership.Knock],
])

/** What became of an event that was given to the builder. */
export type Added = 'added' | 'duplicate' | 'different-copy'

/** What the builder keeps of an event beside its integers, until the graph is made. */
interface Extra {
  content?: JsonObject
  exactDepth?: bigint
  redacts?: string
  authoriser?: number
  token?: string
  hasRoomId?: true
  fault?: FormatFault
}

/**
 * Collects events in any order and makes a `RoomGraph` of them.
 *
 * @remarks Keeps integers, event IDs, and the content of state events; PDUs can be dropped once added.
 */
export class RoomBuilder {
  readonly #rules: RoomVersionRules
  readonly #ids = new Interner()
  readonly #types = new Interner()
  readonly #users = new Interner()
  readonly #slots = new Interner()
  readonly #slotList: Slot[] = []
  readonly #rooms = new Interner()
  readonly #arrivals = new Arrivals()
  readonly #prev = new IntList()
  readonly #auth = new IntList()
  readonly #extra = new Map<number, Extra>()
  /** By number of an ID: the event's place among the arrivals; -1: only cited. */
  readonly #placeOfId = new IntList()

  constructor(rules: RoomVersionRules) {
    this.#rules = rules
    for (const type of FIXED_TYPES) this.#types.intern(type)
  }

  /** Events added so far. */
  get size(): number {
    return this.#arrivals.size
  }

  /** Room IDs seen so far, in order of first sight. */
  get roomIds(): readonly string[] {
    return this.#rooms.strings
  }

  /**
   * The same event again is fine. An event that differs under an ID that is known is not taken: the first one stays, unless it is a
   * redacted copy of this one. So a whole copy counts wherever it stands.
   */
  add(pdu: Pdu, line: number): Added {
    const id = this.#numberOf(pdu.eventId)
    const known = this.#placeOfId.at(id)
    if (known >= 0) return this.#addCopy(known, pdu)
    const arrivals = this.#arrivals
    const place = arrivals.next()
    this.#placeOfId.set(id, place)
    const {stateKey} = pdu
    const type = this.#types.intern(pdu.type)
    const isMember = type === Type.Member
    arrivals.id[place] = id
    arrivals.line[place] = line
    arrivals.room[place] = this.#rooms.intern(pdu.roomId)
    arrivals.type[place] = type
    arrivals.sender[place] = this.#users.intern(pdu.sender)
    arrivals.slot[place] = stateKey === undefined ? -1 : this.#internSlot(pdu.type, stateKey)
    arrivals.target[place] = isMember && stateKey !== undefined ? this.#users.intern(stateKey) : -1
    arrivals.membership[place] = isMember ? membershipOf(pdu.content) : Membership.None
    arrivals.ts[place] = pdu.originServerTs
    arrivals.depth[place] = Number(pdu.depth)
    for (const parent of pdu.prevEvents) this.#prev.push(this.#numberOf(parent))
    arrivals.prevStarts[place + 1] = this.#prev.length
    for (const parent of pdu.authEvents) this.#auth.push(this.#numberOf(parent))
    arrivals.authStarts[place + 1] = this.#auth.length
    arrivals.flags[place] = this.#keepExtra(place, pdu, type)
    return 'added'
  }

  #addCopy(place: number, pdu: Pdu): Added {
    if (this.#isSame(place, pdu)) return 'duplicate'
    const {flags, type} = this.#arrivals
    // Where the ID is a hash, equal IDs leave only what redaction takes away to differ.
    const isHash = this.#rules.eventIdFormat !== 'server-assigned'
    if (isHash && pdu.contentHashOk === true && ((flags[place] ?? 0) & Flag.Redacted) !== 0) {
      flags[place] = this.#keepExtra(place, pdu, type[place] ?? -1)
    }
    // Which of two is the event under a made-up ID, nobody can tell.
    if (!isHash || pdu.signers === null) flags[place] = (flags[place] ?? 0) | Flag.Ambiguous
    return 'different-copy'
  }

  #numberOf(id: string): number {
    const number = this.#ids.intern(id)
    if (number === this.#placeOfId.length) this.#placeOfId.push(-1)
    return number
  }

  /** What only some events have. Returns the event's flags. */
  #keepExtra(place: number, pdu: Pdu, type: number): number {
    const isState = pdu.stateKey !== undefined
    let flags = isState ? Flag.State : 0
    if (isState || type === Type.PowerLevels || type === Type.Member) this.#extraOf(place).content = pdu.content
    if (type === Type.Create && this.#rules.roomIdIsCreateHash && pdu.roomId !== `!${pdu.eventId.slice(1)}`) {
      this.#extraOf(place).hasRoomId = true
    }
    if (typeof pdu.depth === 'bigint') this.#extraOf(place).exactDepth = pdu.depth
    if (typeof pdu.redacts === 'string') this.#extraOf(place).redacts = pdu.redacts
    if (pdu.contentHashOk === false) flags |= Flag.Redacted
    if (pdu.fault !== null) {
      flags |= Flag.Faulty
      this.#extraOf(place).fault = pdu.fault
    }
    if (type === Type.Member) flags |= this.#keepMember(this.#extraOf(place), pdu)
    return flags
  }

  #extraOf(place: number): Extra {
    const known = this.#extra.get(place)
    if (known !== undefined) return known
    const extra: Extra = {}
    this.#extra.set(place, extra)
    return extra
  }

  #keepMember(extra: Extra, pdu: Pdu): number {
    const membership = own(pdu.content, 'membership')
    const authoriser = own(pdu.content, 'join_authorised_via_users_server')
    let flags = 0
    if (this.#rules.restricted && membership === 'join' && authoriser !== undefined) {
      if (typeof authoriser === 'string') extra.authoriser = this.#users.intern(authoriser)
      const signed = isUserId(authoriser) && (pdu.signers?.includes(serverNameOf(authoriser)) ?? true)
      if (!signed) flags |= Flag.AuthoriserUnsigned
    }
    if (membership === 'invite' && Object.hasOwn(pdu.content, 'third_party_invite')) {
      const invite = own(pdu.content, 'third_party_invite')
      const signed = isObject(invite) ? own(invite, 'signed') : undefined
      const token = isObject(signed) ? own(signed, 'token') : undefined
      if (typeof token === 'string') extra.token = token
      else flags |= Flag.TokenUnreadable
    }
    return flags
  }

  #internSlot(type: string, stateKey: string): number {
    const slot = this.#slots.intern(slotKey(type, stateKey))
    if (slot === this.#slotList.length) this.#slotList.push({type, stateKey})
    return slot
  }

  /** Line of the first event of a room that no event of another room cites; `null` when all are cited. */
  firstUncited(roomId: string): number | null {
    const room = this.#rooms.find(roomId)
    const arrivals = this.#arrivals
    const auth = this.#auth.view()
    const cited = new Set<number>()
    for (let place = 0; place < this.size; place += 1) {
      if (arrivals.room[place] === room) continue
      for (let k = arrivals.authStarts[place] ?? 0, end = arrivals.authStarts[place + 1] ?? 0; k < end; k += 1)
        cited.add(auth[k] ?? -1)
    }
    for (let place = 0; place < this.size; place += 1) {
      if (arrivals.room[place] === room && !cited.has(arrivals.id[place] ?? -1)) return arrivals.line[place] ?? null
    }
    return null
  }

  /** Compared by what the rules and the resolution read. */
  #isSame(place: number, pdu: Pdu): boolean {
    const arrivals = this.#arrivals
    const cites = (starts: Int32Array, list: IntList, ids: readonly string[]): boolean => {
      const known = list.view().subarray(starts[place], starts[place + 1])
      return known.length === ids.length && known.every((id, k) => this.#ids.at(id) === ids[k])
    }
    const content = this.#extra.get(place)?.content
    return (
      this.#types.at(arrivals.type[place] ?? -1) === pdu.type &&
      this.#users.at(arrivals.sender[place] ?? -1) === pdu.sender &&
      this.#rooms.at(arrivals.room[place] ?? -1) === pdu.roomId &&
      arrivals.ts[place] === pdu.originServerTs &&
      arrivals.depth[place] === Number(pdu.depth) &&
      arrivals.slot[place] === (pdu.stateKey === undefined ? -1 : this.#slots.find(slotKey(pdu.type, pdu.stateKey))) &&
      cites(arrivals.prevStarts, this.#prev, pdu.prevEvents) &&
      cites(arrivals.authStarts, this.#auth, pdu.authEvents) &&
      (content === undefined || isSameJson(content, pdu.content))
    )
  }

  /**
   * The room as a graph.
   *
   * @param roomId - whose events count as the room's own; those of other rooms are only there to be cited
   * @param create - ID of the room's create event, or `null` when there is none
   * @remarks O(events + edges + slots log slots); a dump that has each event once, parents first, is taken as it is. The builder must
   * not be used afterwards.
   */
  finish(roomId: string, create: EventId | null): RoomGraph {
    const arrivals = this.#arrivals
    const total = this.#ids.size
    const byId = {prev: this.#byId(arrivals.prevStarts, this.#prev), auth: this.#byId(arrivals.authStarts, this.#auth)}
    const {order, cyclic} = topologicalOrder(total, [byId.prev, byId.auth])
    const rowOf = new Int32Array(total)
    for (let row = 0; row < total; row += 1) rowOf[order[row] ?? 0] = row
    /** By row: the event's place among the arrivals, or -1. */
    const places = new Int32Array(total)
    for (let row = 0; row < total; row += 1) places[row] = this.#placeOfId.at(order[row] ?? 0)
    const column = <T extends Column>(values: T, absent: number): T => inOrder(values, places, absent)
    const slotOrder = this.#sortSlots()
    const slots = Array.from(slotOrder.sorted, (slot) => this.#slotList[slot] ?? {type: '', stateKey: ''})
    const slotIndex = new Map(slots.map((slot, index) => [slotKey(slot.type, slot.stateKey), index]))
    const slot = column(arrivals.slot, -1)
    for (let row = 0; row < total; row += 1) {
      const first = slot[row] ?? -1
      if (first >= 0) slot[row] = slotOrder.rank[first] ?? -1
    }
    const memberSlot = new Int32Array(this.#users.size)
    this.#users.strings.forEach((user, index) => {
      memberSlot[index] = slotIndex.get(slotKey('m.room.member', user)) ?? -1
    })
    return new RoomGraph({
      rules: this.#rules,
      roomId,
      ids: isIdentity(order)
        ? (this.#ids.strings as EventId[])
        : Array.from(order, (id) => this.#ids.at(id) as EventId),
      line: column(arrivals.line, 0),
      flags: this.#flags(column(arrivals.flags, Flag.Missing), column(arrivals.room, -1), roomId, order, cyclic),
      type: column(arrivals.type, -1),
      slot,
      sender: column(arrivals.sender, -1),
      target: column(arrivals.target, -1),
      membership: column(arrivals.membership, Membership.None),
      originServerTs: column(arrivals.ts, 0),
      depth: column(arrivals.depth, 0),
      prev: permute(byId.prev, order, rowOf),
      auth: permute(byId.auth, order, rowOf),
      types: this.#types,
      users: this.#users,
      slots,
      memberSlot,
      slotIndex,
      create: create === null ? -1 : (rowOf[this.#ids.find(create)] ?? -1),
      ...this.#extras(rowOf, slotIndex),
    })
  }

  /** Adds what is known only when all events are. Events that are only cited count as the room's own. */
  #flags(
    flags: Uint16Array,
    rooms: Int32Array,
    roomId: string,
    order: Int32Array,
    cyclic: ReadonlySet<number>,
  ): Uint16Array {
    const home = this.#rooms.find(roomId)
    for (let row = 0; row < flags.length; row += 1) {
      const room = rooms[row] ?? -1
      if (room !== home && room >= 0) flags[row] = (flags[row] ?? 0) | Flag.Foreign
      if (cyclic.size > 0 && cyclic.has(order[row] ?? 0)) flags[row] = (flags[row] ?? 0) | Flag.Cyclic
    }
    return flags
  }

  /** Parents by number of the ID, which also counts events that are only cited. */
  #byId(starts: Int32Array, list: IntList): Adjacency {
    const total = this.#ids.size
    const edges = list.view()
    const places = this.#placeOfId.view()
    if (isIdentity(places)) return {starts: starts.subarray(0, total + 1), edges}
    const result = {starts: new Int32Array(total + 1), edges: new Int32Array(edges.length)}
    let count = 0
    for (let id = 0; id < total; id += 1) {
      result.starts[id] = count
      const place = places[id] ?? -1
      if (place < 0) continue
      for (let k = starts[place] ?? 0, end = starts[place + 1] ?? 0; k < end; k += 1) {
        result.edges[count] = edges[k] ?? 0
        count += 1
      }
    }
    result.starts[total] = count
    return result
  }

  /** Slots in the order of the UTF-8 bytes of type, NUL, state key: the order in which a state's digest reads them. */
  #sortSlots(): {readonly sorted: Int32Array; readonly rank: Int32Array} {
    const list = this.#slotList
    const sorted = Int32Array.from(list.keys()).sort((a, b) => {
      const [x, y] = [list[a], list[b]]
      if (x === undefined || y === undefined) return 0
      return x.type === y.type
        ? compareCodePoints(x.stateKey, y.stateKey)
        : compareCodePoints(`${x.type}\0`, `${y.type}\0`)
    })
    const rank = new Int32Array(list.length)
    sorted.forEach((slot, index) => {
      rank[slot] = index
    })
    return {sorted, rank}
  }

  #extras(rowOf: Int32Array, slotIndex: ReadonlyMap<string, number>) {
    const content = new Map<number, JsonObject>()
    const exactDepth = new Map<number, bigint>()
    const redacts = new Map<number, string>()
    const authoriser = new Map<number, number>()
    const thirdPartySlot = new Map<number, number>()
    const faults = new Map<number, FormatFault>()
    const createsWithRoomId = new Set<number>()
    for (const [place, extra] of this.#extra) {
      const row = rowOf[this.#arrivals.id[place] ?? 0] ?? 0
      if (extra.content !== undefined) content.set(row, extra.content)
      if (extra.exactDepth !== undefined) exactDepth.set(row, extra.exactDepth)
      if (extra.redacts !== undefined) redacts.set(row, extra.redacts)
      if (extra.authoriser !== undefined) authoriser.set(row, extra.authoriser)
      if (extra.fault !== undefined) faults.set(row, extra.fault)
      if (extra.hasRoomId === true) createsWithRoomId.add(row)
      if (extra.token !== undefined) {
        thirdPartySlot.set(row, slotIndex.get(slotKey('m.room.third_party_invite', extra.token)) ?? -1)
      }
    }
    return {content, exactDepth, redacts, authoriser, thirdPartySlot, faults, createsWithRoomId}
  }
}

function membershipOf(content: JsonObject): number {
  const membership = own(content, 'membership')
  if (membership === undefined) return Membership.None
  return typeof membership === 'string' ? (MEMBERSHIPS.get(membership) ?? Membership.Other) : Membership.Other
}

function isIdentity(order: Int32Array): boolean {
  for (let row = 0; row < order.length; row += 1) if (order[row] !== row) return false
  return true
}

/** The values by row; those of the list itself when they are in order already. */
function inOrder<T extends Column>(values: T, places: Int32Array, absent: number): T {
  if (isIdentity(places)) return values.subarray(0, places.length) as T
  const result = new (values.constructor as new (length: number) => T)(places.length)
  for (let row = 0; row < places.length; row += 1) {
    const place = places[row] ?? -1
    result[row] = place < 0 ? absent : (values[place] ?? absent)
  }
  return result
}

function isSameJson(a: JsonObject, b: JsonObject): boolean {
  try {
    return JSON.stringify(a) === JSON.stringify(b)
  } catch (error) {
    // Nested deeper than the stack: no server takes either, whatever differs.
    if (error instanceof RangeError) return true
    throw error
  }
}

/** Duplicate citations of one event are kept: the rules judge them. */
function permute(parents: Adjacency, order: Int32Array, rowOf: Int32Array): Adjacency {
  if (isIdentity(order)) return parents
  const starts = new Int32Array(order.length + 1)
  const edges = new Int32Array(parents.edges.length)
  let count = 0
  for (let row = 0; row < order.length; row += 1) {
    starts[row] = count
    const id = order[row] ?? 0
    for (let k = parents.starts[id] ?? 0, end = parents.starts[id + 1] ?? 0; k < end; k += 1) {
      edges[count] = rowOf[parents.edges[k] ?? 0] ?? 0
      count += 1
    }
  }
  starts[order.length] = count
  return {starts, edges}
}
