/** What goes back or vanishes because the rules changed: on another branch (as it should be), or on the same one (as it should not). */
import {describe, expect, test} from 'vitest'
import {ALL, aliceIn, expectResets, openRoom, V1, V2, V21} from './rooms.ts'

/** Mod bans Bob, while elsewhere Alice closes the room and demotes Mod: as two servers of the `conflict` rooms did. */
const banAgainstDemotion = (version: string, prev: readonly string[] = ['ban', 'demoted']) =>
  openRoom(version)
    .member('mod', 'bob', 'ban', {id: 'ban', auth: ['power', 'mod', 'bob']})
    .joinRule('closed', 'alice', 'invite', {prev: ['old'], auth: ['power', 'alice']})
    .power('demoted', 'alice', aliceIn(version), {auth: ['power', 'alice']})
    .merge('merge', 'alice', prev, ['demoted', 'alice'])
    .play()

describe.each([...V2, ...V21])('version %s: a ban against a demotion and a closed room', (version) => {
  const reset = {
    slot: 'member bob',
    cause: 'concurrent-rule-change',
    expected: false,
    lost: 'bob',
    got: '-',
    at: 'merge',
    dropped: ['ban'],
    blockers: ['closed'],
    underV21: version === '12' ? 'same' : '-',
  } as const

  test('Bob is neither banned nor in the room', () => {
    expectResets(banAgainstDemotion(version), [reset])
  })
  test('whichever branch the merge names first', () => {
    expectResets(banAgainstDemotion(version, ['demoted', 'ban']), [reset])
  })
  test('the tips alone are a merge, too', () => {
    const played = openRoom(version)
      .member('mod', 'bob', 'ban', {id: 'ban', auth: ['power', 'mod', 'bob']})
      .joinRule('closed', 'alice', 'invite', {prev: ['old'], auth: ['power', 'alice']})
      .power('demoted', 'alice', aliceIn(version), {auth: ['power', 'alice']})
      .play()
    expectResets(played, [{...reset, at: '-'}])
  })
  test('what happens again at the next merge is told once', () => {
    const played = openRoom(version)
      .member('mod', 'bob', 'ban', {id: 'ban', auth: ['power', 'mod', 'bob']})
      .joinRule('closed', 'alice', 'invite', {prev: ['old'], auth: ['power', 'alice']})
      .power('demoted', 'alice', aliceIn(version), {auth: ['power', 'alice']})
      .merge('merge', 'alice', ['ban', 'demoted'], ['demoted', 'alice'])
      .merge('twin', 'alice', ['ban', 'demoted'], ['demoted', 'alice'])
      .merge('last', 'alice', ['merge', 'twin'], ['demoted', 'alice'])
      .play()
    expectResets(played, [reset])
  })
})

describe.each(V1)('version %s: a ban against a demotion and a closed room', (version) => {
  test('Bob stays: only the ban was revoked', () => {
    expectResets(banAgainstDemotion(version), [
      {
        slot: 'member bob',
        cause: 'revoked-concurrently',
        expected: true,
        lost: 'ban',
        got: 'bob',
        blockers: ['demoted'],
      },
    ])
  })
})

describe.each([...V2, ...V21])(
  'version %s: one branch lets somebody in and closes the room, the other does neither',
  (version) => {
    const played = openRoom(version)
      .member('carol', 'carol', 'join', {auth: ['power', 'open']})
      .joinRule('closed', 'alice', 'invite', {auth: ['power', 'alice']})
      .merge('aside', 'alice', ['old'], ['power', 'alice'])
      .merge('merge', 'alice', ['closed', 'aside'], ['power', 'alice'])
      .play()
    test('Carol drops out', () => {
      expectResets(played, [
        {
          slot: 'member carol',
          cause: 'concurrent-rule-change',
          expected: false,
          lost: 'carol',
          got: '-',
          dropped: [],
          blockers: ['closed'],
        },
      ])
    })
  },
)

describe.each(ALL)(
  'version %s: one branch sets a topic, then demotes who set it; the other does neither',
  (version) => {
    const played = openRoom(version)
      .topic('new', 'mod', {auth: ['power', 'mod']})
      .power('demoted', 'alice', aliceIn(version), {auth: ['power', 'alice']})
      .merge('aside', 'alice', ['old'], ['power', 'alice'])
      .merge('merge', 'alice', ['demoted', 'aside'], ['demoted', 'alice'])
      .play()
    test('the topic goes back', () => {
      expectResets(played, [
        {
          slot: 'topic',
          cause: 'concurrent-rule-change',
          expected: false,
          lost: 'new',
          got: 'old',
          blockers: ['demoted'],
        },
      ])
    })
  },
)

