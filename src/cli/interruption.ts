import {EXIT} from './exit-codes.ts'

let signal: AbortSignal | undefined

/** Time that a command has to tidy up after Ctrl-C. */
const GRACE_MS = 1000

/**
 * Aborts when Ctrl-C is pressed, for work that must tidy up; the process then ends with 130.
 *
 * @remarks Without a call of this, Ctrl-C ends the process at once, also amid synchronous work, which no handler could.
 */
export function interruption(): AbortSignal {
  if (signal !== undefined) return signal
  const controller = new AbortController()
  process.once('SIGINT', () => {
    controller.abort()
    setTimeout(() => process.exit(EXIT.interrupted), GRACE_MS).unref()
  })
  return (signal = controller.signal)
}

export const wasInterrupted = (): boolean => signal?.aborted ?? false
