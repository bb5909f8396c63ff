import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {describe, expect, test} from 'vitest'
import {auditUser} from '../../src/devices/audit-user.ts'
import type {JsonObject} from '../../src/matrix/json.ts'
import {
  audit,
  DAY,
  deviceOf,
  evidence,
  findingOf,
  ids,
  needs,
  NOW,
  oneTimeKey,
  pair,
  SECOND,
  signed,
  told,
  user,
} from './users.ts'

const alice = user()
const verified = alice.verified('GOOD')

/** Good but for the two characters in which the alphabets differ, of which one is there. */
function inUrlAlphabet(): JsonObject {
  for (;;) {
    const {keys} = alice.verified('GOOD')
    const signatures = JSON.stringify(keys['signatures'])
    const own = /"ed25519:GOOD":"([^"]*[+/][^"]*)"/u.exec(signatures)?.[1]
    if (own === undefined) continue
    const url = own.replaceAll('+', '-').replaceAll('/', '_')
    return {...keys, signatures: JSON.parse(signatures.replace(own, url)) as JsonObject}
  }
}

describe('cross-signing', () => {
  test('a user whose devices are all verified has nothing', () => {
    const of = audit(told(alice.keys([verified, alice.verified('OTHER')])))
    expect(ids(of)).toEqual([])
    expect(of.identity).toEqual({
      master: alice.master.publicKey,
      selfSigning: alice.selfSigning.publicKey,
      userSigning: alice.userSigning.publicKey,
      trusted: true,
    })
    expect(of.devices.map(({deviceId, health, crossSigned}) => [deviceId, health, crossSigned])).toEqual([
      ['GOOD', 'healthy', true],
      ['OTHER', 'healthy', true],
    ])
    expect(needs(of)).not.toContain('device/cross-signing-broken')
  })

  test.each([
    [
      'another key signs the self-signing key',
      {self_signing_key: alice.crossSigningKey('self_signing', alice.selfSigning, pair())},
    ],
    [
      'nobody signs the self-signing key',
      {self_signing_key: alice.crossSigningKey('self_signing', alice.selfSigning, null)},
    ],
    ['a signature is altered', {self_signing_key: {...alice.own.self_signing_key, more: 1}}],
    [
      'the user-signing key is signed by another',
      {user_signing_key: alice.crossSigningKey('user_signing', alice.userSigning, pair())},
    ],
    ['the master key is another user’s', {master_key: {...alice.own.master_key, user_id: '@eve:a.example'}}],
    ['the master key is not meant to be one', {master_key: {...alice.own.master_key, usage: ['self_signing']}}],
    ['there is no master key', {master_key: null}],
    ['the master key stands alone', {self_signing_key: null}],
    ['the self-signing key is no object', {self_signing_key: 'key' as unknown as JsonObject}],
  ])('%s: broken', (_what, more) => {
    expect(ids(audit(told(alice.keys([verified], more))))).toContain('error device/cross-signing-broken')
  })

  test('what a self-signing key signed that the master key does not sign counts for nobody', () => {
    const of = audit(
      told(
        alice.keys([verified], {self_signing_key: alice.crossSigningKey('self_signing', alice.selfSigning, pair())}),
      ),
    )
    expect(deviceOf(of, 'GOOD')).toMatchObject({crossSigned: false, health: 'unverified'})
  })

  test('a user-signing key that is not shown is not checked, and not broken', () => {
    const {user_signing_key: _hidden, ...shown} = alice.keys([verified])
    const of = audit(told(shown))
    expect(ids(of)).toEqual([])
    expect(needs(of)).toContain('device/cross-signing-broken')
    expect(needs(of)).not.toContain('device/unverified')
  })
})

