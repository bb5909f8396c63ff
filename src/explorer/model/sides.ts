import {slotKey} from '../../graph/room-graph.ts'
import type {PageSide} from '../../report/explorer/page-data.ts'
import {UNKNOWN_STATE} from '../../resolve/replay.ts'
import {ABSENT, type StateRoot} from '../../resolve/state-trie.ts'
import type {Room} from './room.ts'

/** A slot in the replay and as a server tells it. */
export interface SideRow {
  readonly type: string
  readonly stateKey: string
  /** -1: no event of the room has the slot. */
  readonly slot: number
  /** Row, or `ABSENT`. */
  readonly ours: number
  /** Event ID; `null`: nothing stands there. */
  readonly theirs: string | null
  readonly isSame: boolean
}

/** The replay's state that a told state is held against: that at its event, or over the newest events. */
export function rootBeside({graph, replay, now}: Room, {eventId, what}: PageSide): StateRoot {
  if (eventId === null) return now
  const row = graph.row(eventId)
  if (row < 0) return UNKNOWN_STATE
  return (what === 'before' ? replay.before[row] : replay.after[row]) ?? UNKNOWN_STATE
}

/** Both states slot by slot, those that differ first. */
export function compareSide(room: Room, side: PageSide): readonly SideRow[] {
  const {graph, replay} = room
  const root = rootBeside(room, side)
  if (root === UNKNOWN_STATE) return []
  const told = new Map(
    side.slots.map(([type, stateKey, eventId]) => [slotKey(type, stateKey), {type, stateKey, eventId}]),
  )
  const rows: SideRow[] = []
  replay.trie.forEach(root, (slot, ours) => {
    const {type, stateKey} = graph.slotAt(slot)
    const key = slotKey(type, stateKey)
    const theirs = told.get(key)?.eventId ?? null
    told.delete(key)
    rows.push({type, stateKey, slot, ours, theirs, isSame: theirs === graph.id(ours)})
  })
  for (const {type, stateKey, eventId} of told.values()) {
    rows.push({type, stateKey, slot: graph.slotOf(type, stateKey), ours: ABSENT, theirs: eventId, isSame: false})
  }
  return [...rows.filter(({isSame}) => !isSame), ...rows.filter(({isSame}) => isSame)]
}
