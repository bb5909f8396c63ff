import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {eventIdOf} from '../../src/matrix/hashes.ts'
import {JsonError} from '../../src/matrix/json.ts'
import {parsePdu} from '../../src/matrix/pdu.ts'
import {KNOWN_ROOM_VERSIONS} from '../../src/matrix/room-version.ts'
import {event, parse, rules, VERSIONS} from './events.ts'
import {parseObject} from './vectors.ts'

describe('whatever comes', () => {
  const survives = (text: string): void => {
    for (const version of ['1', '3', '6', '12']) {
      for (const trustIds of [false, true]) {
        try {
          parse(version, text, {trustIds, allContentHashes: true})
        } catch (error) {
          expect(error).toBeInstanceOf(JsonError)
        }
      }
    }
  }

  test('any text throws nothing but a JsonError', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json({stringUnit: 'binary'}), fc.json()), survives), {numRuns: 1000})
  })

  test('any values in the fields of an event throw nothing but a JsonError', () => {
    const any = fc.jsonValue({maxDepth: 3})
    const keys = Object.keys(event('1', {redacts: 1, origin: 1, membership: 1, prev_state: 1, unsigned: 1, hashes: 1}))
    const changes = fc.dictionary(fc.constantFrom(...keys, '__proto__', 'constructor'), any)
    const types = fc.constantFrom(
      'm.room.create',
      'm.room.member',
      'm.room.power_levels',
      'm.room.redaction',
      'm.room.aliases',
      'x',
    )
    fc.assert(
      fc.property(fc.constantFrom(...VERSIONS), types, changes, (version, type, more) => {
        survives(JSON.stringify({...event(version), type, ...more}))
      }),
      {numRuns: 1000},
    )
  })

  test('damaged text throws nothing but a JsonError', () => {
    const text = JSON.stringify(event('6', {content: {users: {'@a:domain': 100}, n: [1, null, true]}}))
    const damage = fc.tuple(fc.nat(text.length), fc.nat(4), fc.string({maxLength: 4}))
    fc.assert(
      fc.property(fc.array(damage, {minLength: 1, maxLength: 3}), (spots) => {
        survives(
          spots.reduce((given, [at, length, instead]) => given.slice(0, at) + instead + given.slice(at + length), text),
        )
      }),
      {numRuns: 500},
    )
  })
})

describe('the quick way to an event ID is the general one', () => {
  const unit = fc.oneof(
    {weight: 9, arbitrary: fc.string({unit: 'binary', minLength: 1, maxLength: 1})},
    fc.constantFrom('\ud800', '\udfff', '\\', '"', '\u2028'),
  )
  const text = fc.oneof(
    {weight: 4, arbitrary: fc.constantFrom('@a:domain', '!r:domain', '', 'x', 'join')},
    fc.string({unit, maxLength: 6}),
  )
  const odd = <T>(usual: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
    fc.oneof({weight: 12, arbitrary: usual}, fc.jsonValue({maxDepth: 1}))
  const optional = <T>(usual: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
    fc.oneof({weight: 3, arbitrary: odd(usual)}, fc.constant(undefined))
  const rarely = <T>(usual: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
    fc.oneof({weight: 9, arbitrary: fc.constant(undefined)}, odd(usual))
  const member = fc.record({
    membership: odd(fc.constantFrom('join', 'leave', 'invite')),
    displayname: rarely(text),
    third_party_invite: rarely(fc.record({signed: rarely(fc.constant({token: 't'})), display_name: text})),
    join_authorised_via_users_server: rarely(text),
  })
  const whole = fc.oneof(fc.nat(), fc.maxSafeInteger(), fc.constantFrom(0, -0, 1.5, 1e21, 2 ** 53))
  const random = fc.record({
    type: odd(
      fc.oneof(
        fc.constantFrom(
          'm.room.message',
          'm.room.member',
          'm.room.member',
          'm.room.topic',
          'm.room.create',
          'm.room.power_levels',
          'm.room.aliases',
          'm.room.redaction',
          'constructor',
          '__proto__',
        ),
        text,
      ),
    ),
    content: odd(fc.oneof(member, fc.dictionary(text, fc.jsonValue({maxDepth: 1})))),
    sender: optional(text),
    state_key: optional(text),
    room_id: optional(text),
    depth: odd(whole),
    origin_server_ts: odd(whole),
    hashes: odd(
      fc.oneof(
        {weight: 6, arbitrary: fc.record({sha256: text})},
        fc.record({sha256: text, md5: text}),
        fc.constant({}),
      ),
    ),
    auth_events: odd(fc.array(odd(text), {maxLength: 3})),
    prev_events: odd(fc.array(text, {maxLength: 3})),
    signatures: odd(fc.constant({domain: {}})),
    origin: rarely(text),
    membership: rarely(text),
    prev_state: rarely(fc.constant([])),
    redacts: rarely(text),
    unsigned: rarely(fc.constant({age: 1})),
    ['__proto__']: rarely(text),
  })
  const outcome = (make: () => string): string => {
    try {
      return make()
    } catch (error) {
      if (error instanceof JsonError) return 'refused'
      throw error
    }
  }

  test.each(KNOWN_ROOM_VERSIONS.filter((version) => rules(version).eventIdFormat !== 'server-assigned'))(
    'version %s',
    (version) => {
      let named = 0
      fc.assert(
        fc.property(random, (given) => {
          const json = JSON.stringify(given)
          const quick = outcome(() => parsePdu(json, rules(version)).eventId)
          // Read with all lexemes kept, as the general way would have it.
          const general = outcome(() => eventIdOf(parseObject(json), rules(version)))
          expect(quick).toBe(general)
          if (quick !== 'refused') named += 1
        }),
        {numRuns: 600},
      )
      expect(named).toBeGreaterThan(200)
    },
  )
})
