import {chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs'
import {createServer} from 'node:http'
import type {AddressInfo} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterAll, describe, expect, test} from 'vitest'
import {EXIT} from '../../src/cli/exit-codes.ts'
import {repairsOf} from '../../src/devices/baseline-repairs.ts'
import {CATALOGUE, type FindingId} from '../../src/finding/finding.ts'
import type {Baseline} from '../../src/matrix/device-baseline.ts'
import type {Json, JsonObject} from '../../src/matrix/json.ts'
import {exportOf} from '../../src/profile/profile-export.ts'
import type {Profile} from '../../src/profile/profile.ts'
import {signed, user} from '../devices/users.ts'
import {BOT, BOT_TOKEN, BotServer, DEVICE} from './bot-server.ts'
import {complaints} from './complaints.ts'
import {type Ended, matrixState} from './program.ts'

const folder = mkdtempSync(join(tmpdir(), 'matrix-state-preflight-'))
afterAll(() => {
  rmSync(folder, {recursive: true, force: true})
})

interface Answer {
  readonly profile: string | null
  readonly complete: boolean
  readonly open: readonly string[]
  readonly checks: readonly {readonly id: string; readonly outcome: string; readonly because: string | null}[]
  readonly findings: readonly {readonly id: string; readonly severity: string}[]
  readonly repairs: readonly {readonly finding: string; readonly ways: readonly {readonly command: string | null}[]}[]
  readonly asked: readonly {readonly requests: number}[]
  readonly failed: readonly {readonly code: string}[]
  readonly error: {readonly code: string; readonly message: string} | null
}

const parse = ({stdout}: Ended): Answer => {
  const document = JSON.parse(stdout) as Answer
  expect(complaints('preflight', document)).toEqual([])
  return document
}
const found = ({findings}: Answer) => findings.map(({severity, id}) => `${severity} ${id}`).sort()
const outcomes = ({checks}: Answer, which: string) => checks.filter((one) => one.outcome === which).map(({id}) => id)

/** A bot's server, and a folder with a profile of it. */
async function setUp(baseline: Partial<Baseline> = {}, more: Partial<Profile> = {}) {
  const server = await BotServer.start()
  const own = mkdtempSync(join(folder, 'bot-'))
  const profiles = join(own, 'profiles')
  mkdirSync(profiles, {mode: 0o700})
  const profile: Profile = {
    schema: 'matrix-state/profile/1',
    created_ts: 1,
    changed_ts: 1,
    homeserver: server.url,
    server_name: 'a.example',
    insecure: false,
    account: {user_id: BOT, device_id: DEVICE, access_token: BOT_TOKEN, own_login: false},
    admin_token: null,
    signing_key_file: null,
    databases: [],
    bot: server.baseline(baseline),
    ...more,
  }
  const write = (what: Profile | string, name = 'bot'): string => {
    const path = join(profiles, `${name}.json`)
    writeFileSync(path, typeof what === 'string' ? what : JSON.stringify(what), {mode: 0o600})
    return path
  }
  write(profile)
  const env = {MATRIX_STATE_PROFILE_DIR: profiles, MATRIX_STATE_PROFILE: 'bot'}
  const run = (...args: readonly string[]): Promise<Ended> => matrixState(['preflight', ...args], {env})
  /** With what it is to be, as a document. */
  const json = async (code: number, ...args: readonly string[]): Promise<Answer> => {
    const ended = await run('--json', ...args)
    expect(`${ended.stdout}${ended.stderr}`).not.toContain(BOT_TOKEN)
    expect([ended.code, ended.stderr]).toEqual([code, ''])
    return parse(ended)
  }
  return {server, own, profiles, profile, write, env, run, json}
}

/** A store that is there, with the key that its bot wrote into a file. */
function makeStore(own: string, key: string): NonNullable<Baseline['store']> {
  const path = join(own, 'store')
  mkdirSync(path)
  writeFileSync(join(path, 'crypto.sqlite'), 'something')
  writeFileSync(join(own, 'device.key'), `${key}\n`)
  return {path, check: {kind: 'file', path: join(own, 'device.key')}}
}

