import {describe, expect, test} from 'vitest'
import {StateError} from '../../src/errors.ts'
import {loadRoomFrom} from '../../src/investigate/load-room.ts'
import {replay} from '../../src/resolve/replay.ts'
import {resolveStates} from '../../src/resolve/states.ts'
import {tipsOf} from '../../src/resolve/tips.ts'
import {Story} from '../scenarios/story.ts'

const story = Story.of('11')
  .power('power', 'alice', {alice: 100}, {auth: ['alice']})
  .topic('a', 'alice', {prev: ['power'], auth: ['power', 'alice']})
  .topic('b', 'alice', {prev: ['power'], auth: ['power', 'alice', 'gone']})
  .tell('hello', 'alice', 'm.room.message', {prev: ['a'], auth: ['power', 'alice']})
const lines = story.lines.map((text, index) => ({text, line: index + 1}))
const {graph} = loadRoomFrom('states', lines, {trustIds: true})
const common = ['$create', '$alice', '$power']

describe('given states', () => {
  test('are resolved together, and what their auth chains lack is named', () => {
    const {resolver, root, missing} = resolveStates(graph, [
      [...common, '$a'],
      [...common, '$b'],
    ])
    expect(graph.id(resolver.trie.get(root, graph.slotOf('m.room.topic', '')))).toBe('$b')
    expect(missing).toEqual(['$gone'])
    expect(resolveStates(graph, [[...common, '$a']]).missing).toEqual([])
  })
  test('may be none, or one', () => {
    expect(resolveStates(graph, []).root).toBe(0)
    const {resolver, root} = resolveStates(graph, [common])
    expect(resolver.trie.get(root, graph.powerSlot)).toBe(graph.row('$power'))
  })
  test.each([
    ['an event that is not there', ['$nobody']],
    ['an event that is only cited', ['$gone']],
    ['a message', ['$hello']],
    ['two events for one slot', ['$a', '$b']],
  ])('%s is refused', (_what, ids) => {
    const refused = (): unknown => resolveStates(graph, [common, [...common, ...ids]])
    expect(refused).toThrow(StateError)
    expect(refused).toThrow(/state 2/)
  })
  test('the same event twice is fine', () => {
    expect(() => resolveStates(graph, [['$a', '$a']])).not.toThrow()
  })
})

describe('the tips', () => {
  test('are accepted events without an accepted descendant', () => {
    const tips = (told: Story): readonly string[] => {
      const room = loadRoomFrom(
        'tips',
        told.lines.map((text, index) => ({text, line: index + 1})),
        {trustIds: true},
      )
      const result = replay(room.graph)
      return tipsOf(result).map((row) => room.graph.id(row))
    }
    const room = (): Story => Story.of('11').power('power', 'alice', {alice: 100}, {auth: ['alice']})
    expect(tips(room())).toEqual(['$power'])
    expect(tips(room().topic('x', 'bob', {auth: ['power']}))).toEqual(['$power'])
    expect(
      tips(
        room()
          .topic('x', 'bob', {auth: ['power']})
          .topic('y', 'alice', {auth: ['power', 'alice']}),
      ),
    ).toEqual(['$y'])
    expect(tips(story)).toEqual(['$hello'])
  })
})
