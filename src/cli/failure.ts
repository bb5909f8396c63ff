import {StateError} from '../errors.ts'
import {EXIT, exitCodeOf, type ExitCode} from './exit-codes.ts'
import {roomIsMissing} from './room-argument.ts'
import {nearest} from './suggest.ts'

/** How a command ended that could not finish: what is printed, and the exit code. */
export interface Failure {
  readonly exitCode: ExitCode
  readonly code: string
  readonly message: string
  readonly hint: string | undefined
  /** Bugs only: a user error never shows a stack. */
  readonly stack?: string
  /** Standard output takes nothing any more. */
  readonly stdoutIsGone?: true
}

/** Any thrown value -> what the user is told. */
export function describeFailure(error: unknown): Failure {
  if (error instanceof StateError) {
    return {exitCode: exitCodeOf(error.code), code: error.code, message: error.message, hint: error.hint}
  }
  const usage = asUsageError(error)
  return usage === undefined ? (describeOutput(error) ?? describeBug(error)) : describeFailure(usage)
}

export function toErrorDocument({code, message, hint}: Failure): object {
  return {schema: 'matrix-state/error/1', error: {code, message, ...(hint === undefined ? {} : {hint})}}
}

/** What oclif's parser attaches to its errors (the classes themselves are not exported). */
interface ParserError extends Error {
  readonly parse?: {
    readonly input?: {
      readonly flags?: Readonly<Record<string, {readonly char?: string; readonly hidden?: boolean}>>
      readonly args?: object
    }
  }
  readonly flags?: readonly string[]
  readonly args?: readonly (string | {readonly name: string})[]
  readonly oclif?: {readonly exit?: number}
}

/**
 * oclif's errors about the command line, in this program's words; `undefined` for any other error.
 *
 * @param id - the command's, where it is known: the hint names its help.
 */
export function asUsageError(error: unknown, id?: string): StateError | undefined {
  if (!(error instanceof Error) || !('oclif' in error)) return undefined
  const wrong = error as ParserError
  if (wrong.parse === undefined && wrong.oclif?.exit !== EXIT.usage) return undefined
  const {message, hint} = usageInWords(wrong)
  const seeHelp = `see: matrix-state ${id === undefined ? '' : `${id.replaceAll(':', ' ')} `}--help`
  return new StateError('USAGE', message, {hint: hint ?? seeHelp, cause: error})
}

function usageInWords(error: ParserError): {readonly message: string; readonly hint?: string | undefined} {
  const names = (error.args ?? []).map((arg) => (typeof arg === 'string' ? arg : arg.name))
  switch (error.constructor.name) {
    case 'NonExistentFlagsError': {
      // A value may be a secret, whatever the flag was to be.
      const unknown = (error.flags ?? []).map((flag) => flag.replace(/^(--[^=]*|-[^-]).*$/su, '$1'))
      const known = Object.entries(error.parse?.input?.flags ?? {}).flatMap(([name, {hidden}]) =>
        hidden === true ? [] : [name],
      )
      const guess = unknown.map((flag) => nearest(flag.replace(/^-+/, ''), known)).find((name) => name !== undefined)
      return {
        message: `unknown flag ${unknown.join(', ')}`,
        hint: guess === undefined ? undefined : `did you mean --${guess}?`,
      }
    }
    case 'RequiredArgsError':
      return {
        message: `missing argument: ${names.join(', ')}`,
        hint: names.includes('room') ? roomIsMissing : undefined,
      }
    case 'FailedFlagValidationError': {
      const missing = [...error.message.matchAll(/^\s*Missing required flag (\S+)$/gm)].map(
        ([, name]) => `--${String(name)}`,
      )
      if (missing.length > 0) return {message: `missing flag: ${missing.join(', ')}`}
      return {message: exclusiveInWords(error.message) ?? inOneLine(error.message)}
    }
    case 'UnexpectedArgsError':
      // Where there are none at all, it may be a secret that was to be a flag's value.
      if (Object.keys(error.parse?.input?.args ?? {}).length === 0) return {message: 'no argument is expected here'}
      return {message: `unexpected argument: ${names.join(' ')}`}
    default:
      return {message: exclusiveInWords(error.message) ?? inOneLine(error.message)}
  }
}

/** oclif says it twice, once for each of the two. */
function exclusiveInWords(message: string): string | undefined {
  const [, one, other] = /(--[\w-]+)(?:=[^]*?)? cannot also be provided when using (--[\w-]+)/.exec(message) ?? []
  return one === undefined || other === undefined
    ? undefined
    : `${one} and ${other} exclude each other: give one of them`
}

function inOneLine(message: string): string {
  return message
    .replace(/\nSee more help with --help$/, '')
    .replace(/^The following errors? occurred:/, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join('; ')
    .replace(/^Parsing (--[\w-]+); E/, '$1: e')
}

const OUTPUT_PROBLEMS = new Set(['ENOSPC', 'EIO', 'EDQUOT', 'EFBIG'])

/** A full disk behind standard output is no bug. */
function describeOutput(error: unknown): Failure | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error) || error.syscall !== 'write')
    return undefined
  if (!OUTPUT_PROBLEMS.has(String(error.code))) return undefined
  return {
    exitCode: EXIT.failed,
    code: 'OUTPUT_FAILED',
    message: `could not write: ${error.message}`,
    hint: undefined,
    stdoutIsGone: true,
  }
}

function describeBug(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error)
  return {
    exitCode: EXIT.bug,
    code: 'BUG',
    message: `a bug in matrix-state: ${message}`,
    hint: 'please report it, with the lines above and the command that led to it',
    stack: error instanceof Error ? (error.stack ?? message) : message,
  }
}
