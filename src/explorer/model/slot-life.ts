import {type Blame, blameSlot, isPlain} from '../../forensics/blame.ts'
import {ABSENT} from '../../resolve/state-trie.ts'
import type {Room} from './room.ts'

/** What is drawn along the DAG for one slot. */
export interface LifePath {
  /** Events that set the slot, or tried to. */
  readonly sets: readonly {readonly row: number; readonly isRejected: boolean; readonly leadsToNow: boolean}[]
  /** From a value to the event or merge that it led to; `to` -1: the merge over the tips. */
  readonly links: readonly {readonly from: number; readonly to: number; readonly isLost: boolean}[]
  /** Merges that took it away or set it back; -1: the merge over the tips. */
  readonly resets: readonly {readonly row: number; readonly expected: boolean}[]
}

const known = new WeakMap<Room, Map<number, Blame>>()

/** @remarks Looks at every merge of the room once; kept for when the slot is looked at again. */
export function lifeOf(room: Room, slot: number): Blame {
  const lives = known.get(room) ?? new Map<number, Blame>()
  known.set(room, lives)
  const life = lives.get(slot) ?? blameSlot(room.replay, room.tips, slot, room.resets())
  lives.set(slot, life)
  return life
}

/** A life as lines and marks along the lanes. */
export function pathOf({entries}: Blame): LifePath {
  const sets: LifePath['sets'][number][] = []
  const links: LifePath['links'][number][] = []
  const resets: LifePath['resets'][number][] = []
  for (const entry of entries) {
    if (entry.kind === 'merge') {
      const at = entry.merge.at ?? ABSENT
      // What a plain merge passes over was known to be older.
      if (isPlain(entry)) continue
      const isReset = entry.reset !== null && !entry.reset.expected
      for (const row of new Set(entry.held)) {
        if (row !== ABSENT) links.push({from: row, to: at, isLost: isReset && row !== entry.got})
      }
      if (entry.reset !== null) resets.push({row: at, expected: entry.reset.expected})
    } else {
      sets.push({row: entry.row, isRejected: entry.kind === 'rejected', leadsToNow: entry.leadsToNow})
      if (entry.previous !== ABSENT) links.push({from: entry.previous, to: entry.row, isLost: false})
    }
  }
  return {sets, links, resets}
}
