import {describe, expect, test} from 'vitest'
import type {JsonObject} from '../../src/matrix/json.ts'
import type {KeyRing} from '../../src/matrix/key-ring.ts'
import {redact} from '../../src/matrix/redaction.ts'
import {KNOWN_ROOM_VERSIONS, rulesFor} from '../../src/matrix/room-version.ts'
import {verifyCopy} from '../../src/matrix/verify-copy.ts'
import {DAY, idOf, KEY_ID, keyOf, ringOf, ROOM_ID, signedEvent, TS} from './signed-events.ts'
import {vectors} from './vectors.ts'

const ring = ringOf('a.example', 'b.example')
const verify = (version: string, event: JsonObject, keys: KeyRing = ring, eventId = '') =>
  verifyCopy(JSON.stringify(event), rulesFor(version)!, keys, {eventId, roomId: ROOM_ID})
const verdicts = (version: string, event: JsonObject, keys: KeyRing = ring) =>
  verify(version, event, keys).signatures.map(({verdict}) => verdict)

/** The event with one character of its signature by the server changed. */
function withBadSignature(event: JsonObject, server = 'a.example'): JsonObject {
  const signatures = event['signatures'] as Record<string, Record<string, string>>
  const good = signatures[server]![KEY_ID]!
  const bad = (good.startsWith('A') ? 'B' : 'A') + good.slice(1)
  return {...event, signatures: {...signatures, [server]: {[KEY_ID]: bad}}}
}

describe.each(KNOWN_ROOM_VERSIONS)('version %s', (version) => {
  const event = signedEvent(version)
  const id = idOf(event, version)

  test('a good copy', () => {
    expect(verify(version, event, ring, id)).toEqual({
      eventId: id,
      eventIdOk: true,
      contentHash: 'ok',
      roomId: ROOM_ID,
      roomOk: true,
      originServerTs: TS,
      signatures: [{server: 'a.example', keyId: KEY_ID, required: true, verdict: 'good', via: 'direct'}],
      missing: [],
      fault: null,
      overall: 'verified',
    })
  })
  test('with what APIs add', () => {
    const added = {...event, event_id: id, unsigned: {age: 5, prev_content: {}}}
    expect(verify(version, added, ring, id)).toMatchObject({eventIdOk: true, contentHash: 'ok', overall: 'verified'})
  })
  test('redacted is not tampered with', () => {
    const rules = rulesFor(version)!
    const redacted = {...redact(event, rules), unsigned: {redacted_because: {}}}
    expect(verify(version, redacted, ring, id)).toMatchObject({
      contentHash: 'redacted',
      overall: 'verified',
      eventIdOk: true,
    })
  })
  test('a changed content is, and its signature is still good', () => {
    const changed = {...event, content: {body: 'hellp', msgtype: 'm.text'}}
    const result = verify(version, changed, ring, id)
    expect(result).toMatchObject({contentHash: 'mismatch', overall: 'bad', eventIdOk: true})
    expect(result.signatures[0]?.verdict).toBe('good')
  })
  test('half a content is no redaction', () => {
    expect(verify(version, {...event, content: {msgtype: 'm.text'}}).contentHash).toBe('mismatch')
  })
  test('a changed depth breaks the signature, and the ID where that is a hash', () => {
    const isHash = rulesFor(version)!.eventIdFormat !== 'server-assigned'
    const result = verify(version, {...event, depth: 6}, ring, id)
    expect(result).toMatchObject({overall: 'bad', eventIdOk: !isHash})
    expect(result.signatures[0]?.verdict).toBe('bad')
  })
  test('a changed signature', () => {
    const result = verify(version, withBadSignature(event))
    expect(result).toMatchObject({overall: 'bad', contentHash: 'ok', eventIdOk: true})
    expect(result.signatures[0]?.verdict).toBe('bad')
  })
  test('without a signature of the sender', () => {
    const result = verify(version, signedEvent(version, {}, ['b.example']))
    expect(result.missing[0]).toEqual({server: 'a.example', duty: 'sender'})
    expect(result).toMatchObject({fault: null, overall: 'bad'})
    expect(result.signatures).toMatchObject([{server: 'b.example', required: false, verdict: 'good'}])
  })
  test('keys that nobody knows prove nothing', () => {
    expect(verify(version, event, ringOf('b.example'))).toMatchObject({overall: 'unverifiable'})
    expect(verdicts(version, event, ringOf('b.example'))).toEqual(['key-unknown'])
  })
  test('a bad signature of a server that need not sign is ignored', () => {
    const extra = withBadSignature(signedEvent(version, {}, ['a.example', 'b.example']), 'b.example')
    expect(verify(version, extra).overall).toBe('verified')
    expect(verdicts(version, extra)).toEqual(['good', 'bad'])
  })
  test('of another room', () => {
    const foreign = signedEvent(version, {room_id: '!other:a.example'})
    expect(verify(version, foreign)).toMatchObject({roomOk: false, roomId: '!other:a.example', overall: 'verified'})
  })
  test('of every signature whose key is known, all must be good', () => {
    const [[keyId, signature] = ['', '']] = Object.entries(
      (event['signatures'] as Record<string, Record<string, string>>)['a.example']!,
    )
    const second = (value: string): JsonObject => ({
      ...event,
      signatures: {'a.example': {[keyId]: signature, 'ed25519:2': value}},
    })
    const both = ringOf('a.example', keyOf('a.example', {keyId: 'ed25519:2'}))
    expect(verify(version, second(signature), both).overall).toBe('verified')
    expect(verify(version, second('x'), both).overall).toBe('bad')
    expect(verify(version, second('x')).overall).toBe('verified')
  })
  test('an algorithm that nobody knows', () => {
    const other = {
      ...event,
      signatures: {'a.example': {...(event['signatures'] as Record<string, JsonObject>)['a.example'], 'curve9:1': 'x'}},
    }
    expect(verify(version, other).overall).toBe('verified')
    expect(verdicts(version, other)).toEqual(['good', 'algorithm-unknown'])
  })
})

