import type {DeviceFact, DeviceFactKind} from '../matrix/device-facts.ts'
import type {PlannedRequest, Refusal, RouteIdentity} from './evidence.ts'

/** What a device route is told. */
export interface DeviceContext {
  /** The users that are audited, in no order. Hundreds of thousands are possible: a route asks for them in batches. */
  readonly userIds: readonly string[]
  /** Asks for the published keys alone: to see whether what differed before differs still. */
  readonly keysOnly?: boolean
  /** Asks for these alone, as far as one question does not bring others along. @defaultValue everything */
  readonly kinds?: readonly DeviceFactKind[]
  readonly signal: AbortSignal
  readonly onPause: (pause: {readonly ms: number; readonly reason: string}) => void
}

/** Whether facts of a kind are asked for. */
export function wants({kinds}: DeviceContext, ...any: readonly DeviceFactKind[]): boolean {
  return kinds === undefined || any.some((kind) => kinds.includes(kind))
}

/** What one request or query told: kept whole or not at all. */
export interface DeviceStep {
  /** Endpoint or table, without its query. */
  readonly how: string
  /** HTTP requests sent for it, repeated ones included; 0 for a database. */
  readonly requests: number
  readonly facts: readonly {readonly userId: string; readonly fact: DeviceFact}[]
  /** What was asked for and not given. `userIds`: whom it concerns; absent: all. */
  readonly refusals?: readonly (Refusal & {readonly userIds?: readonly string[]})[]
  readonly notes?: readonly string[]
}

/** Who was asked for devices, and as whom. No secret is in it. */
export interface DeviceRouteIdentity extends RouteIdentity {
  /** The account whose token it is, and its device; `null` for routes without one, or where the server does not tell the device. */
  readonly account: {readonly userId: string; readonly deviceId: string | null} | null
}

/**
 * One way to what a server knows of users' devices. Nothing that a route asks changes anything on a server but access times: it never sends
 * `/sync` with `since`, which deletes to-device messages, nor `/keys/claim`, which consumes one-time keys, nor uploads keys.
 *
 * Errors that end the route are thrown as `StateError`; what only lacks one thing is a `Refusal` in a step.
 */
export interface DeviceRoute {
  readonly identity: DeviceRouteIdentity
  readonly plan: (users: number) => readonly PlannedRequest[]
  readonly gather: (context: DeviceContext) => AsyncIterable<DeviceStep>
  readonly close: () => Promise<void>
}
