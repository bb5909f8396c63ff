import type {RefusedUploads} from '../matrix/device-facts.ts'
import {StateError} from '../errors.ts'
import type {DeviceContext, DeviceRoute, DeviceStep} from './device-evidence.ts'
import type {PlannedRequest} from './evidence.ts'
import {GzipError, openBytes} from './file-bytes.ts'
import {badGzip} from './file-problems.ts'

type Refused = RefusedUploads['refused'][number]

/** One line that says that a one-time key was refused, since another one has its name. */
export interface RefusedUploadLine {
  readonly keyId: string
  /** Whose: the owner who signed the keys; `null` where the line does not show them. */
  readonly userId: string | null
  readonly deviceId: string | null
  /** Milliseconds since 1970. A time without a zone is taken for UTC. */
  readonly ts: number | null
}

/** Longer lines are looked at in pieces of this length; the message itself has some 600 characters. */
const MOST_CHARACTERS = 1 << 20
/** Lines that are kept of one user, and numbers that are told of lines nobody is named in. */
const MOST_KEPT = 200
const MOST_NAMED = 20

/**
 * A log of Synapse or of a client as a route to devices: uploads of one-time keys that a server refused. It proves that a client's store and
 * the server went apart, which no API shows afterwards.
 *
 * @param path - plain text or gzip; nothing is opened before `gather`
 * @remarks Streams; memory for what is told of the audited users. The user and device are those that signed the keys in the message, which
 * Synapse repeats in it and clients log.
 */
export function openLogDeviceRoute(path: string): DeviceRoute {
  return {
    identity: {kind: 'file', name: `log ${path}`, server: '', address: path, insecure: false, account: null},
    plan: () => logPlan(path),
    gather: (context) => gather(path, context),
    close: () => Promise.resolve(),
  }
}

export function logPlan(path: string): readonly PlannedRequest[] {
  return [{request: `read ${path}`, times: '1', purpose: 'refused uploads of one-time keys', effect: 'none'}]
}

async function* gather(path: string, {userIds, keysOnly = false, signal}: DeviceContext): AsyncGenerator<DeviceStep> {
  if (keysOnly) return
  const audited = new Set(userIds)
  const byUser = new Map<string, KeptLines>()
  const unnamed: number[] = []
  let unnamedCount = 0
  let failure: StateError | null = null
  try {
    for await (const {text, line} of linesOf(path)) {
      signal.throwIfAborted()
      const read = readRefusedUpload(text)
      if (read === null) continue
      const {keyId, userId, deviceId, ts} = read
      if (userId === null || deviceId === null) {
        unnamedCount += 1
        if (unnamed.length < MOST_NAMED) unnamed.push(line)
      } else if (audited.has(userId)) {
        const kept = byUser.get(userId) ?? new KeptLines()
        byUser.set(userId, kept)
        kept.add({device_id: deviceId, key_id: keyId, line, ...(ts === null ? {} : {ts})})
      }
    }
  } catch (error) {
    // A log that is cut, as one that is being written, still tells what is before the cut.
    if (!(error instanceof StateError)) throw error
    failure = error
  }
  const more = unnamedCount > unnamed.length ? `, and ${String(unnamedCount - unnamed.length)} more` : ''
  const isSilent = byUser.size === 0 && unnamedCount === 0
  const notes = [
    isSilent
      ? `${path}: no refused one-time key of ${audited.size === 1 ? 'this user' : 'these users'} is in it. Whether it is a log of their server or client, it does not tell.`
      : `${path}: refused one-time keys of users who are not named, in ${unnamedCount === 1 ? 'line' : 'lines'} ${unnamed.join(', ')}${more}.`,
  ]
  yield {
    how: 'log',
    requests: 0,
    facts: [...byUser].map(([userId, kept]) => ({userId, fact: {kind: 'refused-uploads', refused: kept.lines()}})),
    ...(unnamedCount === 0 && !isSilent ? {} : {notes}),
  }
  if (failure !== null) throw failure
}

/** Of one user's lines. A client that is refused tries again at every turn: of each key the first line and the last are kept. */
class KeptLines {
  readonly #byKey = new Map<string, {readonly first: Refused; last: Refused}>()

  add(refused: Refused): void {
    const key = JSON.stringify([refused.device_id, refused.key_id])
    const known = this.#byKey.get(key)
    if (known !== undefined) known.last = refused
    else if (this.#byKey.size < MOST_KEPT / 2) this.#byKey.set(key, {first: refused, last: refused})
  }

  lines(): readonly Refused[] {
    const all = [...this.#byKey.values()].flatMap(({first, last}) => (first === last ? [first] : [first, last]))
    return all.sort((a, b) => a.line - b.line)
  }
}

const REFUSED = /One time key ([A-Za-z0-9_]{1,64}:[^\s"'\\]{1,255}) already exists/u
/** JSON, JSON within a string, or Python's way to write a dictionary. */
const SIGNED =
  /signatures\\*["']\s*:\s*\{\s*\\*["'](@[^"'\\\s]{1,254})\\*["']\s*:\s*\{\s*\\*["']ed25519:([^"'\\\s]{1,255})\\*["']/u
const TIME = /(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?\s?(Z|[+-]\d\d:?\d\d)?/u

/** What a line of a log says of a refused one-time key; `null` when it is about something else. */
export function readRefusedUpload(text: string): RefusedUploadLine | null {
  const refused = REFUSED.exec(text)
  if (refused?.[1] === undefined) return null
  const signed = SIGNED.exec(text.slice(refused.index, refused.index + 4096))
  return {
    keyId: refused[1],
    userId: signed?.[1] ?? null,
    deviceId: signed?.[2] ?? null,
    ts: timeIn(text.slice(0, Math.min(refused.index, 200))),
  }
}

function timeIn(text: string): number | null {
  const [, date, time, fraction = '0', zone = 'Z'] = TIME.exec(text) ?? []
  if (date === undefined || time === undefined) return null
  const ms = Date.parse(
    `${date}T${time}.${fraction.padEnd(3, '0').slice(0, 3)}${zone.replace(/^([+-]\d\d)(\d\d)$/u, '$1:$2')}`,
  )
  return Number.isNaN(ms) ? null : ms
}

/** Lines with their numbers, from 1. Bytes that are no UTF-8 are replaced: they are in some other line's words. */
/**
 * The lines of a log, plain or gzip, in bounded memory: a line of more than a million characters comes in pieces.
 *
 * @param path - `-`: standard input
 * @throws StateError INPUT_NOT_FOUND, INPUT_UNREADABLE, DUMP_MALFORMED
 */
export async function* linesOf(path: string): AsyncGenerator<{readonly text: string; readonly line: number}> {
  const isInput = path === '-'
  const reading = {name: isInput ? 'standard input' : path, events: 0}
  try {
    const bytes = await openBytes(path, isInput ? process.stdin : undefined, reading)
    try {
      const decoder = new TextDecoder()
      let line = 1
      let carried = ''
      for (let chunk = await bytes.read(); chunk !== undefined; chunk = await bytes.read()) {
        const parts = (carried + decoder.decode(chunk, {stream: true})).split('\n')
        carried = parts.pop() ?? ''
        for (const text of parts) {
          yield {text, line}
          line += 1
        }
        if (carried.length > MOST_CHARACTERS) {
          yield {text: carried, line}
          carried = ''
        }
      }
      carried += decoder.decode()
      if (carried !== '') yield {text: carried, line}
    } finally {
      await bytes.close()
    }
  } catch (error) {
    throw error instanceof GzipError ? badGzip(reading, error.cut, error.cause) : error
  }
}
