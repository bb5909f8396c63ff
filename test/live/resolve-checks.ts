import {stateLines} from './rooms.ts'
import type {StateEntry, TestRoom} from './rooms.ts'
import {equal} from './checking.ts'
import type {Check} from './checking.ts'
import {told} from './program.ts'
import type {Program} from './program.ts'
import type {Account, Synapse} from './synapse.ts'

/** `resolve --json` must give the state that the server itself tells, and say what it could not see. */
export async function checkResolve(program: Program, server: Synapse, room: TestRoom, account: Account): Promise<void> {
  const before = await room.stateLines(server, account)
  const args = ['resolve', room.roomId, '--homeserver', server.baseUrl, '--json']
  const run = await program.run(args, {env: {MATRIX_STATE_TOKEN: account.accessToken}})
  if (run.code !== 0) throw new Error(`expected exit code 0; ${told(args, run)}`)
  const result = JSON.parse(run.stdout) as {
    schema: string
    room_version: string
    complete: boolean
    unknowable: string[]
    state: StateEntry[]
    summary: {missing: number}
  }
  equal('schema', result.schema, 'matrix-state/resolve/1')
  equal('room_version', result.room_version, room.version)
  equal('complete', result.complete, true)
  equal('summary.missing', result.summary.missing, 0)
  equal('unknowable', result.unknowable.includes('soft-failed events'), true)
  expectSameState(stateLines(result.state), before)
  if (run.stdout.includes(account.accessToken) || run.stderr.includes(account.accessToken)) {
    throw new Error('the access token stands in the output')
  }
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

export async function checkProgramRefusals(
  program: Program,
  check: Check,
  server: Synapse,
  room: TestRoom,
  stranger: Account,
): Promise<void> {
  const args = ['resolve', room.roomId, '--homeserver', server.baseUrl]
  const badToken = 'syt_bm90YXRva2Vu_wrong_0000'
  await check('program: a wrong token is told, and not shown', async () => {
    const run = await program.run(args, {env: {MATRIX_STATE_TOKEN: badToken}})
    equal('exit code', run.code, 4)
    equal('words', words(run.stderr).includes('does not accept the access token'), true)
    equal('token shown', `${run.stdout}${run.stderr}`.includes(badToken), false)
    equal('standard output', run.stdout, '')
  })
  await check('program: a room that was not joined', async () => {
    const run = await program.run(args, {env: {MATRIX_STATE_TOKEN: stranger.accessToken}})
    equal('exit code', run.code, 4)
    equal('words', words(run.stderr).includes('not in the room'), true)
  })
}
