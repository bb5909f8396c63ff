import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import {once} from 'node:events'
import {createServer} from 'node:http'
import type {AddressInfo} from 'node:net'
import {join} from 'node:path'
import {describe, expect, test} from 'vitest'
import {EXIT} from '../../src/cli/exit-codes.ts'
import type {Profile} from '../../src/profile/profile.ts'
import {BASELINE, PROFILE, SECRETS} from '../profile/profiles.ts'
import {listen} from '../sources/listen.ts'
import {complaints} from './complaints.ts'
import {Dumps} from './dumps.ts'
import {type Ended, matrixState} from './program.ts'

const dumps = new Dumps()

/** Profiles of these contents, and `matrix-state profile …`; no output ever has a secret. */
function setUp(profiles: Readonly<Record<string, object | string>> = {}) {
  const folder = mkdtempSync(join(dumps.folder, 'profiles-'))
  const put = (name: string, content: object | string): string => {
    const path = join(folder, `${name}.json`)
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content), {mode: 0o600})
    return path
  }
  for (const [name, content] of Object.entries(profiles)) put(name, content)
  const profile = async (args: readonly string[], env: Record<string, string> = {}): Promise<Ended> => {
    const ended = await matrixState(['profile', ...args], {env: {MATRIX_STATE_PROFILE_DIR: folder, ...env}})
    for (const secret of SECRETS) expect(ended.stdout + ended.stderr).not.toContain(secret)
    return ended
  }
  return {folder, put, profile}
}

/** A homeserver that logs out, and remembers whom. `answer`: instead of doing so. */
async function homeserver(answer?: readonly [number, object]) {
  const tokens: string[] = []
  const server = createServer((request, response) => {
    if (request.url === '/_matrix/client/v3/logout') tokens.push(request.headers.authorization ?? '')
    const [status, body] = answer ?? [request.url?.endsWith('/logout') === true ? 200 : 404, {}]
    response.writeHead(status, {'content-type': 'application/json'}).end(JSON.stringify(body))
  })
  const url = `http://127.0.0.1:${String(await listen(server))}`
  return {url, tokens}
}

/** An address at which nobody listens. */
async function closedPort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const {port} = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return `http://127.0.0.1:${String(port)}`
}

const document = (name: string, {stdout}: Ended): Record<string, unknown> => {
  const parsed = JSON.parse(stdout) as Record<string, unknown>
  expect(complaints(name, parsed)).toEqual([])
  expect(stdout.startsWith(`{\n  "schema": "matrix-state/${name}/1"`)).toBe(true)
  return parsed
}

const GIVEN = {...PROFILE, account: {...PROFILE.account!, own_login: false}}
const DATABASE_ONLY: Profile = {
  ...PROFILE,
  homeserver: null,
  server_name: null,
  account: null,
  admin_token: null,
  signing_key_file: null,
  bot: null,
}

test('the schema of the file takes what is opened, and refuses what is not', () => {
  expect(complaints('profile', PROFILE)).toEqual([])
  expect(complaints('profile', DATABASE_ONLY)).toEqual([])
  expect(complaints('profile', {...PROFILE, later: 1})).toEqual([])
  const bot = (change: object): object => ({...PROFILE, bot: {...BASELINE, ...change}})
  const {backup: _, ...untold} = BASELINE
  for (const good of [
    {...PROFILE, bot: untold},
    bot({backup: null}),
    bot({store: null}),
    bot({store: {path: '/s', check: {kind: 'command', command: 'x'}}}),
  ]) {
    expect(complaints('profile', good)).toEqual([])
  }
  for (const key of Object.keys(PROFILE)) expect(complaints('profile', {...PROFILE, [key]: undefined})).not.toEqual([])
  for (const bad of [
    bot({ed25519: 'x'}),
    bot({store: {path: '/s', check: {kind: 'x'}}}),
    {...PROFILE, account: {user_id: '@a:b'}},
  ]) {
    expect(complaints('profile', bad)).not.toEqual([])
  }
})

