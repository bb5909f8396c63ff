import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {gunzipSync} from 'node:zlib'
import {createCase} from '../../src/casefile/open-case.ts'
import type {EventMarks, ReportedSlot, StateGroup, Step} from '../../src/sources/evidence.ts'
import {DATA, readServerFolder, type ServerRoom, splitLines} from '../conformance/fixtures.ts'
import {unpack} from '../conformance/packed.ts'

/** See `pack-reported.ts`. Events are indexes into the room's `ids`. */
export interface PackedReport {
  readonly servers: Readonly<Record<'hs1' | 'hs2', PackedServer>>
  /** What hs1 answered to `/state_ids`, before each event. */
  readonly stateIds: readonly (readonly [number, readonly number[]])[]
}
export interface PackedServer {
  readonly name: string
  readonly extremities: readonly number[]
  readonly current: readonly number[]
  /** Event, state group, 1 for an outlier + 2 for soft-failed, reason of a rejection. */
  readonly events: readonly (readonly (string | number | null)[])[]
}

/** A server of a real room with all that it says; plain data, to be changed by a test as it likes. */
export interface ReportingServer {
  readonly name: string
  readonly extremities: readonly string[]
  readonly current: readonly string[]
  readonly events: ReadonlyMap<string, {readonly group: number | null; readonly marks: EventMarks}>
  /** By event: IDs of the state after it. */
  readonly after: Readonly<Record<string, readonly string[]>>
}

/** A room of two real servers with what they report. */
export interface ReportedRoom {
  readonly name: string
  readonly version: string
  readonly ids: readonly string[]
  /** PDUs, in the order of `ids`. */
  readonly lines: readonly string[]
  readonly servers: Readonly<Record<'hs1' | 'hs2', ReportingServer>>
  /** What hs1 answered to `/state_ids`: IDs of the state before each event. */
  readonly stateIds: ReadonlyMap<string, readonly string[]>
}

export const REPORTED_ROOMS: readonly string[] = [
  ...['acl-v11', 'conflict-v1', 'conflict-v3', 'conflict-v6', 'conflict-v10', 'conflict-v12', 'creators-v12'],
  ...['e2ee-v11', 'gap-v11', 'rejected-v6', 'restricted-v10', 'split-reject-v10', 'split-sql-v11'],
]

const packedReports = (): Record<string, PackedReport> =>
  JSON.parse(gunzipSync(readFileSync(join(import.meta.dirname, 'data/reported.json.gz'))).toString('utf8')) as Record<
    string,
    PackedReport
  >

export function reportedRoom(name: string): ReportedRoom {
  const room = unpack(readFileSync(join(DATA, `${name}.json.gz`)))
  const report = packedReports()[name]
  if (room.kind !== 'server' || report === undefined) throw new Error(`${name} is no room of real servers`)
  return joined(room, report)
}

function joined(room: ServerRoom, report: PackedReport): ReportedRoom {
  const id = (index: number): string => room.ids[index] ?? raise(room.name, index)
  const server = (key: 'hs1' | 'hs2'): ReportingServer => {
    const {name, extremities, current, events} = report.servers[key]
    return {
      name,
      extremities: extremities.map(id),
      current: current.map(id),
      events: new Map(
        events.map(([event, group, bits, rejected]) => {
          const marks = {
            rejected: typeof rejected === 'string' ? rejected : null,
            outlier: (Number(bits) & 1) !== 0,
            softFailed: (Number(bits) & 2) !== 0,
          }
          return [id(Number(event)), {group: group === null ? null : Number(group), marks}]
        }),
      ),
      after: room.after[key],
    }
  }
  return {
    name: room.name,
    version: room.version,
    ids: room.ids,
    lines: room.lines,
    servers: {hs1: server('hs1'), hs2: server('hs2')},
    stateIds: new Map(report.stateIds.map(([event, ids]) => [id(event), ids.map(id)])),
  }
}

/** A room as it stands in a folder of rooms; for those that are too large to be packed. */
export function reportedRoomIn(folder: string, name: string): ReportedRoom {
  return joined(readServerFolder(folder, name), reportOf(folder, name))
}

/** What the servers of a room report, from the files of its folder. */
export function reportOf(folder: string, name: string): PackedReport {
  const read = (file: string): string => readFileSync(join(folder, name, file), 'utf8')
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- whoever reads the file knows what is in it
  const lines = <T>(file: string): readonly T[] => splitLines(read(file)).map((line) => JSON.parse(line) as T)
  const index = new Map(splitLines(read('events.ids')).map((id, at) => [id, at]))
  const at = (id: string): number => index.get(id) ?? raise(name, -1)
  const meta = JSON.parse(read('meta.json')) as {
    servers: Record<string, string>
    forward_extremities: Record<string, readonly string[]>
  }
  const flags = lines<Flags>('flags.ndjson')
  const server = (key: 'hs1' | 'hs2'): PackedServer => ({
    name: meta.servers[key] ?? '',
    extremities: (meta.forward_extremities[key] ?? []).map(at),
    current: (JSON.parse(read(`state-current-${key}.json`)) as {event_id: string}[]).map(({event_id: id}) => at(id)),
    events: flags
      .filter((one) => one.server === key)
      .map((one) => [
        at(one.event_id),
        one.state_group,
        (one.outlier ? 1 : 0) | (one.soft_failed ? 2 : 0),
        ...(one.rejected === null ? [] : [one.rejected]),
      ]),
  })
  const stateAt = lines<{event_id: string; state_ids?: readonly string[]}>('state-at.ndjson')
  return {
    servers: {hs1: server('hs1'), hs2: server('hs2')},
    stateIds: stateAt.flatMap(({event_id: id, state_ids: ids}) =>
      ids === undefined ? [] : [[at(id), ids.map(at).sort((a, b) => a - b)] as const],
    ),
  }
}

