/** Gives each string a small integer, in order of first sight. */
export class Interner {
  readonly strings: string[] = []
  readonly #index = new Map<string, number>()

  get size(): number {
    return this.strings.length
  }

  intern(text: string): number {
    const known = this.#index.get(text)
    if (known !== undefined) return known
    const index = this.strings.length
    this.strings.push(text)
    this.#index.set(text, index)
    return index
  }

  /** -1 when it was never interned. */
  find(text: string): number {
    return this.#index.get(text) ?? -1
  }

  /** The string with this number. */
  at(index: number): string {
    const text = this.strings[index]
    if (text === undefined) throw new RangeError(`no string ${String(index)}`)
    return text
  }
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

  /** The values so far; a view, valid until the next `push`. */
  view(): Int32Array {
    return this.#values.subarray(0, this.#length)
  }
}
