import type {ByteReader} from './file-bytes.ts'
import {MAX_EVENT_BYTES} from './file-lines.ts'
import {ANSWERS, judgeObject, SCENARIO_KEY} from './file-places.ts'
import {excerpt, malformed, notJson, notUtf8, type Reading, tooLong, truncated} from './file-problems.ts'
import {readScenario, type Scenario} from './file-scenario.ts'
import {utf8Text} from './file-value-end.ts'
import {StateError} from '../errors.ts'
import {type Element, ElementsError, type Item, JsonElements} from './json-elements.ts'
import type {RawPdu} from './port.ts'

/** What a document says beside its events: filled in while it is read. */
export interface DocumentFacts {
  roomVersion?: string
  roomId?: string
  symbolicIds?: boolean
}

/** A scenario is held in memory, and JSON5 is slow. */
const MAX_SCENARIO_BYTES = 64 << 20

/**
 * Hands out the events of JSON documents: arrays of PDUs, homeservers' answers, PDUs in many lines, a scenario of TARDIS.
 * Several documents may follow each other.
 *
 * @param firstLine - the number of the line that comes first in `bytes`.
 * @throws StateError - DUMP_MALFORMED, INPUT_TRUNCATED, DUMP_MIXED_ROOMS. What comes before the problem is handed out first.
 * @remarks O(bytes). Holds one event, or an answer's first 8 MiB, until it is known that it is no event itself.
 */
export async function* readDocuments(
  bytes: ByteReader,
  reading: Reading,
  firstLine: number,
  facts: DocumentFacts,
): AsyncGenerator<readonly RawPdu[]> {
  const collect = collector(reading, facts)
  for await (const items of scan(bytes, reading, firstLine, facts)) {
    const batch: RawPdu[] = []
    try {
      collect(items, batch)
    } catch (error) {
      if (batch.length > 0) yield batch
      throw error
    }
    if (batch.length > 0) yield batch
  }
}

/** Everything found before a problem is yielded before the error. */
async function* scan(
  bytes: ByteReader,
  reading: Reading,
  line: number,
  facts: DocumentFacts,
): AsyncGenerator<readonly Item[]> {
  const scanner = new JsonElements({places: ANSWERS, limitBytes: MAX_EVENT_BYTES, line, stopAt: SCENARIO_KEY})
  try {
    for (let chunk = await bytes.read(); chunk !== undefined; chunk = await bytes.read()) {
      scanner.push(chunk)
      yield scanner.take()
    }
    scanner.end()
  } catch (error) {
    const scenario =
      error instanceof ElementsError && scanner.undecided ? await tryScenario(scanner, bytes, reading) : undefined
    if (scenario !== undefined) {
      Object.assign(facts, scenario.facts)
      yield scenario.pdus.map(({text, line}) => ({kind: 'element', element: {text, line, under: undefined}}))
      return
    }
    yield scanner.abandon()
    throw error instanceof ElementsError
      ? problem(error, reading, scanner.betweenValues && scanner.values === 0)
      : error
  }
}

/** Judges what the scanner found, and notes what it says about the room. */
function collector(reading: Reading, facts: DocumentFacts): (items: readonly Item[], batch: RawPdu[]) => void {
  let some = false
  let objects = 0
  const add = (batch: RawPdu[], {text, line, under}: Element): void => {
    if (!some && !text.startsWith('{')) {
      throw malformed(reading, line, `a list whose first member is no event: ${excerpt(text)}`)
    }
    some = true
    if (under !== undefined) {
      if (facts.roomId !== undefined && facts.roomId !== under) throw mixedRooms(reading, line)
      facts.roomId = under
    }
    batch.push({text, line})
  }
  return (items, batch) => {
    for (const item of items) {
      if (item.kind === 'element') {
        add(batch, item.element)
        continue
      }
      const {keys, found, line} = item
      const judgement = judgeObject(keys, found)
      const elements = item.kind === 'close' ? [] : item.elements
      if (item.kind !== 'open') objects += 1
      switch (judgement) {
        case 'event':
          if (item.kind === 'open') throw tooLong(reading, line)
          if (item.kind === 'object') add(batch, whole(item.bytes, reading, line))
          break
        case 'refusal':
          if (item.kind !== 'object') break
          throw malformed(reading, line, `a server's error answer, no events: ${excerpt(item.bytes)}`, REFUSAL_HINT)
        case 'unknown':
        case 'scenario':
          if (item.kind === 'open') break
          if (item.kind === 'close' || objects === 1) throw noEvents(reading, line, keys)
          add(batch, whole(item.bytes, reading, line))
          break
        case 'answer':
          break
        default:
          judgement satisfies never
      }
      if (judgement !== 'event') for (const element of elements) add(batch, element)
    }
  }
}

const REFUSAL_HINT = 'Ask the server again with the right token, room or address.'

function whole(bytes: Buffer, reading: Reading, line: number): Element {
  const text = utf8Text(bytes)
  if (text === undefined) throw notUtf8(reading, line)
  return {text, line, under: undefined}
}

function noEvents(reading: Reading, line: number, keys: ReadonlySet<string>): StateError {
  const named = excerpt([...keys].slice(0, 8).join(', '))
  return malformed(
    reading,
    line,
    `a JSON object that is no event and holds none where they are known to be (keys: ${named})`,
  )
}

function mixedRooms(reading: Reading, line: number): StateError {
  const hint = 'Events in /sync do not name their room. Cut out one: jq \'.rooms.join["!room:id"].timeline.events\'.'
  return new StateError('DUMP_MIXED_ROOMS', `${reading.name}:${String(line)}: a second room's events`, {hint})
}

/** Reads everything as a scenario, if it can be one: JSON5 may look like broken JSON. `undefined`: it is none. */
async function tryScenario(scanner: JsonElements, bytes: ByteReader, reading: Reading): Promise<Scenario | undefined> {
  const start = scanner.rest()
  const first = start.bytes[0]
  if (first !== 0x7b && first !== 0x2f) return undefined
  const parts = [start.bytes]
  let size = start.bytes.length
  for (let chunk = await bytes.read(); chunk !== undefined; chunk = await bytes.read()) {
    size += chunk.length
    if (size > MAX_SCENARIO_BYTES) return undefined
    parts.push(chunk)
  }
  const text = utf8Text(Buffer.concat(parts))
  return text?.includes(SCENARIO_KEY) === true ? readScenario(text, reading, start.line) : undefined
}

function problem(error: ElementsError, reading: Reading, atStart: boolean): StateError {
  switch (error.reason) {
    case 'malformed': {
      if (atStart) return notJson(reading, error.line, error.near)
      return malformed(reading, error.line, `not valid JSON: ${error.message}: ${excerpt(error.near)}`)
    }
    case 'not-utf8':
      return notUtf8(reading, error.line)
    case 'too-long':
      return tooLong(reading, error.line)
    case 'truncated':
      return truncated(reading, error.line)
    case 'stopped':
      return malformed(reading, error.line, 'a TARDIS scenario of more than 64 MiB')
    default:
      return error.reason satisfies never
  }
}
