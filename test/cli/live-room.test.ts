import {spawn} from 'node:child_process'
import {createHash} from 'node:crypto'
import {existsSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync} from 'node:fs'
import {type AddressInfo, createServer} from 'node:net'
import {join} from 'node:path'
import {describe, expect, onTestFinished, test, vi} from 'vitest'
import {EXIT} from '../../src/cli/exit-codes.ts'
import {roomOrLastCase} from '../../src/cli/room-command.ts'
import {TOKEN} from '../sources/client-stub.ts'
import {realRoom, roomIdOf, sqliteOf} from '../sources/synapse-database.ts'
import {BOB, message, publicRoom, topic} from '../rules/build.ts'
import {Dumps, linesOf, serverRoom} from './dumps.ts'
import {type Ended, matrixState, ROOT} from './program.ts'

const dumps = new Dumps()

interface Document {
  readonly complete: boolean
  readonly unknowable: readonly string[]
  readonly state: readonly {readonly type: string; readonly event_id: string}[]
  readonly summary: Record<string, unknown> & {readonly events: number; readonly divergences: Record<string, number>}
  readonly findings: readonly {readonly id: string; readonly subject: object}[]
}
const parse = ({stdout}: Ended): Document => JSON.parse(stdout) as Document

/** The database of these tests holds no keys. */
const UNCHECKED = "Signatures were not checked: no server's keys are here. --keys FILE gives them.\n"

/** A room in a Synapse's database, and a cache that is empty. */
function setUp() {
  const content = realRoom()
  const {file, open} = sqliteOf(content)
  const cache = mkdtempSync(join(dumps.folder, 'cache-'))
  const room = roomIdOf(content)
  const env = {XDG_CACHE_HOME: cache}
  const resolve = (...args: readonly string[]) => matrixState(['resolve', room, ...args], {env})
  const database = ['--database', `sqlite:${file}`] as const
  return {room, file, open, cache, env, resolve, database, live: (...args: string[]) => resolve(...database, ...args)}
}

/** All files below a folder, with their modes. */
function filesIn(folder: string): readonly {readonly path: string; readonly mode: number}[] {
  return readdirSync(folder, {recursive: true, encoding: 'utf8'}).map((name) => {
    const path = join(folder, name)
    return {path, mode: statSync(path).mode & 0o777}
  })
}

const caseIn = (cache: string): string => filesIn(cache).find(({path}) => path.endsWith('.case'))!.path

