import {expect, test} from 'vitest'
import {RoomBuilder} from '../../src/graph/room-builder.ts'
import {Flag} from '../../src/graph/room-graph.ts'
import type {JsonObject} from '../../src/matrix/json.ts'
import {parsePdu} from '../../src/matrix/pdu.ts'
import {event, rules} from '../matrix/events.ts'

const ORDERS = [
  ['whole', 'redacted'],
  ['redacted', 'whole'],
  ['redacted', 'whole', 'redacted'],
] as const

test.each(ORDERS.map((order) => [order.join(', '), order] as const))(
  'of copies of one event the whole one counts: %s',
  (_, order) => {
    const whole = event('10', {type: 'm.room.topic'})
    const texts = {whole: JSON.stringify(whole), redacted: JSON.stringify({...whole, content: {}} satisfies JsonObject)}
    const builder = new RoomBuilder(rules('10'))
    const pdus = order.map((copy) => parsePdu(texts[copy], rules('10')))
    expect(new Set(pdus.map(({eventId}) => eventId)).size).toBe(1)
    pdus.forEach((pdu, index) => builder.add(pdu, index + 1))
    const [id = ''] = pdus.map(({eventId}) => eventId)
    const graph = builder.finish('!r:domain', null)
    expect(graph.content(graph.row(id))).toEqual({topic: 't'})
    expect(graph.has(graph.row(id), Flag.Redacted)).toBe(false)
  },
)
