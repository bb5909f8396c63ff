import type {Finding, Severity} from '../finding/finding.ts'
import {slotWords} from '../finding/slot-words.ts'
import type {BlamedMerge} from '../forensics/blame.ts'
import {candidatesIn, mergesOf} from '../forensics/merge.ts'
import type {Reset} from '../forensics/resets.ts'
import type {ServerView} from '../forensics/server-view.ts'
import {eventWords} from '../forensics/words.ts'
import {ABSENT} from '../resolve/state-trie.ts'
import type {Replay} from '../resolve/replay.ts'
import {mostSevereFirst} from './check-verdict.ts'

/** What is known of single events beside what they say themselves, by row. */
export interface GraphMarks {
  readonly tips: ReadonlySet<number>
  /** Events that some merge had to choose among. */
  readonly conflicted: ReadonlySet<number>
  /** Slots that went back or vanished at a merge, by nobody's will, in words. */
  readonly resets: ReadonlyMap<number, readonly string[]>
  /** Of the slot whose life is drawn: what stands there after a merge, in words. */
  readonly becomes: ReadonlyMap<number, string>
  /** IDs of findings about an event. */
  readonly findings: ReadonlyMap<number, readonly string[]>
  /** Of the gravest of them. */
  readonly severities: ReadonlyMap<number, Severity>
  /** Servers that said they rejected it, or soft-failed it. */
  readonly rejectedBy: ReadonlyMap<number, readonly string[]>
  readonly softFailedBy: ReadonlyMap<number, readonly string[]>
}

export interface MarkEvidence {
  readonly tips: readonly number[]
  readonly resets: readonly Reset[]
  /** Of the slot whose life is drawn. */
  readonly merges: readonly BlamedMerge[]
  readonly findings: readonly Finding[]
  readonly views: readonly ServerView[]
}

/** @remarks Compares the states of each merge that had conflicts once more. */
export function graphMarks(result: Replay, {tips, resets, merges, findings, views}: MarkEvidence): GraphMarks {
  const {graph} = result
  const rowOf = (eventId: string | undefined): number => (eventId === undefined ? -1 : graph.row(eventId))
  const marked = views.flatMap(({server, marks}) =>
    [...marks].map(([eventId, mark]) => ({row: rowOf(eventId), server, mark})),
  )
  const about = mostSevereFirst(findings).flatMap(({id, severity, subject}) =>
    subject.kind === 'event' || subject.kind === 'slot' ? [{row: rowOf(subject.event_id), id, severity}] : [],
  )
  return {
    tips: new Set(tips),
    conflicted: conflictedRows(result, tips),
    resets: listed(
      resets.flatMap(({merge, slot, expected}) => {
        const {type, stateKey} = graph.slotAt(slot)
        return expected || merge.at === null ? [] : [[merge.at, slotWords(type, stateKey)] as const]
      }),
    ),
    becomes: new Map(
      merges.flatMap(({merge, got}) =>
        merge.at === null ? [] : [[merge.at, got === ABSENT ? 'nothing' : eventWords(graph, got)] as const],
      ),
    ),
    findings: listed(about.map(({row, id}) => [row, id])),
    severities: new Map(about.toReversed().map(({row, severity}) => [row, severity])),
    rejectedBy: listed(
      marked.flatMap(({row, server, mark}) => (typeof mark.rejected === 'string' ? [[row, server] as const] : [])),
    ),
    softFailedBy: listed(
      marked.flatMap(({row, server, mark}) => (mark.softFailed === true ? [[row, server] as const] : [])),
    ),
  }
}

function conflictedRows(result: Replay, tips: readonly number[]): ReadonlySet<number> {
  const {trie} = result
  const found = new Set<number>()
  const heard = new Set<string>()
  for (const merge of mergesOf(result, tips)) {
    const inputs = [...new Set(merge.inputs)].sort((a, b) => a - b)
    const key = inputs.join()
    // Servers merge the same tips again and again.
    if (heard.has(key) || inputs.some((root) => root < 0)) continue
    heard.add(key)
    const slots: number[] = []
    trie.differences(inputs, slots)
    for (const slot of slots) for (const row of candidatesIn(trie, merge, slot)) found.add(row)
  }
  return found
}

/** Each value once under its row; rows below 0 are of events that are not here. */
function listed(pairs: readonly (readonly [row: number, value: string])[]): ReadonlyMap<number, readonly string[]> {
  const found = new Map<number, string[]>()
  for (const [row, value] of pairs) {
    if (row < 0) continue
    const values = found.get(row) ?? []
    if (!values.includes(value)) found.set(row, [...values, value])
  }
  return found
}
