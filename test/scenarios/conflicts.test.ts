/** What comes of it when two branches of a room do what does not go together. */
import {describe, expect, test} from 'vitest'
import {Story, userId} from './story.ts'

/** Alice (100) and Mod (50) in an open room, and Bob. */
function openRoom(version: string, bob = 0): Story {
  return Story.of(version)
    .power('power', 'alice', {alice: 100, mod: 50, bob}, {auth: ['alice']})
    .joinRule('open', 'alice', 'public', {auth: ['power', 'alice']})
    .member('mod', 'mod', 'join', {auth: ['power', 'open']})
    .member('bob', 'bob', 'join', {auth: ['power', 'open']})
    .topic('old', 'alice', {auth: ['power', 'alice']})
}
const V2 = ['2', '6', '11']

describe.each(V2)('version %s: a ban against a promotion, by two who have equal power', (version) => {
  const forked = (target: string, ban: number, promotion: number) =>
    openRoom(version)
      .power('second', 'alice', {alice: 100, mod: 100}, {auth: ['power', 'alice']})
      .member('alice', target, 'ban', {
        id: 'ban',
        prev: ['second'],
        auth: ['second', 'alice', ...(target === 'bob' ? ['bob'] : [])],
        ts: ban,
      })
      .power(
        'promoted',
        'mod',
        {alice: 100, mod: 100, [target]: 100},
        {prev: ['second'], auth: ['second', 'mod'], ts: promotion},
      )
      .merge('merge', 'alice', ['ban', 'promoted'], ['second', 'alice'])
      .play()
      .before('merge')

  test('somebody who never joined: the ban is older, and their new level helps nothing', () => {
    expect(forked('eve', 9000, 9001)).toMatchObject({'member eve': 'ban', power_levels: 'promoted'})
  })
  test('somebody who never joined: the promotion is older, and nobody can ban an equal', () => {
    const state = forked('eve', 9001, 9000)
    expect(state).toMatchObject({power_levels: 'promoted'})
    expect(state).not.toHaveProperty(['member eve'])
  })
  test('somebody in the room: the ban waits for the join that it cites, of little power, and always comes too late', () => {
    expect(forked('bob', 9000, 9001)).toMatchObject({'member bob': 'bob', power_levels: 'promoted'})
    expect(forked('bob', 9001, 9000)).toMatchObject({'member bob': 'bob', power_levels: 'promoted'})
  })
})

describe.each(V2)('version %s: the more powerful of two who ban each other wins, whoever was first', (version) => {
  test.each([
    ['mod', 1],
    ['alice', -1],
  ])('%s was first', (_first, sign) => {
    const story = openRoom(version, 40)
      .member('alice', 'mod', 'ban', {id: 'ban-mod', prev: ['old'], auth: ['power', 'alice', 'mod'], ts: 9000 + sign})
      .member('mod', 'bob', 'ban', {id: 'ban-bob', prev: ['old'], auth: ['power', 'mod', 'bob'], ts: 9000})
      .merge('merge', 'alice', ['ban-mod', 'ban-bob'], ['power', 'alice'])
    expect(story.play().before('merge')).toMatchObject({'member mod': 'ban-mod', 'member bob': 'bob'})
  })
})

describe('a join against new join rules', () => {
  const forked = (version: string) =>
    openRoom(version)
      .joinRule('closed', 'alice', 'invite', {prev: ['old'], auth: ['power', 'alice']})
      .member('carol', 'carol', 'join', {prev: ['old'], auth: ['power', 'open']})
      .merge('merge', 'alice', ['closed', 'carol'], ['power', 'alice'])
      .play()

  test.each(V2)('version %s: the rules come first, so that the join fails', (version) => {
    const state = forked(version).before('merge')
    expect(state).toMatchObject({join_rules: 'closed'})
    expect(state).not.toHaveProperty(['member carol'])
  })
  test('version 1: that only one branch has a member is no conflict', () => {
    expect(forked('1').before('merge')).toMatchObject({join_rules: 'closed', 'member carol': 'carol'})
  })
})

describe.each(V2)('version %s: a topic against a ban', (version) => {
  test('what the banned one said meanwhile is undone, however young it is', () => {
    const story = openRoom(version)
      .member('alice', 'mod', 'ban', {id: 'ban', prev: ['old'], auth: ['power', 'alice', 'mod'], ts: 9000})
      .topic('new', 'mod', {prev: ['old'], auth: ['power', 'mod'], ts: 9999})
      .merge('merge', 'alice', ['ban', 'new'], ['power', 'alice'])
    expect(story.play().before('merge')).toMatchObject({topic: 'old', 'member mod': 'ban'})
  })
})

