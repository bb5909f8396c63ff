import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  realpathSync,
  statSync,
  writeSync,
} from 'node:fs'
import {dirname, resolve} from 'node:path'
import {holdingLock} from '../casefile/file-lock.ts'
import {StateError} from '../errors.ts'
import {isRecord} from './json-file.ts'
import {isLiveRoom} from './open-room.ts'
import type {RoomToCheck} from './check-room.ts'
import type {RoomOutcome} from './check-verdict.ts'

/** What was asked, as far as the outcome of a room depends on it. No secret is in it. */
export type CheckQuestion = Readonly<Record<string, string | number | boolean | null | readonly string[]>>

const SCHEMA = 'matrix-state/check-journal/1'

/**
 * What a run of `check` has come to, room by room, in a file that survives it: NDJSON with a header, a line for each room that is done, and a
 * last line when all are. Each line is on the disk before the next room of its process begins. Rooms are kept as they were found, not as
 * they were judged, so that a run that goes on may judge otherwise.
 */
export class CheckJournal {
  /** Rooms that an earlier run has done, by `keyOf`. Those that failed are not among them: they are tried again. */
  readonly earlier: ReadonlyMap<string, RoomOutcome>
  /** What the files of those rooms were then, by `keyOf`: see `stampOf`. */
  readonly stamps: ReadonlyMap<string, string>
  /** When the run that is gone on with began, milliseconds since 1970; `null`: this is a new one. */
  readonly earlierTs: number | null
  readonly #path: string
  readonly #file: number

  /**
   * Makes a journal, or goes on with one that a run has left unfinished. One that is finished is begun anew: what it says was true then.
   *
   * @throws StateError USAGE where another question was asked, INPUT_UNREADABLE for what is no journal, OUTPUT_FAILED
   */
  constructor(path: string, question: CheckQuestion, nowMs: number) {
    this.#path = path
    const found = existsSync(path) ? readJournal(path) : null
    this.#file = this.#guarded(() => openSync(path, found === null || found.isEnded ? 'w' : 'r+', 0o600))
    if (found === null || found.isEnded) {
      this.earlier = new Map()
      this.stamps = new Map()
      this.earlierTs = null
      this.#write({schema: SCHEMA, question, started_ts: nowMs})
      return
    }
    try {
      refuseOther(path, found.question, question)
    } catch (error) {
      closeSync(this.#file)
      throw error
    }
    // A last line that was torn would make the next one unreadable.
    this.#guarded(() => {
      ftruncateSync(this.#file, found.bytes)
    })
    this.earlier = found.outcomes
    this.stamps = found.stamps
    this.earlierTs = found.startedTs
  }

  /**
   * @param stamp - of what the room was read from, before it was
   * @throws StateError OUTPUT_FAILED
   */
  add(key: string, outcome: RoomOutcome, stamp: string | null = null): void {
    this.#write({key, ...(stamp === null ? {} : {stamp}), outcome})
  }

  /** All rooms are done. @throws StateError OUTPUT_FAILED */
  end(nowMs: number): void {
    this.#write({end: true, ended_ts: nowMs})
  }

  close(): void {
    closeSync(this.#file)
  }

  #write(line: object): void {
    this.#guarded(() => {
      const bytes = Buffer.from(`${JSON.stringify(line)}\n`)
      const {size} = fstatSync(this.#file)
      for (let at = 0; at < bytes.length;) at += writeSync(this.#file, bytes, at, bytes.length - at, size + at)
      fsyncSync(this.#file)
    })
  }

  #guarded<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (!(error instanceof Error) || !('syscall' in error)) throw error
      throw new StateError(
        'OUTPUT_FAILED',
        `could not write the journal ${JSON.stringify(this.#path)}: ${error.message}`,
        {
          cause: error,
          hint: 'Check the folder, its permissions and the space on the disk.',
        },
      )
    }
  }
}

/**
 * Keeps other runs from a journal while `work` uses it: two would write over each other's lines. The lock is a file beside it, which stays.
 *
 * @throws StateError OUTPUT_FAILED where another run has it; whatever `work` throws
 */
export async function holdingJournal<T>(path: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const real = existsSync(path) ? realpathSync(path) : resolve(path)
  const busy = (): StateError =>
    new StateError('OUTPUT_FAILED', `the journal ${JSON.stringify(path)} is in use by another run of check`, {
      hint: 'Wait until that one is done, or give another --journal.',
    })
  // Where nothing can be written, the journal cannot either, which is told better there.
  if (!isWritable(dirname(real))) return work()
  return holdingLock(`${real}.lock`, {waitMs: 0, signal, busy}, work)
}

