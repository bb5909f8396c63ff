import {type ChildProcess, fork} from 'node:child_process'
import {once} from 'node:events'
import {readFileSync} from 'node:fs'
import {setTimeout as sleep} from 'node:timers/promises'
import type {DevicesStep} from './audit-devices.ts'
import {type CasePlace, failedRoom, type RoomToCheck} from './check-room.ts'
import type {RoomOutcome} from './check-verdict.ts'
import type {CheckAnswer, CheckRequest, CheckSetUp} from './check-worker.ts'

/** Sources run as they stand; the build makes a .js of each file beside this one. */
const WORKER_URL = new URL(`./check-worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url)

/** What a process that is to stop has for closing files and connections, milliseconds. */
const GRACE_MS = 1000
/** How often the memory of processes is looked at, milliseconds. */
const LOOK_MS = 500
/** Rooms after which a process is replaced: what a long-lived heap keeps for itself goes back to the system. */
const ROOMS_A_PROCESS = 50
/**
 * What a process may hold beyond its start, as a multiple of what its heap may have: events as bytes, edges and states lie outside of the
 * heap, where no limit of V8 reaches, and the heap itself takes room to be collected.
 */
const BESIDE_HEAP = 2
/** What the heap takes for the program itself. */
const PROGRAM_MB = 64
const PAGE_BYTES = 4096
/** Characters of a process's standard error that are kept. */
const LAST_WORDS = 4000

/** A room as the pool is handed it. */
export interface PoolTask {
  readonly toCheck: RoomToCheck
  readonly place: CasePlace
}

export interface CheckPoolOptions {
  readonly setUp: CheckSetUp
  /** Processes. */
  readonly jobs: number
  readonly tasks: readonly PoolTask[]
  /** The longest that a room may take, milliseconds; `null`: as long as it takes. */
  readonly timeoutMs: number | null
  /** What a room may take of memory, MiB. */
  readonly memoryMb: number
  /** Where processes put what is temporary. */
  readonly temporary: string
  readonly signal: AbortSignal
  /** Told each room when it is done, with its number in `tasks`; the next one of the process waits for it. */
  readonly onOutcome: (index: number, outcome: RoomOutcome) => Promise<void> | void
  readonly onStep?: (index: number, step: DevicesStep) => void
  /** Told where a bug is. */
  readonly onBug?: (stack: string) => void
  /** Another program for the processes, for tests of what happens when one fails. */
  readonly workerUrl?: URL
}

/**
 * Checks rooms, each in a process that does one at a time: a room that takes too long or too much memory loses its process, and the others go
 * on. (A thread would not do: where the heap of one is full, V8 may end the whole program.) When the signal fires, what is under way is
 * stopped, and no outcome is told of it.
 *
 * @throws whatever `onOutcome` throws. All processes have ended then.
 */
export async function checkInProcesses(options: CheckPoolOptions): Promise<void> {
  const queue = options.tasks.entries()
  const stop = new AbortController()
  const signal = AbortSignal.any([options.signal, stop.signal])
  const processes = Math.min(options.jobs, options.tasks.length)
  const line = async (): Promise<void> => {
    let worker: CheckProcess | null = null
    try {
      for (const [index, task] of queue) {
        if (signal.aborted) return
        worker ??= new CheckProcess(options)
        const outcome: RoomOutcome | null = await worker.check(index, task, signal)
        if (outcome === null) return
        await options.onOutcome(index, outcome)
        if (!worker.isUsable) {
          await worker.end()
          worker = null
        }
      }
    } catch (error) {
      stop.abort()
      throw error
    } finally {
      await worker?.end()
    }
  }
  const ended = await Promise.allSettled(Array.from({length: processes}, line))
  const failed = ended.find((one) => one.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

/** Why a process is told to stop. */
type Stop = 'timeout' | 'memory' | 'interrupted'

class CheckProcess {
  readonly #options: CheckPoolOptions
  readonly #child: ChildProcess
  readonly #ready = Promise.withResolvers<undefined>()
  readonly #exited: Promise<unknown>
  /** The end of what it wrote on standard error: V8 says there that its heap is full. */
  #lastWords = ''
  #isDead = false
  #rooms = 0
  #mbAtStart = 0

  constructor(options: CheckPoolOptions) {
    const {setUp, memoryMb, temporary, workerUrl = WORKER_URL} = options
    this.#options = options
    // What this process was started with (--eval, --input-type) is not for another program.
    this.#child = fork(workerUrl, [], {
      execArgv: [`--max-old-space-size=${String(memoryMb + PROGRAM_MB)}`],
      env: {...process.env, TMPDIR: temporary, TMP: temporary, TEMP: temporary},
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.#exited = once(this.#child, 'exit')
    this.#exited.catch(() => undefined)
    // Listeners of one room come and go; an error between two rooms must not end the program.
    this.#child.on('error', () => (this.#isDead = true))
    this.#child.on('exit', () => (this.#isDead = true))
    this.#child.on('message', (answer: CheckAnswer) => {
      if (answer.kind !== 'ready') return
      this.#mbAtStart = residentMb(this.#child.pid)
      this.#ready.resolve(undefined)
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#lastWords = (this.#lastWords + text).slice(-LAST_WORDS)
    })
    this.#tell({kind: 'set-up', setUp})
  }

  get isUsable(): boolean {
    return !this.#isDead && this.#rooms < ROOMS_A_PROCESS
  }

  /** @returns `null`: interrupted */
  async check(index: number, {toCheck, place}: PoolTask, signal: AbortSignal): Promise<RoomOutcome | null> {
    const {timeoutMs, memoryMb, onStep, onBug} = this.#options
    const child = this.#child
    const startedMs = performance.now()
    const done = Promise.withResolvers<RoomOutcome | null>()
    let stopped: Stop | null = null
    const fail = (error: NonNullable<RoomOutcome['error']>): void => {
      this.#isDead = true
      const seconds = (performance.now() - startedMs) / 1000
      done.resolve({...failedRoom(toCheck.room, error), seconds})
    }
    const end = (): void => {
      if (stopped === 'interrupted') done.resolve(null)
      else fail(stopped === 'memory' ? tooLarge(memoryMb) : tooSlow(timeoutMs ?? 0))
    }
    const halt = (why: Stop): void => {
      if (stopped !== null) return
      stopped = why
      this.#tell({kind: 'stop'})
      // Synchronous work hears nothing.
      void sleep(GRACE_MS, undefined, {ref: false}).then(end)
    }
    const onMessage = (answer: CheckAnswer): void => {
      if (answer.kind === 'ready') return
      if (answer.kind === 'step') onStep?.(index, answer.step)
      else if (stopped !== null || answer.kind === 'stopped') end()
      else {
        if (answer.stack !== null) onBug?.(answer.stack)
        done.resolve(answer.outcome)
      }
    }
    const onError = (error: Error): void => {
      fail(processEnded(error.message))
    }
    const onExit = (): void => {
      if (stopped === null) fail(this.#whyEnded())
      else end()
    }
    const onAbort = (): void => {
      halt('interrupted')
    }
    let isOver = false
    let timer: NodeJS.Timeout | undefined
    void this.#ready.promise.then(() => {
      if (timeoutMs !== null && !isOver) timer = setTimeout(halt, timeoutMs, 'timeout')
    })
    const looks = setInterval(() => {
      if (residentMb(child.pid) > this.#mbAtStart + memoryMb * BESIDE_HEAP) halt('memory')
    }, LOOK_MS)
    // `close` comes when its last words have been read, too.
    child.on('message', onMessage).on('error', onError).on('close', onExit)
    signal.addEventListener('abort', onAbort)
    try {
      if (this.#isDead) onExit()
      else this.#tell({kind: 'check', toCheck, place})
      this.#rooms += 1
      return await done.promise
    } finally {
      isOver = true
      clearTimeout(timer)
      clearInterval(looks)
      signal.removeEventListener('abort', onAbort)
      child.off('message', onMessage).off('error', onError).off('close', onExit)
    }
  }

  /** A process that is idle goes when nobody talks to it any more; any other is ended. */
  async end(): Promise<void> {
    if (this.#isDead && this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL')
    else if (this.#child.connected) this.#child.disconnect()
    const late = sleep(GRACE_MS, true, {ref: false})
    if ((await Promise.race([this.#exited.catch(() => false), late])) === true) this.#child.kill('SIGKILL')
    await this.#exited.catch(() => undefined)
  }

  /** A process that has ended hears nothing; that it has is told by `close`. */
  #tell(request: CheckRequest): void {
    if (this.#child.connected) this.#child.send(request, () => undefined)
  }

  #whyEnded(): NonNullable<RoomOutcome['error']> {
    const {exitCode, signalCode} = this.#child
    if (/heap out of memory|allocation failed|out of memory/i.test(this.#lastWords)) {
      return tooLarge(this.#options.memoryMb)
    }
    if (signalCode === 'SIGKILL') return processEnded('the system killed it, as it does when memory runs out')
    const said = this.#lastWords.trim().split('\n').at(-1) ?? ''
    const how = signalCode ?? `code ${String(exitCode)}`
    return processEnded(`it ended with ${how}${said === '' ? '' : `: ${said.slice(0, 300)}`}`)
  }
}

/** What a process holds in memory, MiB; 0 where the system does not tell (other than Linux). */
function residentMb(pid: number | undefined): number {
  if (pid === undefined || process.platform !== 'linux') return 0
  try {
    const [, pages = '0'] = readFileSync(`/proc/${String(pid)}/statm`, 'utf8').split(' ')
    return (Number(pages) * PAGE_BYTES) / 2 ** 20
  } catch {
    // It has ended.
    return 0
  }
}

function tooSlow(timeoutMs: number): NonNullable<RoomOutcome['error']> {
  return {
    code: 'TIMED_OUT',
    message: `it was not done within ${String(timeoutMs / 1000)} s`,
    hint: 'Give it longer (--timeout), or check it by itself: resolve and diff show what takes the time.',
  }
}

function tooLarge(memoryMb: number): NonNullable<RoomOutcome['error']> {
  return {
    code: 'OUT_OF_MEMORY',
    message: `it takes more than ${String(memoryMb)} MiB of memory`,
    hint: 'Allow more (--memory), with fewer rooms side by side (--jobs).',
  }
}

function processEnded(why: string): NonNullable<RoomOutcome['error']> {
  return {code: 'PROCESS_ENDED', message: `the process that checked it failed: ${why}`, hint: 'Check it by itself.'}
}
