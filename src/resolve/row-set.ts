/** A set of rows that is cleared in no time and iterated in the order of insertion. */
export class RowSet {
  /** The members, in order of insertion. */
  readonly rows: number[] = []
  readonly #stamps: Int32Array
  #stamp = 1

  /** @param size - rows are below it */
  constructor(size: number) {
    this.#stamps = new Int32Array(size)
  }

  clear(): void {
    this.rows.length = 0
    this.#stamp += 1
  }

  has(row: number): boolean {
    return this.#stamps[row] === this.#stamp
  }

  /** Whether it was not a member before. */
  add(row: number): boolean {
    if (this.#stamps[row] === this.#stamp) return false
    this.#stamps[row] = this.#stamp
    this.rows.push(row)
    return true
  }
}
