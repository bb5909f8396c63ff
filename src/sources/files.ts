import {stdin} from 'node:process'
import type {Readable} from 'node:stream'
import {type ByteReader, GzipError, openBytes, peekLine, skipBlank} from './file-bytes.ts'
import {type DocumentFacts, readDocuments} from './file-documents.ts'
import {MAX_EVENT_BYTES, readLines} from './file-lines.ts'
import {ANSWERS, judgeObject} from './file-places.ts'
import {badGzip, empty, FETCH_AGAIN, type Reading} from './file-problems.ts'
import {OPEN_OBJECT} from './file-value-end.ts'
import {ElementsError, JsonElements} from './json-elements.ts'
import type {PduSource, RawPdu} from './port.ts'

export interface OpenDumpOptions {
  /** Read instead of the file or standard input. */
  readonly input?: Readable
}

/**
 * The PDUs of a file, whatever its name: NDJSON, a JSON array, bodies of homeservers' answers (`/messages`, `/sync`,
 * `/state`, `/event_auth`, `/backfill`, …; also several of them), a scenario of TARDIS, each also in gzip.
 *
 * @param path - `-` is standard input.
 * @returns a source whose texts are those of the file (a scenario's are written anew). Nothing is opened before `pdus` is
 * read; a file can be read more than once. `container()` gives the room of a `/sync` answer and a scenario's header.
 * @throws StateError - (when `pdus` is read) INPUT_NOT_FOUND, INPUT_UNREADABLE, INPUT_EMPTY, INPUT_TRUNCATED, DUMP_MALFORMED,
 * DUMP_MIXED_ROOMS (a `/sync` answer of several rooms). What comes before a problem is handed out first. A line of NDJSON
 * that is not the last, or complete, is handed out as it is, even if it is no JSON: whoever parses it judges it.
 * @remarks O(bytes); memory is a few MiB, whatever the size. Texts are slices of a block of 64 KiB, which lives as long as any
 * of them: copy those to be kept (`Buffer.from(text).toString()`).
 */
export function openDump(path: string, options: OpenDumpOptions = {}): PduSource {
  const input = options.input ?? (path === '-' ? stdin : undefined)
  const name = path === '-' ? 'standard input' : path
  let facts: DocumentFacts = {}
  const pdus = {
    [Symbol.asyncIterator]: () => {
      facts = {}
      return readDump(path, input, {name, events: 0}, facts)
    },
  }
  return {name, pdus, container: () => facts}
}

async function* readDump(
  path: string,
  input: Readable | undefined,
  reading: Reading,
  facts: DocumentFacts,
): AsyncGenerator<readonly RawPdu[]> {
  try {
    yield* readBatches(path, input, reading, facts)
  } catch (error) {
    throw error instanceof GzipError ? badGzip(reading, error.cut, error.cause) : error
  }
}

async function* readBatches(
  path: string,
  input: Readable | undefined,
  reading: Reading,
  facts: DocumentFacts,
): AsyncGenerator<readonly RawPdu[]> {
  const bytes = await openBytes(path, input, reading)
  try {
    const line = await skipBlank(bytes)
    if (line === undefined) throw empty(reading, 'is empty', FETCH_AGAIN)
    const perLine = await hasLines(bytes)
    const batches = perLine ? readLines(bytes, reading, line) : readDocuments(bytes, reading, line, facts)
    for await (const batch of batches) {
      reading.events += batch.length
      yield batch
    }
    if (reading.events === 0) {
      throw empty(
        reading,
        'holds no events',
        'The list in it is empty: was the room, or the page of it, the right one?',
      )
    }
  } finally {
    await bytes.close()
  }
}

/** Whether the file has one PDU a line: its first line is a whole object and none of the kinds that hold events. */
async function hasLines(bytes: ByteReader): Promise<boolean> {
  const first = await peekLine(bytes, MAX_EVENT_BYTES)
  if (first[0] !== OPEN_OBJECT) return false
  const scanner = new JsonElements({places: ANSWERS, limitBytes: MAX_EVENT_BYTES})
  try {
    scanner.push(first)
    scanner.end()
  } catch (error) {
    if (error instanceof ElementsError) return false
    throw error
  }
  const [item, ...others] = scanner.take()
  if (item?.kind !== 'object' || others.length > 0) return false
  const judgement = judgeObject(item.keys, item.found)
  return judgement === 'event' || judgement === 'unknown'
}
