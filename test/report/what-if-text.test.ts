import {describe, expect, test} from 'vitest'
import type {LoadedRoom} from '../../src/investigate/load-room.ts'
import {resolveRoom} from '../../src/investigate/resolve-room.ts'
import {resolveWhatIf, type WhatIfOptions} from '../../src/investigate/what-if.ts'
import {canonicalJson} from '../../src/matrix/canonical-json.ts'
import {replay} from '../../src/resolve/replay.ts'
import {roomDocument} from '../../src/report/room-document.ts'
import {roomText} from '../../src/report/room-text.ts'
import type {TextStyle} from '../../src/report/table.ts'
import {displayWidth} from '../../src/report/width.ts'
import {complaints} from '../cli/complaints.ts'
import {load} from '../conformance/compare.ts'
import {recorded, recordsOf, viewOf} from '../forensics/views.ts'
import {ALICE, BOB, CAROL, member, message, MO, publicRoom, type Room, topic} from '../rules/build.ts'

const loaded = (room: Room): LoadedRoom =>
  load(
    'room',
    room.pdus.map((pdu) => canonicalJson(pdu, 'python')),
  )
const text = (room: Room, options: WhatIfOptions, style: Partial<TextStyle> = {}): string =>
  roomText(resolveWhatIf(loaded(room), options), {color: false, ...style})

const EVIL = '\u001b[31mRED\u001b[0m\u202eRTL\u0007\r\nnew line\u009b2J\u2028\u200b'
const room = publicRoom('10')
  .add('topic', topic())
  .add('bob', member(BOB, 'join', BOB, {displayname: EVIL}))
  .add('more', {type: 'm.room.power_levels', state_key: '', content: {users: {[ALICE]: 100, [MO]: 50, [BOB]: 50}}})
  .add('ban', member(CAROL, 'ban', BOB, {reason: EVIL}))
  .add('evil', {type: `org.${EVIL}`, state_key: EVIL, sender: BOB, content: {[EVIL]: EVIL}})
  .add('last', message())
const more = room.id('more')

