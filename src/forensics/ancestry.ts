import type {RoomGraph} from '../graph/room-graph.ts'

/**
 * Whether one event happened before another: by prev_events and auth_events, since what an event cites in either way its server knew.
 *
 * @remarks A question costs the events between the two, and answers are remembered.
 */
export class Ancestry {
  readonly #graph: RoomGraph
  readonly #seen: Int32Array
  readonly #answers = new Map<number, boolean>()
  #search = 0

  constructor(graph: RoomGraph) {
    this.#graph = graph
    this.#seen = new Int32Array(graph.size)
  }

  /** Whether `old` is an ancestor of `young`; an event is none of its own, and of one that is not in the graph nothing is known. */
  isBefore(old: number, young: number): boolean {
    // Rows are in topological order: an ancestor has a smaller one.
    if (old < 0 || old >= young || young >= this.#graph.size) return false
    const key = old * this.#graph.size + young
    const known = this.#answers.get(key)
    if (known !== undefined) return known
    const answer = this.#find(old, young)
    this.#answers.set(key, answer)
    return answer
  }

  /** Neither knew of the other. */
  areConcurrent(a: number, b: number): boolean {
    return a !== b && !this.isBefore(a, b) && !this.isBefore(b, a)
  }

  #find(old: number, young: number): boolean {
    this.#search += 1
    const stack = [young]
    for (let row = stack.pop(); row !== undefined; row = stack.pop()) {
      for (const {starts, edges} of [this.#graph.prev, this.#graph.auth]) {
        for (let k = starts[row] ?? 0, end = starts[row + 1] ?? 0; k < end; k += 1) {
          const parent = edges[k] ?? 0
          if (parent === old) return true
          if (parent < old || this.#seen[parent] === this.#search) continue
          this.#seen[parent] = this.#search
          stack.push(parent)
        }
      }
    }
    return false
  }
}
