import {disputedSlots} from '../../forensics/disputes.ts'
import {type EventKind, eventKind} from '../../graph/event-kind.ts'
import {Flag, type RoomGraph} from '../../graph/room-graph.ts'
import {Verdict} from '../../resolve/replay.ts'
import {mergeAt} from './merge-steps.ts'
import type {Room} from './room.ts'

/** What an event is, as its mark shows it. */
export const Kind = {Message: 0, State: 1, Member: 2, Power: 3, Create: 4, Missing: 5} as const
export type KindCode = (typeof Kind)[keyof typeof Kind]
export const KINDS = 6

/** What is to be seen of an event beside its kind, as bits. */
export const Mark = {
  Rejected: 1,
  SoftFailed: 2,
  Undetermined: 4,
  /** A merge of states that differed only since a branch had not heard of a change yet. */
  Conflict: 8,
  /** A merge that set a slot back, by nobody's will. */
  Reset: 16,
  /** A merge that took a slot away as resolution is meant to. */
  Revoked: 32,
  /** Named by a finding that is no note. */
  Finding: 64,
  /** First event at which a server's state is not the replay's. */
  Divergence: 128,
  Tip: 256,
  /** A merge of branches that disagreed: see `disputedSlots`. */
  Dispute: 512,
} as const

/** Gravest first: what a bucket of many events is shown as. */
export const GRAVE_MARKS: readonly number[] = [
  Mark.Reset,
  Mark.Divergence,
  Mark.Finding,
  Mark.Rejected,
  Mark.Dispute,
  Mark.Conflict,
  Mark.Revoked,
  Mark.SoftFailed,
  Mark.Undetermined,
]

const KIND_OF: Readonly<Record<EventKind, KindCode>> = {
  create: Kind.Create,
  member: Kind.Member,
  power: Kind.Power,
  state: Kind.State,
  message: Kind.Message,
}

export function kindOf(graph: RoomGraph, row: number): KindCode {
  return graph.has(row, Flag.Missing) ? Kind.Missing : KIND_OF[eventKind(graph, row)]
}

export interface Marks {
  /** `KindCode` of each row. */
  readonly kinds: Uint8Array
  /** Bits of `Mark` of each row. */
  readonly marks: Uint16Array
}

/**
 * What is drawn of every event.
 *
 * @param named - rows that findings are about
 * @remarks O(events), and what `disputedSlots` costs for each merge of other states.
 */
export function marksOf(room: Room, named: readonly number[]): Marks {
  const {graph, replay, data, tips} = room
  const kinds = new Uint8Array(graph.size)
  const marks = new Uint16Array(graph.size)
  const add = (row: number, mark: number): void => {
    if (row >= 0 && row < marks.length) marks[row] = (marks[row] ?? 0) | mark
  }
  for (let row = 0; row < graph.size; row += 1) {
    const kind = kindOf(graph, row)
    kinds[row] = kind
    if (kind === Kind.Missing) continue
    if (replay.verdicts[row] === Verdict.Rejected) add(row, Mark.Rejected)
    else if (replay.verdicts[row] === Verdict.Undetermined) add(row, Mark.Undetermined)
  }
  markMerges(room, add)
  for (const {softFailed} of data.marks) for (const row of softFailed) add(row, Mark.SoftFailed)
  for (const {row, expected} of data.resets) if (row !== null) add(row, expected ? Mark.Revoked : Mark.Reset)
  for (const {eventId} of data.divergencePoints) add(graph.row(eventId), Mark.Divergence)
  for (const row of named) add(row, Mark.Finding)
  for (const tip of tips) add(tip, Mark.Tip)
  return {kinds, marks}
}

function markMerges(room: Room, add: (row: number, mark: number) => void): void {
  /** By the states that are merged: servers merge the same ones again and again. */
  const heard = new Map<string, boolean>()
  for (const [row, conflicts] of room.replay.merges) {
    const merge = conflicts === 0 ? null : mergeAt(room, row)
    if (merge === null) continue
    const key = `${merge.inputs.toSorted((a, b) => a - b).join()} ${String(merge.result)}`
    const isDispute = heard.get(key) ?? disputedSlots(room.replay, merge).length > 0
    heard.set(key, isDispute)
    add(row, isDispute ? Mark.Dispute : Mark.Conflict)
  }
}

export const KIND_WORDS: readonly string[] = ['message', 'state', 'membership', 'power or rules', 'create', 'not here']