describe('profile list', () => {
  test('shows all profiles, and why one cannot be used', async () => {
    const {profile, put, folder} = setUp({default: PROFILE, db: DATABASE_ONLY, cut: '{"schema": "matrix-state/prof'})
    chmodSync(put('open', PROFILE), 0o644)
    const {code, stdout, stderr} = await profile(['list'])
    expect([code, stderr]).toEqual([EXIT.done, ''])
    const lines = stdout.split('\n')
    expect(lines[0]).toBe(`Profiles in ${folder}`)
    expect(lines.find((line) => line.startsWith('  default'))).toMatch(
      /^ {2}default +@bot:example.org +MSDEVICE +https:\/\/matrix.example.org +database, federation, admin, client +BOTDEVICE +ok$/,
    )
    expect(lines.find((line) => line.startsWith('  db'))).toMatch(/^ {2}db +database +ok$/)
    expect(lines.find((line) => line.startsWith('  cut'))).toMatch(/^ {2}cut +unusable$/)
    expect(stdout).toContain('it is truncated: it ends in the middle')
    expect(stdout).toContain(`→ chmod 600 ${folder}/open.json`)
    const {profiles, folder: told} = document('profile-list', await profile(['list', '--json']))
    expect(told).toBe(folder)
    expect(profiles).toMatchObject([
      {name: 'cut', user_id: null, routes: [], problem: {message: expect.stringContaining('truncated') as string}},
      {name: 'db', routes: ['database'], problem: null},
      {name: 'default', user_id: '@bot:example.org', bot_device_id: 'BOTDEVICE', problem: null},
      {name: 'open', problem: {hint: `chmod 600 ${folder}/open.json`}},
    ])
  })

  test('is empty without a folder, says what to do, and makes none', async () => {
    const {profile, folder} = setUp()
    const env = {MATRIX_STATE_PROFILE_DIR: join(folder, 'none')}
    const {code, stdout} = await profile(['list'], env)
    expect([code, stdout]).toEqual([
      EXIT.done,
      `There are no profiles in ${folder}/none. To make one: matrix-state setup\n`,
    ])
    expect(document('profile-list', await profile(['list', '--json'], env))['profiles']).toEqual([])
    expect(existsSync(join(folder, 'none'))).toBe(false)
  })
})

describe('profile show', () => {
  test('shows all of it but the secrets', async () => {
    const {profile} = setUp({bot: PROFILE})
    const {code, stdout} = await profile(['show', 'bot'])
    expect(code).toBe(EXIT.done)
    for (const line of [
      'user              @bot:example.org',
      'device            MSDEVICE',
      'login             made by setup: profile remove logs it out',
      'access token      set, not shown',
      'admin token       set, not shown',
      'signing key       /etc/synapse/signing.key',
      'databases         sqlite:/var/lib/synapse/homeserver.db',
      'device            BOTDEVICE',
      `ed25519           ${'e'.repeat(43)}`,
      `backup            version 1, public key ${'b'.repeat(43)}`,
      'store             /var/lib/bot/store',
      'store check       file /var/lib/bot/device.key',
    ]) {
      expect(stdout).toContain(`  ${line}\n`)
    }
    const {account, bot, has_admin_token: hasAdmin} = document('profile-show', await profile(['show', 'bot', '--json']))
    expect([bot, hasAdmin]).toEqual([BASELINE, true])
    expect(account).toEqual({
      user_id: '@bot:example.org',
      device_id: 'MSDEVICE',
      own_login: true,
      has_access_token: true,
    })
  })

  test('shows the one that is meant where none is named', async () => {
    const {profile} = setUp({default: DATABASE_ONLY, bot: PROFILE})
    expect((await profile(['show'])).stdout).toContain('Profile default\n')
    expect((await profile(['show'], {MATRIX_STATE_PROFILE: 'bot'})).stdout).toContain('Profile bot\n')
    expect((await profile(['show', 'default', '--json'])).stdout).toContain('"account": null')
  })

  test('text of a profile cannot act on a terminal', async () => {
    const {profile} = setUp({bot: {...PROFILE, databases: ['sqlite:/x\u202Ey'], server_name: 'example.org'}})
    for (const args of [['show', 'bot'], ['show', 'bot', '--json'], ['export', 'bot'], ['list']]) {
      expect((await profile(args)).stdout).not.toContain('\u202E')
    }
  })

  test.each([
    ['absent', EXIT.profileAbsent, 'hint: See which there are: matrix-state profile list\n'],
    ['cut', EXIT.failed, 'it is truncated'],
    ['a b', EXIT.usage, 'is no name for a profile'],
  ])('%s', async (name, code, words) => {
    const {profile} = setUp({cut: JSON.stringify(PROFILE).slice(0, -20)})
    for (const command of ['show', 'export']) {
      const ended = await profile([command, name])
      expect([ended.code, ended.stdout, ended.stderr]).toEqual([code, '', expect.stringContaining(words)])
    }
  })
})

