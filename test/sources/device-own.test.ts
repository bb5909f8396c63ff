import {expect, test} from 'vitest'
import {accountDataKept, messageOf} from '../../src/sources/device-own.ts'

const SECRET = 'what a recovery key opens'

test.each([
  ['m.cross_signing.master', {encrypted: {K: {iv: SECRET, ciphertext: SECRET, mac: SECRET}}}, {encrypted: {K: {}}}],
  ['m.megolm_backup.v1', {encrypted: {K: SECRET, L: {}}, passthrough: SECRET}, {encrypted: {K: {}, L: {}}}],
  ['m.secret_storage.default_key', {key: 'K', more: SECRET}, {key: 'K'}],
  [
    'm.secret_storage.key.K',
    {algorithm: 'm.secret_storage.v1.aes-hmac-sha2', iv: SECRET, mac: SECRET, passphrase: {salt: SECRET}},
    {algorithm: 'm.secret_storage.v1.aes-hmac-sha2'},
  ],
  ['m.cross_signing.master', {}, {}],
  ['m.cross_signing.master', {encrypted: [SECRET]}, {}],
])('of %s no secret is kept, encrypted as it may be', (type, data, kept) => {
  expect(accountDataKept(type, data)).toEqual(kept)
})

test('of a message what is judged is kept, and nothing that stands beside it', () => {
  const content = {algorithm: 'a', sender_key: 'k', ciphertext: {t: {type: 1, body: 'b'}}}
  const event = {sender: '@a:b', type: 'm.room.encrypted', content: {...content, body: SECRET}, unsigned: SECRET}
  expect(messageOf(event)).toEqual([{sender: '@a:b', type: 'm.room.encrypted', content}])
  const withheld = {code: 'm.unverified', room_id: '!r', session_id: 's'}
  expect(messageOf({...event, type: 'm.room_key.withheld', content: {...withheld, reason: SECRET}})).toEqual([
    {sender: '@a:b', type: 'm.room_key.withheld', content: withheld},
  ])
  expect(messageOf({...event, type: 'm.secret.send'})).toEqual([])
})
