import type {EventId} from '../matrix/ids.ts'
import type {JsonObject} from '../matrix/json.ts'
import type {FormatFault} from '../matrix/pdu.ts'
import {type PowerLevel, PowerLevels} from '../matrix/power-levels.ts'
import type {RoomVersionRules} from '../matrix/room-version.ts'
import type {Interner} from './interner.ts'
import type {Adjacency} from './topological-order.ts'

/** Bits of `RoomGraph.flags`. */
export const Flag = {
  /** Has a state key. */
  State: 1,
  /** Only cited by others: the event itself is not here. */
  Missing: 2,
  /** Belongs to another room. */
  Foreign: 4,
  /** On a cycle of prev or auth events, so that it can't be judged. */
  Cyclic: 8,
  /** A server would refuse it by form; see `faults`. */
  Faulty: 16,
  /** Content hash wrong: taken in its redacted form. */
  Redacted: 32,
  /** A restricted join whose authoriser's server did not sign. */
  AuthoriserUnsigned: 64,
  /** Its third-party invite names no token that can be read. */
  TokenUnreadable: 128,
  /** Came in two forms under one ID that is no hash, so that it can't be judged. */
  Ambiguous: 256,
} as const

/** `content.membership` of a member event, as a number. */
export const Membership = {None: 0, Join: 1, Invite: 2, Leave: 3, Ban: 4, Knock: 5, Other: 6} as const
export type MembershipCode = (typeof Membership)[keyof typeof Membership]

/** Event types that the rules name; they are interned first, so that their numbers are fixed. */
export const Type = {
  Create: 0,
  Member: 1,
  PowerLevels: 2,
  JoinRules: 3,
  ThirdPartyInvite: 4,
  Aliases: 5,
  Redaction: 6,
} as const
export const FIXED_TYPES: readonly string[] = [
  'm.room.create',
  'm.room.member',
  'm.room.power_levels',
  'm.room.join_rules',
  'm.room.third_party_invite',
  'm.room.aliases',
  'm.room.redaction',
]

/** A place in the room's state: a (type, state_key) pair, numbered in the order of their UTF-8 bytes. */
export interface Slot {
  readonly type: string
  readonly stateKey: string
}

/** Parts of a graph as the builder hands them over; rows are in topological order. */
export interface GraphColumns {
  readonly rules: RoomVersionRules
  readonly roomId: string
  readonly ids: readonly EventId[]
  /** Rows of events in the file, 1-based; 0 for events that are only cited. */
  readonly line: Int32Array
  readonly flags: Uint16Array
  readonly type: Int32Array
  readonly slot: Int32Array
  readonly sender: Int32Array
  /** The user in a member event's state key; -1 for others. */
  readonly target: Int32Array
  readonly membership: Uint8Array
  readonly originServerTs: Float64Array
  readonly depth: Float64Array
  readonly prev: Adjacency
  readonly auth: Adjacency
  readonly types: Interner
  readonly users: Interner
  readonly slots: readonly Slot[]
  readonly memberSlot: Int32Array
  /** Of state events, and of the few message events whose content a rule reads. */
  readonly content: ReadonlyMap<number, JsonObject>
  /** Depths beyond 2^53-1, exactly. */
  readonly exactDepth: ReadonlyMap<number, bigint>
  readonly redacts: ReadonlyMap<number, string>
  readonly authoriser: ReadonlyMap<number, number>
  readonly thirdPartySlot: ReadonlyMap<number, number>
  readonly faults: ReadonlyMap<number, FormatFault>
  /** Create events that carry a `room_id` of their own where it must be implied. */
  readonly createsWithRoomId: ReadonlySet<number>
  /** Row of the create event, or -1. */
  readonly create: number
  readonly slotIndex: ReadonlyMap<string, number>
}

/** Key of `slotIndex`. Neither part can be told apart when a type holds a NUL, so that its length goes in front. */
export function slotKey(type: string, stateKey: string): string {
  return `${String(type.length)}\0${type}${stateKey}`
}

/**
 * A room's events as columns of integers. Row numbers are in topological order: an event's parents have smaller numbers.
 *
 * @remarks About 150 bytes an event beside its ID, and the content of state events.
 */
