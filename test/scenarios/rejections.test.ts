/** Rejected events and what they do to those that build on them. */
import {describe, expect, test} from 'vitest'
import {Story} from './story.ts'

const room = (version: string): Story =>
  Story.of(version)
    .power('power', 'alice', version === '12' ? {} : {alice: 100}, {auth: ['alice']})
    .joinRule('open', 'alice', 'public', {auth: ['power', 'alice']})
    .member('bob', 'bob', 'join', {auth: ['power', 'open']})
const number = (version: string, line: number): string =>
  `v${version}:${String(version === '12' ? 3 : 2)}.${String(line)}@auth`

describe.each(['1', '2', '6', '11', '12'])('version %s', (version) => {
  test('an event that cites a rejected one is rejected, though its sender might have sent it', () => {
    const play = room(version)
      .power('coup', 'bob', {bob: 100}, {auth: ['power', 'bob']})
      .topic('after', 'alice', {auth: ['coup', 'alice']})
      .play()
    expect(play.verdict('coup')).toMatch(/@auth$/)
    expect(play.verdict('after')).toBe(number(version, 3))
    expect(play.after('after')).toEqual(play.before('coup'))
  })

  test('an event that follows a rejected one is not', () => {
    const play = room(version)
      .power('coup', 'bob', {bob: 100}, {auth: ['power', 'bob']})
      .topic('after', 'alice', {prev: ['coup'], auth: ['power', 'alice']})
      .play()
    expect(play.verdict('after')).toBe('accepted')
    expect(play.after('after')).toMatchObject({power_levels: 'power', topic: 'after'})
  })

  test('two auth events for one slot are rejected, also the same one twice', () => {
    const play = room(version)
      .power('second', 'alice', version === '12' ? {bob: 1} : {alice: 100, bob: 1}, {auth: ['power', 'alice']})
      .topic('both', 'alice', {auth: ['second', 'power', 'alice']})
      .topic('twice', 'alice', {prev: ['second'], auth: ['second', 'second', 'alice']})
      .topic('once', 'alice', {prev: ['second'], auth: ['second', 'alice']})
      .play()
    expect([play.verdict('both'), play.verdict('twice'), play.verdict('once')]).toEqual([
      number(version, 1),
      number(version, 1),
      'accepted',
    ])
  })

  test('an auth event that has no part in it is rejected', () => {
    const play = room(version)
      .topic('odd', 'alice', {auth: ['power', 'alice', 'open']})
      .play()
    expect(play.verdict('odd')).toBe(number(version, 2))
  })

  test('what passed on its own auth events may still fail against the state', () => {
    const play = room(version)
      .member('alice', 'bob', 'ban', {id: 'ban', auth: ['power', 'alice', 'bob']})
      .tell('hello', 'bob', 'm.room.message', {auth: ['power', 'bob']})
      .play()
    expect(play.verdict('hello')).toBe(`v${version}:${{'1': '6', '2': '6', '12': '6'}[version] ?? '5'}@before`)
  })

  test('a rejected event does not come back in a merge', () => {
    const play = room(version)
      .member('alice', 'bob', 'ban', {id: 'ban', auth: ['power', 'alice', 'bob']})
      .tell('own', 'bob', 'm.room.message', {auth: ['power', 'bob']})
      .topic('left', 'alice', {prev: ['own'], auth: ['power', 'alice'], ts: 9000})
      .topic('right', 'alice', {prev: ['ban'], auth: ['power', 'alice'], ts: 9001})
      .merge('merge', 'alice', ['left', 'right'], ['power', 'alice'])
      .play()
    expect(play.before('merge')['member bob']).toBe('ban')
  })
})

describe('the create event', () => {
  test('is cited in versions up to 11, and must not be in version 12', () => {
    const missing = room('11')
    missing.lines.push(
      missing.lines.at(-1)!.replaceAll('"$bob"', '"$late"').replace('"$create",', '').replaceAll('bob', 'carol'),
    )
    expect(missing.play().verdict('late')).toBe('v11:2.4@auth')
    const cited = room('12').topic('cites', 'alice', {auth: ['create', 'power', 'alice']})
    expect(cited.play().verdict('cites')).toBe('v12:3.2@auth')
  })
})
