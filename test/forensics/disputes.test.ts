import {describe, expect, test} from 'vitest'
import {disputedSlots} from '../../src/forensics/disputes.ts'
import {mergesOf} from '../../src/forensics/merge.ts'
import {loadRoomFrom} from '../../src/investigate/load-room.ts'
import {replay} from '../../src/resolve/replay.ts'
import {tipsOf} from '../../src/resolve/tips.ts'
import {linesOf} from '../cli/dumps.ts'
import {BOB, message, publicRoom, type Room, topic} from '../rules/build.ts'
import {reportedRoom} from '../scenarios/room-case.ts'

function disputes(lines: readonly string[]) {
  const {graph} = loadRoomFrom(
    'room',
    lines.map((text, index) => ({text, line: index + 1})),
  )
  const result = replay(graph)
  return [...mergesOf(result, tipsOf(result))].map((merge) => ({
    at: merge.at === null ? null : graph.id(merge.at),
    slots: disputedSlots(result, merge).map((slot) => graph.slotAt(slot).type),
  }))
}

const named = (text: string) => ({...topic(), content: {topic: text}})
/** A room whose last event is called `base`. */
const room = (): Room => publicRoom('10').add('base', message())

describe('what the branches of a merge disagree about', () => {
  test('nothing where one of them had not heard of changes yet, however many', () => {
    const late = room().add('here', message())
    for (const [index, text] of ['a', 'b', 'c'].entries())
      late.add(`topic ${text}`, {...named(text), prev: [index === 0 ? 'base' : `topic ${'abc'[index - 1] ?? ''}`]})
    late.add('merge', {...message(), prev: ['here', 'topic c']})
    expect(disputes(linesOf(late))).toEqual([{at: late.id('merge'), slots: []}])
  })

  test('a slot that both set', () => {
    const both = room()
      .add('one', {...named('one'), prev: ['base']})
      .add('other', {...named('other'), prev: ['base']})
      .add('merge', {...message(), prev: ['one', 'other']})
    expect(disputes(linesOf(both))).toEqual([{at: both.id('merge'), slots: ['m.room.topic']}])
  })

  test('a membership that one branch ended, and that went on on the other', () => {
    const lost = room()
      .add('ban', {type: 'm.room.member', state_key: BOB, content: {membership: 'ban'}, prev: ['base']})
      .add('renamed', {
        type: 'm.room.member',
        sender: BOB,
        state_key: BOB,
        content: {membership: 'join', displayname: 'Bob'},
        prev: ['base'],
      })
      .add('merge', {...message(), prev: ['ban', 'renamed']})
    expect(disputes(linesOf(lost)).map(({slots}) => slots)).toEqual([['m.room.member']])
  })

  test('in rooms of two servers that were cut off from each other: where both acted, and not wherever they met', () => {
    const found = disputes(reportedRoom('conflict-v10').lines)
    const real = found.filter(({slots}) => slots.length > 0)
    expect(real.length).toBeGreaterThan(0)
    expect(real.length).toBeLessThan(found.length)
    expect(new Set(real.flatMap(({slots}) => slots))).toContain('m.room.power_levels')
  })
})
