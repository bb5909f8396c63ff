import {type Replay, Verdict} from './replay.ts'

/**
 * The tips: accepted events without an accepted descendant, in order of their IDs' rows.
 *
 * @remarks O(events + edges). Events that are undetermined count as not accepted, so that a room with holes may have tips that it would
 * not have if they were filled.
 */
export function tipsOf(replay: Replay): readonly number[] {
  const {graph, verdicts} = replay
  const {starts, edges} = graph.prev
  const continued = new Uint8Array(graph.size)
  for (let row = graph.size - 1; row >= 0; row -= 1) {
    if (verdicts[row] !== Verdict.Accepted && continued[row] === 0) continue
    for (let k = starts[row] ?? 0, end = starts[row + 1] ?? 0; k < end; k += 1) continued[edges[k] ?? 0] = 1
  }
  const tips: number[] = []
  for (let row = 0; row < graph.size; row += 1) {
    if (verdicts[row] === Verdict.Accepted && continued[row] === 0) tips.push(row)
  }
  return tips
}
