/** `check` as people and jobs run it. */
import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {describe, expect, test} from 'vitest'
import {EXIT} from '../../src/cli/exit-codes.ts'
import {BOB, member, message, publicRoom, topic} from '../rules/build.ts'
import {reportedRoom, writeRoomCase} from '../scenarios/room-case.ts'
import {realRoom, roomIdOf, sqliteOf} from '../sources/synapse-database.ts'
import {complaints} from './complaints.ts'
import {Dumps, linesOf, oracleRoom, serverRoom} from './dumps.ts'
import {type HowToRun, matrixState, ROOT} from './program.ts'

const dumps = new Dumps()
const story = publicRoom('10').add('topic', topic()).add('bob', member(BOB, 'join')).add('last', message())
const whole = dumps.write('whole.ndjson', linesOf(story))
const holed = dumps.write(
  'holed.ndjson',
  linesOf(story).filter((_, index) => index !== 6),
)
const none = dumps.write('none.ndjson', 'no event\n')
const reset = dumps.write('reset.ndjson', serverRoom('conflict-v10').lines)
const split = writeRoomCase(dumps.path('split.case'), reportedRoom('split-sql-v11'))
const healthy = writeRoomCase(dumps.path('healthy.case'), reportedRoom('restricted-v10'))

interface Checked {
  readonly room: string
  readonly room_id: string | null
  readonly verdict: string
  readonly findings: readonly {readonly id: string; readonly severity: string; readonly not_counted?: object}[]
  readonly error?: {readonly code: string}
}
interface Answer {
  readonly rooms: readonly Checked[]
  readonly summary: Readonly<Record<string, unknown>>
  readonly notes: readonly string[]
}

async function check(args: readonly string[], how: HowToRun = {}) {
  const {code, stdout, stderr} = await matrixState(['check', ...args, '--json'], how)
  const document = JSON.parse(stdout) as Answer
  expect(complaints('check', document)).toEqual([])
  return {code, document, stderr}
}
const verdicts = ({rooms}: Answer): Readonly<Record<string, string>> =>
  Object.fromEntries(rooms.map(({room, verdict}) => [room, verdict]))

describe('the document, and the exit code of the gravest room', () => {
  test.concurrent.each<[string, readonly string[], number]>([
    ['all clean', [whole, healthy], EXIT.done],
    ['one with findings', [whole, split], EXIT.findings],
    ['one with lacking evidence', [whole, holed], EXIT.inconclusive],
    ['findings outweigh lacking evidence', [holed, reset], EXIT.findings],
    ['one that failed outweighs both', [holed, reset, none], EXIT.failed],
    ['--fail-on never', [reset, '--fail-on', 'never'], EXIT.done],
    ['--fail-on warning', [holed, '--fail-on', 'warning'], EXIT.findings],
    ['what is ignored', [reset, '--ignore', 'state/reset'], EXIT.done],
    ['the letter of the spec', [whole, '--reading', 'spec'], EXIT.done],
    ['with devices, of which nobody told anything', [whole, '--devices'], EXIT.inconclusive],
  ])('%s', async (_, args, code) => {
    const ended = await check(args)
    expect(ended.code).toBe(code)
    expect(ended.document.summary).toMatchObject({
      rooms: args.filter((arg) => dumps.folder === arg.slice(0, dumps.folder.length)).length,
    })
  })

  test.concurrent('says of each room what it came to', async () => {
    const {document} = await check([whole, holed, none, reset])
    expect(verdicts(document)).toEqual({
      [whole]: 'clean',
      [holed]: 'inconclusive',
      [none]: 'failed',
      [reset]: 'findings',
    })
    expect(document.rooms[2]).toMatchObject({room_id: null, error: {code: 'DUMP_MALFORMED'}})
    expect(document.summary).toMatchObject({
      clean: 1,
      findings: 1,
      inconclusive: 1,
      failed: 1,
      findings_by_kind: {'state/reset': 1},
    })
  })

  test.concurrent('a room from standard input', async () => {
    const {code, document} = await check(['-'], {input: readFileSync(whole)})
    expect([code, verdicts(document)]).toEqual([EXIT.done, {'-': 'clean'}])
  })

  test.concurrent('a list from standard input, and a list in a file', async () => {
    const list = `# ours\n${whole}\n\n${healthy}  # the good one\n`
    for (const [args, how] of [
      [['--rooms', '-'], {input: list}],
      [['--rooms', dumps.write('rooms.txt', list)], {}],
    ] as const) {
      const {code, document} = await check(args, how)
      expect([code, verdicts(document)]).toEqual([EXIT.done, {[whole]: 'clean', [healthy]: 'clean'}])
    }
  })

  test.concurrent('shards', async () => {
    const all = [whole, holed, reset, split, healthy]
    const parts = await Promise.all(['1/2', '2/2'].map((shard) => check([...all, '--shard', shard])))
    expect(parts.flatMap(({document}) => Object.keys(verdicts(document))).toSorted()).toEqual(all.toSorted())
  })
})

