import {describe, expect, test} from 'vitest'
import {loadRoomFrom} from '../../src/investigate/load-room.ts'
import {RoomBuilder} from '../../src/graph/room-builder.ts'
import {Flag, Membership, type RoomGraph, Type} from '../../src/graph/room-graph.ts'
import {type EventId} from '../../src/matrix/ids.ts'
import {parsePdu} from '../../src/matrix/pdu.ts'
import {rulesFor} from '../../src/matrix/room-version.ts'
import {replay, VERDICT_NAMES} from '../../src/resolve/replay.ts'
import {Story} from '../scenarios/story.ts'

const rules = rulesFor('11')!
type Fields = Readonly<Record<string, unknown>>

const fields = (id: string, more: Fields = {}): Fields => ({
  event_id: id,
  type: 'm.room.topic',
  state_key: '',
  sender: '@a:x',
  room_id: '!r:x',
  content: {},
  prev_events: [],
  auth_events: [],
  origin_server_ts: 1,
  depth: 1,
  ...more,
})
const pdu = (id: string, more: Fields = {}) => parsePdu(JSON.stringify(fields(id, more)), rules, {trustIds: true})

function build(...events: readonly (readonly [string, Fields?])[]): RoomGraph {
  const builder = new RoomBuilder(rules)
  events.forEach(([id, more], index) => builder.add(pdu(id, more), index + 1))
  return builder.finish('!r:x', '$c' as EventId)
}

describe('adding', () => {
  test('the same event again is a duplicate, another one under its ID is not taken', () => {
    const builder = new RoomBuilder(rules)
    expect(builder.add(pdu('$a', {content: {topic: 'x'}}), 1)).toBe('added')
    expect(builder.add(pdu('$a', {content: {topic: 'x'}}), 2)).toBe('duplicate')
    const others: readonly Fields[] = [
      {content: {topic: 'y'}},
      {type: 'm.room.name'},
      {state_key: 'k'},
      {state_key: undefined},
      {sender: '@b:x'},
      {room_id: '!other:x'},
      {origin_server_ts: 2},
      {depth: 2},
      {prev_events: ['$p']},
      {auth_events: ['$p']},
    ]
    for (const more of others)
      expect(builder.add(pdu('$a', {content: {topic: 'x'}, ...more}), 3)).toBe('different-copy')
    expect(builder.size).toBe(1)
    const graph = builder.finish('!r:x', null)
    expect(graph.content(graph.row('$a'))).toEqual({topic: 'x'})
    expect(graph.create).toBe(-1)
  })
})

describe('content nested deeper than any server takes', () => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
  const story = Story.of('1').member('alice', 'bob', 'DEEP', {auth: ['alice']})

  test.each([900, 5000, 50_000])('%i levels: neither loading it twice nor judging it crashes', (depth) => {
    const texts = story.lines.map((line) => line.replace('"DEEP"', nested(depth)))
    const lines = [...texts, texts.at(-1)!].map((text, index) => ({text, line: index + 1}))
    const room = loadRoomFrom('deep', lines, {trustIds: true})
    expect(room.duplicates).toBe(1)
    const result = replay(room.graph)
    expect(VERDICT_NAMES[result.verdicts[room.graph.row('$bob')] ?? 0]).toBe('rejected')
  })
})

