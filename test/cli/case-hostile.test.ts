import {readFileSync, readdirSync, statSync} from 'node:fs'
import {describe, expect, test} from 'vitest'
import {EXIT} from '../../src/cli/exit-codes.ts'
import {message, publicRoom} from '../rules/build.ts'
import {Dumps, linesOf} from './dumps.ts'
import {matrixState} from './program.ts'

const dumps = new Dumps()
const room = publicRoom('10').add('last', message())
const dump = dumps.write('room.ndjson', linesOf(room))
const fetching = (file: string, ...more: readonly string[]) =>
  matrixState(['fetch', room.roomId, '--case', dumps.path(file), ...more])
const errorOf = (stdout: string) =>
  (JSON.parse(stdout) as {error: {code: string; message: string; hint?: string}}).error

test('an export never takes the place of a file, least of all of the case itself', async () => {
  await fetching('own.case', '--file', dump)
  const path = dumps.path('own.case')
  const before = readFileSync(path)
  for (const output of [path, dump]) {
    const {code, stdout} = await matrixState(['case', 'export', path, '--json', '--output', output])
    expect([code, errorOf(stdout).code]).toEqual([EXIT.failed, 'OUTPUT_FAILED'])
  }
  expect(readFileSync(path).equals(before)).toBe(true)
  expect(statSync(dump).size).toBeGreaterThan(0)
})

describe('wrong usage is refused before anything is done', () => {
  const file = ['--file', dump]
  const server = ['--homeserver', 'http://127.0.0.1:1']
  const token = {MATRIX_STATE_TOKEN: 'syt_secret'}
  test.concurrent.each([
    [['--from', 'client', ...file], {}, /--from names client, which needs --homeserver with MATRIX_STATE_TOKEN/],
    [['--from', 'file,database', ...file], {}, /--from names database, which needs --database/],
    [['--from', 'client', '--no-messages', ...server], token, /--no-messages leaves nothing/],
    [['--no-messages', ...server], token, /which --no-messages leaves out/],
    [['--token-file', dump, ...file], {}, /--token-file is of no use without --homeserver/],
    [['--since', 'foo', ...file], {}, /--since: "foo" is no event ID/],
    [['--around', '$', ...file], {}, /--around: "\$" is no event ID/],
    [['--since', '', ...file], {}, /--since is empty/],
    [['--file', ''], {}, /--file is empty/],
    [['--depth', '0', ...file], {}, /^--depth: expected an integer greater than or equal to 1/],
  ])('fetch … %j', async (more, env, said) => {
    const path = dumps.path('never.case')
    const args = ['fetch', room.roomId, '--case', path, '--json', ...more]
    const {code, stdout, stderr} = await matrixState(args, {env})
    expect([code, stderr, errorOf(stdout).code]).toEqual([EXIT.usage, '', 'USAGE'])
    expect(errorOf(stdout).message).toMatch(said)
    expect(readdirSync(dumps.folder)).not.toContain('never.case')
  })

  test.concurrent.each(['!', `!${'x'.repeat(255)}`, '!a\u001b[31m:x'])('%j is no room', async (id) => {
    const {code, stderr} = await matrixState(['fetch', id, '--case', dumps.path('never.case'), ...file])
    expect(code).toBe(EXIT.usage)
    expect(stderr).toContain('is no room ID or alias')
    expect(stderr).not.toContain('\u001b')
  })

  test.concurrent.each([['--all-servers'], ['--as-user', '@a:a.example'], ['--with', 'b.example']])(
    '%s without a signing key',
    async (...flags) => {
      const {code, stderr} = await fetching('never.case', ...flags, ...file)
      expect(code).toBe(EXIT.failed)
      expect(stderr).toContain('only with the signing key')
    },
  )

  test('missing flags are named as they are written', async () => {
    const {stderr} = await matrixState(['fetch', room.roomId])
    expect(stderr).toMatch(/^error: missing flag: --case\n/)
  })

  test('a file of keys that is none is told before anything is gathered', async () => {
    const {code, stderr} = await fetching('never.case', ...file, '--keys', dump)
    expect(code).toBe(EXIT.failed)
    expect(stderr).toContain('it is not JSON')
    expect(readdirSync(dumps.folder)).not.toContain('never.case')
  })

  test('--keep takes event IDs', async () => {
    const {code, stderr} = await matrixState(['case', 'minimise', dump, '--keep', 'foo', '-o', dumps.path('x.case')])
    expect(code).toBe(EXIT.usage)
    expect(stderr).toContain('--keep: "foo" is no event ID')
  })

  test.concurrent.each([['--plan'], ['--plan', '--json'], []])(
    'a password in the address of the homeserver is never repeated: %j',
    async (...flags) => {
      const url = ['--homeserver', 'http://me:hunter2@127.0.0.1:1']
      for (const env of [token, {}]) {
        const args = ['fetch', room.roomId, '--case', dumps.path('never.case'), ...url, ...flags]
        const {code, stdout, stderr} = await matrixState(args, {env})
        expect(code).toBe(EXIT.usage)
        expect(stdout + stderr).not.toContain('hunter2')
      }
    },
  )
})