describe('a bot that is as it was recorded', () => {
  test('ends with 0; every check is made, and nothing is asked that could change anything', async () => {
    const {server, own, profile, write, json, run} = await setUp()
    write({...profile, bot: server.baseline({store: makeStore(own, server.baseline().ed25519)})})
    const answer = await json(EXIT.done)
    expect(outcomes(answer, 'ok')).toHaveLength(11)
    expect([answer.complete, answer.findings, answer.error]).toEqual([true, [], null])
    const asked = server.asked.map(({method, path}) => `${method} ${path}`)
    expect(asked).toEqual([
      'GET /_matrix/client/v3/account/whoami',
      'POST /_matrix/client/v3/keys/query',
      'GET /_matrix/client/v3/devices',
      'GET /_matrix/client/v3/sync',
      'GET /_matrix/client/v3/room_keys/version',
    ])
    expect(answer.asked.map(({requests}) => requests)).toEqual([5])
    const [, query, , sync] = server.asked
    expect(Object.keys(JSON.parse(query?.body ?? '') as object).sort()).toEqual(['device_keys', 'timeout'])
    expect([sync?.query.has('since'), sync?.query.get('set_presence')]).toEqual([false, 'offline'])
    expect(new Set(server.asked.map(({token}) => token))).toEqual(new Set([BOT_TOKEN]))

    const text = await run()
    expect([text.code, text.stderr]).toEqual([EXIT.done, ''])
    expect(text.stdout).toContain('The bot is who it was.')
    expect(text.stdout.match(/^ {2}ok /gm)).toHaveLength(11)
    const quiet = await run('--quiet')
    expect([quiet.code, quiet.stdout, quiet.stderr]).toEqual([EXIT.done, '', ''])
  })

  test('writes nothing, also where nothing can be written', async () => {
    const {server, own, profile, profiles, write} = await setUp()
    write({...profile, bot: server.baseline({store: makeStore(own, server.baseline().ed25519)})})
    const before = tree(own)
    // Root may write anywhere, but nobody can make a folder below a file.
    const nowhere = join(own, 'device.key', 'nowhere')
    const env = {
      MATRIX_STATE_PROFILE_DIR: profiles,
      TMPDIR: nowhere,
      XDG_CACHE_HOME: nowhere,
      NODE_COMPILE_CACHE: nowhere,
    }
    const home = {HOME: own, XDG_CONFIG_HOME: join(own, 'config'), XDG_DATA_HOME: join(own, 'data')}
    for (const path of [profiles, join(own, 'store'), own]) chmodSync(path, 0o500)
    const ended = await matrixState(['preflight', '--profile', 'bot', '--json'], {cwd: own, env: {...env, ...home}})
    for (const path of [own, profiles, join(own, 'store')]) chmodSync(path, 0o700)
    expect([ended.code, ended.stderr]).toEqual([EXIT.done, ''])
    expect(tree(own)).toEqual(before)
  })
})

/** All that is in a folder: names, sizes, times of change. */
function tree(root: string): readonly string[] {
  return readdirSync(root, {recursive: true, encoding: 'utf8'})
    .map((name) => {
      const {size, mtimeMs} = statSync(join(root, name))
      return `${name} ${String(size)} ${String(mtimeMs)}`
    })
    .sort()
}

