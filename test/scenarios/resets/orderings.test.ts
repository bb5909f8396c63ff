/** Both values are valid, and the order of resolution puts the older one last. */
import {describe, expect, test} from 'vitest'
import type {ResetCause} from '../../../src/forensics/cause.ts'
import type {Story, Told} from '../story.ts'
import {aliceIn, expectResets, openRoom, V1, V2, V21} from './rooms.ts'

/** One branch sets a topic after the other, the other branch has only the first. */
const twoTopics = (story: Story, first: Told & {readonly id: string}, second: Told & {readonly id: string}) =>
  story
    .topic(first.id, 'alice', {auth: ['power', 'alice'], ...first})
    .topic(second.id, 'alice', {auth: ['power', 'alice'], ...second})
    .merge('aside', 'alice', [first.id], ['power', 'alice'])
    .merge('merge', 'alice', [second.id, 'aside'], ['power', 'alice'])
    .play()

const expectTopic = (played: ReturnType<typeof twoTopics>, cause: ResetCause, lost: string, got: string): void => {
  expectResets(played, [{slot: 'topic', cause, expected: false, lost, got, at: 'merge', dropped: [], blockers: []}])
}

describe.each([...V2, ...V21])('version %s', (version) => {
  test('ts-tiebreak: the newer topic claims an earlier time', () => {
    const played = twoTopics(openRoom(version), {id: 'first', ts: 90_000}, {id: 'second', ts: 80_000})
    expectTopic(played, 'ts-tiebreak', 'second', 'first')
  })
  test('id-tiebreak: the newer topic claims the same time and has the smaller ID', () => {
    const played = twoTopics(openRoom(version), {id: 'first', ts: 90_000}, {id: 'After', ts: 90_000})
    expectTopic(played, 'id-tiebreak', 'After', 'first')
  })
  test('with the greater ID it stays', () => {
    expectResets(twoTopics(openRoom(version), {id: 'first', ts: 90_000}, {id: 'second', ts: 90_000}), [])
  })
  test('mainline-older: the newer topic cites older power levels, and the levels are in conflict, too', () => {
    const levels = (mod: number) => ({...aliceIn(version), mod})
    const played = openRoom(version)
      .power('raised', 'alice', levels(60), {auth: ['power', 'alice']})
      .topic('first', 'alice', {auth: ['raised', 'alice']})
      .topic('second', 'alice', {auth: ['power', 'alice']})
      .power('higher', 'alice', levels(70), {prev: ['first'], auth: ['raised', 'alice']})
      .merge('merge', 'alice', ['second', 'higher'], ['higher', 'alice'])
      .play()
    expectTopic(played, 'mainline-older', 'second', 'first')
  })
  test('power-order: Mod sets a join rule, then Alice, who has more power', () => {
    const played = openRoom(version)
      .joinRule('first', 'mod', 'invite', {auth: ['power', 'mod']})
      .joinRule('second', 'alice', 'public', {auth: ['power', 'alice']})
      .merge('aside', 'alice', ['first'], ['power', 'alice'])
      .merge('merge', 'alice', ['second', 'aside'], ['power', 'alice'])
      .play()
    expectResets(played, [
      {slot: 'join_rules', cause: 'power-order', expected: false, lost: 'second', got: 'first', blockers: []},
    ])
  })
  test('ts-tiebreak: a join claims an earlier time than the invite that it answers, and is judged before it', () => {
    const played = openRoom(version)
      .joinRule('closed', 'alice', 'invite', {auth: ['power', 'alice']})
      .member('bob', 'bob', 'leave', {id: 'gone', auth: ['power', 'bob']})
      .member('alice', 'bob', 'invite', {id: 'invite', auth: ['power', 'alice', 'gone', 'closed'], ts: 90_000})
      .member('bob', 'bob', 'join', {id: 'back', auth: ['power', 'invite', 'closed'], ts: 80_000})
      .merge('aside', 'alice', ['gone'], ['power', 'alice'])
      .merge('merge', 'alice', ['back', 'aside'], ['power', 'alice'])
      .play()
    expectResets(played, [
      {slot: 'member bob', cause: 'ts-tiebreak', expected: false, lost: 'back', got: 'invite', blockers: ['gone']},
    ])
    const [found] = played.findings().filter(({id}) => id === 'state/reset')
    expect(found?.summary).toContain('What it builds on was put after it by the times that their servers claim')
  })
  test('between join rules of equal power the time decides', () => {
    const played = openRoom(version)
      .joinRule('first', 'alice', 'invite', {auth: ['power', 'alice'], ts: 90_000})
      .joinRule('second', 'alice', 'public', {auth: ['power', 'alice'], ts: 80_000})
      .merge('aside', 'alice', ['first'], ['power', 'alice'])
      .merge('merge', 'alice', ['second', 'aside'], ['power', 'alice'])
      .play()
    expectResets(played, [
      {slot: 'join_rules', cause: 'ts-tiebreak', expected: false, lost: 'second', got: 'first', blockers: []},
    ])
  })
})

describe.each(V1)('version %s: depth-forged', (version) => {
  test('the older topic claims to be deeper', () => {
    const played = twoTopics(openRoom(version), {id: 'first', depth: 100}, {id: 'second', depth: 20})
    expectTopic(played, 'depth-forged', 'second', 'first')
  })
  test('the claimed times do not matter', () => {
    expectResets(twoTopics(openRoom(version), {id: 'first', ts: 90_000}, {id: 'second', ts: 80_000}), [])
  })
  test('the first join rule that fails ends the sequence, before the one that would pass', () => {
    const played = openRoom(version)
      .joinRule('mods', 'mod', 'invite', {auth: ['power', 'mod'], depth: 20})
      .power('demoted', 'alice', aliceIn(version), {prev: ['old'], auth: ['power', 'alice']})
      .joinRule('alices', 'alice', 'knock', {auth: ['demoted', 'alice'], depth: 21})
      .merge('aside', 'alice', ['old'], ['power', 'alice'])
      .merge('merge', 'alice', ['mods', 'alices', 'aside'], ['demoted', 'alice'])
      .play()
    expectResets(played, [{slot: 'join_rules', cause: 'depth-forged', expected: false, lost: 'alices', got: 'open'}])
  })
})
