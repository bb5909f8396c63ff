import fc from 'fast-check'
import {expect, test} from 'vitest'
import {auditUser} from '../../src/devices/audit-user.ts'
import {checkBaseline} from '../../src/devices/baseline-checks.ts'
import {sameDeviceList} from '../../src/devices/device-lists.ts'
import type {DeviceFact, DeviceFactKind, DeviceSnapshot} from '../../src/matrix/device-facts.ts'
import {ExactNumber, type JsonObject, parseJson} from '../../src/matrix/json.ts'
import {allFindings, DAY, evidence, ids, NOW, oneTimeKey, told, user} from './users.ts'

const alice = user()
const [phone, desk] = [alice.verified('PHONE'), alice.device('DESK')]

/** JSON as it comes from others: with keys that objects inherit, numbers that are none, half characters, and the right names at the wrong place. */
const NAMES = [
  '__proto__',
  'constructor',
  'devices',
  'keys',
  'signatures',
  '@alice:a.example',
  'ed25519:PHONE',
  'PHONE',
  'key',
  'usage',
  'user_id',
  'messages',
  'content',
  'ciphertext',
  'fallback',
  'counts',
  'only',
  'joined',
  'rooms',
  'types',
  'version',
  'auth_data',
  'destinations',
  'refused',
]
const hostile = fc.letrec<{value: unknown}>((tie) => ({
  value: fc.oneof(
    {maxDepth: 6},
    fc.constantFrom(
      null,
      true,
      0,
      -1,
      Number.NaN,
      Infinity,
      1e300,
      '',
      '\ud800',
      '__proto__',
      '@alice:a.example',
      'PHONE',
      phone.ed25519.publicKey,
      new ExactNumber('1e9999'),
    ),
    fc.string(),
    fc.array(tie('value'), {maxLength: 4}),
    fc
      .array(fc.tuple(fc.oneof(fc.constantFrom(...NAMES), fc.string()), tie('value')), {maxLength: 6})
      .map((entries) => Object.fromEntries(entries)),
  ),
})).value

const KINDS: readonly DeviceFactKind[] = [
  'keys',
  'sessions',
  'one-time-keys',
  'inbox',
  'account-data',
  'backup',
  'list-resync',
  'list-unsent',
  'rooms',
  'refused-uploads',
  'unreachable',
]
const FIELDS = [
  'view',
  'devices',
  'master_key',
  'self_signing_key',
  'user_signing_key',
  'only',
  'types',
  'version',
  'added_ts',
  'destinations',
  'rooms',
  'refused',
  'server',
  'message',
]
const fact = fc
  .tuple(
    fc.constantFrom(...KINDS),
    fc.dictionary(fc.constantFrom(...FIELDS), hostile),
    fc.constantFrom('origin', 'copy'),
  )
  .map(([kind, fields, view]) => ({...fields, view, kind}) as unknown as DeviceFact)

test('whatever is told, in whatever shape, the audit does not throw and its findings can be printed', () => {
  const good = told(alice.keys([phone, desk]))
  fc.assert(
    fc.property(fc.array(fact, {maxLength: 5}), fc.boolean(), (facts, withGood) => {
      const snapshots = facts.map((one, at) => told(one, {ts: NOW - at * 1000}))
      const of = auditUser(evidence(withGood ? [...snapshots, good] : snapshots))
      for (const found of allFindings(of)) {
        expect(found.summary.length).toBeLessThan(2000)
        expect(JSON.stringify(found)).toBeTypeOf('string')
      }
    }),
    {numRuns: 2000},
  )
})

test('keys of any shape never make a device verified, and never throw', () => {
  fc.assert(
    fc.property(hostile, hostile, (value, other) => {
      const keys = alice.keys([phone])
      const list = {...keys, devices: {PHONE: value as JsonObject, DESK: other as JsonObject}}
      const of = auditUser(evidence([told(list)]))
      expect(of.devices.filter(({crossSigned}) => crossSigned === true)).toEqual([])
      expect(of.devices.every(({health}) => health !== 'healthy')).toBe(true)
      sameDeviceList(list, keys)
    }),
    {numRuns: 1000},
  )
})