describe('what is wrong', () => {
  test('other keys under the same device ID, with the old signature: named, with repairs for this profile', async () => {
    const {server, json, run} = await setUp()
    const old = signaturesOf(server.device?.keys)
    server.makeAnew({verified: false})
    const fresh = server.device
    if (fresh === null) throw new Error('no device')
    const signatures = {[BOT]: {...old, ...signaturesOf(fresh.keys)}}
    server.device = {...fresh, keys: {...fresh.keys, signatures}}
    const answer = await json(EXIT.findings)
    expect(found(answer)).toEqual(['error device/id-reused', 'error device/identity-changed'])
    const {ways} = answer.repairs.find(({finding}) => finding === 'device/identity-changed') ?? {ways: []}
    expect(ways.map(({command}) => command)).toEqual([
      'matrix-state preflight --profile bot',
      'matrix-state setup --bot --modify --accept-new-identity --token-file FILE --profile bot',
    ])
    const {code, stdout, stderr} = await run()
    expect([code, stderr]).toEqual([EXIT.findings, ''])
    expect(stdout).toMatch(/^ {2}FAILED +identity-keys +device\/identity-changed$/m)
    expect(stdout).toMatch(/^ {2}ok +self-signature/m)
    expect(stdout).toContain('  1. restore-store: Stop the bot')
    expect(stdout).toContain(
      '       matrix-state setup --bot --modify --accept-new-identity --token-file FILE --profile bot\n',
    )
    expect(stdout).toContain('Costs: everybody sees a new device')
    expect(stdout).not.toContain('--accept-new-identity --profile')
    expect(stdout).toContain('2 errors found: do not start the bot.')
    const quiet = await run('--quiet')
    expect(quiet.code).toBe(EXIT.findings)
    expect(quiet.stdout).not.toMatch(/^ {2}ok /m)
    expect(quiet.stdout).toContain('device/identity-changed')
  })

  test('the device is gone, the signature is gone, cross-signing is another', async () => {
    const {server, json} = await setUp()
    const {device, owner} = server
    server.device = null
    expect(found(await json(EXIT.findings))).toEqual(['error baseline/device-gone'])
    const {signatures: _, ...rest} = device!.keys
    server.device = {...device!, keys: signed(rest, BOT, DEVICE, device!.ed25519)}
    expect(found(await json(EXIT.findings))).toEqual(['error baseline/signature-lost'])
    const other = user(BOT)
    server.device = {...other.verify(server.device)}
    server.identity = other.own
    expect(found(await json(EXIT.findings))).toContain('error baseline/cross-signing-changed')
    server.identity = owner.own
  })

  test('a warning does not fail it, unless it is asked to', async () => {
    const {server, json, run} = await setUp()
    server.backup = server.backupOf('2', 'another')
    expect(found(await json(EXIT.done))).toEqual(['warning baseline/backup-changed'])
    await json(EXIT.findings, '--fail-on', 'warning')
    server.makeAnew()
    await json(EXIT.done, '--fail-on', 'never')
    expect((await run()).stdout).toMatch(/^ {2}warning +backup/m)
  })

  test('no store was recorded: a warning that cannot be overlooked, unless it is not to be looked at', async () => {
    const {json, run} = await setUp({store: null})
    const answer = await json(EXIT.done)
    expect(found(answer)).toEqual(['warning baseline/store-unrecorded'])
    expect(answer.repairs.flatMap(({ways}) => ways.map(({command}) => command))).toEqual([
      'matrix-state setup --bot --modify --profile bot --store PATH',
    ])
    for (const args of [[], ['--quiet']]) {
      const {code, stdout} = await run(...args)
      expect(code).toBe(EXIT.done)
      expect(stdout).toMatch(/^ {2}warning +store +baseline\/store-unrecorded$/m)
      expect(stdout).toContain('No store was recorded: a lost store is not noticed.')
    }
    await json(EXIT.findings, '--fail-on', 'warning')
    expect(found(await json(EXIT.done, '--no-store'))).toEqual([])
  })

  test('--quiet explains every finding that it names', async () => {
    const {server, run} = await setUp()
    const other = user()
    const key = 'backupkey'
    const auth_data = signed({public_key: key}, BOT, other.master.publicKey, other.master)
    server.backup = {...server.backupOf('2', key), auth_data}
    const {stdout} = await run('--quiet')
    const [, line] = /^ {2}warning +backup +(.*)$/m.exec(stdout) ?? []
    expect(line).toBe('baseline/backup-changed, account/backup-untrusted')
    for (const id of ['note baseline/backup-changed', 'warning account/backup-untrusted']) expect(stdout).toContain(id)
  })

  test('a server that refuses the token was asked', async () => {
    const {server, run} = await setUp()
    server.instead.set('/whoami', [401, {errcode: 'M_UNKNOWN_TOKEN', error: 'Invalid'}])
    const {stdout} = await run()
    expect(stdout).toMatch(/^ *asked +client .*refused the token: 1 request$/m)
    expect(stdout).not.toContain('nobody')
  })

  test('the token: refused, softly or not, or of somebody else', async () => {
    const {server, json} = await setUp()
    server.instead.set('/whoami', [401, {errcode: 'M_UNKNOWN_TOKEN', error: 'Invalid', soft_logout: true}])
    const soft = await json(EXIT.findings)
    expect([found(soft), soft.complete, soft.error, soft.failed]).toEqual([
      ['error baseline/token-refused'],
      true,
      null,
      [],
    ])
    expect(soft.checks.map(({because}) => because).slice(1, 9)).toEqual(Array(8).fill('other-failure'))
    expect(JSON.stringify(soft.repairs)).toContain('log in again with that device ID')
    server.instead.clear()
    server.instead.set('/keys/query', [401, {errcode: 'M_UNKNOWN_TOKEN', error: 'Invalid access token'}])
    expect(found(await json(EXIT.findings))).toEqual(['error baseline/token-refused'])
    server.instead.clear()
    server.whoami = {user_id: BOT, device_id: 'ANOTHER'}
    expect(found(await json(EXIT.findings))).toEqual(['error baseline/other-account'])
    server.whoami = {user_id: '@eve:a.example', device_id: DEVICE}
    expect(found(await json(EXIT.findings))).toContain('error baseline/other-account')
  })

  test.each<[string, (own: string, key: string) => void, string]>([
    ['is missing', (own) => rmSync(join(own, 'store'), {recursive: true}), 'baseline/store-missing'],
    ['is empty', (own) => rmSync(join(own, 'store/crypto.sqlite')), 'baseline/store-missing'],
    [
      'is another’s',
      (own) => writeFileSync(join(own, 'device.key'), user().device('X').ed25519.publicKey),
      'baseline/store-of-another',
    ],
    ['was not shown to open', (own) => rmSync(join(own, 'device.key')), 'baseline/store-unopenable'],
  ])('the store %s; --no-store does not look', async (_how, spoil, id) => {
    const {server, own, profile, write, json} = await setUp()
    const {ed25519} = server.baseline()
    write({...profile, bot: server.baseline({store: makeStore(own, ed25519)})})
    await json(EXIT.done)
    spoil(own, ed25519)
    expect(found(await json(EXIT.findings))).toEqual([`error ${id}`])
    const without = await json(EXIT.done, '--no-store')
    expect(without.checks.slice(-2).map(({because}) => because)).toEqual(['left-out', 'left-out'])
  })

  test('a check that is a command: run for a profile, without the token; one that is slow proves nothing', async () => {
    const {server, own, profile, write, json} = await setUp()
    const {path} = makeStore(own, '')
    const withCheck = (command: string) =>
      write({...profile, bot: server.baseline({store: {path, check: {kind: 'command', command}}})})
    withCheck(`env > ${join(own, 'seen')}; test "$MATRIX_STATE_DEVICE_ID" = ${DEVICE}`)
    await json(EXIT.done)
    expect(readFileSync(join(own, 'seen'), 'utf8')).not.toContain(BOT_TOKEN)
    withCheck('exit 1')
    expect(found(await json(EXIT.findings))).toEqual(['error baseline/store-unopenable'])
    withCheck('exec sleep 30')
    const slow = await json(EXIT.inconclusive, '--timeout', '2')
    expect(slow.checks.at(-1)).toMatchObject({id: 'store-opens', outcome: 'not-checked', because: 'no-answer'})
  })
})

