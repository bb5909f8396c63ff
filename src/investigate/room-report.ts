import type {Rejection} from '../auth/check.ts'
import type {Finding} from '../finding/finding.ts'
import type {JsonObject} from '../matrix/json.ts'
import type {VERDICT_NAMES} from '../resolve/replay.ts'
import type {Reading} from '../resolve/auth-difference.ts'
import type {StateRes} from '../matrix/room-version.ts'

/** One slot of a state, with what people want to know of its event. */
export interface StateEntry {
  readonly type: string
  readonly stateKey: string
  readonly eventId: string
  readonly sender: string
  /** Milliseconds since the epoch, as the sender's server claims. */
  readonly originServerTs: number
  readonly content: JsonObject
}

export interface RejectedEvent extends Rejection {
  readonly eventId: string
  readonly type: string
  readonly stateKey: string | undefined
  readonly sender: string
  /** Where it stands in the source; 1-based. */
  readonly line: number
}

/** An event that others cite and that is not in the evidence. */
export interface MissingEvent {
  readonly eventId: string
  /** One that cites it. */
  readonly citedBy: string
  readonly as: 'prev event' | 'auth event'
  readonly citations: number
}

export interface PowerHolder {
  readonly userId: string
  /** Decimal, or `above all` for creators who outrank every level. */
  readonly level: string
  readonly isCreator: boolean
  /** `join`, `ban` …; `null` without a membership. */
  readonly membership: string | null
}

export interface Counts {
  readonly events: number
  readonly stateEvents: number
  /** Events with several prev events. */
  readonly merges: number
  /** Those of them that merge states which differ. */
  readonly conflictedMerges: number
  readonly rejected: number
  readonly undetermined: number
  /** Events that are cited and not there. */
  readonly missing: number
}

/** How a server's current state relates to the replay's. */
export interface ReportedComparison {
  readonly server: string
  readonly how: string
  /** Slots in which they differ. */
  readonly differences: number
}

/** A slot as it is and as it would be; `null`: nothing stands there. */
export interface SlotChange {
  readonly type: string
  readonly stateKey: string
  readonly value: StateEntry | null
  readonly wouldBe: StateEntry | null
}

/** An event that would be judged otherwise. */
export interface VerdictChange {
  readonly eventId: string
  readonly type: string
  readonly stateKey: string | undefined
  readonly sender: string
  readonly verdict: (typeof VERDICT_NAMES)[number]
  readonly wouldBe: (typeof VERDICT_NAMES)[number]
  /** Why it would be rejected; `null` where it would not be. */
  readonly rejection: Rejection | null
  /** Why it is rejected; `null` where it is not. */
  readonly rejectedBy: Rejection | null
}

/** An event that counts as rejected when it came. */
export interface WithoutEvent {
  readonly eventId: string
  readonly type: string
  readonly stateKey: string | undefined
  readonly sender: string
  /** What it is without any assumption. */
  readonly verdict: (typeof VERDICT_NAMES)[number]
}

/** A state that one server recorded after an event, taken instead of the replayed one. */
export interface RecordedInput {
  readonly eventId: string
  /** Slots in which it differs from the replayed state after the event; `null`: that one is not known. */
  readonly differences: number | null
}

/** What would differ if something were otherwise; the report that holds it is of the room as it would be. */
export interface WhatIf {
  readonly algorithm: {readonly asked: StateRes; readonly isOwn: boolean} | null
  readonly without: readonly WithoutEvent[]
  readonly inputsFrom: {
    readonly server: string
    readonly how: string
    readonly inputs: readonly RecordedInput[]
  } | null
  /** In the order of slots, those that `type` and `stateKey` choose; `null`: one of the two states is not known. */
  readonly differences: readonly SlotChange[] | null
  /** Before `type` and `stateKey` chose. */
  readonly differing: number
  /** In topological order, without those that were left out; `null`: no event was judged again. */
  readonly verdicts: readonly VerdictChange[] | null
  /** Levels that differ: decimal, or `above all`. */
  readonly powers: readonly {readonly userId: string; readonly level: string; readonly wouldBe: string}[]
  /** Users who can kick, ban or redact in one of the two states only, or otherwise. */
  readonly moderators: readonly {
    readonly userId: string
    readonly can: readonly string[]
    readonly could: readonly string[]
  }[]
}

/** What `resolve` has to say about a room; plain data, for any renderer. */
export interface RoomReport {
  readonly roomId: string
  readonly roomVersion: string
  readonly stateRes: string
  readonly reading: Reading
  /** File or server, as people name it. */
  readonly source: string
  readonly position: 'after' | 'before'
  /** Events whose states were resolved together; none where states were given. */
  readonly at: readonly string[]
  /** Whether `at` are all tips. */
  readonly atTips: boolean
  readonly complete: boolean
  readonly unknowable: readonly string[]
  readonly trustIds: boolean
  readonly creators: readonly string[]
  readonly createdTs: number | null
  /** `null`: cannot be determined, because of what is missing. */
  readonly state: readonly StateEntry[] | null
  /** The state before `type` and `stateKey` chose from it: what the room's name and members are read from. */
  readonly wholeState: readonly StateEntry[] | null
  readonly counts: Counts
  readonly tips: readonly string[]
  readonly power: readonly PowerHolder[]
  /** The seven named levels in force. */
  readonly levels: Readonly<Record<string, string>>
  readonly rejected: readonly RejectedEvent[]
  readonly missing: readonly MissingEvent[]
  readonly reported: readonly ReportedComparison[]
  /** Forward extremities by server, as servers tell them. */
  readonly reportedExtremities: Readonly<Record<string, readonly string[]>>
  readonly findings: readonly Finding[]
  /** There if all of this is of the room as it would be, under other conditions than its own. */
  readonly whatIf?: WhatIf
}
