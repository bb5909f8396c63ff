import {execFileSync} from 'node:child_process'
import {join} from 'node:path'
import {describe, expect, test} from 'vitest'
import {ALICE, publicRoom} from '../rules/build.ts'
import {Dumps, linesOf} from './dumps.ts'
import {matrixState, ROOT} from './program.ts'

const dumps = new Dumps()

/** A room with one slot of that key, and a server that does not have it. */
function roomWith(name: string, key: string): readonly string[] {
  const room = publicRoom('10').add('slot', {type: 'x.slot', state_key: key, content: {}})
  const ids = ['create', 'rules', 'alice', 'carol', 'mo', 'levels'].map((one) => room.id(one))
  const state = dumps.write(`${name} of 'hs'.json`, JSON.stringify(ids))
  return [dumps.write(`${name}'s room.ndjson`, linesOf(room)), '--reported', `hs.example=${state}`]
}

describe('the commands under “Next” can be pasted', () => {
  test.concurrent.each([
    ['quotes', `it's "a" \`id\` $(id) $HOME \\`],
    ['control', 'a\nb\u001b[2J\r\u0007\u202e!'],
    ['dash', '--json'],
    ['words', 'two  words '],
    ['user', ALICE],
  ])('into bash, for a state key with %s', async (name, key) => {
    const args = roomWith(name, key)
    const {stdout} = await matrixState(['diff', ...args], {env: {COLUMNS: '60'}})
    const line = stdout.split('\n').find((one) => one.startsWith('  matrix-state blame '))
    expect(line).toBeDefined()
    const script = `matrix-state() { "$NODE" "$PROGRAM" "$@"; }\n${line ?? ''} --json\n`
    // What begins with a dash is told from flags by a `--`, behind which no flag can stand.
    const typed = key.startsWith('-') ? script.replace('blame ', 'blame --json ').replace(/ --json\n$/, '\n') : script
    const env = {...process.env, NODE: process.execPath, PROGRAM: join(ROOT, 'bin/run.js'), LC_ALL: 'C'}
    const answer = JSON.parse(execFileSync('bash', ['-c', typed], {env, encoding: 'utf8'})) as Record<string, unknown>
    expect(answer).toMatchObject({type: 'x.slot', state_key: key})
  })

  test.concurrent('what no command line can hold is said', async () => {
    const {stdout} = await matrixState(['diff', ...roomWith('nul', 'a\u0000b')])
    expect(stdout).not.toContain('matrix-state blame')
    expect(stdout).toContain('There is no command for the state x.slot of “a\\u{0}b”: its name has a NUL character')
  })
})