describe('a key that is not known to have been valid then', () => {
  const late = {origin_server_ts: TS + 8 * DAY}

  test('counts up to version 4', () => {
    expect(verify('4', signedEvent('4', late)).overall).toBe('verified')
    const result = verify('5', signedEvent('5', late))
    expect(result.overall).toBe('unverifiable')
    expect(result.signatures[0]).toMatchObject({verdict: 'key-not-valid-then', fits: true})
  })
  test('is told from one that does not even fit', () => {
    const result = verify('5', withBadSignature(signedEvent('5', late)))
    expect(result.signatures[0]).toMatchObject({verdict: 'key-not-valid-then', fits: false})
  })
})

describe('who must sign', () => {
  const member = (content: JsonObject): JsonObject => ({type: 'm.room.member', state_key: '@bob:b.example', content})
  const invite = member({membership: 'invite', displayname: 'Bob', third_party_invite: {signed: {token: 't'}}})

  test('for an invite by a third party, anybody', () => {
    expect(verify('10', signedEvent('10', invite, [])).overall).toBe('verified')
    expect(verify('10', signedEvent('10', member({membership: 'invite'}), [])).overall).toBe('bad')
  })
  test('once that has been redacted away, nobody can tell', () => {
    const redacted = (version: string) => redact(signedEvent(version, invite, []), rulesFor(version)!)
    expect(verify('10', redacted('10'))).toMatchObject({overall: 'unverifiable', contentHash: 'redacted', missing: []})
    expect(verify('11', redacted('11'))).toMatchObject({overall: 'verified', contentHash: 'redacted'})
  })
  test('for a restricted join, also the server of the authoriser, from version 8 on', () => {
    const join = {
      ...member({membership: 'join', join_authorised_via_users_server: '@alice:a.example'}),
      sender: '@bob:b.example',
    }
    expect(verify('8', signedEvent('8', join, ['a.example', 'b.example'])).overall).toBe('verified')
    expect(verify('8', signedEvent('8', join, ['b.example']))).toMatchObject({
      overall: 'bad',
      missing: [{server: 'a.example', duty: 'authoriser'}],
    })
    expect(verify('7', signedEvent('7', join, ['b.example'])).overall).toBe('verified')
    const forged = withBadSignature(signedEvent('8', join, ['a.example', 'b.example']))
    expect(verify('8', forged).overall).toBe('bad')
    expect(verify('7', forged).overall).toBe('verified')
  })
  test('in versions 1 and 2, the server in the event ID', () => {
    const changes = {event_id: '$e:b.example'}
    expect(verify('2', signedEvent('2', changes))).toMatchObject({
      overall: 'bad',
      missing: [{server: 'b.example', duty: 'event-id'}],
    })
    expect(verify('2', signedEvent('2', changes, ['a.example', 'b.example'])).overall).toBe('verified')
  })
})

describe('IDs', () => {
  test('that are not what the copy came under', () => {
    const event = signedEvent('11')
    expect(verify('11', event, ring, '$other')).toMatchObject({
      eventIdOk: false,
      overall: 'bad',
      eventId: idOf(event, '11'),
    })
    expect(verify('11', {...event, event_id: '$other'})).toMatchObject({eventIdOk: false, overall: 'bad'})
    expect(verify('2', signedEvent('2'), ring, '$other:a.example')).toMatchObject({eventIdOk: false, overall: 'bad'})
  })
  test('that a database keeps beside an event of version 1', () => {
    const {event_id: _id, ...bare} = signedEvent('1')
    expect(verify('1', bare, ring, '$e:a.example')).toMatchObject({eventId: '$e:a.example', overall: 'verified'})
  })
  test('of a create event that names its room', () => {
    const {event, event_id: eventId, room_id: roomId} = vectors.derived.create_v12
    const own = ringOf(keyOf(vectors.key.server_name, {validUntilTs: null}))
    const result = (decorated: JsonObject) =>
      verifyCopy(JSON.stringify(decorated), rulesFor('12')!, own, {eventId, roomId})
    const good = {eventIdOk: true, roomOk: true, contentHash: 'ok', overall: 'verified'}
    expect(result(event)).toMatchObject(good)
    expect(result({...event, room_id: roomId, event_id: eventId})).toMatchObject(good)
    expect(result({...event, room_id: '!other'})).toMatchObject({overall: 'bad'})
  })
})

test('the copy of redacts that an API adds is no change', () => {
  const redaction = signedEvent('11', {type: 'm.room.redaction', content: {redacts: '$x'}})
  expect(verify('11', {...redaction, redacts: '$x'})).toMatchObject({contentHash: 'ok', overall: 'verified'})
  const old = signedEvent('10', {type: 'm.room.redaction', redacts: '$x', content: {}})
  expect(verify('10', {...old, content: {redacts: '$x'}})).toMatchObject({contentHash: 'ok', overall: 'verified'})
})

test.each([
  '',
  'null',
  '[]',
  '{}',
  '{"type":1}',
  '{"signatures":[]}',
  `{"a":${'['.repeat(2000)}${']'.repeat(2000)}}`,
  '{"x":"\\ud800"}',
])('what is no event is bad, and nothing is thrown: %#', (text) => {
  for (const version of ['1', '3', '6', '12']) {
    const result = verifyCopy(text, rulesFor(version)!, ring, {eventId: '$given', roomId: ROOM_ID})
    expect(result.overall).toBe('bad')
    expect(result.fault).not.toBeNull()
  }
})