describe('forms of the report', () => {
  test.concurrent('for people: a line a room, what is wrong, and how many of what', async () => {
    const {stdout, stderr} = await matrixState(['check', whole, reset, holed, none])
    expect(stderr).toBe('')
    expect(stdout).toMatch(/^ +verdict +room +name +found$/m)
    expect(stdout).toMatch(/^ +failed +\S+none\.ndjson/m)
    expect(stdout).toMatch(/^ +clean +\S+whole\.ndjson$/m)
    expect(stdout).toContain('error state/reset (proof)')
    expect(stdout).toContain('Not known: 1 event is missing, which others cite.')
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(
      /^4 rooms in \d+\.\d s: 1 clean, 1 inconclusive, 1 with findings, 1 failed$/,
    )
    expect(stdout).not.toContain('\u001b')
  })

  test.concurrent('NDJSON: a line a room, then an end', async () => {
    const {code, stdout} = await matrixState(['check', whole, holed, '--format', 'ndjson'])
    expect(code).toBe(EXIT.inconclusive)
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(lines.flatMap((line) => complaints('check-line', line))).toEqual([])
    expect(lines.map(({end}) => end)).toEqual([undefined, undefined, true])
    expect(complaints('check-line', {...lines[0], verdict: 'fine'})).not.toEqual([])
    expect(complaints('check-line', {...lines[2], summary: undefined})).not.toEqual([])
  })

  test.concurrent(
    'each output belongs to the format before it; standard output has the rest, or the table',
    async () => {
      const [json, lines] = [dumps.path('a.json'), dumps.path('a.ndjson')]
      writeFileSync(json, 'of an earlier run')
      const both = await matrixState([
        'check',
        whole,
        '--format',
        'json',
        '--output',
        json,
        '--format',
        'ndjson',
        '-o',
        lines,
      ])
      expect([both.code, both.stderr]).toEqual([EXIT.done, ''])
      expect(both.stdout).toContain('1 clean')
      expect(complaints('check', JSON.parse(readFileSync(json, 'utf8')))).toEqual([])
      expect(readFileSync(lines, 'utf8').trimEnd().split('\n')).toHaveLength(2)
      const mixed = await matrixState(['check', whole, '--format', 'table', '--format', 'json', '--output', json])
      expect(mixed.stdout).toContain('1 clean')
    },
  )

  test.concurrent.each<[string, readonly string[], string]>([
    ['an unknown format', ['--format', 'jsno'], 'Did you mean json?'],
    ['an output without a format', ['--output', 'x.json'], 'no --format stands before it'],
    ['two forms on standard output', ['--format', 'json', '--format', 'table'], 'cannot both go to standard output'],
    ['one file twice', ['--format', 'json', '-o', 'x', '--format', 'table', '-o', './x'], 'name the same file'],
    ['a report over what is read', ['--format', 'json', '-o', whole], 'would be written over what is read'],
    ['two places for a case', ['--keep-cases', 'x', '--no-cache'], 'exclude each other'],
    ['a flag that is none', ['--jorbs', '3'], 'did you mean --jobs?'],
    ['a kind that is none', ['--ignore', 'state/rest'], 'Did you mean state/reset?'],
    ['a shard that is none', ['--shard', '3/2'], 'names no part of a whole'],
    ['a database beside a file', ['--database', 'sqlite:x.db'], 'is for rooms on servers'],
    ['all rooms of nobody', ['--all-rooms', '--file', 'x'], 'is evidence on one room'],
    ['evidence on one room for two', [holed, '--reported', 'x'], 'is evidence on one room'],
  ])('%s is refused, and nothing is written', async (_, args, why) => {
    const {code, stdout, stderr} = await matrixState(['check', whole, ...args])
    expect([code, stdout]).toEqual([EXIT.usage, ''])
    expect(stderr).toContain(why)
  })

  test.concurrent.each<[string, readonly string[], number, string]>([
    ['no room', [], EXIT.usage, 'no room was given'],
    ['an ID whose ! the shell ate', ['abc:example.org'], EXIT.failed, "did the shell eat the '!'"],
    ['an empty list', ['--rooms', dumps.write('empty.txt', '# none\n')], EXIT.failed, 'there is no room in the list'],
    ['a list that is not there', ['--rooms', dumps.path('nowhere.txt')], EXIT.failed, 'cannot be read'],
    [
      'a folder that is not there',
      [whole, '--format', 'json', '-o', dumps.path('no/such/x.json')],
      EXIT.failed,
      'could not write',
    ],
    ['a room on a server without a way to it', ['!a:example.org'], EXIT.profileAbsent, 'no route to it was named'],
  ])('%s', async (_, args, code, why) => {
    const ended = await matrixState(['check', ...args])
    expect([ended.code, ended.stdout]).toEqual([code, ''])
    expect(ended.stderr).toContain(why)
  })
})

