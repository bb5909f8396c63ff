/** A JSON number whose lexeme a JavaScript number would not give back: a fraction, an exponent, or an integer beyond ±(2^53-1). */
export class ExactNumber {
  /** The characters of the number as they stood in the JSON text. */
  readonly lexeme: string
  constructor(lexeme: string) {
    this.lexeme = lexeme
  }
  /** Written without fraction and exponent. */
  get isInteger(): boolean {
    return !/[.eE]/u.test(this.lexeme)
  }
  /** The nearest double; infinite when beyond its range. */
  toNumber(): number {
    return Number(this.lexeme)
  }
  /** `JSON.stringify` writes it as it stood there. */
  toJSON(): unknown {
    return rawJSON(this.lexeme)
  }
}

/** Not in TypeScript's libraries yet. @see https://tc39.es/proposal-json-parse-with-source/ */
const {rawJSON} = JSON as unknown as {readonly rawJSON: (text: string) => unknown}

export type Json = null | boolean | number | string | ExactNumber | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json | undefined
}

/** The text is not JSON, or nests deeper than any event that a server would take. */
export class JsonError extends Error {
  override readonly name = 'JsonError'
}

/** No server takes an event nested this deep (Synapse stops below 1,000, serde_json at 128). */
export const MAX_NESTING = 1000

/** Within an object or list, numbers stand after `:`, `,` or `[`. What looks like one in a string only costs time. */
const INNER_LEXEME = /[:,[]\s*-?(?:\d{16}|\d+[.eE])/
const LONE_NUMBER = /^\s*-?\d/

/** Whether `parseJson` has to look at every number's characters; `false` proves that the text holds safe integers only. */
export function mayHoldExactNumbers(text: string): boolean {
  return INNER_LEXEME.test(text) || LONE_NUMBER.test(text)
}

/**
 * Parses one JSON text without losing numbers: safe integers become numbers, all others an `ExactNumber`.
 * Duplicate keys: the last one wins, as in Python. `__proto__` is an ordinary key.
 *
 * @param exact - what `mayHoldExactNumbers` says of the text, where the caller knows it
 * @throws JsonError
 */
export function parseJson(text: string, exact: boolean = mayHoldExactNumbers(text)): Json {
  try {
    return exact
      ? (JSON.parse(text, keepLexeme as (this: unknown, key: string, value: unknown) => unknown) as Json)
      : (JSON.parse(text) as Json)
  } catch (error) {
    if (error instanceof RangeError) throw new JsonError('it is nested too deeply', {cause: error})
    throw new JsonError('it is not JSON', {cause: error})
  }
}

/** Whether lists and objects in a JSON text stand more than `limit` deep in each other. Brackets in strings do not count. */
export function nestsDeeper(text: string, limit: number): boolean {
  // Each level takes two characters: short texts, which nearly all are, need no look.
  if (text.length <= 2 * limit) return false
  let depth = 0
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) at = endOfString(text, at)
    else if (code === OPEN_LIST || code === OPEN_OBJECT) {
      depth += 1
      if (depth > limit) return true
    } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) depth -= 1
  }
  return false
}

const [QUOTE, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x22, 0x5b, 0x5d, 0x7b, 0x7d]

/** Place of the quote that ends the string which begins at `start`; the text's end if none does. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0
    while (text[end - 1 - backslashes] === '\\') backslashes += 1
    if (backslashes % 2 === 0) return end
  }
  return text.length
}

function keepLexeme(_key: string, value: unknown, context: {readonly source?: string}): unknown {
  if (typeof value !== 'number' || context.source === undefined) return value
  if (Number.isSafeInteger(value) && !/[.eE]/u.test(context.source)) return value === 0 ? 0 : value
  return new ExactNumber(context.source)
}

/** A JSON object, neither null nor list nor number. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber)
}

/** The JSON object that a text holds; `null` where it holds anything else. */
export function objectOrNull(text: string): JsonObject | null {
  try {
    const json = parseJson(text)
    return isObject(json) ? json : null
  } catch (error) {
    if (error instanceof JsonError) return null
    throw error
  }
}

/** The value of a key of its own; never one that every JavaScript object inherits (`constructor`, `__proto__`). */
export function own(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined
}
