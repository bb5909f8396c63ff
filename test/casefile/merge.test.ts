import fc from 'fast-check'
import {copyFileSync} from 'node:fs'
import {join} from 'node:path'
import {DatabaseSync} from 'node:sqlite'
import {describe, expect, test} from 'vitest'
import type {ReadableCase, WritableCase} from '../../src/casefile/case-file.ts'
import {openCase, openCaseForWriting} from '../../src/casefile/open-case.ts'
import type {EventCopy, Step} from '../../src/sources/evidence.ts'
import {parsePdu} from '../../src/matrix/pdu.ts'
import {event, rules} from '../matrix/events.ts'
import {asApi, createFirst, evidenceOf, folder, identity, newCase, room, roomIdOf, stepOf} from './cases.ts'

const where = folder()
const lines = createFirst(room('creators-v12'))
const version = '12'
const roomId = roomIdOf({lines})
const NAMES = ['client @a:hs1', 'federation hs2', 'database hs1']

/** Forms of one event: as sent, as an API gives it at two times, tampered with; and what is no event. */
function copy(at: number, form: number): EventCopy {
  const line = lines[at % lines.length]!
  const eventId = parsePdu(line, rules(version)).eventId
  const texts = [
    line,
    asApi(line, eventId, version),
    asApi(line, eventId, version, 99),
    JSON.stringify({...(JSON.parse(line) as object), content: {at: form}}),
    `no event ${at}`,
    JSON.stringify(event(version, {depth: at})),
  ]
  return {
    text: texts[form % texts.length]!,
    eventId: form % 2 === 0 ? null : eventId,
    ...(form % 3 === 0 ? {marks: {softFailed: at % 2 === 0}} : {}),
  }
}

interface Given {
  readonly name: string
  readonly ts: number
  readonly step: Step
}
const small = fc.nat(3)
const steps: fc.Arbitrary<readonly Given[]> = fc
  .array(
    fc.record({
      name: fc.constantFrom(...NAMES),
      how: fc.constantFrom('/messages', '/event'),
      events: fc.array(fc.tuple(fc.nat(lines.length - 1), fc.nat(5)), {maxLength: 8}),
      told: fc.option(fc.constantFrom('12', '11'), {freq: 8}),
      state: fc.option(fc.tuple(small, small)),
      newest: fc.option(small),
      refused: fc.option(fc.tuple(small, fc.constantFrom('absent' as const, 'failed' as const))),
      group: fc.option(fc.tuple(small, small)),
      gap: fc.nat(2),
    }),
    {maxLength: 7},
  )
  .map((rows) => {
    let ts = 0
    return rows.map(({name, how, events, told, state, newest, refused, group, gap}): Given => {
      ts += 1 + gap
      const slots = (count: number) =>
        Array.from({length: count}, (_, at) => ({eventId: `$${at}`, type: 't', stateKey: `${at}`}))
      return {
        name,
        ts,
        step: {
          how,
          requests: 1,
          events: events.map(([at, form]) => copy(at, form)),
          ...(told === null ? {} : {roomVersion: told}),
          ...(state === null
            ? {}
            : {states: [{what: 'after', eventId: `$e${state[0]}`, how: '/state', slots: slots(state[1])}]}),
          ...(newest === null ? {} : {extremities: [{direction: 'forward', how, eventIds: [`$${newest}`]}]}),
          ...(refused === null
            ? {}
            : {refusals: [{what: '/event', eventId: `$${refused[0]}`, outcome: refused[1], message: how}]}),
          ...(group === null
            ? {}
            : {
                stateGroups: [{group: group[0], base: group[1], slots: slots(group[1])}],
                eventStateGroups: [{eventId: `$${group[0]}`, before: null, after: group[1]}],
                currentStateChanges: [
                  {streamId: group[0], type: 't', stateKey: '', eventId: `$${group[1]}`, prevEventId: null},
                ],
              }),
          notes: [how],
          aliases: [`#${gap}:hs1`],
          marks: {at: `${ts}`},
        },
      }
    })
  })

/** The create event comes first, so that no text waits for its name. */
function fill(given: readonly Given[], create = true): WritableCase {
  const writer = newCase(where, roomId)
  if (create) writer.keep(writer.source(identity(NAMES[0]!), []), stepOf([lines[0]!]), 0)
  for (const {name, ts, step} of given) writer.keep(writer.source(identity(name), []), step, ts)
  return writer
}