describe('what would differ, for people', () => {
  test('each slot as it is and as it would be, who gains or loses power, and which events fall', () => {
    const shown = text(room, {without: [more]}).split('\n')
    const at = (start: string): string => shown.find((line) => line.startsWith(start)) ?? ''
    expect(at('  what if')).toBe(`  what if  without ${more}: what follows is the room as it would be`)
    expect(at('What would differ')).toBe('What would differ: 3 slots')
    expect(at(`  member ${CAROL}`)).toMatch(/ban \(.*RED.* \$.{6}… +join \$.{6}…$/)
    expect(at('  power_levels')).toMatch(/3 users listed \$.{6}… +2 users listed \$.{6}…$/)
    expect(at(`  ${BOB} has power`)).toBe(`  ${BOB} has power 50, and would have 0.`)
    expect(at(`  ${BOB} can`)).toBe(`  ${BOB} can kick, ban and redact now, and could no longer.`)
    expect(at('Judged otherwise')).toBe('Judged otherwise: 3 events')
    expect(at('  the first')).toContain(`${room.id('ban')} (m.room.member of ${CAROL}, sent by ${BOB})`)
    expect(at('  the first')).toContain('would be rejected by rule v10:2.3@auth: ')
    expect(at('  Events that cite')).toContain('Had it been rejected when it came')
    expect(at('State')).toBe('State as it would be, at the tip: 8 entries')
    expect(at('Rejected')).toBe('')
    expect(shown.join('\n')).toContain('accepted → rejected')
  })

  test.each([80, 120])('nothing from an event obeys or breaks the terminal, and %i columns are kept', (columns) => {
    for (const full of [false, true]) {
      const shown = text(room, {without: [more], algorithm: 'v1'}, {columns, full})
      expect(shown).not.toMatch(/(?!\n)\p{Cc}/u)
      expect(shown).not.toMatch(/[\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069]/)
      for (const line of shown.split('\n')) {
        if (displayWidth(line) > columns) expect(line.trim().split(' ')).toHaveLength(1)
      }
    }
  })

  test('many members are counted', () => {
    const crowd = publicRoom('10').joinRules('private', 'invite').joinRules('open', 'public')
    for (let index = 0; index < 20; index += 1) {
      crowd.member(`m${String(index)}`, `@m${String(index)}:s.example`, 'join')
    }
    const shown = text(crowd, {without: [crowd.id('open')]}, {columns: 80})
    expect(shown).toContain('What would differ: 21 slots')
    expect(shown).toContain('  20 members: join as it is, no membership as it would be')
    expect(shown).toContain('… and 8 more: --full shows all')
    expect(text(crowd, {without: [crowd.id('open')]}, {full: true}).match(/^ {2}member @m/gm)).toHaveLength(20)
  })

  test('where nothing can differ, it says why; where nothing does, that it does not', () => {
    const bad = publicRoom('10').add('topic', topic()).add('bad', topic(BOB)).at('topic').add('last', message())
    expect(text(bad, {algorithm: 'v2'})).toContain(
      "What would differ\n  v2 is this room's own algorithm: nothing can differ.\n",
    )
    const rejected = text(bad, {without: [bad.id('bad')]})
    expect(rejected).toMatch(
      /What would differ\n {2}\$\S+ \(m\.room\.topic, .*\) is rejected anyway: leaving it out changes nothing\.\n/,
    )
    expect(rejected).not.toContain('Nothing: ')
    // What is rejected anyway is still told as such.
    expect(rejected).toContain('Rejected: 1 event')
    expect(text(bad, {algorithm: 'v1'})).toContain('Nothing: the state would be the same, slot for slot.')
    expect(text(bad, {without: [bad.id('last')]})).toContain('Nothing: the state would be the same, slot for slot.')
  })

  test('what differs elsewhere is not hidden by asking for one type', () => {
    const shown = text(room, {without: [more], type: 'm.room.topic'})
    expect(shown).toContain('What would differ\n  Nothing of what was asked for; elsewhere 3 slots would.\n')
    expect(text(room, {without: [more], type: 'm.room.member'})).toContain('What would differ: 1 slot of 3\n')
  })

  test('inputs of a server, each with whether it is the replayed one', () => {
    const here = loaded(room)
    const records = recordsOf(replay(here.graph))
    const views = [viewOf(replay(here.graph), `evil${EVIL}`, {recorded: recorded(records)})]
    const shown = text(room, {views, inputsFrom: `evil${EVIL}`, before: room.id('last')}, {columns: 80})
    expect(shown).toMatch(/Resolved from 1 state that\s+evil\\u\{1b\}\[31m/)
    expect(shown).toMatch(/ {2}after \$\S+: as\s+replayed/)
    expect(shown).not.toMatch(/(?!\n)\p{Cc}/u)
  })

  test('what cannot be known is not said to be the same', () => {
    const lines = room.pdus.map((pdu) => canonicalJson(pdu, 'python'))
    const holed = load(
      'room',
      lines.filter((_, index) => index !== 6),
    )
    const report = resolveWhatIf(holed, {at: room.id('last'), without: [room.id('ban')]})
    expect(report.complete).toBe(false)
    expect(report.whatIf?.differences).toBeNull()
    const shown = roomText(report, {color: false})
    expect(shown).toContain('That cannot be told: the state as it would be cannot be determined')
    expect(shown).not.toContain('Nothing: ')
    const document = roomDocument(report)
    expect(document.what_if).toMatchObject({differences: [], differences_unknown: true})
    expect(complaints('resolve', JSON.parse(JSON.stringify(document)))).toEqual([])
  })

  test('the letter of the spec says whether the other reading parts', () => {
    const shown = roomText(resolveRoom(loaded(room), {reading: 'spec'}), {color: false})
    expect(shown).toContain('  readings The other reading, synapse, gives the same state.')
    expect(roomText(resolveRoom(loaded(room)), {color: false})).not.toContain('readings ')
  })
})

describe('what would differ, for programs', () => {
  test('is as the schema says', () => {
    const here = loaded(room)
    const views = [viewOf(replay(here.graph), 'a', {recorded: recorded(recordsOf(replay(here.graph)))})]
    const report = resolveWhatIf(here, {without: [more], algorithm: 'v1', inputsFrom: 'a', views})
    const document = JSON.parse(JSON.stringify(roomDocument(report))) as {what_if: Record<string, unknown>}
    expect(complaints('resolve', document)).toEqual([])
    expect(document.what_if).toMatchObject({
      algorithm: 'v1',
      without: [more],
      inputs_from: 'a',
      inputs: [{event_id: room.id('bob'), differences: 0}],
    })
    expect(complaints('resolve', {...document, what_if: {}})).not.toEqual([])
    expect(complaints('resolve', {...document, what_if: {differences: [{type: 'x', state_key: ''}]}})).not.toEqual([])
    expect(complaints('resolve', {...document, what_if: {differences: [], algorithm: 'v3'}})).not.toEqual([])
  })

  test('names events, and null where nothing stands', () => {
    const {what_if: told} = roomDocument(resolveWhatIf(loaded(room), {without: [room.id('bob')]}))
    expect(told?.without).toEqual([room.id('bob')])
    expect(told?.differences).toContainEqual({
      type: 'm.room.member',
      state_key: BOB,
      value: room.id('bob'),
      would_be: null,
    })
    expect(told?.verdicts?.[0]).toMatchObject({
      event_id: room.id('ban'),
      verdict: 'accepted',
      would_be: 'rejected',
      rule: 'v10:2.3@auth',
    })
    expect(roomDocument(resolveWhatIf(loaded(room)))).not.toHaveProperty('what_if')
  })
})
