import {mkdtempSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import {DatabaseSync} from 'node:sqlite'
import {describe, expect, test} from 'vitest'
import {EXIT} from '../../src/cli/exit-codes.ts'
import {ALICE, CAROL, MO} from '../rules/build.ts'
import {encryptedRoom, secret, withoutCarol, writeCase} from '../investigate/encrypted-room.ts'
import {complaints} from './complaints.ts'
import {Dumps, linesOf} from './dumps.ts'
import {KeyServer, Person, TOKEN} from './key-server.ts'
import {type Ended, type HowToRun, matrixState} from './program.ts'

const dumps = new Dumps()

interface Finding {
  readonly id: string
  readonly severity: string
}
interface Answer {
  readonly complete: boolean
  readonly open: readonly string[]
  readonly case: string | null
  readonly told_ts: number | null
  readonly summary: {
    readonly users: number
    readonly devices: number
    readonly health: Readonly<Record<string, number>>
    readonly findings: Readonly<Record<string, number>>
  }
  readonly users: readonly {
    readonly user_id: string
    readonly devices: readonly {
      readonly device_id: string
      readonly health: string
      readonly cross_signed: boolean | null
      readonly findings: readonly Finding[]
    }[]
    readonly changes: readonly {readonly kind: string; readonly device_id: string}[]
    readonly findings: readonly Finding[]
  }[]
  readonly unknown_users: readonly string[]
  readonly not_checked: readonly {readonly id: string; readonly needs: string; readonly users: number}[]
  readonly findings: readonly Finding[]
}

const devices = (args: readonly string[], how: HowToRun = {}): Promise<Ended> => matrixState(['devices', ...args], how)
const parse = ({stdout}: Ended): Answer => {
  const document = JSON.parse(stdout) as Answer
  expect(complaints('devices', document)).toEqual([])
  return document
}
const found = ({users, findings}: Answer): readonly string[] =>
  [...findings, ...users.flatMap((user) => [...user.findings, ...user.devices.flatMap((one) => one.findings)])]
    .map(({id, severity}) => `${severity} ${id}`)
    .sort()

/** A homeserver with keys, and a cache that is empty. */
async function setUp(...people: readonly Person[]) {
  const server = await KeyServer.start(...people)
  const env = {XDG_CACHE_HOME: mkdtempSync(join(dumps.folder, 'cache-')), MATRIX_STATE_TOKEN: TOKEN}
  const live = (...args: readonly string[]): Promise<Ended> =>
    devices([...args, '--homeserver', server.url, '--settle', '0'], {env})
  return {server, env, live}
}

const BOT = '@bot:example.org'

/** As Synapse tells of a user of its own whom it does not have. */
class Bare extends Person {
  override readonly master = null as never
  override readonly selfSigning = null as never
}

describe('a user', () => {
  test('healthy: no error and no warning, all that was not checked is named, and nothing dangerous was asked', async () => {
    const {server, live} = await setUp(new Person(BOT).device('ONE').device('TWO'))
    const ended = await live(BOT, '--json')
    const answer = parse(ended)
    expect([ended.code, ended.stderr, answer.open]).toEqual([EXIT.done, '', []])
    expect(found(answer).filter((one) => !one.startsWith('note'))).toEqual([])
    expect(answer.summary).toMatchObject({users: 1, devices: 2, health: {healthy: 2}})
    expect(answer.not_checked.length).toBeGreaterThan(0)
    expect(answer.not_checked.every(({needs}) => needs !== '')).toBe(true)
    expect(server.asked.join('\n')).not.toMatch(/keys\/claim|keys\/upload|[?&]since=/)
    const text = await live(BOT)
    expect(text.code).toBe(EXIT.done)
    expect(text.stdout).toContain('Nothing wrong was found in what could be checked')
    for (const {stdout, stderr} of [ended, text]) expect(stdout + stderr).not.toContain(TOKEN)
  })

  test('a device that nobody verified is a warning, which --fail-on decides about', async () => {
    const {live} = await setUp(new Person(BOT).device('ONE').device('NEW', {verified: false}))
    const ended = await live(BOT, '--json')
    expect(ended.code).toBe(EXIT.done)
    expect(found(parse(ended)).filter((one) => !one.startsWith('note'))).toEqual(['warning device/unverified'])
    expect((await live(BOT, '--fail-on', 'warning')).code).toBe(EXIT.findings)
  })

  test('made anew under the same device ID: the second run says so, what was and what is', async () => {
    const bot = new Person(BOT).device('ONE')
    const {live} = await setUp(bot)
    expect((await live(BOT)).code).toBe(EXIT.done)
    const before = bot.devices['ONE']!
    bot.device('ONE')
    const ended = await live(BOT, '--json')
    const answer = parse(ended)
    expect(ended.code).toBe(EXIT.findings)
    expect(found(answer)).toContain('error device/identity-changed')
    expect(answer.users[0]?.changes).toMatchObject([{kind: 'device-keys-replaced', device_id: 'ONE'}])
    const text = (await live(BOT, '--full')).stdout
    expect(text).toContain((before['keys'] as Record<string, string>)['ed25519:ONE']!.slice(0, 6))
  })

  test('a signature that is not of these keys', async () => {
    const bot = new Person(BOT).device('ONE')
    const {live} = await setUp(bot)
    const old = bot.devices['ONE']!
    bot.device('ONE')
    bot.devices['ONE'] = {...bot.devices['ONE'], signatures: old['signatures']!}
    const ended = await live(BOT, '--json')
    expect(ended.code).toBe(EXIT.findings)
    expect(found(parse(ended))).toContain('error device/self-signature-bad')
  })

  test('whom nobody knows is inconclusive, not clean', async () => {
    const {live} = await setUp(new Person(BOT).device('ONE'))
    const ended = await live('@nobody:elsewhere.example', '--json')
    const answer = parse(ended)
    expect(ended.code).toBe(EXIT.inconclusive)
    expect(answer).toMatchObject({complete: false, unknown_users: ['@nobody:elsewhere.example']})
    expect((await live('@nobody:elsewhere.example')).stdout).toContain('Inconclusive')
  })

  test('who has no device may not exist: that is not clean', async () => {
    const {live} = await setUp(new Person(BOT).device('ONE'), new Bare('@gone:example.org'))
    const ended = await live('@gone:example.org', '--json')
    expect([ended.code, parse(ended).open]).toEqual([
      EXIT.inconclusive,
      [
        '@gone:example.org has no device: the user is logged in nowhere, or there is no such user (check the spelling).',
      ],
    ])
  })

  test('what was refused is said, beside the access that it takes', async () => {
    const {server, live} = await setUp(new Person(BOT).device('ONE'))
    server.refusesPath = '/devices'
    const {code, stdout} = await live(BOT)
    expect(code).toBe(EXIT.done)
    expect(stdout.replace(/\s+/g, ' ')).toContain(
      `client ${BOT}: GET /_matrix/client/v3/devices was refused: M_FORBIDDEN: not for you`,
    )
  })

  test.each(['{{{', 'null', '[]', '{"kind":5}'])(
    'a case whose facts somebody wrote over (%s) is damaged',
    async (fact) => {
      const {live, env} = await setUp(new Person(BOT).device('ONE'))
      const file = join(env.XDG_CACHE_HOME, 'bot.case')
      await live(BOT, '--case', file)
      const database = new DatabaseSync(file)
      database.prepare('UPDATE device_fact SET fact = ?').run(fact)
      database.close()
      const ended = await devices([file], {env})
      expect(ended.code).toBe(EXIT.failed)
      expect(ended.stderr).toContain('it is damaged')
    },
  )

  test('is kept: offline nobody is asked, the age is told, and a refusal is not taken for an answer', async () => {
    const {server, live, env} = await setUp(new Person(BOT).device('ONE'))
    await live(BOT)
    const number = server.asked.length
    const offline = await devices([BOT, '--offline', '--json'], {env})
    expect([offline.code, server.asked.length]).toEqual([EXIT.done, number])
    const answer = parse(offline)
    expect(answer.told_ts).toBeGreaterThan(0)
    expect(answer.summary.devices).toBe(1)
    expect((await devices([BOT, '--offline'], {env})).stdout).toMatch(/told +\d+ s ago/)
    server.refuses = true
    const refused = await live(BOT)
    expect(refused.code).toBe(EXIT.failed)
    expect(refused.stderr).toContain('error:')
  })

  test('--case keeps the evidence in a file, which is audited as it stands, and never by the last run of another user', async () => {
    const {server, live, env} = await setUp(new Person(BOT).device('ONE'), new Person('@eve:example.org').device('E'))
    const file = join(env.XDG_CACHE_HOME, 'bot.case')
    expect(parse(await live(BOT, '--case', file, '--json')).case).toBe(file)
    const number = server.asked.length
    const answer = parse(await devices([file, '--json'], {env}))
    expect([answer.summary.devices, server.asked.length]).toEqual([1, number])
    expect(readFileSync(file).includes(TOKEN)).toBe(false)
    const other = await live('@eve:example.org', '--case', file)
    expect(other.code).toBe(EXIT.failed)
    expect(other.stderr).toContain(`is the case of ${BOT}, not of @eve:example.org`)
    const last = await devices([], {env})
    expect(last.stderr).toContain(`The last case: ${file}`)
  })

  test.each([60, 80, 120])('fits %i columns', async (columns) => {
    const bot = new Person(BOT).device('ONE').device('A_VERY_LONG_DEVICE_ID', {verified: false})
    const {server, env} = await setUp(bot)
    const args = [BOT, '--homeserver', server.url]
    const {stdout} = await devices(args, {env: {...env, COLUMNS: String(columns)}})
    const long = stdout.split('\n').filter((line) => line.length > columns && line.includes(' '))
    expect(long.filter((line) => !/\S{40}/.test(line))).toEqual([])
  })
})

describe('a room', () => {
  const people = (): readonly Person[] => [
    new Person(ALICE).device('ALICE1'),
    new Person(MO).device('MO1'),
    new Person(CAROL).device('CAROL1').device('CAROL2', {verified: false}),
  ]
  const room = encryptedRoom().add('hello', secret())
  const dump = dumps.write('room.ndjson', linesOf(room))

  test('of a dump: its members by the replay are asked for, in one request', async () => {
    const {server, live} = await setUp(...people())
    const ended = await live(dump, '--json')
    const answer = parse(ended)
    expect(ended.code).toBe(EXIT.done)
    expect(answer.users.map(({user_id: id}) => id)).toEqual([ALICE, CAROL, MO])
    expect(answer.summary).toMatchObject({users: 3, devices: 4, health: {healthy: 3, unverified: 1}})
    expect(answer).toMatchObject({room_id: room.roomId, room: {encrypted: true}, messages: {messages: 1}})
    expect(server.asked.filter((one) => one.includes('/keys/query'))).toHaveLength(1)
  })

  test('for people: who has trouble with a table, the others in one line', async () => {
    const {live} = await setUp(...people())
    const {stdout} = await live(dump)
    expect(stdout).toContain(`Without trouble (2): ${ALICE}, ${MO}`)
    expect(stdout.indexOf('CAROL2')).toBeGreaterThan(0)
    expect(stdout).not.toContain('ALICE1')
    expect((await live(dump, '--full')).stdout).toContain('ALICE1')
  })

  test('without access nobody is asked, and nothing is clean', async () => {
    const ended = await devices([dump, '--json'])
    expect(ended.code).toBe(EXIT.inconclusive)
    expect(parse(ended).unknown_users).toHaveLength(3)
  })

  test('of a case file: evidence comes into it, and is there without access', async () => {
    const {live, env} = await setUp(...people())
    const file = writeCase(dumps.path('into.case'), room, [{server: 'a.example', at: 'hello'}])
    expect((await live(file)).code).toBe(EXIT.done)
    expect(parse(await devices([file, '--json'], {env})).summary.devices).toBe(4)
  })

  test('of a redacted case file: its messages could not be looked at, and that is said', async () => {
    const file = writeCase(dumps.path('whole.case'), room, [{server: 'a.example', at: 'hello'}])
    const redacted = dumps.path('redacted.case')
    expect((await matrixState(['case', 'redact', file, '-o', redacted])).code).toBe(EXIT.done)
    const answer = parse(await devices([redacted, '--json']))
    expect(answer).toMatchObject({messages: {messages: 1, unreadable: 1}})
    expect(answer.not_checked.map(({id}) => id)).toEqual(
      expect.arrayContaining(['megolm/index-reused', 'megolm/signature-bad', 'megolm/rotation-overdue']),
    )
  })

  test('a member whom a merge lost is named with the devices that got no keys', async () => {
    const lost = withoutCarol().add('later', secret()).add('last', secret(MO))
    const {live} = await setUp(...people())
    const ended = await live(dumps.write('lost.ndjson', linesOf(lost)), '--json')
    expect(ended.code).toBe(EXIT.findings)
    expect(found(parse(ended)).filter((one) => !one.startsWith('note'))).toContain('error room/key-recipients-differ')
  })

  test('a hole leaves open who is in it', async () => {
    const {live} = await setUp(...people())
    const holed = linesOf(room).filter((_, index) => index !== 3)
    const ended = await live(dumps.write('holed.ndjson', holed), '--json')
    expect([ended.code, parse(ended).complete]).toEqual([EXIT.inconclusive, false])
  })
})

describe('a plan', () => {
  test('says what would be asked and asks nothing', async () => {
    const {server, live} = await setUp(new Person(BOT).device('ONE'))
    const {code, stdout} = await live(BOT, '--plan')
    expect([code, server.asked]).toEqual([EXIT.done, []])
    expect(stdout).toContain('/keys/query')
    expect(stdout).toContain('Nothing was asked')
    const {stdout: json} = await live(BOT, '--plan', '--json')
    expect(complaints('fetch-plan', JSON.parse(json))).toEqual([])
  })
})

describe('devices refuses', () => {
  test.each<[string, readonly string[], number, string]>([
    ['a user without a server', ['@bob'], EXIT.usage, 'A user ID has a server: @bob:example.org'],
    ['a sigil alone', ['@'], EXIT.usage, 'is no user ID'],
    ['a user without a sigil', ['bob:example.org'], EXIT.failed, "begins with '@': @bob:example.org"],
    ['a room whose sigil was eaten', ['AbCd:example.org'], EXIT.failed, "did the shell eat the '!'"],
    [
      'no access to a user',
      ['@bob:example.org'],
      EXIT.profileAbsent,
      '@bob:example.org is on a server, no route to it was named, and there is no profile',
    ],
    ['a file alone for a user', ['@bob:example.org', '--file', 'x'], EXIT.usage, 'no route to devices was given'],
    [
      'offline, and nothing there',
      ['@bob:example.org', '--offline'],
      EXIT.failed,
      'nothing on @bob:example.org is in the cache',
    ],
    ['a file that is not there', ['nothing.case'], EXIT.failed, 'there is no file "nothing.case"'],
  ])('%s', async (_, args, code, message) => {
    const ended = await devices(args, {env: {XDG_CACHE_HOME: mkdtempSync(join(dumps.folder, 'cache-'))}})
    expect(ended.code).toBe(code)
    expect(ended.stderr).toContain(message)
    expect(ended.stdout).toBe('')
  })
})
