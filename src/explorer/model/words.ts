import {valueOf} from '../../forensics/words.ts'
import {Type} from '../../graph/room-graph.ts'
import {date, printable} from '../../report/printable.ts'
import {VERDICT_NAMES} from '../../resolve/replay.ts'
import {Kind, kindOf, Mark} from './kinds.ts'
import type {Room} from './room.ts'

const labels = new WeakMap<Room, Map<number, string>>()

/** What stands beside an event where there is place. */
export function eventLabel(room: Room, row: number): string {
  const known = labels.get(room) ?? new Map<number, string>()
  labels.set(room, known)
  const text = known.get(row) ?? makeLabel(room, row)
  known.set(row, text)
  return text
}

function makeLabel({graph}: Room, row: number): string {
  const kind = kindOf(graph, row)
  if (kind === Kind.Missing) return 'not here'
  const sender = localpart(graph.senderName(row))
  const type = shortType(graph.typeName(row))
  if (kind === Kind.Message) return `${sender}: ${type}`
  const slot = graph.slot[row] ?? -1
  if (graph.type[row] === Type.Member && slot >= 0) {
    const {stateKey} = graph.slotAt(slot)
    const value = printable(valueOf(graph, row), 20)
    return stateKey === graph.senderName(row) ? `${sender} ${value}` : `${localpart(stateKey)} ${value} (by ${sender})`
  }
  const value = printable(valueOf(graph, row), 40)
  return value === 'power levels' || value === graph.typeName(row)
    ? `${type} (${sender})`
    : `${type} “${value}” (${sender})`
}

/** `@alice:example.org` → `alice`. */
export function localpart(user: string): string {
  return printable(user.replace(/^@/, '').replace(/:.*$/s, ''), 24)
}

/** `m.room.power_levels` → `power levels`. */
function shortType(type: string): string {
  const safe = printable(type, 60)
  return safe.startsWith('m.room.') ? safe.slice('m.room.'.length).replaceAll('_', ' ') : safe
}

export function verdictWord({replay}: Room, row: number): (typeof VERDICT_NAMES)[number] {
  return VERDICT_NAMES[replay.verdicts[row] ?? 0] ?? 'undetermined'
}

/** What a mark means, in a word or two. */
export const MARK_WORDS: readonly (readonly [mark: number, words: string])[] = [
  [Mark.Reset, 'state reset here'],
  [Mark.Divergence, 'first divergence of a server'],
  [Mark.Finding, 'a finding is about it'],
  [Mark.Rejected, 'rejected'],
  [Mark.Dispute, 'merge of branches that disagreed'],
  [Mark.Conflict, 'merge of states that differ'],
  [Mark.Revoked, 'revoked concurrently here'],
  [Mark.SoftFailed, 'soft-failed by a server'],
  [Mark.Undetermined, 'cannot be determined'],
  [Mark.Tip, 'newest event of a branch'],
]

/** Those that the verdict says already. */
export const VERDICTS: ReadonlySet<string> = new Set(['rejected', 'cannot be determined'])

/** When an event was sent, as its server claims. */
export function timeWords({graph}: Room, row: number): string {
  // Where a field is refused, the graph has a number in its place.
  return graph.columns.faults.get(row)?.what === 'origin_server_ts'
    ? 'no time that can be read'
    : date(graph.ts[row] ?? 0)
}

export function depthWords({graph}: Room, row: number): string {
  return graph.columns.faults.get(row)?.what === 'depth' ? 'unreadable' : String(graph.depth(row))
}

/** For those who cannot see the canvas, and below it: one event in a line. */
export function eventLine(room: Room, row: number, marks: Uint16Array): string {
  const {graph} = room
  const kind = kindOf(graph, row)
  if (kind === Kind.Missing) return `${graph.id(row)}: cited, but not here`
  const words = MARK_WORDS.filter(([mark]) => ((marks[row] ?? 0) & mark) !== 0 && mark !== Mark.Tip).map(
    ([, text]) => text,
  )
  return [
    `${eventLabel(room, row)}, ${verdictWord(room, row)}`,
    // Before what may be many words: a narrow line is cut at its end.
    timeWords(room, row),
    ...words.filter((word) => !VERDICTS.has(word)),
  ].join(' · ')
}