describe('devices', () => {
  const unverified = alice.device('NEW')

  test('one without the self-signing key’s signature is unverified, its twin is not', () => {
    const of = audit(told(alice.keys([verified, unverified])))
    expect(ids(of)).toEqual(['warning device/unverified'])
    expect(deviceOf(of, 'NEW').health).toBe('unverified')
  })

  test('without cross-signing every device is unverified, and that is what is said', () => {
    const of = audit(told(alice.keys([unverified], {master_key: null, self_signing_key: null, user_signing_key: null})))
    expect(ids(of)).toEqual(['warning device/unverified'])
    expect(findingOf(of, 'device/unverified').summary).toContain('the user has no cross-signing')
    expect(of.identity.trusted).toBeNull()
  })

  test('a route that does not tell cross-signing keys leaves that open', () => {
    const of = audit(told({kind: 'keys', view: 'origin', devices: {NEW: unverified.keys}}))
    expect(ids(of)).toEqual([])
    expect(needs(of)).toEqual(
      expect.arrayContaining(['device/unverified', 'device/id-reused', 'device/cross-signing-broken']),
    )
    expect(deviceOf(of, 'NEW')).toMatchObject({crossSigned: null, health: 'unverified'})
  })

  test('the old signature on new keys: the ID was reused, and that is all', () => {
    const anew = alice.device('GOOD')
    const old = (verified.keys['signatures'] as Record<string, JsonObject>)[alice.userId]
    const own = (anew.keys['signatures'] as Record<string, JsonObject>)[alice.userId]
    const keys = {...anew.keys, signatures: {[alice.userId]: {...old, ...own}}}
    const of = audit(told(alice.keys([{...anew, keys}])))
    expect(ids(of)).toEqual(['error device/id-reused'])
    expect(deviceOf(of, 'GOOD').health).toBe('broken')
  })

  test.each<[string, JsonObject]>([
    ['altered keys', {...verified.keys, algorithms: []}],
    ['another device’s ID in it', alice.device('OTHER').keys],
    ['no signature', {...verified.keys, signatures: {}}],
    ['no keys', {...verified.keys, keys: {}}],
    [
      'a key of 31 bytes',
      {...verified.keys, keys: {'ed25519:GOOD': 'A'.repeat(42), 'curve25519:GOOD': 'A'.repeat(43)}},
    ],
    ['a signature in the alphabet for URLs', inUrlAlphabet()],
    ['text', 'text' as unknown as JsonObject],
    ['half of a surrogate pair', {...verified.keys, name: '\ud800'}],
    ['another user’s ID in it', user('@bob:a.example').verified('GOOD').keys],
  ])('%s: the self-signature is bad', (_what, keys) => {
    const of = audit(told(alice.keys([{...verified, keys}])))
    expect(ids(of)).toContain('error device/self-signature-bad')
    expect(ids(of)).not.toContain('error device/id-reused')
  })

  test.each([{device_id: 'OTHER'}, {user_id: '@bob:a.example'}])(
    'well signed, and it names %j: bad all the same',
    (names) => {
      const plain = {...verified.keys, ...names, signatures: {}}
      const own = {...verified, keys: signed(plain, alice.userId, 'GOOD', verified.ed25519)}
      expect(ids(audit(told(alice.keys([alice.verify(own)]))))).toEqual(['error device/self-signature-bad'])
    },
  )

  test('`unsigned` is not covered by a signature', () => {
    expect(
      ids(audit(told(alice.keys([{...verified, keys: {...verified.keys, unsigned: {device_display_name: 'x'}}}])))),
    ).toEqual([])
  })

  test('a login without keys is a note; one whose keys nobody asked for is open', () => {
    const sessions = told({
      kind: 'sessions',
      devices: [{device_id: 'GOOD'}, {device_id: 'BARE', display_name: 'old bot'}],
    })
    const of = audit(told(alice.keys([verified])), sessions)
    expect(ids(of)).toEqual(['note device/without-keys'])
    expect(deviceOf(of, 'BARE')).toMatchObject({health: 'without-keys', displayName: 'old bot'})
    const open = audit(sessions)
    expect(ids(open)).toEqual([])
    expect(needs(open)).toContain('device/without-keys')
    expect(deviceOf(open, 'BARE').health).not.toBe('healthy')
  })

  test('a device that is listed with null has no keys', () => {
    const of = audit(told({...alice.keys([verified]), devices: {GOOD: verified.keys, BARE: null}}))
    expect(ids(of)).toEqual(['note device/without-keys'])
  })

  test('cross-signing keys that a server keeps as hidden devices are no devices', () => {
    const id = alice.selfSigning.publicKey
    const of = audit(
      told({
        ...alice.keys([verified]),
        devices: {GOOD: verified.keys, [id]: null, [alice.master.publicKey]: alice.own.master_key},
      }),
      told({kind: 'sessions', devices: [{device_id: 'GOOD'}, {device_id: id}]}),
    )
    expect(of.devices.map(({deviceId}) => deviceId)).toEqual(['GOOD'])
    expect(ids(of)).toEqual([])
  })

  test('a dehydrated device is a note, by its keys or by its login', () => {
    const byKeys = audit(told(alice.keys([alice.verified('DRY', {dehydrated: true})])))
    const byLogin = audit(
      told(alice.keys([alice.verified('DRY')])),
      told({kind: 'sessions', devices: [{device_id: 'DRY', dehydrated: true}]}),
    )
    for (const of of [byKeys, byLogin]) {
      expect(ids(of)).toEqual(['note device/dehydrated'])
      expect(deviceOf(of, 'DRY')).toMatchObject({dehydrated: true, health: 'dehydrated'})
    }
  })

  test('what the user’s own server says counts before a newer copy', () => {
    const of = audit(told(alice.keys([verified])), told(alice.keys([alice.device('GOOD')], {view: 'copy'}), {ts: NOW}))
    expect(of.keysBy).toMatchObject({view: 'origin', route: 'client @x:a.example'})
    expect(deviceOf(of, 'GOOD').ed25519).toBe(verified.ed25519.publicKey)
    expect(deviceOf(of, 'GOOD').seenBy).toEqual(['client @x:a.example', 'client @x:b.example'])
  })
})

