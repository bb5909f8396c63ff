import {valueOf} from '../forensics/words.ts'
import {eventKind} from '../graph/event-kind.ts'
import {Flag, Membership, type RoomGraph, Type} from '../graph/room-graph.ts'
import {serverNameOf} from '../matrix/ids.ts'
import type {DrawnNode, NodeAttributes, NodeKind} from '../report/graph/room-drawing.ts'
import {type Replay, Verdict, VERDICT_NAMES} from '../resolve/replay.ts'
import type {GraphMarks} from './graph-marks.ts'

const MEMBERSHIPS = Object.entries(Membership)

function nodeKind(graph: RoomGraph, row: number): Exclude<NodeKind, 'run'> {
  if (graph.has(row, Flag.Missing)) return 'missing'
  return graph.has(row, Flag.Foreign) ? 'foreign' : eventKind(graph, row)
}

/** What nodes of a room's drawing say of themselves. */
export class NodeMaker {
  readonly #result: Replay
  readonly #marks: GraphMarks

  constructor(result: Replay, marks: GraphMarks) {
    this.#result = result
    this.#marks = marks
  }

  /** Whether the event has nothing of its own to show, so that it may stand in a run. */
  isPlain(row: number): boolean {
    const {graph, verdicts, merges} = this.#result
    const {tips, conflicted, resets, findings, rejectedBy, softFailedBy} = this.#marks
    return (
      verdicts[row] === Verdict.Accepted &&
      graph.type[row] !== Type.Create &&
      (merges.get(row) ?? 0) === 0 &&
      ![tips, conflicted, resets, findings, rejectedBy, softFailedBy].some((marked) => marked.has(row))
    )
  }

  /** @param notDrawn - events that the node cites and that are left out */
  event(row: number, notDrawn: number): DrawnNode {
    const {graph, rejections} = this.#result
    const kind = nodeKind(graph, row)
    const rejection = rejections.get(row)
    const attributes: NodeAttributes = {
      label: this.#label(row, kind),
      kind,
      verdict: this.#verdict(row, kind),
      events: kind === 'missing' ? 0 : 1,
      tip: this.#marks.tips.has(row),
      ...this.#merge(row),
      conflicted: this.#marks.conflicted.has(row),
      parents_not_drawn: notDrawn,
      event_id: graph.id(row),
      ...(kind === 'missing' ? {} : this.#told(row)),
      ...(rejection === undefined ? {} : {rule: rejection.rule, because: rejection.because}),
      ...this.#listed(row),
    }
    return {key: graph.id(row), attributes}
  }

  run(rows: readonly number[], notDrawn: number): DrawnNode {
    const {graph} = this.#result
    const [first = 0] = rows
    const last = rows.at(-1) ?? first
    const senders = busiestFirst(rows.map((row) => graph.senderName(row)))
    // Of old versions, a time may be beyond all numbers.
    const times = rows.map((row) => graph.ts[row] ?? 0).filter(Number.isFinite)
    const duration =
      times.reduce((a, b) => Math.max(a, b), -Infinity) - times.reduce((a, b) => Math.min(a, b), Infinity)
    const lasts = times.length === 0 ? [] : [durationWords(duration)]
    const [busiest = ''] = senders
    const others = senders.length > 1 ? ` and ${(senders.length - 1).toLocaleString('en-US')} more` : ''
    return {
      key: `run:${graph.id(first)}`,
      attributes: {
        label: [`${rows.length.toLocaleString('en-US')} events`, `${busiest}${others}`, ...lasts].join(', '),
        kind: 'run',
        verdict: 'accepted',
        events: rows.length,
        tip: false,
        ...this.#merge(first),
        conflicted: false,
        parents_not_drawn: notDrawn,
        ...timeOf(graph, first),
        first_event_id: graph.id(first),
        last_event_id: graph.id(last),
        senders,
        ...(times.length === 0 ? {} : {duration_ms: duration}),
      },
    }
  }

  #label(row: number, kind: NodeKind): string {
    const {graph} = this.#result
    if (kind === 'missing') return 'not here'
    const type = graph.typeName(row)
    const slot = graph.slot[row] ?? -1
    if (slot < 0) return type
    const {stateKey} = graph.slotAt(slot)
    const value = valueOf(graph, row)
    return [type, stateKey, value === type || type === 'm.room.power_levels' ? '' : value]
      .filter((word) => word !== '')
      .join(' ')
  }

  #verdict(row: number, kind: NodeKind): NodeAttributes['verdict'] {
    return kind === 'missing' || kind === 'foreign'
      ? 'none'
      : (VERDICT_NAMES[this.#result.verdicts[row] ?? 0] ?? 'undetermined')
  }

  #merge(row: number): Pick<NodeAttributes, 'merges' | 'conflicts'> {
    const {graph, merges} = this.#result
    // An event may cite another twice, or itself.
    const branches = new Set(graph.prevOf(row)).difference(new Set([row])).size
    return {merges: branches > 1 ? branches : 0, conflicts: merges.get(row) ?? 0}
  }

  #told(row: number): Partial<NodeAttributes> {
    const {graph} = this.#result
    const slot = graph.slot[row] ?? -1
    const sender = graph.senderName(row)
    const depth = graph.depth(row)
    const membership = graph.membership[row] ?? Membership.None
    return {
      type: graph.typeName(row),
      ...(slot < 0 ? {} : {state_key: graph.slotAt(slot).stateKey}),
      ...(membership === Membership.None ? {} : {membership: membershipName(membership)}),
      sender,
      server: serverNameOf(sender),
      ...timeOf(graph, row),
      ...(typeof depth === 'bigint' ? {depth: String(depth)} : Number.isFinite(depth) ? {depth} : {}),
    }
  }

  #listed(row: number): Partial<NodeAttributes> {
    const {resets, becomes, findings, severities, rejectedBy, softFailedBy} = this.#marks
    const lists = {
      slot_becomes: becomes.get(row),
      resets: resets.get(row),
      findings: findings.get(row),
      severity: severities.get(row),
      rejected_by: rejectedBy.get(row),
      soft_failed_by: softFailedBy.get(row),
    }
    return Object.fromEntries(Object.entries(lists).filter(([, list]) => list !== undefined))
  }
}

/** Only what is a number in JSON, too. */
function timeOf(graph: RoomGraph, row: number): Pick<NodeAttributes, 'origin_server_ts'> {
  const ts = graph.ts[row] ?? 0
  return Number.isFinite(ts) ? {origin_server_ts: ts} : {}
}

function membershipName(code: number): string {
  return (MEMBERSHIPS.find(([, value]) => value === code)?.[0] ?? 'other').toLowerCase()
}

function busiestFirst(senders: readonly string[]): readonly string[] {
  const counts = new Map<string, number>()
  for (const sender of senders) counts.set(sender, (counts.get(sender) ?? 0) + 1)
  return [...counts].sort((a, b) => b[1] - a[1]).map(([sender]) => sender)
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
] as const

/** `12 min`; in the largest unit of which there are two. */
function durationWords(ms: number): string {
  const [name, length] = UNITS.find(([, unit]) => ms >= 2 * unit) ?? ['s', 1000]
  return `${Math.round(ms / length).toLocaleString('en-US')} ${name}`
}