describe('profile export', () => {
  test('has all but the secrets, on stdout or in a file that was not there', async () => {
    const {profile, folder} = setUp({bot: PROFILE})
    const printed = await profile(['export', 'bot'])
    const {account, bot} = document('profile-export', printed)
    expect([account, bot]).toEqual([{user_id: '@bot:example.org', device_id: 'MSDEVICE'}, BASELINE])
    expect(printed.stdout).not.toContain('SECRET')
    expect((await profile(['export', 'bot', '--json'])).stdout).toBe(printed.stdout)
    const output = join(folder, 'out.txt')
    const written = await profile(['export', 'bot', '--output', output])
    expect([written.code, written.stdout]).toEqual([EXIT.done, ''])
    expect(readFileSync(output, 'utf8')).toBe(printed.stdout)
    const again = await profile(['export', 'bot', '--output', output])
    expect([again.code, again.stderr]).toEqual([EXIT.failed, expect.stringContaining('exists already')])
  })
})

describe('profile remove', () => {
  test('logs out the device that setup logged in, once, and removes the file', async () => {
    const server = await homeserver()
    const {profile, folder} = setUp({bot: {...PROFILE, homeserver: server.url}})
    const ended = await profile(['remove', 'bot', '--yes'])
    expect([ended.code, ended.stderr]).toEqual([EXIT.done, ''])
    expect(ended.stdout).toBe(`Logged out the device MSDEVICE of @bot:example.org.\nRemoved ${folder}/bot.json.\n`)
    expect(server.tokens).toEqual(['Bearer syt_SECRET_member'])
    expect(readdirSync(folder)).toEqual([])
    expect((await profile(['remove', 'bot', '--yes'])).code).toBe(EXIT.profileAbsent)
  })

  test('a token that was given is left alone, and it is said', async () => {
    const server = await homeserver()
    const {profile, folder} = setUp({bot: {...GIVEN, homeserver: server.url}})
    const removed = document('profile-remove', await profile(['remove', 'bot', '--yes', '--json']))
    const device = {user_id: '@bot:example.org', device_id: 'MSDEVICE'}
    expect(removed).toMatchObject({logged_out: null, still_logged_in: {...device, own_login: false}, linked_file: null})
    expect([server.tokens, readdirSync(folder)]).toEqual([[], []])
  })

  test('a login that has ended already is no hindrance', async () => {
    const server = await homeserver([401, {errcode: 'M_UNKNOWN_TOKEN', error: 'gone'}])
    const {profile, folder} = setUp({bot: {...PROFILE, homeserver: server.url}})
    const removed = document('profile-remove', await profile(['remove', 'bot', '--yes', '--json']))
    expect(removed).toMatchObject({logged_out: {device_id: 'MSDEVICE', already: true}})
    expect(readdirSync(folder)).toEqual([])
  })

  test.each<[string, readonly [number, object] | null]>([
    ['unreachable', null],
    ['in the way of something else', [502, {}]],
    ['refusing', [403, {errcode: 'M_FORBIDDEN', error: 'no'}]],
  ])(
    'the homeserver is %s: the file stays, unless --keep-login',
    async (_, answer) => {
      const url = answer === null ? await closedPort() : (await homeserver(answer)).url
      const {profile, folder} = setUp({bot: {...PROFILE, homeserver: url}})
      const refused = await profile(['remove', 'bot', '--yes'])
      expect([refused.code, refused.stdout]).toEqual([EXIT.failed, ''])
      expect(refused.stderr).toContain(
        'error: the profile bot is left as it is, since its device could not be logged out: ',
      )
      expect(refused.stderr).toContain('(--keep-login): the device MSDEVICE of @bot:example.org then stays logged in')
      expect(readdirSync(folder)).toEqual(['bot.json'])
      const kept = await profile(['remove', 'bot', '--yes', '--keep-login'])
      expect(kept.stdout).toBe(
        `Removed ${folder}/bot.json.\nThe device MSDEVICE of @bot:example.org stays logged in: log it out by another client.\n`,
      )
      expect(readdirSync(folder)).toEqual([])
    },
    60_000,
  )

  test('one that is damaged is removed with --keep-login, and not without', async () => {
    const {profile, folder} = setUp({cut: JSON.stringify(PROFILE).slice(0, -20)})
    const refused = await profile(['remove', 'cut', '--yes'])
    expect([refused.code, refused.stderr]).toEqual([
      EXIT.failed,
      expect.stringContaining('matrix-state profile remove cut --keep-login'),
    ])
    expect(readdirSync(folder)).toEqual(['cut.json'])
    const removed = document('profile-remove', await profile(['remove', 'cut', '--yes', '--keep-login', '--json']))
    expect(removed).toMatchObject({still_logged_in: null, still_logged_in_unknown: true})
    expect(readdirSync(folder)).toEqual([])
  })

  test('a token that was given is not said to be valid still', async () => {
    const {profile} = setUp({bot: {...PROFILE, account: {...PROFILE.account, own_login: false}}})
    const {stdout} = await profile(['remove', 'bot', '--yes'])
    expect(stdout).toContain("was not logged out by this: its token was given to setup, and stays its giver's.")
  })

  test('what is not there: the list is hinted at', async () => {
    const {profile} = setUp()
    for (const args of [
      ['remove', 'nosuch'],
      ['show', 'nosuch'],
      ['export', 'nosuch'],
    ]) {
      const {code, stderr} = await profile(args)
      expect([code, stderr]).toEqual([EXIT.profileAbsent, expect.stringContaining('matrix-state profile list\n')])
      expect(stderr).not.toContain('setup')
    }
    expect((await profile(['show'])).stderr).toMatch(/Make it once: matrix-state setup; .*profile list\n/)
  })

  test('without a terminal it needs --yes; nobody is logged out by then', async () => {
    const server = await homeserver()
    const {profile, folder} = setUp({bot: {...PROFILE, homeserver: server.url}})
    for (const more of [[], ['--json']]) {
      const {code, stdout, stderr} = await profile(['remove', 'bot', ...more])
      expect(code).toBe(EXIT.usage)
      expect(stdout + stderr).toContain(
        'and log out the device MSDEVICE of @bot:example.org? If so: matrix-state profile remove bot --yes',
      )
    }
    expect([server.tokens, readdirSync(folder)]).toEqual([[], ['bot.json']])
  })

  test.skipIf(process.platform === 'win32')('of a symbolic link the file stays, and it is said', async () => {
    const {profile, folder, put} = setUp()
    const real = put('real', DATABASE_ONLY)
    symlinkSync('real.json', join(folder, 'bot.json'))
    const {stdout} = await profile(['remove', 'bot', '--yes'])
    expect(stdout).toContain(`It was a symbolic link: ${real} is still there, with the tokens in it.`)
    expect(statSync(real).isFile()).toBe(true)
  })
})
