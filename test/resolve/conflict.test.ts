import {beforeEach, describe, expect, test} from 'vitest'
import {Conflict} from '../../src/resolve/conflict.ts'
import {ABSENT, EMPTY_STATE, StateTrie} from '../../src/resolve/state-trie.ts'
import {graphOf, smallRooms} from './rooms.ts'

describe('a merge', () => {
  const graph = graphOf(smallRooms('11', 1)[0]!)
  const trie = new StateTrie(graph.slots.length)
  const state = (...events: readonly number[]): number =>
    events.reduce((root, event, slot) => (event === ABSENT ? root : trie.set(root, slot, event)), EMPTY_STATE)
  const conflict = new Conflict(graph, trie)
  const one = state(10, 11, 12, ABSENT)
  const two = state(10, 21, ABSENT, ABSENT)
  const three = state(10, 11, 32, 33)

  beforeEach(() => {
    conflict.begin([one, two, three], Infinity)
  })

  test('has the slots in which the states differ, and what each holds there', () => {
    expect(conflict.slots).toEqual([1, 2, 3])
    expect(conflict.values).toEqual([11, 21, 11, 12, ABSENT, 32, ABSENT, ABSENT, 33])
    expect([0, 1, 2, 3, 4].map((slot) => conflict.isDifferent(slot))).toEqual([false, true, true, true, false])
  })
  test('names each candidate once, and absence not at all', () => {
    expect([0, 1, 2].map((index) => conflict.candidates(index))).toEqual([[11, 21], [12, 32], [33]])
  })
  test('knows what all agree on', () => {
    expect([-1, 0, 1, 4].map((slot) => conflict.agreed(slot))).toEqual([ABSENT, 10, ABSENT, ABSENT])
  })
  test('without anything resolved leaves what all agree on', () => {
    expect(contents(conflict.result())).toEqual([[0, 10]])
  })
  test('takes what was resolved; an agreed slot stays as it is, a new one comes in', () => {
    conflict.resolve(1, 21)
    conflict.resolve(0, 99)
    conflict.resolve(4, 44)
    conflict.resolve(2, 12)
    conflict.resolve(2, 32)
    expect([0, 1, 2, 3, 4, -1].map((slot) => conflict.resolved(slot))).toEqual([99, 21, 32, ABSENT, 44, ABSENT])
    expect(contents(conflict.result())).toEqual([
      [0, 10],
      [1, 21],
      [2, 32],
      [4, 44],
    ])
  })
  test('that comes out as one of the states is that state', () => {
    conflict.resolve(1, 21)
    expect(conflict.result()).toBe(two)
  })
  test('forgets the one before', () => {
    conflict.resolve(1, 21)
    conflict.begin([one, three], Infinity)
    expect(conflict.slots).toEqual([2, 3])
    expect(conflict.resolved(1)).toBe(ABSENT)
    expect(conflict.agreed(1)).toBe(11)
    expect(contents(conflict.result())).toEqual([
      [0, 10],
      [1, 11],
    ])
  })

  function contents(root: number): readonly (readonly [number, number])[] {
    const entries: [number, number][] = []
    trie.forEach(root, (slot, event) => entries.push([slot, event]))
    return entries
  }
})
