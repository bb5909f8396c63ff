import type {SigningKey} from '../matrix/key-ring.ts'

/** How evidence is got, as `--from` names it. */
export const ROUTE_KINDS = ['file', 'database', 'federation', 'admin', 'client'] as const
export type RouteKind = (typeof ROUTE_KINDS)[number]

/** What the admin API cannot show and federation can: the one place where the two are a matter of the whole case. */
export const STATES_ELSEWHERE = 'states at events other than the extremities'

/** Who was asked and as whom. No secret is in it. */
export interface RouteIdentity {
  readonly kind: RouteKind
  /** Stable for one room and one way of access, so that a later run goes on where this one ends: `client @alice:example.org`, `federation hs2 as hs1`. */
  readonly name: string
  /** Name of the server whose view this is; `''` for files, which do not tell. */
  readonly server: string
  /** Where it was asked, without credentials: a URL or a path. */
  readonly address: string
  /** TLS certificates were not verified. */
  readonly insecure: boolean
}

/** One event as a route gave it. */
export interface EventCopy {
  /** The JSON text of the one object, byte for byte as received, additions of an API included. */
  readonly text: string
  /** Where the route names the event beside its text (a database column), or `null`. */
  readonly eventId: string | null
  /** What the server thinks of the event, where the route tells; absent fields are not known, not false. */
  readonly marks?: EventMarks
}

export interface EventMarks {
  /** The server's reason for rejecting it, or `null` when it accepted it. */
  readonly rejected?: string | null
  readonly softFailed?: boolean
  readonly outlier?: boolean
  /** The server holds a redacted copy only, since the content hash was wrong when the event came. */
  readonly redactedOnReceipt?: boolean
  /** Milliseconds since 1970, by the server's clock. */
  readonly receivedTs?: number
}

/** One slot of a state. `/state_ids` tells event IDs only. */
export interface ReportedSlot {
  readonly eventId: string
  readonly type?: string
  readonly stateKey?: string
}

/** What a server says a state is. */
export interface ReportedStateSet {
  /** Two sides of one server: its current state, and its state at its forward extremity; or the state at an event. */
  readonly what: 'current' | 'at-extremity' | 'before' | 'after'
  /** Event that the state is before, after or at; `null` for `current`. */
  readonly eventId: string | null
  /** Endpoint or table that said so. */
  readonly how: string
  readonly slots: readonly ReportedSlot[]
}

/** A state group of Synapse's database: what changes against its base. A slot cannot be taken away by a delta. */
export interface StateGroup {
  readonly group: number
  readonly base: number | null
  readonly slots: readonly Required<ReportedSlot>[]
}

/** The server's own states around one event, as state groups; `null` where the database does not tell. */
export interface EventStateGroups {
  readonly eventId: string
  readonly before: number | null
  readonly after: number | null
}

/** One row of a server's log of its current state; `eventId` `null`: the slot vanished. */
export interface CurrentStateChange {
  readonly streamId: number
  readonly type: string
  readonly stateKey: string
  readonly eventId: string | null
  readonly prevEventId: string | null
}

export interface ReportedExtremities {
  readonly direction: 'forward' | 'backward'
  readonly how: string
  readonly eventIds: readonly string[]
}

/** A signing key as a route brings it. `key` is unpadded base64; `via` is `direct`, `notary example.org`, `file` or `database`. */
export type ServerKey = SigningKey

/** Something that was asked for and not given. */
export interface Refusal {
  /** What was asked for: an endpoint or table, without secrets. */
  readonly what: string
  /** The event asked for, if it was one. */
  readonly eventId?: string
  /** `absent`: the server says that it has no such thing. `refused`: it will not tell. `failed`: no usable answer. */
  readonly outcome: 'absent' | 'refused' | 'failed'
  /** HTTP status, if there was one. */
  readonly status?: number
  /** What the server said, in one line. */
  readonly message: string
}

/**
 * A piece of what a route gathers: kept whole or not at all, so that a run that is killed loses at most the piece under way. What `marks`
 * says is kept in the same transaction, and handed back when the route is asked again.
 */
export interface Step {
  /** For people: the endpoint or table, without its query. */
  readonly how: string
  /** HTTP requests sent for it, repeated ones included; 0 for a database. */
  readonly requests: number
  readonly roomVersion?: string
  readonly events?: readonly EventCopy[]
  readonly states?: readonly ReportedStateSet[]
  readonly stateGroups?: readonly StateGroup[]
  readonly eventStateGroups?: readonly EventStateGroups[]
  readonly currentStateChanges?: readonly CurrentStateChange[]
  readonly extremities?: readonly ReportedExtremities[]
  readonly keys?: readonly ServerKey[]
  readonly aliases?: readonly string[]
  readonly refusals?: readonly Refusal[]
  /** Where to go on, by the route's own names; `null` takes one away. */
  readonly marks?: Readonly<Record<string, string | null>>
  /** Remarks for people. */
  readonly notes?: readonly string[]
  /** Events that there will be in all, where the route knows. */
  readonly total?: number
}

/** Limits of the work, remembered with the evidence. */
export interface GatherLimits {
  /** Events back from the newest, at most. */
  readonly depth?: number
  /** Not further back than this event. */
  readonly since?: string
  /** Only what is near this event. */
  readonly around?: string
}

/** What a route is told. */
export interface GatherContext {
  readonly roomId: string
  /** `null` until a step told. */
  readonly roomVersion: () => string | null
  /** What the route's earlier steps left, in this run or an earlier one. */
  readonly marks: ReadonlyMap<string, string>
  /** Whether the evidence so far has the event itself. */
  readonly knows: (eventId: string) => boolean
  /** Newest events known so far from any route: forward extremities told, else events that none cites. */
  readonly newest: () => readonly string[]
  readonly limits: GatherLimits
  /** When it fires, its reason is thrown. */
  readonly signal: AbortSignal
  readonly onPause: (pause: {readonly ms: number; readonly reason: string}) => void
}

/** A line of `fetch --plan`. */
export interface PlannedRequest {
  /** `GET /_matrix/federation/v1/state_ids/{roomId}`, `SELECT … FROM events`. */
  readonly request: string
  /** How often: `1`, `1 for each 1,000 events`, `1 for each missing event`. */
  readonly times: string
  /** What it is asked for. */
  readonly purpose: string
  /** What it does to the server: `none` or a sentence. */
  readonly effect: string
}

/**
 * One way to one server's view of a room. All routes give the same shapes.
 *
 * Errors that end the route (unreachable, wrong token, not in the room) are thrown as `StateError`; what only lacks one thing is a
 * `Refusal` in a step. Nothing is requested before `gather` or `fetchEvents` is iterated.
 */
export interface Route {
  readonly identity: RouteIdentity
  /** What the route can never show. */
  readonly unknowable: readonly string[]
  readonly plan: (limits: GatherLimits) => readonly PlannedRequest[]
  /** The room as a whole, newest first where there is an order. Asked again later, it brings what is new. */
  readonly gather: (context: GatherContext) => AsyncIterable<Step>
  /** Single events by ID; each one that is not given has a refusal in some step. Absent where the route cannot. */
  readonly fetchEvents?: (eventIds: readonly string[], context: GatherContext) => AsyncIterable<Step>
  /** Room ID of an alias. Absent where the route cannot tell. */
  readonly resolveAlias?: (alias: string, signal: AbortSignal) => Promise<string>
  readonly close: () => Promise<void>
}
