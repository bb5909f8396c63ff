/** Events that are rejected for what they cite, users who are stuck by that, and members who are lost in a merge. */
import {describe, expect, test} from 'vitest'
import {healthOf, theOne} from '../health.ts'
import {Story, userId} from '../story.ts'

const VERSIONS = ['1', '2', '6', '11', '12']
const room = (version: string): Story =>
  Story.of(version)
    .power('power', 'alice', version === '12' ? {mod: 50} : {alice: 100, mod: 50}, {auth: ['alice']})
    .joinRule('open', 'alice', 'public', {auth: ['power', 'alice']})
    .member('mod', 'mod', 'join', {auth: ['power', 'open']})
    .member('bob', 'bob', 'join', {auth: ['power', 'open']})
const number = (version: string, line: number): string =>
  `v${version}:${version === '12' ? '3' : '2'}.${String(line)}@auth`

describe('a healthy room', () => {
  test.each(VERSIONS)('of version %s has no findings, also with rejected events that only lack power', (version) => {
    const story = room(version)
      .topic('no', 'bob', {auth: ['power', 'bob']})
      .member('bob', 'mod', 'ban', {id: 'coup', auth: ['power', 'bob', 'mod']})
      .member('bob', 'mod', 'ban', {id: 'again', auth: ['power', 'bob', 'mod']})
    expect(healthOf(story)).toEqual([])
  })
})

describe.each(VERSIONS)('version %s: what auth_events must not hold', (version) => {
  test('two events for one slot', () => {
    const story = room(version)
      .topic('one', 'bob', {auth: ['power', 'bob', 'bob']})
      .topic('two', 'bob', {auth: ['power', 'power', 'bob']})
    expect(healthOf(story)).toHaveLength(1)
    const found = theOne(healthOf(story), 'dag/duplicate-auth-events')
    expect(found).toMatchObject({
      severity: 'note',
      cause: number(version, 1),
      subject: {kind: 'server', server: 'bob.example'},
    })
    expect(found.summary).toContain('bob.example sent 2 events that cite two events for one slot')
    expect(found.evidence).toMatchObject([
      {source: 'story', where: 'line 7', value: '$one'},
      {where: 'line 8', value: '$two'},
      {source: 'replay'},
    ])
  })
  test('several servers that sent such events are told together, most first', () => {
    const story = room(version)
      .topic('mods', 'mod', {auth: ['power', 'mod', 'mod']})
      .topic('one', 'bob', {auth: ['power', 'bob', 'bob']})
      .topic('two', 'bob', {auth: ['power', 'bob', 'bob']})
    const found = theOne(healthOf(story), 'dag/duplicate-auth-events')
    expect(found.subject.kind).toBe('room')
    expect(found.summary).toContain('bob.example (2) and mod.example (1) sent 3 events')
  })
  test('an event that was rejected itself', () => {
    const story = room(version)
      .power('coup', 'bob', {bob: 100}, {auth: ['power', 'bob']})
      .topic('after', 'alice', {auth: ['coup', 'alice']})
    expect(theOne(healthOf(story), 'dag/rejected-auth-events')).toMatchObject({
      subject: {kind: 'server', server: 'alice.example'},
      cause: number(version, 3),
    })
  })
  test('an event of another room', () => {
    const story = room(version)
      .tell('theirs', 'eve', 'm.room.power_levels', {
        key: '',
        room: '!other:eve.example',
        prev: [],
        citesNoCreate: true,
      })
      .topic('mixed', 'alice', {prev: ['bob'], auth: ['theirs', 'alice']})
    expect(theOne(healthOf(story), 'dag/foreign-auth-events')).toMatchObject({
      subject: {kind: 'server', server: 'alice.example'},
      evidence: [{value: '$mixed'}, {}],
    })
  })
  test.skipIf(version === '12')('no create event, though the version wants it', () => {
    const story = room(version).topic('orphan', 'alice', {auth: ['power', 'alice'], citesNoCreate: true})
    expect(theOne(healthOf(story), 'dag/no-create-in-auth-events')).toMatchObject({
      severity: 'note',
      subject: {kind: 'server', server: 'alice.example'},
      cause: 'v' + version + ':2.4@auth',
    })
  })
})