test('evidence beside a dump names the files that were given, none of which is temporary', async () => {
  const dump = dumps.write('beside.ndjson', serverRoom('rejected-v6').lines)
  const more = dumps.write('more.ndjson', serverRoom('rejected-v6').lines)
  const {stdout} = await matrixState(['check', dump, '--file', more, '--json'])
  const {rooms} = JSON.parse(stdout) as {rooms: {findings: {evidence: {source: string}[]}[]}[]}
  const sources = new Set(
    rooms.flatMap(({findings}) => findings.flatMap(({evidence}) => evidence.map((one) => one.source))),
  )
  expect([...sources].sort()).toEqual([`${dump} with ${more}`, 'replay'].sort())
})

describe('every room of a database', () => {
  test('is checked against it, and no case stays', async () => {
    const content = realRoom()
    const {file} = sqliteOf(content)
    const cache = dumps.path('cache')
    const all = ['--all-rooms', '--database', `sqlite:${file}`]
    const {code, document} = await check(all, {env: {XDG_CACHE_HOME: cache}})
    expect([code, verdicts(document)]).toEqual([EXIT.done, {[roomIdOf(content)]: 'clean'}])
    expect(
      existsSync(cache) ? readdirSync(cache, {recursive: true}).filter((name) => String(name).endsWith('.case')) : [],
    ).toEqual([])
    const typed = await check([roomIdOf(content), '--database', `sqlite:${file}`], {env: {XDG_CACHE_HOME: cache}})
    expect(typed.code).toBe(EXIT.done)
    expect(readdirSync(cache, {recursive: true}).filter((name) => String(name).endsWith('.case'))).toHaveLength(1)
  })

  test('a state that was changed in it is found', async () => {
    const content = realRoom()
    const {file, open} = sqliteOf(content)
    open.exec("DELETE FROM current_state_events WHERE type = 'm.room.topic'")
    const {code, document} = await check(['--all-rooms', '--database', `sqlite:${file}`])
    expect(code).toBe(EXIT.findings)
    expect(document.rooms[0]?.findings.map(({id}) => id)).toContain('state/divergence')
  })
})

