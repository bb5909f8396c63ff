import {type Adjacency, reversed} from '../graph/topological-order.ts'

/** A part of a room's graph: rows, and edges from an event to one that it cites. */
export interface GraphCut {
  /** In ascending order. */
  readonly rows: readonly number[]
  readonly edges: readonly CutEdge[]
}

export interface CutEdge {
  readonly from: number
  readonly to: number
  /**
   * Events on the shortest way between the two; 0: cited itself. From a merge of which all branches are drawn: on the shortest of the ways
   * that lead nowhere else first, since where a branch adds nothing is forgotten before the merge.
   */
  readonly hidden: number
}

/** The given rows, and all citations among them. */
export function inducedCut({starts, edges}: Adjacency, rows: readonly number[]): GraphCut {
  const isIn = new Set(rows)
  const found: CutEdge[] = []
  for (const from of rows) {
    const cited = new Set(edges.subarray(starts[from] ?? 0, starts[from + 1] ?? 0))
    for (const to of cited) if (isIn.has(to)) found.push({from, to, hidden: 0})
  }
  return {rows, edges: found}
}

/**
 * Rows within so many steps of one, whichever way the steps go, nearest first.
 *
 * @param isIn - rows that may be stepped on
 */
export function rowsAround(
  {starts, edges}: Adjacency,
  row: number,
  radius: number,
  isIn: (row: number) => boolean,
): readonly number[] {
  const children = reversed({starts, edges})
  const found = [row]
  const seen = new Set(found)
  let begin = 0
  for (let step = 0; step < radius && begin < found.length; step += 1) {
    const end = found.length
    for (; begin < end; begin += 1) {
      const at = found[begin] ?? 0
      for (const relation of [{starts, edges}, children]) {
        for (let k = relation.starts[at] ?? 0, last = relation.starts[at + 1] ?? 0; k < last; k += 1) {
          const next = relation.edges[k] ?? 0
          if (seen.has(next) || !isIn(next)) continue
          seen.add(next)
          found.push(next)
        }
      }
    }
  }
  return found
}

/**
 * The given rows, and the ways between them that touch no other of them, each as one edge. Where branches meet, one that leads only to what
 * the others lead to as well has nothing to add and is left out, but for merges that are asked about.
 *
 * @param keepsBranches - of a given row: whether each of its branches is to be drawn
 * @remarks O(edges × rows that a branch can lead to at once), which is few.
 */
export function contractedCut(
  {starts, edges}: Adjacency,
  rows: readonly number[],
  keepsBranches: (row: number) => boolean,
): GraphCut {
  const keys = new Set(rows)
  /** By row that is no key: the keys it leads to, with the events on the shortest way, itself included. */
  const leads = new Map<number, ReadonlyMap<number, number>>()
  const drawn = new Map<number, readonly number[]>()
  const found: CutEdge[] = []
  const last = rows.at(-1) ?? -1
  for (let row = rows[0] ?? 0; row <= last; row += 1) {
    const isKey = keys.has(row)
    const all = nearestKeys(edges.subarray(starts[row] ?? 0, starts[row + 1] ?? 0), keys, leads)
    const nearest = isKey && keepsBranches(row) ? all : withoutAncestors(all, drawn)
    if (isKey) {
      for (const [to, hidden] of nearest) found.push({from: row, to, hidden})
      drawn.set(row, [...nearest.keys()])
    } else if (nearest.size > 0) leads.set(row, stepFurther(nearest))
  }
  return {rows, edges: found}
}

function nearestKeys(
  parents: Int32Array,
  keys: ReadonlySet<number>,
  leads: ReadonlyMap<number, ReadonlyMap<number, number>>,
): ReadonlyMap<number, number> {
  const nearest = new Map<number, number>()
  for (const parent of parents) {
    if (keys.has(parent)) nearest.set(parent, 0)
    else {
      for (const [key, hidden] of leads.get(parent) ?? []) {
        if (hidden < (nearest.get(key) ?? Infinity)) nearest.set(key, hidden)
      }
    }
  }
  return nearest
}

/** Keys that are reached by way of others of them fall away. */
function withoutAncestors(
  nearest: ReadonlyMap<number, number>,
  drawn: ReadonlyMap<number, readonly number[]>,
): ReadonlyMap<number, number> {
  if (nearest.size < 2) return nearest
  const oldest = Math.min(...nearest.keys())
  const reached = new Set<number>()
  const stack = [...nearest.keys()]
  for (let row = stack.pop(); row !== undefined; row = stack.pop()) {
    for (const parent of drawn.get(row) ?? []) {
      if (parent < oldest || reached.has(parent)) continue
      reached.add(parent)
      stack.push(parent)
    }
  }
  return new Map([...nearest].filter(([key]) => !reached.has(key)))
}

function stepFurther(nearest: ReadonlyMap<number, number>): ReadonlyMap<number, number> {
  return new Map([...nearest].map(([key, hidden]) => [key, hidden + 1] as const))
}

/** Rows that stand together as one node, in ascending order; most are alone. */
export interface Run {
  readonly rows: readonly number[]
}

/**
 * Joins neighbours that follow each other without a branch: an event and the only one that cites it, where it is all that this one cites.
 * What leads to what stays the same.
 *
 * @param mayJoin - whether the event has nothing of its own to show
 * @returns runs by their last row, in ascending order
 */
export function linearRuns({rows, edges}: GraphCut, mayJoin: (row: number) => boolean): readonly Run[] {
  const parents = new Map<number, number>()
  const children = new Map<number, number>()
  for (const {from, to} of edges) {
    parents.set(from, (parents.get(from) ?? 0) + 1)
    children.set(to, (children.get(to) ?? 0) + 1)
  }
  /** The event after each in its run. */
  const next = new Map<number, number>()
  const isContinuation = new Set<number>()
  for (const {from, to} of edges) {
    if (to >= from || parents.get(from) !== 1 || children.get(to) !== 1 || !mayJoin(from) || !mayJoin(to)) continue
    next.set(to, from)
    isContinuation.add(from)
  }
  const runs: Run[] = []
  for (const row of rows) {
    if (isContinuation.has(row)) continue
    const run: number[] = []
    for (let at: number | undefined = row; at !== undefined; at = next.get(at)) run.push(at)
    runs.push({rows: run})
  }
  return runs.sort((a, b) => (a.rows.at(-1) ?? 0) - (b.rows.at(-1) ?? 0))
}
