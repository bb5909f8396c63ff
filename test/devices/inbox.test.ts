import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {describe, expect, test} from 'vitest'
import type {InboxOfDevice, OneTimeKeysOfDevice, ToDeviceMessage} from '../../src/matrix/device-facts.ts'
import {encodePreKey} from './encoders.ts'
import {audit, DAY, deviceOf, findingOf, ids, needs, NOW, pair, SECOND, told, user} from './users.ts'
import type {PreKeyVector, Vectors} from './vectors.ts'

const vectors = JSON.parse(readFileSync(join(import.meta.dirname, 'data/olm-vectors.json'), 'utf8')) as Vectors
const alice = user()
const phone = alice.verified('PHONE')
const keys = told(alice.keys([phone]))

const otks = (of: OneTimeKeysOfDevice | null, more: {readonly only?: readonly string[]} = {}) =>
  told({kind: 'one-time-keys', devices: of === null ? {} : {PHONE: of}, ...more})

describe('device/otk-exhausted', () => {
  test('no one-time key and no fallback key, by the table', () => {
    const of = audit(keys, otks({counts: {signed_curve25519: 0}, fallback: []}))
    expect(ids(of)).toEqual(['error device/otk-exhausted'])
    expect(findingOf(of, 'device/otk-exhausted').certainty).toBe('proof')
    expect(deviceOf(of, 'PHONE')).toMatchObject({oneTimeKeys: 0, fallbackKey: 'none'})
    expect(ids(audit(keys, otks(null)))).toEqual(['error device/otk-exhausted'])
  })

  test.each<[string, OneTimeKeysOfDevice]>([
    ['one key is left', {counts: {signed_curve25519: 1}, fallback: []}],
    ['an unused fallback key is there', {counts: {}, fallback: [{algorithm: 'signed_curve25519', used: false}]}],
    [
      'a used fallback key is still served',
      {counts: {signed_curve25519: 0}, fallback: [{algorithm: 'signed_curve25519', used: true}]},
    ],
  ])('%s: not exhausted', (_what, of) => {
    expect(ids(audit(keys, otks(of)))).toEqual([])
    expect(needs(audit(keys, otks(of)))).not.toContain('device/otk-exhausted')
  })

  test('where no fallback key could be read, none is known to be lacking', () => {
    const of = audit(keys, told({kind: 'one-time-keys', devices: {}, without_fallback: true}))
    expect(ids(of)).not.toContain('error device/otk-exhausted')
    expect(needs(of)).toContain('device/otk-exhausted')
  })

  test('keys of another algorithm help nobody', () => {
    const of = audit(keys, otks({counts: {curve25519: 50}, fallback: [{algorithm: 'curve25519', used: false}]}))
    expect(ids(of)).toEqual(['error device/otk-exhausted'])
  })

  test('own counts tell no used fallback key: a note, and open', () => {
    const of = audit(keys, otks({counts: {signed_curve25519: 0}, fallback: []}, {only: ['PHONE']}))
    expect(ids(of)).toEqual(['note device/otk-exhausted'])
    expect(needs(of)).toContain('device/otk-exhausted')
    expect(deviceOf(of, 'PHONE').fallbackKey).toBeNull()
  })

  test('counts of an earlier run say how it was then, and are open now', () => {
    const then = NOW - 2 * DAY
    const none = told({kind: 'one-time-keys', devices: {}}, {ts: then})
    const of = audit(told(alice.keys([phone]), {ts: then, lastTs: NOW}), none)
    const found = findingOf(of, 'device/otk-exhausted')
    expect(found).toMatchObject({severity: 'warning', certainty: 'hint'})
    expect(found.summary).toContain(new Date(then).toISOString().slice(0, 10))
    expect(needs(of)).toContain('device/otk-exhausted')
    expect(ids(audit(told(alice.keys([phone]), {ts: then, lastTs: NOW}), {...none, lastTs: NOW}))).toEqual([
      'error device/otk-exhausted',
    ])
  })

  test('messages that waited long ago prove nothing of now', () => {
    const {deviceId} = phone
    const messages = [olm('@bob:b.example', first, alice.device(deviceId).curve25519.publicKey)]
    const fact = {kind: 'inbox', devices: {PHONE: {count: 1, messages}}} as const
    const of = audit(keys, told(fact, {ts: NOW - DAY}))
    expect(findingOf(of, 'device/stale-sender-key').certainty).toBe('hint')
    expect(needs(of)).toEqual(expect.arrayContaining(['device/stale-sender-key', 'device/inbox-backlog']))
  })

  test('own counts say nothing of the other devices', () => {
    const of = audit(
      told(alice.keys([phone, alice.verified('DESK')])),
      otks({counts: {signed_curve25519: 5}, fallback: null}, {only: ['PHONE']}),
    )
    expect(ids(of)).toEqual([])
    expect(deviceOf(of, 'DESK').oneTimeKeys).toBeNull()
    expect(of.notChecked.find(({id}) => id === 'device/otk-exhausted')?.needs).toBe('--database of a.example, for DESK')
  })

  test('a dehydrated device, one without keys, and one that came later are exempt', () => {
    expect(ids(audit(told(alice.keys([alice.verified('PHONE', {dehydrated: true})])), otks(null)))).toEqual([
      'note device/dehydrated',
    ])
    expect(ids(audit(told({...alice.keys([]), devices: {PHONE: null}}), otks(null)))).toEqual([
      'note device/without-keys',
    ])
    expect(ids(audit(keys, told({kind: 'one-time-keys', devices: {}}, {ts: NOW - DAY})))).toEqual([])
  })
})

