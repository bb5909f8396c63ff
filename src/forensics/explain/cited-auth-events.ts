import {Flag, type RoomGraph} from '../../graph/room-graph.ts'
import type {Pdu} from '../../matrix/pdu.ts'
import {type Hearing, isSameSlot, type NamedSlot, slotsToCite} from './hearing.ts'

/**
 * How an auth event stands to the one that the state before the event has in its slot. `older`, `newer`: another event of the slot, before
 * or after that one in the DAG; `other`: on another branch. `not-in-state`: the state has none there. `not-cited`: the state has one, and
 * the event does not cite it. `no-part`: the slot has no part in authorising this event. `not-known`: the state before is not known.
 */
export type CitationRelation =
  'same' | 'older' | 'newer' | 'other' | 'not-in-state' | 'not-cited' | 'no-part' | 'not-known'

/** What is wrong with a citation, whatever the state is. `missing`: not in the evidence; `undetermined`: its own verdict is open. */
export type CitationProblem = 'duplicate' | 'rejected' | 'missing' | 'undetermined' | 'other-room'

/** One auth event that an event cites, or should have cited. */
export interface Citation {
  /** `null`: of an event that is not here, or no state event. */
  readonly slot: NamedSlot | null
  /** What the event cites; `null` for `not-cited`. */
  readonly cited: string | null
  /** What the selection from the state before it gives. */
  readonly selected: string | null
  readonly relation: CitationRelation
  readonly problems: readonly CitationProblem[]
}

/** The auth events of an event against those that the state before it gives. */
export function compareCitations(graph: RoomGraph, hearing: Hearing): readonly Citation[] {
  const {event, state, rules} = hearing
  const slots = slotsToCite(event, rules)
  const selected = (slot: NamedSlot): Pdu | null => state?.get(slot) ?? null
  const seen: Pdu[] = []
  const cited = event.authEvents.map((id): Citation => {
    const pdu = hearing.cited.get(id)
    const problems = problemsOf(hearing, id, pdu, seen)
    if (pdu !== undefined) seen.push(pdu)
    const slot = pdu?.stateKey === undefined ? null : {type: pdu.type, stateKey: pdu.stateKey}
    const isWanted = slot !== null && slots.some((wanted) => isSameSlot(wanted, slot))
    const inState = isWanted ? selected(slot) : null
    return {
      slot,
      cited: id,
      selected: inState?.eventId ?? null,
      relation:
        pdu === undefined
          ? 'not-known'
          : !isWanted
            ? 'no-part'
            : state === null
              ? 'not-known'
              : relate(graph, id, inState),
      problems,
    }
  })
  const lacking = slots.flatMap((slot): readonly Citation[] => {
    const inState = selected(slot)
    if (inState === null || cited.some((entry) => entry.slot !== null && isSameSlot(entry.slot, slot))) return []
    // It may be cited and not be here, but then it is not in the state.
    return [{slot, cited: null, selected: inState.eventId, relation: 'not-cited', problems: []}]
  })
  return [...cited, ...lacking]
}

function problemsOf(
  {rejected, open, roomId, cited}: Hearing,
  id: string,
  pdu: Pdu | undefined,
  seen: readonly Pdu[],
): readonly CitationProblem[] {
  const isDuplicate =
    pdu !== undefined &&
    seen.some(
      (other) =>
        other.eventId === id ||
        (pdu.stateKey !== undefined && other.type === pdu.type && other.stateKey === pdu.stateKey),
    )
  return [
    ...(isDuplicate ? (['duplicate'] as const) : []),
    ...(rejected.has(id) ? (['rejected'] as const) : []),
    ...(open.has(id) ? [cited.has(id) ? ('undetermined' as const) : ('missing' as const)] : []),
    ...(pdu !== undefined && pdu.roomId !== roomId && pdu.type !== 'm.room.create' ? (['other-room'] as const) : []),
  ]
}

function relate(graph: RoomGraph, cited: string, inState: Pdu | null): CitationRelation {
  if (inState === null) return 'not-in-state'
  if (inState.eventId === cited) return 'same'
  const [a, b] = [graph.row(cited), graph.row(inState.eventId)]
  if (isBefore(graph, a, b)) return 'older'
  return isBefore(graph, b, a) ? 'newer' : 'other'
}

/** Whether there is a way of prev events from one event back to another. O(events between them). */
export function isBefore(graph: RoomGraph, earlier: number, later: number): boolean {
  if (earlier < 0 || later < 0 || earlier >= later) return false
  const seen = new Uint8Array(later + 1)
  const stack = [later]
  for (let row = stack.pop(); row !== undefined; row = stack.pop()) {
    if (row === earlier) return true
    for (const parent of graph.prevOf(row)) {
      if (parent < earlier || seen[parent] === 1 || graph.has(parent, Flag.Missing)) continue
      seen[parent] = 1
      stack.push(parent)
    }
  }
  return false
}
