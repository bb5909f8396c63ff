import {existsSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import {gunzipSync} from 'node:zlib'
import {describe, expect, test} from 'vitest'
import type {LoadedRoom} from '../../src/investigate/load-room.ts'
import {resolveRoom, type ResolveOptions} from '../../src/investigate/resolve-room.ts'
import type {RoomReport} from '../../src/investigate/room-report.ts'
import {canonicalJson} from '../../src/matrix/canonical-json.ts'
import {roomText} from '../../src/report/room-text.ts'
import {displayWidth} from '../../src/report/width.ts'
import {load} from '../conformance/compare.ts'
import {SHARED} from '../conformance/fixtures.ts'
import {ALICE, bare, BOB, CAROL, member, message, publicRoom, type Room, topic} from '../rules/build.ts'

const loaded = (room: Room): LoadedRoom =>
  load(
    'room',
    room.pdus.map((pdu) => canonicalJson(pdu, 'python')),
  )
const report = (room: Room, options: ResolveOptions = {}): RoomReport => resolveRoom(loaded(room), options)
const text = (room: Room, columns?: number, full = false): string =>
  roomText(report(room), {color: false, columns, full})

const EVIL = '\u001b[31mRED\u001b[0m\u202eRTL\u0007\r\nnew line\u009b2J\u2028\u200b'
/** Everything that an event can say, said by somebody who means harm. */
const hostile = publicRoom('10')
  .add('name', {type: 'm.room.name', state_key: '', content: {name: EVIL + 'x'.repeat(10_000)}})
  .add('topic', {type: 'm.room.topic', state_key: '', content: {topic: '漢字'.repeat(5000)}})
  .add('type', {type: `org.\u001b]0;title\u0007${EVIL}`, state_key: EVIL, content: {[EVIL]: EVIL}})
  .add('join', member(CAROL, 'join', CAROL, {displayname: EVIL, reason: EVIL}))
  .add('ban', member('@x\u202e:b.example', 'ban', ALICE, {reason: EVIL}))
  .add('rejected', {type: `bad${EVIL}`, sender: `@y${EVIL}:b.example`, state_key: EVIL, content: {}, auth: ['create']})
  .at('ban')
  .add('last', message())

describe('nothing from an event obeys, turns or breaks the terminal', () => {
  test.each([
    ['80 columns', 80, false],
    ['120 columns, all', 120, true],
    ['no terminal, all', undefined, true],
  ])('%s', (_, columns, full) => {
    const shown = text(hostile, columns, full)
    expect(shown).not.toMatch(/(?!\n)\p{Cc}/u)
    expect(shown).not.toMatch(/[\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069]/)
    expect(shown).toContain('\\u{1b}[31mRED')
    expect(shown).toContain('\\u{202e}RTL')
    expect(shown).not.toMatch(/^new line/m)
  })

  test('with colours, only those that were asked for', () => {
    const shown = roomText(report(hostile), {color: true, columns: 120})
    expect(shown).toContain('\u001b[')
    expect(shown.replaceAll(/\u001b\[(?:1|2|22|3[0-9])m/g, '')).not.toMatch(/(?!\n)\p{Cc}/u)
  })

  test('a name of 10,000 characters is shown as its beginning', () => {
    expect(text(hostile).split('\n')[0]?.length).toBeLessThan(90)
  })

  test('a server that reports, and events that it names', () => {
    const reported = [{server: `evil${EVIL}`, how: '/state', eventIds: [`$${EVIL}`]}]
    const shown = roomText(report(bare('10'), {reported, unknowable: ['soft-failed events']}), {
      color: false,
      full: true,
    })
    expect(shown).toContain('evil\\u{1b}[31m')
    expect(shown).toContain('this route never shows: soft-failed events')
    expect(shown).not.toMatch(/(?!\n)\p{Cc}/u)
  })
})

describe('columns are respected', () => {
  const conflicted = publicRoom('10')
    .add('topic', topic())
    .add('a', topic(BOB))
    .at('topic')
    .add('b', {type: 'm.room.topic', state_key: '', content: {topic: 'a long topic '.repeat(20)}})
  const rooms: readonly (readonly [string, Room])[] = [
    ['hostile', hostile],
    ['conflicted', conflicted],
    ['two creators', bare('12', {additional_creators: [BOB, CAROL]}).add('last', message())],
  ]
  test.each(rooms.flatMap(([name, room]) => [80, 100, 120].map((columns) => [name, columns, room] as const)))(
    '%s, %i columns',
    (_, columns, room) => {
      for (const line of text(room, columns).split('\n')) {
        // Only a word that is longer than the line may exceed it.
        if (displayWidth(line) > columns) expect(line.trim().split(' ')).toHaveLength(1)
      }
    },
  )

  test('an event type is worth more than an event ID, and senders go first', () => {
    const shown = text(conflicted, 80)
    expect(shown).toContain('m.room.power_levels  ')
    expect(shown).not.toMatch(/^ +type .*sender/m)
    expect(text(conflicted, 120)).toMatch(/^ +type .*sender/m)
  })

  test('without a terminal nothing is cut, so that IDs can be copied', () => {
    const shown = text(publicRoom('10'))
    expect(shown.match(/ \$[\w-]{43}$/gm)?.length).toBe(6 + 1)
  })
})

describe('rooms of all kinds', () => {
  test('nobody in it', () => {
    const shown = text(new_('10'))
    expect(shown).toContain('nobody is joined')
    expect(shown).toContain('1 entry')
    expect(shown).toMatch(/100 +@alice:a\.example +creator, no membership/)
  })

  test('one in it, no power levels event', () => {
    const shown = text(bare('10').add('last', message()))
    expect(shown).toContain('1 joined from 1 server')
    expect(shown).toMatch(/^ {2}100 +@alice:a\.example +creator$/m)
    expect(shown).toContain('50 to set state')
    expect(shown).toContain('Complete: every event that another one cites is here.')
  })

  test('version 12 with two creators, who are above all levels', () => {
    const shown = text(bare('12', {additional_creators: [BOB]}).power('levels', {users: {[CAROL]: 50}}))
    expect(shown).toContain('version  12, state resolution v2.1')
    expect(shown).toContain(`creators ${ALICE}, ${BOB}`)
    expect(shown).toMatch(/above all +@alice:a\.example +creator$/m)
    expect(shown).toMatch(/above all +@bob:b\.example +creator, no membership$/m)
    expect(shown).toMatch(/^ {2}50 +@carol:a\.example +no membership$/m)
  })

  test('many members are counted, not listed', () => {
    const room = bare('10').joinRules('rules', 'public')
    for (let index = 0; index < 20; index += 1) {
      room.member(`m${String(index)}`, `@m${String(index)}:s${String(index % 3)}.example`, 'join')
    }
    const shown = text(room)
    expect(shown).toContain('21 joined from 4 servers')
    expect(shown).toContain('… and 21 memberships: --full shows all')
    expect(shown).not.toContain('m.room.member')
    const full = text(room, undefined, true)
    expect(full.match(/m\.room\.member /g)).toHaveLength(21)
    expect(full).not.toContain('--full')
  })

  test('every kind of membership', () => {
    const room = publicRoom('10')
      .add('ban', member(BOB, 'ban', ALICE))
      .add('leave', member(CAROL, 'leave', CAROL))
    expect(text(room)).toContain('2 joined from 1 server, 1 banned, 1 left')
  })

  test('nothing accepted', () => {
    const lines = bare('10').pdus.map((pdu) => canonicalJson({...pdu, signatures: {}}, 'python'))
    const shown = roomText(resolveRoom(load('room', lines)), {color: false})
    expect(shown).toContain('State of no event, since none is accepted: 0 entries')
    expect(shown).toMatch(/rule format:signature: it is not signed/)
    expect(shown).toContain('Incomplete')
  })

  const big = join(SHARED, 'corpus/10-realistic-50000/room.ndjson.gz')
  test.skipIf(!existsSync(big))('2,000 members', () => {
    const room = load('room', gunzipSync(readFileSync(big)).toString('utf8').trimEnd().split('\n'))
    const lines = roomText(resolveRoom(room), {color: false, columns: 120}).split('\n')
    expect(lines.length).toBeLessThan(240)
    expect(lines.join('\n')).toMatch(/… and 2,0\d\d memberships: --full shows all/)
  })
})

/** The create event alone. */
function new_(version: string): Room {
  const room = bare(version)
  room.pdus.length = 1
  return room
}

describe('what is wrong is told once, with its place and what to do', () => {
  const spoiled = publicRoom('10')
    .add('bad', {...topic(), signers: []})
    .at('carol')
    .add('last', message())

  test('a refused event', () => {
    const shown = text(spoiled)
    expect(shown.match(/it is not signed by its sender's server/g)).toHaveLength(1)
    expect(shown).toContain('(line 7)')
    expect(shown).toMatch(/→ Fetch the event again from a server that has it/)
    expect(shown).not.toContain('Findings')
  })

  test('an event without sender and type', () => {
    const lines = publicRoom('10').pdus.map((pdu, index) => {
      const {sender, type, ...rest} = pdu
      return canonicalJson(index === 5 ? rest : {...rest, sender: sender!, type: type!}, 'python')
    })
    const shown = roomText(resolveRoom(load('room', lines)), {color: false})
    expect(shown).toContain('no type of @carol:a.example, of no sender (line 6)')
  })

  test('a part of the state says of how much', () => {
    const shown = roomText(report(spoiled, {type: 'm.room.join_rules'}), {color: false})
    expect(shown).toContain('State at the tip: 1 of 6 entries')
    expect(shown).toContain('3 joined from 1 server')
  })

  test('a state in front of a hole says what it lacks', () => {
    const lines = publicRoom('10')
      .add('topic', topic())
      .add('last', message())
      .pdus.map((pdu) => canonicalJson(pdu))
    const shown = roomText(resolveRoom(load('room', lines.toSpliced(6, 1))), {color: false})
    expect(shown).toContain('State at the tip, without 1 event that could not be judged: 6 entries')
    expect(shown).toContain('1 undetermined; 1 missing')
  })

  test('states that are given are not replayed', () => {
    const room = loaded(publicRoom('10'))
    const ids = (resolveRoom(room).state ?? []).map(({eventId}) => eventId)
    const shown = roomText(resolveRoom(room, {states: [ids, ids.slice(0, 4)]}), {color: false})
    expect(shown).toContain('State resolved from the given states')
    expect(shown).toContain('not replayed')
    expect(shown).not.toContain('0 rejected')
  })
})
