import {describe, expect, test} from 'vitest'
import {loadRoomFrom, type LoadedRoom} from '../../src/investigate/load-room.ts'
import {resolveRoom} from '../../src/investigate/resolve-room.ts'
import {changed, linesOf} from '../cli/dumps.ts'
import {ALICE, bare, BOB, CAROL, message, MO, publicRoom, topic} from '../rules/build.ts'

const load = (lines: readonly string[]): LoadedRoom =>
  loadRoomFrom(
    'dump',
    lines.map((text, index) => ({text, line: index + 1})),
  )
const forked = publicRoom('10')
  .add('topic', topic())
  .add('left', topic(undefined, 'left'))
  .at('topic')
  .add('right', topic(undefined, 'right'))
const room = load(linesOf(forked))
const ids = (...names: readonly string[]): string[] => names.map((name) => forked.id(name))
const members = ['create', 'rules', 'alice', 'carol', 'mo', 'levels']

describe('resolveRoom', () => {
  test('resolves the tips together, or the state around one event', () => {
    const report = resolveRoom(room)
    expect(report).toMatchObject({position: 'after', atTips: true, complete: true, at: ids('left', 'right').sort()})
    expect(report.state?.map(({eventId}) => eventId)).toEqual(ids(...members, 'topic', 'left', 'right'))
    const before = resolveRoom(room, {before: forked.id('right')})
    expect(before).toMatchObject({position: 'before', atTips: false, at: ids('right')})
    expect(before.state?.map(({eventId}) => eventId)).toEqual(ids(...members, 'topic'))
  })

  test('chooses by type and state key, and keeps the whole', () => {
    const report = resolveRoom(room, {type: 'm.room.topic', stateKey: 'left'})
    expect(report.state).toMatchObject([{eventId: forked.id('left'), sender: ALICE, content: {topic: 'a topic'}}])
    expect(report.wholeState).toHaveLength(9)
  })

  test('says who has power, from the state at hand', () => {
    expect(resolveRoom(room).power).toEqual([
      {userId: ALICE, level: '100', isCreator: true, membership: 'join'},
      {userId: MO, level: '50', isCreator: false, membership: 'join'},
    ])
    expect(resolveRoom(room).levels).toMatchObject({ban: '30', kick: '30', state_default: '50'})
    expect(resolveRoom(room, {before: forked.id('levels')}).power).toMatchObject([{userId: ALICE, level: '100'}])
    const two = load(linesOf(bare('12', {additional_creators: [BOB]})))
    expect(resolveRoom(two)).toMatchObject({
      creators: [ALICE, BOB],
      power: [
        {userId: ALICE, level: 'above all', membership: 'join'},
        {userId: BOB, level: 'above all', membership: null},
      ],
    })
  })

  test('counts what there is', () => {
    const merged = publicRoom('10')
      .add('a', topic())
      .at('carol')
      .add('b', topic())
      .add('end', {...message(), prev: ['a', 'b']})
    expect(resolveRoom(load(linesOf(merged))).counts).toEqual({
      events: 9,
      stateEvents: 8,
      merges: 1,
      conflictedMerges: 1,
      rejected: 0,
      undetermined: 0,
      missing: 0,
    })
  })

  test('names each missing event once, with how often it is cited', () => {
    const part = load(linesOf(forked).filter((_, index) => index !== 6))
    expect(resolveRoom(part)).toMatchObject({
      complete: false,
      at: ids('carol'),
      missing: [{eventId: forked.id('topic'), as: 'prev event', citations: 2}],
      counts: {missing: 1, undetermined: 2},
    })
  })
})

