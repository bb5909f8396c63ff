import {Buffer} from 'node:buffer'
import {units} from './json-scan.ts'

/** Longer strings are not kept: no ID or name that a server takes is much longer. */
const MAX_LENGTH = 88
/** A power of two: more than the members of most rooms, and their events. */
const PLACES = 2 ** 15

/** By place: the string that was asked for last there, its length, and its characters. */
const strings: string[] = new Array<string>(PLACES).fill('')
const lengths = new Uint8Array(PLACES)
const characters = Buffer.alloc(PLACES * MAX_LENGTH)
const scratch = Buffer.alloc(MAX_LENGTH)

/**
 * The string of printable ASCII from `start` to `end` of the text that is being scanned. IDs come again and again: the string of the
 * last time is given where it is still there, which costs a comparison. What is given never holds on to the text.
 */
export function stringAt(start: number, end: number): string {
  const length = end - start
  if (length > MAX_LENGTH) return longString(start, end)
  const place = placeOfUnits(start, length)
  if (lengths[place] === length && isSame(place * MAX_LENGTH, start, length)) return strings[place] ?? ''
  for (let k = 0; k < length; k += 1) scratch[k] = units[start + k] ?? 0
  return keep(place, length)
}

/** `$` and the hash as a string of one piece, which is kept for the events that will cite it. */
export function eventIdFromHash(hash: string): string {
  const length = hash.length + 1
  scratch[0] = 0x24
  scratch.latin1Write(hash, 1)
  return keep(placeOfScratch(length), length)
}

function keep(place: number, length: number): string {
  const text = scratch.latin1Slice(0, length)
  const first = place * MAX_LENGTH
  for (let k = 0; k < length; k += 1) characters[first + k] = scratch[k] ?? 0
  lengths[place] = length
  strings[place] = text
  return text
}

function longString(start: number, end: number): string {
  return Buffer.from(units.subarray(start, end)).toString('latin1')
}

function isSame(first: number, start: number, length: number): boolean {
  for (let k = 0; k < length; k += 1) if (characters[first + k] !== units[start + k]) return false
  return true
}

/** Some of the characters suffice to tell strings apart; strings that share a place only cost time. */
function placeOfUnits(start: number, length: number): number {
  let sum = length
  for (let k = length & 3; k < length; k += 4) sum = (Math.imul(sum, 31) + (units[start + k] ?? 0)) | 0
  return Math.imul(sum, 0x9e3779b1) >>> SHIFT
}

function placeOfScratch(length: number): number {
  let sum = length
  for (let k = length & 3; k < length; k += 4) sum = (Math.imul(sum, 31) + (scratch[k] ?? 0)) | 0
  return Math.imul(sum, 0x9e3779b1) >>> SHIFT
}
const SHIFT = 32 - Math.log2(PLACES)
