import {expect, test} from 'vitest'
import type {ReportedStateSet, ServerKey, Step} from '../../src/sources/evidence.ts'
import {folder, identity, newCase} from './cases.ts'

const where = folder()
const slot = (eventId: string, type = 't', stateKey = '') => ({eventId, type, stateKey})
const state = (slots: ReportedStateSet['slots'], more: Partial<ReportedStateSet> = {}): ReportedStateSet => ({
  what: 'current',
  eventId: null,
  how: '/state',
  slots,
  ...more,
})

function open() {
  const writer = newCase(where, '!r:domain')
  const source = writer.source(identity('a'), [])
  const keep = (ts: number, step: Partial<Step>) => writer.keep(source, {how: 'x', requests: 0, ...step}, ts)
  return {writer, source, keep}
}

test('a state that is told again unchanged is one with a later time; a change is another; the latest stands last', () => {
  const {writer, source, keep} = open()
  const [a, b] = [state([slot('$2', 'b'), slot('$1', 'a')]), state([slot('$1', 'a')])]
  keep(10, {states: [a, state([{eventId: '$1'}, {eventId: '$0'}], {what: 'before', eventId: '$e', how: '/state_ids'})]})
  keep(20, {states: [state([...a.slots].reverse())]})
  keep(30, {states: [b]})
  keep(40, {states: [b]})
  keep(50, {states: [a]})
  const told = [...writer.states()].filter(({what}) => what === 'current')
  expect(told).toEqual([
    {...a, slots: [slot('$1', 'a'), slot('$2', 'b')], source, ts: 10, lastTs: 20},
    {...b, source, ts: 30, lastTs: 40},
    {...a, slots: [slot('$1', 'a'), slot('$2', 'b')], source, ts: 50, lastTs: 50},
  ])
  expect([...writer.states()][0]).toEqual({
    ...state([{eventId: '$0'}, {eventId: '$1'}], {what: 'before', eventId: '$e', how: '/state_ids'}),
    source,
    ts: 10,
    lastTs: 10,
  })
  expect(writer.counts().reportedStates).toBe(4)
  writer.close()
})

test('an empty state is a state; other sources, events and endpoints have states of their own', () => {
  const {writer, keep} = open()
  const other = writer.source(identity('b'), [])
  const empty = state([])
  keep(1, {states: [empty, {...empty, how: 'db'}, {...empty, what: 'after', eventId: '$a'}]})
  keep(1, {states: [{...empty, what: 'after', eventId: '$b'}]})
  writer.keep(other, {how: 'x', requests: 0, states: [empty]}, 1)
  expect([...writer.states()].map(({slots}) => slots)).toEqual([[], [], [], [], []])
  writer.close()
})

test('the newest events are the forward extremities that each source told last', () => {
  const {writer, keep} = open()
  const other = writer.source(identity('b'), [])
  const told = (direction: 'forward' | 'backward', ...eventIds: string[]): Partial<Step> => ({
    extremities: [{direction, how: 'db', eventIds}],
  })
  keep(1, told('forward', '$old'))
  keep(2, told('forward', '$b', '$a'))
  keep(3, told('forward', '$a', '$b'))
  keep(4, told('backward', '$far'))
  writer.keep(other, {how: 'x', requests: 0, ...told('forward', '$b', '$c')}, 1)
  expect([...writer.newest()].sort()).toEqual(['$a', '$b', '$c'])
  expect(writer.extremities().map(({eventIds, ts, lastTs}) => [eventIds, ts, lastTs])).toEqual([
    [['$old'], 1, 1],
    [['$b', '$c'], 1, 1],
    [['$a', '$b'], 2, 3],
    [['$far'], 4, 4],
  ])
  writer.close()
})

