import type {Certainty, Finding} from '../../finding/finding.ts'
import type {Remedy} from './remedy.ts'
import type {Recognised} from './symptom.ts'

/** An event with a part in the trouble. */
export interface EventInvolved {
  readonly eventId: string
  /** What it did, in a sentence that names who and when. */
  readonly part: string
}

/** The rule that made a server say what it said. */
export interface RuleBroken {
  /** As `explain` numbers it, with the version: `v10:4.3.5`. */
  readonly number: string
  readonly text: string
  readonly source: string
}

/** One cause in this room of what was complained about. */
export interface Diagnosis {
  /** `null` without a message. */
  readonly symptom: Recognised | null
  /** The cause in one sentence: who did what, when, and what that has to do with the symptom. */
  readonly cause: string
  readonly certainty: Certainty
  readonly events: readonly EventInvolved[]
  readonly rule: RuleBroken | null
  /** What was found wrong that bears on it. */
  readonly findings: readonly Finding[]
  /** The least invasive first. */
  readonly remedies: readonly Remedy[]
  /** What would have to differ for the event to pass, each tried, and who could bring that about now; absent where nothing was judged. */
  readonly wouldPass?: readonly WouldPass[]
}

/** A change, or changes together, by which what was refused would be allowed. */
export interface WouldPass {
  /** `if @x:y were invited`. */
  readonly says: string
  /** The most powerful first; empty: nobody in the room, or it is nobody's to do. */
  readonly by: readonly string[]
}