describe('device/otk-reused', () => {
  const log = (deviceId: string) =>
    told({
      kind: 'refused-uploads',
      refused: [1, 2, 3].map((line) => ({device_id: deviceId, key_id: 'signed_curve25519:AAAAAQ', line})),
    })

  test('refused uploads are one finding a device', () => {
    const of = audit(keys, log('PHONE'))
    expect(ids(of)).toEqual(['error device/otk-reused'])
    expect(findingOf(of, 'device/otk-reused').evidence).toHaveLength(3)
    expect(needs(audit(keys))).toContain('device/otk-reused')
  })

  test('a device that is logged out since concerns nobody any more', () => {
    expect(ids(audit(keys, log('GONE')))).toEqual([])
    expect(ids(audit(log('GONE')))).toEqual(['error device/otk-reused'])
  })
})

/** A device with the curve25519 key of the vectors' Bob, so that vodozemac's messages are for it. */
const bob = (() => {
  const deviceId = 'PHONE'
  const plain = alice.device(deviceId)
  const own = {[`ed25519:${deviceId}`]: plain.ed25519.publicKey, [`curve25519:${deviceId}`]: vectors.olm.curve25519}
  return {...plain, keys: {...plain.keys, keys: own, signatures: {}}}
})()
const bobKeys = told(alice.keys([bob]))
/** What a device of altered keys has by itself. */
const BY_ITSELF = ['error device/self-signature-bad', 'warning device/unverified']

const olm = (
  sender: string,
  {type, body, sender_key: senderKey}: Pick<PreKeyVector, 'type' | 'body' | 'sender_key'>,
  to = vectors.olm.curve25519,
): ToDeviceMessage => ({
  sender,
  type: 'm.room.encrypted',
  content: {algorithm: 'm.olm.v1.curve25519-aes-sha2', sender_key: senderKey, ciphertext: {[to]: {type, body}}},
})
const inbox = (messages: readonly ToDeviceMessage[], count: number | null = null, only?: readonly string[]) => {
  const of: InboxOfDevice = {count, messages}
  return told({kind: 'inbox', devices: {PHONE: of}, ...(only === undefined ? {} : {only})})
}
const {
  first,
  second_of_first: second,
  other_sessions_of_alice: others,
  reissued_to_carol: reissued,
  on_fallback: onFallback,
} = vectors.olm
const newFindings = (of: ReturnType<typeof audit>) => ids(of).filter((id) => !BY_ITSELF.includes(id))

