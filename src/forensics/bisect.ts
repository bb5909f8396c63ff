import type {RoomGraph} from '../graph/room-graph.ts'

/**
 * Slots in which a server's state before an event is not the replay's: none where they agree; `null` where the server does not tell, or the
 * replay does not know.
 */
export type DiffersBefore = (row: number) => Promise<readonly number[] | null>

/** An event before which a server's state is wrong, though it was right before one of its prev events. */
export interface Boundary {
  readonly row: number
  readonly slots: readonly number[]
}

export interface Bisection {
  /** `null`: the state before the event that was begun with is right, or not told. */
  readonly boundary: Boundary | null
  /** Events at which the server was asked. */
  readonly asked: number
}

/**
 * Finds an event at which a server's states part from the replay's, by few questions: along one line of prev events from the create event
 * (before which every state is empty) to one where they are known to differ, halving; then the same along the other prev events of what
 * was found, until the states before all of them are right. It is a boundary, not the earliest event: states may have parted and met again.
 *
 * @param start - row of an event before which the states may differ
 * @remarks O(log events) questions for each line that is followed; no event is asked for twice
 */
export async function bisectDivergence(graph: RoomGraph, start: number, differs: DiffersBefore): Promise<Bisection> {
  const answers = new Map<number, readonly number[] | null>()
  const ask = async (row: number): Promise<readonly number[] | null> => {
    // Before an event without prev events there is nothing to differ.
    if (graph.prevOf(row).length === 0) return []
    const known = answers.get(row)
    if (known !== undefined) return known
    const answer = await differs(row)
    answers.set(row, answer)
    return answer
  }
  let found = await halve(graph, start, ask)
  for (let next: number | null = found?.row ?? null; next !== null && found !== null;) {
    const at: number = next
    next = null
    for (const parent of graph.prevOf(at)) {
      const slots = await ask(parent)
      if (slots === null || slots.length === 0) continue
      found = (await halve(graph, parent, ask)) ?? found
      next = found.row === at ? null : found.row
      break
    }
  }
  return {boundary: found, asked: answers.size}
}

async function halve(
  graph: RoomGraph,
  start: number,
  ask: (row: number) => Promise<readonly number[] | null>,
): Promise<Boundary | null> {
  const line = lineBack(graph, start)
  let [right, wrong] = [line.length - 1, 0]
  let slots = await ask(start)
  while (slots === null && wrong < Math.min(MOST_PROBES, right)) {
    wrong += 1
    slots = await ask(line[wrong] ?? start)
  }
  if (slots === null || slots.length === 0) return null
  let found: Boundary = {row: line[wrong] ?? start, slots}
  while (right - wrong > 1) {
    const middle = (right + wrong) >> 1
    // Where the server does not tell, the nearest event that it does tell of stands in.
    let answer: readonly number[] | null = null
    let at = middle
    for (const candidate of nearest(middle, wrong, right)) {
      at = candidate
      answer = await ask(line[candidate] ?? 0)
      if (answer !== null) break
    }
    if (answer === null) break
    if (answer.length === 0) right = at
    else {
      wrong = at
      found = {row: line[at] ?? 0, slots: answer}
    }
  }
  return found
}

/** Prev events back to one that has none, newest first; of several always the newest, so that the line is a long one. */
function lineBack(graph: RoomGraph, start: number): readonly number[] {
  const line = [start]
  for (let row = start; ;) {
    const prev = graph.prevOf(row)
    if (prev.length === 0) return line
    row = prev.reduce((newest, parent) => Math.max(newest, parent))
    line.push(row)
  }
}

/** Events that are tried for one that the server does not tell of: each costs a request. */
const MOST_PROBES = 16

/** From the middle outwards, without the ends. */
function* nearest(middle: number, low: number, high: number): Generator<number> {
  yield middle
  for (let distance = 1; distance <= MOST_PROBES / 2; distance += 1) {
    if (middle - distance > low) yield middle - distance
    if (middle + distance < high) yield middle + distance
  }
}
