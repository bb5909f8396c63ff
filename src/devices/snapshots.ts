import type {Finding} from '../finding/finding.ts'
import type {DeviceFact, DeviceFactKind, DeviceSnapshot, PublishedKeys} from '../matrix/device-facts.ts'
import type {UserEvidence} from './evidence.ts'
import {crossSigningPublicKeys} from './device-lists.ts'
import {HOUR, when} from './words.ts'

type FactOf<K extends DeviceFactKind> = Extract<DeviceFact, {readonly kind: K}>
export type SnapshotOf<K extends DeviceFactKind> = DeviceSnapshot<FactOf<K>>

/** All that was told of one user, arranged. Cost: one sort of the snapshots. */
export interface Told {
  readonly evidence: UserEvidence
  /** Snapshots of one kind by (route, how), each oldest first. */
  readonly series: <K extends DeviceFactKind>(kind: K) => readonly (readonly SnapshotOf<K>[])[]
  /** The newest of each (route, how): what holds now, the last told first. */
  readonly current: <K extends DeviceFactKind>(kind: K) => readonly SnapshotOf<K>[]
  /** Every snapshot of one kind, oldest first. */
  readonly all: <K extends DeviceFactKind>(kind: K) => readonly SnapshotOf<K>[]
  /** Public cross-signing keys that were ever told. Servers keep them as hidden devices of that name: they are no devices. */
  readonly hidden: ReadonlySet<string>
}

/** Arranges the evidence so that the order in which snapshots of one time came does not matter, but for those of one route and place. */
export function arrange(evidence: UserEvidence): Told {
  const ofUser = evidence.snapshots
    .filter(({userId}) => userId === evidence.userId)
    .map((snapshot, at) => ({snapshot, at}))
    .sort(
      (a, b) =>
        a.snapshot.ts - b.snapshot.ts ||
        a.snapshot.lastTs - b.snapshot.lastTs ||
        compare(seriesOf(a.snapshot), seriesOf(b.snapshot)) ||
        a.at - b.at,
    )
    .map(({snapshot}) => snapshot)
  const ofKind = Map.groupBy(ofUser, ({fact}) => fact.kind)
  const all = <K extends DeviceFactKind>(kind: K): readonly SnapshotOf<K>[] =>
    (ofKind.get(kind) ?? []) as readonly DeviceSnapshot[] as readonly SnapshotOf<K>[]
  const series = <K extends DeviceFactKind>(kind: K): readonly (readonly SnapshotOf<K>[])[] => [
    ...Map.groupBy(all(kind), seriesOf).values(),
  ]
  // Asked for once a device: a user may have thousands.
  const newest = new Map<DeviceFactKind, readonly DeviceSnapshot[]>()
  for (const kind of ofKind.keys())
    newest.set(
      kind,
      series(kind)
        .flatMap((snapshots) => snapshots.slice(-1))
        .sort(newestFirst),
    )
  const current = <K extends DeviceFactKind>(kind: K): readonly SnapshotOf<K>[] =>
    (newest.get(kind) ?? []) as readonly SnapshotOf<K>[]
  return {
    evidence,
    series,
    current,
    all,
    hidden: new Set(all('keys').flatMap(({fact}) => crossSigningPublicKeys(fact))),
  }
}

function seriesOf({route, how}: DeviceSnapshot): string {
  return JSON.stringify([route, how])
}

function newestFirst(a: DeviceSnapshot, b: DeviceSnapshot): number {
  return b.lastTs - a.lastTs || b.ts - a.ts || compare(seriesOf(a), seriesOf(b))
}

export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The keys that hold now: as the user's own server says, or else the newest copy. `null` where nobody told. */
export function shownKeys(told: Told): SnapshotOf<'keys'> | null {
  return newestKeys(told, 'origin') ?? newestKeys(told, 'copy')
}

/** What one side says now: of the user's own server, or of those with a copy. */
export function newestKeys(told: Told, view: PublishedKeys['view']): SnapshotOf<'keys'> | null {
  return keysNow(told).find(({fact}) => fact.view === view) ?? null
}

/** One run, and another one for the evidence that it lacked, make one picture; what was told longer ago is the picture of then. */
const OLD = HOUR

/** Keys as they were told at about the time of the last telling: an earlier word of the user's own server is no better than today's copy. */
export function keysNow(told: Told): readonly SnapshotOf<'keys'>[] {
  const all = told.current('keys')
  const newest = all[0]?.lastTs ?? 0
  return all.filter(({lastTs}) => newest - lastTs <= OLD)
}

/**
 * Whether a snapshot is from an earlier run: what moves by itself (keys that are left, messages that wait, a backup) may be otherwise by now.
 */
export function isOld({evidence}: Told, {lastTs}: DeviceSnapshot): boolean {
  return evidence.nowMs - lastTs > OLD
}

/** A finding by what may be so no more: it says when it was so, and is neither proof nor an error. */
export function asOfThen(told: Told, by: DeviceSnapshot | undefined, found: Finding): Finding {
  if (by === undefined || !isOld(told, by)) return found
  return {
    ...found,
    severity: found.severity === 'error' ? 'warning' : found.severity,
    certainty: 'hint',
    summary: `${found.summary} So it was at ${when(by.lastTs)}: nobody told it since.`,
  }
}