test('state groups, groups of events and changes of the current state come back one to one, each as told last', () => {
  const {writer, source, keep} = open()
  const stateGroups = [
    {group: 1, base: null, slots: [slot('$1', 'a', 'k'), slot('$2', 'b')]},
    {group: 2, base: 1, slots: [slot('$3', 'a', 'k')]},
    {group: 3, base: 2, slots: []},
  ]
  const eventStateGroups = [
    {eventId: '$1', before: null, after: 1},
    {eventId: '$3', before: 1, after: 2},
    {eventId: '$4', before: null, after: null},
  ]
  const currentStateChanges = [
    {streamId: 5, type: 'a', stateKey: 'k', eventId: '$1', prevEventId: null},
    {streamId: 6, type: 'a', stateKey: 'k', eventId: null, prevEventId: '$1'},
  ]
  keep(1, {stateGroups, eventStateGroups, currentStateChanges})
  keep(2, {stateGroups, eventStateGroups, currentStateChanges})
  expect([...writer.stateGroups(source)]).toEqual(stateGroups)
  expect([...writer.eventStateGroups(source)]).toEqual(eventStateGroups)
  expect([...writer.currentStateChanges(source)].map((row) => ({...row}))).toEqual(currentStateChanges)
  const whole = {group: 2, base: null, slots: [slot('$2', 'b'), slot('$3', 'a', 'k')]}
  keep(3, {stateGroups: [whole], eventStateGroups: [{eventId: '$3', before: 3, after: 2}]})
  expect([...writer.stateGroups(source)][1]).toEqual(whole)
  expect([...writer.eventStateGroups(source)][1]).toEqual({eventId: '$3', before: 3, after: 2})
  expect([...writer.stateGroups(99)]).toEqual([])
  writer.close()
})

test('refusals, notes, keys, aliases, limits and marks', () => {
  const {writer, source, keep} = open()
  const key: ServerKey = {
    server: 'hs1',
    keyId: 'ed25519:1',
    key: 'AAAA',
    validUntilTs: 9,
    expiredTs: null,
    fetchedTs: 1,
    via: 'direct',
  }
  keep(1, {
    refusals: [
      {what: '/event', eventId: '$1', outcome: 'failed', status: 502, message: 'bad gateway'},
      {what: '/state', outcome: 'refused', message: 'no'},
    ],
    notes: ['n'],
    keys: [key],
    aliases: ['#b:hs1', '#a:hs1'],
    marks: {page: '1', gone: 'x'},
  })
  keep(2, {
    refusals: [{what: '/event', eventId: '$1', outcome: 'absent', status: 404, message: 'no event'}],
    notes: ['n', 'm'],
    keys: [{...key, fetchedTs: 2}],
    aliases: ['#a:hs1'],
    marks: {page: '2', gone: null},
  })
  writer.addKeys([{...key, validUntilTs: null, expiredTs: 5, via: 'notary hs2'}])
  writer.addLimits({since: '$s', depth: 3}, 4)
  writer.addLimits({depth: 3, since: '$s'}, 4)
  expect(writer.refusals()).toEqual([
    {source, ts: 1, what: '/state', outcome: 'refused', message: 'no'},
    {source, ts: 2, what: '/event', eventId: '$1', outcome: 'absent', status: 404, message: 'no event'},
  ])
  expect(writer.notes().map((row) => ({...row}))).toEqual([
    {source, text: 'n', ts: 1, lastTs: 2},
    {source, text: 'm', ts: 2, lastTs: 2},
  ])
  expect(writer.keys()).toEqual([
    {...key, validUntilTs: null, expiredTs: 5, via: 'notary hs2'},
    {...key, fetchedTs: 2},
  ])
  expect(writer.counts().keys).toBe(2)
  expect(writer.aliases()).toEqual(['#a:hs1', '#b:hs1'])
  expect(writer.limits()).toEqual([{since: '$s', depth: 3, ts: 4}])
  expect(writer.marks(source)).toEqual(new Map([['page', '2']]))
  writer.close()
})

test('a source is found again by its name; once insecure, always so', () => {
  const {writer, source, keep} = open()
  keep(5, {requests: 3})
  expect(writer.source(identity('a', {address: 'https://new', insecure: true}), ['x'])).toBe(source)
  keep(9, {requests: 1})
  writer.source(identity('a', {address: 'https://new'}), ['x'])
  const unused = writer.source(identity('b', {kind: 'database'}), [])
  expect(writer.sources()).toEqual([
    {
      id: source,
      ...identity('a', {address: 'https://new', insecure: true}),
      firstTs: 5,
      lastTs: 9,
      requests: 4,
      unknowable: ['x'],
    },
    {id: unused, ...identity('b', {kind: 'database'}), firstTs: 1000, lastTs: 1000, requests: 0, unknowable: []},
  ])
  writer.close()
})
