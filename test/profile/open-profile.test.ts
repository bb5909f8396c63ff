import {spawnSync} from 'node:child_process'
import {chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {beforeEach, describe, expect, test} from 'vitest'
import {StateError} from '../../src/errors.ts'
import {listProfiles, openProfile, removeProfile, reserveProfile} from '../../src/profile/profile-file.ts'
import {newFolder, PROFILE, SECRETS} from './profiles.ts'

const TEXT = `${JSON.stringify(PROFILE, null, 2)}\n`
let folder: string
beforeEach(() => {
  folder = newFolder()
})

function put(content: string | Uint8Array, {mode = 0o600, name = 'bot'} = {}): string {
  const path = join(folder, `${name}.json`)
  writeFileSync(path, content, {mode})
  chmodSync(path, mode)
  return path
}

function thrown(work: () => unknown): StateError {
  try {
    work()
  } catch (error) {
    if (error instanceof StateError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

const refusal = (name = 'bot'): StateError => thrown(() => openProfile(name, folder))

test('a profile is opened as it was written', () => {
  const path = put(TEXT)
  expect(openProfile('bot', folder)).toEqual({name: 'bot', path, profile: PROFILE, text: TEXT})
})

test('fields that are not known are no hindrance; a byte order mark of an editor neither', () => {
  put(`\uFEFF${JSON.stringify({...PROFILE, later: {a: 1}})}`)
  expect(openProfile('bot', folder).profile).toEqual(PROFILE)
})

describe('a profile that is not there', () => {
  test.each([
    ['default', 'there is no profile: ', 'Make it once: matrix-state setup'],
    ['bot', 'there is no profile named bot: ', 'Make it once: matrix-state setup --profile bot'],
  ])('%s: the hint is the line that makes it', (name, message, hint) => {
    expect(refusal(name)).toMatchObject({code: 'PROFILE_ABSENT', hint})
    expect(refusal(name).message).toContain(message)
    expect(readdirSync(folder)).toEqual([])
  })

  test('the same where the folder is not there either, and none is made', () => {
    const absent = join(folder, 'a/b')
    expect(thrown(() => openProfile('bot', absent)).code).toBe('PROFILE_ABSENT')
    expect(readdirSync(folder)).toEqual([])
  })
})

describe('a profile that cannot be used', () => {
  const other = (change: object): string => JSON.stringify({...PROFILE, ...change})
  test.each<[string, string | Uint8Array, string]>([
    ['empty', '', 'it is empty'],
    ['of blanks', ' \n', 'it is empty'],
    ['of zeros, as a crash leaves it', new Uint8Array(400), 'it is not JSON'],
    ['text', 'hello', 'it is not JSON'],
    ['not UTF-8', Buffer.concat([Buffer.from(TEXT), Buffer.from([0xff])]), 'it is not text'],
    ['with a typing error', TEXT.replace('"bot": {', '"bot" {'), 'it is not JSON (line 19)'],
    ['a list', '[]', 'not an object'],
    ['without schema', other({schema: undefined}), 'its field schema is not matrix-state/profile/1'],
    ['an export', other({schema: 'matrix-state/profile-export/1'}), 'but matrix-state/profile-export'],
    [
      'of a newer schema',
      other({schema: 'matrix-state/profile/2', account: 5}),
      'made by a newer matrix-state; update this one',
    ],
    ['of schema 0', other({schema: 'matrix-state/profile/0'}), 'none that there was'],
    ['too large', TEXT + ' '.repeat(2 ** 20), 'too large'],
  ])('%s', (_, content, why) => {
    const path = put(content)
    const {code, message, hint} = refusal()
    expect(code).toBe('PROFILE_UNUSABLE')
    expect(message).toContain(why)
    expect(message).toContain(JSON.stringify(path))
    expect(hint).toMatch(/profile remove bot --keep-login|Update this matrix-state/)
  })

  test('truncated at any byte, it says so and tells no secret', () => {
    const path = put(TEXT)
    for (let length = 1; length < TEXT.trimEnd().length; length += 1) {
      writeFileSync(path, TEXT.slice(0, length))
      const {code, message, hint} = refusal()
      expect([code, message]).toEqual(['PROFILE_UNUSABLE', expect.stringContaining('it is truncated')])
      for (const secret of SECRETS) expect(`${message} ${hint ?? ''}`).not.toContain(secret.slice(0, 10))
    }
  })

  test('not JSON amid a secret, it tells none of it', () => {
    for (const typo of [
      '"access_token": syt',
      '"access_token": {"syt',
      '"access_token": "syt\\',
      '"access_token": "\n',
    ]) {
      put(TEXT.replace('"access_token": "syt', typo))
      expect(refusal().message).toContain('it is not JSON')
      expect(refusal().message).not.toMatch(/SECR|syt/)
      expect(refusal().cause).toBe(undefined)
    }
  })

  const account = PROFILE.account!
  const bot = PROFILE.bot!
  test.each<[string, object, string]>([
    ['created_ts', {created_ts: -1}, 'created_ts must be a time'],
    ['changed_ts', {changed_ts: undefined}, 'changed_ts is missing'],
    ['homeserver', {homeserver: 'example.org'}, 'homeserver must be an http or https URL'],
    ['homeserver', {homeserver: 'https://u:syt_SECRET@example.org'}, 'homeserver must have no user or password'],
    ['server_name', {server_name: ''}, 'server_name must be a text'],
    ['server_name', {server_name: null}, 'signing_key_file is of no use without server_name'],
    ['insecure', {insecure: 'no'}, 'insecure must be true or false'],
    ['account', {account: []}, 'account must be an object'],
    ['account', {homeserver: null}, 'account is of no use without homeserver'],
    ['admin_token', {homeserver: null, account: null}, 'admin_token is of no use without homeserver'],
    ['account.user_id', {account: {...account, user_id: 'bot'}}, 'account.user_id must be a user ID'],
    ['account.device_id', {account: {...account, device_id: 1}}, 'account.device_id must be a text'],
    ['account.access_token', {account: {...account, access_token: 'a b'}}, 'account.access_token must be'],
    [
      'account.access_token',
      {account: {...account, access_token: 'syt_SECRET\r\nX: y'}},
      'account.access_token must be',
    ],
    ['account.own_login', {account: {...account, own_login: undefined}}, 'account.own_login is missing'],
    ['admin_token', {admin_token: ''}, 'admin_token must be'],
    ['signing_key_file', {signing_key_file: 'signing.key'}, 'signing_key_file must be an absolute path'],
    ['databases', {databases: 'sqlite:/x'}, 'databases must be a list of texts'],
    ['databases', {databases: ['postgres://u:syt_SECRET@h/d']}, 'databases must have no password'],
    ['databases', {databases: ['a.example=postgresql://h/d?password=syt_SECRET']}, 'databases must have no password'],
    ['bot.ed25519', {bot: {...bot, ed25519: 'short'}}, 'bot.ed25519 must be a key'],
    ['bot.master_key', {bot: {...bot, master_key: undefined}}, 'bot.master_key is missing'],
    ['bot.backup', {bot: {...bot, backup: 'none'}}, 'bot.backup must be an object'],
    ['bot.store.path', {bot: {...bot, store: {path: 'store', check: null}}}, 'bot.store.path must be an absolute path'],
    [
      'bot.store.check',
      {bot: {...bot, store: {path: '/s', check: {kind: 'x'}}}},
      'bot.store.check.kind must be file or command',
    ],
  ])('of the schema but for %s', (_, change, why) => {
    put(other(change))
    const {code, message} = refusal()
    expect([code, message]).toEqual(['PROFILE_UNUSABLE', expect.stringContaining(`its field ${why}`)])
    expect(message).not.toContain('SECRET')
  })

  test.each<[string, object]>([
    [
      'without anything but a database',
      {homeserver: null, server_name: null, account: null, admin_token: null, signing_key_file: null, bot: null},
    ],
    ['of a token whose device nobody told', {account: {...account, device_id: null}}],
    ['whose backup was not told', {bot: {...bot, backup: undefined}}],
    [
      'whose account has no backup',
      {bot: {...bot, backup: null, store: null, master_key: null, self_signing_key: null}},
    ],
    ['with a command', {bot: {...bot, store: {path: '/s', check: {kind: 'command', command: "check 'a b'"}}}}],
    ['with a postgres database', {databases: ['a.example=postgres://u@h:5432/d', 'postgres:', 'sqlite:/a@b:c']}],
  ])('%s is whole', (_, change) => {
    put(other(change))
    expect(openProfile('bot', folder).profile).toEqual(JSON.parse(other(change)))
  })

  test.skipIf(process.platform === 'win32').each([0o640, 0o604, 0o620, 0o602, 0o610, 0o777])(
    'of mode %i (decimal): the hint is the line that mends it, and it does',
    (mode) => {
      const path = put(TEXT, {mode})
      const {code, message, hint} = refusal()
      expect([code, hint]).toEqual(['PROFILE_UNUSABLE', `chmod 600 ${path}`])
      expect(message).toContain(`mode 0${mode.toString(8)}`)
      expect(spawnSync('sh', ['-c', hint!]).status).toBe(0)
      expect(openProfile('bot', folder).profile).toEqual(PROFILE)
    },
  )

  test.skipIf(process.platform === 'win32')('the path in that line is quoted where it must be', () => {
    folder = join(folder, "o'neill's $files")
    mkdirSync(folder)
    put(TEXT, {mode: 0o644})
    expect(spawnSync('sh', ['-c', refusal().hint!]).status).toBe(0)
    expect(statSync(join(folder, 'bot.json')).mode & 0o777).toBe(0o600)
  })

  describe.skipIf(process.platform === 'win32')('in a folder', () => {
    const isRoot = process.getuid?.() === 0

    test.each([0o777, 0o2777, 0o703])(
      'that everybody may write (%o): refused, and mended by the hinted line',
      (mode) => {
        put(TEXT)
        chmodSync(folder, mode)
        const {code, message, hint} = refusal()
        expect(code).toBe('PROFILE_UNUSABLE')
        expect(message).toContain('everybody may put another file in its place')
        expect(thrown(() => reserveProfile('other', folder)).code).toBe('PROFILE_UNUSABLE')
        expect(spawnSync('sh', ['-c', hint!]).status).toBe(0)
        expect(openProfile('bot', folder).profile).toEqual(PROFILE)
      },
    )

    test.each([0o755, 0o2775, 0o770, 0o1777])('of a volume or a mounted secret (%o): taken', (mode) => {
      put(TEXT)
      chmodSync(folder, mode)
      expect(openProfile('bot', folder).profile).toEqual(PROFILE)
    })

    test.runIf(isRoot)('that is sticky: not what somebody else has put there', () => {
      chownSync(put(TEXT), 1234, 1234)
      chmodSync(folder, 0o1777)
      expect(refusal().code).toBe('PROFILE_UNUSABLE')
    })

    test('behind a symbolic link counts, too', () => {
      const other = newFolder()
      writeFileSync(join(other, 'real.json'), TEXT, {mode: 0o600})
      symlinkSync(join(other, 'real.json'), join(folder, 'bot.json'))
      expect(openProfile('bot', folder).profile).toEqual(PROFILE)
      chmodSync(other, 0o777)
      expect(refusal().message).toContain(other)
    })
  })

  test('owned by somebody else: no permission', () => {
    const isRoot = process.getuid?.() === 0
    const path = put(TEXT, {mode: isRoot ? 0o600 : 0o000})
    chmodSync(folder, 0o755)
    const code = `
      import {openProfile} from ${JSON.stringify(join(import.meta.dirname, '../../src/profile/profile-file.ts'))}
      try { openProfile('bot', ${JSON.stringify(folder)}) } catch (error) { process.stdout.write(error.code + ' ' + error.message) }`
    const nobody = isRoot ? {uid: 65_534, gid: 65_534} : {}
    const {stdout} = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
      ...nobody,
      encoding: 'utf8',
      cwd: '/',
    })
    expect(stdout).toBe(`PROFILE_UNUSABLE the profile ${JSON.stringify(path)} cannot be used: no permission`)
  })

  test('a folder', () => {
    mkdirSync(join(folder, 'bot.json'))
    expect(refusal()).toMatchObject({
      code: 'PROFILE_UNUSABLE',
      message: expect.stringContaining('it is a folder') as string,
    })
  })

  test.skipIf(process.platform === 'win32')('a pipe, without waiting for a writer', () => {
    spawnSync('mkfifo', ['-m', '600', join(folder, 'bot.json')])
    expect(refusal().message).toContain('it is not a regular file')
  })

  test('below a file', () => {
    const path = put(TEXT)
    expect(thrown(() => openProfile('a', path))).toMatchObject({
      code: 'PROFILE_UNUSABLE',
      message: expect.stringContaining('a part of the path is a file') as string,
    })
  })
})

describe.skipIf(process.platform === 'win32')('symbolic links', () => {
  test('a link to what others may read: no line that would change the mode of a file that is no profile', () => {
    const target = put('root:x:0:0', {mode: 0o644, name: 'passwd'})
    symlinkSync('passwd.json', join(folder, 'bot.json'))
    const {code, hint} = thrown(() => openProfile('bot', folder))
    expect(code).toBe('PROFILE_UNUSABLE')
    expect(hint).toBe(`It is a symbolic link to "${target}". If that is a profile of yours: chmod 600 ${target}`)
  })

  test('to a profile are followed, and its mode counts', () => {
    const real = put(TEXT, {name: 'real'})
    symlinkSync('real.json', join(folder, 'bot.json'))
    expect(openProfile('bot', folder).profile).toEqual(PROFILE)
    chmodSync(real, 0o644)
    expect(refusal().message).toContain('mode 0644')
  })

  test('to nothing are no absent profile', () => {
    symlinkSync('gone.json', join(folder, 'bot.json'))
    const {code, message, hint} = refusal()
    expect([code, message]).toEqual([
      'PROFILE_UNUSABLE',
      expect.stringContaining('a symbolic link to a file that is not there'),
    ])
    expect(hint).toContain(join(folder, 'gone.json'))
  })

  test('in a circle', () => {
    symlinkSync('bot.json', join(folder, 'bot.json'))
    expect(refusal().message).toContain('go in a circle')
  })

  test('removing one leaves what it led to, and says so', () => {
    const real = put(TEXT, {name: 'real'})
    symlinkSync('real.json', join(folder, 'bot.json'))
    expect(removeProfile({name: 'bot', path: join(folder, 'bot.json')})).toBe(real)
    expect(readdirSync(folder)).toEqual(['real.json'])
    expect(readFileSync(real, 'utf8')).toBe(TEXT)
  })
})

describe('the list', () => {
  test('has all profiles by name, the unusable ones with why, and nothing else', () => {
    put(TEXT, {name: 'zoe'})
    put('{', {name: 'bot'})
    put(TEXT, {name: 'alice', mode: 0o644})
    for (const name of ['.bot.draft', 'notes.txt', '-x.json', 'a b.json', '.json'])
      writeFileSync(join(folder, name), 'x')
    const listed = listProfiles(folder).map(({name, opened, problem}) => [
      name,
      opened?.profile ?? null,
      problem?.code ?? null,
    ])
    const unusable = process.platform === 'win32' ? [PROFILE, null] : [null, 'PROFILE_UNUSABLE']
    expect(listed).toEqual([
      ['alice', ...unusable],
      ['bot', null, 'PROFILE_UNUSABLE'],
      ['zoe', PROFILE, null],
    ])
  })

  test('is empty where there is no folder, which is not made; a file in its place is an error', () => {
    expect(listProfiles(join(folder, 'a/b'))).toEqual([])
    expect(readdirSync(folder)).toEqual([])
    expect(thrown(() => listProfiles(put(TEXT))).code).toBe('PROFILE_UNUSABLE')
  })
})

test('removing: the file is gone, once; a folder is for its owner to remove', () => {
  const path = put('damaged')
  expect(removeProfile({name: 'bot', path})).toBe(null)
  expect(thrown(() => removeProfile({name: 'bot', path})).code).toBe('PROFILE_ABSENT')
  mkdirSync(path)
  expect(thrown(() => removeProfile({name: 'bot', path})).code).toBe('OUTPUT_FAILED')
})