describe('device/otk-reissued', () => {
  const table = (fallback: OneTimeKeysOfDevice['fallback'], listed: readonly string[] = []) =>
    otks({
      counts: {signed_curve25519: 9},
      fallback,
      keys: listed.map((key) => ({algorithm: 'signed_curve25519', key_id: key, ts_added_ms: 1, key: {key}})),
    })
  const fallback = [{algorithm: 'signed_curve25519', used: true, key: {key: vectors.olm.fallback}}]
  const twice = inbox([olm('@alice:b.example', first), olm('@carol:b.example', reissued)])

  test('one key, two sessions, and it is not the fallback key', () => {
    const of = audit(bobKeys, twice, table(fallback))
    expect(newFindings(of)).toEqual(['error device/otk-reissued'])
    expect(findingOf(of, 'device/otk-reissued')).toMatchObject({certainty: 'strong'})
    expect(findingOf(of, 'device/otk-reissued').summary).toContain('@alice:b.example, @carol:b.example')
  })

  test('a key that the table lists as a one-time key is proof', () => {
    expect(
      findingOf(audit(bobKeys, twice, table(fallback, [first.one_time_key])), 'device/otk-reissued').certainty,
    ).toBe('proof')
  })

  test('what one sender writes can be made up: no proof', () => {
    const ofOne = inbox([olm('@alice:b.example', first), olm('@alice:b.example', reissued)])
    expect(
      findingOf(audit(bobKeys, ofOne, table(fallback, [first.one_time_key])), 'device/otk-reissued').certainty,
    ).toBe('strong')
  })

  test('the fallback key is meant to be given out more than once', () => {
    const of = audit(
      bobKeys,
      inbox(onFallback.map((message, at) => olm(`@u${String(at)}:b.example`, message))),
      table(fallback),
    )
    expect(newFindings(of)).toEqual([])
  })

  test('where fallback keys are not known it may be one', () => {
    expect(findingOf(audit(bobKeys, twice), 'device/otk-reissued')).toMatchObject({
      severity: 'warning',
      certainty: 'hint',
    })
    expect(needs(audit(bobKeys, twice))).toContain('device/otk-reissued')
  })

  test('two messages of one session use one key', () => {
    const of = audit(
      bobKeys,
      inbox([olm('@alice:b.example', first), olm('@alice:b.example', {...second, sender_key: first.sender_key})]),
      table(fallback),
    )
    expect(newFindings(of)).toEqual([])
  })
})

describe('device/olm-restarting', () => {
  test('three sessions of one sender’s device are a hint, two are nothing', () => {
    const messages = [first, ...others].map((message) => olm('@alice:b.example', message))
    const of = audit(bobKeys, inbox(messages))
    expect(newFindings(of)).toEqual(['warning device/olm-restarting'])
    expect(findingOf(of, 'device/olm-restarting').certainty).toBe('hint')
    expect(newFindings(audit(bobKeys, inbox(messages.slice(0, 2))))).toEqual([])
  })

  test('three devices that start one session each are ordinary life', () => {
    const key = Buffer.alloc(32, 1)
    const messages = [1, 2, 3].map((at) => {
      const body = encodePreKey({
        oneTimeKey: Buffer.alloc(32, at),
        baseKey: Buffer.alloc(32, 10 + at),
        identityKey: key,
        ratchetKey: key,
        chainIndex: 0,
      })
      return olm('@alice:b.example', {type: 0, body, sender_key: pair('x25519').publicKey}, phone.curve25519.publicKey)
    })
    expect(ids(audit(keys, inbox(messages)))).toEqual([])
  })
})

describe('device/stale-sender-key', () => {
  const old = alice.verified('PHONE')
  const stale = (receivedTs?: number): ToDeviceMessage => ({
    ...olm('@bob:b.example', {...first, body: 'not even an Olm message'}, old.curve25519.publicKey),
    ...(receivedTs === undefined ? {} : {received_ts: receivedTs}),
  })
  const rooms = told({
    kind: 'rooms',
    rooms: [
      {room_id: '!secret', encrypted: true, joined: ['@alice:a.example', '@bob:b.example']},
      {room_id: '!open', encrypted: false, joined: ['@alice:a.example', '@bob:b.example']},
      {room_id: '!other', encrypted: true, joined: ['@alice:a.example']},
    ],
  })

  test('messages for another key, one finding a sender’s device, and the rooms that it concerns', () => {
    const of = audit(keys, inbox([stale(), stale()]), rooms)
    expect(ids(of)).toEqual(['warning device/stale-sender-key'])
    expect(findingOf(of, 'device/stale-sender-key')).toMatchObject({certainty: 'proof'})
    expect(findingOf(of, 'device/stale-sender-key').remedy).toContain('b.example')
    expect(of.unreached).toEqual([
      {deviceId: 'PHONE', sender: '@bob:b.example', roomIds: ['!secret'], because: 'device/stale-sender-key'},
    ])
  })

  test('messages for its own key are not stale', () => {
    expect(ids(audit(keys, inbox([olm('@bob:b.example', first, phone.curve25519.publicKey)]), rooms))).toEqual([])
  })

  test('what came before the change of keys was right when it was sent', () => {
    const before = told(alice.keys([old]), {ts: NOW - 2 * DAY})
    const of = (receivedTs?: number) => audit(before, keys, inbox([stale(receivedTs)]), rooms)
    expect(ids(of(NOW - 2 * DAY))).toEqual(['error device/identity-changed', 'note device/stale-sender-key'])
    expect(of(NOW - 2 * DAY).unreached).toEqual([])
    expect(ids(of(NOW - SECOND))).toEqual(['error device/identity-changed', 'warning device/stale-sender-key'])
    expect(ids(of())).toContain('warning device/stale-sender-key')
  })

  test('who reached the new key since has learned of it', () => {
    const reached = olm('@bob:b.example', first, phone.curve25519.publicKey)
    const learned = audit(keys, inbox([reached, stale()]), rooms)
    expect(ids(learned)).toEqual(['note device/stale-sender-key'])
    expect(learned.unreached).toEqual([])
    const other = olm('@eve:b.example', first, phone.curve25519.publicKey)
    for (const messages of [
      [stale(), reached],
      [other, stale()],
      [stale(), reached, stale()],
    ])
      expect(ids(audit(keys, inbox(messages), rooms))).toEqual(['warning device/stale-sender-key'])
  })

  test('where nothing tells when they were sent, that is said', () => {
    expect(findingOf(audit(keys, inbox([stale()])), 'device/stale-sender-key').summary).toContain('nothing tells')
  })

  test('what names no key at all says nothing of the device', () => {
    const messages = ['short', '__proto__', ''].map((to) => olm('@bob:b.example', first, to))
    expect(ids(audit(keys, inbox(messages)))).toEqual([])
  })
})

