import {describe, expect, test} from 'vitest'
import {exportJson, exportNdjson} from '../../src/investigate/export-case.ts'
import type {JsonObject} from '../../src/matrix/json.ts'
import {DATA} from '../conformance/fixtures.ts'
import {load} from '../conformance/compare.ts'
import {readPacks} from '../conformance/packed.ts'
import {idOf, keyOf, ROOM_ID, signedEvent} from '../matrix/signed-events.ts'
import {outcomesOf} from '../resolve/rooms.ts'
import {MemoryCase} from './memory-case.ts'

const {lines} = readPacks(DATA).find(({name}) => name === 'conflict-v10')!
const {roomId} = load('r', lines).graph
const text = (event: JsonObject): string => JSON.stringify(event)
const good = signedEvent('10')
const id = idOf(good, '10')

describe('a dump', () => {
  test('is the events byte for byte, in their order', () => {
    expect([...exportNdjson(new MemoryCase(roomId, '10').give('x', lines))]).toEqual(lines)
  })
  test('replays like the room', () => {
    const dump = [...exportNdjson(new MemoryCase(roomId, '10').give('x', lines.toReversed()))]
    expect(outcomesOf('dump', dump)).toEqual(outcomesOf('room', lines))
  })
  test('has the best copy of each event, or all', () => {
    const [redacted, changed] = [text({...good, content: {}}), text({...good, depth: -1})]
    const room = new MemoryCase(ROOM_ID, '10')
      .give('x', [redacted])
      .give('y', [changed], id)
      .give('z', [text(good)])
    expect([...exportNdjson(room)]).toEqual([text(good)])
    expect([...exportNdjson(room, {allCopies: true})]).toEqual([redacted, changed, text(good)])
    const poor = new MemoryCase(ROOM_ID, '10').give('y', [changed], id).give('x', [redacted])
    expect([...exportNdjson(poor)]).toEqual([redacted])
  })
  test('has no line breaks within an event, and the same events', () => {
    const room = new MemoryCase(ROOM_ID, '10').give('x', [JSON.stringify(good, null, 2)])
    const [line = '', ...more] = [...exportNdjson(room)]
    expect(more).toEqual([])
    expect(line).not.toContain('\n')
    expect(JSON.parse(line)).toEqual(good)
  })
  test('of version 1 has event IDs that a database kept elsewhere', () => {
    const {event_id: _id, ...bare} = signedEvent('1')
    const room = new MemoryCase(ROOM_ID, '1').give('db', [text(bare)], '$e:a.example')
    expect([...exportNdjson(room)].map((line) => JSON.parse(line) as unknown)).toEqual([
      {...bare, event_id: '$e:a.example'},
    ])
  })
})

test('the document has everything, numbers as they were', () => {
  const big = '{"depth":12345678901234567890, "x":1.50}'
  const room = new MemoryCase(ROOM_ID, '10').give('x', [text(good)]).give('y', [text(good), '{"broken'], '$b')
  room.give('z', [big], '$big')
  room.addKeys([keyOf('a.example')])
  const [source] = room.sources()
  const state = {
    what: 'current',
    eventId: null,
    how: '/state',
    slots: [{eventId: id, type: 't', stateKey: 'someOne'}],
  } as const
  const stateGroups = [{group: 1, base: null, slots: []}]
  room.keep(source!.id, {how: 'db', requests: 3, states: [state], stateGroups, notes: ['n']}, 2000)
  const whole = [...exportJson(room)].join('')
  expect(whole).toContain(`"pdu":${big}`)
  const document = JSON.parse(whole) as Record<string, unknown>
  expect(document).toMatchObject({
    schema: 'matrix-state/case/1',
    room_id: ROOM_ID,
    room_version: '10',
    keys: [{server: 'a.example', key_id: 'ed25519:1', valid_until_ts: keyOf('a.example').validUntilTs}],
    states: [{source: 1, what: 'current', slots: [{event_id: id, state_key: 'someOne'}]}],
    state_groups: [{source: 1, group: 1}],
    current_state_changes: [],
    notes: [{text: 'n'}],
  })
  expect(document['copies']).toMatchObject([
    {event_id: id, pdu: good, sightings: [{source: 1}, {source: 2}]},
    {event_id: '$b', text: '{"broken'},
    {event_id: '$big'},
  ])
  expect(Object.keys(document)[0]).toBe('schema')
})
