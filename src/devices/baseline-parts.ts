import type {Evidence} from '../finding/finding.ts'
import type {Baseline} from '../matrix/device-baseline.ts'
import type {DeviceFactKind} from '../matrix/device-facts.ts'
import type {BaselineCheckId, BaselineEvidence, NotCheckedBecause} from './baseline-evidence.ts'
import type {DeviceAudit, UserAudit} from './evidence.ts'
import type {SnapshotOf, Told} from './snapshots.ts'
import {when} from './words.ts'

/** A check before its findings are known. */
export interface Made {
  readonly id: BaselineCheckId
  readonly summary: string
  readonly because: NotCheckedBecause | null
}

/** Evidence of what was recorded. */
export function recorded(baseline: Baseline, what: string, value: Evidence['value']): Evidence {
  return {source: 'baseline', where: `recorded ${when(baseline.recorded_ts)}, ${what}`, value}
}

/** What the checks are made of. */
export interface Look {
  readonly evidence: BaselineEvidence
  readonly baseline: Baseline
  readonly told: Told
  /** The published keys that hold; `null`: nobody told any. */
  readonly shown: SnapshotOf<'keys'> | null
  readonly audit: UserAudit
  /** As published; `null` where it is not, or publishes no keys. */
  readonly device: DeviceAudit | null
}

export const NO_KEYS = 'The device publishes no keys to look at.'

/** `null`: the keys of the device are there to be looked at. */
export function withoutKeys({evidence, shown, device}: Look, id: BaselineCheckId): Made | null {
  if (shown === null) return unknown(evidence, id, 'keys', 'Nobody told the published keys')
  return device === null ? {id, summary: NO_KEYS, because: 'other-failure'} : null
}

/** What was not told: refused with the token, asked for in vain, or beyond what was given. */
export function unknown(
  {token, unanswered}: BaselineEvidence,
  id: BaselineCheckId,
  kind: DeviceFactKind,
  what: string,
): Made {
  const why = unanswered[kind]
  if (token.kind === 'refused') return {id, summary: `${what}: the token is refused.`, because: 'other-failure'}
  if (why !== undefined) return {id, summary: `${what}: ${why}`, because: 'no-answer'}
  return {id, summary: `${what}: none of the routes tells.`, because: 'no-access'}
}

/** Whether the account’s cross-signing keys were told at all. */
export function tellsCrossSigning(shown: SnapshotOf<'keys'> | null): boolean {
  return shown?.fact.master_key !== undefined && shown.fact.self_signing_key !== undefined
}
