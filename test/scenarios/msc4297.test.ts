/**
 * The two problems that MSC4297 names, and that room version 12 solves.
 *
 * In both a state is stale: it was not computed from the room's history but taken from another server, or comes of an earlier mistake.
 */
import {describe, expect, test} from 'vitest'
import {Story} from './story.ts'

describe.each(['11', '12'])('problem A, in a room of version %s: the join rules vanish', (version) => {
  // Alice opened the room, Bob came, Alice closed it and left. One state still has the open rule.
  const story = Story.of(version)
    .power('power', 'alice', version === '12' ? {bob: 50} : {alice: 100, bob: 50}, {auth: ['alice']})
    .joinRule('open', 'alice', 'public', {auth: ['power', 'alice']})
    .member('bob', 'bob', 'join', {auth: ['power', 'open']})
    .joinRule('closed', 'alice', 'invite', {auth: ['power', 'alice']})
    .member('alice', 'alice', 'leave', {id: 'gone', auth: ['power', 'alice']})
  const common = ['create', 'power', 'bob', 'gone']
  const states = [
    [...common, 'closed'],
    [...common, 'open'],
  ]
  const agreed = {create: 'create', power_levels: 'power', 'member bob': 'bob', 'member alice': 'gone'}
  const play = story.play()

  test('nothing is rejected on the way', () => {
    for (const id of ['open', 'bob', 'closed', 'gone']) expect(play.verdict(id)).toBe('accepted')
  })
  test('v2 starts from what both agree on, where Alice left: neither rule passes', () => {
    expect(play.resolve(states, 'v2')).toEqual(agreed)
  })
  test('v2.1 starts from nothing: both pass on what they cite, and the later one stays', () => {
    expect(play.resolve(states, 'v2.1')).toEqual({...agreed, join_rules: 'closed'})
  })
  test('the order of the states means nothing', () => {
    expect(play.resolve([...states].reverse(), 'v2')).toEqual(agreed)
    expect(play.resolve([...states].reverse(), 'v2.1')).toEqual({...agreed, join_rules: 'closed'})
  })
  test(`the version's own algorithm is ${version === '12' ? 'v2.1' : 'v2'}`, () => {
    expect(play.resolve(states)).toEqual(version === '12' ? {...agreed, join_rules: 'closed'} : agreed)
  })
})

describe.each(['11', '12'])(
  'problem B, in a room of version %s: the power levels fall back to the first',
  (version) => {
    // Alice promotes Bob (second), Bob promotes Carol (third). Both states hold a topic that cites the second, so that it is in every auth
    // chain and in no auth difference; one state still has the first.
    const alice = version === '12' ? {} : {alice: 100}
    const story = Story.of(version)
      .power('first', 'alice', alice, {auth: ['alice']})
      .joinRule('open', 'alice', 'public', {auth: ['first', 'alice']})
      .member('bob', 'bob', 'join', {auth: ['first', 'open']})
      .power('second', 'alice', {...alice, bob: 60}, {auth: ['first', 'alice']})
      .topic('topic', 'alice', {auth: ['second', 'alice']})
      .power('third', 'bob', {...alice, bob: 60, carol: 40}, {auth: ['second', 'bob']})
    const common = ['create', 'alice', 'bob', 'open', 'topic']
    const states = [
      [...common, 'third'],
      [...common, 'first'],
    ]
    const agreed = {create: 'create', 'member alice': 'alice', 'member bob': 'bob', join_rules: 'open', topic: 'topic'}

    test.each(['synapse', 'spec'] as const)(
      'v2 judges the third by the first, without the second between them; reading %s',
      (reading) => {
        expect(story.play({reading}).resolve(states, 'v2')).toEqual({...agreed, power_levels: 'first'})
      },
    )
    test.each(['synapse', 'spec'] as const)(
      'v2.1 replays the second, too, which lies between conflicted events; reading %s',
      (reading) => {
        expect(story.play({reading}).resolve(states, 'v2.1')).toEqual({...agreed, power_levels: 'third'})
      },
    )
    test('where no state holds what cites the second, v2 finds it in the auth difference', () => {
      const without = states.map((state) => state.filter((id) => id !== 'topic'))
      const {topic: _, ...rest} = agreed
      expect(story.play().resolve(without, 'v2')).toEqual({...rest, power_levels: 'third'})
    })
  },
)
