import {UNKNOWN_STATE} from '../../resolve/replay.ts'
import {ABSENT} from '../../resolve/state-trie.ts'
import type {Room} from './room.ts'

/**
 * Events that stand in the state after an event, or (-1) in the state now; in order of rows. None where that state is not known.
 *
 * @remarks O(slots of the room).
 */
export function standingAfter({graph, replay, now}: Room, row: number): readonly number[] {
  const root = row < 0 ? now : (replay.after[row] ?? UNKNOWN_STATE)
  if (root === UNKNOWN_STATE) return []
  const rows: number[] = []
  for (let slot = 0; slot < graph.slots.length; slot += 1) {
    const event = replay.trie.get(root, slot)
    if (event !== ABSENT) rows.push(event)
  }
  return rows.sort((a, b) => a - b)
}
