/** What can be said of an event although not all that it cites is there. */
import {describe, expect, test} from 'vitest'
import {Story} from './story.ts'

const room = (version: string): Story =>
  Story.of(version).power('power', 'alice', version === '12' ? {} : {alice: 100}, {auth: ['alice']})
const duplicate = (version: string): string => `v${version}:${version === '12' ? '3' : '2'}.1@auth`

describe.each(['1', '2', '6', '11', '12'])('version %s: an event whose auth events are not all there', (version) => {
  test('is rejected for two in one slot, which more events would not heal', () => {
    const play = room(version)
      .topic('second', 'alice', {auth: ['power', 'alice', 'alice', 'gone']})
      .play()
    expect(play.verdict('second')).toBe(duplicate(version))
  })
  test('is left open otherwise, also where the last auth event is the one that is missing', () => {
    const play = room(version)
      .topic('first', 'alice', {auth: ['gone', 'power', 'alice']})
      .topic('last', 'alice', {prev: ['power'], auth: ['power', 'alice', 'gone']})
      .topic('wrong', 'bob', {prev: ['power'], auth: ['power', 'gone']})
      .play()
    expect(['first', 'last', 'wrong'].map((id) => play.verdict(id))).toEqual(Array(3).fill('undetermined'))
  })
  test('a missing event that is cited twice is no proof, since its slot is not known', () => {
    const play = room(version)
      .topic('judged', 'alice', {auth: ['power', 'alice', 'gone', 'gone']})
      .play()
    expect(play.verdict('judged')).toBe('undetermined')
  })
})

test('the create event, cited twice, is proof as well', () => {
  const play = room('11')
    .topic('judged', 'alice', {auth: ['create', 'alice', 'gone']})
    .play()
  expect(play.verdict('judged')).toBe('v11:2.1@auth')
})

describe.each(['1', '6', '11', '12'])('version %s: an event whose prev events are not all there', (version) => {
  const play = room(version)
    .topic('known', 'alice', {auth: ['power', 'alice']})
    .topic('follows', 'alice', {prev: ['known', 'gone'], auth: ['power', 'alice']})
    .topic('denied', 'bob', {prev: ['gone'], auth: ['power']})
    .tell('after', 'alice', 'm.room.message', {prev: ['follows'], auth: ['power', 'alice']})
    .play()

  test('is rejected when its own auth events do not allow it, and otherwise left open', () => {
    expect(play.verdict('denied')).toMatch(/@auth$/)
    expect(play.verdict('follows')).toBe('undetermined')
    expect(play.verdict('after')).toBe('undetermined')
  })
  test('has no state', () => {
    for (const id of ['follows', 'denied', 'after']) {
      expect(() => play.before(id)).toThrow('not known')
      expect(() => play.after(id)).toThrow('not known')
    }
  })
})
