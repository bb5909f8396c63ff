import {spawn, spawnSync} from 'node:child_process'
import {copyFileSync, existsSync, readdirSync} from 'node:fs'
import {join} from 'node:path'
import {DatabaseSync} from 'node:sqlite'
import {expect, test} from 'vitest'
import {openCase, openCaseForWriting} from '../../src/casefile/open-case.ts'
import {evidenceOf, folder, identity, newCase, stepOf} from './cases.ts'

const where = folder()
const WRITER = join(import.meta.dirname, 'writer.ts')
const [STEPS, SIZE] = [24, 25]
const isWhole = (path: string): unknown => {
  const database = new DatabaseSync(path)
  const row = database.prepare('PRAGMA integrity_check').get()
  database.close()
  return row?.['integrity_check']
}

/** Runs the writer and kills it as soon as it has said that many steps. */
async function writeUntil(path: string, steps: number, afterMs: number): Promise<number> {
  const child = spawn(process.execPath, [WRITER, path, `${STEPS}`, `${SIZE}`])
  let said = ''
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
    if (said.split('\n').length > steps) setTimeout(() => child.kill('SIGKILL'), afterMs)
  })
  await new Promise((resolve) => child.on('close', resolve))
  expect(stderr).toBe('')
  return Number(said.trimEnd().split('\n').at(-1))
}

test('a writer that is killed leaves whole steps, all that it said were kept; going on gives what one run gives', async () => {
  const whole = newCase(where, '!r:domain')
  whole.close()
  expect(await writeUntil(whole.path, STEPS + 1, 0)).toBe(STEPS)
  const killed = newCase(where, '!r:domain')
  killed.close()
  let done = 0
  for (let round = 0; done < STEPS; round += 1) {
    // Kills come at the answer to a step, and at some time within the next ones.
    const said = await writeUntil(killed.path, 1 + (round % 5), (round * 7) % 19)
    const copy = join(where, `copy-${round}.case`)
    for (const end of ['', '-wal', '-shm']) {
      if (existsSync(`${killed.path}${end}`)) copyFileSync(`${killed.path}${end}`, `${copy}${end}`)
    }
    expect(isWhole(copy)).toBe('ok')
    const reader = openCase(killed.path)
    done = Number(reader.marks(reader.sources()[0]!.id).get('step'))
    expect(done).toBeGreaterThanOrEqual(said)
    expect(reader.counts()).toMatchObject({events: done * SIZE, copies: done * SIZE})
    expect(reader.sources()).toMatchObject([{requests: done}])
    expect(reader.extremities()).toHaveLength(done)
    reader.close()
  }
  const [a, b] = [openCase(whole.path), openCase(killed.path)]
  expect(evidenceOf(b)).toEqual(evidenceOf(a))
  a.close()
  b.close()
}, 120_000)

test('a step for which there is no room is not kept, what was before is there, and the message says what to do', () => {
  const made = newCase(where, '!r:domain')
  const source = made.source(identity('writer', {kind: 'file'}), [])
  made.keep(source, stepOf([]), 1)
  made.close()
  // No file may grow beyond this many KiB, the log of SQLite included.
  const {stdout, stderr} = spawnSync(
    'bash',
    ['-c', `ulimit -f 1024; "${process.execPath}" "${WRITER}" "${made.path}" 1000 100`],
    {encoding: 'utf8'},
  )
  expect(stderr).toBe('')
  const lines = stdout.trimEnd().split('\n')
  expect(lines.at(-1)).toMatch(/^CASE_UNUSABLE: .*the case file cannot be used: (the disk is full|the disk does not)/)
  const reader = openCase(made.path)
  expect(reader.counts()).toMatchObject({events: (lines.length - 1) * 100, unreadable: 0})
  expect(reader.marks(source).get('step')).toBe(String(lines.length - 1))
  expect(lines.length).toBeGreaterThan(2)
  reader.close()
})

test('two processes take turns; one that cannot get its turn says so', () => {
  const made = newCase(where, '!r:domain')
  const [a, b] = [made, openCaseForWriting(made.path, {busyMs: 50})]
  const [ofA, ofB] = [a.source(identity('a'), []), b.source(identity('b'), [])]
  for (let ts = 1; ts < 5; ts += 1) {
    a.keep(ofA, stepOf([`a${ts}`]), ts)
    b.keep(ofB, stepOf([`b${ts}`]), ts)
  }
  expect(a.counts()).toMatchObject({unnamed: 8})
  const other = new DatabaseSync(made.path)
  other.exec('BEGIN IMMEDIATE')
  expect(() => b.keep(ofB, stepOf(['late']), 9)).toThrow(
    expect.objectContaining({
      code: 'CASE_UNUSABLE',
      message: `${made.path}: the case file cannot be used: it is in use by another process`,
      hint: 'Wait until that is done, or work on a copy.',
    }),
  )
  other.exec('ROLLBACK')
  other.close()
  b.keep(ofB, stepOf(['late']), 9)
  expect(a.unnamed().map(({text}) => text)).toEqual(['a1', 'b1', 'a2', 'b2', 'a3', 'b3', 'a4', 'b4', 'late'])
  a.close()
  b.close()
  expect(readdirSync(where).filter((name) => name.startsWith(made.path.slice(where.length + 1)))).toHaveLength(1)
})
