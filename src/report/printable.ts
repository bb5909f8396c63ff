/** Control characters, and those that turn the direction of writing: they would let an event paint over a terminal. */
// eslint-disable-next-line no-control-regex -- finding control characters is the point
const DANGEROUS = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]/gu

/**
 * Text from a room as it may be shown to a person: nothing in it moves the cursor, turns the writing, or hides.
 *
 * @param max - longest result in characters; the rest becomes `…`
 */
export function printable(text: string, max = Infinity): string {
  const safe = text.replace(DANGEROUS, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
  if (safe.length <= max) return safe
  const characters = [...safe]
  return characters.length <= max ? safe : `${characters.slice(0, Math.max(0, max - 1)).join('')}…`
}

/** `2026-11-21 19:49:56 UTC`; the number itself where it is no date. */
export function date(ms: number): string {
  const time = new Date(ms)
  if (Number.isNaN(time.getTime())) return String(ms)
  return `${time.toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

/** `1 event`, `2 events`, `1,234 events`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString('en-US')} ${number === 1 ? one : many}`
}