describe('device/identity-changed', () => {
  const anew = alice.verified('GOOD')
  const before = {ts: NOW - 3 * DAY, lastTs: NOW - 2 * DAY}

  test('other keys under the same ID, with both keys and both times', () => {
    const of = audit(told(alice.keys([verified]), before), told(alice.keys([anew])))
    expect(ids(of)).toEqual(['error device/identity-changed'])
    const {certainty, evidence: seen} = findingOf(of, 'device/identity-changed')
    expect(certainty).toBe('proof')
    expect(seen.map(({value}) => value)).toEqual([
      verified.ed25519.publicKey,
      verified.curve25519.publicKey,
      anew.ed25519.publicKey,
      anew.curve25519.publicKey,
    ])
    expect(of.changes).toMatchObject([
      {kind: 'device-keys-replaced', deviceId: 'GOOD', betweenTs: [NOW - 2 * DAY, NOW - 60 * SECOND]},
    ])
    expect(needs(of)).not.toContain('device/identity-changed')
  })

  test('a cross-signing reset changes signatures only', () => {
    const after = user()
    const again = {...verified, keys: after.verify({...verified, keys: {...verified.keys, signatures: {}}}).keys}
    const signedAgain = {...again, keys: signed(again.keys, alice.userId, 'GOOD', verified.ed25519)}
    const of = audit(told(alice.keys([verified]), before), told(after.keys([signedAgain])))
    expect(ids(of)).toEqual([])
    expect(of.changes.map(({kind}) => kind)).toEqual(['cross-signing-replaced'])
  })

  test('a copy is not compared with the user’s own server, however old', () => {
    const of = audit(told(alice.keys([verified], {view: 'copy'}), before), told(alice.keys([anew])))
    expect(ids(of)).not.toContain('error device/identity-changed')
    expect(needs(of)).toContain('device/identity-changed')
  })

  test('two routes that disagree at the same time are no change', () => {
    const of = audit(
      told(alice.keys([verified]), {ts: NOW - 60 * SECOND, lastTs: NOW, route: 'federation a as b'}),
      told(alice.keys([anew]), {ts: NOW - 30 * SECOND}),
    )
    expect(ids(of)).not.toContain('error device/identity-changed')
  })

  test('a device that is gone, or new, has not changed', () => {
    const of = audit(told(alice.keys([verified]), before), told(alice.keys([alice.verified('NEXT')])))
    expect(ids(of)).toEqual([])
    expect(of.changes.map(({kind, deviceId}) => [kind, deviceId])).toEqual([
      ['device-gone', 'GOOD'],
      ['device-new', 'NEXT'],
    ])
  })

  const oneTimeKeys = (by: typeof verified) =>
    told({
      kind: 'one-time-keys',
      devices: {
        GOOD: {
          counts: {signed_curve25519: 1},
          fallback: [],
          keys: [{algorithm: 'signed_curve25519', key_id: 'AAAAAQ', ts_added_ms: 1, key: oneTimeKey(alice.userId, by)}],
        },
      },
    })

  test('one-time keys that another identity of the device signed show it without an earlier snapshot', () => {
    const of = audit(told(alice.keys([anew])), oneTimeKeys(verified))
    expect(findingOf(of, 'device/identity-changed')).toMatchObject({severity: 'error', certainty: 'strong'})
    expect(findingOf(of, 'device/identity-changed').evidence[0]?.where).toContain('e2e_one_time_keys_json')
    expect(ids(audit(told(alice.keys([anew])), oneTimeKeys(anew)))).toEqual([])
  })

  test('where the earlier key is known, that is proven, in one finding', () => {
    const of = audit(told(alice.keys([verified]), before), told(alice.keys([anew])), oneTimeKeys(verified))
    expect(findingOf(of, 'device/identity-changed').certainty).toBe('proof')
  })
})

