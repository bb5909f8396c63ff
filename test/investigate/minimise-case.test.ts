import {describe, expect, test} from 'vitest'
import {ddmin} from '../../src/investigate/delta-debugging.ts'
import {exportNdjson} from '../../src/investigate/export-case.ts'
import {minimise, type MinimiseOptions} from '../../src/investigate/minimise-case.ts'
import {replay} from '../../src/resolve/replay.ts'
import {load} from '../conformance/compare.ts'
import {DATA} from '../conformance/fixtures.ts'
import {readPacks} from '../conformance/packed.ts'
import {outcomes} from '../resolve/rooms.ts'
import {ALICE, BOB, CAROL, Room} from '../rules/build.ts'
import {MemoryCase} from './memory-case.ts'

const packs = readPacks(DATA).filter(({lines}) => lines.length < 160)

function minimised(name: string, version: string, lines: readonly string[], options: MinimiseOptions) {
  const from = new MemoryCase(load(name, lines).graph.roomId, version).give('dump', lines)
  const to = new MemoryCase(from.roomId, version)
  const result = minimise(from, to, options)
  return {result, from, to, lines: [...exportNdjson(to, {allCopies: true})]}
}

const judged = (name: string, lines: readonly string[]) => {
  const result = replay(load(name, lines).graph)
  return {result, outcomes: outcomes(result)}
}

describe('in rooms of all versions the finding stays', () => {
  test.each(packs.map((room) => [room.name, room] as const))('%s', (name, {version, lines}) => {
    const {result, outcomes: whole} = judged(name, lines)
    const {graph} = result
    const rejected = [...result.rejections.keys()]
    const merges = [...result.merges].filter(([, conflicts]) => conflicts > 0).map(([row]) => row)
    for (const row of [...rejected.slice(0, 1), ...rejected.slice(-1), ...merges.slice(0, 1)]) {
      const id = graph.id(row)
      const small = minimised(name, version, lines, {keep: [id], maxReplays: 40})
      expect(small.lines.length).toBe(small.result.events)
      expect(small.result.events + small.result.removed).toBe(lines.length)
      const {outcomes: part} = judged(name, small.lines)
      const [kept] = small.result.kept
      const {verdict, rule} = whole.get(id)!
      if (kept?.part === 'history') expect(part.get(id)).toEqual(whole.get(id))
      else expect(part.get(id)).toMatchObject({verdict, rule})
      expect(kept).toMatchObject({eventId: id, verdict, rule})
    }
  })
})

/** Alice's room, in which Bob says much, and does what he may not. */
function chatty(): Room {
  const room = new Room('10').create()
  room
    .member('alice', ALICE, 'join')
    .power('levels', {users: {[ALICE]: 100}})
    .joinRules('rules', 'public')
    .member('bob', BOB, 'join')
  for (let index = 0; index < 30; index += 1)
    room.add(`m${String(index)}`, {type: 'm.room.message', sender: BOB, content: {body: 'x'}})
  return room
}
const lines = (room: Room): readonly string[] => room.pdus.map((pdu) => JSON.stringify(pdu))

