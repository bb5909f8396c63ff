import {setTimeout as sleep} from 'node:timers/promises'
import {Worker} from 'node:worker_threads'
import type {DevicesStep} from './audit-devices.ts'
import {type CasePlace, failedRoom, type RoomToCheck} from './check-room.ts'
import type {RoomOutcome} from './check-verdict.ts'
import type {CheckAnswer, CheckRequest, CheckSetUp} from './check-worker.ts'

/** Sources run as they stand; the build makes a .js of each file beside this one. */
const WORKER_URL = new URL(`./check-worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url)

/** What a thread that is to stop has for closing files and connections, milliseconds. */
const GRACE_MS = 1000
/** How often the memory of threads is looked at, milliseconds. */
const LOOK_MS = 500
/** Rooms after which a thread is replaced: what a long-lived heap keeps for itself goes back to the system. */
const ROOMS_A_THREAD = 50

/** A room as the pool is handed it. */
export interface PoolTask {
  readonly toCheck: RoomToCheck
  readonly place: CasePlace
}

export interface CheckPoolOptions {
  readonly setUp: CheckSetUp
  /** Threads. */
  readonly jobs: number
  readonly tasks: readonly PoolTask[]
  /** The longest that a room may take, milliseconds; `null`: as long as it takes. */
  readonly timeoutMs: number | null
  /** What a room may take of memory, MiB. */
  readonly memoryMb: number
  /** Where threads put what is temporary. */
  readonly temporary: string
  readonly signal: AbortSignal
  /** Told each room when it is done, with its number in `tasks`; the next one of the thread waits for it. */
  readonly onOutcome: (index: number, outcome: RoomOutcome) => Promise<void> | void
  readonly onStep?: (index: number, step: DevicesStep) => void
  /** Told where a bug is. */
  readonly onBug?: (stack: string) => void
  /** Another program for the threads, for tests of what happens when one fails. */
  readonly workerUrl?: URL
}

/**
 * Checks rooms, each in a thread that does one at a time: a room that takes too long or too much memory loses its thread, and the others go
 * on. When the signal fires, what is under way is stopped, and no outcome is told of it.
 *
 * @throws whatever `onOutcome` throws. All threads have ended then.
 */
export async function checkOnThreads(options: CheckPoolOptions): Promise<void> {
  const queue = options.tasks.entries()
  const stop = new AbortController()
  const signal = AbortSignal.any([options.signal, stop.signal])
  const threads = Math.min(options.jobs, options.tasks.length)
  const line = async (number: number): Promise<void> => {
    let thread: CheckThread | null = null
    try {
      for (const [index, task] of queue) {
        if (signal.aborted) return
        thread ??= new CheckThread(number, options)
        const outcome: RoomOutcome | null = await thread.check(index, task, signal)
        if (outcome === null) return
        await options.onOutcome(index, outcome)
        if (!thread.isUsable) {
          await thread.end()
          thread = null
        }
      }
    } catch (error) {
      stop.abort()
      throw error
    } finally {
      await thread?.end()
    }
  }
  const ended = await Promise.allSettled(Array.from({length: threads}, (_, index) => line(index + 1)))
  const failed = ended.find((one) => one.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

/** Why a thread is told to stop. */
type Stop = 'timeout' | 'memory' | 'interrupted'

class CheckThread {
  readonly #options: CheckPoolOptions
  readonly #worker: Worker
  readonly #ready = Promise.withResolvers<undefined>()
  #isDead = false
  #rooms = 0

  constructor(number: number, options: CheckPoolOptions) {
    const {setUp, memoryMb, temporary, workerUrl = WORKER_URL} = options
    this.#options = options
    // What this process was started with (--eval, --input-type) is not for a thread with a program of its own.
    this.#worker = new Worker(workerUrl, {
      workerData: setUp,
      name: `check ${String(number)}`,
      execArgv: [],
      env: {...process.env, TMPDIR: temporary, TMP: temporary, TEMP: temporary},
      resourceLimits: {maxOldGenerationSizeMb: memoryMb},
    })
    // Listeners of one room come and go; an error between two rooms must not end the process.
    this.#worker.on('error', () => (this.#isDead = true))
    this.#worker.on('exit', () => (this.#isDead = true))
    this.#worker.on('message', ({kind}: CheckAnswer) => {
      if (kind === 'ready') this.#ready.resolve(undefined)
    })
  }

  get isUsable(): boolean {
    return !this.#isDead && this.#rooms < ROOMS_A_THREAD
  }

  /** @returns `null`: interrupted */
  async check(index: number, {toCheck, place}: PoolTask, signal: AbortSignal): Promise<RoomOutcome | null> {
    const {timeoutMs, memoryMb, onStep, onBug} = this.#options
    const worker = this.#worker
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
      worker.postMessage({kind: 'stop'} satisfies CheckRequest)
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
      if ('code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY') fail(tooLarge(memoryMb))
      else fail(threadEnded(error.message))
    }
    const onExit = (code: number): void => {
      fail(threadEnded(`it ended with code ${String(code)}`))
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
      void usedMb(worker).then((used) => {
        if (used > memoryMb) halt('memory')
      })
    }, LOOK_MS)
    worker.on('message', onMessage).on('error', onError).on('exit', onExit)
    signal.addEventListener('abort', onAbort)
    try {
      if (this.#isDead) onExit(1)
      else worker.postMessage({kind: 'check', toCheck, place} satisfies CheckRequest)
      this.#rooms += 1
      return await done.promise
    } finally {
      isOver = true
      clearTimeout(timer)
      clearInterval(looks)
      signal.removeEventListener('abort', onAbort)
      worker.off('message', onMessage).off('error', onError).off('exit', onExit)
    }
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }
}

/** The heap, and what lies beside it (events as bytes, edges, states), which no limit of V8 knows of. */
async function usedMb(worker: Worker): Promise<number> {
  // Node 22 before 22.16 cannot tell.
  if (typeof (worker as Partial<Worker>).getHeapStatistics !== 'function') return 0
  const told = await worker.getHeapStatistics().catch(() => null)
  return told === null ? 0 : (told.used_heap_size + told.external_memory) / 2 ** 20
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

function threadEnded(why: string): NonNullable<RoomOutcome['error']> {
  return {code: 'THREAD_ENDED', message: `the thread that checked it failed: ${why}`, hint: 'Check it by itself.'}
}
