import type {DeviceSnapshot} from '../matrix/device-facts.ts'
import type {DeviceRouteIdentity, DeviceStep} from '../sources/device-evidence.ts'
import type {
  CurrentStateChange,
  EventMarks,
  EventStateGroups,
  GatherLimits,
  Refusal,
  ReportedExtremities,
  ReportedStateSet,
  RouteIdentity,
  ServerKey,
  StateGroup,
  Step,
} from '../sources/evidence.ts'

/** Number of a source within one case file. */
export type SourceId = number

/** A way by which evidence came. */
export interface StoredSource extends RouteIdentity {
  readonly id: SourceId
  /** Milliseconds since 1970, by this machine's clock. */
  readonly firstTs: number
  readonly lastTs: number
  readonly requests: number
  /** What it can never show. */
  readonly unknowable: readonly string[]
}

/** That a source gave this copy. */
export interface Sighting {
  readonly source: SourceId
  /** Milliseconds since 1970, by this machine's clock. */
  readonly ts: number
  readonly how: string
  readonly marks: EventMarks
  /** The ID under which the source gave it, where that is not the event's. */
  readonly claimedId?: string
}

/** One form of one event. Copies that differ only in what an API adds (`unsigned`, `event_id`, …) are one: the first text is kept. */
export interface StoredCopy {
  readonly id: number
  readonly eventId: string
  /** Byte for byte as first received. */
  readonly text: string
  readonly sightings: readonly Sighting[]
  /** It names another room, and no event of this room cites it. */
  readonly stray?: true
}

/** Something told by a source at some time (`ts`), and told the same up to `lastTs`. */
export type Told<T> = T & {readonly source: SourceId; readonly ts: number; readonly lastTs?: number}

/** What one `keep` added. */
export interface Kept {
  /** Events not known before. */
  readonly events: number
  /** Other forms of events that were known. */
  readonly copies: number
}

export interface CaseCounts {
  readonly events: number
  readonly copies: number
  /** Events that others cite and that are not here. */
  readonly missing: number
  readonly reportedStates: number
  readonly keys: number
  /** Texts that wait for the room version, which their names depend on. */
  readonly unnamed?: number
  /** Texts that came as events and are none; kept all the same. */
  readonly unreadable?: number
}

/** A way by which evidence on devices came. */
export interface StoredDeviceSource extends DeviceRouteIdentity {
  readonly id: SourceId
  readonly firstTs: number
  readonly lastTs: number
  readonly requests: number
}

/** Something asked for about a user's devices and not given. `userId` `null`: it concerns all. */
export interface DeviceRefusal extends Omit<Refusal, 'eventId'> {
  readonly source: SourceId
  readonly userId: string | null
  readonly ts: number
}

/** What is known of devices: reading. */
export interface DeviceReader {
  readonly sources: () => readonly StoredDeviceSource[]
  /** Users of whom anything was told, sorted. */
  readonly users: () => readonly string[]
  /** All that was told of a user, what was told last comes last. O(its size), which a waiting inbox can make megabytes. */
  readonly of: (userId: string) => readonly DeviceSnapshot[]
  readonly refusals: () => readonly DeviceRefusal[]
}

/** What is known of devices: adding. */
export interface DeviceKeeper extends DeviceReader {
  readonly source: (identity: DeviceRouteIdentity) => SourceId
  /** Keeps a step in one transaction; what is told again unchanged takes no room. @throws StateError CASE_UNUSABLE; nothing is kept then */
  readonly keep: (source: SourceId, step: DeviceStep, nowMs: number) => void
}

/** Evidence on one room at rest: reading. For one account without a room: `roomId` is its user ID. */
export interface CaseReader {
  readonly path: string
  readonly roomId: string
  readonly roomVersion: string | null
  readonly createdTs: number
  readonly counts: () => CaseCounts
  readonly sources: () => readonly StoredSource[]
  /** In the order in which they came. */
  readonly copies: () => Iterable<StoredCopy>
  readonly copiesOf: (eventId: string) => readonly StoredCopy[]
  readonly knows: (eventId: string) => boolean
  /** IDs of events cited as auth or prev events that are not here; auth events first, and only those when asked so. */
  readonly missing: (kind?: 'auth' | 'prev') => readonly string[]
  /** IDs that sources named as those of events in some other way, and that are not here. */
  readonly named: () => readonly string[]
  /** Forward extremities told last by each source, else the events that none cites. */
  readonly newest: () => readonly string[]
  /** All reported states, the latest of each (source, what, event) last. */
  readonly states: () => Iterable<Told<ReportedStateSet>>
  readonly stateGroups: (source: SourceId) => Iterable<StateGroup>
  readonly eventStateGroups: (source: SourceId) => Iterable<EventStateGroups>
  readonly currentStateChanges: (source: SourceId) => Iterable<CurrentStateChange>
  readonly extremities: () => readonly Told<ReportedExtremities>[]
  readonly refusals: () => readonly Told<Refusal>[]
  readonly keys: () => readonly ServerKey[]
  readonly aliases: () => readonly string[]
  readonly limits: () => readonly (GatherLimits & {readonly ts: number})[]
  readonly notes: () => readonly Told<{readonly text: string}>[]
  readonly marks: (source: SourceId) => ReadonlyMap<string, string>
  readonly devices: DeviceReader
  readonly close: () => void
}

/** Evidence on one room at rest: reading and adding. Nothing is ever taken away. */
export interface CaseWriter extends CaseReader {
  readonly devices: DeviceKeeper
  /** The source of this name, made when it is new. */
  readonly source: (identity: RouteIdentity, unknowable: readonly string[]) => SourceId
  /** Keeps a step in one transaction. @throws StateError CASE_UNUSABLE (also when the disk is full); the step is then not kept */
  readonly keep: (source: SourceId, step: Step, nowMs: number) => Kept
  readonly addKeys: (keys: readonly ServerKey[]) => void
  readonly addLimits: (limits: GatherLimits, nowMs: number) => void
  /** Takes in all evidence of another case of the same room. */
  readonly mergeFrom: (other: CaseReader) => Kept
}
