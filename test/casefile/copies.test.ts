import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {essence} from '../../src/casefile/essence.ts'
import {contentHash} from '../../src/matrix/hashes.ts'
import type {JsonObject} from '../../src/matrix/json.ts'
import {parsePdu} from '../../src/matrix/pdu.ts'
import {redact} from '../../src/matrix/redaction.ts'
import {event, rules} from '../matrix/events.ts'
import {asApi, copiesFrom, createFirst, folder, identity, newCase, room, roomIdOf, stepOf} from './cases.ts'

const where = folder()
const ROOMS = ['conflict-v1', 'conflict-v3', 'conflict-v6', 'conflict-v10', 'conflict-v12'].map(
  (name) => [name, room(name)] as const,
)
const idOf = (text: string, version: string): string => parsePdu(text, rules(version)).eventId

function open(version: string, roomId = '!r:domain') {
  const writer = newCase(where, roomId)
  const source = writer.source(identity('client @a:hs1'), [])
  const keep = (texts: readonly string[], ts = 1000) => writer.keep(source, stepOf(texts, {roomVersion: version}), ts)
  const texts = () => [...writer.copies()].map(({text}) => text)
  return {writer, source, keep, texts}
}

describe.each(ROOMS)('%s', (_name, given) => {
  const {lines, version} = given

  test('comes back byte for byte, in the order in which it came, under its IDs', () => {
    const {writer, source, texts} = open(version, roomIdOf(given))
    const odd = lines.map((line) => ` ${line.replaceAll('m.room', 'm\\u002eroom')}\t`)
    expect(writer.keep(source, stepOf(odd), 5)).toEqual({events: lines.length, copies: 0})
    expect(texts()).toEqual(odd)
    expect([...writer.copies()].map(({eventId}) => eventId)).toEqual(lines.map((line) => idOf(line, version)))
    expect(writer.roomVersion).toBe(version)
    expect(writer.counts()).toMatchObject({events: lines.length, copies: lines.length, missing: 0, unnamed: 0})
    writer.close()
  })

  test('in the form of an API is no other copy, whichever came first', () => {
    const api = lines.map((line) => asApi(line, idOf(line, version), version))
    const again = lines.map((line) => asApi(line, idOf(line, version), version, 77))
    for (const [first, second] of [
      [lines, api],
      [api, lines],
      [api, again],
    ] as const) {
      const {writer, source, texts} = open(version, roomIdOf(given))
      writer.keep(source, stepOf(first), 5)
      expect(writer.keep(source, stepOf(second, {how: '/backfill'}), 6)).toEqual({events: 0, copies: 0})
      expect(texts()).toEqual(first)
      for (const {sightings} of writer.copies()) {
        expect(sightings.map(({how, ts}) => [how, ts])).toEqual([
          ['/messages', 5],
          ['/backfill', 6],
        ])
      }
      writer.close()
    }
  })

  test('lacks what is cited and not there: auth events first', () => {
    const {writer, source} = open(version, roomIdOf(given))
    const pdus = lines.map((line) => parsePdu(line, rules(version)))
    const held = pdus.slice(-20)
    const absent = (key: 'authEvents' | 'prevEvents'): readonly string[] => [
      ...new Set(held.flatMap((pdu) => pdu[key]).filter((id) => !held.some(({eventId}) => eventId === id))),
    ]
    writer.keep(source, stepOf(lines.slice(-20), {roomVersion: version}), 5)
    const [auth, prev] = [absent('authEvents'), absent('prevEvents')]
    expect([...writer.missing('auth')].sort()).toEqual([...auth].sort())
    expect([...writer.missing('prev')].sort()).toEqual([...prev].sort())
    expect(writer.missing()).toEqual([...new Set([...writer.missing('auth'), ...writer.missing('prev')])])
    expect(writer.counts().missing).toBe(new Set([...auth, ...prev]).size)
    expect(auth.length * prev.length).toBeGreaterThan(0)
    expect(writer.knows(held[0]!.eventId)).toBe(true)
    expect(writer.knows(auth[0]!)).toBe(false)
    const cited = new Set(held.flatMap(({authEvents, prevEvents}) => [...authEvents, ...prevEvents]))
    expect(writer.newest()).toEqual(held.map(({eventId}) => eventId).filter((id) => !cited.has(id)))
    writer.close()
  })
})