export class RoomGraph {
  readonly rules: RoomVersionRules
  readonly roomId: string
  readonly size: number
  readonly columns: GraphColumns
  readonly ids: readonly EventId[]
  readonly flags: Uint16Array
  readonly type: Int32Array
  readonly slot: Int32Array
  readonly sender: Int32Array
  readonly target: Int32Array
  readonly membership: Uint8Array
  readonly ts: Float64Array
  readonly prev: Adjacency
  readonly auth: Adjacency
  readonly memberSlot: Int32Array
  readonly create: number
  readonly slots: readonly Slot[]
  readonly createSlot: number
  readonly powerSlot: number
  readonly joinRulesSlot: number
  readonly #power = new Map<number, PowerLevels>()
  readonly #userLevels = new Map<number, Map<number, PowerLevel>>()
  readonly #rows = new Map<string, number>()

  constructor(columns: GraphColumns) {
    this.columns = columns
    this.rules = columns.rules
    this.roomId = columns.roomId
    this.size = columns.ids.length
    this.ids = columns.ids
    this.flags = columns.flags
    this.type = columns.type
    this.slot = columns.slot
    this.sender = columns.sender
    this.target = columns.target
    this.membership = columns.membership
    this.ts = columns.originServerTs
    this.prev = columns.prev
    this.auth = columns.auth
    this.memberSlot = columns.memberSlot
    this.create = columns.create
    this.slots = columns.slots
    this.createSlot = this.slotOf('m.room.create', '')
    this.powerSlot = this.slotOf('m.room.power_levels', '')
    this.joinRulesSlot = this.slotOf('m.room.join_rules', '')
  }

  /** Row of the event, or -1. The first call costs O(events). */
  row(id: string): number {
    if (this.#rows.size === 0) for (let i = 0; i < this.size; i += 1) this.#rows.set(this.id(i), i)
    return this.#rows.get(id) ?? -1
  }

  id(row: number): EventId {
    return this.ids[row] ?? raise(row)
  }

  /** -1 when no event of the dump has this type and state key. */
  slotOf(type: string, stateKey: string): number {
    return this.columns.slotIndex.get(slotKey(type, stateKey)) ?? -1
  }

  slotAt(slot: number): Slot {
    return this.slots[slot] ?? raise(slot)
  }

  has(row: number, flag: number): boolean {
    return ((this.flags[row] ?? 0) & flag) !== 0
  }

  typeName(row: number): string {
    return this.columns.types.at(this.type[row] ?? -1)
  }

  user(user: number): string {
    return this.columns.users.at(user)
  }

  senderName(row: number): string {
    return this.user(this.sender[row] ?? -1)
  }

  /** Empty for message events, whose content is not kept. */
  content(row: number): JsonObject {
    return this.columns.content.get(row) ?? NOTHING
  }

  /** The event's content read as power levels; read once. */
  powerLevels(row: number): PowerLevels {
    const known = this.#power.get(row)
    if (known !== undefined) return known
    const levels = new PowerLevels(this.content(row), this.rules)
    this.#power.set(row, levels)
    return levels
  }

  /** Where levels of users (by number) under a power levels event are kept once read; -1 for "no such event". */
  userLevels(row: number): Map<number, PowerLevel> {
    const known = this.#userLevels.get(row)
    if (known !== undefined) return known
    const levels = new Map<number, PowerLevel>()
    this.#userLevels.set(row, levels)
    return levels
  }

  /** Claimed depth, exact. */
  depth(row: number): number | bigint {
    return this.columns.exactDepth.get(row) ?? this.columns.depth[row] ?? 0
  }

  prevOf(row: number): Int32Array {
    return this.prev.edges.subarray(this.prev.starts[row] ?? 0, this.prev.starts[row + 1] ?? 0)
  }

  authOf(row: number): Int32Array {
    return this.auth.edges.subarray(this.auth.starts[row] ?? 0, this.auth.starts[row + 1] ?? 0)
  }
}

const NOTHING: JsonObject = Object.freeze({})

function raise(index: number): never {
  throw new RangeError(`no row ${String(index)}`)
}
