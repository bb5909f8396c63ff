/** Events that no server would have taken, and events of other rooms, beside those of the room. */
import {describe, expect, test} from 'vitest'
import {replay, Verdict} from '../../src/resolve/replay.ts'
import {resolveStates} from '../../src/resolve/states.ts'
import {tipsOf} from '../../src/resolve/tips.ts'
import {ALICE, CAROL, message, power, publicRoom, type Room, topic} from '../rules/build.ts'
import {VERSIONS} from '../rules/numbers.ts'

const withCreate = (room: Room, names: readonly string[]): readonly string[] =>
  room.hasCreatorsAboveAll ? names : ['create', ...names]

/** Power levels that raise Carol, which the server of their sender never signed; a topic that builds on them, and one of Alice's. */
function withForgedLevels(version: string): Room {
  const room = publicRoom(version)
  room.add('forged', {...power(room, {users: {[CAROL]: 100}}), signers: [], idServer: 'c.example'})
  room.add('carols', {...topic(CAROL), prev: ['carol'], auth: withCreate(room, ['carol', 'forged'])})
  return room.add('alices', {...topic(ALICE), prev: ['carol'], auth: withCreate(room, ['alice', 'levels'])})
}

describe.each(VERSIONS)('version %s', (version) => {
  const room = withForgedLevels(version)
  const graph = room.graph()

  test('what is wrong by form is rejected, and so is what cites it', () => {
    expect(room.judge('forged').rule).toBe('format:signature')
    expect(room.judge('carols').name).toBe('auth-events.rejected')
    expect(room.judge('alices').verdict).toBe('accepted')
  })

  test('in given states, too, an event does not get its power from such', () => {
    const ids = (names: readonly string[]): readonly string[] => names.map((name) => room.id(name))
    const common = ['create', 'alice', 'carol', 'rules']
    const {resolver, root} = resolveStates(graph, [ids([...common, 'levels', 'alices']), ids([...common, 'carols'])])
    const held: string[] = []
    resolver.trie.forEach(root, (_, row) => held.push(graph.id(row)))
    // Carol, whose topic is older, may not set one under the levels that stay; and in version 1 the deeper or smaller one is asked first.
    expect(held).toContain(room.id('alices'))
    expect(held).toContain(room.id('levels'))
    expect(held).not.toContain(room.id('forged'))
    expect(held).not.toContain(room.id('carols'))
  })
})

describe('state resolution from version 2 on', () => {
  test.each(VERSIONS.filter((version) => version !== '1'))(
    'version %s: a topic that only forged power levels allow is not taken, and they do not come with it',
    (version) => {
      const room = withForgedLevels(version)
      const graph = room.graph()
      const ids = (names: readonly string[]): readonly string[] => names.map((name) => room.id(name))
      const common = ['create', 'alice', 'carol', 'rules']
      const {resolver, root} = resolveStates(graph, [ids(common), ids([...common, 'carols'])])
      const held: string[] = []
      resolver.trie.forEach(root, (_, row) => held.push(graph.id(row)))
      expect(held.sort()).toEqual([...ids(common)].sort())
    },
  )
})

describe('events of another room', () => {
  test.each(VERSIONS)('version %s: have no verdict and no state, and are no tips', (version) => {
    const room = publicRoom(version)
      .add('foreign', {...message(), room_id: '!other:a.example', prev: [], auth: []})
      .add('here', {...message(), prev: ['carol'], authAt: 'carol'})
    const result = replay(room.graph())
    const row = result.graph.row(room.id('foreign'))
    expect(result.verdicts[row]).toBe(Verdict.Undetermined)
    expect([result.before[row], result.after[row]]).toEqual([-1, -1])
    expect(result.rejections.has(row)).toBe(false)
    expect(tipsOf(result).map((tip) => result.graph.id(tip))).toEqual([room.id('here')])
  })
})