/** An address at which nothing listens any more. */
async function setUpWithoutServer(baseline: Partial<Baseline>) {
  const server = createServer()
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const {port} = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  const address = `http://127.0.0.1:${String(port)}`
  return {address, ...(await setUp(baseline, {homeserver: address}))}
}

describe('what cannot be told', () => {
  test('a server that is not there: 4, and what is wrong with the store is said all the same', async () => {
    const gone = {store: {path: join(folder, 'nowhere'), check: null}}
    const {address, json, run} = await setUpWithoutServer(gone)
    const answer = await json(EXIT.failed)
    expect(found(answer)).toEqual(['error baseline/store-missing'])
    expect([answer.complete, answer.error?.code]).toEqual([false, 'SERVER_UNREACHABLE'])
    const text = await run('--quiet')
    expect(text.code).toBe(EXIT.failed)
    expect(text.stdout).toContain('error baseline/store-missing')
    expect(text.stderr).toMatch(/^error: Nothing accepts connections/)
    expect(text.stderr).toContain(address)
  })

  test('why nothing could be asked is said once, and that the bot is not to be started', async () => {
    const {run} = await setUpWithoutServer({})
    for (const args of [[], ['--quiet']]) {
      const {code, stdout, stderr} = await run(...args)
      expect(code).toBe(EXIT.failed)
      expect(`${stdout}${stderr}`.match(/Nothing accepts connections/g)).toHaveLength(1)
      expect(stdout).toMatch(/^ {2}not checked +token, device, identity-keys,/m)
      expect(stdout.trim()).toMatch(/9 checks could not be made: do not start the bot\.$/)
    }
  })

  test('help says what --quiet prints and what is written', async () => {
    const {stdout} = await matrixState(['preflight', '--help'])
    const help = stdout.replace(/\s+/g, ' ')
    expect(help).toContain('With --quiet only errors, warnings and checks that could not be made')
    expect(help).toContain('but Node’s compile cache')
  })

  test.each(['/whoami', '/keys/query'])('a server that is silent at %s: 4 after the time that it has', async (path) => {
    const {server, json} = await setUp()
    server.silent = path
    const answer = await json(EXIT.failed, '--timeout', '1')
    expect(answer.error?.message).toContain('did not answer within 1 s')
  })

  test('one question that is refused leaves it inconclusive, and is named', async () => {
    const {server, json, run} = await setUp()
    server.instead.set('/room_keys/version', [403, {errcode: 'M_FORBIDDEN', error: 'not for you'}])
    const answer = await json(EXIT.inconclusive)
    expect(outcomes(answer, 'not-checked')).toEqual(['backup', 'store-opens'])
    expect(answer.open).toEqual([expect.stringContaining('not for you')])
    const quiet = await run('--quiet')
    expect([quiet.code, quiet.stdout.trim().split('\n').length]).toEqual([EXIT.inconclusive, 1])
    server.makeAnew()
    await json(EXIT.findings)
  })

  test('a silence after the keys: what was told counts, the rest is open', async () => {
    const {server, json} = await setUp()
    server.silent = '/room_keys/version'
    const answer = await json(EXIT.inconclusive, '--timeout', '2')
    expect(outcomes(answer, 'ok')).toHaveLength(9)
    expect(answer.failed.map(({code}) => code)).toEqual(['SERVER_UNREACHABLE'])
  })

  test('a token of another device of the account: one-time keys and messages are not asked for, and nothing is open', async () => {
    const account = {user_id: BOT, device_id: 'ASKER', access_token: BOT_TOKEN, own_login: true}
    const {server, json} = await setUp({}, {account})
    server.whoami = {user_id: BOT, device_id: 'ASKER'}
    const answer = await json(EXIT.done)
    expect(outcomes(answer, 'not-checked')).toEqual(['one-time-keys', 'messages', 'store-opens'])
    expect(server.asked.map(({path}) => path)).not.toContain('/_matrix/client/v3/sync')
    server.instead.set('/whoami', [401, {errcode: 'M_UNKNOWN_TOKEN', error: 'Invalid', soft_logout: false}])
    const refused = await json(EXIT.findings)
    expect(refused.repairs.flatMap(({ways}) => ways.map(({command}) => command))).toEqual([
      'matrix-state setup --modify --password-file FILE --profile bot',
    ])
  })
})