/** Runs `check` on many rooms and does something to it as soon as the journal has so many lines. */
async function disturbed(args: readonly string[], journal: string, lines: number, signal: NodeJS.Signals) {
  const child = spawn(process.execPath, [join(ROOT, 'bin/run.js'), 'check', ...args, '--journal', journal])
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text))
  const ended = once(child, 'close')
  for (;;) {
    const there = existsSync(journal) ? readFileSync(journal, 'utf8').split('\n').length - 1 : 0
    if (there >= lines || child.exitCode !== null) break
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  child.kill(signal)
  const [code] = (await ended) as [number | null]
  return {code, output}
}

describe('a run that is stopped', () => {
  const many = (name: string, count: number, lines: readonly string[]): readonly string[] => {
    const first = dumps.write(`${name}-0.ndjson`, lines)
    const others = Array.from({length: count - 1}, (_, at) => dumps.path(`${name}-${String(at + 1)}.ndjson`))
    for (const other of others) copyFileSync(first, other)
    return [first, ...others]
  }

  test.each<[NodeJS.Signals, number | null]>([
    ['SIGINT', EXIT.interrupted],
    ['SIGTERM', EXIT.interrupted],
    ['SIGKILL', null],
  ])('by %s: what is done is kept, and the same line does the rest', async (signal, code) => {
    const rooms = many(`by ${signal}`, 40, oracleRoom('10-fuzz-5').lines)
    const journal = dumps.path(`${signal}.ndjson`)
    const ended = await disturbed(rooms, journal, 4, signal)
    expect(ended.code).toBe(code)
    if (code !== null) {
      expect(ended.output).toMatch(/interrupted: \d+ of 40 rooms were checked; \S+ keeps them/)
      expect(ended.output).toMatch(/\d+ rooms not checked: the run was interrupted/)
    }
    const {document} = await check([...rooms, '--journal', journal])
    expect(document.rooms.map(({room}) => room)).toEqual(rooms)
    expect(document.summary).toMatchObject({rooms: 40, unfinished: 0})
    expect(Number(document.summary['resumed'])).toBeGreaterThanOrEqual(3)
    const other = await matrixState(['check', ...rooms, '--journal', journal, '--reading', 'spec'])
    // The journal is finished now: it is begun anew.
    expect(other.stderr).toBe('')
  })

  test('another question is refused while the journal is unfinished', async () => {
    const rooms = many('other', 30, oracleRoom('10-fuzz-5').lines)
    const journal = dumps.path('other.ndjson')
    await disturbed(rooms, journal, 3, 'SIGKILL')
    const {code, stderr} = await matrixState(['check', ...rooms, '--journal', journal, '--reading', 'spec'])
    expect(code).toBe(EXIT.usage)
    expect(stderr).toContain('was asked something else: reading')
  })

  test('memory does not grow with the number of rooms', async () => {
    const peak = async (count: number): Promise<number> => {
      const rooms = many(`peak ${String(count)}`, count, oracleRoom('12-realistic-2000').lines)
      const probe = dumps.write(
        'probe.mjs',
        "process.on('exit', () => process.stderr.write(`peak ${process.resourceUsage().maxRSS}\\n`))",
      )
      const ended = await matrixState(['check', ...rooms, '--jobs', '2', '--format', 'ndjson'], {
        env: {NODE_OPTIONS: `--import=${probe}`},
      })
      expect(ended.stdout.trimEnd().split('\n')).toHaveLength(count + 1)
      return Number([...ended.stderr.matchAll(/^peak (\d+)$/gm)].at(-1)?.[1])
    }
    const few = await peak(20)
    expect(few).toBeGreaterThan(50_000)
    expect(await peak(200)).toBeLessThan(1.5 * few)
  }, 180_000)
})
