import {describe, expect, test} from 'vitest'
import type {JsonObject} from '../../src/matrix/json.ts'
import {DEVICE_KINDS} from '../../src/finding/device-kinds.ts'
import {audit, DAY, findingOf, ids, needs, NOW, pair, signed, told, user} from './users.ts'

const alice = user()
const [phone, desk] = [alice.verified('PHONE'), alice.device('DESK')]
const keys = told(alice.keys([phone]))

describe('account/backup-untrusted', () => {
  const auth = {public_key: pair('x25519').publicKey}
  const backup = (authData: JsonObject | null, version = '3') =>
    told({
      kind: 'backup',
      version: {version, algorithm: 'm.megolm_backup.v1.curve25519-aes-sha2', auth_data: authData, count: 1, etag: '0'},
    })
  const byMaster = signed(auth, alice.userId, alice.master.publicKey, alice.master)
  const byPhone = signed(auth, alice.userId, 'PHONE', phone.ed25519)
  const byDesk = signed(auth, alice.userId, 'DESK', desk.ed25519)

  test.each([
    ['the master key', byMaster],
    ['a verified device', byPhone],
    ['the master key, and a device that is gone', signed(byMaster, alice.userId, 'GONE', pair())],
  ])('signed by %s: nothing', (_what, authData) => {
    expect(ids(audit(keys, backup(authData)))).toEqual([])
    expect(needs(audit(keys, backup(authData)))).not.toContain('account/backup-untrusted')
  })

  test('a bad signature by a device beside a good one by the master key is a note: clients use the backup', () => {
    const both = signed(signed(auth, alice.userId, 'PHONE', pair()), alice.userId, alice.master.publicKey, alice.master)
    expect(findingOf(audit(keys, backup(both)), 'account/backup-untrusted')).toMatchObject({severity: 'note'})
  })

  test.each([
    ['the master key', {...byMaster, public_key: 'other'}],
    ['a device of the user', signed(auth, alice.userId, 'PHONE', pair())],
  ])('a signature by %s that does not verify is proof', (_what, authData) => {
    expect(findingOf(audit(keys, backup(authData)), 'account/backup-untrusted')).toMatchObject({
      severity: 'warning',
      certainty: 'proof',
    })
  })

  test('signed by nobody who counts now: a hint that it is left from before', () => {
    for (const authData of [auth, signed(auth, alice.userId, 'GONE', pair()), user().own.master_key])
      expect(findingOf(audit(keys, backup(authData)), 'account/backup-untrusted').certainty).toBe('hint')
    const of = audit(told(alice.keys([phone, desk])), backup(byDesk))
    expect(findingOf(of, 'account/backup-untrusted').certainty).toBe('hint')
  })

  test('without cross-signing a good signature of any own device will do', () => {
    const none = told(alice.keys([desk], {master_key: null, self_signing_key: null, user_signing_key: null}))
    expect(ids(audit(none, backup(byDesk)))).toEqual(['warning device/unverified'])
  })

  test('no backup is no fault, and not asked is open', () => {
    expect(ids(audit(keys, told({kind: 'backup', version: null})))).toEqual([])
    expect(needs(audit(keys))).toContain('account/backup-untrusted')
    expect(needs(audit(backup(byMaster)))).toContain('account/backup-untrusted')
    expect(ids(audit(keys, backup(null)))).toEqual(['warning account/backup-untrusted'])
  })
})

describe('account/secrets-inconsistent', () => {
  const secrets = [
    'm.cross_signing.master',
    'm.cross_signing.self_signing',
    'm.cross_signing.user_signing',
    'm.megolm_backup.v1',
  ]
  const stored = (keyId: string) => Object.fromEntries(secrets.map((name) => [name, {encrypted: {[keyId]: {iv: 'a'}}}]))
  const data = (types: Readonly<Record<string, JsonObject | null>>) => told({kind: 'account-data', types})
  const good = {
    'm.secret_storage.default_key': {key: 'K2'},
    'm.secret_storage.key.K2': {algorithm: 'm.secret_storage.v1.aes-hmac-sha2'},
    ...stored('K2'),
  }

  test('all under the default key: nothing', () => {
    expect(ids(audit(keys, data(good)))).toEqual([])
    expect(needs(audit(keys, data(good)))).not.toContain('account/secrets-inconsistent')
    expect(needs(audit(keys))).toContain('account/secrets-inconsistent')
  })

  test.each(secrets)('%s under another key', (name) => {
    const of = audit(keys, data({...good, [name]: {encrypted: {K1: {iv: 'a'}}}}))
    expect(ids(of)).toEqual(['warning account/secrets-inconsistent'])
    expect(findingOf(of, 'account/secrets-inconsistent').summary).toContain(name)
  })

  test('a secret under two keys, one that is deleted, and one that is not there are consistent', () => {
    const more = {
      'm.megolm_backup.v1': {},
      'm.cross_signing.master': {encrypted: {K1: {}, K2: {}}},
      'm.cross_signing.user_signing': null,
    }
    expect(ids(audit(keys, data({...good, ...more})))).toEqual([])
  })

  test('the default key without a description, where that was asked for', () => {
    const {'m.secret_storage.key.K2': _gone, ...rest} = good
    expect(ids(audit(keys, data({...rest, 'm.secret_storage.key.K2': null})))).toEqual([
      'warning account/secrets-inconsistent',
    ])
    expect(ids(audit(keys, data(rest)))).toEqual([])
  })

  test('no secret storage at all is no fault', () => {
    expect(ids(audit(keys, data({'m.secret_storage.default_key': null, 'm.megolm_backup.v1': null})))).toEqual([])
  })
})

describe('changes', () => {
  const before = {ts: NOW - 2 * DAY, lastTs: NOW - DAY}

  test('are told once, however many routes tell them', () => {
    const more = told(alice.keys([phone, desk]))
    const other = {route: 'admin', how: 'GET /_synapse/admin/v2/users/devices'}
    const of = audit(
      told(alice.keys([phone]), before),
      told({kind: 'sessions', devices: [{device_id: 'PHONE'}]}, {...before, ...other}),
      more,
      told({kind: 'sessions', devices: [{device_id: 'PHONE'}, {device_id: 'DESK'}]}, other),
    )
    expect(of.changes.map(({kind, deviceId, how}) => [kind, deviceId, how])).toEqual([
      ['device-new', 'DESK', 'POST /_matrix/client/v3/keys/query'],
    ])
  })

  test('of cross-signing and of the backup', () => {
    const of = audit(
      told(alice.keys([], {master_key: null, self_signing_key: null}), before),
      told(alice.keys([])),
      told({kind: 'backup', version: {version: '1'}}, before),
      told({kind: 'backup', version: {version: '2', auth_data: {}}}),
    )
    expect(of.changes.map(({kind, before: was, now}) => [kind, was, now])).toEqual([
      ['backup-replaced', '1', '2'],
      ['cross-signing-new', null, alice.master.publicKey],
    ])
    const gone = audit(
      told(alice.keys([]), before),
      told(alice.keys([], {master_key: null, self_signing_key: null, user_signing_key: null})),
    )
    expect(gone.changes.map(({kind}) => kind)).toEqual(['cross-signing-gone'])
  })
})

test('of a user of whom nothing is known every check is open', () => {
  expect(needs(audit()).toSorted()).toEqual(Object.keys(DEVICE_KINDS).sort())
  expect(audit()).toMatchObject({keysBy: null, devices: [], findings: [], changes: [], unreached: []})
})