describe('what is expected and not there', () => {
  test('no profile, no baseline: 5, with the line to type; an unusable profile: 4', async () => {
    const {profile, write, env, run} = await setUp()
    const none = await matrixState(['preflight'], {env: {...env, MATRIX_STATE_PROFILE: 'other'}})
    expect([none.code, none.stdout]).toEqual([EXIT.profileAbsent, ''])
    expect(none.stderr).toContain('matrix-state setup --bot --profile other')
    write({...profile, bot: null})
    const bare = await run()
    expect(bare.code).toBe(EXIT.profileAbsent)
    expect(bare.stderr).toContain('matrix-state setup --bot --modify --profile bot')
    const path = write(JSON.stringify(profile).slice(0, -20))
    expect((await run()).code).toBe(EXIT.failed)
    write(profile)
    chmodSync(path, 0o644)
    const open = await run('--json')
    expect([open.code, complaints('error', JSON.parse(open.stdout) as Json)]).toEqual([EXIT.failed, []])
  })

  test('a profile’s token goes to no other address', async () => {
    const {run} = await setUp()
    const other = await BotServer.start()
    expect((await run('--homeserver', other.url)).code).toBe(EXIT.usage)
    expect(other.asked).toEqual([])
  })

  test('a token in the environment or a file comes before that of the profile', async () => {
    const account = {user_id: BOT, device_id: DEVICE, access_token: 'syt_of_the_profile_and_old', own_login: false}
    const {own, env, json} = await setUp({}, {account})
    expect(found(await json(EXIT.findings))).toEqual(['error baseline/token-refused'])
    const file = join(own, 'token')
    writeFileSync(file, `${BOT_TOKEN}\n`)
    await json(EXIT.done, '--token-file', file)
    const fromEnvironment = await matrixState(['preflight'], {env: {...env, MATRIX_STATE_TOKEN: BOT_TOKEN}})
    expect(fromEnvironment.code).toBe(EXIT.done)
  })
})