describe('redactions', () => {
  const redaction = (version: string, more: JsonObject = {}): JsonObject =>
    Number(version) < 11
      ? event(version, {type: 'm.room.redaction', state_key: undefined, content: {reason: 'r'}, redacts: '$x', ...more})
      : event(version, {type: 'm.room.redaction', state_key: undefined, content: {reason: 'r', redacts: '$x'}, ...more})

  test.each(['1', '3', '10', '11', '12'])(
    'version %s: the copy of redacts that APIs add makes no other form',
    (version) => {
      const plain = JSON.stringify(redaction(version))
      const api = asApi(plain, idOf(plain, version), version)
      const {keep, writer} = open(version)
      keep([plain, api])
      expect(writer.counts()).toMatchObject({events: 1, copies: 1})
      writer.close()
    },
  )

  test('one that was sent with both has a form of its own without one', () => {
    const both = JSON.stringify(redaction('10', {content: {redacts: '$x'}}))
    const {content: _, ...rest} = JSON.parse(both) as JsonObject
    const {keep, writer} = open('10')
    keep([both, JSON.stringify({...rest, content: {}})])
    expect(writer.counts()).toMatchObject({events: 1, copies: 2})
    writer.close()
  })

  test.each(['10', '11'])('version %s: redacted itself, its two forms from APIs are one', (version) => {
    const whole = redaction(version)
    const bare = {...whole, content: version === '10' ? {} : {redacts: '$x'}}
    const text = JSON.stringify(bare)
    const {keep, writer} = open(version)
    keep([text, asApi(text, idOf(text, version), version)])
    keep([JSON.stringify(whole)])
    expect(writer.counts()).toMatchObject({events: 1, copies: 2})
    writer.close()
  })
})

describe('other forms', () => {
  test('a redacted and a tampered copy are kept beside the whole one, each with who gave it', () => {
    const whole = event('6', {type: 'm.room.message', state_key: undefined, content: {body: 'b'}})
    const texts = [whole, redact(whole, rules('6')), {...whole, content: {body: 'c'}}].map((form) =>
      JSON.stringify(form),
    )
    const {writer, source, keep} = open('6')
    expect(keep(texts)).toEqual({events: 1, copies: 2})
    expect(keep(texts, 3000)).toEqual({events: 0, copies: 0})
    const other = writer.source(identity('federation hs2', {kind: 'federation'}), [])
    const marks = {softFailed: true, rejected: null}
    writer.keep(other, {how: '/event', requests: 1, events: [{text: texts[2]!, eventId: null, marks}]}, 7)
    const copies = writer.copiesOf(idOf(texts[0]!, '6'))
    expect(copies.map(({text}) => text)).toEqual(texts)
    expect(copies.map(({sightings}) => sightings)).toEqual([
      [{source, ts: 1000, how: '/messages', marks: {}}],
      [{source, ts: 1000, how: '/messages', marks: {}}],
      [
        {source: other, ts: 7, how: '/event', marks},
        {source, ts: 1000, how: '/messages', marks: {}},
      ],
    ])
    writer.close()
  })

  test('an ID that came with the event and is not its own is remembered', () => {
    const text = JSON.stringify(event('6'))
    const {writer, source} = open('6')
    writer.keep(source, {how: 'db', requests: 0, roomVersion: '6', events: [{text, eventId: '$other'}]}, 1)
    writer.keep(source, {how: 'db', requests: 0, events: [{text, eventId: idOf(text, '6')}]}, 2)
    writer.keep(source, stepOf([JSON.stringify({...event('6'), event_id: '$wrong'})]), 3)
    const [copy] = writer.copies()
    expect(copy!.sightings.map(({claimedId}) => claimedId)).toEqual(['$other', undefined, '$wrong'])
    writer.close()
  })

  test('in version 1, two events under one ID are two copies, and what either cites is known to be cited', () => {
    const [a, b] = [event('1'), event('1', {prev_events: [['$q:domain', {sha256: 'x'}]]})]
    const {keep, writer} = open('1')
    expect(keep([a, b].map((form) => JSON.stringify(form)))).toEqual({events: 1, copies: 1})
    expect(writer.missing('prev')).toEqual(['$r:domain', '$q:domain'])
    writer.close()
  })

  test('an event that cannot be written canonically is kept all the same', () => {
    const text = JSON.stringify(event('3')).replace('"topic":"t"', '"topic":"\\ud800\\u0000"')
    const {keep, texts, writer} = open('3')
    expect(keep([text])).toEqual({events: 1, copies: 0})
    expect(texts()).toEqual([text])
    writer.close()
  })
})

