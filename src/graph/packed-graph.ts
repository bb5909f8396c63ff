import type {EventId} from '../matrix/ids.ts'
import {ExactNumber, type Json, type JsonObject, parseJson} from '../matrix/json.ts'
import type {FormatFault} from '../matrix/pdu.ts'
import {rulesFor} from '../matrix/room-version.ts'
import {Interner} from './interner.ts'
import {RoomGraph, type Slot, slotKey} from './room-graph.ts'
import type {Adjacency} from './topological-order.ts'

/** A `RoomGraph` as plain JSON: what a page, or another process, rebuilds it from without the events. Lists are by row unless said. */
export interface PackedGraph {
  readonly roomId: string
  readonly roomVersion: string
  readonly ids: readonly string[]
  readonly line: readonly number[]
  readonly flags: readonly number[]
  readonly type: readonly number[]
  readonly slot: readonly number[]
  readonly sender: readonly number[]
  readonly target: readonly number[]
  readonly membership: readonly number[]
  readonly originServerTs: PackedNumbers
  readonly depth: PackedNumbers
  readonly prev: PackedAdjacency
  readonly auth: PackedAdjacency
  /** By number. */
  readonly types: readonly string[]
  readonly users: readonly string[]
  /** By number: type and state key. */
  readonly slots: readonly (readonly [type: string, stateKey: string])[]
  /** By user. */
  readonly memberSlot: readonly number[]
  readonly content: readonly (readonly [row: number, content: JsonObject])[]
  /** Those that hold numbers which a double would not give back, as JSON text. */
  readonly exactContent: readonly (readonly [row: number, content: string])[]
  readonly exactDepth: readonly (readonly [row: number, depth: string])[]
  readonly redacts: readonly (readonly [row: number, eventId: string])[]
  readonly authoriser: readonly (readonly [row: number, user: number])[]
  readonly thirdPartySlot: readonly (readonly [row: number, slot: number])[]
  readonly faults: readonly (readonly [row: number, fault: FormatFault])[]
  readonly createsWithRoomId: readonly number[]
  readonly create: number
}

/** Each less the one before it, where that comes back exactly: neighbours are close, and what is small packs well. */
export type PackedNumbers = {readonly steps: readonly number[]} | {readonly values: readonly (number | null)[]}

export interface PackedAdjacency {
  /** How many edges each row has. */
  readonly counts: readonly number[]
  /** Row that is pointed at, less the row that points: small and negative. */
  readonly steps: readonly number[]
}

/** @remarks Linear in events and edges. */
export function packGraph(graph: RoomGraph): PackedGraph {
  const {columns} = graph
  return {
    roomId: graph.roomId,
    roomVersion: graph.rules.id,
    ids: columns.ids,
    line: [...columns.line],
    flags: [...columns.flags],
    type: [...columns.type],
    slot: [...columns.slot],
    sender: [...columns.sender],
    target: [...columns.target],
    membership: [...columns.membership],
    originServerTs: packNumbers(columns.originServerTs),
    depth: packNumbers(columns.depth),
    prev: packAdjacency(columns.prev),
    auth: packAdjacency(columns.auth),
    types: columns.types.strings,
    users: columns.users.strings,
    slots: columns.slots.map(({type, stateKey}) => [type, stateKey] as const),
    memberSlot: [...columns.memberSlot],
    ...packContent(columns.content),
    exactDepth: [...columns.exactDepth].map(([row, depth]) => [row, String(depth)] as const),
    redacts: [...columns.redacts],
    authoriser: [...columns.authoriser],
    thirdPartySlot: [...columns.thirdPartySlot],
    faults: [...columns.faults],
    createsWithRoomId: [...columns.createsWithRoomId],
    create: columns.create,
  }
}

/**
 * The graph again: it replays to the same as the one that was packed.
 *
 * @throws RangeError for a room version that is not known
 */
