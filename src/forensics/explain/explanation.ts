import type {Rejection} from '../../auth/check.ts'
import type {Trace} from '../../auth/trace.ts'
import type {Finding} from '../../finding/finding.ts'
import type {JsonObject} from '../../matrix/json.ts'
import type {CheckedSignature, ContentHashVerdict} from '../../matrix/verify-copy.ts'
import type {RoomVersionRules} from '../../matrix/room-version.ts'
import type {Change} from './changes.ts'
import type {Citation} from './cited-auth-events.ts'
import type {SoftFailEstimate} from './soft-fail.ts'

/**
 * The checks on receipt of a PDU, in the order of the spec.
 *
 * @see https://spec.matrix.org/v1.19/server-server-api/#checks-performed-on-receipt-of-a-pdu
 */
export const CHECKS = ['format', 'signatures', 'content-hash', 'auth-events', 'state-before', 'current-state'] as const
export type CheckName = (typeof CHECKS)[number]

/** `not-checked`: it could be, with more at hand. `not-known`: what it needs is missing. `not-reached`: an earlier check ended it. */
export type CheckOutcome = 'passed' | 'failed' | 'not-checked' | 'not-known' | 'not-reached'

export interface Check {
  readonly name: CheckName
  readonly outcome: CheckOutcome
  /** A sentence for people, without a full stop. */
  readonly says: string
  /** The rule that failed, as in `Rejection`. */
  readonly rule: string | null
}

/** What a server says of an event, and what follows from when it received it. */
export interface ServerWord {
  readonly server: string
  /** Whether it gave the event; `null`: not known. */
  readonly has: boolean | null
  /** Its reason for rejecting it; `null`: it did not; `undefined`: not told. */
  readonly rejected: string | null | undefined
  readonly softFailed: boolean | undefined
  readonly outlier: boolean | undefined
  readonly receivedTs: number | undefined
  readonly estimate: SoftFailEstimate | null
}

export interface UserPower {
  readonly user: string
  /** Decimal, or `above all`. */
  readonly power: string
}

/** Who could do something in the room, as its state is. */
export interface Able {
  /** The most powerful first; not more than ten. */
  readonly users: readonly UserPower[]
  /** Also anybody else who is joined. */
  readonly anyMember: boolean
}

/** Changes that together make the event pass: each was tried. */
export interface Remedy {
  readonly changes: readonly Change[]
  /** `if @x had power 50 (now 0)`. */
  readonly says: string
  /** Who could bring about each change now; `null` where that is nobody's to do, or the event is of the past. */
  readonly by: readonly (Able | null)[]
}

/** The event as it was judged. */
export interface ExplainedEvent {
  /** `null` for one that nobody has sent. */
  readonly eventId: string | null
  readonly type: string
  /** `undefined` for message events. */
  readonly stateKey: string | undefined
  readonly sender: string
  /** Of state events; empty for messages. */
  readonly content: JsonObject
  readonly originServerTs: number
  readonly depth: number | bigint
  readonly prevEvents: readonly string[]
  readonly authEvents: readonly string[]
  /** Where it stands in the source; 0: nowhere. */
  readonly line: number
  /** Fields of a draft that were filled in. */
  readonly filled: readonly string[]
}

export type ExplainedVerdict = 'accepted' | 'rejected' | 'undetermined'

/** The answer to "can this user do that?". `depends`: on what the room does not tell (membership of another room). */
export interface CanAnswer {
  readonly user: string
  readonly action: string
  /** User, event or event type. */
  readonly target: string | null
  readonly answer: 'yes' | 'no' | 'depends' | 'not-known'
}

/** Why an event is accepted, rejected or soft-failed, or would be; plain data, for any renderer. */
export interface Explanation {
  readonly asked: 'event' | 'draft' | 'can'
  readonly roomId: string
  readonly roomVersion: string
  readonly reading: string
  readonly source: string
  readonly trustIds: boolean
  readonly event: ExplainedEvent
  readonly verdict: ExplainedVerdict
  readonly can: CanAnswer | null
  /** The answer in one sentence. */
  readonly answer: string
  readonly rejection: Rejection | null
  readonly checks: readonly Check[]
  readonly citations: readonly Citation[]
  /** The rules as they were evaluated; `null` where they cannot be. */
  readonly rules: {readonly auth: Trace | null; readonly before: Trace | null}
  readonly remedies: readonly Remedy[]
  /** Who could send the same; `null` where it is only the sender's to send. */
  readonly couldSend: Able | null
  readonly servers: readonly ServerWord[]
  /** Servers that soft-failed it. */
  readonly softFailedBy: readonly string[]
  /** Events that are not in the evidence, and without which nothing more can be said. */
  readonly missing: readonly string[]
  /** False where the verdict is open: exit code 3. */
  readonly complete: boolean
  readonly notes: readonly string[]
  readonly unknowable: readonly string[]
  readonly findings: readonly Finding[]
}

/** What is known of the text of an event, beside what the replay reads. */
export interface TextEvidence {
  readonly contentHash: ContentHashVerdict | null
  /** `null`: no keys were at hand. */
  readonly signatures: {
    readonly overall: 'verified' | 'unverifiable' | 'bad'
    readonly checked: readonly CheckedSignature[]
    /** Servers that must sign and did not. */
    readonly missing: readonly string[]
  } | null
}

export type Rules = RoomVersionRules
