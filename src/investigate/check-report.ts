import type {Finding, Severity} from '../finding/finding.ts'
import type {ServerEvidence} from './check-subject.ts'

/**
 * What a room came to. `clean`: all evidence is there, and nothing counts against it. `findings`: something at or above `--fail-on` that is
 * neither ignored nor known. `inconclusive`: nothing such, but evidence is lacking, so that "clean" cannot be claimed. `failed`: it could not
 * be checked at all.
 */
export type RoomVerdict = 'clean' | 'findings' | 'inconclusive' | 'failed'

/** What makes a finding not count. `known`: it stands in the baseline. `ignored`: its kind is left out (`--ignore`, the config file). */
export type NotCounted =
  | {readonly why: 'known'; readonly reason: string | null}
  /** `reason`: as the config file gives it. */
  | {readonly why: 'ignored'; readonly reason?: string}
  | null

export interface CheckedFinding extends Finding {
  readonly notCounted: NotCounted
}

/** One room, checked. Plain data that survives a journal: what is read again after a kill is the same. */
export interface RoomCheck {
  /** As it was given: an ID, an alias, a file. */
  readonly room: string
  /** `null` where it never came to be known. */
  readonly roomId: string | null
  readonly roomVersion: string | null
  readonly name: string | null
  readonly verdict: RoomVerdict
  /** Most severe first; at one severity in the order of the replay. */
  readonly findings: readonly CheckedFinding[]
  /** Why "clean" cannot be claimed, in sentences. */
  readonly open: readonly string[]
  /** Why it failed. */
  readonly error: {readonly code: string; readonly message: string; readonly hint: string | null} | null
  readonly events: number
  /** What each server told of the room, as far as findings rest on it. */
  readonly told?: readonly {readonly server: string; readonly evidence: readonly ServerEvidence[]}[]
  readonly requests: number
  readonly seconds: number
}

/** An entry of the baseline that was not found again, of a room that was checked whole. */
export interface GoneFinding {
  readonly roomId: string
  readonly id: string
  /** As in the baseline file. */
  readonly subject: string
  readonly reason: string | null
}

export interface CheckReport {
  /** In the order in which they were given. */
  readonly rooms: readonly RoomCheck[]
  readonly failOn: Severity | 'never'
  /** `null` without `--baseline`. */
  readonly baseline: {readonly path: string; readonly gone: readonly GoneFinding[]} | null
  /** Of all shards: this one. */
  readonly shard: {readonly index: number; readonly of: number} | null
  /** Rooms that an earlier run had checked already (journal). */
  readonly resumed: number
  readonly startedTs: number
  readonly endedTs: number
  readonly notes: readonly string[]
  /** Rooms that were not checked, since the run was interrupted; absent where all were. */
  readonly unfinished?: number
}
