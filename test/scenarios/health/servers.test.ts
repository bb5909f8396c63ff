/** What servers tell of a room, held against its events: states with events that have no place there, truncated states, extremities. */
import {describe, expect, test} from 'vitest'
import type {ToldMarks, ToldState} from '../../../src/forensics/server-view.ts'
import {type Group, healthOf, recordedOf, theOne, toldIds, viewOf} from '../health.ts'
import {Story, userId} from '../story.ts'

const SERVER = 'hs.example'
const MEMBERS = ['m1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7', 'm8']

/** Ten members, a topic, and a rejected coup of Bob's; `end` is the only tip. */
function room(): Story {
  const story = Story.of('10')
    .power('power', 'alice', {alice: 100}, {auth: ['alice']})
    .joinRule('open', 'alice', 'public', {auth: ['power', 'alice']})
    .member('bob', 'bob', 'join', {auth: ['power', 'open']})
  for (const name of MEMBERS) story.member(name, name, 'join', {auth: ['power', 'open']})
  return story
    .topic('topic', 'alice', {auth: ['power', 'alice']})
    .power('coup', 'bob', {bob: 100}, {auth: ['power', 'bob']})
    .topic('end', 'alice', {prev: ['topic'], auth: ['power', 'alice']})
}
const WHOLE = ['create', 'alice', 'power', 'open', 'bob', ...MEMBERS, 'topic']
const told = (what: ToldState['what'], event: string | null, names: readonly string[]): ToldState => ({
  what,
  eventId: event === null ? null : `$${event}`,
  how: '/state_ids',
  slots: toldIds(...names),
  ts: 0,
})
const health = (view: Parameters<typeof viewOf>[1]) => healthOf(room(), {views: [viewOf(SERVER, view)]})

test('a server that tells what the replay gives has no findings', () => {
  const states = [told('before', 'end', WHOLE), told('current', null, [...WHOLE.slice(0, -1), 'end'])]
  expect(health({states, extremities: ['$coup', '$end']})).toHaveLength(1)
  const story = room()
  story.lines.splice(-2, 1)
  expect(healthOf(story, {views: [viewOf(SERVER, {states, extremities: ['$end']})]})).toEqual([])
})

test('a state told at an event that is not here is compared with nothing, and that is said', () => {
  const states = ['gone1', 'gone2', 'gone3', 'gone4', 'end'].map((event) => told('before', event, WHOLE))
  const found = theOne(health({states}), 'dag/missing-event')
  expect(found).toMatchObject({severity: 'warning', subject: {kind: 'server', server: SERVER}})
  expect(found.summary).toBe(
    `${SERVER} told its state at 4 events that are not here: $gone1, $gone2, $gone3 and 1 more; that was compared with nothing`,
  )
  expect(found.evidence.map(({value}) => value)).toEqual(['$gone1', '$gone2', '$gone3', '$gone4'])
  expect(health({states: states.slice(-1)}).map(({id}) => id)).not.toContain('dag/missing-event')
})

describe('a rejected event in a state', () => {
  const coup = WHOLE.map((name) => (name === 'power' ? 'coup' : name))
  test('by the replay', () => {
    const found = theOne(health({states: [told('before', 'end', coup)]}), 'server/rejected-in-state')
    expect(found).toMatchObject({
      severity: 'error',
      certainty: 'strong',
      subject: {kind: 'server', server: SERVER},
      evidence: [{source: SERVER, where: '/state_ids: state before $end', value: '$coup'}],
    })
    expect(found.summary).toContain('1 rejected event in its state: $coup (')
  })
  test("by the server's own word", () => {
    const marks = new Map<string, ToldMarks>([['$topic', {rejected: 'auth_error'}]])
    expect(theOne(health({states: [told('before', 'end', WHOLE)], marks}), 'server/rejected-in-state')).toMatchObject({
      certainty: 'proof',
      evidence: [{value: '$topic'}],
    })
    marks.set('$topic', {rejected: null})
    expect(health({states: [told('before', 'end', WHOLE)], marks})).toEqual([])
  })
  test('in a state group, also one that others are made from', () => {
    const groups: Record<number, Group> = {
      1: {
        slots: Object.fromEntries([
          ['create', 'create'],
          ['power_levels', 'coup'],
          ['member alice', 'alice'],
        ]),
      },
      2: {base: 1, slots: {topic: 'topic'}},
    }
    const recorded = recordedOf(groups, {topic: [null, 2]})
    const findings = health({recorded})
    const found = findings.find(({id}) => id === 'server/rejected-in-state')
    expect(found?.evidence).toEqual([{source: SERVER, where: 'state_groups_state: state after $topic', value: '$coup'}])
  })
})

