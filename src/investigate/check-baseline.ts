import {
  closeSync,
  existsSync,
  fchmodSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import {dirname} from 'node:path'
import {StateError} from '../errors.ts'
import {DEVICE_KINDS} from '../finding/device-kinds.ts'
import type {Finding, Severity} from '../finding/finding.ts'
import {reasonOf, syncFolder} from '../profile/disk.ts'
import type {GoneFinding, RoomCheck} from './check-report.ts'
import {evidenceFor, restsOnServer, subjectText} from './check-subject.ts'
import {isAsSevere, type Judging} from './check-verdict.ts'
import {isRecord, type JsonFile, readJsonFile, shownKey, unreadable} from './json-file.ts'

const SCHEMA = 'matrix-state/check-baseline/1'

/** A finding that is known. */
export interface KnownFinding {
  readonly roomId: string
  readonly id: string
  /** As `subjectText` gives it. */
  readonly subject: string
  /** What it was when it became known: graver, it counts again. `null`: known whatever it is. */
  readonly severity: Severity | null
  readonly reason: string | null
}

/** What is known of all rooms. Plain data; sorted by room, kind and subject, each once. */
export type Baseline = readonly KnownFinding[]

/**
 * Reads a baseline file.
 *
 * @throws StateError INPUT_NOT_FOUND, INPUT_UNREADABLE
 */
export function readBaseline(path: string): Baseline {
  const file: JsonFile = {path, what: 'baseline'}
  const {schema, entries, ...others} = readJsonFile(file)
  if (schema !== SCHEMA) throw unreadable(file, notOurs(schema), 'Give the file that --update-baseline wrote.')
  const other = Object.keys(others).find((key) => key !== '$schema')
  if (other !== undefined) throw unreadable(file, `the key ${shownKey(other)} means nothing in it`)
  if (!Array.isArray(entries)) throw unreadable(file, 'its entries are no list')
  return tidied(entries.map((entry: unknown, index) => parseEntry(entry, index, file)))
}

function notOurs(schema: unknown): string {
  const [, number] = /^matrix-state\/check-baseline\/(\d{1,9})$/.exec(typeof schema === 'string' ? schema : '') ?? []
  return Number(number) > 1 ? 'a newer matrix-state made it' : `its schema is not ${SCHEMA}`
}

const KEYS = ['room_id', 'id', 'subject', 'severity', 'reason']

function parseEntry(entry: unknown, index: number, file: JsonFile): KnownFinding {
  const wrong = (why: string): StateError => unreadable(file, `entry ${String(index + 1)}: ${why}`)
  if (!isRecord(entry)) throw wrong('it is no object')
  // A misspelt key would be lost when the file is updated.
  const unknown = Object.keys(entry).find((key) => !KEYS.includes(key))
  if (unknown !== undefined) throw wrong(`the key ${shownKey(unknown)} means nothing; there are ${KEYS.join(', ')}`)
  const text = (key: string): string => {
    const value = entry[key]
    if (typeof value === 'string' && value !== '') return value
    throw wrong(`${key} ${value === undefined ? 'is missing' : 'must be a text'}`)
  }
  const orNull = (key: string): string | null => ((entry[key] ?? null) === null ? null : text(key))
  const severity = orNull('severity')
  if (severity !== null && !isSeverity(severity)) throw wrong('severity must be error, warning or note')
  return {roomId: text('room_id'), id: text('id'), subject: text('subject'), severity, reason: orNull('reason')}
}

const isSeverity = (text: string): text is Severity => text === 'error' || text === 'warning' || text === 'note'

/** The text of a baseline file: one line an entry, so that a change of one is a change of one line. */
export function baselineText(baseline: Baseline): string {
  const lines = tidied(baseline).map(({roomId, id, subject, severity, reason}) =>
    visible(
      JSON.stringify({
        room_id: roomId,
        id,
        subject,
        ...(severity === null ? {} : {severity}),
        ...(reason === null ? {} : {reason}),
      }),
    ),
  )
  const entries = lines.length === 0 ? '[]' : `[\n${lines.map((line) => `    ${line}`).join(',\n')}\n  ]`
  return `{\n  "schema": "${SCHEMA}",\n  "entries": ${entries}\n}\n`
}

/** Who reads the file in a review sees what is in it: no character that is invisible or turns the direction of writing stays as it is. */
function visible(json: string): string {
  return json.replace(/[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu, (found) =>
    Array.from({length: found.length}, (_, at) => `\\u${found.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  )
}

const keyOf = (id: string, subject: string): string => JSON.stringify([id, subject])
const entryKey = ({roomId, id, subject}: GoneFinding): string => JSON.stringify([roomId, id, subject])

/** Sorted, each once: of two the graver one, and a reason that one of them has. */
function tidied(entries: readonly KnownFinding[]): Baseline {
  const byKey = new Map<string, KnownFinding>()
  for (const entry of entries) {
    const key = entryKey(entry)
    const other = byKey.get(key)
    byKey.set(key, other === undefined ? entry : merged(other, entry))
  }
  return [...byKey.values()].sort(
    (a, b) => order(a.roomId, b.roomId) || order(a.id, b.id) || order(a.subject, b.subject),
  )
}

function merged(one: KnownFinding, other: KnownFinding): KnownFinding {
  const {severity: a} = one
  const {severity: b} = other
  const severity = a === null || b === null ? null : isAsSevere(a, b) ? a : b
  return {...one, severity, reason: one.reason ?? other.reason}
}

/** By UTF-16 code units: the same on every machine, whatever its language. */
const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** What is known of a room, as `judge` asks. Made once for a run. */
export function knownOf(baseline: Baseline): (roomId: string) => NonNullable<Judging['baseline']> {
  const byRoom = Map.groupBy(baseline, ({roomId}) => roomId)
  return (roomId) => {
    const entries = new Map(byRoom.get(roomId)?.map((entry) => [keyOf(entry.id, entry.subject), entry]))
    return (finding) => {
      const entry = entries.get(keyOf(finding.id, subjectText(finding)))
      if (entry === undefined) return null
      const {severity, reason} = entry
      return severity === null || isAsSevere(severity, finding.severity) ? {reason} : null
    }
  }
}

/**
 * As `knownOf`, where the baseline is about to be updated: what would make a room fail becomes known, so that it counts no more.
 *
 * @param failOn - see `updated`
 */
export function becomingKnown(
  baseline: Baseline,
  failOn: Severity,
): (roomId: string) => NonNullable<Judging['baseline']> {
  const known = knownOf(baseline.map((entry) => ({...entry, severity: null})))
  return (roomId) => {
    const ofRoom = known(roomId)
    return (finding) => ofRoom(finding) ?? (isAsSevere(finding.severity, failOn) ? {reason: null} : null)
  }
}

export interface CheckedHow {
  /** Whether the encryption was audited, too. */
  readonly devices: boolean
}

/**
 * Entries that were not found again, in the order of the baseline. Only of rooms that were checked whole, each time that they were; what
 * only an audit of devices finds, if there was one; what rests on the word of a server, if that server told as much.
 */
export function goneFrom(
  baseline: Baseline,
  rooms: readonly RoomCheck[],
  {devices}: CheckedHow,
): readonly GoneFinding[] {
  const checks = Map.groupBy(rooms, ({roomId}) => roomId)
  const found = new Set(
    rooms.flatMap(({roomId, findings}) =>
      roomId === null
        ? []
        : findings.map((one) => entryKey({roomId, id: one.id, subject: subjectText(one), reason: null})),
    ),
  )
  return baseline
    .filter((entry) => {
      const {roomId, id, subject} = entry
      const ofRoom = checks.get(roomId) ?? []
      if (ofRoom.length === 0 || !ofRoom.every(isWhole) || found.has(entryKey(entry))) return false
      if (!devices && Object.hasOwn(DEVICE_KINDS, id)) return false
      const server = restsOnServer(id, subject)
      if (server === null) return true
      const needed = evidenceFor(id)
      return ofRoom.some(({told = []}) => told.some((one) => one.server === server && one.evidence.includes(needed)))
    })
    .map(({roomId, id, subject, reason}) => ({roomId, id, subject, reason}))
}

const isWhole = ({error, open}: RoomCheck): boolean => error === null && open.length === 0

export interface BaselineUpdate {
  readonly baseline: Baseline
  /** Entries that are new, or graver than they were. */
  readonly added: number
  readonly gone: readonly GoneFinding[]
}

/**
 * The baseline after a run: what is gone is dropped; what would make a room fail is added. Reasons stay, and so does all that is known of
 * rooms that were not checked.
 *
 * @param failOn - findings of at least this severity become known, unless their kind is ignored
 */
export function updated(
  baseline: Baseline,
  rooms: readonly RoomCheck[],
  {devices, failOn}: CheckedHow & {readonly failOn: Severity},
): BaselineUpdate {
  const gone = goneFrom(baseline, rooms, {devices})
  const dropped = new Set(gone.map(entryKey))
  const kept = baseline.filter((entry) => !dropped.has(entryKey(entry)))
  const before = new Map(kept.map((entry) => [entryKey(entry), entry]))
  const fresh = rooms.flatMap(({roomId, findings}) =>
    roomId === null
      ? []
      : findings
          .filter(({severity, notCounted}) => notCounted?.why !== 'ignored' && isAsSevere(severity, failOn))
          .map((finding) => entryOf(roomId, finding)),
  )
  const added = tidied(fresh).filter((entry) => {
    const known = before.get(entryKey(entry))
    return known === undefined || !(known.severity === null || isAsSevere(known.severity, entry.severity ?? 'error'))
  })
  return {baseline: tidied([...kept, ...added]), added: added.length, gone}
}

function entryOf(roomId: string, finding: Finding): KnownFinding {
  return {roomId, id: finding.id, subject: subjectText(finding), severity: finding.severity, reason: null}
}

/**
 * Writes a baseline file as a whole: whoever reads it, and whatever happens meanwhile, finds the old one or the new one. A file that says
 * the same already is left alone.
 *
 * @throws StateError OUTPUT_FAILED
 */
export function writeBaseline(path: string, baseline: Baseline): void {
  const text = baselineText(baseline)
  try {
    if (existsSync(path) && readFileSync(path, 'utf8') === text) return
    replaceFile(existsSync(path) ? realpathSync(path) : path, text)
  } catch (error) {
    throw new StateError('OUTPUT_FAILED', `could not write the baseline ${JSON.stringify(path)}: ${reasonOf(error)}`, {
      cause: error,
      hint: 'Check the folder, its permissions and the space on the disk.',
    })
  }
}

function replaceFile(path: string, text: string): void {
  const beside = `${path}.${String(process.pid)}.part`
  const mode = existsSync(path) ? statSync(path).mode & 0o777 : null
  rmSync(beside, {force: true})
  const file = openSync(beside, 'wx', 0o666)
  try {
    try {
      const bytes = Buffer.from(text)
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at)
      if (mode !== null) fchmodSync(file, mode)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(beside, path)
  } catch (error) {
    rmSync(beside, {force: true})
    throw error
  }
  syncFolder(dirname(path))
}