describe('--baseline FILE', () => {
  async function exported(baseline: Partial<Baseline> = {}) {
    const made = await setUp(baseline)
    const file = join(made.own, 'bot.json')
    const write = (profile: Profile) => {
      writeFileSync(file, JSON.stringify(exportOf(profile)))
    }
    write(made.profile)
    const env = {MATRIX_STATE_TOKEN: BOT_TOKEN, MATRIX_STATE_PROFILE_DIR: join(made.own, 'none')}
    const run = (...args: readonly string[]) => matrixState(['preflight', '--baseline', file, '--json', ...args], {env})
    return {...made, file, write, run}
  }

  test('needs no profile, but a token; names no profile in commands', async () => {
    const {server, file, run} = await exported()
    const well = await run()
    expect([well.code, parse(well).profile]).toEqual([EXIT.done, null])
    server.makeAnew()
    const changed = await run()
    expect(changed.code).toBe(EXIT.findings)
    expect(JSON.stringify(parse(changed).repairs)).toContain('--profile NAME')
    const without = await matrixState(['preflight', '--baseline', file, '--json'])
    expect([without.code, without.stdout]).toEqual([EXIT.failed, expect.stringContaining('CREDENTIALS_ABSENT')])
  })

  test('another address is asked where it is given, and only that', async () => {
    const {server, profile, write, run} = await exported()
    const nowhere = await BotServer.start()
    write({...profile, homeserver: nowhere.url})
    expect((await run('--homeserver', server.url)).code).toBe(EXIT.done)
    expect(nowhere.asked).toEqual([])
  })

  test('a command of the file is not run', async () => {
    const {server, own, profile, write, run} = await exported()
    const {path} = makeStore(own, '')
    const check = {kind: 'command', command: `touch ${join(own, 'was-run')}`} as const
    write({...profile, bot: server.baseline({store: {path, check}})})
    const ended = await run()
    expect(ended.code).toBe(EXIT.done)
    expect(
      parse(ended)
        .checks.slice(-2)
        .map(({outcome}) => outcome),
    ).toEqual(['ok', 'not-checked'])
    expect(readdirSync(own)).not.toContain('was-run')
  })

  test('what is no export is refused', async () => {
    const {file, run} = await exported()
    writeFileSync(file, '{"schema":"matrix-state/profile-export/1"')
    expect((await run()).code).toBe(EXIT.failed)
    expect((await run('--profile', 'bot')).code).toBe(EXIT.usage)
  })
})

test('every command that a repair names is one that the program has, with these flags', async () => {
  const commands = {
    preflight: (await import('../../commands/preflight.ts')).default,
    setup: (await import('../../commands/setup.ts')).default,
    devices: (await import('../../commands/devices.ts')).default,
  }
  const baseline = {...(await BotServer.start()).baseline(), store: null}
  const seen = new Set<string>()
  for (const hasCrossSigning of [true, false])
    for (const asBot of [true, false])
      for (const id of Object.keys(CATALOGUE) as FindingId[])
        for (const {command} of repairsOf(id, {
          ...{baseline, profile: 'bot', asBot, hasCrossSigning, softLogout: false, found: new Set<FindingId>()},
          ...{hasErrors: false, isVerified: false, backupLost: false},
        }))
          if (command !== null) seen.add(command)
  expect(seen.size).toBeGreaterThan(7)
  for (const command of seen) {
    const [program, name, ...words] = command.split(' ')
    expect([program, Object.keys(commands)]).toEqual(['matrix-state', expect.arrayContaining([name])])
    const {flags} = commands[name as keyof typeof commands]
    for (const word of words.filter((one) => one.startsWith('--'))) expect(Object.keys(flags)).toContain(word.slice(2))
  }
})

function signaturesOf(keys: JsonObject | undefined): JsonObject {
  return ((keys?.['signatures'] ?? {}) as Record<string, JsonObject>)[BOT] ?? {}
}
