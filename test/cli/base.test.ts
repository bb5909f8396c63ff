import {spawn, spawnSync} from 'node:child_process'
import {cpSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {delimiter, join} from 'node:path'
import {once} from 'node:events'
import {describe, expect, test} from 'vitest'
import {matrixState, ROOT, type Ended} from './program.ts'

const FIXTURE = join(ROOT, 'test/cli/fixture/run.ts')
const probe = (...args: readonly string[]): Promise<Ended> => matrixState(['probe', ...args], {program: FIXTURE})

describe('the built program', () => {
  test('shows help when nothing is asked, and the exit codes with every command', async () => {
    const {code, stdout} = await matrixState([])
    expect(code).toBe(0)
    expect(stdout).toContain('$ matrix-state [COMMAND]')
    const help = await probe('--help')
    expect(help.code).toBe(0)
    expect(help.stdout).toMatch(/EXIT CODES[^]* 3 +inconclusive/)
  })

  test('says its version', async () => {
    const {version} = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    expect(await matrixState(['--version'])).toMatchObject({code: 0, stdout: expect.stringContaining(`/${version} `)})
  })

  test('ends with 2 and one message for a command that does not exist', async () => {
    const {code, stdout, stderr} = await matrixState(['hlep'])
    expect({code, stdout}).toEqual({code: 2, stdout: ''})
    expect(stderr).toBe('error: "hlep" is not a matrix-state command\nhint: did you mean "matrix-state help"?\n')
  })

  test('tells an older Node in one plain line what is needed', async ({skip}) => {
    const old = oldNode()
    if (old === undefined) return skip('no Node older than 22.19 on this machine')
    const folder = mkdtempSync(join(tmpdir(), 'matrix-state-'))
    cpSync(join(import.meta.dirname, '../../bin/run.js'), join(folder, 'bin/run.js'))
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    const {status, stdout, stderr} = spawnSync(old, [join(folder, 'bin/run.js'), '--help'], {encoding: 'utf8'})
    rmSync(folder, {recursive: true})
    expect({status, stdout}).toEqual({status: 4, stdout: ''})
    expect(stderr).toMatch(/^error: matrix-state needs Node\.js 22\.19 or newer, and this is [\d.]+; .*npm ci.*\n$/)
  })

  test('hands over to the Node that a clone brings, with exit code and output', async ({skip}) => {
    const old = oldNode()
    if (old === undefined) return skip('no Node older than 22.19 on this machine')
    const {code, stdout, stderr} = await matrixState(['no-such-command'], {node: old})
    expect({code, stdout}).toEqual({code: 2, stdout: ''})
    expect(stderr).toContain('no-such-command')
  })

  test('does not look at TypeScript sources, whatever NODE_ENV says', async () => {
    const env = {NODE_ENV: 'test', DEBUG: 'oclif:config:ts-path,oclif:matrix-state:hooks*'}
    const {code, stderr} = await matrixState(['hlep'], {env})
    expect(code).toBe(2)
    expect(stderr).toContain('dist/src/cli/command-not-found.js')
    expect(stderr).not.toContain('registering')
  })
})

describe('exit codes and errors', () => {
  test.each([
    ['ok', 0],
    ['findings', 0],
    ['state-error', 4],
    ['usage-error', 2],
    ['bug', 70],
    ['late-bug', 70],
    ['lines', 3],
  ])('%s ends with %i, with and without --json', async (behaviour, code) => {
    const plain = await probe('x', '--behave', behaviour)
    const json = await probe('x', '--behave', behaviour, '--json')
    expect([plain.code, json.code]).toEqual([code, code])
  })

  test('findings count from --fail-on upwards', async () => {
    const {code} = await probe('x', '--behave', 'findings', '--fail-on', 'warning')
    expect(code).toBe(1)
  })

  test('a failure that the user can act on is an error line and a hint, never a stack', async () => {
    const {stdout, stderr} = await probe('x', '--behave', 'state-error')
    expect({stdout, stderr}).toEqual({stdout: '', stderr: 'error: line 3 is not JSON\nhint: cut it out\n'})
  })

  test('a failure under --json is one document on stdout', async () => {
    const {stdout, stderr} = await probe('x', '--behave', 'state-error', '--json')
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toEqual({
      schema: 'matrix-state/error/1',
      error: {code: 'DUMP_MALFORMED', message: 'line 3 is not JSON', hint: 'cut it out'},
    })
    expect(stdout.trimStart().startsWith('{\n  "schema"')).toBe(true)
  })

  test('a bug shows its stack and says that it is one', async () => {
    const {stdout, stderr} = await probe('x', '--behave', 'bug')
    expect(stdout).toBe('')
    expect(stderr).toMatch(/TypeError: x is not a function\n +at /)
    expect(stderr).toContain('a bug in matrix-state')
    const json = await probe('x', '--behave', 'bug', '--json')
    expect(JSON.parse(json.stdout)).toMatchObject({error: {code: 'BUG'}})
  })

  test.each([
    [['x', '--cuont', '3'], 'unknown flag --cuont', 'did you mean --count?'],
    [['x', '--jsno'], 'unknown flag --jsno', 'did you mean --json?'],
    [['x', '--zzzzzz'], 'unknown flag --zzzzzz', 'see: matrix-state probe --help'],
    [['x', 'y'], 'unexpected argument: y', 'see: matrix-state probe --help'],
    [['x', '--count', 'many'], '--count: expected an integer but received: many', 'see: matrix-state probe --help'],
    [['x', '--behave', 'odd'], /--behave=odd to be one of: ok, /, 'see: matrix-state probe --help'],
    [[], 'missing argument: room', /'!room:example\.org'/],
  ])('wrong usage %j ends with 2 and says why', async (args, message, hint) => {
    const {code, stdout} = await probe(...args, '--json')
    expect(code).toBe(2)
    const {error} = JSON.parse(stdout)
    expect(error.code).toBe('USAGE')
    expect(error.message).toMatch(typeof message === 'string' ? exactly(message) : message)
    expect(error.hint).toMatch(typeof hint === 'string' ? exactly(hint) : hint)
  })

  test('--json after a double dash is an argument', async () => {
    const {code, stdout, stderr} = await probe('--', '--json')
    expect({code, stdout, stderr}).toEqual({code: 0, stdout: 'room --json\n', stderr: 'a note\n'})
  })
})

describe('output', () => {
  test('results go to stdout and notes to stderr, where --quiet ends them', async () => {
    expect(await probe('x')).toEqual({code: 0, stdout: 'room x\n', stderr: 'a note\n'})
    expect(await probe('x', '-q')).toEqual({code: 0, stdout: 'room x\n', stderr: ''})
  })

  test('a reader that comes late gets every line', async () => {
    const child = spawn(process.execPath, [FIXTURE, 'probe', 'x', '--behave', 'lines', '--count', '100000'])
    await new Promise((resolve) => setTimeout(resolve, 1000))
    let newlines = 0
    child.stdout.on('data', (chunk: Buffer) => (newlines += chunk.filter((byte) => byte === 10).length))
    const [code] = await once(child, 'close')
    expect({newlines, code}).toEqual({newlines: 100_000, code: 3})
  })

  test('a reader that leaves ends the program quietly', async () => {
    const child = spawn(process.execPath, [FIXTURE, 'probe', 'x', '--behave', 'lines', '--count', '1000000'])
    let stderr = ''
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    child.stdout.once('data', () => child.stdout.destroy())
    const [code] = await once(child, 'close')
    expect({code, stderr}).toEqual({code: 0, stderr: ''})
  })

  test.each([[[]], [['--json']]])('a full disk is a failure, not a bug %j', async (more) => {
    if (!existsSync('/dev/full')) return
    for (const behaviour of ['lines', 'ok']) {
      const full = openSync('/dev/full', 'w')
      const args = [FIXTURE, 'probe', 'x', '--behave', behaviour, '--count', '100000', '--quiet', ...more]
      const {status, stderr} = spawnSync(process.execPath, args, {stdio: ['ignore', full, 'pipe'], encoding: 'utf8'})
      expect(stderr).toMatch(/^error: could not write: ENOSPC.*\n$/)
      expect(status).toBe(4)
    }
  })

  test('FORCE_COLOR colours what is printed, --no-color and NO_COLOR prevent it', async () => {
    const run = (args: readonly string[], env: Record<string, string>): Promise<Ended> =>
      matrixState(['probe', 'x', '--behave', 'state-error', ...args], {program: FIXTURE, env})
    expect((await run([], {FORCE_COLOR: '1'})).stderr).toContain('\u001B[31m')
    expect((await run(['--no-color'], {FORCE_COLOR: '1'})).stderr).not.toContain('\u001B')
    expect((await run([], {FORCE_COLOR: '1', NO_COLOR: '1'})).stderr).not.toContain('\u001B')
  })
})

describe('Ctrl-C', () => {
  const interrupt = async (behaviour: string): Promise<{outcome: unknown; stderr: string; tookMs: number}> => {
    const child = spawn(process.execPath, [FIXTURE, 'probe', 'x', '--behave', behaviour])
    let stderr = ''
    let sentMs = 0
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
      if (!text.includes('ready')) return
      sentMs = Date.now()
      child.kill('SIGINT')
    })
    const [code, signal] = await once(child, 'close')
    return {outcome: code ?? signal, stderr, tookMs: Date.now() - sentMs}
  }

  test('ends at once; a shell sees 130', async () => {
    const {outcome, stderr, tookMs} = await interrupt('sleep')
    expect({outcome, stderr}).toEqual({outcome: 'SIGINT', stderr: 'ready\n'})
    expect(tookMs).toBeLessThan(2000)
  })

  test('lets a command tidy up, then ends with 130', async () => {
    const {outcome, stderr, tookMs} = await interrupt('tidy')
    expect({outcome, stderr}).toEqual({outcome: 130, stderr: 'ready\ntidied\n'})
    expect(tookMs).toBeLessThan(3000)
  })
})

test('bin/dev.js runs the sources', () => {
  const home = mkdtempSync(join(tmpdir(), 'matrix-state-'))
  const args = [join(ROOT, 'bin/dev.js'), '--version']
  const {status, stdout} = spawnSync(process.execPath, args, {encoding: 'utf8', env: {...process.env, HOME: home}})
  rmSync(home, {recursive: true})
  expect(status).toBe(0)
  expect(stdout).toMatch(/^matrix-state\//)
})

const exactly = (text: string): RegExp => new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)}$`)

/** The first Node on the PATH, or in a usual place, that is older than what the program needs. */
function oldNode(): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin', '/usr/local/bin']
  return folders
    .map((folder) => join(folder, 'node'))
    .find((file) => {
      if (!existsSync(file)) return false
      const {stdout} = spawnSync(file, ['--version'], {encoding: 'utf8'})
      const [major = 0, minor = 0] = stdout.replace('v', '').split('.').map(Number)
      return major > 0 && (major < 22 || (major === 22 && minor < 19))
    })
}
