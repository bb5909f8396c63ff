import {DatabaseSync} from 'node:sqlite'
import {setTimeout as sleep} from 'node:timers/promises'
import {StateError} from '../errors.ts'

/** How often a lock is asked for, in milliseconds. */
const EVERY_MS = 200
const SQLITE_BUSY = 5

/**
 * Holds a lock while `work` runs, so that processes take turns. The system takes it back when its holder dies, however that happens.
 *
 * @param path - a file for nothing else; made where it is absent, and left there, empty
 * @param options - `waitMs`: how long to wait for whoever has it; `onWait` is called while it is waited
 * @throws StateError what `busy` gives when it is not to be had; OUTPUT_FAILED where it cannot be made; the signal's reason; whatever `work` throws
 */
export async function holdingLock<T>(
  path: string,
  options: {
    readonly waitMs: number
    readonly signal: AbortSignal
    readonly busy: () => StateError
    readonly onWait?: () => void
  },
  work: () => Promise<T>,
): Promise<T> {
  const {waitMs, signal, busy, onWait} = options
  // SQLite's locks are the only ones that Node offers on every platform, and that need no cleaning up after a killed process.
  const lock = openLock(path)
  try {
    const end = performance.now() + waitMs
    while (!isTaken(lock)) {
      if (performance.now() >= end) throw busy()
      onWait?.()
      await sleep(EVERY_MS, undefined, {signal})
    }
    return await work()
  } finally {
    lock.close()
  }
}

function openLock(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path, {timeout: 0})
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new StateError('OUTPUT_FAILED', `could not write ${JSON.stringify(path)}: ${why}`, {
      cause: error,
      hint: 'Check the folder, its permissions and the space on the disk; a name may be too long.',
    })
  }
}

function isTaken(lock: DatabaseSync): boolean {
  try {
    lock.exec('BEGIN EXCLUSIVE')
    return true
  } catch (error) {
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return false
    throw error
  }
}