describe('what has no name', () => {
  const lines = createFirst(room('conflict-v10'))
  const version = '10'
  const roomId = roomIdOf({lines})

  test('waits until the create event tells the room version; nothing is lost or doubled', () => {
    const {writer, source, texts} = open(version, roomId)
    const [create, ...later] = [lines[0]!, ...lines.slice(1).reverse()]
    const step = stepOf(later.slice(0, 40))
    expect(writer.keep(source, step, 5)).toEqual({events: 0, copies: 0})
    writer.keep(source, step, 6)
    expect(writer.counts()).toMatchObject({events: 0, unnamed: 40})
    expect(writer.roomVersion).toBe(null)
    expect(writer.keep(source, stepOf([...later.slice(40), create]), 7)).toEqual({events: lines.length, copies: 0})
    expect(writer.counts()).toMatchObject({events: lines.length, copies: lines.length, unnamed: 0, missing: 0})
    expect(texts()).toEqual([...later, create])
    expect([...writer.copies()][0]!.sightings).toMatchObject([{ts: 5}])
    writer.close()
  })

  test('a create event of another room tells nothing', () => {
    const {writer, source} = open(version, '!other:domain')
    writer.keep(source, stepOf(lines), 5)
    expect(writer.roomVersion).toBe(null)
    expect(writer.counts()).toMatchObject({events: 0, unnamed: lines.length})
    writer.close()
  })

  test('a create event outweighs what was told, and all names are made again', () => {
    const {writer, source} = open(version, roomId)
    const wrong = writer.keep(source, stepOf(lines.slice(1), {roomVersion: '3', marks: {at: 'x'}}), 5)
    expect(wrong.events).toBe(lines.length - 1)
    expect(writer.missing().length).toBeGreaterThan(1)
    writer.keep(source, stepOf(lines.slice(0, 1)), 6)
    expect(writer.roomVersion).toBe('10')
    expect(writer.counts()).toMatchObject({events: lines.length, copies: lines.length, unnamed: 0})
    expect([...writer.copies()].map(({eventId}) => eventId)).toEqual(
      [...lines.slice(1), lines[0]!].map((line) => idOf(line, version)),
    )
    expect(writer.missing()).toEqual([])
    expect(writer.notes().map(({text}) => text)).toEqual([
      'The room version was told to be "3"; the create event says "10", which is used.',
    ])
    writer.keep(source, stepOf([], {roomVersion: '11'}), 7)
    expect(writer.roomVersion).toBe('10')
    expect(writer.notes()).toHaveLength(2)
    writer.close()
  })

  test('a room version that is not known keeps the texts', () => {
    const {writer, keep} = open('org.example')
    keep(lines.slice(5))
    expect(writer.roomVersion).toBe('org.example')
    expect(writer.unnamed().map(({text}) => text)).toEqual(lines.slice(5))
    writer.close()
  })

  test('texts that are no events are kept with the reason, once', () => {
    const {writer, keep} = open('1')
    const bad = ['', '{', '[]', JSON.stringify(event('1', {event_id: undefined})), JSON.stringify(event('1'))]
    expect(keep(bad)).toEqual({events: 1, copies: 0})
    keep(bad, 2000)
    expect(writer.counts()).toMatchObject({events: 1, unreadable: 4})
    expect(writer.unreadable().map(({text, reason, ts}) => [text, reason, ts])).toEqual([
      ['', 'it is not JSON', 1000],
      ['{', 'it is not JSON', 1000],
      ['[]', 'it is not a JSON object', 1000],
      [bad[3], 'it has no event_id', 1000],
    ])
    writer.close()
  })

  test('an event of another room is a stray unless one of this room cites it', () => {
    const {writer, keep, source} = open('6')
    const stray = JSON.stringify(event('6', {room_id: '!other:domain', prev_events: ['$gone']}))
    keep([stray])
    expect([...writer.copies()].map((copy) => copy.stray)).toEqual([true])
    expect(writer.missing()).toEqual([])
    expect(writer.newest()).toEqual([])
    writer.keep(
      source,
      {how: 'x', requests: 0, events: copiesFrom([JSON.stringify(event('6', {prev_events: [idOf(stray, '6')]}))])},
      1,
    )
    expect([...writer.copies()].map((copy) => copy.stray)).toEqual([undefined, undefined])
    writer.close()
  })
})