describe('what a server reports', () => {
  const state = [...members, 'topic', 'left', 'right']
  const compare = (eventIds: readonly string[], of: LoadedRoom = room) =>
    resolveRoom(of, {reported: [{server: 'b.example', how: '/state', eventIds}]})

  test('the same state is no finding', () => {
    expect(compare(ids(...state))).toMatchObject({
      reported: [{server: 'b.example', differences: 0}],
      findings: [],
    })
  })

  test('a slot that differs, that it lacks, or that only it has', () => {
    const {reported, findings} = compare(ids(...members, 'topic', 'left'))
    expect(reported.map(({differences}) => differences)).toEqual([1])
    expect(findings).toMatchObject([
      {
        id: 'state/divergence',
        certainty: 'strong',
        subject: {kind: 'slot', type: 'm.room.topic', state_key: 'right', event_id: forked.id('right')},
        evidence: [
          {source: 'replay', value: forked.id('right')},
          {source: 'b.example', where: '/state', value: null},
        ],
      },
    ])
    const other = publicRoom('10').add('one', topic()).add('two', topic())
    const newer = resolveRoom(load(linesOf(other)), {
      reported: [{server: 'b.example', how: '/state', eventIds: [...members, 'one'].map((name) => other.id(name))}],
    })
    expect(newer.findings).toMatchObject([{evidence: [{value: other.id('two')}, {value: other.id('one')}]}])
  })

  test('two servers are held against the replay side by side; at an earlier event none is', () => {
    const reported = [
      {server: 'b.example', how: '/state', eventIds: ids(...members, 'topic', 'left')},
      {server: 'c.example', how: '/state', eventIds: ids(...state)},
    ]
    expect(resolveRoom(room, {reported}).reported).toMatchObject([
      {server: 'b.example', differences: 1},
      {server: 'c.example', differences: 0},
    ])
    const earlier = resolveRoom(room, {reported, at: forked.id('topic')})
    expect([earlier.reported, earlier.findings]).toEqual([[], []])
  })

  test('without an extremity that a server told, the room is not complete', () => {
    const told = (id: string) => resolveRoom(room, {reportedExtremities: {'b.example': [id]}}).complete
    expect([told(forked.id('left')), told('$unseen')]).toEqual([true, false])
  })

  test('an event that was not shown is a hint', () => {
    const {findings, reported} = compare([...ids(...state), '$unseen'])
    expect(reported.map(({differences}) => differences)).toEqual([1])
    expect(findings).toMatchObject([{certainty: 'hint', subject: {kind: 'event', event_id: '$unseen'}}])
  })

  test('what the replay lacks may be what the server knows: a difference is a hint then', () => {
    const part = load(linesOf(forked.at('right').add('end', message())).filter((line) => !line.includes('"left"')))
    const lacking = load(
      changed(linesOf(publicRoom('10').add('topic', topic())), 6, (event) => (event['auth_events'] = ['$gone'])),
    )
    expect(compare(ids(...members, 'topic'), part).findings.map(({certainty}) => certainty)).toEqual(['strong'])
    const {findings} = compare(ids(...members), lacking)
    for (const {certainty} of findings.filter(({id}) => id === 'state/divergence')) expect(certainty).toBe('hint')
  })
})

describe('given states', () => {
  test('are resolved without a replay', () => {
    const report = resolveRoom(room, {states: [ids(...members, 'topic', 'left'), ids(...members, 'topic')]})
    expect(report).toMatchObject({at: [], atTips: false, complete: true, tips: [], rejected: []})
    expect(report.state?.map(({eventId}) => eventId)).toEqual(ids(...members, 'topic', 'left'))
  })

  test('whose auth chains have holes are not complete', () => {
    const part = load(linesOf(forked).filter((_, index) => index !== 1))
    const report = resolveRoom(part, {states: [ids('create', 'levels'), ids('create', 'levels', 'rules')]})
    expect(report).toMatchObject({complete: false, missing: [{eventId: forked.id('alice')}]})
    expect(report.findings.map(({id}) => id)).toContain('dag/missing-event')
  })
})

test('Carol is in the room of these tests', () => {
  expect(resolveRoom(room, {stateKey: CAROL}).state).toHaveLength(1)
})