describe('a room in a database', () => {
  test('is resolved without any server, and held against what the server has', async () => {
    const {live, open, cache, room} = setUp()
    const first = await live('--json')
    expect([first.code, first.stderr]).toEqual([EXIT.done, UNCHECKED])
    expect(parse(first)).toMatchObject({
      complete: true,
      summary: {events: 23, divergences: {'localhost:40687': 0}},
    })
    expect(parse(first).state).toHaveLength(11)
    for (const {path, mode} of filesIn(cache)) {
      expect([path, mode]).toEqual([path, statSync(path).isDirectory() ? 0o700 : 0o600])
      expect(path).not.toContain(room.slice(1, 10))
    }
    open.exec("DELETE FROM current_state_events WHERE type = 'm.room.topic'")
    const second = await live('--json', '--fail-on', 'warning')
    expect(second.code).toBe(EXIT.findings)
    expect(parse(second).findings).toMatchObject([{id: 'state/divergence', subject: {type: 'm.room.topic'}}])
  })

  test('is explained from its case in the cache, which has the copies of its events', async () => {
    const {room, env, database, open} = setUp()
    // Of a message the replay itself looks at no content: only its text tells.
    const found = open.prepare("SELECT event_id FROM events WHERE type = 'm.room.message' AND outlier = 0").get()
    const eventId = String(found?.['event_id'])
    for (const access of [database, ['--offline']]) {
      const {stdout} = await matrixState(['explain', room, eventId, ...access, '--json'], {env})
      const {checks} = JSON.parse(stdout) as {checks: readonly object[]}
      expect(checks).toContainEqual(expect.objectContaining({name: 'content-hash', outcome: 'passed'}))
    }
  })

  test('is resolved from the cache with --offline: as it was, with its age, and nobody is asked', async () => {
    const {live, resolve, open} = setUp()
    await live()
    open.exec("DELETE FROM current_state_events WHERE type = 'm.room.topic'")
    for (const ended of [await resolve('--offline', '--json'), await live('--offline', '--json')]) {
      expect(ended.code).toBe(EXIT.done)
      expect(ended.stderr).toMatch(
        /^From the cache: fetched (just now|\d+ seconds? ago) \(database sqlite:.*\); nobody/,
      )
      expect(parse(ended).summary.divergences).toEqual({'localhost:40687': 0})
      expect(parse(ended).unknowable).toContainEqual(expect.stringMatching(/^what happened since 20\d\d-.*Z/))
    }
    const other = await resolve('--offline', '--database', 'sqlite:/nowhere/other.db')
    expect(other.code).toBe(EXIT.failed)
    expect(other.stderr).toMatch(/is in the cache as database sqlite:.*not by the access that was given/)
  })

  test('that is not in the cache is refused offline, with the line to type', async () => {
    const {live, resolve, room, file} = setUp()
    const ended = await live('--offline', '--type', "it's")
    expect([ended.code, ended.stdout]).toEqual([EXIT.failed, ''])
    expect(ended.stderr).toBe(
      `error: ${room} is not in the cache\n` +
        `hint: Fetch it first: matrix-state resolve '${room}' --database sqlite:${file} --type 'it'\\''s'\n`,
    )
    const bare = await resolve('--offline')
    expect(bare.stderr).toContain(`hint: Fetch it first: matrix-state resolve '${room}'\n`)
  })

  test('keeps what was deleted since; --refresh does not, and leaves one case', async () => {
    const {live, open, cache} = setUp()
    await live()
    open.exec(`DELETE FROM events WHERE event_id = '$nvvAp57NoeVOi_g2wur3kQ1SJpRNehvN_CmHA8GsLVk'`)
    open.exec(`DELETE FROM event_json WHERE event_id = '$nvvAp57NoeVOi_g2wur3kQ1SJpRNehvN_CmHA8GsLVk'`)
    open.exec(`DELETE FROM event_to_state_groups WHERE event_id = '$nvvAp57NoeVOi_g2wur3kQ1SJpRNehvN_CmHA8GsLVk'`)
    open.exec(`UPDATE event_forward_extremities SET event_id = '$pEqwgh3vn9D3YACIJ0vpNx0koUcocjSv-CVOyeP9I8c'`)
    expect(parse(await live('--json')).summary.events).toBe(23)
    expect(parse(await live('--json', '--refresh')).summary.events).toBe(22)
    expect(parse(await live('--json')).summary.events).toBe(22)
    expect(filesIn(cache).filter(({path}) => /\.(case|new)/.test(path))).toHaveLength(1)
  })

  test.each(['damaged', 'of an older schema'])(
    'with a cached case that is %s: it is told, and made anew',
    async (how) => {
      const {live, resolve, cache} = setUp()
      const whole = await live('--json')
      const bytes = readFileSync(caseIn(cache))
      if (how === 'damaged') bytes.fill(0x2a, 100, 9000)
      else bytes.writeUInt32BE(0, 60)
      writeFileSync(caseIn(cache), bytes)
      const again = await live('--json')
      expect([again.code, again.stderr]).toEqual([
        EXIT.done,
        `The case in the cache was ${how}: it was made anew.\n${UNCHECKED}`,
      ])
      expect(again.stdout).toBe(whole.stdout)
      expect((await resolve('--offline')).code).toBe(EXIT.done)
    },
  )

  test('may be asked for by two commands at once', async () => {
    const {live, cache} = setUp()
    const both = await Promise.all([live('--json'), live('--json'), live('--json', '--refresh')])
    expect(both.map(({code, stderr}) => [code, stderr])).toEqual(both.map(() => [EXIT.done, UNCHECKED]))
    expect(new Set(both.map(({stdout}) => stdout)).size).toBe(1)
    expect(filesIn(cache).filter(({path}) => /\.(case|new|-wal)/.test(path))).toHaveLength(1)
  })

  test('is inconclusive while a homeserver that was also to be asked is down', async () => {
    const {live} = setUp()
    const gone = createServer()
    await new Promise<void>((resolve) => gone.listen(0, 'localhost', resolve))
    const {port} = gone.address() as AddressInfo
    await new Promise((resolve) => gone.close(resolve))
    const token = dumps.write('token', TOKEN)
    const ended = await live('--json', '--homeserver', `http://localhost:${String(port)}`, '--token-file', token)
    expect(ended.code).toBe(EXIT.inconclusive)
    expect(parse(ended)).toMatchObject({complete: false, summary: {missing: 0}})
    expect(ended.stderr).toMatch(/^client http:\/\/localhost:\d+: Nothing accepts connections/)
    expect(ended.stderr).not.toContain(TOKEN)
  })

  test('that cannot be read any more is not taken from the cache unasked', async () => {
    const {live, open, cache} = setUp()
    await live()
    const refused = async () => {
      const ended = await live()
      expect([ended.code, ended.stdout]).toEqual([EXIT.failed, ''])
      expect(ended.stderr).toMatch(/--offline takes what was fetched (just now|\d+ seconds? ago)\.\n$/)
      expect(existsSync(caseIn(cache))).toBe(true)
    }
    for (const table of ['rooms', 'events', 'event_json', 'current_state_events']) open.exec(`DELETE FROM ${table}`)
    await refused()
    open.exec('DROP TABLE event_json')
    await refused()
  })

  test('is held against a state that another server reported, for this run only', async () => {
    const {live, open} = setUp()
    const rows = open.prepare("SELECT event_id FROM current_state_events WHERE type <> 'm.room.topic'").all()
    const ids = rows.map(({event_id: id}) => id)
    const reported = dumps.write('reported.json', JSON.stringify(ids))
    const ended = await live('--json', '--reported', `other.example=${reported}`)
    expect(parse(ended).summary.divergences).toEqual({'localhost:40687': 0, 'other.example': 1})
    expect(parse(await live('--json')).summary.divergences).toEqual({'localhost:40687': 0})
  })
})

