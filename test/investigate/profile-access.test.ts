import {describe, expect, test} from 'vitest'
import {homeserverOf, withProfile} from '../../src/investigate/profile-access.ts'
import type {FetchAccess} from '../../src/investigate/route-access.ts'
import type {Profile} from '../../src/profile/profile.ts'
import {PROFILE} from '../profile/profiles.ts'

const opened = (change: Partial<Profile> = {}) => ({
  name: 'bot',
  path: '/p/bot.json',
  text: '',
  profile: {...PROFILE, ...change},
})
const URL_OF = 'https://matrix.example.org'

describe('the homeserver that is asked', () => {
  test.each([
    undefined,
    URL_OF,
    'https://MATRIX.example.org:443/',
    'matrix.example.org',
    'example.org',
    `${URL_OF}/_matrix/client/v3`,
  ])('typed as %s, it is that of the profile', async (typed) => {
    expect(await homeserverOf(opened(), typed)).toBe(URL_OF)
  })

  test.each([
    'https://example.org',
    'http://matrix.example.org',
    'https://matrix.example.org:8448',
    'https://matrix.example.org/other',
    'evil.example.org',
    'example.org.evil',
  ])('typed as %s, it is another one, and refused', async (typed) => {
    const refusal = homeserverOf(opened(), typed)
    await expect(refusal).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(
        `--homeserver is another address than that of the profile bot, which is ${URL_OF}`,
      ) as string,
    })
    await expect(refusal).rejects.toMatchObject({
      hint: expect.stringContaining('matrix-state setup --modify --profile bot --homeserver ') as string,
    })
  })

  test('a variable of the environment is named as one', async () => {
    await expect(homeserverOf(opened(), 'other.org', 'MATRIX_STATE_HOMESERVER')).rejects.toMatchObject({
      message: expect.stringMatching(/^MATRIX_STATE_HOMESERVER is another/) as string,
      hint: expect.stringContaining('unset MATRIX_STATE_HOMESERVER') as string,
    })
  })

  test('where the profile has none, what is typed is taken', async () => {
    const none = opened({homeserver: null, account: null, admin_token: null})
    expect(await homeserverOf(none, 'other.org')).toBe('other.org')
    expect(await homeserverOf(none, undefined)).toBe(undefined)
  })
})

describe('what a profile adds', () => {
  const all = {
    homeserver: URL_OF,
    accessToken: 'syt_SECRET_member',
    adminToken: 'syt_SECRET_admin',
    signingKeyFile: '/etc/synapse/signing.key',
    serverName: 'example.org',
    databases: ['sqlite:/var/lib/synapse/homeserver.db'],
    insecure: false,
  }
  test.each<[string, FetchAccess, FetchAccess]>([
    ['to nothing: all that it has', {homeserver: URL_OF}, all],
    [
      'to tokens: they come first',
      {homeserver: URL_OF, accessToken: 'mine', adminToken: 'mine, too'},
      {...all, accessToken: 'mine', adminToken: 'mine, too'},
    ],
    [
      'to a key: with the name that was given with it',
      {homeserver: URL_OF, signingKeyFile: '/k', serverName: 'b.example'},
      {...all, signingKeyFile: '/k', serverName: 'b.example'},
    ],
    [
      'to databases: itself, once',
      {homeserver: URL_OF, databases: ['sqlite:/b', ...PROFILE.databases]},
      {...all, databases: [...PROFILE.databases, 'sqlite:/b']},
    ],
    ['to --insecure', {homeserver: URL_OF, insecure: true}, {...all, insecure: true}],
  ])('%s', (_, access, expected) => {
    expect(withProfile(access, opened(), {secrets: true})).toEqual(expected)
  })

  test.each<[string, FetchAccess, boolean]>([
    ['at another address', {homeserver: 'https://evil.example'}, true],
    ['at no address', {}, true],
    ['where nobody is asked', {homeserver: URL_OF}, false],
    ['where other routes are wanted', {homeserver: URL_OF, from: ['database']}, true],
  ])('no token %s', (_, access, secrets) => {
    const {accessToken, adminToken} = withProfile(access, opened(), {secrets})
    expect([accessToken, adminToken]).toEqual([undefined, undefined])
  })

  test('the token of the route that is wanted alone', () => {
    const {accessToken, adminToken} = withProfile({homeserver: URL_OF, from: ['admin']}, opened(), {secrets: true})
    expect([accessToken, adminToken]).toEqual([undefined, 'syt_SECRET_admin'])
  })

  test('no server name without a key: it would choose another case of the cache', () => {
    expect(withProfile({homeserver: URL_OF}, opened({signing_key_file: null}), {secrets: true}).serverName).toBe(
      undefined,
    )
  })
})