describe('how little is enough', () => {
  test('for what its form decides: the event and the create event', () => {
    const room = chatty().add('bad', {type: 'm.room.message', sender: BOB, signers: ['c.example']})
    const {result} = minimised('r', '10', lines(room), {keep: [room.id('bad')]})
    expect(result).toMatchObject({
      events: 2,
      removed: 34,
      minimal: true,
      kept: [{part: 'alone', rule: 'format:signature'}],
    })
  })
  test('for an auth event that is named twice: that one', () => {
    const room = chatty()
    room.add('twice', {type: 'm.room.message', sender: BOB, auth: ['create', 'levels', 'bob', 'bob']})
    const {result} = minimised('r', '10', lines(room), {keep: [room.id('twice')]})
    expect(result).toMatchObject({events: 3, minimal: true, kept: [{rule: 'v10:2.1@auth'}]})
  })
  test('for what the auth events decide: those, not its own history', () => {
    const room = chatty()
    room.add('topic', {type: 'm.room.topic', state_key: '', sender: BOB, content: {topic: 'mine'}})
    const {result, lines: text} = minimised('r', '10', lines(room), {keep: [room.id('topic')]})
    expect(result).toMatchObject({events: 6, minimal: true, kept: [{part: 'auth-chain', verdict: 'rejected'}]})
    expect(text.join()).not.toContain('m.room.message')
  })
  test('for auth events that came late: all that was before them, whatever it was', () => {
    const room = chatty().member('carol', CAROL, 'join')
    for (let index = 30; index < 40; index += 1) room.add(`m${String(index)}`, {type: 'm.room.message'})
    room.add('topic', {type: 'm.room.topic', state_key: '', sender: CAROL, content: {topic: 'mine'}})
    const {result} = minimised('r', '10', lines(room), {keep: [room.id('topic')]})
    expect(result).toMatchObject({events: 37, removed: 10, minimal: true, kept: [{part: 'auth-history'}]})
  })
  test('for what the state before it decides: all of its history, and nothing after it or beside it', () => {
    const room = chatty()
    room.add('kick', {type: 'm.room.member', state_key: BOB, content: {membership: 'leave'}})
    room.add('late', {type: 'm.room.message', sender: BOB, authAt: 'm29'})
    room.add('after', {type: 'm.room.message'})
    room.at('m29').add('beside', {type: 'm.room.message'})
    const {result} = minimised('r', '10', lines(room), {keep: [room.id('late')]})
    expect(result).toMatchObject({
      events: 37,
      removed: 2,
      minimal: true,
      kept: [{part: 'history', verdict: 'rejected'}],
    })
    expect(result.kept[0]?.rule).toMatch(/@before$/)
    expect(result.sentences.join()).toMatch(/events name each other by hashes/)
  })
  test('for several events: what each needs', () => {
    const room = chatty()
    room.add('topic', {type: 'm.room.topic', state_key: '', sender: BOB, content: {topic: 'mine'}})
    room.add('bad', {type: 'm.room.message', sender: BOB, signers: ['c.example']})
    const {result} = minimised('r', '10', lines(room), {keep: [room.id('bad'), room.id('topic')]})
    expect(result).toMatchObject({events: 7, kept: [{part: 'alone'}, {part: 'auth-chain'}]})
  })
  test('says so when the replays are used up', () => {
    const room = chatty()
    room.add('topic', {type: 'm.room.topic', state_key: '', sender: BOB, content: {topic: 'mine'}})
    const {result} = minimised('r', '10', lines(room), {keep: [room.id('topic')], maxReplays: 0})
    expect(result).toMatchObject({minimal: false, kept: [{verdict: 'rejected'}]})
    expect(result.sentences.at(-1)).toMatch(/not be the smallest/)
  })
})

test('what the servers said of the kept events stays, of others not; all copies of kept events do', () => {
  const room = chatty().add('bad', {type: 'm.room.message', sender: BOB, signers: ['c.example']})
  const from = new MemoryCase('!room:a.example', '10').give('dump', lines(room))
  const redacted = JSON.stringify({...room.pdus.at(-1), content: {more: 1}})
  from.give('other', [redacted])
  const at = (eventId: string) => ({what: 'before', eventId, how: '/state_ids', slots: []}) as const
  const refused = {what: 'x', eventId: room.id('m1'), outcome: 'absent', message: ''} as const
  from.keep(1, {how: 'x', requests: 1, states: [at(room.id('bad')), at(room.id('m1'))], refusals: [refused]}, 7)
  const to = new MemoryCase('!room:a.example', '10')
  minimise(from, to, {keep: [room.id('bad')]})
  expect(to.counts()).toMatchObject({events: 2, copies: 3})
  expect(to.states().map(({eventId}) => eventId)).toEqual([room.id('bad')])
  expect(to.refusals()).toEqual([])
  expect(to.notes().at(-1)?.text).toBe(`minimised: 2 of 36 events, for ${room.id('bad')}`)
})

test('an event that is not there', () => {
  const room = chatty()
  expect(() => minimised('r', '10', lines(room), {keep: ['$nope']})).toThrow(/has no event "\$nope"/)
})

describe('delta debugging', () => {
  const list = Array.from({length: 100}, (_, index) => index)
  test.each([[[]], [[0]], [[99]], [[3, 50, 51]], [list]])('finds what is needed: %j', (needed: readonly number[]) => {
    const {items, minimal} = ddmin(list, (part) => needed.every((item) => part.includes(item)), 100_000)
    expect(items).toEqual(needed)
    expect(minimal).toBe(true)
  })
  test('keeps to its budget', () => {
    let asked = 0
    const found = ddmin(list, () => (asked += 1) > 1_000_000, 10)
    expect([asked, found.items, found.minimal]).toEqual([10, list, false])
  })
})
