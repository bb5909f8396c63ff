import {compareCodePoints} from './code-points.ts'
import {ExactNumber, type Json, JsonError, type JsonObject, MAX_NESTING} from './json.ts'

/**
 * How numbers with a fraction or an exponent are written. `spec`: as the integer they are, if they are one (`1e10` is 10000000000).
 * `python`: as Python's `repr` (`1e10` is 10000000000.0), which is what the hashes of room versions 1 to 5 were made from.
 */
export type FloatStyle = 'spec' | 'python'

/**
 * Matrix canonical JSON: shortest form, keys in code point order, UTF-8 when encoded. Integers of any size are written verbatim;
 * whether a room version allows a number is not judged here.
 *
 * @throws JsonError for lone surrogates (they have no UTF-8), nesting beyond `MAX_NESTING`, and numbers that are not finite.
 * @see https://spec.matrix.org/v1.19/appendices/#canonical-json
 */
export function canonicalJson(value: Json, floats: FloatStyle = 'spec'): string {
  const sorted = sortKeys(value, 0)
  if (sorted === undefined) return write(value, floats, 0)
  const text = JSON.stringify(sorted)
  // JSON.stringify escapes half a surrogate pair; the careful way refuses it.
  return text.includes('\\ud') ? write(value, floats, 0) : text
}

/**
 * The value with all keys in canonical order, so that the engine's own JSON.stringify writes it: several times as fast as writing it
 * piece by piece. `undefined` for what needs care: numbers with a lexeme of their own, deep nesting, keys with surrogates, and keys that
 * begin with a digit, which a JavaScript object may keep in an order of its own.
 */
function sortKeys(value: Json, depth: number): Json | undefined {
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof ExactNumber || depth >= MAX_NESTING) return undefined
  if (isList(value)) return sortItems(value, depth)
  let sorted = true
  let last = ''
  for (const key in value) {
    if (PLAIN_KEY.test(key)) {
      if (key < last) sorted = false
      last = key
    } else return undefined
  }
  const keys = sorted ? Object.keys(value) : Object.keys(value).sort()
  const copy: Record<string, Json> = {}
  for (const key of keys) {
    const inner = value[key]
    if (inner === undefined) continue
    const below = sortKeys(inner, depth + 1)
    if (below === undefined) return undefined
    copy[key] = below
  }
  return copy
}

/** Neither a digit in front, nor a surrogate, nor `__proto__`. */
const PLAIN_KEY = /^(?!__proto__$)[^\d\ud800-\udfff][^\ud800-\udfff]*$/

function sortItems(list: readonly Json[], depth: number): Json | undefined {
  const copy: Json[] = []
  for (const item of list) {
    const below = sortKeys(item, depth + 1)
    if (below === undefined) return undefined
    copy.push(below)
  }
  return copy
}

function write(value: Json, floats: FloatStyle, depth: number): string {
  if (typeof value === 'string') return quote(value)
  if (typeof value === 'number') return String(value)
  if (value === null || typeof value === 'boolean') return String(value)
  if (value instanceof ExactNumber) return writeNumber(value, floats)
  if (depth >= MAX_NESTING) throw new JsonError(`it is nested more than ${String(MAX_NESTING)} levels deep`)
  if (isList(value)) return `[${value.map((item) => write(item, floats, depth + 1)).join(',')}]`
  return writeObject(value, floats, depth)
}

function isList(value: readonly Json[] | JsonObject): value is readonly Json[] {
  return Array.isArray(value)
}

function writeObject(object: JsonObject, floats: FloatStyle, depth: number): string {
  const keys = sortedKeys(object)
  let text = '{'
  for (const key of keys) {
    const value = object[key]
    if (value === undefined) continue
    text += `${text.length > 1 ? ',' : ''}${quote(key)}:${write(value, floats, depth + 1)}`
  }
  return `${text}}`
}

/** Code unit order is code point order unless a key holds a surrogate, so that the slow comparison is rare. */
function sortedKeys(object: JsonObject): string[] {
  const keys = Object.keys(object)
  return keys.some((key) => /[\ud800-\udfff]/.test(key)) ? keys.sort(compareCodePoints) : keys.sort()
}

function quote(text: string): string {
  if (!text.isWellFormed())
    throw new JsonError('a string in it holds half of a surrogate pair, which has no UTF-8 form')
  return JSON.stringify(text)
}

function writeNumber(number: ExactNumber, floats: FloatStyle): string {
  if (number.isInteger) return number.lexeme
  const value = number.toNumber()
  if (!Number.isFinite(value)) throw new JsonError(`the number ${number.lexeme.slice(0, 40)} is beyond every range`)
  return floats === 'spec' && Number.isSafeInteger(value) ? String(value) : pythonRepr(value)
}

/** A double as Python's `repr` prints it: shortest digits, exponents below 1e-4 and from 1e16 on, always a point or an exponent. */
export function pythonRepr(value: number): string {
  if (Object.is(value, -0)) return '-0.0'
  if (value === 0) return '0.0'
  const [mantissa = '', power = '0'] = value.toExponential().split('e')
  const exponent = Number(power)
  if (exponent >= -4 && exponent < 16) {
    const plain = plainDecimal(mantissa, exponent)
    return plain.includes('.') ? plain : `${plain}.0`
  }
  const sign = exponent < 0 ? '-' : '+'
  return `${mantissa}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`
}

function plainDecimal(mantissa: string, exponent: number): string {
  const negative = mantissa.startsWith('-')
  const digits = mantissa.replace('-', '').replace('.', '')
  const sign = negative ? '-' : ''
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0')
  const fraction = digits.slice(exponent + 1)
  return fraction === '' ? `${sign}${whole}` : `${sign}${whole}.${fraction}`
}
