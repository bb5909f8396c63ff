/** `graph` as a user runs it: what is printed where, files, and what is refused. */
import {execFileSync} from 'node:child_process'
import {lstatSync, readdirSync, readFileSync, statSync, symlinkSync} from 'node:fs'
import {readFile} from 'node:fs/promises'
import {join} from 'node:path'
import {describe, expect, test} from 'vitest'
import {EXIT} from '../../src/cli/exit-codes.ts'
import {writeGraph} from '../../src/cli/graph-output.ts'
import {reportedRoom, writeRoomCase} from '../scenarios/room-case.ts'
import {complaints} from './complaints.ts'
import {Dumps, oracleRoom} from './dumps.ts'
import {matrixState} from './program.ts'

const dumps = new Dumps()
const room = dumps.write('room.ndjson', reportedRoom('conflict-v10').lines)
const holed = dumps.write(
  'holed.ndjson',
  reportedRoom('conflict-v10').lines.filter((_, at) => at !== 40),
)
const caseFile = writeRoomCase(dumps.path('room.case'), reportedRoom('rejected-v6'))
const v12 = dumps.write('v12.ndjson', oracleRoom('12-fuzz-15').lines)
const CAROL = '@carol:localhost:18448'
const SUMMARY = '94 events, 101 edges; 8 merges in conflict, 1 with a reset\n'
const parse = (text: string): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>
const run = (...args: readonly string[]) => matrixState(['graph', ...args])