/** A line of `flags.ndjson`. */
interface Flags {
  readonly server: string
  readonly event_id: string
  readonly rejected: string | null
  readonly soft_failed: boolean
  readonly outlier: boolean
  readonly state_group: number | null
}

export interface RoomCaseOptions {
  /** @defaultValue both */
  readonly servers?: readonly ('hs1' | 'hs2')[]
  /** `false`: as a route that tells no state groups. */
  readonly groups?: boolean
  /** When it was gathered, milliseconds since 1970. */
  readonly nowMs?: number
}

/**
 * Writes a room as a case of both servers' databases: the events that each holds, with its marks, its state groups (as deltas where one
 * can be), its current state, its forward extremities, and its state at a sole one.
 */
export function writeRoomCase(path: string, room: ReportedRoom, options: RoomCaseOptions = {}): string {
  const {servers = ['hs1', 'hs2'], groups = true, nowMs = 1000} = options
  const events = readEvents(room)
  const create = [...events.values()].find(({type}) => type === 'm.room.create')
  const roomId = create?.roomId ?? `!${(create?.eventId ?? '').slice(1)}`
  const writer = createCase(path, {roomId, nowMs})
  for (const key of servers) {
    const server = room.servers[key]
    const source = writer.source(
      {kind: 'database', name: `database ${server.name}`, server: server.name, address: `${key}.db`, insecure: false},
      [],
    )
    writer.keep(source, databaseStep(room, server, events, groups), nowMs)
  }
  writer.close()
  return path
}

interface Parsed {
  readonly eventId: string
  readonly roomId: string | undefined
  readonly text: string
  readonly type: string
  readonly stateKey: string | undefined
  readonly prev: readonly string[]
}

function readEvents(room: ReportedRoom): ReadonlyMap<string, Parsed> {
  return new Map(
    room.lines.map((text, index) => {
      const {type, state_key, room_id, prev_events} = JSON.parse(text) as {
        type: string
        state_key?: string
        room_id?: string
        prev_events: readonly (string | readonly [string])[]
      }
      const eventId = room.ids[index] ?? raise(room.name, index)
      const prev = prev_events.map((one) => (typeof one === 'string' ? one : one[0]))
      return [eventId, {eventId, roomId: room_id, text, type, stateKey: state_key, prev}]
    }),
  )
}

function databaseStep(
  room: ReportedRoom,
  server: ReportingServer,
  events: ReadonlyMap<string, Parsed>,
  withGroups: boolean,
): Step {
  const slotsOf = (ids: readonly string[]): readonly Required<ReportedSlot>[] =>
    ids.map((eventId) => {
      const {type, stateKey = ''} = events.get(eventId) ?? {type: 'm.unknown', stateKey: eventId}
      return {eventId, type, stateKey}
    })
  const groups = new Map<number, StateGroup>()
  const states = new Map<number, ReadonlyMap<string, string>>()
  const groupOf = (eventId: string): number | null => server.events.get(eventId)?.group ?? null
  const around: {eventId: string; before: number | null; after: number}[] = []
  for (const eventId of server.events.keys()) {
    const event = events.get(eventId)
    const {group, marks} = server.events.get(eventId) ?? {group: null, marks: {}}
    const after = server.after[eventId]
    if (event === undefined || group === null || after === undefined) continue
    const prevGroups = [...new Set(event.prev.map(groupOf))]
    const [base = null] = prevGroups
    const isMessage = event.stateKey === undefined || typeof marks.rejected === 'string'
    around.push({eventId, before: isMessage ? group : prevGroups.length === 1 ? base : null, after: group})
    if (groups.has(group)) continue
    const slots = slotsOf(after)
    const state = new Map(slots.map((slot) => [JSON.stringify([slot.type, slot.stateKey]), slot.eventId]))
    const below = base === null ? undefined : states.get(base)
    states.set(group, state)
    const isDelta = below !== undefined && [...below.keys()].every((key) => state.has(key))
    const changed = slots.filter((slot) => below?.get(JSON.stringify([slot.type, slot.stateKey])) !== slot.eventId)
    groups.set(group, isDelta ? {group, base, slots: changed} : {group, base: null, slots})
  }
  const [sole, ...more] = server.extremities
  const atSole = sole === undefined || more.length > 0 ? undefined : server.after[sole]
  return {
    how: 'events, event_json',
    requests: 0,
    roomVersion: room.version,
    events: [...server.events].flatMap(([eventId, {marks}]) => {
      const text = events.get(eventId)?.text
      return text === undefined ? [] : [{text, eventId, marks}]
    }),
    states: [
      {what: 'current', eventId: null, how: 'current_state_events', slots: slotsOf(server.current)},
      ...(sole === undefined || atSole === undefined
        ? []
        : [{what: 'at-extremity', eventId: sole, how: 'event_to_state_groups', slots: slotsOf(atSole)} as const]),
    ],
    extremities: [{direction: 'forward', how: 'event_forward_extremities', eventIds: server.extremities}],
    ...(withGroups ? {stateGroups: [...groups.values()], eventStateGroups: around} : {}),
  }
}

function raise(name: string, index: number): never {
  throw new Error(`${name}: nothing has the index ${String(index)}`)
}
