import {isUtf8} from 'node:buffer'

/** Bytes that mean something in JSON, and `n` of `null`. */
export const TAB = 0x09
export const LF = 0x0a
export const CR = 0x0d
export const SPACE = 0x20
export const QUOTE = 0x22
export const COMMA = 0x2c
export const COLON = 0x3a
export const OPEN_LIST = 0x5b
export const BACKSLASH = 0x5c
export const CLOSE_LIST = 0x5d
export const NULL = 0x6e
export const OPEN_OBJECT = 0x7b
export const CLOSE_OBJECT = 0x7d

const MAX_NESTING = 1 << 24

/**
 * Finds where one JSON value ends, over any number of chunks, without understanding it.
 *
 * @remarks Checks only that strings are closed on their line and that brackets pair up. Iterative; one byte a level.
 */
export class ValueEnd {
  /** The value's last byte has been passed. */
  done = false
  /** Line feeds passed since `begin`. */
  lines = 0
  /** Set when the value can have no end; it is of no use then. */
  problem: string | undefined

  /** The kinds of the open brackets, outermost first. */
  #nesting: Uint8Array<ArrayBuffer> = new Uint8Array(256)
  #depth = 0
  #inString = false
  #inLiteral = false
  #escaped = false

  /** @returns whether a value can begin with this byte. It is to be handed to `pass` as well. */
  begin(first: number | undefined): boolean {
    this.done = false
    this.lines = 0
    this.problem = undefined
    this.#depth = 0
    this.#inString = false
    this.#escaped = false
    this.#inLiteral = beginsLiteral(first)
    return this.#inLiteral || first === QUOTE || first === OPEN_OBJECT || first === OPEN_LIST
  }

  /** @returns the position behind the value if that is `done`, that of the problem if there is one, else the end. */
  pass(bytes: Buffer, from: number): number {
    const end = bytes.length
    let position = from
    if (this.#inLiteral) {
      while (position < end && !endsLiteral(bytes[position])) position += 1
      this.done = position < end
      return position
    }
    let nesting = this.#nesting
    const inside = IN_STRING
    const outside = OUT_OF_STRING
    let inString = this.#inString
    let depth = this.#depth
    if (this.#escaped) position += 1
    while (position < end) {
      if (inString) {
        while (position < end && inside[bytes[position] ?? 0] === 0) position += 1
        if (position === end) break
        const byte = bytes[position]
        if (byte === LF) return this.#stop('a string is not closed', position)
        position += byte === QUOTE ? 1 : 2
        inString = byte !== QUOTE
        if (inString || depth > 0) continue
        this.done = true
        return position
      }
      while (position < end && outside[bytes[position] ?? 0] === 0) position += 1
      if (position === end) break
      const byte = bytes[position] ?? 0
      switch (byte) {
        case QUOTE:
          inString = true
          break
        case LF:
          this.lines += 1
          break
        case OPEN_OBJECT:
        case OPEN_LIST:
          if (depth === MAX_NESTING) return this.#stop('brackets are nested too deep', position)
          if (depth === nesting.length) nesting = this.#grow()
          nesting[depth] = byte
          depth += 1
          break
        default:
          depth -= 1
          // In ASCII each closing bracket is its opening one plus 2.
          if (nesting[depth] !== byte - 2) return this.#stop('brackets do not pair up', position)
          if (depth > 0) break
          this.done = true
          return position + 1
      }
      position += 1
    }
    this.#escaped = position > end
    this.#inString = inString
    this.#depth = depth
    return end
  }

  #stop(problem: string, position: number): number {
    this.problem = problem
    return position
  }

  #grow(): Uint8Array<ArrayBuffer> {
    const grown = new Uint8Array(this.#nesting.length * 4)
    grown.set(this.#nesting)
    this.#nesting = grown
    return grown
  }
}

/** 1 for each byte at which the scan must look. Tables, because the loops over them are the tool's busiest. */
function bytesOf(stops: readonly number[]): Uint8Array<ArrayBuffer> {
  const table = new Uint8Array(256)
  for (const stop of stops) table[stop] = 1
  return table
}
const IN_STRING = bytesOf([QUOTE, BACKSLASH, LF])
const OUT_OF_STRING = bytesOf([QUOTE, LF, OPEN_OBJECT, CLOSE_OBJECT, OPEN_LIST, CLOSE_LIST])

/** Whether the bytes begin like an object or array and end before it does. */
export function endsInsideValue(bytes: Buffer): boolean {
  const start = bytes.findIndex((byte) => !isBlank(byte))
  const first = bytes[start]
  if (first !== OPEN_OBJECT && first !== OPEN_LIST) return false
  const value = new ValueEnd()
  value.begin(first)
  value.pass(bytes, start)
  return !value.done && value.problem === undefined
}

/** JSON's four kinds of whitespace. */
export function isBlank(byte: number | undefined): boolean {
  return byte === LF || byte === SPACE || byte === CR || byte === TAB
}

/** `undefined` when the bytes are not valid UTF-8. A byte order mark is kept. */
export function utf8Text(bytes: Buffer): string | undefined {
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined
}

/** A number, `true`, `false` or `null` begins here. */
function beginsLiteral(byte: number | undefined): boolean {
  if (byte === undefined) return false
  return (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === 0x74 || byte === 0x66 || byte === NULL
}

function endsLiteral(byte: number | undefined): boolean {
  return byte === COMMA || byte === CLOSE_LIST || byte === CLOSE_OBJECT || isBlank(byte)
}
