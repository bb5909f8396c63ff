/** `explore` as a user runs it: the file that it writes, what it says, and what it will not write over. */
import {spawnSync} from 'node:child_process'
import {chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {gunzipSync} from 'node:zlib'
import {describe, expect, test} from 'vitest'
import {EXIT} from '../../src/cli/exit-codes.ts'
import {BOB, message, publicRoom, topic} from '../rules/build.ts'
import {reportedRoom, writeRoomCase} from '../scenarios/room-case.ts'
import {complaints} from './complaints.ts'
import {Dumps, linesOf} from './dumps.ts'
import {matrixState, ROOT} from './program.ts'

const dumps = new Dumps()
const SECRET = 'whispered'
const room = publicRoom('10')
  .add('bad', topic(BOB))
  .at('rules')
  .add('said', {...message(), content: {body: SECRET}})
const lines = linesOf(room)
const dump = dumps.write('room.ndjson', lines)
const read = (path: string): string => readFileSync(path, 'utf8')
function textOf(html: string): string {
  const [, data = ''] = /id="data">([^<]*)</.exec(html) ?? []
  return gunzipSync(Buffer.from(data, 'base64')).toString('utf8')
}
const folderFor = (name: string): string => {
  const folder = dumps.path(name)
  mkdirSync(folder)
  return folder
}

describe('the page', () => {
  test.concurrent('is one file that holds the built program, for its owner only, and is told in one line', async () => {
    const path = dumps.path('page.html')
    const {code, stdout, stderr} = await matrixState(['explore', dump, '-o', path])
    expect([code, stdout]).toEqual([EXIT.done, ''])
    expect(stderr).toBe(
      `${path}: ${String(lines.length)} events, ${(statSync(path).size / 1e6).toFixed(1)} MB; message contents are left out (--with-content keeps them)\n`,
    )
    const html = read(path)
    expect(html).toContain(read(join(ROOT, 'dist/explorer/page.js')))
    expect(html).toContain(read(join(ROOT, 'dist/explorer/page.css')))
    expect(html.endsWith('</html>\n')).toBe(true)
    expect(html + textOf(html)).not.toContain(SECRET)
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  test.concurrent('--with-content keeps what was said, from a dump, a case and standard input', async () => {
    const kept = writeRoomCase(dumps.path('real.case'), reportedRoom('creators-v12'))
    const [said = 'nothing was said'] = /"body":"[^"]+"/.exec(reportedRoom('creators-v12').lines.join('\n')) ?? []
    const tries = [
      {args: [dump], input: '', text: `"body":"${SECRET}"`},
      {args: ['-'], input: lines.join('\n'), text: `"body":"${SECRET}"`},
      {args: [kept], input: '', text: said},
    ]
    for (const [index, {args, input, text}] of tries.entries()) {
      for (const flags of [['--with-content'], []]) {
        const path = dumps.path(`content-${String(index)}-${String(flags.length)}.html`)
        const {code, stderr} = await matrixState(['explore', ...args, '-o', path, ...flags], {input})
        expect(code).toBe(EXIT.done)
        expect(textOf(read(path)).includes(text)).toBe(flags.length > 0)
        expect(stderr).toContain(flags.length > 0 ? 'only to people who may read them' : 'left out')
      }
    }
  })

  test.concurrent('goes to standard output when that is asked for', async () => {
    const {code, stdout, stderr} = await matrixState(['explore', dump, '--output', '-'])
    expect(code).toBe(EXIT.done)
    expect(stdout.startsWith('<!doctype html>') && stdout.endsWith('</html>\n')).toBe(true)
    expect(stderr).toMatch(/^The page: \d+ events/)
    const both = await matrixState(['explore', dump, '--output', '-', '--json'])
    expect(both.code).toBe(EXIT.usage)
  })

  test.concurrent.each([
    ['a dump', ['room.ndjson'], 'room.html'],
    ['a packed dump in another folder', ['sub/big.room.ndjson.gz'], 'big.room.html'],
    ['standard input', ['-'], 'room.html'],
    ['a file without an ending', ['sub/kept'], 'kept.html'],
  ])('is named after %s', async (name, args, expected) => {
    const cwd = folderFor(`named ${name}`)
    mkdirSync(join(cwd, 'sub'))
    for (const file of ['room.ndjson', 'sub/big.room.ndjson.gz', 'sub/kept']) {
      writeFileSync(join(cwd, file), `${lines.join('\n')}\n`)
    }
    const {code, stderr} = await matrixState(['explore', ...args], {cwd, input: lines.join('\n')})
    expect([code, stderr.split(':')[0]]).toEqual([EXIT.done, expected])
    expect(readdirSync(cwd).toSorted()).toEqual([expected, 'room.ndjson', 'sub'].toSorted())
  })

  test.concurrent('--json says what was written, as its schema has it', async () => {
    const path = dumps.path('told.html')
    const {code, stdout, stderr} = await matrixState(['explore', dump, '-o', path, '--json'])
    expect([code, stderr]).toEqual([EXIT.done, ''])
    const document = JSON.parse(stdout) as Record<string, unknown>
    expect(complaints('explore', document)).toEqual([])
    expect(document).toMatchObject({output: path, bytes: statSync(path).size, events: lines.length, contents: 'state'})
    expect(complaints('explore', {...document, contents: 'some'})).not.toEqual([])
    for (const key of Object.keys(document))
      expect(complaints('explore', {...document, [key]: undefined})).not.toEqual([])
  })

  test.concurrent('incomplete evidence ends with 0, and it is said, in the page too', async () => {
    const holed = dumps.write(
      'holed.ndjson',
      lines.filter((_, index) => index !== 3),
    )
    const path = dumps.path('holed.html')
    const {code, stderr} = await matrixState(['explore', holed, '-o', path])
    expect(code).toBe(EXIT.done)
    expect(stderr).toMatch(/\)\nThe evidence is incomplete: 1 event is missing, which others cite\./)
    expect(textOf(read(path))).toContain('1 event is missing, which others cite.')
  })
})

describe('what is not written', () => {
  test.concurrent('over anything that is no page of its own; its own page is replaced', async () => {
    const path = dumps.path('again.html')
    expect((await matrixState(['explore', dump, '-o', path])).code).toBe(EXIT.done)
    const inode = statSync(path).ino
    expect((await matrixState(['explore', dump, '-o', path, '--with-content'])).code).toBe(EXIT.done)
    expect(textOf(read(path))).toContain(SECRET)
    expect(statSync(path).ino).not.toBe(inode)
    for (const taken of [
      dump,
      dumps.write('mine.html', '<!doctype html>\n<title>mine</title>'),
      folderFor('a folder'),
    ]) {
      const before = statSync(taken).isFile() ? read(taken) : null
      const {code, stderr} = await matrixState(['explore', dump, '-o', taken])
      const why = before === null ? 'is a folder' : 'is no page of explore'
      expect([code, stderr.includes(why)]).toEqual([EXIT.failed, true])
      expect(statSync(taken).isFile() ? read(taken) : null).toBe(before)
    }
  })

  test.concurrent('anywhere that cannot be written; nothing is left there', async () => {
    const {code, stdout} = await matrixState(['explore', dump, '-o', dumps.path('absent/page.html'), '--json'])
    expect(code).toBe(EXIT.failed)
    expect(JSON.parse(stdout)).toMatchObject({error: {code: 'OUTPUT_FAILED'}})
    expect(existsSync(dumps.path('absent'))).toBe(false)
  })

  test.concurrent('half a page, when the disk is full', async () => {
    const folder = folderFor('full')
    chmodSync(folder, 0o700)
    const run = `ulimit -f 100; trap '' XFSZ; exec "${process.execPath}" "${join(ROOT, 'bin/run.js')}" explore "${dump}" -o "${folder}/page.html"`
    const {status, stderr} = spawnSync('bash', ['-c', run], {encoding: 'utf8'})
    expect([status, stderr.includes('could not write')]).toEqual([EXIT.failed, true])
    expect(readdirSync(folder)).toEqual([])
  })
})

test('the package holds the program of the page, with the licences of what is bundled in it', () => {
  const {stdout} = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {cwd: ROOT, encoding: 'utf8'})
  const [{files = []} = {}] = JSON.parse(stdout) as readonly {files?: readonly {path: string}[]}[]
  const paths = files.map(({path}) => path)
  expect(paths).toEqual(expect.arrayContaining(['dist/explorer/page.js', 'dist/explorer/page.css']))
  expect(paths.filter((path) => path.startsWith('src/') || path.startsWith('dist/src/explorer/'))).toEqual([])
  const script = read(join(ROOT, 'dist/explorer/page.js'))
  const licences = script.slice(script.indexOf('/*! It contains:'))
  for (const text of ['konva\n', '@noble/hashes\n', 'Eric Rowell', 'Paul Miller', 'this permission notice shall be']) {
    expect(licences).toContain(text)
  }
  // What only Node has would stop it where it starts.
  expect(script).not.toMatch(/\brequire\(|from ?"node:/)
})
