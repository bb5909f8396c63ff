import {causalRows} from '../forensics/causal-order.ts'
import {Flag, type RoomGraph} from '../graph/room-graph.ts'
import {type Replay, Verdict} from '../resolve/replay.ts'
import type {Counts, MissingEvent} from './room-report.ts'

/** Events that are cited and not there, with one event that cites each; in order of first citation. O(events + edges). */
export function missingEvents(graph: RoomGraph): readonly MissingEvent[] {
  const found = new Map<number, {citedBy: number; as: MissingEvent['as']; citations: number}>()
  const look = (row: number, parents: Int32Array, as: MissingEvent['as']): void => {
    for (const parent of parents) {
      if (!graph.has(parent, Flag.Missing)) continue
      const known = found.get(parent)
      if (known === undefined) found.set(parent, {citedBy: row, as, citations: 1})
      else known.citations += 1
    }
  }
  if (!graph.flags.some((flags) => (flags & Flag.Missing) !== 0)) return []
  for (const row of causalRows(graph)) {
    if (graph.has(row, Flag.Foreign)) continue
    look(row, graph.prevOf(row), 'prev event')
    look(row, graph.authOf(row), 'auth event')
  }
  return [...found].map(([row, {citedBy, as, citations}]) => ({
    eventId: graph.id(row),
    citedBy: graph.id(citedBy),
    as,
    citations,
  }))
}

/** How much there is of everything. Events of other rooms are not counted. */
export function countEvents(replay: Replay, missing: number): Counts {
  const {graph, verdicts, merges} = replay
  const counts = {
    events: 0,
    stateEvents: 0,
    merges: merges.size,
    conflictedMerges: 0,
    rejected: 0,
    undetermined: 0,
    missing,
  }
  for (let row = 0; row < graph.size; row += 1) {
    if (graph.has(row, Flag.Missing | Flag.Foreign)) continue
    counts.events += 1
    if (graph.has(row, Flag.State)) counts.stateEvents += 1
    if (verdicts[row] === Verdict.Rejected) counts.rejected += 1
    else if (verdicts[row] === Verdict.Undetermined) counts.undetermined += 1
  }
  for (const conflicts of merges.values()) if (conflicts > 0) counts.conflictedMerges += 1
  return counts
}

/** How many events of the room could not be judged. */
export function undeterminedIn({graph, verdicts}: Replay): number {
  let count = 0
  for (let row = 0; row < graph.size; row += 1) {
    if (verdicts[row] === Verdict.Undetermined && !graph.has(row, Flag.Missing | Flag.Foreign)) count += 1
  }
  return count
}