describe('the graph', () => {
  test('puts parents first, and knows what is only cited', () => {
    const graph = build(
      ['$c', {type: 'm.room.create'}],
      ['$z', {prev_events: ['$y', '$gone'], auth_events: ['$lost']}],
      ['$y', {prev_events: ['$c']}],
    )
    expect(graph.size).toBe(5)
    const [c, y, z, gone, lost] = ['$c', '$y', '$z', '$gone', '$lost'].map((id) => graph.row(id)) as [
      number,
      number,
      number,
      number,
      number,
    ]
    expect(c < y && y < z && gone < z && lost < z).toBe(true)
    expect([c, y, z].map((row) => graph.has(row, Flag.Missing))).toEqual([false, false, false])
    expect([gone, lost].map((row) => graph.has(row, Flag.Missing))).toEqual([true, true])
    expect([graph.columns.line[z], graph.columns.line[gone]]).toEqual([2, 0])
    expect([...graph.prevOf(z)]).toEqual([y, gone])
    expect([...graph.authOf(z)]).toEqual([lost])
    expect(graph.slot[gone]).toBe(-1)
    expect(graph.row('$nobody')).toBe(-1)
    expect(graph.create).toBe(c)
    expect(() => graph.id(99)).toThrow(RangeError)
    expect(() => graph.slotAt(99)).toThrow(RangeError)
  })

  test('keeps what the rules read', () => {
    const deep = JSON.stringify(fields('$d')).replace('"depth":1', '"depth":9007199254740993')
    const builder = new RoomBuilder({...rulesFor('5')!})
    builder.add(parsePdu(deep, rulesFor('5')!, {trustIds: true}), 1)
    builder.add(pdu('$m', {type: 'm.room.member', state_key: '@b:x', content: {membership: 'knock'}}), 2)
    builder.add(pdu('$o', {type: 'm.room.member', state_key: '@b:x', content: {membership: 'odd'}}), 3)
    builder.add(pdu('$n', {type: 'm.room.member', state_key: '@b:x', content: {}}), 4)
    builder.add(pdu('$h', {type: 'm.room.message', state_key: undefined, content: {body: 'x'}}), 5)
    const graph = builder.finish('!r:x', null)
    const row = (id: string): number => graph.row(id)
    expect([graph.depth(row('$d')), graph.depth(row('$m'))]).toEqual([9007199254740993n, 1])
    expect(['$m', '$o', '$n', '$h'].map((id) => graph.membership[row(id)])).toEqual([
      Membership.Knock,
      Membership.Other,
      Membership.None,
      Membership.None,
    ])
    expect(graph.user(graph.target[row('$m')]!)).toBe('@b:x')
    expect(graph.target[row('$h')]).toBe(-1)
    expect([graph.type[row('$m')], graph.typeName(row('$h'))]).toEqual([Type.Member, 'm.room.message'])
    expect(graph.content(row('$h'))).toEqual({})
    expect(graph.has(row('$h'), Flag.State)).toBe(false)
    expect(graph.senderName(row('$m'))).toBe('@a:x')
  })

  test('numbers the slots in the order of their bytes', () => {
    const keys = ['b', '', 'a', '😀', '\uff5e', 'ab']
    const graph = build(...keys.map((key, index) => [`$${String(index)}`, {state_key: key}] as const), [
      '$t',
      {type: 'm.room.name'},
    ])
    expect(graph.slots.map(({type, stateKey}) => `${type} ${stateKey}`)).toEqual([
      'm.room.name ',
      ...['', 'a', 'ab', 'b', '\uff5e', '😀'].map((key) => `m.room.topic ${key}`),
    ])
    expect(graph.slotOf('m.room.topic', 'ab')).toBe(3)
    expect(graph.slotOf('m.room.topic', 'abc')).toBe(-1)
    // Type and key cannot be confused with each other.
    const odd = build(['$1', {type: 'a', state_key: '\0b'}], ['$2', {type: 'a\0', state_key: 'b'}])
    expect(odd.slots).toHaveLength(2)
  })

  test('marks events of another room', () => {
    const graph = build(['$c', {type: 'm.room.create'}], ['$f', {room_id: '!other:x'}], ['$e', {auth_events: ['$f']}])
    expect(['$c', '$f', '$e'].map((id) => graph.has(graph.row(id), Flag.Foreign))).toEqual([false, true, false])
  })

  test('finds the first event of another room that nobody cites', () => {
    const builder = new RoomBuilder(rules)
    builder.add(pdu('$f', {room_id: '!other:x'}), 1)
    builder.add(pdu('$e', {auth_events: ['$f']}), 2)
    expect(builder.roomIds).toEqual(['!other:x', '!r:x'])
    expect(builder.firstUncited('!other:x')).toBeNull()
    builder.add(pdu('$g', {room_id: '!other:x', auth_events: ['$f']}), 3)
    expect(builder.firstUncited('!other:x')).toBe(3)
  })
})

describe('cycles, which made-up IDs make possible', () => {
  const story = Story.of('1')
    .power('power', 'alice', {alice: 100}, {auth: ['alice']})
    .topic('egg', 'alice', {prev: ['hen'], auth: ['power', 'alice']})
    .topic('hen', 'alice', {prev: ['egg'], auth: ['power', 'alice']})
    .topic('self', 'alice', {prev: ['self', 'power'], auth: ['power', 'alice']})
    .topic('after', 'alice', {prev: ['hen'], auth: ['power', 'alice']})
    .topic('fine', 'alice', {prev: ['power'], auth: ['power', 'alice']})

  test('leave what is on them undetermined, and what hangs on them, and nothing else', () => {
    const {graph} = loadRoomFrom(
      'cycle',
      story.lines.map((text, index) => ({text, line: index + 1})),
      {trustIds: true},
    )
    const result = replay(graph)
    const verdict = (id: string): string => VERDICT_NAMES[result.verdicts[graph.row(`$${id}`)] ?? 0] ?? ''
    expect(['egg', 'hen', 'self', 'after'].map(verdict)).toEqual(Array(4).fill('undetermined'))
    expect(['create', 'alice', 'power', 'fine'].map(verdict)).toEqual(Array(4).fill('accepted'))
    expect(['egg', 'hen', 'self', 'after', 'fine'].map((id) => graph.has(graph.row(`$${id}`), Flag.Cyclic))).toEqual([
      true,
      true,
      true,
      false,
      false,
    ])
  })
})
