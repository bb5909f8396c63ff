/** What was found out about one event holds for the next only if nothing that decides differs. */
import {describe, expect, test} from 'vitest'
import {Story, userId} from './story.ts'

const room = (version: string): Story =>
  Story.of(version)
    .power('power', 'alice', version === '12' ? {} : {alice: 100}, {auth: ['alice']}, {events: {loud: 10}})
    .joinRule('open', 'alice', 'public', {auth: ['power', 'alice']})
    .member('bob', 'bob', 'join', {auth: ['power', 'open']})
const passes = ['accepted', 'accepted', 'accepted']

describe.each(['1', '6', '11', '12'])('version %s: the same sender, under the same state', (version) => {
  test('may send one type of message and not another', () => {
    const play = room(version)
      .tell('soft', 'bob', 'soft', {auth: ['power', 'bob']})
      .tell('loud', 'bob', 'loud', {auth: ['power', 'bob']})
      .tell('again', 'bob', 'soft', {auth: ['power', 'bob']})
      .play()
    expect(play.verdict('soft')).toBe('accepted')
    expect(play.verdict('loud')).toMatch(/@auth$/)
    expect(play.verdict('again')).toBe('accepted')
  })
  test('may set what belongs to nobody, and not what belongs to somebody else', () => {
    const play = room(version)
      .tell('room', 'alice', 'org.example.note', {key: '', auth: ['power', 'alice']})
      .tell('own', 'alice', 'org.example.note', {key: userId('alice'), auth: ['power', 'alice']})
      .tell('other', 'alice', 'org.example.note', {key: userId('bob'), auth: ['power', 'alice']})
      .play()
    expect(['room', 'own'].map((id) => play.verdict(id))).toEqual(['accepted', 'accepted'])
    expect(play.verdict('other')).toMatch(/@auth$/)
  })
  test('may send a message and not a state event of the type', () => {
    const play = room(version)
      .tell('message', 'bob', 'soft', {auth: ['power', 'bob']})
      .tell('state', 'bob', 'soft', {key: '', auth: ['power', 'bob']})
      .play()
    expect(play.verdict('message')).toBe('accepted')
    expect(play.verdict('state')).toMatch(/@auth$/)
  })
})

describe.each(['1', '6', '11', '12'])('version %s: the same sender, after a change', (version) => {
  test('may not send any more once the power levels ask for more', () => {
    const users = version === '12' ? {} : {alice: 100}
    const story = room(version)
      .tell('first', 'bob', 'soft', {auth: ['power', 'bob']})
      .power('strict', 'alice', users, {auth: ['power', 'alice']}, {events_default: 10})
      .tell('late', 'bob', 'soft', {auth: ['power', 'bob']})
      .tell('later', 'bob', 'soft', {auth: ['strict', 'bob']})
      .tell('bare', 'bob', 'soft', {auth: ['bob']})
    const play = story.play()
    expect(play.verdict('first')).toBe('accepted')
    expect(play.verdict('late')).toMatch(/@before$/)
    expect(play.verdict('later')).toMatch(/@auth$/)
    expect(play.verdict('bare')).toMatch(/@before$/)
  })
  test('is free again in a branch that does not know of it', () => {
    const users = version === '12' ? {} : {alice: 100}
    const story = room(version)
      .tell('first', 'bob', 'soft', {auth: ['power', 'bob']})
      .power('strict', 'alice', users, {auth: ['power', 'alice']}, {events_default: 10})
      .tell('denied', 'bob', 'soft', {auth: ['power', 'bob']})
      .tell('free', 'bob', 'soft', {prev: ['first'], auth: ['power', 'bob']})
      .tell('bare', 'bob', 'soft', {prev: ['first'], auth: ['bob']})
    const play = story.play()
    expect(play.verdict('denied')).toMatch(/@before$/)
    expect(['first', 'free', 'bare'].map((id) => play.verdict(id))).toEqual(passes)
  })
})

describe.each(['1', '6', '11', '12'])('version %s: an event that cites one whose verdict is open', (version) => {
  test('has an open verdict, too, even where the state before it is known', () => {
    const users = version === '12' ? {} : {alice: 100}
    const play = room(version)
      .power('open-levels', 'alice', users, {prev: ['bob'], auth: ['power', 'alice', 'gone']})
      .topic('judged', 'alice', {prev: ['bob'], auth: ['open-levels', 'alice']})
      .play()
    expect(play.verdict('open-levels')).toBe('undetermined')
    expect(play.verdict('judged')).toBe('undetermined')
  })
})
