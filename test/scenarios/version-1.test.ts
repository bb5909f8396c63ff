/** The resolution of room version 1, and where it is easily got wrong. */
import {createHash} from 'node:crypto'
import {describe, expect, test} from 'vitest'
import {Story} from './story.ts'

const room = (): Story =>
  Story.of('1')
    .power('power', 'alice', {alice: 100, mod: 50}, {auth: ['alice']})
    .joinRule('open', 'alice', 'public', {auth: ['power', 'alice']})
    .member('mod', 'mod', 'join', {auth: ['power', 'open']})
    .topic('old', 'alice', {auth: ['power', 'alice']})
const all = ['create', 'alice', 'power', 'open', 'mod']
const sha1 = (id: string): string => createHash('sha1').update(`$${id}`).digest('hex')

describe('depth', () => {
  const forked = (a: number | bigint, b: number | bigint): string | undefined =>
    room()
      .topic('a', 'alice', {prev: ['old'], auth: ['power', 'alice'], depth: a, ts: 1})
      .topic('b', 'mod', {prev: ['old'], auth: ['power', 'mod'], depth: b, ts: 2})
      .merge('merge', 'alice', ['a', 'b'], ['power', 'alice'])
      .play()
      .before('merge')['topic']

  test('the deeper topic stays, whatever the timestamps say', () => {
    expect(forked(7, 6)).toBe('a')
    expect(forked(6, 7)).toBe('b')
  })
  test('a forged depth wins', () => {
    expect(forked(6, 2n ** 62n)).toBe('b')
  })
  test('depths beyond 2^53 are told apart', () => {
    expect(forked(2n ** 53n + 1n, 2n ** 53n)).toBe('a')
    expect(forked(2n ** 53n, 2n ** 53n + 1n)).toBe('b')
    expect(forked(2n ** 62n + 3n, 2n ** 62n + 2n)).toBe('a')
  })
  test('of equal depth the smaller SHA-1 of the event ID stays', () => {
    expect(forked(6, 6)).toBe(sha1('a') < sha1('b') ? 'a' : 'b')
  })
})

describe('three states', () => {
  const story = room()
    .topic('deep', 'mod', {prev: ['old'], auth: ['power', 'mod'], depth: 9})
    .topic('deeper', 'alice', {prev: ['old'], auth: ['power', 'alice'], depth: 10})
  const play = story.play()

  test('a slot in which two of three differ is not taken from the third', () => {
    expect(
      play.resolve([
        [...all, 'old'],
        [...all, 'deeper'],
        [...all, 'old'],
      ])['topic'],
    ).toBe('deeper')
    expect(
      play.resolve([
        [...all, 'deeper'],
        [...all, 'old'],
        [...all, 'old'],
      ])['topic'],
    ).toBe('deeper')
    expect(
      play.resolve([
        [...all, 'deep'],
        [...all, 'deeper'],
        [...all, 'old'],
      ])['topic'],
    ).toBe('deeper')
    expect(play.resolve([[...all, 'deep'], [...all, 'old'], all])['topic']).toBe('deep')
  })
  test('a slot that some lack is no conflict: the event is taken unchecked', () => {
    const banned = room()
      .member('alice', 'mod', 'ban', {id: 'ban', auth: ['power', 'alice', 'mod']})
      .topic('new', 'mod', {prev: ['old'], auth: ['power', 'mod']})
    const others = ['create', 'alice', 'power', 'open', 'ban']
    expect(banned.play().resolve([[...others, 'new'], others, others])['topic']).toBe('new')
    expect(banned.play().resolve([[...others, 'new'], [...others, 'new'], others])['topic']).toBe('new')
  })
  test('the same event in all is no conflict, though nobody could send it any more', () => {
    const story = room()
      .topic('new', 'mod', {prev: ['old'], auth: ['power', 'mod']})
      .member('alice', 'mod', 'ban', {id: 'ban', auth: ['power', 'alice', 'mod']})
    const states = [
      [...all.filter((id) => id !== 'mod'), 'ban', 'new'],
      [...all, 'new'],
      [...all, 'new'],
    ]
    expect(story.play().resolve(states)).toMatchObject({topic: 'new', 'member mod': 'ban'})
  })
  test('the order of the states means nothing', () => {
    const states = [
      [...all, 'deep'],
      [...all, 'deeper'],
      [...all, 'old'],
    ]
    const [a, b, c] = states
    for (const order of [
      [a, b, c],
      [c, b, a],
      [b, c, a],
      [b, a, c],
    ])
      expect(play.resolve(order as string[][])).toEqual(play.resolve(states))
  })
})

describe('power levels, join rules and members', () => {
  test('are replayed from the shallowest on, and the first that fails ends it', () => {
    // Mod may not raise himself to 100; what Alice did later is then not even looked at.
    const story = room()
      .power('second', 'alice', {alice: 100, mod: 60}, {prev: ['old'], auth: ['power', 'alice'], depth: 6})
      .power(
        'third',
        'mod',
        {alice: 100, mod: 55},
        {prev: ['old'], auth: ['power', 'mod'], depth: 7},
        {state_default: 0, events: {'m.room.power_levels': 0}},
      )
      .power('fourth', 'alice', {alice: 100}, {prev: ['old'], auth: ['power', 'alice'], depth: 8})
    const others = ['create', 'alice', 'open', 'mod', 'old']
    const play = story.play()
    expect(
      play.resolve([
        [...others, 'second'],
        [...others, 'third'],
        [...others, 'fourth'],
      ])['power_levels'],
    ).toBe('fourth')
    const poor = room()
      .power('second', 'alice', {alice: 100}, {prev: ['old'], auth: ['power', 'alice'], depth: 6})
      .power('third', 'mod', {alice: 100, mod: 40}, {prev: ['old'], auth: ['power', 'mod'], depth: 7})
      .power('fourth', 'alice', {alice: 100, mod: 1}, {prev: ['old'], auth: ['power', 'alice'], depth: 8})
    expect(
      poor.play().resolve([
        [...others, 'second'],
        [...others, 'third'],
        [...others, 'fourth'],
      ])['power_levels'],
    ).toBe('second')
  })
  test('of other slots, when none passes, the shallowest stays', () => {
    const story = room()
      .topic('a', 'mod', {prev: ['old'], auth: ['power', 'mod'], depth: 7})
      .topic('b', 'mod', {prev: ['old'], auth: ['power', 'mod'], depth: 8})
      .member('alice', 'mod', 'ban', {id: 'ban', prev: ['old'], auth: ['power', 'alice', 'mod']})
    const others = ['create', 'alice', 'power', 'open', 'ban']
    expect(
      story.play().resolve([
        [...others, 'a'],
        [...others, 'b'],
      ])['topic'],
    ).toBe('a')
  })
  test('members do not see what another member slot came to', () => {
    // Mod kicks Bob, Alice bans Mod: the kick is judged with Mod as the states agree on him, which they do not.
    const story = room()
      .member('bob', 'bob', 'join', {auth: ['power', 'open']})
      .member('mod', 'bob', 'leave', {id: 'kick', prev: ['bob'], auth: ['power', 'mod', 'bob']})
      .member('alice', 'mod', 'ban', {id: 'ban', prev: ['bob'], auth: ['power', 'alice', 'mod']})
      .merge('merge', 'alice', ['kick', 'ban'], ['power', 'alice'])
    expect(story.play().before('merge')).toMatchObject({'member mod': 'ban', 'member bob': 'bob'})
  })
})
