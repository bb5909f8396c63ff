import {StateError} from '../errors.ts'

/** A file that is being read: what messages need to know of it. */
export interface Reading {
  readonly name: string
  /** Events handed out so far. */
  events: number
}

/** The hint for whatever was cut. */
export const FETCH_AGAIN = 'Fetch it again: a download that was cut looks like this.'
const WHAT_IS_READ =
  'A dump has one PDU a line (NDJSON), or is a JSON array of PDUs, or the body of a homeserver’s answer that holds events.'

/** Up to 60 characters of what was found, safe to print: nothing that controls a terminal or hides text. */
export function excerpt(near: Buffer | string): string {
  const text = (typeof near === 'string' ? near.slice(0, 512) : near.subarray(0, 512).toString('utf8'))
    .replace(/[\p{C}\p{Z}]+/gu, ' ')
    .trim()
  const characters = Array.from(text)
  return characters.length <= 60 ? text : `${characters.slice(0, 59).join('')}…`
}

/** `2 events were read before`: how much of the file there was. */
function readBefore({events}: Reading): string {
  return events === 1 ? '1 event was read before' : `${events.toLocaleString('en-US')} events were read before`
}

/** DUMP_MALFORMED at a line. */
export function malformed({name}: Reading, line: number, what: string, hint = WHAT_IS_READ): StateError {
  return new StateError('DUMP_MALFORMED', `${name}:${String(line)}: ${what}`, {hint})
}

export function notUtf8(reading: Reading, line: number): StateError {
  return malformed(
    reading,
    line,
    'the line is not valid UTF-8',
    'JSON is always UTF-8; was the file recoded or damaged?',
  )
}

export function tooLong(reading: Reading, line: number): StateError {
  const what = `line ${String(line)} is longer than 8 MiB: a Matrix event is at most 65,536 bytes`
  return malformed(reading, line, what, 'Fetch it again; if only this line is damaged, cut it out.')
}

/** The text ends inside a value that begins, or goes on, at `line`. */
export function truncated(reading: Reading, line: number): StateError {
  const what = `${reading.name}:${String(line)}: the file ends in the middle of a JSON value; ${readBefore(reading)}`
  return new StateError('INPUT_TRUNCATED', what, {hint: FETCH_AGAIN})
}

/** The gzip data around the events ends too early (`cut`) or is damaged. */
export function badGzip(reading: Reading, cut: boolean, cause: unknown): StateError {
  const {name} = reading
  const read = readBefore(reading)
  if (cut) {
    return new StateError('INPUT_TRUNCATED', `${name}: the gzip data ends too early; ${read}`, {
      cause,
      hint: FETCH_AGAIN,
    })
  }
  const hint = 'Try `gzip -t` on it, and fetch it again.'
  return new StateError('DUMP_MALFORMED', `${name}: the gzip data is damaged; ${read}`, {cause, hint})
}

/** Nothing at all, or nothing that is an event. */
export function empty({name}: Reading, what: string, hint: string): StateError {
  return new StateError('INPUT_EMPTY', `${name} ${what}`, {hint})
}

/** The file does not begin like JSON. */
export function notJson(reading: Reading, line: number, near: Buffer): StateError {
  const found = excerpt(near)
  // As a stream, because the excerpt may end inside a character.
  const text = new TextDecoder().decode(near, {stream: true})
  if (/^<(?:!doctype|html|\?xml|head|body|!--)/i.test(text)) {
    const hint = 'Was the answer of a proxy or of a wrong address saved? Open it in a browser.'
    return malformed(reading, line, `a web page, not a dump: ${found}`, hint)
  }
  if (/(?!\s)[\p{Cc}\uFFFD]/u.test(text)) {
    return malformed(reading, line, `binary data, not a dump: ${found}`)
  }
  if (/^(?:".*"|-?\d[\d.eE+-]*|true|false|null)\s*$/.test(text)) {
    return malformed(reading, line, `JSON, but neither an event nor a list of events: ${found}`)
  }
  return malformed(reading, line, `text, but no JSON: ${found}`)
}
