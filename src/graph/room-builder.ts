import {compareCodePoints} from '../matrix/code-points.ts'
import {type EventId, isUserId, serverNameOf} from '../matrix/ids.ts'
import {isObject, type JsonObject, own} from '../matrix/json.ts'
import type {FormatFault, Pdu} from '../matrix/pdu.ts'
import type {RoomVersionRules} from '../matrix/room-version.ts'
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
  /** Arrival order; each holds one entry per added event. */
  readonly #id = new IntList()
  readonly #line = new IntList()
  readonly #room = new IntList()
  readonly #flag = new IntList()
  readonly #type = new IntList()
  readonly #slot = new IntList()
  readonly #sender = new IntList()
  readonly #target = new IntList()
  readonly #membership = new IntList()
  readonly #ts: number[] = []
  readonly #depth: number[] = []
  readonly #prevStart = new IntList()
  readonly #prev = new IntList()
  readonly #authStart = new IntList()
  readonly #auth = new IntList()
  readonly #extra = new Map<number, Extra>()
  /** Place of an event in the lists above, by number of its ID; -1: only cited. */
  readonly #place: number[] = []

  constructor(rules: RoomVersionRules) {
    this.#rules = rules
    for (const type of FIXED_TYPES) this.#types.intern(type)
  }

  /** Events added so far. */
  get size(): number {
    return this.#id.length
  }

  /** Room IDs seen so far, in order of first sight. */
  get roomIds(): readonly string[] {
    return this.#rooms.strings
  }

  /** The same event again is fine. An event that differs under an ID that is known is not taken: the first one stays. */
  add(pdu: Pdu, line: number): Added {
    const id = this.#ids.intern(pdu.eventId)
    const known = this.#place[id] ?? -1
    if (known >= 0) return this.#isSame(known, pdu) ? 'duplicate' : 'different-copy'
    while (this.#place.length <= id) this.#place.push(-1)
    const place = this.#id.length
    this.#place[id] = place
    this.#id.push(id)
    this.#line.push(line)
    this.#room.push(this.#rooms.intern(pdu.roomId))
    const type = this.#types.intern(pdu.type)
    this.#type.push(type)
    this.#sender.push(this.#users.intern(pdu.sender))
    this.#slot.push(pdu.stateKey === undefined ? -1 : this.#internSlot(pdu.type, pdu.stateKey))
    const isMember = type === Type.Member && pdu.stateKey !== undefined
    this.#target.push(isMember ? this.#users.intern(pdu.stateKey) : -1)
    this.#membership.push(type === Type.Member ? membershipOf(pdu.content) : Membership.None)
    this.#ts.push(pdu.originServerTs)
    this.#depth.push(Number(pdu.depth))
    this.#prevStart.push(this.#prev.length)
    for (const parent of pdu.prevEvents) this.#prev.push(this.#ids.intern(parent))
    this.#authStart.push(this.#auth.length)
    for (const parent of pdu.authEvents) this.#auth.push(this.#ids.intern(parent))
    this.#flag.push(this.#keepExtra(place, pdu, type))
    return 'added'
  }

  /** What only some events have. Returns the event's flags. */
  #keepExtra(place: number, pdu: Pdu, type: number): number {
    const extra: Extra = {}
    let flags = 0
    if (pdu.stateKey !== undefined) {
      flags |= Flag.State
      extra.content = pdu.content
    } else if (type === Type.PowerLevels || type === Type.Member) extra.content = pdu.content
    if (type === Type.Create && this.#rules.roomIdIsCreateHash && pdu.roomId !== `!${pdu.eventId.slice(1)}`) extra.hasRoomId = true
    if (typeof pdu.depth === 'bigint') extra.exactDepth = pdu.depth
    if (typeof pdu.redacts === 'string') extra.redacts = pdu.redacts
    if (pdu.contentHashOk === false) flags |= Flag.Redacted
    if (pdu.fault !== null) {
      flags |= Flag.Faulty
      extra.fault = pdu.fault
    }
    if (type === Type.Member) flags |= this.#keepMember(extra, pdu)
    for (const _ in extra) {
      this.#extra.set(place, extra)
      break
    }
    return flags
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
    const rooms = this.#room.view()
    const starts = this.#authStart.view()
    const auth = this.#auth.view()
    const cited = new Set<number>()
    for (let place = 0; place < this.size; place += 1) {
      if (rooms[place] === room) continue
      for (let k = starts[place] ?? 0, end = starts[place + 1] ?? auth.length; k < end; k += 1) cited.add(auth[k] ?? -1)
    }
    const ids = this.#id.view()
    const place = rooms.findIndex((other, index) => other === room && !cited.has(ids[index] ?? -1))
    return place < 0 ? null : (this.#line.view()[place] ?? null)
  }

  /** Compared by what the rules and the resolution read. */
  #isSame(place: number, pdu: Pdu): boolean {
    const at = (list: IntList): number => list.view()[place] ?? -1
    const refs = (starts: IntList, list: IntList): string => {
      const [start, end] = [starts.view()[place] ?? 0, starts.view()[place + 1] ?? list.length]
      return Array.from(list.view().subarray(start, end), (id) => this.#ids.at(id)).join('\n')
    }
    const extra = this.#extra.get(place) ?? {}
    return (
      this.#types.at(at(this.#type)) === pdu.type &&
      this.#users.at(at(this.#sender)) === pdu.sender &&
      this.#rooms.at(at(this.#room)) === pdu.roomId &&
      this.#ts[place] === pdu.originServerTs &&
      this.#depth[place] === Number(pdu.depth) &&
      at(this.#slot) === (pdu.stateKey === undefined ? -1 : this.#slots.find(slotKey(pdu.type, pdu.stateKey))) &&
      refs(this.#prevStart, this.#prev) === pdu.prevEvents.join('\n') &&
      refs(this.#authStart, this.#auth) === pdu.authEvents.join('\n') &&
      (extra.content === undefined || JSON.stringify(extra.content) === JSON.stringify(pdu.content))
    )
  }

  /**
   * The room as a graph.
   *
   * @param roomId - whose events count as the room's own; those of other rooms are only there to be cited
   * @param create - ID of the room's create event, or `null` when there is none
   * @remarks O(events + edges + slots log slots). The builder must not be used afterwards.
   */
  finish(roomId: string, create: EventId | null): RoomGraph {
    const total = this.#ids.size
    const parents = {prev: this.#byId(this.#prevStart, this.#prev), auth: this.#byId(this.#authStart, this.#auth)}
    const {order, cyclic} = topologicalOrder(total, [parents.prev, parents.auth])
    const rowOf = new Int32Array(total)
    for (let row = 0; row < total; row += 1) rowOf[order[row] ?? 0] = row
    /** By row: the event's place in the lists, or -1. */
    const places = new Int32Array(total)
    for (let row = 0; row < total; row += 1) places[row] = this.#place[order[row] ?? 0] ?? -1
    const slotOrder = this.#sortSlots()
    const home = this.#rooms.find(roomId)
    const column = (list: IntList, absent: number): Int32Array => {
      const values = list.view()
      const result = new Int32Array(total)
      for (let row = 0; row < total; row += 1) {
        const place = places[row] ?? -1
        result[row] = place < 0 ? absent : (values[place] ?? absent)
      }
      return result
    }
    const room = column(this.#room, home)
    const flags = Uint8Array.from(column(this.#flag, Flag.Missing))
    for (let row = 0; row < total; row += 1) {
      if (room[row] !== home) flags[row] = (flags[row] ?? 0) | Flag.Foreign
      if (cyclic.has(order[row] ?? 0)) flags[row] = (flags[row] ?? 0) | Flag.Cyclic
    }
    const slot = column(this.#slot, -1)
    for (let row = 0; row < total; row += 1) {
      const first = slot[row] ?? -1
      if (first >= 0) slot[row] = slotOrder.rank[first] ?? -1
    }
    const floats = (list: readonly number[]): Float64Array => {
      const result = new Float64Array(total)
      for (let row = 0; row < total; row += 1) result[row] = list[places[row] ?? -1] ?? 0
      return result
    }
    const slots = Array.from(slotOrder.sorted, (slot) => this.#slotList[slot] ?? {type: '', stateKey: ''})
    const slotIndex = new Map(slots.map((slot, index) => [slotKey(slot.type, slot.stateKey), index]))
    const memberSlot = Int32Array.from(
      this.#users.strings,
      (user) => slotIndex.get(slotKey('m.room.member', user)) ?? -1,
    )
    return new RoomGraph({
      rules: this.#rules,
      roomId,
      ids: Array.from(order, (id) => this.#ids.at(id) as EventId),
      line: column(this.#line, 0),
      flags,
      type: column(this.#type, -1),
      slot,
      sender: column(this.#sender, -1),
      target: column(this.#target, -1),
      membership: Uint8Array.from(column(this.#membership, Membership.None)),
      originServerTs: floats(this.#ts),
      depth: floats(this.#depth),
      prev: permute(parents.prev, order, rowOf),
      auth: permute(parents.auth, order, rowOf),
      types: this.#types,
      users: this.#users,
      slots,
      memberSlot,
      slotIndex,
      create: create === null ? -1 : (rowOf[this.#ids.find(create)] ?? -1),
      ...this.#extras(rowOf, slotIndex),
    })
  }

  /** Parents by number of the ID, which also counts events that are only cited. */
  #byId(starts: IntList, edges: IntList): Adjacency {
    const total = this.#ids.size
    const [from, values] = [starts.view(), edges.view()]
    const result = {starts: new Int32Array(total + 1), edges: new Int32Array(values.length)}
    let count = 0
    for (let id = 0; id < total; id += 1) {
      result.starts[id] = count
      const place = this.#place[id] ?? -1
      if (place < 0) continue
      for (let k = from[place] ?? 0, end = from[place + 1] ?? values.length; k < end; k += 1) {
        result.edges[count] = values[k] ?? 0
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
      return x.type === y.type ? compareCodePoints(x.stateKey, y.stateKey) : compareCodePoints(`${x.type}\0`, `${y.type}\0`)
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
    const ids = this.#id.view()
    for (const [place, extra] of this.#extra) {
      const row = rowOf[ids[place] ?? 0] ?? 0
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

/** Duplicate citations of one event are kept: the rules judge them. */
function permute(parents: Adjacency, order: Int32Array, rowOf: Int32Array): Adjacency {
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
