import {EXIT} from './exit-codes.ts'

let controller: AbortController | undefined

/** Time that a command has to tidy up after Ctrl-C, unless it asks for more. */
const GRACE_MS = 1000
/** A terminal sends Ctrl-C to a whole group of processes, of which one may hand it on: it is still the same. */
const SAME_MS = 500

export interface InterruptionOptions {
  /** How long tidying up may take, in milliseconds, before the process ends anyway. */
  readonly graceMs?: number
  /** What counts as Ctrl-C. */
  readonly signals?: readonly ('SIGINT' | 'SIGTERM' | 'SIGHUP')[]
  /** Whether a second one ends the process at once; `true` unless told otherwise. */
  readonly secondEnds?: boolean
}

/**
 * Aborts when Ctrl-C is pressed, for work that must tidy up; the process then ends with 130.
 *
 * @remarks Without a call of this, Ctrl-C ends the process at once, also amid synchronous work, which no handler could. What the first call
 * asks for counts.
 */
export function interruption(options: InterruptionOptions = {}): AbortSignal {
  const {graceMs = GRACE_MS, signals = ['SIGINT'], secondEnds = true} = options
  if (controller !== undefined) return controller.signal
  const made = (controller = new AbortController())
  made.signal.addEventListener('abort', () => {
    setTimeout(() => process.exit(EXIT.interrupted), graceMs).unref()
  })
  const onSignal = (): void => {
    made.abort()
    const release = (): void => {
      for (const signal of signals) process.off(signal, onSignal)
    }
    if (secondEnds) setTimeout(release, SAME_MS).unref()
  }
  for (const signal of signals) process.on(signal, onSignal)
  return made.signal
}

/** The same as Ctrl-C, where a prompt has taken the key: its terminal sends no signal. Of effect only after a call of `interruption`. */
export function interrupt(): void {
  controller?.abort()
}

export const wasInterrupted = (): boolean => controller?.signal.aborted ?? false

/**
 * Whether it is an error of a terminal that has gone away (its window closed, its connection cut): nothing can be read from it, written to it
 * or set on it any more. Not the error of a disk behind a redirected stream.
 */
export function isOfLostTerminal(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error) || error.code !== 'EIO') return false
  if (error.syscall === 'setRawMode') return true
  const {stdin, stdout, stderr} = process
  const [input, output] = [stdin.isTTY, stdout.isTTY || stderr.isTTY]
  return (error.syscall === 'read' && input) || (error.syscall === 'write' && output)
}

/**
 * Takes the loss of the terminal for Ctrl-C, so that work which tidies up gets to do so.
 *
 * @returns `false`: it is another error, or nothing asked to tidy up
 */
export function interruptedByLoss(error: unknown): boolean {
  if (controller === undefined || !isOfLostTerminal(error)) return false
  controller.abort()
  return true
}
