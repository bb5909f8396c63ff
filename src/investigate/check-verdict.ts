import type {Finding, Severity} from '../finding/finding.ts'
import type {CheckedFinding, NotCounted, RoomCheck, RoomVerdict} from './check-report.ts'

/** What makes a finding count. */
export interface Judging {
  /** The known findings of the room in question: why one is known, `null` for one that is not. `null`: there is no baseline. */
  readonly baseline: ((finding: Finding) => {readonly reason: string | null} | null) | null
  /** IDs of findings that are left out. */
  readonly ignore: ReadonlySet<string>
  /** Why, by ID, where that was said. */
  readonly ignoredFor?: ReadonlyMap<string, string>
  readonly failOn: Severity | 'never'
}

export interface Judged {
  readonly findings: readonly CheckedFinding[]
  /** Whether one of them counts and is at or above `failOn`. */
  readonly fails: boolean
}

const RANK: Readonly<Record<Severity | 'never', number>> = {never: -1, error: 0, warning: 1, note: 2}

/** Which findings of a room count, and whether the room fails for them. Their order stays. */
export function judge(findings: readonly Finding[], {baseline, ignore, ignoredFor, failOn}: Judging): Judged {
  const judged = findings.map((finding): CheckedFinding => ({...finding, notCounted: notCounted(finding)}))
  const fails = judged.some((one) => one.notCounted === null && RANK[one.severity] <= RANK[failOn])
  return {findings: judged, fails}

  function notCounted(finding: Finding): NotCounted {
    if (ignore.has(finding.id)) {
      const reason = ignoredFor?.get(finding.id)
      return {why: 'ignored', ...(reason === undefined ? {} : {reason})}
    }
    const known = baseline?.(finding) ?? null
    return known === null ? null : {why: 'known', reason: known.reason}
  }
}

/** A room as it was checked, before anybody judged it: plain data, which a journal keeps. */
export type RoomOutcome = Omit<RoomCheck, 'verdict' | 'findings'> & {
  /** Most severe first. */
  readonly findings: readonly Finding[]
  /** States that servers told and that the replay was held against. */
  readonly compared: number
}

/** Judges what was found in a room. */
export function judgeRoom({compared: _, ...outcome}: RoomOutcome, judging: Judging): RoomCheck {
  const {findings, fails} = judge(outcome.findings, judging)
  return {...outcome, findings, verdict: verdictOf(outcome, fails)}
}

function verdictOf({error, open}: Pick<RoomOutcome, 'error' | 'open'>, fails: boolean): RoomVerdict {
  if (error !== null) return 'failed'
  if (fails) return 'findings'
  return open.length > 0 ? 'inconclusive' : 'clean'
}

/** Sorted by severity; at one severity in the order in which they came. */
export function mostSevereFirst(findings: readonly Finding[]): readonly Finding[] {
  return findings.toSorted((a, b) => RANK[a.severity] - RANK[b.severity])
}

/**
 * What several looks at one room found, each thing once: where two found the same of the same, the more severe word holds. What one look
 * tells several times (of several servers) stays.
 */
export function eachOnce(looks: readonly (readonly Finding[])[]): readonly Finding[] {
  const kept: {readonly key: string; readonly look: number; readonly finding: Finding}[] = []
  const byKey = new Map<string, number[]>()
  for (const [look, findings] of looks.entries()) {
    for (const finding of findings) {
      const key = JSON.stringify([finding.id, finding.subject])
      const earlier = (byKey.get(key) ?? []).find((at) => kept[at]?.look !== look)
      const entry = {key, look, finding}
      if (earlier === undefined) byKey.set(key, [...(byKey.get(key) ?? []), kept.push(entry) - 1])
      else if (RANK[kept[earlier]?.finding.severity ?? 'error'] > RANK[finding.severity]) kept[earlier] = entry
    }
  }
  return kept.map(({finding}) => finding)
}

/** Whether one is at least as severe as the other. */
export function isAsSevere(one: Severity, other: Severity): boolean {
  return RANK[one] <= RANK[other]
}
