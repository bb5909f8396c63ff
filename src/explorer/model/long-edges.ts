import type {RoomGraph} from '../../graph/room-graph.ts'

/** Rows of a block. */
const BLOCK = 512
/** Edges that are kept for a block: more than that are one grey surface anyway. */
const MOST_IN_BLOCK = 400

/** Edges that pass through a window of rows without beginning or ending near it. */
export class LongEdges {
  readonly #blocks: readonly (readonly number[])[]
  readonly #child: number[] = []
  readonly #parent: number[] = []

  /** @remarks O(edges), and for each long edge the blocks that it crosses, up to a limit a block. */
  constructor({prev, size}: Pick<RoomGraph, 'prev' | 'size'>) {
    const blocks: number[][] = Array.from({length: Math.ceil(size / BLOCK)}, () => [])
    /** Blocks that have no place left are stepped over. */
    const next = Int32Array.from({length: blocks.length + 1}, (_, block) => block)
    const find = (block: number): number => {
      let at = block
      while ((next[at] ?? at) !== at) at = next[at] ?? at
      for (let k = block; k !== at;) {
        const after = next[k] ?? at
        next[k] = at
        k = after
      }
      return at
    }
    for (let row = 0; row < size; row += 1) {
      for (let k = prev.starts[row] ?? 0, end = prev.starts[row + 1] ?? 0; k < end; k += 1) {
        const parent = prev.edges[k] ?? 0
        if (row - parent <= BLOCK) continue
        const edge = this.#child.length
        this.#child.push(row)
        this.#parent.push(parent)
        const last = Math.floor(row / BLOCK)
        for (let block = find(Math.floor(parent / BLOCK)); block <= last; block = find(block + 1)) {
          const here = blocks[block]
          if (here === undefined) break
          here.push(edge)
          if (here.length >= MOST_IN_BLOCK) next[block] = block + 1
        }
      }
    }
    this.#blocks = blocks
  }

  /** Calls `visit` for long edges that begin before `first` and end after `last`, or near it. */
  forEachAcross(first: number, last: number, visit: (child: number, parent: number) => void): void {
    const seen = new Set<number>()
    for (let block = Math.floor(first / BLOCK); block <= Math.floor(last / BLOCK); block += 1) {
      for (const edge of this.#blocks[block] ?? []) {
        if (seen.has(edge)) continue
        seen.add(edge)
        visit(this.#child[edge] ?? 0, this.#parent[edge] ?? 0)
      }
    }
  }
}

/** Longest edge, in rows, that is not among the long ones. */
export const SHORT_EDGE = BLOCK
