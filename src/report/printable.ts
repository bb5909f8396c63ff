import {clip} from './width.ts'

/**
 * Control characters, and those that turn the direction of writing: they would let an event paint over a terminal. U+FFFE and U+FFFF are no
 * characters, neither of Unicode nor of XML (https://www.w3.org/TR/xml/#charsets).
 */
const DANGEROUS =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\u{e0000}-\u{e0fff}]/gu
/** The same in JSON text, which has no control characters but its own line feeds. */
const DANGEROUS_IN_JSON =
  /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff]|\udb40[\udc00-\udfff]/g

/**
 * Text from a room as it may be shown to a person: nothing in it moves the cursor, turns the writing, or hides.
 *
 * @param max - most columns of a terminal; the rest becomes `…`
 */
export function printable(text: string, max = Infinity): string {
  const safe = text.replace(DANGEROUS, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
  return clip(safe, max)
}

/** JSON text that a terminal may be shown: what would turn the writing or hide is escaped, so that it means the same. */
export function printableJson(text: string): string {
  return text.replace(DANGEROUS_IN_JSON, (found) =>
    Array.from({length: found.length}, (_, at) => `\\u${found.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  )
}

/** A line of a dump that a terminal may be shown: where it is JSON, it means the same. */
export function printableLine(line: string): string {
  return printableJson(line).replace(
    /[\u0000-\u0008\u000b-\u001f]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** `2026-11-21 19:49:56 UTC`; the number itself where it is no date. */
export function date(ms: number): string {
  const time = new Date(ms)
  if (Number.isNaN(time.getTime())) return String(ms)
  // Years beyond 9999 and before 0 have a sign and six digits.
  return time
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, ' UTC')
}

/** `1 event`, `2 events`, `1,234 events`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString('en-US')} ${number === 1 ? one : many}`
}
