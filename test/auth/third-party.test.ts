/** Signed invites of which parts are not what they should be: what can be read decides, and nothing throws. */
import {generateKeyPairSync, type KeyObject, sign} from 'node:crypto'
import {describe, expect, test} from 'vitest'
import {isSignedInvite} from '../../src/auth/third-party.ts'
import type {Json, JsonObject} from '../../src/matrix/json.ts'

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '')
const pair = generateKeyPairSync('ed25519')
const stranger = generateKeyPairSync('ed25519')
const publicKey = (key: KeyObject): string => unpadded(key.export({format: 'der', type: 'spki'}).subarray(-32))
const KEY = publicKey(pair.publicKey)
const OTHER = publicKey(stranger.publicKey)
const GOOD = unpadded(sign(null, Buffer.from('{"mxid":"@bob:b.example","token":"tok"}'), pair.privateKey))

const invite = (signatures: Json): JsonObject => ({
  third_party_invite: {signed: {mxid: '@bob:b.example', token: 'tok', signatures}},
})
const good = (): JsonObject => invite({'id.example': {'ed25519:0': GOOD}})

describe('a signed invite', () => {
  test.each<readonly [string, JsonObject]>([
    ['one signature', good()],
    ['a second block that is null', invite({'a.example': null, 'id.example': {'ed25519:0': GOOD}})],
    ['a second block that is a list', invite({'a.example': ['x'], 'id.example': {'ed25519:0': GOOD}})],
    ['a bad signature beside it', invite({'id.example': {'ed25519:0': OTHER, 'ed25519:1': GOOD}})],
    ['a signature of another kind beside it', invite({'id.example': {'other:0': 'x', 'ed25519:1': GOOD}})],
    ['a bad one of another server beside it', invite({'a.example': {'ed25519:0': OTHER}, b: {'ed25519:0': GOOD}})],
  ])('passes with %s', (_what, invitation) => {
    expect(isSignedInvite(invitation, {public_key: KEY})).toBe(true)
    expect(isSignedInvite(invitation, {public_key: OTHER})).toBe(false)
    expect(isSignedInvite(invitation, {})).toBe(false)
  })

  test.each<readonly [string, JsonObject]>([
    ['no block', invite({})],
    ['signatures that are null', invite(null)],
    ['signatures that are a list', invite([{'ed25519:0': GOOD}])],
    ['a block that is null', invite({'id.example': null})],
    ['a good signature under a name of another kind', invite({'id.example': {'other:0': GOOD}})],
    ['a signature that is null', invite({'id.example': {'ed25519:0': null}})],
  ])('does not pass with %s', (_what, invitation) => {
    expect(isSignedInvite(invitation, {public_key: KEY})).toBe(false)
  })

  test.each<readonly [string, JsonObject, boolean]>([
    ['in public_keys', {public_keys: [{public_key: KEY}]}, true],
    ['second in public_keys', {public_keys: [{public_key: OTHER}, {public_key: KEY}]}, true],
    ['after entries that are none', {public_keys: [null, 'x', {}, {public_key: null}, {public_key: KEY}]}, true],
    ['beside another in public_key', {public_key: OTHER, public_keys: [{public_key: KEY}]}, true],
    ['in public_key, beside another', {public_key: KEY, public_keys: [{public_key: OTHER}]}, true],
    ['nowhere in public_keys', {public_keys: [{public_key: OTHER}, {key: KEY}]}, false],
    ['in public_keys that is no list', {public_keys: {public_key: KEY}}, false],
    ['as a number', {public_key: 1}, false],
  ])('with the key %s', (_what, pledge, passes) => {
    expect(isSignedInvite(good(), pledge)).toBe(passes)
  })

  test('is judged anew for every m.room.third_party_invite', () => {
    const [invitation, first, second] = [good(), {public_key: KEY}, {public_key: OTHER}]
    for (let round = 0; round < 2; round += 1) {
      expect(isSignedInvite(invitation, first)).toBe(true)
      expect(isSignedInvite(invitation, second)).toBe(false)
    }
  })
})
