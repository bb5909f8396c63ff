import {describe, expect, test} from 'vitest'
import {StateError} from '../../src/errors.ts'
import {type LoadedRoom, loadRoom, loadRoomFrom} from '../../src/investigate/load-room.ts'
import {resolveRoom} from '../../src/investigate/resolve-room.ts'
import {changed, linesOf, shuffled} from '../cli/dumps.ts'
import {bare, message, publicRoom, topic} from '../rules/build.ts'

const pdus = (lines: readonly string[]) => lines.map((text, index) => ({text, line: index + 1}))
const load = (lines: readonly string[], trustIds = false): LoadedRoom => loadRoomFrom('dump', pdus(lines), {trustIds})
const good = linesOf(publicRoom('10').add('topic', topic()).add('last', message()))

function refusal(lines: readonly string[]): StateError {
  try {
    load(lines)
  } catch (error) {
    if (error instanceof StateError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('a room is read', () => {
  test('in any order, duplicates tolerated, the create event anywhere', () => {
    const whole = load(good)
    for (const lines of [good.toReversed(), shuffled(good), [...good, ...shuffled(good)]]) {
      const room = load(lines)
      expect(room).toMatchObject({read: lines.length, duplicates: lines.length - good.length, faults: []})
      expect(resolveRoom(room)).toEqual({...resolveRoom(whole), rejected: []})
    }
  })

  test('batch by batch, telling how far it is', async () => {
    const told: number[] = []
    async function* batches() {
      for (const pdu of pdus(good)) yield await Promise.resolve([pdu])
    }
    const room = await loadRoom({name: 'stream', pdus: batches()}, {onProgress: (events) => told.push(events)})
    expect(told).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(room).toMatchObject({source: 'stream', read: 8})
  })

  test('with what its container says about version, room and IDs', async () => {
    const events = [
      {
        event_id: 'CREATE',
        type: 'm.room.create',
        state_key: '',
        sender: '@a:b',
        content: {},
        prev_events: [],
        auth_events: [],
      },
      {
        event_id: 'JOIN',
        type: 'm.room.member',
        state_key: '@a:b',
        sender: '@a:b',
        content: {membership: 'join'},
        prev_events: ['CREATE'],
        auth_events: ['CREATE'],
      },
    ]
    async function* batches() {
      yield await Promise.resolve(pdus(events.toReversed().map((event) => JSON.stringify(event))))
    }
    const container = () => ({roomVersion: '11', roomId: '!named:b', symbolicIds: true})
    const room = await loadRoom({name: 'scenario', pdus: batches(), container})
    expect(room).toMatchObject({trustIds: true, rules: {id: '11'}, graph: {roomId: '!named:b'}})
    expect(resolveRoom(room)).toMatchObject({complete: true, counts: {events: 2, rejected: 0}})
  })
})

describe('what names no room', () => {
  test('is of the room of the create event where IDs are taken on trust, wherever that stands', () => {
    const events = [
      {
        event_id: '$c',
        type: 'm.room.create',
        state_key: '',
        sender: '@a:one',
        content: {room_version: '11'},
        prev_events: [],
        auth_events: [],
      },
      {
        event_id: '$a',
        type: 'm.room.member',
        state_key: '@a:one',
        sender: '@a:one',
        content: {membership: 'join'},
        prev_events: ['$c'],
        auth_events: ['$c'],
      },
      {
        event_id: '$b',
        type: 'm.room.topic',
        state_key: '',
        sender: '@b:two',
        content: {},
        prev_events: ['$a'],
        auth_events: ['$c'],
      },
    ].map((event) => JSON.stringify(event))
    for (const lines of [events, events.toReversed()]) {
      expect(resolveRoom(load(lines, true))).toMatchObject({roomId: '!room:one', complete: true, counts: {events: 3}})
    }
  })

  test('is refused otherwise, but not lost', () => {
    for (const lines of [
      changed(good, 6, (event) => delete event['room_id']),
      changed(good, 6, (event) => (event['room_id'] = 7)).toReversed(),
    ]) {
      const report = resolveRoom(load(lines))
      expect(report.counts).toMatchObject({events: 8, rejected: 1})
      expect(report.rejected).toMatchObject([{rule: 'format:room_id'}])
    }
  })
})

describe('faults', () => {
  test('of one kind do not crowd out those of another', () => {
    const redacted = changed(good, 6, (event) => (event.content = {}))[6]!
    const wrong = changed(good, 7, (event) => (event['event_id'] = '$wrong'))[7]!
    const room = load([...good.slice(0, 7), ...Array.from({length: 1500}, () => redacted), wrong])
    expect(room.faults).toHaveLength(1001)
    expect(room.faults.at(-1)).toMatchObject({kind: 'wrong-id', line: 1508})
    expect(resolveRoom(room).complete).toBe(false)
  })

  test('a redacted copy leaves the room complete', () => {
    const redacted = changed(good, 6, (event) => (event.content = {}))[6]!
    const room = load([...good, redacted])
    expect(room.faults).toMatchObject([{kind: 'redacted-copy', line: 9}])
    expect(resolveRoom(room)).toMatchObject({complete: true, findings: [{id: 'dag/content-hash', severity: 'note'}]})
  })
})

describe('what cannot be a room', () => {
  test.each<[string, readonly string[], string, RegExp]>([
    ['nothing', [], 'CREATE_MISSING', /among its 0 events/],
    ['no create event', good.slice(1), 'CREATE_MISSING', /among its 7 events/],
    ['no event at all', ['{"a":1}'], 'DUMP_MALFORMED', /^dump:1: .*it has no "type"/],
    ['no JSON', [good[0]!, 'x'.repeat(1000)], 'DUMP_MALFORMED', /^dump:2: this is no event: it is not JSON: x{59}…$/],
    [
      'two create events',
      [...linesOf(bare('10')), ...linesOf(bare('10', {a: 1}))],
      'CREATE_AMBIGUOUS',
      /^dump:3: .* in line 1$/,
    ],
    [
      'two rooms',
      [...good, ...good.map((line) => line.replaceAll('!room:a.example', '!b:a.example'))],
      'DUMP_MIXED_ROOMS',
      /^dump:9: a second room begins here/,
    ],
    [
      'an unknown version',
      changed(good, 0, (event) => (event.content['room_version'] = 'x'.repeat(500))),
      'ROOM_VERSION_UNKNOWN',
      /^dump:1: .{30,120}$/,
    ],
  ])('%s', (_, lines, code, message) => {
    const error = refusal(lines)
    expect(error.code).toBe(code)
    expect(error.message).toMatch(message)
    expect(error.hint).toMatch(/\w/)
  })
})