describe('files beside a file', () => {
  const room = publicRoom('10').add('topic', topic()).add('bad', topic(BOB)).at('topic').add('last', message())
  const dump = dumps.write('room.ndjson', linesOf(room))
  const ids = ['create', 'alice', 'levels', 'rules', 'mo', 'carol'].map((name) => room.id(name))
  const reported = `b.example=${dumps.write('beside.json', JSON.stringify(ids))}`

  test('--reported is compared with the replay of a dump, of standard input and of a case, which stay as they are', async () => {
    const path = dumps.path('beside.case')
    await matrixState(['fetch', room.roomId, '--case', path, '--file', dump])
    const before = createHash('sha256').update(readFileSync(path)).digest('hex')
    for (const [argument, input] of [[dump], ['-', readFileSync(dump)], [path]] as const) {
      const how = input === undefined ? {} : {input}
      const ended = await matrixState(['resolve', argument, '--reported', reported, '--json'], how)
      expect([argument, ended.code]).toEqual([argument, EXIT.done])
      expect(parse(ended).summary.divergences).toEqual({'b.example': 1})
      expect(parse(ended).findings).toContainEqual(
        expect.objectContaining({id: 'state/divergence', subject: expect.objectContaining({type: 'm.room.topic'})}),
      )
    }
    expect(createHash('sha256').update(readFileSync(path)).digest('hex')).toBe(before)
    expect(readdirSync(dumps.folder).filter((name) => name.startsWith('beside.case'))).toEqual(['beside.case'])
  })

  test('--file fills the holes of a dump', async () => {
    const holed = linesOf(room).filter((_, index) => index !== room.names.indexOf('topic'))
    const path = dumps.write('holed.ndjson', holed)
    expect((await matrixState(['resolve', path])).code).toBe(EXIT.inconclusive)
    const ended = await matrixState(['resolve', path, '--file', dump, '--json'])
    expect([ended.code, parse(ended).complete]).toEqual([EXIT.done, true])
  })

  test('--keys has signatures checked, of a dump and of a case', async () => {
    const real = serverRoom('conflict-v6')
    const {servers} = JSON.parse(readFileSync(join(import.meta.dirname, '../matrix/room-keys.json'), 'utf8')) as {
      readonly servers: unknown
    }
    const keys = dumps.write('keys.json', JSON.stringify(servers))
    const spoilt = real.lines.map((line) => {
      const event = JSON.parse(line) as {type: string; signatures: Record<string, Record<string, string>>}
      if (event.type !== 'm.room.name') return line
      for (const signed of Object.values(event.signatures)) {
        for (const [id, value] of Object.entries(signed)) signed[id] = `A${value.slice(1)}`
      }
      return JSON.stringify(event)
    })
    const forged = dumps.write('forged.ndjson', spoilt)
    const path = dumps.path('forged.case')
    const {room_id: roomId} = JSON.parse(real.lines[1]!) as {room_id: string}
    await matrixState(['fetch', roomId, '--case', path, '--file', forged])
    for (const argument of [forged, path]) {
      const plain = await matrixState(['resolve', argument, '--json'])
      expect(parse(plain).findings.filter(({id}) => id === 'dag/bad-signature')).toEqual([])
      const checked = await matrixState(['resolve', argument, '--keys', keys, '--json'])
      expect(parse(checked).findings).toContainEqual(expect.objectContaining({id: 'dag/bad-signature'}))
      expect(checked.stderr).not.toContain('not checked')
    }
  })

  test.each([
    ['--homeserver', 'https://example.org'],
    ['--database', 'sqlite:x.db'],
    ['--with', 'example.org'],
    ['--from', 'client'],
    ['--refresh'],
    ['--profile', 'bot'],
  ])('%s is for rooms on servers, and the hint says how to have both', async (...flags) => {
    const {code, stderr} = await matrixState(['resolve', dump, ...flags])
    expect(code).toBe(EXIT.usage)
    expect(stderr).toMatch(new RegExp(`^error: ${flags[0]} is for a room on servers.*\\nhint: .*--file ${dump}`))
  })

  test('a homeserver in the environment is no flag', async () => {
    const env = {MATRIX_STATE_HOMESERVER: 'https://example.org', MATRIX_STATE_TOKEN: TOKEN}
    expect((await matrixState(['resolve', dump], {env})).code).toBe(EXIT.done)
  })

  test('made-up IDs cannot be put together with anything', async () => {
    const {code, stderr} = await matrixState(['resolve', dump, '--trust-ids', '--reported', reported])
    expect(code).toBe(EXIT.usage)
    expect(stderr).toMatch(/--trust-ids is for test data/)
  })

  test('a room ID with files alone asks nobody and caches nothing', async () => {
    const cache = mkdtempSync(join(dumps.folder, 'cache-'))
    const args = ['resolve', room.roomId, '--file', dump, '--reported', reported, '--json']
    const ended = await matrixState(args, {env: {XDG_CACHE_HOME: cache}})
    expect([ended.code, parse(ended).summary.divergences]).toEqual([EXIT.done, {'b.example': 1}])
    expect(readdirSync(cache)).toEqual([])
  })
})