describe.each(VERSIONS)('version %s: a user whose membership events are all rejected for what they cite', (version) => {
  const stuck = (): Story =>
    room(version)
      .member('bob', 'bob', 'leave', {id: 'leave', auth: ['power', 'bob', 'bob']})
      .member('bob', 'bob', 'join', {id: 'rename', auth: ['power', 'bob', 'bob', 'open']})
      .member('mod', 'bob', 'leave', {id: 'kick', auth: ['power', 'mod', 'bob', 'bob']})

  test('can no longer leave, rename or be kicked', () => {
    const found = theOne(healthOf(stuck()), 'room/wedged-member')
    expect(found).toMatchObject({
      severity: 'warning',
      certainty: 'strong',
      subject: {kind: 'slot', type: 'm.room.member', state_key: userId('bob')},
      cause: number(version, 1),
    })
    expect(found.summary).toContain(
      `${userId('bob')} can no longer leave, change their name or avatar or be kicked: the last 3 attempts`,
    )
    expect(found.evidence.map(({value}) => value)).toEqual(['$kick', '$rename', '$leave', '$bob'])
  })
  test('is free again with a later event that is accepted', () => {
    const story = stuck().member('bob', 'bob', 'leave', {id: 'left', auth: ['power', 'bob']})
    expect(healthOf(story).map(({id}) => id)).toEqual(['dag/duplicate-auth-events'])
  })
  test('is stuck once more if that came first', () => {
    const story = room(version)
      .member('bob', 'bob', 'join', {id: 'renamed', auth: ['power', 'bob', 'open']})
      .member('bob', 'bob', 'leave', {id: 'leave', auth: ['power', 'renamed', 'renamed']})
      .member('bob', 'bob', 'leave', {id: 'leave2', auth: ['power', 'renamed', 'renamed']})
    expect(theOne(healthOf(story), 'room/wedged-member').summary).toContain('can no longer leave: the last 2 attempts')
  })
  test('is not stuck who was not allowed to do it', () => {
    const story = room(version)
      .member('bob', 'mod', 'leave', {id: 'kick', auth: ['power', 'bob', 'mod', 'mod']})
      .member('bob', 'mod', 'leave', {id: 'kick2', auth: ['power', 'bob', 'mod', 'mod']})
    expect(healthOf(story).map(({id}) => id)).toEqual(['dag/duplicate-auth-events'])
  })
  test('is only told in passing after a single attempt', () => {
    const story = room(version).member('bob', 'bob', 'leave', {id: 'leave', auth: ['power', 'bob', 'bob']})
    expect(theOne(healthOf(story), 'room/wedged-member')).toMatchObject({severity: 'note', certainty: 'hint'})
  })
})

test('stale citations wedge as well: a user who cites the state of long ago', () => {
  const story = room('10')
    .joinRule('closed', 'alice', 'invite', {auth: ['power', 'alice']})
    .member('bob', 'bob', 'leave', {id: 'gone', auth: ['power', 'bob']})
    .member('alice', 'bob', 'invite', {id: 'invite', auth: ['power', 'alice', 'gone', 'closed']})
    .member('bob', 'bob', 'join', {id: 'join1', auth: ['power', 'gone', 'closed']})
    .member('bob', 'bob', 'join', {id: 'join2', auth: ['power', 'gone', 'closed']})
  expect(theOne(healthOf(story), 'room/wedged-member').summary).toContain(`${userId('bob')} can no longer join`)
})

test('who acted since on another branch is not stuck', () => {
  const attempt = {id: 'leave', auth: ['power', 'bob', 'bob']}
  const before = room('10').member('bob', 'bob', 'leave', attempt)
  expect(theOne(healthOf(before), 'room/wedged-member').summary).toContain(userId('bob'))
  // The branch of the attempt ends with it, and comes last in the dump.
  const story = room('10')
    .topic('one', 'alice', {auth: ['power', 'alice']})
    .topic('two', 'alice', {auth: ['power', 'alice']})
    .member('bob', 'bob', 'join', {id: 'renamed', auth: ['power', 'bob', 'open']})
    .member('bob', 'bob', 'leave', {...attempt, prev: ['bob']})
  expect(healthOf(story).filter(({id}) => id === 'room/wedged-member')).toEqual([])
})

test('many users with one failed event each are one finding', () => {
  const story = room('10')
  const names = ['u1', 'u2', 'u3', 'u4']
  for (const name of names) story.member(name, name, 'join', {auth: ['power', 'open', 'open']})
  const found = theOne(healthOf(story), 'room/wedged-member')
  expect(found).toMatchObject({severity: 'note', subject: {kind: 'room'}})
  expect(found.summary).toContain('of 4 users is rejected')
})