export function unpackGraph(packed: PackedGraph): RoomGraph {
  const rules = rulesFor(packed.roomVersion)
  if (rules === undefined) throw new RangeError(`room version ${packed.roomVersion} is not known`)
  const slots = packed.slots.map(([type, stateKey]): Slot => ({type, stateKey}))
  return new RoomGraph({
    rules,
    roomId: packed.roomId,
    ids: packed.ids as readonly EventId[],
    line: Int32Array.from(packed.line),
    flags: Uint16Array.from(packed.flags),
    type: Int32Array.from(packed.type),
    slot: Int32Array.from(packed.slot),
    sender: Int32Array.from(packed.sender),
    target: Int32Array.from(packed.target),
    membership: Uint8Array.from(packed.membership),
    originServerTs: unpackNumbers(packed.originServerTs),
    depth: unpackNumbers(packed.depth),
    prev: unpackAdjacency(packed.prev),
    auth: unpackAdjacency(packed.auth),
    types: interned(packed.types),
    users: interned(packed.users),
    slots,
    memberSlot: Int32Array.from(packed.memberSlot),
    content: unpackContent(packed),
    exactDepth: new Map(packed.exactDepth.map(([row, depth]) => [row, BigInt(depth)])),
    redacts: new Map(packed.redacts),
    authoriser: new Map(packed.authoriser),
    thirdPartySlot: new Map(packed.thirdPartySlot),
    faults: new Map(packed.faults),
    createsWithRoomId: new Set(packed.createsWithRoomId),
    create: packed.create,
    slotIndex: new Map(slots.map(({type, stateKey}, slot) => [slotKey(type, stateKey), slot])),
  })
}

function packContent(contents: ReadonlyMap<number, JsonObject>): Pick<PackedGraph, 'content' | 'exactContent'> {
  const content: [number, JsonObject][] = []
  const exactContent: [number, string][] = []
  for (const [row, one] of contents) {
    if (holdsExactNumber(one)) exactContent.push([row, JSON.stringify(one)])
    else content.push([row, one])
  }
  return {content, exactContent}
}

function holdsExactNumber(value: Json | undefined): boolean {
  if (typeof value !== 'object' || value === null) return false
  return value instanceof ExactNumber || Object.values(value).some(holdsExactNumber)
}

function unpackContent({content, exactContent}: PackedGraph): ReadonlyMap<number, JsonObject> {
  const contents = new Map(content)
  for (const [row, text] of exactContent) contents.set(row, parseJson(text, true) as JsonObject)
  return contents
}

function packAdjacency({starts, edges}: Adjacency): PackedAdjacency {
  const counts: number[] = []
  const steps: number[] = []
  for (let row = 0; row + 1 < starts.length; row += 1) {
    const end = starts[row + 1] ?? 0
    counts.push(end - (starts[row] ?? 0))
    for (let k = starts[row] ?? 0; k < end; k += 1) steps.push((edges[k] ?? 0) - row)
  }
  return {counts, steps}
}

function unpackAdjacency({counts, steps}: PackedAdjacency): Adjacency {
  const starts = new Int32Array(counts.length + 1)
  const edges = new Int32Array(steps.length)
  for (const [row, count] of counts.entries()) {
    const start = starts[row] ?? 0
    starts[row + 1] = start + count
    for (let k = start; k < start + count; k += 1) edges[k] = row + (steps[k] ?? 0)
  }
  return {starts, edges}
}

function packNumbers(values: Float64Array): PackedNumbers {
  let last = 0
  const steps = Array.from(values, (value) => {
    const step = value - last
    last = value
    return step
  })
  const again = unpackNumbers({steps})
  // What servers made up may lie too far apart for exact differences.
  return again.every((value, row) => Object.is(value, values[row])) ? {steps} : {values: [...values]}
}

function unpackNumbers(packed: PackedNumbers): Float64Array {
  if ('values' in packed) return Float64Array.from(packed.values, (value) => value ?? NaN)
  let last = 0
  return Float64Array.from(packed.steps, (step) => (last += step))
}

function interned(strings: readonly string[]): Interner {
  const interner = new Interner()
  for (const text of strings) interner.intern(text)
  return interner
}
