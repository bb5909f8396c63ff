/** States that are given, not computed: their events count as accepted, so that only what depends on state is asked of them. */
import {describe, expect, test} from 'vitest'
import {resolveStates} from '../../src/resolve/states.ts'
import {ALICE, BOB, type Draft, member, message, power, publicRoom, Room, topic} from '../rules/build.ts'
import {VERSIONS, versionsWith} from '../rules/numbers.ts'

const COMMON = ['create', 'alice', 'levels', 'rules', 'mo', 'carol']

/** Names of the events in the resolution of states that are given by names, sorted. */
function resolved(room: Room, ...states: readonly (readonly string[])[]): readonly string[] {
  const graph = room.graph()
  const names = new Map([...new Set(states.flat())].map((name) => [room.id(name), name]))
  const {resolver, root} = resolveStates(
    graph,
    states.map((state) => state.map((name) => room.id(name))),
  )
  const found: string[] = []
  resolver.trie.forEach(root, (_, row) => found.push(names.get(graph.id(row)) ?? graph.id(row)))
  return found.sort()
}

/** What an event cites beside what it should, by the rule that a server holds against it on receipt. */
const ODD: readonly (readonly [rule: string, extra: string])[] = [
  ['auth-events.duplicate', 'levels'],
  ['auth-events.unexpected', 'rules'],
  ['auth-events.rejected', 'forged'],
  ['auth-events.other-room', 'foreign'],
]

const withTopics = (version: string, extra: string): Room => {
  const room = publicRoom(version)
  room.add('forged', {...power(room, {ban: 1}), signers: [], idServer: 'c.example'})
  room.add('foreign', {...message(), room_id: '!other:a.example', prev: [], auth: []})
  room.add('old', {...topic(), prev: ['carol'], authAt: 'carol'})
  const create = room.hasCreatorsAboveAll ? [] : ['create']
  return room.add('odd', {...topic(), prev: ['old'], auth: [...create, 'alice', 'levels', extra]})
}

describe.each(VERSIONS)('version %s', (version) => {
  test.each(ODD)('%s is asked on receipt only: the younger topic is taken all the same', (_rule, extra) => {
    const room = withTopics(version, extra)
    expect(room.judge('odd').verdict).toBe('rejected')
    expect(resolved(room, [...COMMON, 'old'], [...COMMON, 'odd'])).toEqual([...COMMON, 'odd'].sort())
  })

  test('a create event needs no state to pass', () => {
    const room = publicRoom(version)
    const without = COMMON.filter((name) => name !== 'create')
    expect(resolved(room, COMMON, without)).toEqual([...COMMON].sort())
  })

  test('the resolution of a state with itself is that state, whatever is in it', () => {
    const room = withTopics(version, 'rules')
    expect(resolved(room, [...COMMON, 'odd'], ['odd', ...COMMON])).toEqual([...COMMON, 'odd'].sort())
  })
})

describe.each(versionsWith('member.authoriser.unsigned'))('version %s', (version) => {
  test('whether the authoriser signed is asked on receipt only', () => {
    const draft: Draft = {
      ...member(BOB, 'join', BOB, {join_authorised_via_users_server: '@nobody:c.example'}),
      signers: ['b.example'],
    }
    const room = publicRoom(version).add('bob', draft)
    expect(room.judge('bob').name).toBe('member.authoriser.unsigned')
    expect(resolved(room, COMMON, [...COMMON, 'bob'])).toEqual([...COMMON, 'bob'].sort())
  })
})

describe.each(versionsWith('room-id'))('version %s', (version) => {
  test('whether the create event is a good one is asked on receipt only', () => {
    const room = new Room(version).create({}, {signers: []}).member('alice', ALICE, 'join')
    expect(room.judge('alice').name).toBe('room-id')
    room.add('topic', {...topic(), prev: ['alice'], auth: ['alice']})
    expect(resolved(room, ['create', 'alice'], ['create', 'alice', 'topic'])).toEqual(['alice', 'create', 'topic'])
  })
})