describe.each(['2', '6', '11', '12'])('version %s: members who are lost in a merge', (version) => {
  /** The moderator bans all of them while Alice closes the room and takes the power from the moderator. */
  const members = (many: number): readonly string[] => Array.from({length: many}, (_, k) => `u${String(k + 1)}`)
  function demotionAgainstBans(names: readonly string[]): Story {
    const story = room(version)
    for (const name of names) story.member(name, name, 'join', {auth: ['power', 'open']})
    for (const name of names) story.member('mod', name, 'ban', {id: `ban-${name}`, auth: ['power', 'mod', name]})
    const last = names.at(-1) ?? ''
    return story
      .joinRule('closed', 'alice', 'invite', {prev: [last], auth: ['power', 'alice']})
      .power('demoted', 'alice', version === '12' ? {} : {alice: 100}, {auth: ['power', 'alice']})
      .merge('merge', 'alice', [`ban-${last}`, 'demoted'], ['demoted', 'alice'])
  }

  test('though every side had a membership of theirs: an error at the merge', () => {
    const story = demotionAgainstBans(members(5))
    expect(story.play().before('merge')).not.toHaveProperty(['member u1'])
    const found = theOne(healthOf(story), 'state/mass-leave')
    expect(found).toMatchObject({
      severity: 'error',
      certainty: 'proof',
      subject: {kind: 'event', event_id: '$merge'},
      evidence: [{value: 5}, {value: 0}, ...members(5).map((name) => ({value: userId(name)}))],
    })
    expect(found.summary).toContain(`5 members lost their membership at the merge $merge`)
  })
  test('stands before the resets of each, and is as grave as they are', () => {
    const told = (story: Story): readonly string[] =>
      story
        .play()
        .findings()
        .filter(
          ({id, subject}) => id !== 'state/reset' || (subject.kind === 'slot' && subject.type === 'm.room.member'),
        )
        .filter(({id}) => id.startsWith('state/') && id !== 'state/reading-dependent')
        .map(({severity, id}) => `${severity} ${id}`)
    const story = demotionAgainstBans(members(5))
    expect(told(story)).toEqual(['error state/mass-leave', ...members(5).map(() => 'error state/reset')])
    for (const name of members(5)) {
      story.member('alice', name, 'invite', {id: `invite-${name}`, auth: ['demoted', 'alice', 'closed']})
    }
    expect(told(story)).toEqual(['warning state/mass-leave', ...members(5).map(() => 'warning state/reset')])
  })
  test('four are no mass', () => {
    expect(healthOf(demotionAgainstBans(members(4)))).toEqual([])
  })
  test('also where no event has made the merge yet', () => {
    const story = demotionAgainstBans(members(5))
    story.lines.pop()
    expect(theOne(healthOf(story), 'state/mass-leave').subject.kind).toBe('room')
  })
  test('is told once, not again at the merges that follow', () => {
    const story = demotionAgainstBans(members(5))
      .tell('late', 'alice', 'm.room.message', {prev: ['u5'], auth: ['power', 'alice']})
      .merge('again', 'alice', ['late', 'merge'], ['demoted', 'alice'])
    expect(story.play().before('again')).not.toHaveProperty(['member u1'])
    expect(theOne(healthOf(story), 'state/mass-leave').subject).toEqual({kind: 'event', event_id: '$merge'})
  })
  test('bans that stand explain it', () => {
    const story = room(version)
    for (const name of members(6)) story.member(name, name, 'join', {auth: ['power', 'open']})
    for (const name of members(6)) story.member('mod', name, 'ban', {id: `ban-${name}`, auth: ['power', 'mod', name]})
    story
      .topic('other', 'alice', {prev: ['u6'], auth: ['power', 'alice']})
      .merge('merge', 'alice', ['ban-u6', 'other'], ['power', 'alice'])
    expect(healthOf(story)).toEqual([])
  })
  test('joins that the other side closed the room against: a warning only', () => {
    const story = room(version)
    for (const name of members(5)) story.member(name, name, 'join', {auth: ['power', 'open']})
    story
      .joinRule('closed', 'alice', 'invite', {prev: ['bob'], auth: ['power', 'alice']})
      .merge('merge', 'alice', ['u5', 'closed'], ['power', 'alice'])
    const found = theOne(healthOf(story), 'state/mass-leave')
    expect(found).toMatchObject({
      severity: 'warning',
      certainty: 'strong',
      evidence: [{value: 0}, {value: 5}, {}, {}, {}, {}, {}],
    })
    expect(found.summary).toContain('not all sides knew of their joins')
    // With the cause of each at hand it is a note.
    const heads = story
      .play()
      .findings()
      .filter(({id}) => id.startsWith('state/'))
    expect(heads.map(({severity, id}) => `${severity} ${id}`)).toEqual([
      'note state/mass-leave',
      ...members(5).map(() => 'note state/revoked-concurrently'),
    ])
    expect(heads[0]?.summary).toContain('what was done on another side revoked them')
  })
})
