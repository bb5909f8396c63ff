import {describe, expect, test} from 'vitest'
import {redactCase, type Statement} from '../../src/investigate/redact-case.ts'
import {exportNdjson} from '../../src/investigate/export-case.ts'
import {verifyEvidence} from '../../src/investigate/verify-evidence.ts'
import type {Json, JsonObject} from '../../src/matrix/json.ts'
import {replay} from '../../src/resolve/replay.ts'
import {load} from '../conformance/compare.ts'
import {DATA} from '../conformance/fixtures.ts'
import {readPacks} from '../conformance/packed.ts'
import {idOf, keyOf, ROOM_ID, signedEvent} from '../matrix/signed-events.ts'
import {outcomes, VERSIONS} from '../resolve/rooms.ts'
import {ALICE, BOB, Room} from '../rules/build.ts'
import {MemoryCase} from './memory-case.ts'

interface Redacted {
  readonly lines: readonly string[]
  readonly to: MemoryCase
  readonly statement: Statement
}

function redacted(from: MemoryCase): Redacted {
  const to = new MemoryCase(from.roomId, null)
  const statement = redactCase(from, to)
  return {lines: [...exportNdjson(to, {allCopies: true})], to, statement}
}

/** Everything that a replay says of each event, reasons in words included. */
function judged(name: string, lines: readonly string[]) {
  const result = replay(load(name, lines).graph)
  const because = [...result.rejections].map(([row, rejection]) => [result.graph.id(row), rejection] as const)
  return {outcomes: outcomes(result), because: new Map(because)}
}

const caseOf = (name: string, version: string, lines: readonly string[]): MemoryCase =>
  new MemoryCase(load(name, lines).graph.roomId, version).give('dump', lines)

const packs = readPacks(DATA).filter(({lines}) => lines.length < 1000)

describe('the replay of a redacted room is that of the room', () => {
  test.each(packs.map((room) => [room.name, room] as const))('%s', (name, {version, lines}) => {
    const result = redacted(caseOf(name, version, lines))
    expect(judged(name, result.lines)).toEqual(judged(name, lines))
    expect(result.statement).toMatchObject({events: load(name, lines).graph.size, leftOut: 0, noLongerRefused: []})
    for (const line of result.lines) {
      const {type, content, unsigned} = JSON.parse(line) as {type: string; content: JsonObject; unsigned?: Json}
      expect(unsigned).toBeUndefined()
      if (type === 'm.room.message' || type === 'm.room.topic' || type === 'm.room.name') expect(content).toEqual({})
    }
  })
})

describe.each(VERSIONS)('version %s', (version) => {
  test('rules that read what redaction takes away see it still', () => {
    const room = new Room(version)
    room.create({'m.federate': true})
    room.add('alice', {type: 'm.room.member', state_key: ALICE, content: {membership: 'join', displayname: 'Alice A'}})
    const levels = {users: version === '12' ? {} : {[ALICE]: 100}, invite: 60, notifications: {room: 70}}
    room.add('levels', {type: 'm.room.power_levels', state_key: '', content: levels})
    room.add('rules', {type: 'm.room.join_rules', state_key: '', content: {join_rule: 'public', allow: [{type: 'x'}]}})
    room.add('bob', {
      type: 'm.room.member',
      state_key: BOB,
      sender: BOB,
      content: {membership: 'join', displayname: 'Bob B'},
    })
    // Rejected for the levels that redaction may take away.
    room.add('invite', {type: 'm.room.member', state_key: '@x:x', sender: BOB, content: {membership: 'invite'}})
    room.add('token', {
      type: 'm.room.third_party_invite',
      state_key: 'tok',
      content: {public_key: 'k', display_name: 'x...@e...'},
    })
    const signed = {mxid: '@y:y', token: 'tok', signatures: {}}
    room.add('third', {
      type: 'm.room.member',
      state_key: '@y:y',
      content: {membership: 'invite', displayname: 'Y', third_party_invite: {display_name: 'y', signed}},
    })
    room.add('redaction', {
      type: 'm.room.redaction',
      sender: BOB,
      redacts: '$other:x.example',
      content: {reason: 'secret'},
    })
    room.add('message', {type: 'm.room.message', sender: BOB, content: {body: 'secret'}})
    const lines = room.pdus.map((pdu) => JSON.stringify(pdu))
    const result = redacted(caseOf('room', version, lines))
    const before = judged('room', lines)
    expect(judged('room', result.lines)).toEqual(before)
    expect(before.because.size).toBeGreaterThanOrEqual(2)
    const all = result.lines.join()
    expect(all).not.toContain('Alice A')
    expect(all).not.toContain('Bob B')
    expect(all.includes('secret')).toBe(room.rules.redactionRule)
    const whole = result.statement.byType.filter((entry) => entry.whole > 0).map(({type}) => type)
    const invites = room.rules.redactsInContent ? [] : ['m.room.create', 'm.room.member']
    expect(new Set(whole)).toEqual(
      new Set([
        ...invites,
        'm.room.power_levels',
        'm.room.third_party_invite',
        ...(room.rules.redactionRule ? ['m.room.redaction'] : []),
      ]),
    )
  })
})