describe('what two real servers answered', () => {
  interface Recorded {
    readonly bobFromHs1: {
      readonly device_keys: Record<string, Record<string, JsonObject>>
      readonly master_keys: Record<string, JsonObject>
      readonly self_signing_keys: Record<string, JsonObject>
    }
    readonly aliceSelf: Recorded['bobFromHs1'] & {readonly user_signing_keys: Record<string, JsonObject>}
    readonly bob1: {readonly before: JsonObject; readonly after: JsonObject}
    readonly inbox: readonly {readonly content: JsonObject; readonly type: string; readonly sender: string}[]
  }
  const recorded = JSON.parse(readFileSync(join(import.meta.dirname, 'data/recorded-keys.json'), 'utf8')) as Recorded
  const bob = '@bob:localhost:28448'
  const answer = (of: Recorded['bobFromHs1'], userId: string, devices = of.device_keys[userId] ?? {}) => ({
    kind: 'keys' as const,
    view: 'origin' as const,
    devices,
    master_key: of.master_keys[userId] ?? null,
    self_signing_key: of.self_signing_keys[userId] ?? null,
  })
  const auditOf = (userId: string, ...snapshots: readonly ReturnType<typeof told>[]) =>
    auditUser(
      evidence(
        snapshots.map((one) => ({...one, userId})),
        {userId},
      ),
    )

  test('alice has one verified device and one that is not', () => {
    const userId = '@alice:localhost:18448'
    const of = auditOf(
      userId,
      told({
        ...answer(recorded.aliceSelf, userId),
        user_signing_key: recorded.aliceSelf.user_signing_keys[userId] ?? null,
      }),
    )
    expect(of.identity.trusted).toBe(true)
    expect(of.devices.map(({deviceId, health}) => [deviceId, health])).toEqual([
      ['ALICE1', 'healthy'],
      ['ALICE2', 'unverified'],
    ])
  })

  test('BOB1 deleted and made anew: new keys with the old signature, and a message for the old ones', () => {
    const devices = recorded.bobFromHs1.device_keys[bob] ?? {}
    const own = (object: JsonObject | undefined) => (object?.['signatures'] as Record<string, JsonObject>)[bob]
    // As Synapse serves it: e2e_cross_signing_signatures is kept by device ID.
    const served = {...recorded.bob1.after, signatures: {[bob]: {...own(devices['BOB1']), ...own(recorded.bob1.after)}}}
    const [waiting] = recorded.inbox
    const of = auditOf(
      bob,
      told(answer(recorded.bobFromHs1, bob), {ts: NOW - DAY}),
      told(answer(recorded.bobFromHs1, bob, {BOB1: served})),
      told({kind: 'inbox', devices: {BOB1: {count: 1, messages: waiting === undefined ? [] : [waiting]}}}),
    )
    expect(ids(of)).toEqual([
      'error device/id-reused',
      'error device/identity-changed',
      'warning device/stale-sender-key',
    ])
    expect(findingOf(of, 'device/stale-sender-key').summary).toContain('MBEYqXsl…')
  })
})
