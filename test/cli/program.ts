import {spawn} from 'node:child_process'
import {mkdtempSync, rmSync} from 'node:fs'
import {homedir, tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterAll} from 'vitest'

export const ROOT = join(import.meta.dirname, '../..')
const PROGRAM = join(ROOT, 'bin/run.js')

/** A cache and a folder of profiles of its own for each test file: those of whoever runs the tests are left alone. */
const CACHE = mkdtempSync(join(tmpdir(), 'matrix-state-cache-'))
/** The program's compiled code is the same for all. */
const COMPILED = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'matrix-state', 'compiled')
afterAll(() => {
  rmSync(CACHE, {recursive: true, force: true})
})

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface HowToRun {
  readonly input?: string | Buffer
  readonly env?: Readonly<Record<string, string>>
  /** Another Node than the one that runs the tests. */
  readonly node?: string
  /** Another program than `bin/run.js`. */
  readonly program?: string
  readonly cwd?: string
}

/** Runs the built program as a user would, with its output piped. */
export async function matrixState(args: readonly string[], how: HowToRun = {}): Promise<Ended> {
  const child = spawn(how.node ?? process.execPath, [how.program ?? PROGRAM, ...args], {
    cwd: how.cwd ?? ROOT,
    env: {...userEnvironment(), ...how.env},
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.stdin.on('error', () => undefined).end(how.input ?? '')
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  return {code, stdout, stderr}
}

/** A user's: what vitest sets would change what the program does. */
export function userEnvironment(): NodeJS.ProcessEnv {
  const {NODE_ENV: _1, FORCE_COLOR: _2, NO_COLOR: _3, NODE_OPTIONS: _4, COLUMNS: _5, ...rest} = process.env
  const others = Object.entries(rest).filter(([name]) => !name.startsWith('MATRIX_STATE_'))
  const own = {XDG_CACHE_HOME: CACHE, NODE_COMPILE_CACHE: COMPILED, MATRIX_STATE_PROFILE_DIR: join(CACHE, 'profiles')}
  return {...Object.fromEntries(others), ...own}
}