describe('what is shared', () => {
  const event = signedEvent('10', {content: {body: 'secret'}})
  const id = idOf(event, '10')
  const room = () => {
    const made = new MemoryCase(ROOM_ID, '10')
    made.addKeys([keyOf('a.example')])
    return made
  }
  const text = (value: JsonObject): string => JSON.stringify(value)

  test('verifies like the original', async () => {
    const from = room().give('x', [text({...event, unsigned: {prev_content: {body: 'older secret'}}, event_id: id})])
    const {to, lines} = redacted(from)
    expect(lines.join()).not.toContain('secret')
    expect(await verifyEvidence(to)).toMatchObject({verified: 1, redacted: 1, findings: []})
    expect(to.copies()[0]?.eventId).toBe(id)
  })
  test('keeps who said what and when, but no folders', () => {
    const from = room().give('/home/alice/dumps/room.ndjson', [text(event)], null, 1234)
    from.keep(
      1,
      {how: '/state', requests: 2, states: [{what: 'current', eventId: null, how: '/state', slots: [{eventId: id}]}]},
      1300,
    )
    from.keep(
      1,
      {how: 'y', requests: 1, events: [{text: text(event), eventId: id, marks: {softFailed: true}}], aliases: ['#r:a']},
      1400,
    )
    const {to, statement} = redacted(from)
    expect(to.sources()).toMatchObject([{name: 'room.ndjson', address: 'room.ndjson', requests: 3, firstTs: 1234}])
    expect(to.copies()[0]?.sightings).toMatchObject([
      {ts: 1234, how: 'test', marks: {}},
      {ts: 1400, how: 'y', marks: {softFailed: true}},
    ])
    expect(to.states()).toMatchObject([{ts: 1300, what: 'current', slots: [{eventId: id}]}])
    expect(to.aliases()).toEqual(['#r:a'])
    expect(to.keys()).toEqual(from.keys())
    expect(statement.remains).toMatchObject({userIds: 1, servers: 1, displayNames: 0, roomAliases: 1})
  })
  test('copies that differ in their content only become one', () => {
    const {statement, to} = redacted(
      room()
        .give('x', [text(event)])
        .give('y', [text({...event, content: {body: 'else'}})]),
    )
    expect(statement).toMatchObject({events: 1, copies: 1, byType: [{type: 'm.room.message', redacted: 2, whole: 0}]})
    expect(to.copies()[0]?.sightings.length).toBe(2)
  })
  test('a message that is refused for its content loses it, and that is said', () => {
    const big = signedEvent('10', {content: {body: 'x'.repeat(70_000)}})
    const {statement, lines} = redacted(room().give('x', [text(big)]))
    expect(statement.noLongerRefused).toEqual([idOf(big, '10')])
    expect(lines.join().length).toBeLessThan(2000)
  })
  test('what is no event is left out', () => {
    expect(redacted(room().give('x', ['{"broken', text(event)])).statement).toMatchObject({leftOut: 1, events: 1})
  })
  test('names that stay are counted', () => {
    const invite = {
      membership: 'invite',
      displayname: 'B',
      reason: 'r',
      avatar_url: 'mxc://x',
      third_party_invite: {signed: {token: 't'}},
    }
    const {statement} = redacted(
      room().give('x', [text(signedEvent('10', {type: 'm.room.member', state_key: '@b:b', content: invite}))]),
    )
    expect(statement.remains).toMatchObject({displayNames: 1, reasons: 1, avatars: 1, thirdPartyInvites: 1, userIds: 2})
    expect(statement.remains.sentences).toContain('1 display names, in memberships that stay whole')
  })
})
