import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {type Adjacency, reversed, topologicalOrder} from '../../src/graph/topological-order.ts'

/** `parents[i]`: whom event `i` cites. */
function adjacency(parents: readonly (readonly number[])[]): Adjacency {
  const starts = new Int32Array(parents.length + 1)
  parents.forEach((list, index) => {
    starts[index + 1] = starts[index]! + list.length
  })
  return {starts, edges: Int32Array.from(parents.flat())}
}

const relation = (size: number) =>
  fc.array(fc.array(fc.nat(size - 1), {maxLength: 3}), {minLength: size, maxLength: size})
const graphs = fc
  .integer({min: 1, max: 25})
  .chain((size) => fc.tuple(fc.constant(size), relation(size), relation(size)))

/** What is reachable over one edge or more. */
function reach(parents: readonly ReadonlySet<number>[], from: number): ReadonlySet<number> {
  const seen = new Set<number>()
  const todo = [...parents[from]!]
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    if (seen.has(next)) continue
    seen.add(next)
    todo.push(...parents[next]!)
  }
  return seen
}

describe('the topological order', () => {
  test('puts every event once, after all its parents, where there is no cycle', () => {
    fc.assert(
      fc.property(graphs, fc.boolean(), ([size, prev, auth], backwards) => {
        // Only edges to smaller (or, backwards, greater) numbers.
        const keep = (lists: readonly (readonly number[])[]) =>
          lists.map((list, event) => list.filter((parent) => (backwards ? parent > event : parent < event)))
        const [a, b] = [keep(prev), keep(auth)]
        const {order, cyclic} = topologicalOrder(size, [adjacency(a), adjacency(b)])
        expect(cyclic.size).toBe(0)
        expect([...order].sort((x, y) => x - y)).toEqual(Array.from({length: size}, (_, event) => event))
        const place = new Map(Array.from(order, (event, index) => [event, index]))
        for (let event = 0; event < size; event += 1) {
          for (const parent of [...a[event]!, ...b[event]!]) expect(place.get(parent)).toBeLessThan(place.get(event)!)
        }
        if (!backwards) expect([...order]).toEqual(Array.from({length: size}, (_, event) => event))
      }),
      {numRuns: 500},
    )
  })

  test('with cycles still has every event once, and names those on a cycle or between two', () => {
    fc.assert(
      fc.property(graphs, ([size, prev, auth]) => {
        const {order, cyclic} = topologicalOrder(size, [adjacency(prev), adjacency(auth)])
        expect([...order].sort((x, y) => x - y)).toEqual(Array.from({length: size}, (_, event) => event))
        const parents = prev.map((list, event) => new Set([...list, ...auth[event]!]))
        const above = parents.map((_, event) => reach(parents, event))
        const onCycle = above.map((set, event) => set.has(event))
        const between = above.map(
          (set, event) =>
            [...set].some((other) => onCycle[other]) &&
            above.some((other, child) => onCycle[child] && other.has(event)),
        )
        const expected = onCycle.flatMap((on, event) => (on || between[event] ? [event] : []))
        expect([...cyclic].sort((x, y) => x - y)).toEqual(expected)
        const place = new Map(Array.from(order, (event, index) => [event, index]))
        for (let event = 0; event < size; event += 1) {
          // Whoever has no cycle above them still comes after their parents.
          if (onCycle[event] || [...above[event]!].some((other) => onCycle[other])) continue
          for (const parent of parents[event]!) expect(place.get(parent)).toBeLessThan(place.get(event)!)
        }
      }),
      {numRuns: 500},
    )
  })

  test('needs no stack for a chain of a million', () => {
    const size = 1_000_000
    const starts = Int32Array.from({length: size + 1}, (_, event) => Math.min(event, size - 1))
    const edges = Int32Array.from({length: size - 1}, (_, event) => event + 1)
    const {order, cyclic} = topologicalOrder(size, [{starts, edges}])
    expect([order[0], order[size - 1], cyclic.size]).toEqual([size - 1, 0, 0])
  })

  test('of nothing is nothing', () => {
    expect(topologicalOrder(0, [])).toEqual({order: new Int32Array(0), cyclic: new Set()})
  })
})

test('turned around, each event has those that cite it, as often as they do, in the order of rows', () => {
  fc.assert(
    fc.property(graphs, ([size, parents]) => {
      const {starts, edges} = reversed(adjacency(parents))
      for (let row = 0; row < size; row += 1) {
        const citing = parents.flatMap((list, child) => list.filter((parent) => parent === row).map(() => child))
        expect([...edges.subarray(starts[row], starts[row + 1])]).toEqual(citing)
      }
    }),
  )
})
