import {styleText} from 'node:util'
import {printable, printableJson} from '../report/printable.ts'
import {beforeDoubleDash, wantsColor} from './color.ts'
import {endProcess} from './end-process.ts'
import {EXIT, type ExitCode} from './exit-codes.ts'
import {describeFailure, toErrorDocument} from './failure.ts'
import {interruptedByLoss, wasInterrupted} from './interruption.ts'
import {flush} from './output.ts'

/** Where the program stands, and what oclif should take for its package.json (`bin/dev.js` only). */
export interface ProgramOptions {
  readonly root: string
  readonly pjson?: object
  readonly ignoreManifest?: boolean
}

/**
 * Runs one command line and ends the process.
 *
 * @remarks Stands in the place of oclif's `execute`, which knows two exit codes and prints its own kind of errors.
 */
export async function main(argv: readonly string[], options: ProgramOptions): Promise<void> {
  prepareColors(argv)
  let failure: ExitCode | undefined
  const end = async (code: ExitCode): Promise<void> => {
    await Promise.all([flush(process.stdout), flush(process.stderr)])
    endProcess(wasInterrupted() ? EXIT.interrupted : (failure ?? code))
  }
  const fail = async (error: unknown): Promise<void> => {
    if (failure !== undefined) return
    failure = wasInterrupted() ? EXIT.interrupted : report(error, argv)
    await end(failure)
  }
  // Rejections that nobody awaited arrive here, too.
  process.on('uncaughtException', (error) => {
    // A terminal that is gone fails wherever it is touched: the command ends by itself, once it has taken back what it did.
    if (!interruptedByLoss(error)) void fail(error)
  })
  process.stderr.on('error', () => undefined)
  try {
    const {run} = await import('@oclif/core/run')
    const {settings} = await import('@oclif/core/settings')
    settings.enableAutoTranspile = false
    // oclif's own listener throws whatever is not EPIPE from within the stream.
    process.stdout.removeAllListeners('error')
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE' && failure === undefined) {
        // Whoever read it has enough: what fails from here on fails by that.
        failure = EXIT.done
        endProcess(EXIT.done)
      }
      if (!interruptedByLoss(error)) void fail(error)
    })
    const result: unknown = await run([...argv], options as Parameters<typeof run>[1])
    await end(isExitCode(result) ? result : EXIT.done)
  } catch (error) {
    const asked = exitAskedFor(error)
    if (asked === undefined) await fail(error)
    else await end(asked)
  }
}

/** Decided once, before any library looks: some of them know only FORCE_COLOR. */
function prepareColors(argv: readonly string[]): void {
  if (!wantsColor(argv, process.env, true)) {
    process.env['FORCE_COLOR'] = '0'
    process.env['NO_COLOR'] = '1'
  }
}

/** Prints what went wrong and says which exit code stands for it. */
function report(error: unknown, argv: readonly string[]): ExitCode {
  const failure = describeFailure(error)
  if (failure.stack !== undefined) process.stderr.write(`${failure.stack}\n`)
  // Where stdout itself is what failed, stderr is all that is left.
  if (beforeDoubleDash(argv).includes('--json') && failure.stdoutIsGone !== true) {
    process.stdout.write(`${printableJson(JSON.stringify(toErrorDocument(failure), null, 2))}\n`)
    return failure.exitCode
  }
  const color = wantsColor(argv, process.env, process.stderr.isTTY)
  const strong = (format: 'red' | 'cyan', text: string): string =>
    color ? styleText(format, text, {validateStream: false}) : text
  process.stderr.write(`${strong('red', 'error:')} ${printable(failure.message)}\n`)
  if (failure.hint !== undefined) process.stderr.write(`${strong('cyan', 'hint:')} ${printable(failure.hint)}\n`)
  return failure.exitCode
}

const EXIT_CODES: ReadonlySet<unknown> = new Set(Object.values(EXIT))
const isExitCode = (value: unknown): value is ExitCode => EXIT_CODES.has(value)

/** oclif's `this.exit(code)` arrives as an error. */
function exitAskedFor(error: unknown): ExitCode | undefined {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'EEXIT' || !('oclif' in error)) return undefined
  const {exit} = error.oclif as {readonly exit?: unknown}
  return isExitCode(exit) ? exit : EXIT.bug
}
