/** Places that are looked at before a string counts as crowded out. */
const MAX_PROBES = 8
/** Shorter strings are read whole; of longer ones every fourth character tells event IDs apart. */
const LONG = 32

/**
 * Gives each string a small integer, in order of first sight.
 *
 * @remarks Several times as fast as a `Map` for strings that are new to the engine, whose every character that hashes.
 */
export class Interner {
  readonly strings: string[] = []
  /** Pairs of a string's hash and its number plus 1; 0 is a free place. At most half of them are taken. */
  #table = new Int32Array(2 * 64)
  /** Strings whose places others have: names can be made up so that they all want the same one. */
  readonly #crowded = new Map<string, number>()
  /** Where the string that was last looked for may be put; -1: nowhere. */
  #free = -1

  get size(): number {
    return this.strings.length
  }

  intern(text: string): number {
    const hash = hashOf(text)
    const known = this.#find(text, hash)
    if (known >= 0) return known
    const number = this.strings.length
    this.strings.push(text)
    this.#put(text, hash, number)
    if (this.strings.length * 4 > this.#table.length) this.#grow()
    return number
  }

  /** -1 when it was never interned. */
  find(text: string): number {
    return this.#find(text, hashOf(text))
  }

  #find(text: string, hash: number): number {
    const table = this.#table
    const mask = table.length - 1
    let place = (hash << 1) & mask
    this.#free = -1
    for (let probes = 0; probes < MAX_PROBES; probes += 1) {
      const number = (table[place + 1] ?? 0) - 1
      if (number < 0) {
        this.#free = place
        break
      }
      if (table[place] === hash && this.strings[number] === text) return number
      place = (place + 2) & mask
    }
    return this.#crowded.size === 0 ? -1 : (this.#crowded.get(text) ?? -1)
  }

  /** Puts a string that `#find` did not find where it would have been. */
  #put(text: string, hash: number, number: number): void {
    if (this.#free < 0) this.#crowded.set(text, number)
    else {
      this.#table[this.#free] = hash
      this.#table[this.#free + 1] = number + 1
    }
  }

  #grow(): void {
    const old = this.#table
    const crowded = [...this.#crowded]
    this.#table = new Int32Array(old.length * 2)
    this.#crowded.clear()
    for (let place = 0; place < old.length; place += 2) {
      const number = (old[place + 1] ?? 0) - 1
      if (number >= 0) this.#putAgain(this.at(number), old[place] ?? 0, number)
    }
    for (const [text, number] of crowded) this.#putAgain(text, hashOf(text), number)
  }

  #putAgain(text: string, hash: number, number: number): void {
    this.#find(text, hash)
    this.#put(text, hash, number)
  }

  /** The string with this number. */
  at(index: number): string {
    const text = this.strings[index]
    if (text === undefined) throw new RangeError(`no string ${String(index)}`)
    return text
  }
}

function hashOf(text: string): number {
  const {length} = text
  const step = length < LONG ? 1 : 4
  let hash = length
  for (let k = 0; k < length; k += step) hash = (Math.imul(hash, 31) + text.charCodeAt(k)) | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b)
  return hash ^ (hash >>> 16)
}

/** A list of 32-bit integers that grows: a quarter of the memory of `number[]`, and no boxing. */
export class IntList {
  #values: Int32Array = new Int32Array(64)
  #length = 0

  get length(): number {
    return this.#length
  }

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const grown = new Int32Array(this.#values.length * 2)
      grown.set(this.#values)
      this.#values = grown
    }
    this.#values[this.#length] = value
    this.#length += 1
  }

  at(index: number): number {
    return this.#values[index] ?? 0
  }

  /** @param index - of a value that was pushed */
  set(index: number, value: number): void {
    this.#values[index] = value
  }

  /** The values so far; a view, valid until the next `push`. */
  view(): Int32Array {
    return this.#values.subarray(0, this.#length)
  }
}
