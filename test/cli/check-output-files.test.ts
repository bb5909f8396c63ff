/** Where reports of `check` go: nothing that is read, and no device, is ever replaced. */
import {execFileSync} from 'node:child_process'
import {
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import {dirname, join} from 'node:path'
import {describe, expect, test} from 'vitest'
import {refuseOutputs, writeReport} from '../../src/cli/check-output.ts'
import type {CheckReport} from '../../src/investigate/check-report.ts'
import {Dumps} from './dumps.ts'

const REPORT: CheckReport = {
  rooms: [],
  failOn: 'error',
  baseline: null,
  shard: null,
  resumed: 0,
  startedTs: 0,
  endedTs: 0,
  notes: [],
}
const STYLE = {json: false, color: false, columns: undefined, full: false, version: '0.0.0'}
const folder = dirname(new Dumps().path('any'))
const json = (path: string) => ({format: 'json' as const, path})

describe.skipIf(process.platform === 'win32')('a report', () => {
  test('goes through a link, which stays one', async () => {
    const [target, link] = [join(folder, 'target.json'), join(folder, 'link.json')]
    writeFileSync(target, 'earlier')
    symlinkSync('target.json', link)
    await writeReport(json(link), REPORT, STYLE)
    expect(lstatSync(link).isSymbolicLink()).toBe(true)
    expect(readFileSync(target, 'utf8')).toContain('"matrix-state/check/1"')
  })

  // A pipe stands for devices: a test that fails as root must not replace /dev/null.
  test('into what is no file does not take its place', async () => {
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    const held = openSync(pipe, 'r+')
    await refuseOutputs([json(pipe)], [])
    await writeReport(json(pipe), REPORT, STYLE)
    const got = Buffer.alloc(4096)
    expect(got.toString('utf8', 0, readSync(held, got))).toContain('"matrix-state/check/1"')
    closeSync(held)
    expect(statSync(pipe).isFIFO()).toBe(true)
  })

  test.each<[string, string]>([
    ['a link to what is read', 'room.ndjson'],
    ['a link to a link to it', 'one.json'],
    ['a link to what the run is to make', 'journal.ndjson'],
  ])('is refused under the name of %s', async (name, target) => {
    const own = join(folder, name)
    mkdirSync(own)
    const [room, journal, link] = [join(own, 'room.ndjson'), join(own, 'journal.ndjson'), join(own, 'link.json')]
    writeFileSync(room, '{}')
    symlinkSync('room.ndjson', join(own, 'one.json'))
    symlinkSync(target, link)
    await expect(refuseOutputs([json(link)], [room, journal])).rejects.toThrow('would be written over what is read')
  })
})
