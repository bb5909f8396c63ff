import type {Finding} from '../../../finding/finding.ts'
import type {Replay} from '../../../resolve/replay.ts'
import type {Explanation} from '../../explain/explanation.ts'
import type {StateAsked} from '../../explain/hearing.ts'
import type {EventInvolved, RuleBroken, WouldPass} from '../diagnosis.ts'
import type {SymptomId} from '../symptom.ts'
import type {Certainty} from '../../../finding/finding.ts'

/** Something that somebody tried to do in the room. */
export interface Attempt {
  readonly user: string
  readonly action: 'join' | 'leave' | 'knock' | 'invite' | 'kick' | 'ban' | 'unban' | 'redact' | 'send'
  /** The other user, the event to redact, or the event type to send. */
  readonly target?: string
  readonly stateKey?: string
}

/** What a state says to an attempt. */
export interface Answer {
  /** Whose state; `null`: the replay's, at the tips. */
  readonly server: string | null
  /** By which the state was told, for `server`: its current state, or that at a forward extremity. */
  readonly what: string
  readonly explanation: Explanation
  /** Events that are not in the evidence and that stand in a slot that was asked for: then the answer is not known. */
  readonly strangers: readonly string[]
}

/** A state of the room, by the replay or by a server. */
export interface StateOf {
  /** `null`: the replay's, at the tips. */
  readonly server: string | null
  readonly what: string
  /** `null`: not known. */
  readonly state: StateAsked | null
}

/** Whom and what the complaint is about, as far as it is known. */
export interface Concerned {
  readonly user: string | null
  readonly server: string | null
  readonly eventId: string | null
}

/** A room, examined: all that a diagnosis is made from. */
export interface RoomEvidence {
  readonly replay: Replay
  /** The replay's state first, then what each server tells. */
  readonly states: readonly StateOf[]
  /** Everything that was found wrong, most severe first; with devices, if these were looked at. */
  readonly findings: readonly Finding[]
  readonly extremities: Readonly<Record<string, readonly string[]>>
  readonly concerned: Concerned
  /** Nobody typed the user: the message names them, and perhaps as the one whom it is about. */
  readonly userIsMentioned?: boolean
  /** Nobody typed the event: the message names it, perhaps among others. */
  readonly eventIsMentioned?: boolean
  /** Whether encryption devices were looked at. */
  readonly devices: boolean
  /** Nothing is missing that could change what the replay says. */
  readonly complete: boolean
  /** Asks by each of the states; the replay's answer first. */
  readonly ask: (attempt: Attempt) => readonly Answer[]
  /** Explains an event of the room; `null`: no event of it has this ID. */
  readonly explain: (eventId: string) => Explanation | null
}

/** A cause as the evidence shows it, before it is joined with the message and with what can be done. */
export interface Cause {
  readonly cause: string
  readonly certainty: Certainty
  readonly events: readonly EventInvolved[]
  readonly rule: RuleBroken | null
  readonly findings: readonly Finding[]
  readonly wouldPass?: readonly WouldPass[]
  /** What the steps of remedies are about, where it is not what was typed. */
  readonly about?: Partial<Concerned>
  /** Symptoms whose remedies fit, where these are others than that of the message. */
  readonly cureAs?: readonly SymptomId[]
  /** Remedies, by their IDs, that the evidence shows to be of no use here. */
  readonly useless?: readonly string[]
  /** What was tried, for steps that ask whether it would be allowed. */
  readonly attempt?: Attempt
}

/** What was looked for, and found or not. */
export interface Examined {
  readonly causes: readonly Cause[]
  /** Where the evidence shows no cause: what it does show, and what follows, in sentences. */
  readonly notShown: readonly string[]
  /** What evidence would decide, and how to get it, in sentences. */
  readonly gather: readonly string[]
}

export const NOTHING: Examined = {causes: [], notShown: [], gather: []}