describe.each(ALL)('version %s: concurrent revocation is expected', (version) => {
  test('a topic against the demotion of who set it', () => {
    const played = openRoom(version)
      .topic('new', 'mod', {auth: ['power', 'mod']})
      .power('demoted', 'alice', aliceIn(version), {prev: ['old'], auth: ['power', 'alice']})
      .merge('merge', 'alice', ['new', 'demoted'], ['demoted', 'alice'])
      .play()
    expectResets(played, [
      {slot: 'topic', cause: 'revoked-concurrently', expected: true, lost: 'new', got: 'old', blockers: ['demoted']},
    ])
  })

  test('what it was sent under was revoked: Mod promotes Bob, who sets a topic; elsewhere Alice bans Mod', () => {
    const played = openRoom(version)
      .power('promoted', 'mod', {...aliceIn(version), mod: 50, bob: 50}, {auth: ['power', 'mod']})
      .topic('new', 'bob', {auth: ['promoted', 'bob']})
      .member('alice', 'mod', 'ban', {id: 'ban', prev: ['old'], auth: ['power', 'alice', 'mod']})
      .merge('merge', 'alice', ['new', 'ban'], ['power', 'alice'])
      .play()
    expectResets(played, [
      {
        slot: 'power_levels',
        cause: 'revoked-concurrently',
        expected: true,
        lost: 'promoted',
        got: 'power',
        blockers: ['ban'],
      },
      {slot: 'topic', cause: 'revoked-concurrently', expected: true, lost: 'new', got: 'old', blockers: ['power']},
    ])
  })
})

describe.each([...V2, ...V21])('version %s: concurrent revocation of a join', (version) => {
  test('Carol joins while elsewhere the room is closed', () => {
    const played = openRoom(version)
      .member('carol', 'carol', 'join', {auth: ['power', 'open']})
      .joinRule('closed', 'alice', 'invite', {prev: ['old'], auth: ['power', 'alice']})
      .merge('merge', 'alice', ['carol', 'closed'], ['power', 'alice'])
      .play()
    expectResets(played, [
      {
        slot: 'member carol',
        cause: 'revoked-concurrently',
        expected: true,
        lost: 'carol',
        got: '-',
        blockers: ['closed'],
      },
    ])
  })
})

describe.each([...V2, ...V21])('version %s: a slot that every branch had, and that all of them revoke', (version) => {
  /** Each branch has a name, set by one whom the other branch bans. The room had no name before. */
  const story = () =>
    openRoom(version)
      .power('mods', 'alice', {...aliceIn(version), mod: 50, bob: 50}, {auth: ['power', 'alice']})
      .tell('mods-name', 'mod', 'm.room.name', {key: '', content: {name: 'Mod'}, auth: ['mods', 'mod'], ts: 90_000})
      .member('alice', 'bob', 'ban', {id: 'ban-bob', auth: ['mods', 'alice', 'bob']})
      .member('alice', 'mod', 'ban', {id: 'ban-mod', prev: ['mods'], auth: ['mods', 'alice', 'mod']})
  const gone = {
    slot: 'name',
    cause: 'revoked-concurrently',
    lost: 'mods-name',
    got: '-',
    blockers: ['ban-mod'],
  } as const
  const bobsName = {key: '', content: {name: 'Bob'}, prev: ['mods'], auth: ['mods', 'bob']}

  test('is always told as a reset, although each value was revoked', () => {
    const played = story()
      .tell('bobs-name', 'bob', 'm.room.name', bobsName)
      .member('alice', 'mod', 'ban', {id: 'ban-mod', prev: ['bobs-name'], auth: ['mods', 'alice', 'mod']})
      .merge('merge', 'alice', ['ban-bob', 'ban-mod'], ['mods', 'alice'])
    played.lines.splice(
      played.lines.findIndex((line) => line.includes('"$ban-mod"')),
      1,
    )
    expectResets(played.play(), [{...gone, expected: false}])
  })
  test('also where the same was expected at another merge, which is told with it', () => {
    const played = story()
      .merge('early', 'alice', ['ban-bob', 'ban-mod'], ['mods', 'alice'])
      .tell('bobs-name', 'bob', 'm.room.name', {...bobsName, prev: ['ban-mod']})
      .merge('merge', 'alice', ['ban-bob', 'bobs-name'], ['mods', 'alice'])
      .play()
    expectResets(played, [{...gone, expected: false, at: 'merge', again: 1}])
  })
})

describe.each(ALL)('version %s: no reset', (version) => {
  test('a later topic wins over an earlier one, wherever it was sent', () => {
    const played = openRoom(version)
      .topic('new', 'alice', {auth: ['power', 'alice']})
      .topic('other', 'mod', {prev: ['old'], auth: ['power', 'mod']})
      .merge('merge', 'alice', ['new', 'other'], ['power', 'alice'])
      .play()
    expect(played.before('merge')).toHaveProperty('topic')
    expectResets(played, [])
  })
  test('a member who was kicked by one branch stays out', () => {
    const played = openRoom(version)
      .member('alice', 'bob', 'leave', {id: 'kick', auth: ['power', 'alice', 'bob']})
      .merge('aside', 'alice', ['old'], ['power', 'alice'])
      .merge('merge', 'alice', ['kick', 'aside'], ['power', 'alice'])
      .play()
    expect(played.before('merge')).toMatchObject({'member bob': 'kick'})
    expectResets(played, [])
  })
})
