import {describe, expect, test} from 'vitest'
import {type Json, JsonError, type JsonObject, MAX_NESTING} from '../../src/matrix/json.ts'
import {MAX_PDU_BYTES} from '../../src/matrix/pdu.ts'
import {KNOWN_ROOM_VERSIONS} from '../../src/matrix/room-version.ts'
import {event, faultOf, parse, REF, rules, VERSIONS} from './events.ts'

const SIGNED = {'ed25519:1': 'x'}

describe.each(VERSIONS)('version %s', (version) => {
  const {refsCarryHashes, strictNumbers, maxDepth, eventIdFormat} = rules(version)
  const ref: Json = refsCarryHashes ? ['$r:domain', {}] : REF

  test('a good event has no fault', () => {
    const pdu = parse(version, event(version))
    expect(pdu).toMatchObject({
      fault: null,
      contentHashOk: true,
      content: {topic: 't'},
      depth: 2,
      originServerTs: 1,
      stateKey: '',
    })
    expect(pdu.prevEvents).toEqual([refsCarryHashes ? '$r:domain' : REF])
    expect(pdu.authEvents).toEqual(pdu.prevEvents)
  })

  const absent = [
    'type',
    'sender',
    'room_id',
    'content',
    'origin_server_ts',
    'depth',
    'prev_events',
    'auth_events',
    'signatures',
  ]
  test.each(absent)('without %s', (field) => {
    expect(faultOf(version, event(version, {[field]: undefined}))).toBe(field)
  })
  test('without hashes', () => {
    expect(faultOf(version, event(version, {hashes: undefined}))).toBe('hashes')
  })

  const wrong: readonly (readonly [string, Json])[] = [
    ...(['type', 'sender', 'room_id', 'state_key'] as const).flatMap(
      (field) =>
        [
          [field, 1],
          [field, null],
          [field, ['x']],
        ] as const,
    ),
    ['sender', 'a:domain'],
    ['sender', '@a'],
    ['sender', ''],
    ['content', null],
    ['content', []],
    ['content', 'x'],
    ['origin_server_ts', '1'],
    ['origin_server_ts', null],
    ['depth', '1'],
    ['depth', -1],
    ['depth', null],
    ['prev_events', null],
    ['prev_events', {}],
    ['prev_events', [1]],
    ['auth_events', 'x'],
    ['auth_events', [ref, null]],
    ['auth_events', refsCarryHashes ? ['$r:domain'] : [['$r:domain', {}]]],
    ['hashes', null],
    ['hashes', []],
    ['hashes', {}],
    ['hashes', {sha256: 1}],
    ['signatures', null],
    ['signatures', []],
    ['signatures', 'x'],
  ]
  test.each(wrong)('%s as %j', (field, value) => {
    expect(faultOf(version, event(version, {[field]: value}))).toBe(field)
  })

  test('numbers that are no whole ones', () => {
    const text = JSON.stringify(event(version))
    expect(faultOf(version, text.replace('"origin_server_ts":1', '"origin_server_ts":1.5'))).toBe('origin_server_ts')
    expect(faultOf(version, text.replace('"depth":2', '"depth":2.0'))).toBe('depth')
    expect(faultOf(version, text.replace('"depth":2', `"depth":${String(maxDepth)}`))).toBe(null)
    expect(faultOf(version, text.replace('"depth":2', `"depth":${String(maxDepth + 1n)}`))).toBe('depth')
    expect(parse(version, text.replace('"depth":2', `"depth":${String(maxDepth)}`)).depth).toBe(
      strictNumbers ? Number(maxDepth) : maxDepth,
    )
  })

  test.each(['1.5', '1e2', '9007199254740992', '-1.0', '[1,{"a":0.5}]'])('the number %s in the content', (number) => {
    const text = JSON.stringify(event(version)).replace('"topic":"t"', `"topic":"t","n":${number}`)
    expect(faultOf(version, text)).toBe(strictNumbers ? 'number' : null)
    // Nothing in `unsigned` is part of the event.
    expect(faultOf(version, JSON.stringify(event(version)).replace('{', `{"unsigned":{"n":${number}},`))).toBe(null)
  })

  test('size', () => {
    const base = event(version, {type: 'm.room.message', state_key: undefined, content: {body: ''}})
    const bare = Buffer.byteLength(JSON.stringify(base))
    const ofSize = (size: number, letter = 'x'): JsonObject => ({
      ...base,
      content: {body: letter.repeat((size - bare) / Buffer.byteLength(letter))},
    })
    expect(faultOf(version, ofSize(MAX_PDU_BYTES))).toBe(null)
    expect(faultOf(version, ofSize(MAX_PDU_BYTES + 1))).toBe('size')
    const wide = bare + 4 * Math.ceil((MAX_PDU_BYTES - bare) / 4)
    expect(faultOf(version, ofSize(wide, '😀'))).toBe(wide > MAX_PDU_BYTES ? 'size' : null)
    expect(faultOf(version, ofSize(wide + 4, '😀'))).toBe('size')
    expect(faultOf(version, {...ofSize(MAX_PDU_BYTES), unsigned: {long: 'x'.repeat(1000)}})).toBe(null)
    expect(faultOf(version, ` ${JSON.stringify(ofSize(MAX_PDU_BYTES)).replaceAll(',"', ' ,\t"')}\n`)).toBe(null)
  })

  test.each([
    ['type', 'é', ''],
    ['state_key', '😀', ''],
    ['sender', 'é', '@:domain'],
    ['room_id', 'x', '!:domain'],
  ] as const)('a long %s', (field, letter, rest) => {
    const ofBytes = (bytes: number): string => {
      const count = Math.floor((bytes - rest.length) / Buffer.byteLength(letter))
      const text = rest.slice(0, 1) + letter.repeat(count) + rest.slice(1)
      return text + 'n'.repeat(bytes - Buffer.byteLength(text))
    }
    const with_ = (bytes: number): JsonObject => {
      const value = ofBytes(bytes)
      const signatures =
        field === 'sender' ? {[value.slice(value.indexOf(':') + 1)]: SIGNED, domain: SIGNED} : {domain: SIGNED}
      return event(version, {[field]: value, signatures})
    }
    expect(faultOf(version, with_(255))).toBe(null)
    expect(faultOf(version, with_(256))).toBe('size')
  })

  test("the signature of the sender's server", () => {
    expect(faultOf(version, event(version, {signatures: {}}))).toBe('signature')
    expect(faultOf(version, event(version, {signatures: {other: {}}}))).toBe('signature')
    const invite = {type: 'm.room.member', state_key: '@b:domain', signatures: {}}
    expect(faultOf(version, event(version, {...invite, content: {membership: 'invite'}}))).toBe('signature')
    const byThirdParty = event(version, {...invite, content: {membership: 'invite', third_party_invite: {}}})
    expect(faultOf(version, byThirdParty)).toBe(eventIdFormat === 'server-assigned' ? 'signature' : null)
    expect(faultOf(version, event(version, {...invite, content: {membership: 'join', third_party_invite: {}}}))).toBe(
      'signature',
    )
  })

  test('of several faults the first is told, and what could be read is there', () => {
    const pdu = parse(version, event(version, {sender: 1, depth: 'x', content: []}))
    expect(pdu).toMatchObject({sender: '', depth: 0, content: {}, type: 'm.room.topic'})
    expect(pdu.fault).not.toBeNull()
    expect(pdu.fault?.message).toMatch(/its "\w+" is not/)
  })

  test('a state event with a wrong content hash is taken in its redacted form', () => {
    const {content: _, ...rest} = event(version, {
      type: 'm.room.member',
      state_key: '@a:domain',
      content: {membership: 'join'},
    })
    const forged = parse(version, {
      ...rest,
      content: {membership: 'join', displayname: 'x', redacts: '$x'},
      redacts: '$x',
    })
    expect(forged).toMatchObject({contentHashOk: false, fault: null, redacts: undefined})
    expect({...forged.content}).toEqual({membership: 'join'})
  })
})

