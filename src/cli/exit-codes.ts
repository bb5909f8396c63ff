import type {ErrorCode} from '../errors.ts'

/** What every command's exit code means; the one place that says so (help, documents and tests read it from here). */
export const EXIT = {
  done: 0,
  findings: 1,
  usage: 2,
  inconclusive: 3,
  failed: 4,
  profileAbsent: 5,
  setupRefused: 6,
  bug: 70,
  interrupted: 130,
} as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

export const EXIT_MEANINGS: readonly (readonly [code: ExitCode, meaning: string])[] = [
  [EXIT.done, 'done; no finding at or above --fail-on'],
  [EXIT.findings, 'done; findings at or above --fail-on'],
  [EXIT.usage, 'wrong usage: unknown flag, bad argument'],
  [EXIT.inconclusive, 'inconclusive: evidence is incomplete, so "clean" cannot be claimed'],
  [EXIT.failed, 'could not do it: server unreachable or refusing, input malformed, disk full'],
  [EXIT.profileAbsent, 'a profile or baseline that the command needs is absent'],
  [EXIT.setupRefused, 'setup refused: it exists already, or would become another identity'],
  [EXIT.bug, 'a bug in matrix-state'],
  [EXIT.interrupted, 'interrupted (Ctrl-C)'],
]

/** Weightiest first. Proven findings (1) outweigh gaps (3); what stopped the whole command outweighs both. */
const PRECEDENCE: readonly ExitCode[] = [
  EXIT.interrupted,
  EXIT.bug,
  EXIT.usage,
  EXIT.setupRefused,
  EXIT.profileAbsent,
  EXIT.failed,
  EXIT.findings,
  EXIT.inconclusive,
  EXIT.done,
]

/** The one code to end with where several apply; `done` for none. */
export function worstOf(...codes: readonly ExitCode[]): ExitCode {
  return PRECEDENCE.find((code) => codes.includes(code)) ?? EXIT.done
}

/** Codes that do not simply mean "could not do it". */
const OF_ERROR: Readonly<Partial<Record<ErrorCode, ExitCode>>> = {
  USAGE: EXIT.usage,
  PROFILE_ABSENT: EXIT.profileAbsent,
  BASELINE_ABSENT: EXIT.profileAbsent,
  PROFILE_EXISTS: EXIT.setupRefused,
  OTHER_IDENTITY: EXIT.setupRefused,
}

/** The exit code for a failure that the user can act on. */
export function exitCodeOf(code: ErrorCode): ExitCode {
  return OF_ERROR[code] ?? EXIT.failed
}

/** The least grave severity that makes a command fail; `never` for none. */
export const FAIL_ON = ['error', 'warning', 'note', 'never'] as const
export type FailOn = (typeof FAIL_ON)[number]

/** `findings` if one of them is at or above the threshold, `done` otherwise. */
export function exitCodeForFindings(
  findings: Iterable<{readonly severity: 'error' | 'warning' | 'note'}>,
  failOn: FailOn,
): ExitCode {
  const threshold = FAIL_ON.indexOf(failOn)
  if (failOn === 'never') return EXIT.done
  for (const {severity} of findings) if (FAIL_ON.indexOf(severity) <= threshold) return EXIT.findings
  return EXIT.done
}
