import {Buffer} from 'node:buffer'

/**
 * Longest text that is scanned, in UTF-16 units: what is not longer has no more than `MAX_PDU_BYTES` bytes. Longer ones are for
 * `JSON.parse`.
 */
export const MAX_SCANNED = 21_845

const bytes = Buffer.alloc(2 * (MAX_SCANNED + 1))

/** The text that is being scanned, and a 0 behind it, which ends every loop. One for all: a scan is over before the next begins. */
export const units = new Uint16Array(bytes.buffer, bytes.byteOffset, MAX_SCANNED + 1)

/** Where a scan ends that met what is not JSON, or is left to `JSON.parse`. */
export const NOWHERE = -1

/** Objects and lists within each other: more are left to `JSON.parse`, which needs no stack of ours. */
const MAX_DEPTH = 64
/** So many digits are a safe integer, whatever they are. */
const SAFE_DIGITS = 15

export const QUOTE = 0x22
export const COMMA = 0x2c
export const COLON = 0x3a
export const OPEN_LIST = 0x5b
export const CLOSE_LIST = 0x5d
export const OPEN_OBJECT = 0x7b
export const CLOSE_OBJECT = 0x7d
const SPACE = 0x20
const BACKSLASH = 0x5c
const TILDE = 0x7e
const MINUS = 0x2d
const ZERO = 0x30
const NINE = 0x39

/** Takes a text to be scanned; `false` when it is too long. */
export function beginScan(text: string): boolean {
  if (text.length > MAX_SCANNED) return false
  bytes.write(text, 0, 'utf16le')
  units[text.length] = 0
  return true
}

/** First place from here on that is not white space. */
export function skipSpace(at: number): number {
  let place = at
  for (;;) {
    const unit = units[place] ?? 0
    if (unit > SPACE || (unit !== SPACE && unit !== 0x0a && unit !== 0x0d && unit !== 0x09)) return place
    place += 1
  }
}

/** Place of the quote that closes a string of printable ASCII without escapes, which begins here. */
export function endOfPlainString(at: number): number {
  let place = at
  for (;;) {
    const unit = units[place] ?? 0
    if (unit === QUOTE) return place
    if (unit < SPACE || unit === BACKSLASH || unit > TILDE) return NOWHERE
    place += 1
  }
}

/** Place of the quote that closes the string whose first unit is here. */
export function endOfString(at: number): number {
  let place = at
  for (;;) {
    const unit = units[place] ?? 0
    if (unit === QUOTE) return place
    if (unit < SPACE) return NOWHERE
    if (unit === BACKSLASH) {
      place = endOfEscape(place + 1)
      if (place < 0) return NOWHERE
    } else place += 1
  }
}

function endOfEscape(at: number): number {
  switch (units[at]) {
    case QUOTE:
    case BACKSLASH:
    case 0x2f: // slash
    case 0x62: // b
    case 0x66: // f
    case 0x6e: // n
    case 0x72: // r
    case 0x74: // t
      return at + 1
    case 0x75: // u
      for (let place = at + 1; place <= at + 4; place += 1) if (!isHexDigit(units[place] ?? 0)) return NOWHERE
      return at + 5
    default:
      return NOWHERE
  }
}

function isHexDigit(unit: number): boolean {
  const lower = unit | 0x20
  return (unit >= ZERO && unit <= NINE) || (lower >= 0x61 && lower <= 0x66)
}

/** First place behind an integer that every reader takes for the same: no fraction, no exponent, not too long. */
export function endOfInteger(at: number): number {
  const first = units[at] === MINUS ? at + 1 : at
  let place = first
  for (;;) {
    const unit = units[place] ?? 0
    if (unit < ZERO || unit > NINE) break
    place += 1
  }
  const digits = place - first
  if (digits === 0 || digits > SAFE_DIGITS) return NOWHERE
  if (units[first] === ZERO && (digits > 1 || first > at)) return NOWHERE
  const next = (units[place] ?? 0) | 0x20
  return next === 0x2e || next === 0x65 ? NOWHERE : place
}

/** First place behind the value that begins here, if it is JSON and all its numbers are integers as `endOfInteger` has them. */
export function endOfValue(at: number, depth: number): number {
  switch (units[at]) {
    case QUOTE: {
      const end = endOfString(at + 1)
      return end < 0 ? NOWHERE : end + 1
    }
    case OPEN_OBJECT:
      return endOfObject(at + 1, depth + 1)
    case OPEN_LIST:
      return endOfList(at + 1, depth + 1)
    case 0x66:
      return endOfWord(at, FALSE)
    case 0x6e:
      return endOfWord(at, NULL)
    case 0x74:
      return endOfWord(at, TRUE)
    default:
      return endOfInteger(at)
  }
}

function endOfObject(at: number, depth: number): number {
  if (depth > MAX_DEPTH) return NOWHERE
  let place = skipSpace(at)
  if (units[place] === CLOSE_OBJECT) return place + 1
  for (;;) {
    if (units[place] !== QUOTE) return NOWHERE
    place = endOfString(place + 1)
    if (place < 0) return NOWHERE
    place = skipSpace(place + 1)
    if (units[place] !== COLON) return NOWHERE
    place = endOfValue(skipSpace(place + 1), depth)
    if (place < 0) return NOWHERE
    place = skipSpace(place)
    if (units[place] === CLOSE_OBJECT) return place + 1
    if (units[place] !== COMMA) return NOWHERE
    place = skipSpace(place + 1)
  }
}

function endOfList(at: number, depth: number): number {
  if (depth > MAX_DEPTH) return NOWHERE
  let place = skipSpace(at)
  if (units[place] === CLOSE_LIST) return place + 1
  for (;;) {
    place = endOfValue(place, depth)
    if (place < 0) return NOWHERE
    place = skipSpace(place)
    if (units[place] === CLOSE_LIST) return place + 1
    if (units[place] !== COMMA) return NOWHERE
    place = skipSpace(place + 1)
  }
}

const unitsOf = (word: string): readonly number[] => Array.from(word, (letter) => letter.charCodeAt(0))
const FALSE = unitsOf('false')
const NULL = unitsOf('null')
const TRUE = unitsOf('true')

function endOfWord(at: number, word: readonly number[]): number {
  for (let k = 0; k < word.length; k += 1) if (units[at + k] !== word[k]) return NOWHERE
  return at + word.length
}
