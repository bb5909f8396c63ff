import {type Finding, finding} from '../../finding/finding.ts'
import {Flag, type RoomGraph} from '../../graph/room-graph.ts'
import {type Replay, Verdict} from '../../resolve/replay.ts'
import type {ServerView, ToldSlot} from '../server-view.ts'
import {count, EXAMPLES, list} from './evidence.ts'

/** An event in a state where it has no place. */
interface Intruder {
  readonly eventId: string
  /** Endpoint or table, and the state. */
  readonly where: string
  /** Why it has no place there, in a clause. */
  readonly because: string
  /** The server's own word, beside which the replay is not needed. */
  readonly isAdmitted: boolean
}

/**
 * Events that stand in a state of a server and should not: rejected ones, and those that stand in a slot that is not theirs, of another room
 * or beside another event of the slot. One finding for each kind and server.
 *
 * @remarks O(told slots): of recorded states what each changes, not each whole.
 */
export function intruders(replay: Replay, views: readonly ServerView[]): readonly Finding[] {
  return views.flatMap((view) => {
    const rejected = new Map<string, Intruder>()
    const misplaced = new Map<string, Intruder>()
    for (const {where, slots, isWhole} of statesOf(replay.graph, view)) {
      const seen = new Map<number, string>()
      for (const slot of slots) {
        lookAt(replay, view, {slot, where, rejected, misplaced})
        if (isWhole) lookForTwo(replay.graph, slot, {where, seen, misplaced})
      }
    }
    return [...rejectedFinding(view, [...rejected.values()]), ...misplacedFinding(view, [...misplaced.values()])]
  })
}

/**
 * Events that stand where they do not belong in a state that a server told or recorded: no state events, of other slots, of another room, or
 * two for one slot.
 *
 * @see intruders
 */
export function misplacedEvents(replay: Replay, views: readonly ServerView[]): readonly Finding[] {
  return intruders(replay, views).filter(({id}) => id === 'server/misplaced-in-state')
}

interface ListedState {
  readonly where: string
  readonly slots: readonly ToldSlot[]
  /** Whether the list is a whole state, and not what changes against another. */
  readonly isWhole: boolean
}

function* statesOf(graph: RoomGraph, {states, recorded}: ServerView): Generator<ListedState> {
  for (const {what, eventId, how, slots} of states) {
    yield {where: `${how}: ${eventId === null ? 'current state' : `state ${what} ${eventId}`}`, slots, isWhole: true}
  }
  if (recorded === null) return
  const seen = new Set<number>()
  for (let row = 0; row < graph.size; row += 1) {
    const around = recorded.around(graph.id(row))
    for (const side of ['before', 'after'] as const) {
      let group = around?.[side] ?? null
      while (group !== null && !seen.has(group)) {
        seen.add(group)
        const made = recorded.group(group)
        if (made === undefined) break
        yield {where: `${recorded.how}: state ${side} ${graph.id(row)}`, slots: made.slots, isWhole: made.base === null}
        group = made.base
      }
    }
  }
}

interface Looking {
  readonly slot: ToldSlot
  readonly where: string
  readonly rejected: Map<string, Intruder>
  readonly misplaced: Map<string, Intruder>
}

function lookAt(replay: Replay, view: ServerView, {slot, where, rejected, misplaced}: Looking): void {
  const {graph} = replay
  const {eventId, type, stateKey} = slot
  const mark = view.marks.get(eventId)?.rejected
  const isMarked = mark !== undefined && mark !== null
  const row = graph.row(eventId)
  // A form that servers refuse tells of this copy, and the server may have another.
  const isRejected = row >= 0 && replay.verdicts[row] === Verdict.Rejected && !graph.has(row, Flag.Faulty)
  if ((isMarked || isRejected) && rejected.get(eventId)?.isAdmitted !== true) {
    const because = isRejected ? (replay.rejections.get(row)?.because ?? '') : mark
    rejected.set(eventId, {eventId, where, because: because ?? '', isAdmitted: isMarked})
  }
  if (row < 0 || graph.has(row, Flag.Missing)) return
  const wrong = wrongPlace(graph, row, type, stateKey)
  if (wrong !== null) misplaced.set(eventId, {eventId, where, because: wrong, isAdmitted: true})
}

function wrongPlace(graph: RoomGraph, row: number, type?: string, stateKey?: string): string | null {
  if (graph.has(row, Flag.Foreign)) return 'it is an event of another room'
  const slot = graph.slot[row] ?? -1
  if (slot < 0) return 'it is no state event'
  if (type === undefined || stateKey === undefined || graph.slotOf(type, stateKey) === slot) return null
  return `it stands for ${nameOf(type, stateKey)}, but is an event for ${slotName(graph, slot)}`
}

function lookForTwo(
  graph: RoomGraph,
  {eventId}: ToldSlot,
  {where, seen, misplaced}: {readonly where: string; seen: Map<number, string>; misplaced: Map<string, Intruder>},
): void {
  const row = graph.row(eventId)
  const slot = row < 0 ? -1 : (graph.slot[row] ?? -1)
  if (slot < 0) return
  const other = seen.get(slot)
  seen.set(slot, eventId)
  if (other === undefined || other === eventId || misplaced.has(eventId) || misplaced.has(other)) return
  const because = `${other} stands for ${slotName(graph, slot)}, too`
  misplaced.set(eventId, {eventId, where, because, isAdmitted: true})
}

function slotName(graph: RoomGraph, slot: number): string {
  const {type, stateKey} = graph.slotAt(slot)
  return nameOf(type, stateKey)
}

function nameOf(type: string, stateKey: string): string {
  return stateKey === '' ? type : `${type} of ${stateKey}`
}

function rejectedFinding({server}: ServerView, found: readonly Intruder[]): readonly Finding[] {
  const [first] = found
  if (first === undefined) return []
  const isAdmitted = found.some((intruder) => intruder.isAdmitted)
  return [
    finding(
      'server/rejected-in-state',
      {kind: 'server', server},
      `${server} has ${count(found.length, 'rejected event')} in its state: ${list(found.map(({eventId}) => eventId))} (${
        isAdmitted ? 'marked as rejected by the server itself' : first.because
      })`,
      evidenceOf(server, found),
      isAdmitted ? {} : {certainty: 'strong'},
    ),
  ]
}

function misplacedFinding({server}: ServerView, found: readonly Intruder[]): readonly Finding[] {
  const [first] = found
  if (first === undefined) return []
  const more = found.length === 1 ? '' : `, and ${count(found.length - 1, 'other event')} in the wrong place as well`
  return [
    finding(
      'server/misplaced-in-state',
      {kind: 'server', server},
      `${server} has ${first.eventId} in its state where it does not belong: ${first.because}${more}`,
      evidenceOf(server, found),
    ),
  ]
}

function evidenceOf(server: string, found: readonly Intruder[]): Finding['evidence'] {
  return found.slice(0, EXAMPLES).map(({eventId, where}) => ({source: server, where, value: eventId}))
}