test('whatever comes in the fields of an event is kept', () => {
  const any = fc.oneof(fc.jsonValue({maxDepth: 3}), fc.constantFrom('\ud800', 'a\u0000b', 1e300, -1, ['\udfff'], '$x'))
  const keys = Object.keys(event('1', {redacts: 1, unsigned: 1}))
  const changes = fc.dictionary(fc.constantFrom(...keys, '__proto__'), any)
  const types = fc.constantFrom('m.room.create', 'm.room.redaction', 'm.room.member', '\ud800')
  for (const version of ['1', '6', '12']) {
    const {writer, keep} = open(version)
    const seen = new Set<string>()
    fc.assert(
      fc.property(
        types,
        changes,
        fc.constantFrom('"depth":1', '"depth":9223372036854775808', '"depth":1e999'),
        (type, more, depth) => {
          const text = JSON.stringify({...event(version), type, ...more}).replace('"depth":2', depth)
          seen.add(text)
          keep([text])
        },
      ),
      {numRuns: 150},
    )
    const {copies, unreadable = 0} = writer.counts()
    expect(copies + unreadable).toBeLessThanOrEqual(seen.size)
    const kept = new Set([...writer.copies(), ...writer.unreadable()].map(({text}) => text))
    expect([...kept].every((text) => seen.has(text))).toBe(true)
    expect(kept.size).toBeGreaterThan(50)
    writer.missing()
    writer.newest()
    writer.close()
  }
})

test('the essence of an event does not depend on its spelling', () => {
  const whole = event('6')
  const other = JSON.stringify(Object.fromEntries(Object.entries(whole).reverse()), null, 2).replace(
    'topic',
    '\\u0074opic',
  )
  expect(essence(other, rules('6')).sha256).toEqual(essence(JSON.stringify(whole), rules('6')).sha256)
  expect(contentHash(whole)).toBe((whole['hashes'] as JsonObject)['sha256'])
})

test('an event that cites more than any event has room for does not fill the file', () => {
  const {writer, keep} = open('6')
  const authEvents = Array.from({length: 50_000}, (_, index) => `$made-up-${String(index)}`)
  keep([JSON.stringify(event('6', {auth_events: authEvents, prev_events: []}))])
  expect(writer.counts()).toMatchObject({events: 1, missing: 20_000})
  writer.close()
})
