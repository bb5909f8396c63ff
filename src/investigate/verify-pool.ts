import {setImmediate} from 'node:timers/promises'
import {Worker} from 'node:worker_threads'
import {KeyRing} from '../matrix/key-ring.ts'
import {rulesFor} from '../matrix/room-version.ts'
import {type BatchResult, type CopyToVerify, verifyBatch} from './verify-batch.ts'
import type {VerifyAnswer, VerifyRequest, VerifySetUp} from './verify-worker.ts'

/** Sources run as they stand; the build makes a .js of each file beside this one. */
export const WORKER_URL = new URL(`./verify-worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url)

/** Batches that a thread has before it: one to work on, one to go on with while the first is reported. */
const IN_FLIGHT = 2

export interface PoolOptions<T extends CopyToVerify> {
  readonly setUp: VerifySetUp
  /** Threads; 0: in this one. */
  readonly workers: number
  readonly batches: Iterator<readonly T[]>
  /** Told the result of each batch, in any order. */
  readonly onResult: (batch: readonly T[], result: BatchResult) => void
  readonly signal?: AbortSignal
  /** Another program for the threads, for tests of what happens when one fails. */
  readonly workerUrl?: URL
}

/**
 * Verifies batches on several threads. Batches are taken from the iterator only as threads have room for them, so that no more than a few
 * are in memory.
 *
 * @throws Error when a thread fails, naming the batch; the signal's reason when it fires. All threads have ended then.
 */
export async function verifyOnThreads<T extends CopyToVerify>(options: PoolOptions<T>): Promise<void> {
  if (options.workers === 0) return verifyHere(options)
  const {setUp, signal, workerUrl = WORKER_URL} = options
  const workers: Worker[] = []
  const done = Promise.withResolvers<undefined>()
  const onAbort = (): void => {
    done.reject(signal?.reason as Error)
  }
  signal?.addEventListener('abort', onAbort)
  try {
    signal?.throwIfAborted()
    const feeder = new Feeder(options, () => {
      done.resolve(undefined)
    })
    // What this process was started with (--eval, --input-type) is not for a thread with a program of its own.
    for (let index = 0; index < options.workers; index += 1) {
      const worker = new Worker(workerUrl, {workerData: setUp, name: `verify ${String(index + 1)}`, execArgv: []})
      workers.push(worker)
      const guard = (step: () => void): void => {
        try {
          step()
        } catch (error) {
          done.reject(error)
        }
      }
      worker.on('message', (answer: VerifyAnswer) => {
        guard(() => {
          feeder.take(answer)
          feeder.feed(worker)
        })
      })
      worker.on('error', (error) => {
        done.reject(failure(feeder.underWay(worker), error))
      })
      worker.on('exit', (code) => {
        done.reject(failure(feeder.underWay(worker), new Error(`it ended with code ${String(code)}`)))
      })
      guard(() => {
        for (let turn = 0; turn < IN_FLIGHT; turn += 1) feeder.feed(worker)
      })
    }
    await done.promise
  } finally {
    signal?.removeEventListener('abort', onAbort)
    // Those that end now reject nothing: the promise is settled.
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}

function failure(batch: readonly CopyToVerify[] | null, cause: unknown): Error {
  const first = batch?.[0]
  const where =
    first === undefined
      ? 'before it had anything to do'
      : `in a batch of ${String(batch?.length)} copies from ${first.eventId} on`
  const why = cause instanceof Error ? cause.message : String(cause)
  return new Error(`verification: a thread failed ${where}: ${why}`, {cause})
}

/** Hands out batches and keeps those that are under way. */
class Feeder<T extends CopyToVerify> {
  readonly #options: PoolOptions<T>
  readonly #onEnd: () => void
  readonly #underWay = new Map<number, {readonly batch: readonly T[]; readonly worker: Worker}>()
  #next = 0
  #ended = false

  constructor(options: PoolOptions<T>, onEnd: () => void) {
    this.#options = options
    this.#onEnd = onEnd
  }

  feed(worker: Worker): void {
    const next = this.#ended ? {done: true as const} : this.#options.batches.next()
    if (next.done === true) {
      this.#ended = true
      if (this.#underWay.size === 0) this.#onEnd()
      return
    }
    const number = this.#next
    this.#next += 1
    this.#underWay.set(number, {batch: next.value, worker})
    const batch = next.value.map(({text, eventId}) => ({text, eventId}))
    worker.postMessage({number, batch} satisfies VerifyRequest)
  }

  take({number, result}: VerifyAnswer): void {
    const batch = this.#underWay.get(number)?.batch
    if (batch === undefined)
      throw new Error(`verification: an answer came to batch ${String(number)}, which nobody sent`)
    this.#underWay.delete(number)
    this.#options.onResult(batch, result)
  }

  /** The oldest batch that the thread has before it. */
  underWay(worker: Worker): readonly T[] | null {
    for (const entry of this.#underWay.values()) if (entry.worker === worker) return entry.batch
    return null
  }
}

async function verifyHere<T extends CopyToVerify>({setUp, batches, onResult, signal}: PoolOptions<T>): Promise<void> {
  const rules = rulesFor(setUp.roomVersion)
  if (rules === undefined) throw new Error(`room version ${setUp.roomVersion} is not known`)
  const ring = new KeyRing(setUp.keys)
  for (let next = batches.next(); next.done !== true; next = batches.next()) {
    signal?.throwIfAborted()
    onResult(next.value, verifyBatch(next.value, rules, ring, setUp.roomId))
    // Lets timers and signals in.
    await setImmediate()
  }
}
