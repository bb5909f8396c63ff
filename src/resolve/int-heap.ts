/** A heap of integers that gives the greatest first. */
export class IntHeap {
  readonly #values: number[] = []

  clear(): void {
    this.#values.length = 0
  }

  push(value: number): void {
    const values = this.#values
    let child = values.length
    values.push(value)
    while (child > 0) {
      const parent = (child - 1) >> 1
      const above = values[parent] ?? 0
      if (above >= value) break
      values[child] = above
      child = parent
    }
    values[child] = value
  }

  /** @throws RangeError when empty */
  pop(): number {
    const values = this.#values
    const top = values[0]
    const last = values.pop()
    if (top === undefined || last === undefined) throw new RangeError('the heap is empty')
    if (values.length === 0) return top
    let parent = 0
    for (;;) {
      let child = 2 * parent + 1
      if (child >= values.length) break
      if (child + 1 < values.length && (values[child + 1] ?? 0) > (values[child] ?? 0)) child += 1
      const below = values[child] ?? 0
      if (below <= last) break
      values[parent] = below
      parent = child
    }
    values[parent] = last
    return top
  }
}
