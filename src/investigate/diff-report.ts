import type {Finding} from '../finding/finding.ts'
import type {Grade} from '../forensics/differences.ts'
import type {Origin} from '../forensics/first-divergence.ts'
import type {PeopleDifference} from '../forensics/people.ts'
import type {JsonObject} from '../matrix/json.ts'
import type {Reading} from '../resolve/auth-difference.ts'

/** Where the states that are compared are taken. */
export type DiffPosition =
  | {readonly kind: 'tips'}
  | {readonly kind: 'at'; readonly eventId: string; readonly position: 'before' | 'after'}
  | {readonly kind: 'events'; readonly eventIds: readonly [string, string]}
  | {readonly kind: 'sources'; readonly sources: readonly [string, string]}

/** One answer to "what is the state?"; the first is the replay. */
export interface DiffSide {
  /** `replay`, `s1`, `s2` … */
  readonly id: string
  /** Server, or the name of a file. */
  readonly server: string
  readonly what: 'replay' | 'current' | 'at-extremity' | 'before' | 'after'
  readonly how: string
  readonly eventId: string | null
  /** When it was told, milliseconds since 1970; 0 where that is not known. */
  readonly ts: number
  /** Entries of the state. */
  readonly size: number
  /** Slots in which it differs from the replay. */
  readonly differences: number
  /** Events that it names without their slot, and that are not here. */
  readonly unknownEvents: readonly string[]
}

/** What a side has in a slot. */
export interface DiffValue {
  readonly eventId: string
  /** `null`: the event itself is not here. */
  readonly event: {readonly sender: string; readonly originServerTs: number; readonly content: JsonObject} | null
}

export interface SlotDifference {
  readonly type: string
  readonly stateKey: string
  /** By side; `null`: nothing stands there. */
  readonly values: Readonly<Record<string, DiffValue | null>>
  readonly grade: Grade
  /** By side, for those that differ. */
  readonly grades: Readonly<Record<string, Grade>>
  /** Sides that say what the replay says. */
  readonly matchesReplay: readonly string[]
}

/** The event at which what a server says first is not what the replay gives. */
export interface DivergencePoint {
  readonly eventId: string
  readonly server: string
  /** Side of that server that differs now; `null`: its states of today are right (again). */
  readonly side: string | null
  readonly position: 'before' | 'after'
  readonly slots: readonly {readonly type: string; readonly stateKey: string}[]
  /** All states before it were compared and agree. Otherwise it is a boundary: there may be an earlier one. */
  readonly provenEarliest: boolean
  readonly method: 'scan' | 'bisection'
  /** Events whose states were compared. */
  readonly compared: number
  /** Requests that it cost. */
  readonly requests: number
  readonly origin: Origin
  readonly type: string
  readonly sender: string
  readonly originServerTs: number
}

/** What it means for people that a side differs from the replay. */
export interface SidePeople extends PeopleDifference {
  readonly side: string
  readonly server: string
}

/** What `diff` has to say; plain data, for any renderer. */
export interface DiffReport {
  readonly roomId: string
  readonly roomVersion: string
  readonly reading: Reading
  readonly source: string
  readonly position: DiffPosition
  /** Events whose states the replay's was resolved from. */
  readonly at: readonly string[]
  /** Whether nothing is missing that could change the answer. */
  readonly complete: boolean
  /** Events that are cited and not here. */
  readonly missing: number
  readonly unknowable: readonly string[]
  readonly sides: readonly DiffSide[]
  readonly differences: readonly SlotDifference[]
  /** Earliest first; one a server. */
  readonly divergencePoints: readonly DivergencePoint[]
  /** Servers whose recorded states were all compared, and agree with the replay at every event. */
  readonly agreeing: readonly {readonly server: string; readonly compared: number}[]
  /** Servers that were to be asked for earlier states and did not answer. */
  readonly notAsked: readonly {readonly server: string; readonly why: string}[]
  readonly people: readonly SidePeople[]
  /** Events that one of two sources has and the other lacks, by side. */
  readonly lacking: readonly {readonly side: string; readonly events: readonly string[]}[]
  readonly findings: readonly Finding[]
  /**
   * Resets that stand in the replay's state now (`state/reset` of severity error). They are of the room and no difference, so that they are not
   * among the findings: `resolve` has them there.
   */
  readonly resets: readonly Finding[]
}