test('a cache that cannot be made says what to do', async () => {
  const {resolve: _, room, database} = setUp()
  const file = dumps.write('no-folder', '')
  const {code, stderr} = await matrixState(['resolve', room, ...database], {env: {XDG_CACHE_HOME: file}})
  expect(code).toBe(EXIT.failed)
  expect(stderr).toMatch(/^error: the cache folder .*no-folder.* cannot be used: E\w+\nhint: Set XDG_CACHE_HOME/)
})

test('the last case stands for a room that is not given', async () => {
  const {env, live, resolve, room, database, cache} = setUp()
  vi.stubEnv('XDG_CACHE_HOME', cache)
  onTestFinished(() => void vi.unstubAllEnvs())
  expect(() => roomOrLastCase(undefined)).toThrow('no room was given, and there is no case that was used before')
  await live()
  expect(roomOrLastCase(undefined)).toBe(caseIn(cache))
  const fetched = dumps.path('last.case')
  await matrixState(['fetch', room, '--case', fetched, ...database], {env})
  expect(roomOrLastCase(undefined)).toBe(fetched)
  await resolve('--offline')
  expect([roomOrLastCase(undefined), roomOrLastCase('room.ndjson')]).toEqual([caseIn(cache), 'room.ndjson'])
})

test('a hostile room ID makes no path', async () => {
  const cache = mkdtempSync(join(dumps.folder, 'cache-'))
  const {database} = setUp()
  const {code} = await matrixState(['resolve', '!../../../../escape:x', ...database], {env: {XDG_CACHE_HOME: cache}})
  expect(code).toBe(EXIT.failed)
  for (const {path} of filesIn(cache)) expect(path).not.toContain('escape')
})

test('Ctrl-C leaves a cache that the next run goes on with', async () => {
  const {StubHomeserver, silence} = await import('../sources/client-stub.ts')
  const server = await StubHomeserver.start()
  const asked = new Promise<void>((resolve) => {
    server.next('messages', (request, response) => {
      silence(request, response)
      resolve()
    })
  })
  const cache = mkdtempSync(join(dumps.folder, 'cache-'))
  const args = ['resolve', '!room:example.org', '--homeserver', server.url]
  const env = {...process.env, XDG_CACHE_HOME: cache, MATRIX_STATE_TOKEN: TOKEN}
  const child = spawn(process.execPath, [join(ROOT, 'bin/run.js'), ...args], {env})
  onTestFinished(() => void child.kill('SIGKILL'))
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  await asked
  child.kill('SIGINT')
  expect(await ended).toBe(EXIT.interrupted)
  const info = await matrixState(['case', 'info', caseIn(cache), '--json'])
  expect(JSON.parse(info.stdout)).toMatchObject({summary: {events: 4}})
  server.next('messages')
  const again = await matrixState([...args, '--json'], {env})
  expect(again.code).not.toBe(EXIT.interrupted)
})
