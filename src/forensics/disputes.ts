import {type Replay, UNKNOWN_STATE} from '../resolve/replay.ts'
import {ABSENT} from '../resolve/state-trie.ts'
import {candidatesIn, type Merge} from './merge.ts'

/**
 * Slots about which the branches of a merge disagreed: more than one of them had set it, none after the other, or the merge gave something
 * else than the newest of them. Where a branch merely had not heard of a change yet, the states differ as well, and nobody disagrees.
 *
 * @remarks O(slots that differ × changes of each between the branches). What cannot be known counts as disputed.
 */
export function disputedSlots({trie, before}: Pick<Replay, 'trie' | 'before'>, merge: Merge): readonly number[] {
  const slots: number[] = []
  trie.differences([...new Set(merge.inputs)], slots)
  /** Whether one event stood in the slot before the other, on a way that leads to it. */
  const isOlder = (slot: number, one: number, other: number): boolean => {
    let at = other
    // What stood there before an event is older than it, so that rows fall.
    while (at > one) {
      const state = before[at] ?? UNKNOWN_STATE
      if (state === UNKNOWN_STATE) return false
      const earlier = trie.get(state, slot)
      if (earlier === ABSENT || earlier >= at) return false
      at = earlier
    }
    return at === one
  }
  return slots.filter((slot) => {
    const candidates = candidatesIn(trie, merge, slot)
    const newest = Math.max(...candidates)
    if (trie.get(merge.result, slot) !== newest) return true
    return candidates.some((one) => one !== newest && !isOlder(slot, one, newest))
  })
}
