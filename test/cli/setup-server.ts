import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {existsSync, mkdtempSync, readdirSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {onTestFinished} from 'vitest'
import {ADMIN_TOKEN, ALICE_TOKEN, PASSWORD} from '../sources/login-server.ts'
import {ROOT} from './program.ts'

const PROGRAM = join(ROOT, 'bin/run.js')

/** A folder for profiles that is not there yet. */
export function profilesFolder(): string {
  const made = mkdtempSync(join(tmpdir(), 'matrix-state-setup-'))
  onTestFinished(() => {
    rmSync(made, {recursive: true, force: true})
  })
  return join(made, 'profiles')
}

/** Everything in it, drafts too. */
export const left = (folder: string): readonly string[] => (existsSync(folder) ? readdirSync(folder) : [])

/** Whether a text holds what is secret in these tests, or a part of it. */
export function holdsSecret(text: string): boolean {
  const parts = [ALICE_TOKEN, ADMIN_TOKEN, PASSWORD, 'Kennwort', 'Beiwerk', 'syt_made', 'syt_given']
  return parts.some((part) => text.includes(part))
}

/** A program that runs: what it has printed so far, and how it ends. */
export interface Running {
  readonly pid: number
  readonly output: () => string
  readonly type: (text: string) => void
  readonly signal: (signal: NodeJS.Signals) => void
  /** Until the output holds this; fails when the program ends before. */
  readonly shows: (text: string | RegExp) => Promise<void>
  readonly ended: Promise<number | null>
}

function environment(folder: string, more: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const rest = Object.entries(process.env).filter(([name]) => !/^(?:MATRIX_STATE_|NODE_|VITEST|FORCE_COLOR)/.test(name))
  return {...Object.fromEntries(rest), TERM: 'xterm', MATRIX_STATE_PROFILE_DIR: folder, NO_COLOR: '1', ...more}
}

/** Starts `setup` with pipes, as scripts do. */
export function start(
  folder: string,
  args: readonly string[],
  {env = {}, input = ''}: {readonly env?: Readonly<Record<string, string>>; readonly input?: string} = {},
): Running {
  const child = spawn(process.execPath, [PROGRAM, 'setup', ...args], {env: environment(folder, env)})
  child.stdin.on('error', () => undefined).end(input)
  return running(child)
}

/** Starts a line of a shell in a terminal of its own (`script` of util-linux). */
export function startInTerminal(folder: string, line: string): Running {
  const child = spawn('script', ['-qec', line, '/dev/null'], {env: {...environment(folder, {}), SHELL: '/bin/sh'}})
  return running(child)
}

/** Starts a line of a shell with pipes. */
export function startInShell(folder: string, line: string, input: string): Running {
  const child = spawn('sh', ['-c', line], {env: environment(folder, {})})
  child.stdin.on('error', () => undefined).end(input)
  return running(child)
}

/** The command line of a setup, for a shell. */
export const setupLine = (args: string): string => `${process.execPath} ${PROGRAM} setup ${args}`

function running(child: ReturnType<typeof spawn>): Running {
  let output = ''
  let over = false
  const waiting = new Set<() => void>()
  const look = (): void => {
    for (const wake of waiting) wake()
  }
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text
      look()
    })
  }
  const ended = once(child, 'close').then(([code]) => {
    over = true
    look()
    return code as number | null
  })
  onTestFinished(() => {
    if (!over) child.kill('SIGKILL')
  })
  return {
    pid: child.pid ?? 0,
    output: () => output,
    type: (text) => void child.stdin?.write(text),
    signal: (signal) => void child.kill(signal),
    shows: (text) =>
      new Promise((resolve, reject) => {
        const wake = (): void => {
          if (typeof text === 'string' ? output.includes(text) : text.test(output)) {
            waiting.delete(wake)
            resolve()
          } else if (over) {
            waiting.delete(wake)
            reject(new Error(`it ended without ${String(text)}:\n${output}`))
          }
        }
        waiting.add(wake)
        wake()
      }),
    ended,
  }
}
