/** Parts of a graph, by random graphs: joining and leaving out change nothing in what leads to what. */
import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import type {Adjacency} from '../../src/graph/topological-order.ts'
import {contractedCut, type CutEdge, inducedCut, linearRuns, rowsAround} from '../../src/investigate/graph-cut.ts'

function adjacency(parents: readonly (readonly number[])[]): Adjacency {
  const starts = new Int32Array(parents.length + 1)
  for (const [row, list] of parents.entries()) starts[row + 1] = (starts[row] ?? 0) + list.length
  return {starts, edges: Int32Array.from(parents.flat())}
}

/** What each row leads to, itself left out. */
function reach(size: number, edges: readonly {readonly from: number; readonly to: number}[]): readonly Set<number>[] {
  const found = Array.from({length: size}, () => new Set<number>())
  for (const {from, to} of edges.toSorted((a, b) => a.from - b.from)) {
    found[from]!.add(to)
    for (const further of found[to]!) found[from]!.add(further)
  }
  return found
}

const edgesOf = (parents: readonly (readonly number[])[]) =>
  parents.flatMap((list, from) => list.map((to) => ({from, to})))

/** Long chains with a few forks and merges, as rooms are; parents are earlier rows. */
const graphs = fc.array(fc.tuple(fc.nat(99), fc.nat(5), fc.nat(5)), {minLength: 2, maxLength: 60}).map((rows) =>
  rows.map(([fork, one, other], row) => {
    if (row === 0) return []
    const first = Math.max(0, row - 1 - (fork < 25 ? one : 0))
    const second = Math.max(0, row - 1 - other)
    return fork % 10 < 3 && second !== first ? [first, second] : [first]
  }),
)

describe('joined runs', () => {
  test('keep what leads to what, hold each row once, and are as long as can be', () => {
    let joined = 0
    fc.assert(
      fc.property(graphs, fc.func(fc.boolean()), (parents, mayJoin) => {
        const rows = [...parents.keys()]
        const cut = inducedCut(adjacency(parents), rows)
        const runs = linearRuns(cut, mayJoin)
        expect(runs.flatMap((run) => run.rows).toSorted((a, b) => a - b)).toEqual(rows)
        const runOf = new Map(runs.flatMap((run, at) => run.rows.map((row) => [row, at] as const)))
        const outside = cut.edges.flatMap(({from, to}) => {
          const [a, b] = [runOf.get(from)!, runOf.get(to)!]
          return a === b ? [] : [{from: a, to: b}]
        })
        const [before, after] = [reach(rows.length, cut.edges), reach(runs.length, outside)]
        for (const from of rows) {
          for (const to of rows) {
            const [a, b] = [runOf.get(from)!, runOf.get(to)!]
            if (a !== b) expect(after[a]!.has(b)).toBe(before[from]!.has(to))
          }
        }
        for (const {rows: run} of runs) {
          if (run.length > 1) joined += 1
          for (const row of run) expect(run.length === 1 || mayJoin(row)).toBe(true)
        }
        // Nothing that could have been joined is left.
        for (const {from, to} of outside) {
          const [below, above] = [runs[from]!.rows[0]!, runs[to]!.rows.at(-1)!]
          const isAlone =
            outside.filter((edge) => edge.from === from).length === 1 &&
            outside.filter((edge) => edge.to === to).length === 1
          expect(isAlone && mayJoin(below) && mayJoin(above)).toBe(false)
        }
      }),
    )
    // How many there are is chance; with none, the laws above would have been asked of nothing.
    expect(joined).toBeGreaterThan(0)
  })
})

describe('a graph of few of its rows', () => {
  const withKeys = graphs.chain((parents) =>
    fc.record({
      parents: fc.constant(parents),
      keys: fc.subarray([...parents.keys()], {minLength: 1}),
      merges: fc.func(fc.boolean()),
    }),
  )

  test('keeps what leads to what among them', () => {
    fc.assert(
      fc.property(withKeys, ({parents, keys, merges}) => {
        const {edges} = contractedCut(adjacency(parents), keys, merges)
        const [before, after] = [reach(parents.length, edgesOf(parents)), reach(parents.length, edges)]
        for (const from of keys) for (const to of keys) expect(after[from]!.has(to)).toBe(before[from]!.has(to))
      }),
    )
  })

  test('says how many events the shortest way between two passes', () => {
    fc.assert(
      fc.property(withKeys, ({parents, keys, merges}) => {
        const isKey = new Set(keys)
        for (const edge of contractedCut(adjacency(parents), keys, () => false).edges) {
          expect(waysOf(parents, edge, isKey)[0]).toBe(edge.hidden)
        }
        // Of a merge with all its branches: as one of these goes, and another may come there sooner beside what else it leads to.
        for (const edge of contractedCut(adjacency(parents), keys, merges).edges) {
          expect(waysOf(parents, edge, isKey)).toContain(edge.hidden)
        }
      }),
    )
  })

  test('draws every branch of a merge that is asked about, and of others only what adds something', () => {
    // 0 ← 1 ← 2, and 3 merges 2 with 0.
    const parents = adjacency([[], [0], [1], [2, 0]])
    const ends = (edges: readonly CutEdge[]): readonly string[] => edges.map(({from, to}) => `${from}>${to}`)
    expect(ends(contractedCut(parents, [0, 2, 3], () => true).edges)).toEqual(['2>0', '3>2', '3>0'])
    expect(ends(contractedCut(parents, [0, 2, 3], () => false).edges)).toEqual(['2>0', '3>2'])
  })
})

/** By how many rows that are no keys the one leads to the other, for each of its ways; the fewest first. */
function waysOf(
  parents: readonly (readonly number[])[],
  {from, to}: CutEdge,
  isKey: ReadonlySet<number>,
): readonly number[] {
  const found: number[] = []
  let edge = new Set(parents[from])
  for (let hidden = 0; edge.size > 0; hidden += 1) {
    if (edge.has(to)) found.push(hidden)
    edge = new Set([...edge].filter((row) => !isKey.has(row)).flatMap((row) => parents[row]!))
  }
  return found
}

test('rows around one are those so many steps away, both ways, nearest first', () => {
  fc.assert(
    fc.property(graphs, fc.nat(59), fc.nat(6), (parents, start, radius) => {
      const row = start % parents.length
      const relation = adjacency(parents)
      const found = rowsAround(relation, row, radius, () => true)
      const steps = new Map([[row, 0]])
      const all = edgesOf(parents)
      for (let step = 1; step <= radius; step += 1) {
        for (const {from, to} of all) {
          for (const [one, other] of [
            [from, to],
            [to, from],
          ] as const) {
            if (steps.get(one) === step - 1 && !steps.has(other)) steps.set(other, step)
          }
        }
      }
      expect(found.toSorted((a, b) => a - b)).toEqual([...steps.keys()].toSorted((a, b) => a - b))
      const distances = found.map((one) => steps.get(one)!)
      expect(distances).toEqual(distances.toSorted((a, b) => a - b))
    }),
  )
})