describe('what has no name is refused', () => {
  test.each(['', 'x', '[]', 'null', '1', '"x"', '1.5', '{"a":1'])('%j', (text) => {
    for (const version of KNOWN_ROOM_VERSIONS) expect(() => parse(version, text)).toThrow(JsonError)
  })
  test.each(['1', '2'])('version %s: without event_id', (version) => {
    for (const id of [undefined, '', 1, null])
      expect(() => parse(version, event(version, {event_id: id}))).toThrow(/event_id/)
  })
  test('lone surrogates in what the hash covers', () => {
    for (const version of ['3', '12']) {
      for (const field of ['sender', 'room_id', 'state_key']) {
        expect(() =>
          parse(version, event(version).constructor === Object ? {...event(version), [field]: '@\ud800:x'} : ''),
        ).toThrow(JsonError)
      }
    }
  })
  test('nesting beyond the limit in what the hash covers', () => {
    const deep = '['.repeat(MAX_NESTING + 1) + ']'.repeat(MAX_NESTING + 1)
    const create = JSON.stringify(event('11', {type: 'm.room.create'})).replace('"t"', deep)
    expect(() => parse('11', create)).toThrow(JsonError)
  })
})

describe('trusted IDs', () => {
  test('need no hashes, signatures, depth, room or time', () => {
    const pdu = parse(
      '11',
      {event_id: 'IMA', type: 'm.room.topic', sender: '@a:x', content: {}, prev_events: ['B'], auth_events: []},
      {trustIds: true},
    )
    expect(pdu).toMatchObject({
      eventId: 'IMA',
      fault: null,
      depth: 0,
      originServerTs: 0,
      roomId: '',
      prevEvents: ['B'],
      contentHashOk: null,
    })
  })
  test('take both forms of references', () => {
    for (const version of ['1', '11']) {
      const pdu = parse(
        version,
        {event_id: 'X', type: 't', sender: '@a:x', content: {}, prev_events: [['A', {}], 'B'], auth_events: []},
        {trustIds: true},
      )
      expect(pdu.prevEvents).toEqual(['A', 'B'])
    }
  })
  test('still have to be there', () => {
    expect(() => parse('11', {type: 't'}, {trustIds: true})).toThrow(JsonError)
  })
  test('leave faults of the other fields as they are', () => {
    expect(
      faultOf(
        '11',
        {event_id: 'X', type: 't', sender: 'nobody', content: {}, prev_events: [], auth_events: []},
        {trustIds: true},
      ),
    ).toBe('sender')
  })
})

