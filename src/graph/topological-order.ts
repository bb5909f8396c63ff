/** Parents of event `i`: `edges[starts[i]] … edges[starts[i + 1] - 1]`. */
export interface Adjacency {
  readonly starts: Int32Array
  readonly edges: Int32Array
}

export interface TopologicalOrder {
  /** Every event once, each after all its parents (parents within a cycle excepted). */
  readonly order: Int32Array
  /** Events on a cycle, or between two cycles. Only made-up IDs (room versions 1 and 2) make cycles possible. */
  readonly cyclic: ReadonlySet<number>
}

/**
 * Orders events so that each follows its parents in all the given relations; otherwise the order is kept as it is.
 *
 * @remarks O(events + edges); iterative, so that a chain of a million events needs no stack.
 */
export function topologicalOrder(size: number, relations: readonly Adjacency[]): TopologicalOrder {
  if (relations.every((relation) => isSorted(size, relation))) {
    const same = new Int32Array(size)
    for (let row = 0; row < size; row += 1) same[row] = row
    return {order: same, cyclic: new Set()}
  }
  const order = new Int32Array(size)
  /** 0: not seen, 1: on the stack, 2: done. */
  const state = new Uint8Array(size)
  const stack: number[] = []
  let count = 0
  let cyclic = false
  for (let root = 0; root < size; root += 1) {
    if (state[root] !== 0) continue
    stack.push(root)
    while (stack.length > 0) {
      const event = stack[stack.length - 1] ?? 0
      if (state[event] === 0) {
        state[event] = 1
        const before = stack.length
        for (const {starts, edges} of relations) {
          for (let k = starts[event] ?? 0, end = starts[event + 1] ?? 0; k < end; k += 1) {
            const parent = edges[k] ?? 0
            if (state[parent] === 0) stack.push(parent)
            else if (state[parent] === 1) cyclic = true
          }
        }
        if (stack.length > before) continue
      }
      stack.pop()
      if (state[event] === 2) continue
      state[event] = 2
      order[count] = event
      count += 1
    }
  }
  return {order, cyclic: cyclic ? cyclicEvents(size, relations) : new Set()}
}

function isSorted(size: number, {starts, edges}: Adjacency): boolean {
  for (let event = 0; event < size; event += 1) {
    for (let k = starts[event] ?? 0, end = starts[event + 1] ?? 0; k < end; k += 1)
      if ((edges[k] ?? 0) >= event) return false
  }
  return true
}

/** What is left when events without parents, then events without children, are taken away again and again. */
function cyclicEvents(size: number, relations: readonly Adjacency[]): ReadonlySet<number> {
  const parents: number[][] = Array.from({length: size}, () => [])
  const children: number[][] = Array.from({length: size}, () => [])
  for (const {starts, edges} of relations) {
    for (let event = 0; event < size; event += 1) {
      for (let k = starts[event] ?? 0, end = starts[event + 1] ?? 0; k < end; k += 1) {
        const parent = edges[k] ?? 0
        parents[event]?.push(parent)
        children[parent]?.push(event)
      }
    }
  }
  const left = new Set(Array.from({length: size}, (_, event) => event))
  for (const [inward, outward] of [
    [parents, children],
    [children, parents],
  ] as const) {
    const open = inward.map((list) => list.filter((event) => left.has(event)).length)
    const ready = [...left].filter((event) => open[event] === 0)
    for (let event = ready.pop(); event !== undefined; event = ready.pop()) {
      left.delete(event)
      for (const next of outward[event] ?? []) {
        open[next] = (open[next] ?? 0) - 1
        if (open[next] === 0 && left.has(next)) ready.push(next)
      }
    }
  }
  return left
}

/**
 * From each event to those that cite it, as often as they do; in the order of rows.
 *
 * @remarks O(events + edges).
 */
export function reversed({starts, edges}: Adjacency): Adjacency {
  const size = starts.length - 1
  const counts = new Int32Array(size + 1)
  for (const parent of edges) counts[parent + 1] = (counts[parent + 1] ?? 0) + 1
  for (let row = 0; row < size; row += 1) counts[row + 1] = (counts[row + 1] ?? 0) + (counts[row] ?? 0)
  const next = counts.slice()
  const children = new Int32Array(edges.length)
  for (let row = 0; row < size; row += 1) {
    for (let k = starts[row] ?? 0, end = starts[row + 1] ?? 0; k < end; k += 1) {
      const parent = edges[k] ?? 0
      const place = next[parent] ?? 0
      children[place] = row
      next[parent] = place + 1
    }
  }
  return {starts: counts, edges: children}
}
