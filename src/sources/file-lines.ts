import type {ByteReader} from './file-bytes.ts'
import {notUtf8, type Reading, tooLong, truncated} from './file-problems.ts'
import {endsInsideValue, LF, utf8Text} from './file-value-end.ts'
import type {RawPdu} from './port.ts'

/** No line, event or response object that might be an event may be longer. An event has at most 65,536 bytes. */
export const MAX_EVENT_BYTES = 8 << 20

/**
 * Hands out the lines that are not blank, whatever they hold.
 *
 * @param firstLine - the number of the line that comes first in `bytes`.
 * @throws StateError - DUMP_MALFORMED for a line that is too long or not UTF-8, INPUT_TRUNCATED when the last one was cut.
 * Lines before the problem are handed out first.
 * @remarks O(bytes), a batch for each chunk. Texts are slices of the chunk they came with: one that is kept keeps 64 KiB.
 */
export async function* readLines(bytes: ByteReader, reading: Reading, firstLine: number): AsyncGenerator<RawPdu[]> {
  let line = firstLine
  let carried: Buffer[] = []
  let carriedBytes = 0
  const checkLength = (length: number): void => {
    if (carriedBytes + length > MAX_EVENT_BYTES) throw tooLong(reading, line)
  }
  for (let chunk = await bytes.read(); chunk !== undefined; chunk = await bytes.read()) {
    let start = 0
    if (carriedBytes > 0) {
      const end = chunk.indexOf(LF)
      checkLength(end < 0 ? chunk.length : end)
      if (end >= 0) {
        const text = utf8Text(Buffer.concat([...carried, chunk.subarray(0, end)]))
        if (text === undefined) throw notUtf8(reading, line)
        const batch: RawPdu[] = []
        addLine(batch, text, line)
        if (batch.length > 0) yield batch
        line += 1
        start = end + 1
        carried = []
        carriedBytes = 0
      }
    }
    const end = chunk.lastIndexOf(LF) + 1
    if (end > start) {
      const {batch, next, bad} = splitLines(chunk.subarray(start, end - 1), line)
      if (batch.length > 0) yield batch
      line = next
      if (bad) throw notUtf8(reading, line)
      start = end
    }
    const rest = chunk.subarray(start)
    if (rest.length > 0) carried.push(rest)
    carriedBytes += rest.length
  }
  const last = Buffer.concat(carried)
  if (endsInsideValue(last)) throw truncated(reading, line)
  const text = utf8Text(last)
  if (text === undefined) throw notUtf8(reading, line)
  const batch: RawPdu[] = []
  addLine(batch, text, line)
  if (batch.length > 0) yield batch
}

interface Split {
  readonly batch: RawPdu[]
  /** Number of the line behind the block, or of the one that is `bad`. */
  readonly next: number
  /** Not UTF-8: the batch has only the lines before it. */
  readonly bad: boolean
}

/** @param block - whole lines, without the last one's line feed. */
function splitLines(block: Buffer, firstLine: number): Split {
  const batch: RawPdu[] = []
  let next = firstLine
  const whole = utf8Text(block)
  if (whole !== undefined) {
    for (const text of whole.split('\n')) {
      addLine(batch, text, next)
      next += 1
    }
    return {batch, next, bad: false}
  }
  for (let start = 0; start <= block.length; next += 1) {
    const feed = block.indexOf(LF, start)
    const end = feed < 0 ? block.length : feed
    const text = utf8Text(block.subarray(start, end))
    if (text === undefined) break
    addLine(batch, text, next)
    start = end + 1
  }
  return {batch, next, bad: true}
}

const OPEN = 0x7b
const CLOSE = 0x7d
/** Whitespace of JSON, and byte order marks, which concatenated files have inside. */
const AROUND = /^[ \t\r\uFEFF]+|[ \t\r]+$/g

function addLine(batch: RawPdu[], text: string, line: number): void {
  if (text.charCodeAt(0) === OPEN && text.charCodeAt(text.length - 1) === CLOSE) {
    batch.push({text, line})
    return
  }
  const trimmed = text.replace(AROUND, '')
  if (trimmed !== '') batch.push({text: trimmed, line})
}