describe('an event in the wrong slot of a state', () => {
  const withSlots = (replaced: Record<string, {eventId: string; type: string; stateKey: string}>): ToldState => ({
    ...told('before', 'end', []),
    slots: WHOLE.map((name) => replaced[name] ?? {eventId: `$${name}`}),
  })
  test('of another type or another user', () => {
    const state = withSlots({m1: {eventId: '$m1', type: 'm.room.member', stateKey: userId('bob')}})
    const found = theOne(health({states: [state]}), 'server/misplaced-in-state')
    expect(found).toMatchObject({
      severity: 'error',
      subject: {kind: 'server', server: SERVER},
      evidence: [{value: '$m1'}],
    })
    expect(found.summary).toContain(
      `it stands for m.room.member of ${userId('bob')}, but is an event for m.room.member of ${userId('m1')}`,
    )
  })
  test('two for one slot: what makes servers cite two', () => {
    const found = theOne(health({states: [told('before', 'end', [...WHOLE, 'end'])]}), 'server/misplaced-in-state')
    expect(found.summary).toContain('$topic stands for m.room.topic, too')
  })
  test('the same event twice is not two', () => {
    expect(health({states: [told('before', 'end', [...WHOLE, 'topic'])]})).toEqual([])
  })
  test('a message, or an event of another room', () => {
    const story = room()
      .tell('hello', 'alice', 'm.room.message', {auth: ['power', 'alice']})
      .tell('theirs', 'eve', 'm.room.name', {key: '', room: '!other:eve.example', prev: [], citesNoCreate: true})
      .topic('mixed', 'alice', {prev: ['hello'], auth: ['theirs', 'power', 'alice']})
    const of = (name: string) => {
      const views = [viewOf(SERVER, {states: [told('before', 'end', [...WHOLE, name])]})]
      return theOne(healthOf(story, {views}), 'server/misplaced-in-state').summary
    }
    expect(of('hello')).toContain('it is no state event')
    expect(of('theirs')).toContain('it is an event of another room')
  })
})

describe('a small part of the state only', () => {
  test('before an event, as /state_ids may give it', () => {
    const found = theOne(
      health({states: [told('before', 'end', ['create', 'power', 'alice'])]}),
      'server/truncated-state',
    )
    expect(found).toMatchObject({
      severity: 'error',
      certainty: 'strong',
      subject: {kind: 'server', server: SERVER},
      evidence: [
        {source: SERVER, where: '/state_ids: state before $end', value: 3},
        {source: 'replay', where: 'state before $end', value: 14},
        {value: 'm.room.join_rules'},
        {value: `m.room.member of ${userId('bob')}`},
        ...Array<object>(8).fill({}),
      ],
    })
    expect(found.summary).toContain(
      'Of the state before $end hs.example has a small part only: 3 entries of 14; it lacks m.room.join_rules, 9 memberships',
    )
  })
  test('half of it is enough, and so is a state that lacks little', () => {
    expect(health({states: [told('before', 'end', WHOLE.slice(0, 7))]})).toEqual([])
    expect(health({states: [told('before', 'end', WHOLE.slice(0, 6))]})).toHaveLength(1)
    const small = told('before', 'open', ['create'])
    expect(health({states: [small]})).toEqual([])
  })
  test('before an event is not after it', () => {
    // Exactly half of the 12 that stand before it.
    expect(health({states: [told('before', 'm8', WHOLE.slice(0, 6))]})).toEqual([])
    expect(health({states: [told('after', 'm8', WHOLE.slice(0, 6))]})).toHaveLength(1)
  })
  test('IDs that the evidence lacks count as entries', () => {
    const strangers = MEMBERS.map((name) => `other-${name}`)
    expect(health({states: [told('before', 'end', ['create', 'power', 'alice', ...strangers])]})).toEqual([])
  })
  test('no create event: proof, however much there is', () => {
    const found = theOne(health({states: [told('before', 'end', WHOLE.slice(1))]}), 'server/truncated-state')
    expect(found.certainty).toBe('proof')
    expect(found.summary).toBe(
      'Of the state before $end hs.example has not all: 13 entries of 14; it lacks m.room.create',
    )
    expect(health({states: [told('before', 'create', [])]})).toEqual([])
    // An ID that the evidence lacks may be that of the create event.
    expect(health({states: [told('before', 'end', [...WHOLE.slice(1), 'other'])]})).toEqual([])
  })
  test('that there must be a create event is known without the replay', () => {
    const found = theOne(health({states: [told('current', null, WHOLE.slice(1))]}), 'server/truncated-state')
    expect(found).toMatchObject({certainty: 'proof', evidence: [{value: 13}]})
    expect(found.summary).toContain('it lacks the create event, which every state holds')
    expect(
      health({states: [told('current', null, ['create'])], extremities: ['$elsewhere']}).map(({id}) => id),
    ).toEqual(['server/unknown-extremity', 'server/other-extremities'])
  })
  test('the value of the slot of the event itself may be lacking before it', () => {
    // 12 of 13 remain: what counts is that the slot is not among those that are lacking.
    const names = ['create', 'alice', 'power', 'open', 'bob', 'm1', 'm2']
    const after = Story.of('10').power('power', 'alice', {alice: 100}, {auth: ['alice']})
    for (const key of ['a', 'b', 'c', 'd', 'e']) {
      after.tell(`s-${key}`, 'alice', 'm.room.note', {key, auth: ['power', 'alice']})
    }
    after.tell('again', 'alice', 'm.room.note', {key: 'e', auth: ['power', 'alice']})
    const view = (slots: readonly string[]) => [viewOf(SERVER, {states: [told('before', 'again', slots)]})]
    // Five slots lack, one of them the event's own: four are too few.
    expect(healthOf(after, {views: view(['create', 'alice', 'power'])})).toEqual([])
    expect(healthOf(after, {views: view(['create', 'alice'])})).toHaveLength(1)
    expect(names).toHaveLength(7)
  })
  test('the current state is held against the extremities that the server has, and says nothing if it left', () => {
    const current = told('current', null, ['create', 'power', 'alice'])
    expect(theOne(health({states: [current], extremities: ['$end']}), 'server/truncated-state').summary).toContain(
      'Of the current state hs.example has a small part only: 3 entries of 14',
    )
    expect(health({states: [current], extremities: ['$alice']}).filter(({severity}) => severity === 'error')).toEqual(
      [],
    )
    expect(health({states: [told('current', null, [])], extremities: ['$end']}).map(({id}) => id)).not.toContain(
      'server/truncated-state',
    )
  })
  test('in state groups: the first event, and how many follow', () => {
    const slots = {create: 'create', power_levels: 'power', 'member alice': 'alice'}
    const groups: Record<number, Group> = {
      1: {slots},
      2: {base: 1, slots: {topic: 'topic'}},
      3: {base: 2, slots: {topic: 'end'}},
    }
    const recorded = recordedOf(groups, {m8: [null, 1], topic: [1, 2], end: [2, 3]})
    const found = theOne(health({recorded}), 'server/truncated-state')
    expect(found.evidence[0]).toEqual({source: SERVER, where: 'state_groups_state: state after $m8', value: 3})
    expect(found.summary).toContain('4 other states of it as well')
  })
})

