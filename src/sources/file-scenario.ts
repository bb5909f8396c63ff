import type JSON5Module from 'json5'
import {StateError} from '../errors.ts'
import {FETCH_AGAIN, malformed, type Reading} from './file-problems.ts'
import type {RawPdu} from './port.ts'

/** A scenario of TARDIS: PDUs with made-up IDs, and what its header says. */
export interface Scenario {
  readonly pdus: readonly RawPdu[]
  readonly facts: {readonly roomVersion: string; readonly roomId?: string; readonly symbolicIds: true}
}

/** What TARDIS takes a scenario to be that does not say. */
const DEFAULT_ROOM_VERSION = '10'
/** TARDIS takes the midnight of the machine's own time zone; a fixed one makes runs repeatable. */
const FIRST_TIMESTAMP_MS = Date.UTC(2024, 0, 1)
const STEP_MS = 1000

/**
 * Reads a scenario file of TARDIS (JSON5) as TARDIS does: fills in timestamps and the room ID that events leave out.
 *
 * @param text - the whole document.
 * @param firstLine - its first line in the file.
 * @returns PDUs written anew, numbered by their position; event IDs are left as they are, also where the file asks for
 * real ones (`calculate_event_ids`), because ours are computed elsewhere.
 * @throws StateError - DUMP_MALFORMED, or INPUT_TRUNCATED when the text ends too early.
 * @see https://github.com/matrix-org/tardis/blob/main/src/scenario.ts
 */
export async function readScenario(text: string, reading: Reading, firstLine: number): Promise<Scenario> {
  const {default: json5} = await import('json5')
  const file = parse(json5, text, reading, firstLine)
  const {events, room_version: version, room_id: roomId} = file
  if (!Array.isArray(events))
    throw malformed(reading, firstLine, 'a TARDIS scenario without a list "events"', TARDIS_HINT)
  let timestamp = FIRST_TIMESTAMP_MS
  const pdus = events.map((event: unknown, index): RawPdu => {
    const position = index + 1
    const what = `event ${String(position)} of the scenario`
    if (!isObject(event)) throw malformed(reading, firstLine, `${what} is not an object`, TARDIS_HINT)
    for (const key of ['event_id', 'type']) {
      if (!event[key]) throw malformed(reading, firstLine, `${what} has no "${key}"`, TARDIS_HINT)
    }
    const given = event.origin_server_ts
    const filled = {
      ...event,
      ...(given ? {} : {origin_server_ts: timestamp}),
      ...(!event.room_id && roomId ? {room_id: roomId} : {}),
    }
    timestamp = (typeof given === 'number' && given ? given : timestamp) + STEP_MS
    return {text: write(filled, what, reading, firstLine), line: position}
  })
  const roomVersion =
    typeof version === 'string' || typeof version === 'number' ? String(version) : DEFAULT_ROOM_VERSION
  return {pdus, facts: {roomVersion, symbolicIds: true, ...(typeof roomId === 'string' ? {roomId} : {})}}
}

const TARDIS_HINT = 'It begins like a scenario file of TARDIS: {tardis_version: 1, events: [{event_id, type, …}]}.'

function parse(json5: typeof JSON5Module, text: string, reading: Reading, firstLine: number): Record<string, unknown> {
  let value: unknown
  try {
    value = json5.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    const line = firstLine + ('lineNumber' in error ? Number(error.lineNumber) - 1 : 0)
    if (!error.message.includes('invalid end of input')) {
      throw malformed(reading, line, `not valid JSON5: ${error.message.replace('JSON5: ', '')}`, TARDIS_HINT)
    }
    const message = `${reading.name}:${String(line)}: the scenario ends too early`
    throw new StateError('INPUT_TRUNCATED', message, {cause: error, hint: FETCH_AGAIN})
  }
  if (!isObject(value)) throw malformed(reading, firstLine, 'a TARDIS scenario is an object', TARDIS_HINT)
  return value
}

/** JSON.stringify is recursive: a scenario may nest deeper than the stack. */
function write(event: object, what: string, reading: Reading, firstLine: number): string {
  try {
    return JSON.stringify(event)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw malformed(reading, firstLine, `${what} is nested too deep`, TARDIS_HINT)
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
