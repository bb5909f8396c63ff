import {mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {describe, expect, test} from 'vitest'
import {EXIT} from '../../src/cli/exit-codes.ts'
import type {Profile} from '../../src/profile/profile.ts'
import {PROFILE} from '../profile/profiles.ts'
import {BOB, message, publicRoom} from '../rules/build.ts'
import {ROOM, StubHomeserver, USER} from '../sources/client-stub.ts'
import {realRoom, roomIdOf, sqliteOf} from '../sources/synapse-database.ts'
import {complaints} from './complaints.ts'
import {Dumps, linesOf} from './dumps.ts'
import {KeyServer, Person} from './key-server.ts'
import {type Ended, matrixState} from './program.ts'

const dumps = new Dumps()
const SECRET = 'syt_SECRET_of_the_profile'
const OTHER = 'syt_SECRET_of_the_environment'

/** A folder of profiles and an empty cache. */
function setUp(profiles: Readonly<Record<string, Partial<Profile>>> = {}) {
  const folder = mkdtempSync(join(dumps.folder, 'profiles-'))
  const cache = mkdtempSync(join(dumps.folder, 'cache-'))
  const bare = {
    homeserver: null,
    server_name: null,
    account: null,
    admin_token: null,
    signing_key_file: null,
    databases: [],
    bot: null,
  }
  for (const [name, change] of Object.entries(profiles)) {
    writeFileSync(join(folder, `${name}.json`), JSON.stringify({...PROFILE, ...bare, ...change}), {mode: 0o600})
  }
  const own = {MATRIX_STATE_PROFILE_DIR: folder, XDG_CACHE_HOME: cache}
  const run = async (args: readonly string[], env: Record<string, string> = {}): Promise<Ended> => {
    const ended = await matrixState(args, {env: {...own, ...env}})
    for (const secret of [SECRET, OTHER]) expect(ended.stdout + ended.stderr).not.toContain(secret)
    for (const file of readdirSync(cache, {recursive: true, encoding: 'utf8', withFileTypes: true})) {
      if (!file.isFile()) continue
      expect(readFileSync(join(file.parentPath, file.name)).includes('SECRET')).toBe(false)
    }
    return ended
  }
  return {folder, run}
}

const account = {user_id: USER, device_id: 'D', access_token: SECRET, own_login: false}
const byToken = (url: string): Partial<Profile> => ({homeserver: url, server_name: 'example.org', account})
const bearers = ({asked}: StubHomeserver): readonly (string | undefined)[] => [
  ...new Set(asked.map(({authorization}) => authorization).filter((one) => one !== undefined)),
]

describe('without a profile', () => {
  const commands = [
    ['resolve', ROOM],
    ['replay', ROOM],
    ['diff', ROOM],
    ['blame', ROOM, 'm.room.name'],
    ['explain', ROOM, '$event'],
    ['fetch', ROOM, '--case', '/nowhere/x.case'],
    ['fetch', ROOM, '--case', '/nowhere/x.case', '--plan'],
    ['devices', ROOM],
    ['devices', USER],
    ['devices', USER, '--plan'],
  ]
  test.each(commands.map((args) => ({args, line: args.join(' ')})))(
    '$line: ends with 5 and the line that makes one',
    async ({args}) => {
      const {run, folder} = setUp()
      const plain = await run(args)
      expect([plain.code, plain.stdout]).toEqual([EXIT.profileAbsent, ''])
      expect(plain.stderr).toBe(
        `error: ${args[1]!} is on a server, no route to it was named, and there is no profile: "${folder}/default.json" does not exist\n` +
          'hint: Make it once: matrix-state setup; or name a route: --homeserver with MATRIX_STATE_TOKEN, --database, or --signing-key with --server-name\n',
      )
      const named = await run([...args, '--profile', 'bot'])
      expect(named.code).toBe(EXIT.profileAbsent)
      expect(named.stderr).toBe(
        `error: there is no profile named bot: "${folder}/bot.json" does not exist\nhint: Make it once: matrix-state setup --profile bot\n`,
      )
      expect(readdirSync(folder)).toEqual([])
    },
  )

  test('MATRIX_STATE_PROFILE names it; profiles that there are, are named', async () => {
    const {run} = setUp({mine: {databases: ['sqlite:/x']}, yours: {databases: ['sqlite:/x']}})
    const {code, stderr} = await run(['resolve', ROOM], {MATRIX_STATE_PROFILE: 'bot'})
    expect(code).toBe(EXIT.profileAbsent)
    expect(stderr).toContain(
      'hint: Make it once: matrix-state setup --profile bot; or take one that there is: --profile mine, yours; or name',
    )
  })

  test('under --json it is a document', async () => {
    const {code, stdout} = await setUp().run(['resolve', ROOM, '--json'])
    expect(code).toBe(EXIT.profileAbsent)
    expect(complaints('error', JSON.parse(stdout))).toEqual([])
    expect(JSON.parse(stdout)).toMatchObject({error: {code: 'PROFILE_ABSENT'}})
  })

  test('a name that is none is wrong usage', async () => {
    const {run} = setUp()
    expect((await run(['resolve', ROOM, '--profile', '../x'])).code).toBe(EXIT.usage)
    expect((await run(['resolve', ROOM], {MATRIX_STATE_PROFILE: 'a b'})).code).toBe(EXIT.usage)
  })

  test('a file is read as it is, and a damaged profile is in nobody’s way', async () => {
    const {run, folder} = setUp()
    writeFileSync(join(folder, 'default.json'), '{')
    const dump = dumps.write('as-it-is.ndjson', linesOf(publicRoom('10').add('m', message(BOB))))
    for (const env of [{}, {MATRIX_STATE_PROFILE: 'default'}]) {
      expect((await run(['resolve', dump], env)).code).toBe(EXIT.done)
    }
  })
})

describe('with a profile', () => {
  test('a room is asked for with its token, at its address', async () => {
    const server = await StubHomeserver.start()
    const {run} = setUp({default: byToken(server.url)})
    await run(['resolve', ROOM])
    await run(['fetch', ROOM, '--case', dumps.path('by-profile.case')])
    expect(bearers(server)).toEqual([`Bearer ${SECRET}`])
    expect(server.count('messages')).toBeGreaterThan(1)
  })

  test('what is in the cache is read --offline, whatever became of the profile', async () => {
    const content = realRoom()
    const [room, {file}] = [roomIdOf(content), sqliteOf(content)]
    const {run, folder} = setUp({default: {databases: [`sqlite:${file}`]}, other: {databases: ['sqlite:/other.db']}})
    const state = ({stdout}: Ended): unknown => (JSON.parse(stdout) as {readonly state: unknown}).state
    const first = state(await run(['resolve', room, '--json']))
    expect(first).toHaveLength(11)
    for (const more of [[], ['--profile', 'default']]) {
      const told = await run(['resolve', room, '--json', '--offline', ...more])
      expect(told.stderr).toMatch(/^From the cache: fetched .* \(database/)
      expect(state(told)).toEqual(first)
    }
    const other = await run(['resolve', room, '--profile', 'other', '--offline'])
    const words = 'not by the access that was given'
    expect([other.code, other.stderr]).toEqual([EXIT.failed, expect.stringContaining(words)])
    writeFileSync(join(folder, 'default.json'), 'damaged')
    expect(state(await run(['resolve', room, '--json', '--offline']))).toEqual(first)
    expect((await run(['resolve', room])).stderr).toContain('default.json" cannot be used')
  })

  test('a user is audited with it', async () => {
    const bot = new Person('@bot:example.org').device('BOT')
    const server = await KeyServer.start(bot)
    const {run} = setUp({bot: {...byToken(server.url), account: {...account, user_id: bot.userId}}})
    const {code, stdout} = await run(['devices', bot.userId, '--settle', '0', '--json'], {MATRIX_STATE_PROFILE: 'bot'})
    expect(code).toBe(EXIT.done)
    expect(stdout).toContain('"BOT"')
    expect(server.asked).not.toEqual([])
  })

  test('of a database alone, no server is needed; a flag adds to it', async () => {
    const content = realRoom()
    const {file} = sqliteOf(content)
    const {run} = setUp({default: {databases: [`sqlite:${file}`]}})
    const plan = await run(['fetch', roomIdOf(content), '--case', '/nowhere/x', '--plan', '--json'])
    expect(plan.stdout).toContain(`database sqlite:${file}`)
    expect((await run(['diff', roomIdOf(content)])).code).toBe(EXIT.done)
    const both = await run([
      'fetch',
      roomIdOf(content),
      '--case',
      '/x',
      '--plan',
      '--profile',
      'default',
      '--database',
      'sqlite:/other.db',
    ])
    expect(both.stdout).toContain(`sqlite:${file}`)
    expect(both.stdout).toContain('sqlite:/other.db')
  })

  test('flags that name a route, or the homeserver of the environment, open no profile', async () => {
    const server = await StubHomeserver.start()
    const {run, folder} = setUp()
    writeFileSync(join(folder, 'default.json'), '{')
    const token = {MATRIX_STATE_TOKEN: OTHER}
    await run(['resolve', ROOM, '--homeserver', server.url], token)
    await run(['resolve', ROOM], {...token, MATRIX_STATE_HOMESERVER: server.url, MATRIX_STATE_PROFILE: 'default'})
    expect(bearers(server)).toEqual([`Bearer ${OTHER}`])
    expect(server.count('whoami')).toBe(2)
  })

  test('a token of the environment, or of a file, comes before that of the profile', async () => {
    const [one, two] = [await StubHomeserver.start(), await StubHomeserver.start()]
    const {run} = setUp({one: byToken(one.url), two: byToken(two.url)})
    await run(['resolve', ROOM, '--profile', 'one'], {MATRIX_STATE_TOKEN: OTHER})
    expect(bearers(one)).toEqual([`Bearer ${OTHER}`])
    await run(['resolve', ROOM, '--profile', 'two', '--token-file', dumps.write('token', `${OTHER}\n`)])
    expect(bearers(two)).toEqual([`Bearer ${OTHER}`])
  })

  test('no token goes to an address that is not that of the profile', async () => {
    const [mine, theirs] = [await StubHomeserver.start(), await StubHomeserver.start()]
    const {run} = setUp({default: byToken(mine.url)})
    const typed = await run(['resolve', ROOM, '--profile', 'default', '--homeserver', theirs.url])
    expect(typed.code).toBe(EXIT.usage)
    expect(typed.stderr).toContain(
      `hint: If the server has moved: matrix-state setup --modify --profile default --homeserver ${theirs.url}.`,
    )
    // Neither the profile's token there, nor the token for there to the profile's server.
    const env = {MATRIX_STATE_HOMESERVER: theirs.url, MATRIX_STATE_TOKEN: OTHER}
    const set = await run(['devices', USER, '--profile', 'default'], env)
    expect([set.code, set.stderr]).toEqual([EXIT.usage, expect.stringContaining('unset MATRIX_STATE_HOMESERVER')])
    expect([mine.asked, theirs.asked]).toEqual([[], []])
    // The same one in other words is no other.
    await run(['resolve', ROOM, '--profile', 'default', '--homeserver', `${mine.url}/`])
    expect(bearers(mine)).toEqual([`Bearer ${SECRET}`])
  })

  test('a redirection of the homeserver takes no token along', async () => {
    const [mine, theirs] = [await StubHomeserver.start(), await StubHomeserver.start()]
    const away = (_: unknown, response: {writeHead: (status: number, headers: object) => {end: () => void}}): void => {
      response.writeHead(307, {location: `${theirs.url}/_matrix/client/v3/account/whoami`}).end()
    }
    mine.next('whoami', away as never, away as never)
    const {run} = setUp({default: byToken(mine.url)})
    await run(['resolve', ROOM])
    expect(bearers(theirs)).toEqual([])
  })

  test('diff of a case asks with the signing key of a profile that is typed, and needs one', async () => {
    const {run} = setUp({
      none: {databases: ['sqlite:/x']},
      bad: {server_name: 'a.example', signing_key_file: '/nowhere/a.key'},
    })
    const room = publicRoom('10').add('m', message(BOB))
    const file = dumps.path('profiled.case')
    const dump = dumps.write('profiled.ndjson', linesOf(room))
    await run(['fetch', room.roomId, '--case', file, '--file', dump])
    const none = await run(['diff', file, '--profile', 'none'])
    expect([none.code, none.stderr]).toEqual([
      EXIT.usage,
      expect.stringContaining('the profile none has no signing key'),
    ])
    // Nothing diverges: the key is not even looked for.
    expect((await run(['diff', file, '--profile', 'bad'])).stderr).not.toContain('a.key')
    expect((await run(['diff', file, '--profile', 'absent'])).code).toBe(EXIT.profileAbsent)
    expect((await run(['diff', file])).code).not.toBe(EXIT.profileAbsent)
  })

  test('damaged, newer or readable by others: said, with exit code 4', async () => {
    const {run, folder} = setUp()
    mkdirSync(join(folder, 'folder.json'))
    writeFileSync(join(folder, 'cut.json'), JSON.stringify({...PROFILE, ...byToken('https://x')}).slice(0, -40), {
      mode: 0o600,
    })
    writeFileSync(join(folder, 'newer.json'), '{"schema":"matrix-state/profile/2"}', {mode: 0o600})
    writeFileSync(join(folder, 'open.json'), JSON.stringify(PROFILE), {mode: 0o644})
    const cases: [string, string][] = [
      ['folder', 'it is a folder'],
      ['cut', 'it is truncated: it ends in the middle'],
      ['newer', 'made by a newer matrix-state; update this one'],
      ...(process.platform === 'win32' ? [] : [['open', `hint: chmod 600 ${folder}/open.json\n`] as [string, string]]),
    ]
    for (const [name, words] of cases) {
      const {code, stderr} = await run(['resolve', ROOM, '--profile', name])
      expect([code, stderr]).toEqual([EXIT.failed, expect.stringContaining(words)])
    }
  })
})