describe('an event_id that came with it', () => {
  test.each(['3', '4', '12'])('version %s: is not hashed, and told when it is wrong', (version) => {
    const good = parse(version, event(version))
    expect(good.wrongId).toBeNull()
    expect(parse(version, {...event(version), event_id: good.eventId})).toMatchObject({
      eventId: good.eventId,
      wrongId: null,
      contentHashOk: true,
    })
    expect(parse(version, {...event(version), event_id: '$other'})).toMatchObject({
      eventId: good.eventId,
      wrongId: '$other',
    })
  })
})

describe('the content hash', () => {
  test('does not cover what Synapse once left lying at the top', () => {
    const more = {age_ts: 1, outlier: true, destinations: ['x'], unsigned: {age: 1}}
    expect(parse('6', {...event('6'), ...more})).toMatchObject({contentHashOk: true, fault: null})
    expect(parse('6', {...event('6'), other: 1})).toMatchObject({contentHashOk: false, fault: null})
  })
  test('is compared as bytes: padding and alphabet mean nothing', () => {
    const {hashes, ...rest} = event('6')
    const {sha256} = hashes as {sha256: string}
    const url = sha256.replaceAll('+', '-').replaceAll('/', '_')
    for (const text of [`${sha256}=`, url])
      expect(parse('6', {...rest, hashes: {sha256: text}}).contentHashOk).toBe(true)
    expect(parse('6', {...rest, hashes: {sha256: sha256.slice(4)}}).contentHashOk).toBe(false)
  })
})

describe('a copy of redacts that an API added', () => {
  test('is seen through', () => {
    const bare = event('11', {type: 'm.room.redaction', state_key: undefined, content: {redacts: REF}})
    expect(parse('11', {...bare, redacts: REF}, {allContentHashes: true}).contentHashOk).toBe(true)
    const old = event('10', {type: 'm.room.redaction', state_key: undefined, content: {}, redacts: REF})
    expect(parse('10', {...old, content: {redacts: REF}}, {allContentHashes: true}).contentHashOk).toBe(true)
    expect(parse('10', {...old, content: {redacts: REF, more: 1}}, {allContentHashes: true}).contentHashOk).toBe(false)
  })
})