test('`__proto__` as a device ID is a device like any other', () => {
  const odd = alice.verified('__proto__')
  const devices = parseJson(`{"__proto__": ${JSON.stringify(odd.keys)}}`) as Record<string, JsonObject>
  expect(ids(auditUser(evidence([told({...alice.keys([]), devices})])))).toEqual([])
})

test('unknown fields change nothing', () => {
  const plain = told(alice.keys([phone, desk]))
  const more = {...plain, note: 1, fact: {...plain.fact, note: {}, failures: {}}}
  expect(auditUser(evidence([more]))).toEqual(auditUser(evidence([plain])))
})

test('the order in which snapshots of one time come does not matter', () => {
  const anew = alice.verified('PHONE')
  const copy = alice.keys([phone], {view: 'copy'})
  const snapshots: readonly DeviceSnapshot[] = [
    told(alice.keys([phone, desk]), {ts: NOW - 2 * DAY}),
    told(alice.keys([anew, desk])),
    told(alice.keys([anew]), {
      route: 'federation a.example as b.example',
      how: 'GET /_matrix/federation/v1/user/devices',
    }),
    told(copy),
    told({...copy, devices: {}}, {route: 'database c', server: 'c.example'}),
    told({kind: 'sessions', devices: [{device_id: 'PHONE', display_name: 'a'}]}),
    told({kind: 'sessions', devices: [{device_id: 'PHONE', display_name: 'b'}, {device_id: 'X'}]}, {route: 'admin'}),
    told({
      kind: 'one-time-keys',
      devices: {
        PHONE: {
          counts: {signed_curve25519: 2},
          fallback: null,
          keys: [{algorithm: 'signed_curve25519', key_id: 'A', ts_added_ms: 1, key: oneTimeKey(alice.userId, phone)}],
        },
      },
    }),
    told(
      {kind: 'one-time-keys', only: ['PHONE'], devices: {PHONE: {counts: {signed_curve25519: 3}, fallback: null}}},
      {route: 'own'},
    ),
    told({kind: 'backup', version: null}),
  ]
  const expected = auditUser(evidence(snapshots))
  expect(ids(expected).length).toBeGreaterThan(4)
  fc.assert(
    fc.property(fc.shuffledSubarray([...snapshots], {minLength: snapshots.length}), (shuffled) => {
      expect(auditUser(evidence(shuffled))).toEqual(expected)
    }),
    {numRuns: 100},
  )
})

test('a user with thousands of devices is audited in one go', () => {
  const devices = Object.fromEntries(Array.from({length: 5000}, (_, at) => [`D${String(at)}`, null]))
  const of = auditUser(
    evidence([
      told({...alice.keys([]), devices}),
      told({kind: 'one-time-keys', devices: {}}),
      told({kind: 'inbox', devices: {}}),
    ]),
  )
  expect(of.devices).toHaveLength(5000)
})

test('a baseline is never met by keys of any shape, and whatever is told, holding it against that does not throw', () => {
  const baseline = {
    recorded_ts: NOW - DAY,
    user_id: '@alice:a.example',
    device_id: 'PHONE',
    ed25519: phone.ed25519.publicKey,
    curve25519: phone.curve25519.publicKey,
    master_key: alice.master.publicKey,
    self_signing_key: alice.selfSigning.publicKey,
    cross_signed: true,
    backup: null,
    store: null,
  }
  fc.assert(
    fc.property(hostile, fc.array(fact, {maxLength: 5}), fc.boolean(), (value, facts, withKeys) => {
      const list = {...alice.keys([phone]), devices: {PHONE: value as JsonObject}}
      const snapshots = facts.map((one, at) => told(one, {ts: NOW - at * 1000}))
      const judged = checkBaseline({
        baseline,
        snapshots: withKeys ? [...snapshots, told(list, {ts: NOW})] : snapshots,
        nowMs: NOW,
        token: {kind: 'absent'},
        store: {kind: 'unrecorded'},
        unanswered: {},
        asBot: true,
        profile: 'bot',
      })
      const ok = judged.checks.filter(({outcome}) => outcome === 'ok').map(({id}) => id)
      expect(ok).not.toContain('self-signature')
      expect(ok).not.toContain('cross-signature')
      for (const {summary} of judged.findings) expect(summary.length).toBeLessThan(2000)
    }),
    {numRuns: 1000},
  )
})