function copyOf(writer: WritableCase): WritableCase {
  writer.close()
  const path = `${writer.path}.copy`
  copyFileSync(writer.path, path)
  return openCaseForWriting(path)
}

const closing = (...cases: readonly ReadableCase[]) => {
  for (const open of cases) open.close()
}

describe('merging', () => {
  test('A into B and B into A give the same evidence, and merging twice changes nothing', () => {
    fc.assert(
      fc.property(steps, steps, (ofA, ofB) => {
        const [a, b] = [fill(ofA), fill(ofB)]
        const [a2, b2] = [copyOf(a), copyOf(b)]
        const [a1, b1] = [openCase(a.path), openCase(b.path)]
        const kept = a2.mergeFrom(b1)
        b2.mergeFrom(a1)
        const merged = evidenceOf(a2)
        expect(evidenceOf(b2)).toEqual(merged)
        expect(a2.counts().events).toBe(a1.counts().events + kept.events)
        expect(a2.counts().copies).toBe(a1.counts().copies + kept.events + kept.copies)
        for (const [into, from] of [
          [a2, b1],
          [a2, a1],
          [a2, b2],
          [a2, a2],
        ] as const) {
          expect(into.mergeFrom(from)).toEqual({events: 0, copies: 0})
          expect(evidenceOf(into)).toEqual(merged)
        }
        closing(a1, b1, a2, b2)
      }),
      {numRuns: 25},
    )
  }, 120_000)

  test('into an empty case gives the case, texts without names included', () => {
    fc.assert(
      fc.property(steps, fc.boolean(), (given, create) => {
        const full = fill(given, create)
        const empty = newCase(where, roomId)
        empty.mergeFrom(full)
        expect(evidenceOf(empty)).toEqual(evidenceOf(full))
        closing(full, empty)
      }),
      {numRuns: 25},
    )
  }, 120_000)

  test('whatever the order in which events came, and whether the create event was first: the same forms and states', () => {
    fc.assert(
      fc.property(
        steps.chain((given) =>
          fc.tuple(fc.constant(given), fc.shuffledSubarray([...given], {minLength: given.length})),
        ),
        ([given, shuffled]) => {
          const [a, b] = [fill(given), fill(shuffled, false)]
          b.keep(b.source(identity(NAMES[0]!), []), stepOf([lines[0]!]), 0)
          const forms = (reader: ReadableCase): unknown =>
            [...reader.copies()].map(({eventId, sightings}) => JSON.stringify([eventId, sightings.length])).sort()
          const states = (reader: ReadableCase): unknown =>
            [...new Set([...reader.states()].map(({eventId, slots}) => JSON.stringify([eventId, slots])))].sort()
          expect(forms(b)).toEqual(forms(a))
          expect(states(b)).toEqual(states(a))
          expect([...b.missing()].sort()).toEqual([...a.missing()].sort())
          expect(b.counts()).toMatchObject({unnamed: 0, unreadable: a.counts().unreadable})
          closing(a, b)
        },
      ),
      {numRuns: 25},
    )
  }, 120_000)
})

test('the text that came first stays, whichever case is merged into which', () => {
  const [line, api] = [lines[3]!, asApi(lines[3]!, parsePdu(lines[3]!, rules(version)).eventId, version)]
  for (const [early, late] of [
    [line, api],
    [api, line],
  ] as const) {
    const [a, b] = [newCase(where, roomId), newCase(where, roomId)]
    a.keep(a.source(identity('x'), []), stepOf([early], {roomVersion: version}), 1)
    b.keep(b.source(identity('y'), []), stepOf([late], {roomVersion: version}), 2)
    b.mergeFrom(a)
    a.mergeFrom(b)
    for (const reader of [a, b]) {
      expect([...reader.copies()].map(({text, sightings}) => [text, sightings.length])).toEqual([[early, 2]])
    }
    closing(a, b)
  }
})

