import type {RoomCheck, RoomVerdict} from '../investigate/check-report.ts'

/** In the order in which they are told. */
export const VERDICTS = ['failed', 'findings', 'inconclusive', 'clean'] as const satisfies readonly RoomVerdict[]

export function countVerdicts(rooms: readonly RoomCheck[]): Readonly<Record<RoomVerdict, number>> {
  const counts = {clean: 0, findings: 0, inconclusive: 0, failed: 0}
  for (const {verdict} of rooms) counts[verdict] += 1
  return counts
}

/** How many findings of each kind count, by ID; the most frequent first. */
export function findingsByKind(rooms: readonly RoomCheck[]): Readonly<Record<string, number>> {
  const counts = new Map<string, number>()
  for (const {findings} of rooms) {
    for (const {id, notCounted} of findings) if (notCounted === null) counts.set(id, (counts.get(id) ?? 0) + 1)
  }
  return Object.fromEntries([...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)))
}
