/** Many rooms: whatever becomes of one, the others go on, and what is done stays done. */
import {execFileSync} from 'node:child_process'
import {readdirSync, readFileSync, renameSync, statSync, truncateSync, utimesSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {describe, expect, test, vi} from 'vitest'
import type {CheckReport, RoomCheck} from '../../src/investigate/check-report.ts'
import {caseNameOf, type CheckOptions, checkRooms, type RunJudging} from '../../src/investigate/check-rooms.ts'
import {Dumps, linesOf} from '../cli/dumps.ts'
import {message, publicRoom, topic} from '../rules/build.ts'
import {reportedRoom, writeRoomCase} from '../scenarios/room-case.ts'
import {drips, ROOM, TOKEN} from '../sources/client-stub.ts'
import {RoomServer} from '../sources/room-stub.ts'
import {realRoom, roomIdOf, sqliteOf, testFolder} from '../sources/synapse-database.ts'

const dumps = new Dumps()
const JUDGING: RunJudging = {baselineOf: null, ignore: new Set(), failOn: 'error'}
const FAULTY = new URL('./fixture/faulty-check-worker.ts', import.meta.url)

const given = (...rooms: readonly string[]): CheckOptions['rooms'] => rooms.map((room) => ({room, listed: true}))
function run(rooms: readonly string[], options: Partial<CheckOptions> = {}): Promise<CheckReport> {
  return checkRooms({
    rooms: given(...rooms),
    access: {},
    judging: JUDGING,
    jobs: 2,
    signal: new AbortController().signal,
    nowMs: Date.now,
    ...options,
  })
}
const verdicts = ({rooms}: CheckReport): Readonly<Record<string, string>> =>
  Object.fromEntries(rooms.map(({room, verdict, error}) => [room, error?.code ?? verdict]))

const whole = linesOf(publicRoom('10').add('topic', topic()).add('last', message()))
const rooms = Array.from({length: 6}, (_, index) => dumps.write(`room-${String(index)}.ndjson`, whole))
const holed = dumps.write(
  'holed.ndjson',
  whole.filter((_, index) => index !== 5),
)
const none = dumps.write('none.ndjson', 'no event\n')

describe('rooms side by side', () => {
  test('each has its verdict, in the order in which they were given', async () => {
    const all = [none, ...rooms, holed]
    const report = await run(all)
    expect(report.rooms.map(({room}) => room)).toEqual(all)
    expect(verdicts(report)).toMatchObject({[none]: 'DUMP_MALFORMED', [holed]: 'inconclusive', [rooms[0]!]: 'clean'})
    expect(report.notes.join()).toContain('7 rooms were compared with no server')
    expect(report.unfinished).toBeUndefined()
  })

  test('a room that is given twice is checked once, however its path is written', async () => {
    const [first = ''] = rooms
    const report = await run([first, first.replace(/\/([^/]+)$/, '/./$1'), rooms[1]!])
    expect(report.rooms).toHaveLength(2)
    expect(report.notes).toContain('1 room was given twice.')
  })

  test('a finding that is ignored does not count, but stands there', async () => {
    const judging: RunJudging = {...JUDGING, failOn: 'warning'}
    const counted = await run([holed], {judging})
    expect(counted.rooms[0]).toMatchObject({verdict: 'findings'})
    const ignored = await run([holed], {judging: {...judging, ignore: new Set(['dag/missing-event'])}})
    expect(ignored.rooms[0]?.verdict).toBe('inconclusive')
    expect(ignored.rooms[0]?.findings).toContainEqual(expect.objectContaining({notCounted: {why: 'ignored'}}))
  })

  test('two shards together are the whole, and a room that comes moves no other', async () => {
    const all = [...rooms, holed]
    const shards = await Promise.all(
      [1, 2, 3].map(async (index) => (await run(all, {shard: {index, of: 3}})).rooms.map(({room}) => room)),
    )
    expect(shards.flat().toSorted()).toEqual(all.toSorted())
    const more = await run([none, ...all], {shard: {index: 1, of: 3}})
    expect(more.rooms.map(({room}) => room).filter((room) => room !== none)).toEqual(shards[0])
  })
})

describe('a room whose process is lost has failed, and the others are checked', () => {
  test.each<[string, string, Partial<CheckOptions>]>([
    ['!loop', 'TIMED_OUT', {timeoutMs: 300}],
    ['!silent', 'TIMED_OUT', {timeoutMs: 300}],
    ['!exit', 'PROCESS_ENDED', {}],
    ['!throw', 'PROCESS_ENDED', {}],
    ['!heap', 'OUT_OF_MEMORY', {memoryMb: 48}],
    ['!bytes', 'OUT_OF_MEMORY', {memoryMb: 256}],
  ])('%s: %s', async (bad, code, options) => {
    const report = await run([`${bad}-1:x`, '!a:x', `${bad}-2:x`, '!b:x'], {...options, workerUrl: FAULTY})
    expect(verdicts(report)).toEqual({[`${bad}-1:x`]: code, '!a:x': 'clean', [`${bad}-2:x`]: code, '!b:x': 'clean'})
    expect(report.rooms[0]?.verdict).toBe('failed')
  })

  test('a real room that takes too long', async () => {
    const long = publicRoom('10')
    for (let number = 0; number < 3000; number += 1) long.add(`message ${String(number)}`, message())
    const path = dumps.write('long.ndjson', linesOf(long))
    const report = await run([path], {timeoutMs: 1})
    expect(report.rooms[0]).toMatchObject({verdict: 'failed', error: {code: 'TIMED_OUT'}})
  })

  test('a bug is told as one, with where it is, and the process goes on', async () => {
    const stacks: string[] = []
    const report = await run([rooms[0]!, rooms[1]!], {
      access: null as never,
      jobs: 1,
      onBug: (stack) => stacks.push(stack),
    })
    expect(report.rooms.map(({error}) => error?.code)).toEqual(['BUG', 'BUG'])
    expect(stacks.join()).toContain('check-room.ts')
  })

  test('what is thrown while a room is reported ends everything', async () => {
    const onRoom = (): Promise<void> => Promise.reject(new Error('the pipe is closed'))
    await expect(run(rooms, {onRoom})).rejects.toThrow('the pipe is closed')
  })
})

describe('Ctrl-C', () => {
  test('what is done is the report, and what is not is counted', async () => {
    const stop = new AbortController()
    const onRoom = ({room}: RoomCheck): void => {
      if (room === '!b:x') stop.abort()
    }
    const report = await run(['!a:x', '!b:x', '!silent:x', '!c:x'], {
      jobs: 1,
      onRoom,
      signal: stop.signal,
      workerUrl: FAULTY,
    })
    expect(verdicts(report)).toEqual({'!a:x': 'clean', '!b:x': 'clean'})
    expect(report.unfinished).toBe(2)
  })

  test('a room that is under way is stopped', async () => {
    const stop = new AbortController()
    const onRoom = (): void => {
      stop.abort()
    }
    const running = run(['!loop:x', '!a:x'], {onRoom, signal: stop.signal, workerUrl: FAULTY})
    expect((await running).unfinished).toBe(1)
  })
})

describe('a journal', () => {
  test('is of one run at a time; the next one may have it when that has ended', async () => {
    const path = dumps.path('shared.ndjson')
    let second: unknown
    const onRoom = async (): Promise<void> => {
      second ??= await journaled(path, rooms).catch((error: unknown) => error)
    }
    const first = await journaled(path, rooms, {onRoom})
    expect(second).toMatchObject({code: 'OUTPUT_FAILED'})
    expect(String(second)).toContain('is in use by another run of check')
    const fresh = dumps.path('alone.ndjson')
    await journaled(fresh, rooms)
    const keys = (of: string) =>
      readFileSync(of, 'utf8')
        .match(/"key":"[^"]+"/g)
        ?.sort()
    expect(keys(path)).toEqual(keys(fresh))
    expect(first.rooms).toHaveLength(rooms.length)
    expect((await journaled(path, rooms)).rooms).toHaveLength(rooms.length)
  })

  const question = {all_rooms: false, database: ['sqlite:x']}
  const journaled = (path: string, names: readonly string[], options: Partial<CheckOptions> = {}) =>
    run(names, {journal: {path, question}, ...options})
  /** As a run leaves it that was killed after two rooms. */
  async function killed(name: string, tail = ''): Promise<string> {
    const path = dumps.path(name)
    await journaled(path, rooms.slice(0, 2))
    const lines = readFileSync(path, 'utf8').split('\n').slice(0, 3)
    writeFileSync(path, `${lines.join('\n')}\n${tail}`)
    return path
  }

  test('is gone on with: what is done is not done again, and is the same as if it were', async () => {
    const path = await killed('killed.ndjson')
    const checked = vi.fn()
    const resumed = await journaled(path, rooms, {onProgress: ({now}) => (now === undefined ? undefined : checked())})
    expect(resumed.resumed).toBe(2)
    expect(resumed.notes.join()).toMatch(/Gone on with a run that began .* UTC: 2 rooms were checked by it\./)
    const fresh = await run(rooms)
    const plain = ({rooms: all}: CheckReport) => all.map(({seconds: _, ...check}) => check)
    expect(plain(resumed)).toEqual(plain(fresh))
  })

  test.each<[string, string]>([
    ['in the middle of a line', '{"key":"/x","outcome":{"room":"/x","fin'],
    ['in the middle of a character', Buffer.from('{"key":"é').subarray(0, 9).toString('latin1')],
  ])('that was torn %s is gone on with, and can be read again', async (name, tail) => {
    const path = await killed(`${name}.ndjson`, tail)
    expect((await journaled(path, rooms.slice(0, 4))).resumed).toBe(2)
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
    expect(lines.map((line) => Object.keys(JSON.parse(line) as object)[0])).toEqual([
      'schema',
      'key',
      'key',
      'key',
      'key',
      'end',
    ])
  })

  test('that was cut within its header is begun anew', async () => {
    const path = await killed('header.ndjson')
    truncateSync(path, 20)
    expect((await journaled(path, rooms.slice(0, 2))).resumed).toBe(0)
    expect(readFileSync(path, 'utf8').split('\n')[0]).toContain('matrix-state/check-journal/1')
  })

  test('of a run that came to its end is begun anew: what was true then need not be true now', async () => {
    const path = dumps.path('ended.ndjson')
    await journaled(path, rooms.slice(0, 2))
    const again = await journaled(path, rooms.slice(0, 2))
    expect(again.resumed).toBe(0)
    expect(readFileSync(path, 'utf8').trimEnd().split('\n')).toHaveLength(4)
  })

  test('rooms that failed are tried again', async () => {
    const path = dumps.path('failed.ndjson')
    const late = dumps.path('late.ndjson')
    await journaled(path, [late, rooms[0]!])
    writeFileSync(path, readFileSync(path, 'utf8').replace(/\{"end".*\n/, ''))
    writeFileSync(late, whole.join('\n'))
    const again = await journaled(path, [late, rooms[0]!])
    expect([again.resumed, verdicts(again)]).toEqual([1, {[late]: 'clean', [rooms[0]!]: 'clean'}])
  })

  test('may be judged otherwise when it is gone on with', async () => {
    const path = dumps.path('judged.ndjson')
    await journaled(path, [holed])
    writeFileSync(path, readFileSync(path, 'utf8').replace(/\{"end".*\n/, ''))
    const again = await journaled(path, [holed], {judging: {...JUDGING, failOn: 'warning'}})
    expect([again.resumed, verdicts(again)]).toEqual([1, {[holed]: 'findings'}])
  })

  test.each<[string, (path: string) => void, string]>([
    ['of another question', () => undefined, 'was asked something else: database'],
    [
      'that is damaged',
      (path) => {
        writeFileSync(path, readFileSync(path, 'utf8').replace('"outcome"', '"outcom'))
      },
      'is damaged in line 2',
    ],
    [
      'that is something else',
      (path) => {
        writeFileSync(path, 'dear diary\n')
      },
      'is no journal of check',
    ],
    [
      'that is something else without a line',
      (path) => {
        writeFileSync(path, 'dear diary')
      },
      'is no journal of check',
    ],
  ])('%s is refused, and stays as it is', async (name, spoil, why) => {
    const path = await killed(`refused ${name}.ndjson`)
    spoil(path)
    const before = readFileSync(path, 'utf8')
    const other = name === 'of another question' ? {...question, database: ['sqlite:y']} : question
    await expect(run(rooms, {journal: {path, question: other}})).rejects.toThrow(why)
    expect(readFileSync(path, 'utf8')).toBe(before)
  })

  test.each<[string, (path: string, before: string) => void]>([
    [
      'has other contents',
      (path, before) => {
        writeFileSync(path, before.replace('"last"', '"late"'))
      },
    ],
    [
      'has other contents of the same length and time',
      (path, before) => {
        const {atime, mtime} = statSync(path)
        writeFileSync(path, before.replace(/.$/s, ' '))
        utimesSync(path, atime, mtime)
      },
    ],
    [
      'is another file under its name',
      (path, before) => {
        writeFileSync(`${path}.new`, before)
        renameSync(`${path}.new`, path)
      },
    ],
  ])('a file that %s is checked again, and that is told', async (name, change) => {
    const path = dumps.path(`journal ${name}.ndjson`)
    const room = dumps.write(`room ${name}.ndjson`, whole)
    const asked = [room, rooms[0]!]
    await journaled(path, asked)
    writeFileSync(path, readFileSync(path, 'utf8').replace(/\{"end".*\n/, ''))
    change(room, readFileSync(room, 'utf8'))
    const again = await journaled(path, asked)
    expect(again.resumed).toBe(1)
    expect(again.notes).toContain('1 room was checked again: a file that was read for it has changed since.')
  })

  test('evidence beside a room that has changed makes it be checked again', async () => {
    const [path, more] = [dumps.path('beside.ndjson'), dumps.write('more.ndjson', whole)]
    const access = {files: [more]}
    await journaled(path, [holed], {access})
    writeFileSync(path, readFileSync(path, 'utf8').replace(/\{"end".*\n/, ''))
    writeFileSync(more, whole.slice(0, 5).join('\n'))
    const again = await journaled(path, [holed], {access})
    expect([again.resumed, verdicts(again)]).toEqual([0, {[holed]: 'inconclusive'}])
  })

  test('a case file that nobody wrote into is not checked again', async () => {
    const [path, room] = [
      dumps.path('case.ndjson'),
      writeRoomCase(dumps.path('r.case'), reportedRoom('restricted-v10')),
    ]
    await journaled(path, [room])
    writeFileSync(path, readFileSync(path, 'utf8').replace(/\{"end".*\n/, ''))
    expect((await journaled(path, [room])).resumed).toBe(1)
  })

  test('a finding in it that is none is refused', async () => {
    const path = await killed('no-finding.ndjson')
    writeFileSync(path, readFileSync(path, 'utf8').replace('"findings":[]', '"findings":[null]'))
    await expect(run(rooms, {journal: {path, question}})).rejects.toThrow('is damaged in line 2')
  })

  test.skipIf(process.platform === 'win32')('a pipe is refused at once', async () => {
    const path = dumps.path('pipe')
    execFileSync('mkfifo', [path])
    await expect(run(rooms, {journal: {path, question}})).rejects.toThrow('is no journal of check')
  })

  test('is on the disk when a room is told', async () => {
    const path = dumps.path('at-once.ndjson')
    const seen: number[] = []
    const onRoom = (): void => {
      seen.push(readFileSync(path, 'utf8').trimEnd().split('\n').length)
    }
    await journaled(path, rooms.slice(0, 3), {jobs: 1, onRoom})
    expect(seen).toEqual([2, 3, 4])
  })
})

describe('a room on a homeserver', () => {
  test('that hangs fails in time; the cache is free for the next run, and requests are counted', async () => {
    const server = await RoomServer.start()
    server.chat(10, 'message')
    const cache = testFolder()
    vi.stubEnv('XDG_CACHE_HOME', cache)
    const live = (timeoutMs: number): Promise<CheckReport> =>
      run([], {rooms: [{room: ROOM, listed: false}], access: {homeserver: server.url, accessToken: TOKEN}, timeoutMs})
    server.faults.set('/messages', [drips])
    const late = await live(1500)
    expect(late.rooms[0]).toMatchObject({verdict: 'failed', error: {code: 'TIMED_OUT'}})
    // On a busy machine it may have been stopped before it came to that.
    server.faults.delete('/messages')
    const before = server.asked.length
    const again = await live(20_000)
    // The events of this server are none that anybody would accept: but they were fetched, and the room was judged.
    expect(again.rooms[0]?.error?.code).not.toBe('TIMED_OUT')
    expect(again.rooms[0]?.requests).toBeGreaterThan(2)
    expect(again.rooms[0]?.requests).toBeLessThanOrEqual(server.asked.length - before)
    vi.unstubAllEnvs()
  })
})

describe('cases of rooms in a database', () => {
  const content = realRoom()
  const room = roomIdOf(content)
  const casesIn = (folder: string): readonly string[] =>
    readdirSync(folder, {recursive: true, encoding: 'utf8'}).filter((name) => name.includes('.case'))

  test('of a list stay nowhere; --keep-cases keeps them, and they are gone on with', async () => {
    const {file} = sqliteOf(content)
    const cache = testFolder()
    vi.stubEnv('XDG_CACHE_HOME', cache)
    const access = {databases: [`sqlite:${file}`]}
    // Thousands of rooms would fill a disk: the case is gone when the room is told, not only at the end.
    const temporary = testFolder()
    vi.stubEnv('TMPDIR', temporary)
    const onRoom = vi.fn(() => {
      expect(casesIn(temporary)).toEqual([])
    })
    expect(verdicts(await run([room], {access, onRoom}))).toEqual({[room]: 'clean'})
    expect(onRoom).toHaveBeenCalledOnce()
    expect([readdirSync(cache), readdirSync(temporary)]).toEqual([[], []])
    const keepCases = join(cache, 'kept')
    expect(verdicts(await run([room], {access, keepCases}))).toEqual({[room]: 'clean'})
    expect(readdirSync(keepCases)).toEqual([caseNameOf(room)])
    expect(verdicts(await run([room], {access, keepCases}))).toEqual({[room]: 'clean'})
    vi.unstubAllEnvs()
  })

  test('names of kept cases make no path, whatever the room is called', () => {
    for (const name of ['!../../etc/passwd:x', '!a\u0000b:x', `!${'x'.repeat(300)}:y`, '#ä:x']) {
      expect(caseNameOf(name)).toMatch(/^[A-Za-z0-9._-]{1,100}\.case$/)
      expect(caseNameOf(name)).not.toContain('/')
    }
    expect(caseNameOf('!a/b:x')).not.toBe(caseNameOf('!a_b:x'))
  })
})
