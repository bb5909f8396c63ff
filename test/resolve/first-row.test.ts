/**
 * The first row of a graph is the event that comes first and has no parents: mostly the create event, but in given states it may be any.
 * It counts like every other.
 */
import {expect, test} from 'vitest'
import {resolveStates} from '../../src/resolve/states.ts'
import {
  ALICE,
  BOB,
  CAROL,
  DAVE,
  type Draft,
  member,
  message,
  MO,
  power,
  publicRoom,
  Room,
  topic,
} from '../rules/build.ts'

const VERSIONS = ['1', '2', '6', '11']

/** The room with an event more, which stands before all others. */
function startingWith(version: string, draft: (room: Room) => Draft): Room {
  const room = publicRoom(version)
  room.add('first', {...draft(room), prev: [], auth: []}).at('carol')
  room.pdus.unshift(room.pdus.pop()!)
  expect(room.graph().row(room.id('first'))).toBe(0)
  return room
}

/** Whether an event comes into the resolution of a state with it and one that has another event in the same slot, or none. */
function isTaken(room: Room, common: readonly string[], name: string, other: readonly string[] = []): boolean {
  const graph = room.graph()
  const ids = (names: readonly string[]): readonly string[] => names.map((each) => room.id(each))
  const {resolver, root} = resolveStates(graph, [ids([...common, ...other]), ids([...common, name])])
  let found = false
  resolver.trie.forEach(root, (_, row) => {
    if (graph.id(row) === room.id(name)) found = true
  })
  return found
}

const topics = (room: Room, sender: string): Room => room.add('old', topic(ALICE)).add('new', topic(sender))

test.each(VERSIONS)('version %s: as power levels, by user', (version) => {
  const common = ['create', 'alice', 'mo', 'carol', 'rules', 'first']
  const raised = topics(
    startingWith(version, (room) => power(room, {users: {[CAROL]: 50}})),
    CAROL,
  )
  expect(isTaken(raised, common, 'new', ['old'])).toBe(true)
  const lowered = topics(
    startingWith(version, (room) => power(room, {users: {[MO]: 49}})),
    MO,
  )
  expect(isTaken(lowered, common, 'new', ['old'])).toBe(false)
})

test.each(VERSIONS)('version %s: as power levels, by what is to be done', (version) => {
  const common = ['create', 'alice', 'mo', 'carol', 'rules', 'first']
  const easy = topics(
    startingWith(version, (room) => power(room, {events: {'m.room.topic': 0}})),
    CAROL,
  )
  expect(isTaken(easy, common, 'new', ['old'])).toBe(true)
  const kick = startingWith(version, (room) => power(room, {users: {[MO]: 10}, kick: 10}))
  kick.add('kick', member(CAROL, 'leave', MO))
  expect(isTaken(kick, ['create', 'alice', 'mo', 'rules', 'first'], 'kick', ['carol'])).toBe(true)
})

test.each(VERSIONS)('version %s: as the membership of a sender', (version) => {
  const room = topics(
    startingWith(version, () => member(DAVE, 'join')),
    DAVE,
  )
  room.add('levels2', power(room, {users: {[DAVE]: 50}}))
  expect(isTaken(room, ['create', 'alice', 'levels2', 'rules', 'first'], 'new', ['old'])).toBe(true)
})

test.each(VERSIONS)('version %s: as the membership of a target', (version) => {
  const room = startingWith(version, () => member(BOB, 'ban', ALICE)).member('bob', BOB, 'join')
  expect(isTaken(room, ['create', 'alice', 'levels', 'rules'], 'bob', ['first'])).toBe(false)
})

test.each(VERSIONS)('version %s: as join rules', (version) => {
  const open: Draft = {type: 'm.room.join_rules', state_key: '', content: {join_rule: 'public'}}
  const room = startingWith(version, () => open).add('bob', {...member(BOB, 'join'), auth: ['create', 'levels']})
  expect(isTaken(room, ['create', 'alice', 'levels', 'first'], 'bob')).toBe(true)
})

test('version 12, which looks at nothing but auth events: as those', () => {
  const room = startingWith('12', (built) => power(built, {users: {[CAROL]: 50}}))
  room.add('old', topic(ALICE)).add('new', {...topic(CAROL), auth: ['carol', 'first']})
  expect(isTaken(room, ['create', 'alice', 'carol', 'rules', 'first'], 'new', ['old'])).toBe(true)
})

test.each([...VERSIONS, '12'])('version %s: on receipt, as an auth event of another room', (version) => {
  const room = startingWith(version, () => ({
    type: 'm.room.power_levels',
    state_key: '',
    room_id: '!other:a.example',
  }))
  const create = room.hasCreatorsAboveAll ? [] : ['create']
  room.add('judged', {...message(), auth: [...create, 'alice', 'first']})
  expect(room.judge().name).toBe('auth-events.other-room')
})

test.each(VERSIONS)('version %s: on receipt, as an auth event that was rejected', (version) => {
  const room = new Room(version).create({}, {signers: [], idServer: 'c.example'}).member('alice', ALICE, 'join')
  expect(room.graph().row(room.id('create'))).toBe(0)
  expect(room.judge('create').rule).toBe('format:signature')
  expect(room.judge('alice').name).toBe('auth-events.rejected')
})

test.each(['2', '6', '11'])('version %s: in the order of power events', (version) => {
  const room = startingWith(version, (built) => power(built, {users: {[ALICE]: 50, [MO]: 100}}))
  const closing = (sender: string, name: string): Draft => ({
    type: 'm.room.join_rules',
    sender,
    state_key: '',
    content: {join_rule: 'invite'},
    prev: ['carol'],
    auth: ['create', name, 'first'],
  })
  room.add('by alice', closing(ALICE, 'alice')).add('by mo', closing(MO, 'mo'))
  // Mo has more power, so that Alice's comes after.
  const common = ['create', 'alice', 'mo', 'first']
  expect(isTaken(room, common, 'by alice', ['by mo'])).toBe(true)
  expect(isTaken(room, common, 'by mo', ['by alice'])).toBe(false)
})
