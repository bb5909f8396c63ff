import type {Severity, Subject} from '../finding/finding.ts'
import type {CheckedFinding, CheckReport, RoomCheck, RoomVerdict} from '../investigate/check-report.ts'
import {countVerdicts, VERDICTS} from './check-counts.ts'
import {count} from './printable.ts'

/** What was found of one kind in one room. */
export interface FoundKind {
  readonly id: string
  /** The gravest of those that count; where none does, of all. */
  readonly severity: Severity
  /** They make the room fail. */
  readonly failing: readonly CheckedFinding[]
  /** They count, but are less severe than `--fail-on`. */
  readonly lesser: readonly CheckedFinding[]
  readonly known: readonly CheckedFinding[]
  readonly ignored: readonly CheckedFinding[]
}

const RANK: Readonly<Record<Severity | 'never', number>> = {never: -1, error: 0, warning: 1, note: 2}

/** Of each kind what was found, in the order in which the kinds come first. */
export function foundKinds({findings}: RoomCheck, failOn: CheckReport['failOn']): readonly FoundKind[] {
  return [...Map.groupBy(findings, ({id}) => id)].map(([id, all]) => {
    const counted = all.filter(({notCounted}) => notCounted === null)
    return {
      id,
      severity: gravest(counted.length === 0 ? all : counted),
      failing: counted.filter(({severity}) => RANK[severity] <= RANK[failOn]),
      lesser: counted.filter(({severity}) => RANK[severity] > RANK[failOn]),
      known: all.filter(({notCounted}) => notCounted?.why === 'known'),
      ignored: all.filter(({notCounted}) => notCounted?.why === 'ignored'),
    }
  })
}

/** The most severe kind first; at one severity the order stays. */
export function bySeverity<Kind extends {readonly severity: Severity}>(kinds: readonly Kind[]): readonly Kind[] {
  return kinds.toSorted((a, b) => RANK[a.severity] - RANK[b.severity])
}

function gravest(findings: readonly CheckedFinding[]): Severity {
  return bySeverity(findings)[0]?.severity ?? 'note'
}

/** Failed rooms first, clean ones last; at one verdict the order stays. */
export function gravestFirst(rooms: readonly RoomCheck[]): readonly RoomCheck[] {
  return rooms.toSorted((a, b) => VERDICTS.indexOf(a.verdict) - VERDICTS.indexOf(b.verdict))
}

/** `2 errors, 1 note, 3 known`; nothing where nothing was found. */
export function foundWords({findings}: RoomCheck): string {
  const numbers = {error: 0, warning: 0, note: 0, known: 0, ignored: 0}
  for (const {severity, notCounted} of findings) numbers[notCounted?.why ?? severity] += 1
  const {error, warning, note, known, ignored} = numbers
  return [
    error === 0 ? '' : count(error, 'error'),
    warning === 0 ? '' : count(warning, 'warning'),
    note === 0 ? '' : count(note, 'note'),
    known === 0 ? '' : `${known.toLocaleString('en-US')} known`,
    ignored === 0 ? '' : `${ignored.toLocaleString('en-US')} ignored`,
  ]
    .filter((part) => part !== '')
    .join(', ')
}

const WORDS: Readonly<Record<RoomVerdict, string>> = {
  failed: 'failed',
  findings: 'with findings',
  inconclusive: 'inconclusive',
  clean: 'clean',
}

/** `3 rooms: 1 with findings, 2 clean`, and which part of all these are; no text of a room is in it. */
export function verdictWords({rooms, shard, unfinished = 0}: CheckReport): string {
  const counts = countVerdicts(rooms)
  const told = VERDICTS.filter((verdict) => counts[verdict] > 0).map(
    (verdict) => `${counts[verdict].toLocaleString('en-US')} ${WORDS[verdict]}`,
  )
  if (unfinished > 0) told.push(`${unfinished.toLocaleString('en-US')} not checked, since the run was interrupted`)
  const part = shard === null ? '' : ` (part ${String(shard.index)} of ${String(shard.of)})`
  return `${count(rooms.length, 'room')}${part}${told.length === 0 ? '' : `: ${told.join(', ')}`}`
}

/** What a finding is about, as one name. Not yet safe for any form. */
export function subjectName(subject: Subject): string {
  switch (subject.kind) {
    case 'slot':
      return subject.state_key === '' ? subject.type : `${subject.type} ${subject.state_key}`
    case 'event':
      return subject.event_id
    case 'room':
      return subject.room_id
    case 'server':
      return subject.server
    case 'user':
    case 'account':
      return subject.user_id
    case 'device':
      return `${subject.user_id} ${subject.device_id}`
    case 'session':
      return subject.session_id
  }
}

/** A room that is a file: `null` for a room on a server, and for standard input. */
export function fileOf({room}: RoomCheck): string | null {
  return room === '' || room === '-' || room.startsWith('!') || room.startsWith('#') ? null : room
}

/** The line of the dump that tells of a finding, from 1; `null` where no one line does. */
export function lineOf({evidence}: CheckedFinding, check: RoomCheck): number | null {
  if (fileOf(check) === null) return null
  for (const {where} of evidence) {
    const line = /^line ([1-9][0-9]{0,8})$/.exec(where)?.[1]
    if (line !== undefined) return Number(line)
  }
  return null
}

/** Why a finding does not count, in words; `''` where it does. */
export function notCountedWords({notCounted}: CheckedFinding): string {
  if (notCounted === null) return ''
  const {why, reason = null} = notCounted
  return reason === null ? why : `${why}: ${reason}`
}

/** Why findings of a kind do not count, as far as somebody said: each reason once. */
export function reasonsOf({known, ignored}: FoundKind): readonly string[] {
  const told = [...known, ...ignored].filter(({notCounted}) => (notCounted?.reason ?? null) !== null)
  return [...new Set(told.map(notCountedWords))]
}