test('texts that waited are named when the other case knows the version', () => {
  const [a, b] = [newCase(where, roomId), newCase(where, roomId)]
  a.keep(a.source(identity('x'), []), stepOf(lines.slice(1)), 1)
  b.keep(b.source(identity('x'), []), stepOf([lines[0]!]), 2)
  const copy = copyOf(b)
  copy.mergeFrom(a)
  expect(a.mergeFrom(copy)).toEqual({events: lines.length, copies: 0})
  expect(a.counts()).toMatchObject({events: lines.length, unnamed: 0, missing: 0})
  expect(copy.counts()).toMatchObject({events: lines.length, unnamed: 0, missing: 0})
  closing(a, copy)
})

test('a source keeps the marks that belong to its own evidence; one that is new brings its own', () => {
  const [a, b] = [newCase(where, roomId), newCase(where, roomId)]
  a.keep(a.source(identity('x'), []), {how: 'h', requests: 5, marks: {at: '1'}}, 1)
  b.keep(b.source(identity('y'), ['u']), {how: 'h', requests: 2, marks: {at: '3'}}, 2)
  b.keep(b.source(identity('x', {insecure: true}), ['v']), {how: 'h', requests: 9, marks: {at: '2', more: 'm'}}, 3)
  a.mergeFrom(b)
  a.mergeFrom(b)
  expect(a.sources()).toEqual([
    {id: 1, ...identity('x', {insecure: true}), firstTs: 1, lastTs: 3, requests: 9, unknowable: ['v']},
    {id: 2, ...identity('y'), firstTs: 2, lastTs: 2, requests: 2, unknowable: ['u']},
  ])
  expect([...a.marks(1)]).toEqual([['at', '1']])
  expect([...a.marks(2)]).toEqual([['at', '3']])
  closing(a, b)
})

test('what was told of devices comes along, in spans of time', () => {
  const [a, b] = [newCase(where, roomId), newCase(where, roomId)]
  const route = {...identity('x'), account: {userId: '@a:hs1', deviceId: 'ADEVICE'}}
  a.devices.source({...identity('other'), account: null})
  const keys = (id: string) => ({
    how: '/keys/query',
    requests: 1,
    facts: [{userId: '@a:hs1', fact: {kind: 'keys', view: 'origin', devices: {[id]: null}} as const}],
    refusals: [{what: '/devices', outcome: 'refused' as const, message: id, userIds: ['@a:hs1']}],
  })
  const source = b.devices.source(route)
  for (const [id, ts] of [
    ['ONE', 5],
    ['ONE', 6],
    ['TWO', 9],
  ] as const) {
    b.devices.keep(source, keys(id), ts)
  }
  a.mergeFrom(b)
  a.mergeFrom(b)
  expect(a.devices.users()).toEqual(['@a:hs1'])
  expect(a.devices.of('@a:hs1').map(({route: by, ts, lastTs, fact}) => [by, ts, lastTs, fact])).toEqual([
    ['x', 5, 6, {kind: 'keys', view: 'origin', devices: {ONE: null}}],
    ['x', 9, 9, {kind: 'keys', view: 'origin', devices: {TWO: null}}],
  ])
  expect(a.devices.sources()).toEqual([
    expect.objectContaining({id: 1, name: 'other', account: null}),
    {id: 2, ...route, firstTs: 5, lastTs: 9, requests: 3},
  ])
  expect(a.devices.refusals()).toEqual([
    {source: 2, userId: '@a:hs1', what: '/devices', outcome: 'refused', message: 'TWO', ts: 9},
  ])
  closing(a, b)
})

test('a case of another room is refused; a merge that fails leaves the case as it was', () => {
  const [a, b] = [newCase(where, roomId), newCase(where, '!other:hs1')]
  expect(() => a.mergeFrom(b)).toThrow(expect.objectContaining({code: 'CASE_OTHER_ROOM'}))
  const full = newCase(where, roomId)
  full.keep(full.source(identity('x'), []), stepOf(lines), 1)
  full.close()
  const damaged = join(where, 'damaged.case')
  copyFileSync(full.path, damaged)
  const database = new DatabaseSync(damaged)
  database.exec("UPDATE reported_state SET slots = 99; INSERT INTO note VALUES (99, 'n', 1, 1)")
  database.close()
  const reader = openCase(damaged)
  expect(() => a.mergeFrom(reader)).toThrow('there is no source 99')
  expect(a.counts()).toMatchObject({events: 0, copies: 0})
  expect(a.sources()).toEqual([])
  closing(a, b, reader)
})