function isWritable(folder: string): boolean {
  try {
    // The dot: what is meant to be a folder may be a file.
    accessSync(`${folder}/.`, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** By what a room is found again: a file by where it is, not by how that was written. */
export function keyOf({room}: RoomToCheck): string {
  return isLiveRoom(room) || room === '-' ? room : resolve(room)
}

/**
 * Which contents files have, as far as that can be told without reading them: whoever writes into one, or puts another in its place, changes
 * this, even where size and time of change were set back. A case file's newest rows may be in its log.
 *
 * @returns `null` for no files
 */
export function stampOf(paths: readonly string[]): string | null {
  const all = paths.flatMap((path) => [path, `${path}-wal`])
  const stamps = all.map((path) => {
    const stat = statSync(path, {bigint: true, throwIfNoEntry: false})
    // A log that is empty says the same as none.
    if (stat === undefined || (path.endsWith('-wal') && stat.size === 0n)) return ''
    return [stat.size, stat.mtimeNs, stat.ctimeNs].join('.')
  })
  return paths.length === 0 ? null : stamps.join(' ').trim()
}

interface FoundJournal {
  readonly question: CheckQuestion
  readonly startedTs: number
  readonly outcomes: ReadonlyMap<string, RoomOutcome>
  readonly stamps: ReadonlyMap<string, string>
  readonly isEnded: boolean
  /** Without the line that was torn. */
  readonly bytes: number
}

/** @returns `null`: there is nothing in it, or only the beginning of a header */
function readJournal(path: string): FoundJournal | null {
  const bytes = readBytes(path)
  const whole = bytes.lastIndexOf(0x0a) + 1
  const lines = bytes.subarray(0, whole).toString('utf8').split('\n').slice(0, -1)
  if (lines.length === 0) {
    const start = `{"schema":"${SCHEMA}"`
    const text = bytes.subarray(0, start.length).toString('utf8')
    if (start.startsWith(text)) return null
    throw noJournal(path)
  }
  const [header, ...rest] = lines.map((line, index) => parseLine(path, line, index))
  if (header?.['schema'] !== SCHEMA || !isRecord(header['question'])) throw noJournal(path)
  const outcomes = new Map<string, RoomOutcome>()
  const stamps = new Map<string, string>()
  let isEnded = false
  for (const [index, line] of rest.entries()) {
    if (line['end'] === true) isEnded = true
    else if (typeof line['key'] === 'string' && isOutcome(line['outcome'])) {
      if (line['outcome'].error === null) outcomes.set(line['key'], line['outcome'])
      if (typeof line['stamp'] === 'string') stamps.set(line['key'], line['stamp'])
      else stamps.delete(line['key'])
    } else throw damaged(path, index + 2)
  }
  const {question, started_ts: startedTs} = header
  return {
    question: question as CheckQuestion,
    startedTs: typeof startedTs === 'number' ? startedTs : 0,
    outcomes,
    stamps,
    isEnded,
    bytes: whole,
  }
}

function readBytes(path: string): Buffer {
  try {
    // A pipe that nobody writes into would be waited for without end, deaf to Ctrl-C.
    const stat = statSync(path)
    if (!stat.isFile() && !stat.isDirectory()) throw noJournal(path)
    return readFileSync(path)
  } catch (error) {
    if (error instanceof StateError) throw error
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new StateError('INPUT_UNREADABLE', `the journal ${JSON.stringify(path)} cannot be read: ${reason}`, {
      cause: error,
      hint: 'Check the path and its permissions.',
    })
  }
}

function parseLine(path: string, line: string, index: number): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line)
    if (isRecord(value)) return value
  } catch {
    // Told below.
  }
  throw index === 0 ? noJournal(path) : damaged(path, index + 1)
}

function isOutcome(value: unknown): value is RoomOutcome {
  if (!isRecord(value)) return false
  const {room, roomId, roomVersion, name, findings, open, error, events, compared, requests, seconds} = value
  return (
    typeof room === 'string' &&
    [roomId, roomVersion, name].every((one) => one === null || typeof one === 'string') &&
    Array.isArray(findings) &&
    findings.every(isFinding) &&
    Array.isArray(open) &&
    open.every((why) => typeof why === 'string') &&
    [events, compared, requests, seconds].every((number) => typeof number === 'number') &&
    (error === null || isRecord(error))
  )
}

function isFinding(value: unknown): boolean {
  if (!isRecord(value)) return false
  const {id, severity, certainty, summary, subject, evidence, remedy} = value
  return (
    [id, severity, certainty, summary, remedy].every((text) => typeof text === 'string') &&
    isRecord(subject) &&
    Array.isArray(evidence) &&
    evidence.every(isRecord)
  )
}

function refuseOther(path: string, asked: CheckQuestion, now: CheckQuestion): void {
  const names = [...new Set([...Object.keys(asked), ...Object.keys(now)])]
  const other = names.filter((name) => JSON.stringify(asked[name]) !== JSON.stringify(now[name]))
  if (other.length === 0) return
  throw new StateError(
    'USAGE',
    `the journal ${JSON.stringify(path)} is of a run that was asked something else: ${other.join(', ')}`,
    {hint: 'Give the same flags to go on with it, or another --journal.'},
  )
}

function noJournal(path: string): StateError {
  return new StateError('INPUT_UNREADABLE', `${JSON.stringify(path)} is no journal of check`, {
    hint: 'Give another --journal: nothing is written over a file of another kind.',
  })
}

function damaged(path: string, line: number): StateError {
  return new StateError('INPUT_UNREADABLE', `the journal ${JSON.stringify(path)} is damaged in line ${String(line)}`, {
    hint: 'Remove it, or give another --journal: the rooms are checked again then.',
  })
}