describe.each(V2)('version %s: two topics', (version) => {
  const topicOf = (first: string, ts1: number, second: string, ts2: number): string | undefined =>
    openRoom(version)
      .topic(first, 'alice', {prev: ['old'], auth: ['power', 'alice'], ts: ts1})
      .topic(second, 'mod', {prev: ['old'], auth: ['power', 'mod'], ts: ts2})
      .merge('merge', 'alice', [first, second], ['power', 'alice'])
      .play()
      .before('merge')['topic']

  test('the younger one stays, whoever has more power', () => {
    expect(topicOf('a', 9000, 'b', 9001)).toBe('b')
    expect(topicOf('a', 9001, 'b', 9000)).toBe('a')
  })
  test('of equal age the greater event ID stays, in the order of code points', () => {
    expect(topicOf('a', 9000, 'b', 9000)).toBe('b')
    expect(topicOf('b', 9000, 'a', 9000)).toBe('b')
    expect(topicOf('Z', 9000, 'a', 9000)).toBe('a')
    expect(topicOf('😀', 9000, '\uff5e', 9000)).toBe('😀')
  })
  test('one sent under newer power levels stays, however old it claims to be', () => {
    const story = openRoom(version)
      .power('second', 'alice', {alice: 100, mod: 50, bob: 1}, {prev: ['old'], auth: ['power', 'alice'], ts: 9000})
      .topic('a', 'alice', {prev: ['second'], auth: ['second', 'alice'], ts: 1})
      .topic('b', 'mod', {prev: ['old'], auth: ['power', 'mod'], ts: 9999})
      .merge('merge', 'alice', ['a', 'b'], ['second', 'alice'])
    expect(story.play().before('merge')['topic']).toBe('a')
  })
})

describe.each(['8', '10', '11'])('version %s: a restricted join whose authoriser lost their power', (version) => {
  const forked = (bob: number) =>
    Story.of(version)
      .power('power', 'alice', {alice: 100, mod: 50}, {auth: ['alice']}, {invite: 50})
      .joinRule('open', 'alice', 'public', {auth: ['power', 'alice']})
      .member('mod', 'mod', 'join', {auth: ['power', 'open']})
      .joinRule('restricted', 'alice', 'restricted', {auth: ['power', 'alice']})
      .power(
        'demoted',
        'alice',
        {alice: 100, mod: bob},
        {prev: ['restricted'], auth: ['power', 'alice'], ts: 9000},
        {invite: 50},
      )
      .member('carol', 'carol', 'join', {
        prev: ['restricted'],
        auth: ['power', 'restricted', 'mod'],
        content: {join_authorised_via_users_server: userId('mod')},
        ts: 8000,
      })
      .merge('merge', 'alice', ['demoted', 'carol'], ['demoted', 'alice'])
      .play()

  test('the join is undone with them', () => {
    const play = forked(0)
    expect(play.verdict('carol')).toBe('accepted')
    expect(play.before('merge')).not.toHaveProperty(['member carol'])
  })
  test('a new level that suffices leaves it', () => {
    expect(forked(75).before('merge')).toMatchObject({'member carol': 'carol', power_levels: 'demoted'})
  })
})

describe('version 12: two creators', () => {
  const room = () =>
    Story.of('12', {additional_creators: [userId('bob')]})
      .power('power', 'alice', {mod: 50}, {auth: ['alice']})
      .joinRule('open', 'alice', 'public', {auth: ['power', 'alice']})
      .member('bob', 'bob', 'join', {auth: ['power', 'open']})
      .member('mod', 'mod', 'join', {auth: ['power', 'open']})

  test('neither can ban the other', () => {
    const play = room()
      .member('bob', 'alice', 'ban', {id: 'ban-alice', auth: ['power', 'bob', 'alice']})
      .member('alice', 'bob', 'leave', {id: 'kick-bob', auth: ['power', 'alice', 'bob']})
      .play()
    expect([play.verdict('ban-alice'), play.verdict('kick-bob')]).toEqual(['v12:5.6.3@auth', 'v12:5.5.5@auth'])
  })
  test('power levels that list one are rejected', () => {
    const play = room()
      .power('listed', 'alice', {mod: 50, bob: 10}, {auth: ['power', 'alice']})
      .play()
    expect(play.verdict('listed')).toBe('v12:10.4@auth')
    expect(play.after('listed')['power_levels']).toBe('power')
  })
  test('power levels of both: the younger one stays, and a powerful user comes after both', () => {
    const state = room()
      .power('hers', 'alice', {mod: 50, carol: 1}, {prev: ['mod'], auth: ['power', 'alice'], ts: 9001})
      .power('his', 'bob', {mod: 0}, {prev: ['mod'], auth: ['power', 'bob'], ts: 9000})
      .topic('topic', 'mod', {prev: ['mod'], auth: ['power', 'mod'], ts: 9999})
      .merge('merge', 'alice', ['hers', 'his', 'topic'], ['power', 'alice'])
      .play()
      .before('merge')
    expect(state).toMatchObject({power_levels: 'hers', topic: 'topic'})
  })
  test('a creator sorts before every level: their ban comes before the act of the banned', () => {
    const state = room()
      .member('bob', 'mod', 'ban', {id: 'ban', prev: ['mod'], auth: ['power', 'bob', 'mod'], ts: 9001})
      .joinRule('closed', 'mod', 'invite', {prev: ['mod'], auth: ['power', 'mod'], ts: 9000})
      .merge('merge', 'alice', ['ban', 'closed'], ['power', 'alice'])
      .play()
      .before('merge')
    expect(state).toMatchObject({join_rules: 'open', 'member mod': 'ban'})
  })
})
