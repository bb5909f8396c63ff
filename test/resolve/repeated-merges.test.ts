/** A resolver remembers what it was asked; what it says must not depend on that. */
import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {Resolver} from '../../src/resolve/resolver.ts'
import {EMPTY_STATE} from '../../src/resolve/state-trie.ts'
import {ALICE, CAROL, member, MO, publicRoom, type Room} from '../rules/build.ts'

const READINGS = ['synapse', 'spec'] as const
const TYPES = ['a', 'b', 'c', 'd', 'e', 'f']

/** Power levels under which the same people may do different things, and events of which some pass and some do not. */
function roomOf(version: string): Room {
  const room = publicRoom(version)
  const levels = (own: number, other: number) =>
    Object.fromEntries(TYPES.map((type, k) => [type, k % 2 === 0 ? own : other]))
  room.power('levels2', {users: {[MO]: 50}, events: levels(40, 60)})
  room.power('levels3', {users: {[MO]: 50, [CAROL]: 60}, events: levels(60, 40)})
  for (const [k, type] of TYPES.entries()) {
    for (const [name, sender] of [
      ['alice', ALICE],
      ['mo', MO],
      ['carol', CAROL],
    ] as const) {
      const authAt = k < 3 ? 'levels2' : 'levels3'
      room.add(`${type} ${name}`, {type, sender, state_key: '', authAt})
    }
    if (!room.hasCreatorsAboveAll)
      room.add(`${type} bare`, {type, sender: ALICE, state_key: '', auth: ['alice', 'levels2']})
  }
  room.add('banned', member(CAROL, 'ban', ALICE))
  return room.add('kicked', member(MO, 'leave', ALICE))
}

describe.each(['1', '2', '6', '11', '12'])('version %s', (version) => {
  const room = roomOf(version)
  const graph = room.graph()
  const choice = (...names: readonly string[]) => fc.constantFrom(...names)
  const names = ['alice', 'mo', 'carol', ...(room.hasCreatorsAboveAll ? [] : ['bare'])]
  const state = fc.tuple(
    fc.option(fc.constant('create'), {freq: 8}),
    choice('levels', 'levels2', 'levels3'),
    choice('mo', 'kicked'),
    choice('carol', 'banned'),
    ...TYPES.map((type) => fc.option(choice(...names.map((name) => `${type} ${name}`)), {freq: 4})),
  )
  const merges = fc.array(fc.array(state, {minLength: 2, maxLength: 3}), {minLength: 2, maxLength: 12})

  test.each(READINGS)('a merge comes out the same whatever was merged before; reading %s', (reading) => {
    const make = (): Resolver => new Resolver(graph, {reading, isRejected: () => false})
    const contents = (resolver: Resolver, states: readonly (readonly (string | null)[])[]): readonly string[] => {
      const roots = states.map((given) =>
        [...given, 'alice', 'rules'].reduce((root, name) => {
          if (name === null) return root
          const row = graph.row(room.id(name))
          return resolver.trie.set(root, graph.slot[row] ?? -1, row)
        }, EMPTY_STATE),
      )
      const found: string[] = []
      resolver.trie.forEach(resolver.resolve(roots).root, (_, row) => found.push(graph.id(row)))
      return found
    }
    fc.assert(
      fc.property(merges, (given) => {
        const shared = make()
        for (const states of given) expect(contents(shared, states)).toEqual(contents(make(), states))
      }),
      {numRuns: 40},
    )
  })
})