describe('device/keys-withheld', () => {
  const withheld = (code: string, room?: string, sender = '@bob:b.example'): ToDeviceMessage => ({
    sender,
    type: 'm.room_key.withheld',
    content: {algorithm: 'm.megolm.v1.aes-sha2', code, sender_key: 'k', ...(room === undefined ? {} : {room_id: room})},
  })

  test('one finding a sender and code, with the rooms', () => {
    const of = audit(
      keys,
      inbox([withheld('m.unverified', '!a'), withheld('m.unverified', '!b'), withheld('m.blacklisted', '!a')]),
    )
    expect(ids(of)).toEqual(['warning device/keys-withheld', 'warning device/keys-withheld'])
    const [one, two] = deviceOf(of, 'PHONE').findings
    expect(one?.summary).toContain('the keys of !a, !b: "m.unverified"')
    expect(one?.remedy).toContain('verifies this device')
    expect(two?.remedy).toContain('blocks')
    expect(of.unreached).toEqual([
      {deviceId: 'PHONE', sender: '@bob:b.example', roomIds: ['!a', '!b'], because: 'device/keys-withheld'},
    ])
  })

  test('m.no_olm names no room', () => {
    expect(findingOf(audit(keys, inbox([withheld('m.no_olm')])), 'device/keys-withheld').summary).toContain(
      'no room is named',
    )
  })

  test('no inbox was shown: four checks are open', () => {
    expect(needs(audit(keys))).toEqual(
      expect.arrayContaining([
        'device/keys-withheld',
        'device/stale-sender-key',
        'device/olm-restarting',
        'device/inbox-backlog',
      ]),
    )
    expect(needs(audit(keys, inbox([])))).not.toContain('device/keys-withheld')
    const two = told(alice.keys([phone, alice.verified('DESK')]))
    expect(needs(audit(two, inbox([], 0, ['PHONE'])))).toContain('device/keys-withheld')
  })
})

describe('device/inbox-backlog', () => {
  const seen = (ago: number | null, dehydrated = false) =>
    told({
      kind: 'sessions',
      devices: [{device_id: 'PHONE', dehydrated, ...(ago === null ? {} : {last_seen_ts: NOW - ago})}],
    })
  const waiting = (count: number, ago: number | null, dehydrated = false) =>
    ids(audit(keys, inbox([], count), seen(ago, dehydrated)))

  test('a hundred wait and the device was not seen for more than a week', () => {
    expect(waiting(100, 8 * DAY)).toEqual(['warning device/inbox-backlog'])
    expect(deviceOf(audit(keys, inbox([], 100), seen(8 * DAY)), 'PHONE')).toMatchObject({
      waiting: 100,
      health: 'warning',
    })
    expect(waiting(100, null)).toEqual(['warning device/inbox-backlog'])
  })

  test.each([
    ['fewer', 99, 8 * DAY, false],
    ['seen within the week', 5000, 6 * DAY, false],
  ] as const)('%s: nothing', (_what, count, ago, dehydrated) => {
    expect(waiting(count, ago, dehydrated)).toEqual([])
  })

  test('a dehydrated device is exempt; one that nobody uses is a note', () => {
    expect(waiting(5000, 30 * DAY, true)).toEqual(['note device/dehydrated'])
    expect(waiting(5000, 91 * DAY)).toEqual(['note device/inbox-backlog'])
  })
})
