/**
 * Compares matrix-state with real Synapse servers: `npm run live` after a build.
 *
 * With `--source-only` only the client source is tried, without the built program. `MATRIX_STATE_TEST_VENV` names the folder
 * of the Python environment. Ends with 1 when a check failed, with 0 (and the reason) when Synapse cannot be had.
 */
import {execFile} from 'node:child_process'
import {existsSync} from 'node:fs'
import {fileURLToPath} from 'node:url'
import {checkFork, fork} from './forks.ts'
import {ordinaryLife, manyMessages, registerCast, stateLines} from './rooms.ts'
import type {StateEntry, TestRoom} from './rooms.ts'
import {checkGathered, checkRefusals} from './source-checks.ts'
import {Synapse} from './synapse.ts'
import type {Account} from './synapse.ts'
import {prepareVenv} from './venv.ts'

const PROGRAM = fileURLToPath(new URL('../../bin/run.js', import.meta.url))
const VERSIONS = ['1', '6', '10', '11', '12']
const say = (line: string): void => void process.stderr.write(`${line}\n`)

let passed = 0
const failures: string[] = []

async function check(name: string, body: () => Promise<void>): Promise<void> {
  const start = performance.now()
  try {
    await body()
    passed += 1
    say(`ok    ${name} (${String(Math.round(performance.now() - start))} ms)`)
  } catch (error) {
    failures.push(name)
    say(`FAIL  ${name}\n      ${(error instanceof Error ? error.message : String(error)).replaceAll('\n', '\n      ')}`)
  }
}

/** Runs the built program as a person would. */
async function program(
  token: string,
  ...args: string[]
): Promise<{readonly code: number; readonly stdout: string; readonly stderr: string}> {
  const env = {...process.env, MATRIX_STATE_TOKEN: token}
  return new Promise((resolve) => {
    const options = {env, maxBuffer: 1e9, timeout: 120_000}
    execFile(process.execPath, [PROGRAM, ...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      resolve({code, stdout, stderr})
    })
  })
}

/** `resolve --json` must give the state that the server itself tells, and say what it could not see. */
async function checkResolve(server: Synapse, room: TestRoom, account: Account): Promise<void> {
  const before = await room.stateLines(server, account)
  const run = await program(account.accessToken, 'resolve', room.roomId, '--homeserver', server.baseUrl, '--json')
  if (run.code !== 0)
    throw new Error(
      `exit code ${String(run.code)} instead of 0:\n${run.stderr.slice(0, 500)}${run.stdout.slice(0, 500)}`,
    )
  const result = JSON.parse(run.stdout) as {
    schema: string
    room_version: string
    complete: boolean
    unknowable: string[]
    state: StateEntry[]
    summary: {missing: number}
  }
  expectEqual('schema', result.schema, 'matrix-state/resolve/1')
  expectEqual('room_version', result.room_version, room.version)
  expectEqual('complete', result.complete, true)
  expectEqual('summary.missing', result.summary.missing, 0)
  expectEqual('unknowable', result.unknowable.includes('soft-failed events'), true)
  expectSameState(stateLines(result.state), before)
  if (run.stdout.includes(account.accessToken) || run.stderr.includes(account.accessToken)) {
    throw new Error('the access token stands in the output')
  }
}

function expectEqual(what: string, actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`${what} is ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`)
}

function expectSameState(actual: readonly string[], expected: readonly string[]): void {
  const shown = (lines: readonly string[], other: readonly string[]): string =>
    lines
      .filter((line) => !other.includes(line))
      .join('\n')
      .replaceAll('\0', ' | ')
  const [extra, missing] = [shown(actual, expected), shown(expected, actual)]
  if (extra !== '' || missing !== '' || actual.length !== expected.length) {
    throw new Error(`the states differ\nonly matrix-state:\n${extra}\nonly the server:\n${missing}`)
  }
}

/** Text without the line breaks and bars that terminals' widths bring. */
function words(text: string): string {
  return text.replace(/[\s›]+/gu, ' ')
}

async function checkProgramRefusals(server: Synapse, room: TestRoom, stranger: Account): Promise<void> {
  const args = ['resolve', room.roomId, '--homeserver', server.baseUrl]
  const badToken = 'syt_bm90YXRva2Vu_wrong_0000'
  await check('program: a wrong token is told, and not shown', async () => {
    const run = await program(badToken, ...args)
    expectEqual('exit code', run.code, 4)
    expectEqual('words', words(run.stderr).includes('does not accept the access token'), true)
    expectEqual('token shown', `${run.stdout}${run.stderr}`.includes(badToken), false)
    expectEqual('standard output', run.stdout, '')
  })
  await check('program: a room that was not joined', async () => {
    const run = await program(stranger.accessToken, ...args)
    expectEqual('exit code', run.code, 4)
    expectEqual('words', words(run.stderr).includes('not in the room'), true)
  })
}

async function main(): Promise<number> {
  const sourceOnly = process.argv.includes('--source-only')
  if (!sourceOnly && !existsSync(PROGRAM)) {
    say('bin/run.js is absent: build first, or use --source-only')
    return 1
  }
  const venv = await prepareVenv(say)
  if ('skip' in venv) {
    say(`skipped: ${venv.skip}`)
    return 0
  }
  const servers: Synapse[] = []
  try {
    const launched = await Promise.allSettled([
      Synapse.launch(venv.python, {federation: true}),
      Synapse.launch(venv.python, {federation: true}),
    ])
    for (const one of launched) if (one.status === 'fulfilled') servers.push(one.value)
    for (const one of launched) if (one.status === 'rejected') throw one.reason
    const [here, there] = servers as [Synapse, Synapse]
    const cast = await registerCast(here)
    const stranger = await here.register('stranger')
    const rooms: TestRoom[] = []
    for (const version of VERSIONS) rooms.push(await ordinaryLife(here, version, cast))
    const [first] = rooms as [TestRoom, ...TestRoom[]]
    const long = rooms[2] ?? first
    await manyMessages(here, long, cast.bob, 1100)

    for (const room of rooms) {
      await check(`source: version ${room.version}`, () =>
        checkGathered(here, room, cast.alice, room === long ? 1100 : 20),
      )
      if (!sourceOnly) await check(`program: version ${room.version}`, () => checkResolve(here, room, cast.alice))
    }
    await checkRefusals(check, here, first, stranger, cast.dave)
    if (!sourceOnly) await checkProgramRefusals(here, first, stranger)

    for (const version of ['1', '10', '12']) {
      const {room, local} = await fork(here, there, version)
      await check(`source: forked version ${version}`, () => checkFork(here, room, local))
      if (!sourceOnly) await check(`program: forked version ${version}`, () => checkResolve(here, room, local))
    }
  } catch (error) {
    failures.push('set-up')
    say(error instanceof Error ? (error.stack ?? error.message) : String(error))
  } finally {
    if (failures.length > 0) {
      await Promise.all(servers.map((server) => server.stop()))
      for (const server of servers) say(`kept for a look: ${server.folder}`)
    } else {
      await Promise.all(servers.map((server) => server.dispose()))
    }
  }
  process.stdout.write(`${String(passed)} passed, ${String(failures.length)} failed\n`)
  return failures.length === 0 ? 0 : 1
}

for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(130))
process.exitCode = await main()