describe('members whom a server loses between two of its states', () => {
  const all = {
    create: 'create',
    power_levels: 'power',
    join_rules: 'open',
    topic: 'topic',
    'member alice': 'alice',
    'member bob': 'bob',
  }
  const members = (names: readonly string[]) => Object.fromEntries(names.map((name) => [`member ${name}`, name]))
  const groups: Record<number, Group> = {
    1: {slots: {...all, ...members(MEMBERS)}},
    2: {slots: {...all, ...members(MEMBERS.slice(5))}},
    3: {slots: {...all, ...members(MEMBERS.slice(4))}},
  }
  test('that follow each other', () => {
    const found = theOne(health({recorded: recordedOf(groups, {topic: [1, 1], end: [2, 2]})}), 'state/mass-leave')
    expect(found).toMatchObject({
      severity: 'error',
      subject: {kind: 'server', server: SERVER},
      evidence: [{value: '$topic'}, {value: '$end'}, ...MEMBERS.slice(0, 5).map((name) => ({value: userId(name)}))],
    })
    expect(found.summary).toContain('5 members lost their membership between the states after $topic and before $end')
  })
  test('four are no mass, and the same group is the same state', () => {
    expect(health({recorded: recordedOf(groups, {topic: [1, 1], end: [3, 3]})})).toEqual([])
    expect(health({recorded: recordedOf(groups, {topic: [1, 1], end: [1, 1]})})).toEqual([])
  })
  test('whom the replay does not have either are not lost', () => {
    expect(health({recorded: recordedOf(groups, {m1: [1, 1], m2: [2, 2]})})).toEqual([])
  })
  test('and its current state', () => {
    const current = told(
      'current',
      null,
      WHOLE.filter((name) => !MEMBERS.slice(0, 5).includes(name)),
    )
    const recorded = recordedOf(groups, {end: [1, 1]})
    const found = theOne(health({recorded, extremities: ['$end'], states: [current]}), 'state/mass-leave')
    expect(found.summary).toContain('between its state at $end, its only forward extremity, and its current state')
    const atExtremity = told('at-extremity', 'end', WHOLE)
    const byRequest = health({extremities: ['$end'], states: [current, atExtremity]})
    expect(theOne(byRequest, 'state/mass-leave').summary).toBe(found.summary)
    const massLeaves = (view: Parameters<typeof viewOf>[1]) =>
      health(view).filter(({id}) => id === 'state/mass-leave').length
    expect(massLeaves({recorded, extremities: ['$end', '$topic'], states: [current]})).toBe(0)
    const vague = {...current, slots: [...current.slots, ...toldIds('other')]}
    expect(massLeaves({recorded, extremities: ['$end'], states: [vague]})).toBe(0)
  })
})