describe('where it goes', () => {
  test.concurrent('DOT on standard output, the summary beside it', async () => {
    const {code, stdout, stderr} = await run(room)
    expect([code, stderr]).toEqual([EXIT.done, SUMMARY])
    expect(stdout).toMatch(/^\/\/ matrix-state graph\ndigraph "!/)
    expect(stdout.endsWith('}\n')).toBe(true)
    expect((await run(room, '--quiet')).stderr).toBe('')
    expect((await matrixState(['graph', '-'], {input: readFileSync(room)})).stdout).toBe(stdout)
  })

  test.concurrent.each([
    ['x.dot', /^\/\/ matrix-state graph\ndigraph/],
    ['x.gv', /^\/\/ matrix-state graph\ndigraph/],
    ['x.graphml', /<graphml /],
    ['x.gexf', /<gexf version="1.3"/],
    ['x.mmd', /^%% matrix-state graph\n%% [^\n]*\nflowchart BT\n/],
    ['X.JSON', /^\{\n {2}"schema": "matrix-state\/graph\/1",/],
  ])('the name of the file tells the form: %s; a graph of an earlier run is replaced', async (name, begin) => {
    const path = dumps.path(name)
    const {code, stdout, stderr} = await run(room, '-o', path)
    expect([code, stdout, stderr.startsWith(`${path}: ${SUMMARY.trimEnd()}`)]).toEqual([EXIT.done, '', true])
    const first = readFileSync(path, 'utf8')
    expect(first).toMatch(begin)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect((await run(room, '-o', path, '--limit', '3')).code).toBe(EXIT.done)
    expect(readFileSync(path, 'utf8').length).toBeLessThan(first.length)
  })

  test.concurrent('a file of somebody else stays, the room itself above all', async () => {
    const before = readFileSync(room, 'utf8')
    const {code, stderr} = await run(room, '-o', room, '--format', 'json')
    expect([code, readFileSync(room, 'utf8')]).toEqual([EXIT.failed, before])
    expect(stderr).toContain('is no graph of this program')
    const folder = await run(room, '-o', dumps.folder, '--format', 'dot')
    expect([folder.code, folder.stderr]).toEqual([EXIT.failed, expect.stringContaining('is a folder')])
    // Words of a room do not make it a graph.
    const talk = dumps.write('talk.json', '{"body": "<!-- matrix-state graph --> \\"matrix-state/graph/1\\""}')
    expect((await run(room, '-o', talk)).stderr).toContain('is no graph of this program')
  })

  test.concurrent('an empty file is taken, a link stays a link, a pipe is written into', async () => {
    const empty = dumps.write('empty.dot', '')
    expect((await run(room, '-o', empty)).code).toBe(EXIT.done)
    const [link, target] = [dumps.path('link.dot'), dumps.path('target.dot')]
    symlinkSync('target.dot', link)
    for (const _ of ['made', 'replaced']) {
      expect((await run(room, '-o', link)).code).toBe(EXIT.done)
      expect([lstatSync(link).isSymbolicLink(), lstatSync(target).isFile()]).toEqual([true, true])
    }
    expect(readFileSync(target, 'utf8')).toBe(readFileSync(empty, 'utf8'))
    const pipe = dumps.path('pipe.dot')
    execFileSync('mkfifo', [pipe])
    const [{code}, text] = await Promise.all([run(room, '-o', pipe), readFile(pipe, 'utf8')])
    expect([code, text, lstatSync(pipe).isFIFO()]).toEqual([EXIT.done, readFileSync(empty, 'utf8'), true])
  })

  test.concurrent('what cannot be written is said before the room is opened', async () => {
    const file = dumps.write('file.dot', '')
    for (const path of [dumps.path('none/x.dot'), join(file, 'x.dot'), dumps.path(`${'x'.repeat(300)}.dot`)]) {
      const {code, stderr} = await run('/no/such/room', '-o', path)
      expect([code, stderr]).toEqual([EXIT.failed, expect.stringMatching(/^error: could not write ".*: E[A-Z]+: /)])
    }
  })

  test('a write that fails leaves the graph of an earlier run', async () => {
    const path = dumps.path('kept.dot')
    await writeGraph(path, ['// matrix-state graph', 'old'])
    const full = function* () {
      yield 'x'.repeat(1e6)
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), {syscall: 'write'})
    }
    await expect(writeGraph(path, full())).rejects.toMatchObject({code: 'OUTPUT_FAILED'})
    expect(readFileSync(path, 'utf8')).toBe('// matrix-state graph\nold\n')
    expect(readdirSync(dumps.folder).filter((name) => name.startsWith('kept.'))).toEqual(['kept.dot'])
  })
})

describe('--json is as its schema says', () => {
  test.concurrent.each<[string, readonly string[]]>([
    ['a room', [room]],
    ['a case of a room with rejected events', [caseFile]],
    ['a room with a hole', [holed]],
    ['a room of version 12', [v12]],
    ['the letter of the spec', [room, '--reading', 'spec']],
    ['collapsed', [room, '--collapse']],
    ['auth events', [room, '--auth']],
    ['the life of a slot', [room, '--slot', 'm.room.member', CAROL]],
    ['the same by auth events', [room, '--slot', CAROL, '--auth']],
    ['a slot with an empty key', [room, '--slot', 'm.room.topic', '']],
    ['some of it', [room, '--limit', '5']],
  ])('%s', async (_, args) => {
    const {code, stdout} = await run(...args, '--json')
    expect(code).toBe(EXIT.done)
    const document = parse(stdout)
    expect(complaints('graph', document)).toEqual([])
    const {nodes, edges, summary} = document as {nodes: object[]; edges: object[]; summary: Record<string, number>}
    expect([summary['nodes'], summary['edges']]).toEqual([nodes.length, edges.length])
    expect(stdout).toBe((await run(...args, '--format', 'json')).stdout)
  })

  test.concurrent('and refuses a document that lacks anything', async () => {
    const document = parse((await run(room, '--json')).stdout)
    for (const key of Object.keys(document))
      expect(complaints('graph', {...document, [key]: undefined})).not.toEqual([])
    const drawn = document['nodes'] as readonly {key: string; attributes: object}[]
    for (const spoilt of [{kind: 'other'}, {verdict: 'maybe'}, {events: -1}, {findings: 'x'}, {tip: 1}]) {
      const [first] = drawn
      const nodes = [{key: first?.key, attributes: {...first?.attributes, ...spoilt}}]
      expect(complaints('graph', {...document, nodes})).not.toEqual([])
    }
  })
})

describe('parts', () => {
  test.concurrent('an event by the beginning of its ID', async () => {
    const id = reportedRoom('conflict-v10').ids[40] ?? ''
    const {code, stdout, stderr} = await run(room, '--around', id.slice(0, 10), '--radius', '2')
    expect(code).toBe(EXIT.done)
    expect(stdout).toContain(`"${id}" [`)
    expect(stderr).toMatch(/^\d+ of 94 events, .*\nOnly what is within 2 steps of \$/)
    expect((await run(room, '--around', id, '--json')).stdout).toContain('"radius": 5')
  })

  test.concurrent('a slot, as blame names it', async () => {
    const [long, short] = [await run(room, '--slot', 'm.room.member', CAROL), await run(room, '--slot', CAROL)]
    expect(long.stdout).toBe(short.stdout)
    expect(long.stderr).toContain(`Only what set m.room.member ${CAROL}, the merges that changed it`)
    expect(long.stdout).toContain('resets the membership of')
  })

  test.concurrent('limits are said: those that were asked for, and those of DOT and Mermaid', async () => {
    expect((await run(room, '--limit', '20')).stderr).toContain('20 of 94 events, the newest; --limit shows more.')
    const lines = oracleRoom('12-realistic-2000').lines
    const big = dumps.write('big.ndjson', lines)
    for (const [format, most] of [
      ['dot', 1000],
      ['mermaid', 200],
      ['graphml', Infinity],
    ] as const) {
      const {stderr} = await run(big, '--format', format)
      const says = `${most.toLocaleString('en-US')} of `
      if (lines.length > most) expect(stderr).toContain(says)
      else expect(stderr).not.toContain('--limit')
    }
  })

  test.concurrent('evidence that is not whole is no failure, but said', async () => {
    const {code, stdout, stderr} = await run(holed)
    expect(code).toBe(EXIT.done)
    for (const text of [stdout, stderr]) expect(text).toContain('The evidence is incomplete.')
    expect(stderr).toContain('1 that is cited and not here')
  })
})

describe('what is refused', () => {
  test.concurrent('--json beside another form, as JSON', async () => {
    const {code, stdout} = await run(room, '--json', '--format', 'dot')
    expect([code, complaints('error', parse(stdout))]).toEqual([EXIT.usage, []])
    expect(stdout).toContain('contradict each other')
    const named = await run(room, '--json', '-o', dumps.path('other.dot'))
    expect([named.code, named.stdout]).toEqual([EXIT.usage, expect.stringContaining('contradict each other')])
    const same = dumps.path('same.json')
    expect((await run(room, '--json', '-o', same)).code).toBe(EXIT.done)
    expect(complaints('graph', parse(readFileSync(same, 'utf8')))).toEqual([])
  })

  test.concurrent.each<[readonly string[], number, string]>([
    [[room, CAROL], EXIT.usage, 'one argument too many'],
    [['--slot', 'm.room.member', CAROL, room], EXIT.usage, 'is no room'],
    [[room, '-o', 'x.room'], EXIT.usage, 'does not tell the format'],
    [[room, '-o', 'x.png'], EXIT.usage, 'pipe to: dot -Tpng'],
    [[room, '--format', 'png'], EXIT.usage, 'Expected --format=png'],
    [[room, '--limit', '0'], EXIT.usage, 'limit'],
    [[room, '--radius', '3'], EXIT.usage, 'around'],
    [[room, '--around', '$x', '--slot', 'm.room.topic'], EXIT.usage, 'slot'],
    [[room, '--collapse', '--slot', 'm.room.topic'], EXIT.usage, 'slot'],
    [[room, '--around', '$nonesuch'], EXIT.failed, 'no event'],
    [[room, '--slot', 'm.none'], EXIT.failed, 'ever set'],
    [[room, '--slot', 'm.room.member'], EXIT.failed, 'ever set'],
  ])('%j', async (args, code, words) => {
    const ended = await run(...args)
    expect([ended.code, ended.stdout]).toEqual([code, ''])
    expect(ended.stderr).toContain(words)
  })
})
