/** Where no file can be: every command that writes one says so, and is no bug. */
import {writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {describe, expect, test} from 'vitest'
import {EXIT} from '../../src/cli/exit-codes.ts'
import {Dumps, linesOf} from './dumps.ts'
import {matrixState, ROOT} from './program.ts'
import {publicRoom, topic} from '../rules/build.ts'

const dumps = new Dumps()
const room = dumps.write('room.ndjson', linesOf(publicRoom('10').add('topic', topic())))
const kept = join(ROOT, 'examples/rejected-events.case')
const event = '$chl7DzRtHVYZ7oSaLV2i1DcJiBLvQmZzqcNJM2iqqSg'

const PLACES = [
  ['below a file', join(room, 'out')],
  ['in no folder', join(dumps.folder, 'none', 'out')],
  ['of a name that is too long', join(dumps.folder, 'x'.repeat(300))],
] as const

const COMMANDS: readonly (readonly [string, (path: string) => readonly string[]])[] = [
  ['explore', (path) => ['explore', room, '-o', path]],
  ['graph', (path) => ['graph', room, '--format', 'dot', '-o', path]],
  ['case export', (path) => ['case', 'export', kept, '-o', path]],
  ['case redact', (path) => ['case', 'redact', kept, '-o', path]],
  ['case merge', (path) => ['case', 'merge', kept, kept, '-o', path]],
  ['case minimise', (path) => ['case', 'minimise', kept, '--keep', event, '-o', path]],
  ['check --output', (path) => ['check', room, '--trust-ids', '--format', 'json', '--output', path]],
  ['check --journal', (path) => ['check', room, '--trust-ids', '--journal', path]],
  ['check --update-baseline', (path) => ['check', room, '--trust-ids', '--baseline', path, '--update-baseline']],
]

describe.each(PLACES)('a file %s', (_, path) => {
  test.each(COMMANDS)('%s', async (_name, command) => {
    const {code, stderr} = await matrixState(command(path))
    expect(stderr).toMatch(/^error: /m)
    expect(stderr).not.toContain('a bug')
    expect(stderr).toContain(path)
    expect(code).toBe(EXIT.failed)
  })
})

test('what stands there already is not touched, unless the program made it', async () => {
  const other = dumps.path('other.html')
  writeFileSync(other, 'mine')
  const {code, stderr} = await matrixState(['explore', room, '-o', other])
  expect([code, stderr]).toEqual([EXIT.failed, expect.stringContaining('exists already and is no page of explore')])
})
