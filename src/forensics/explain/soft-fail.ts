import type {Certainty} from '../../finding/finding.ts'
import type {Rejection} from '../../auth/check.ts'
import {type Replay, UNKNOWN_STATE, Verdict} from '../../resolve/replay.ts'
import type {StateRoot} from '../../resolve/state-trie.ts'
import type {ServerView} from '../server-view.ts'
import {askState, hearingOfRow} from './hearing-of-row.ts'
import {judge, type Judged} from './hearing.ts'

/** What a check against a server's current state comes to, as far as that state can be told. */
export interface SoftFailEstimate {
  readonly passes: boolean
  readonly rejection: Rejection | null
  readonly judged: Judged
  /** Events whose states were resolved: the server's forward extremities then, as estimated. */
  readonly extremities: readonly string[]
  /** `arrival`: from the times at which the server received its events. `last`: as if it had arrived after all else. */
  readonly by: 'arrival' | 'last'
  readonly certainty: Certainty
}

/**
 * The check against the current state, on a server that told when it received its events: the state is that of the events which it had
 * accepted by then. `null`: no time of arrival, or a state that is not known.
 *
 * @remarks O(events + edges) and one merge. Never proof: what a server had accepted by then is only known from times of its clock.
 */
export function estimateByArrival(replay: Replay, row: number, view: ServerView): SoftFailEstimate | null {
  const {graph, verdicts} = replay
  const ts = view.marks.get(graph.id(row))?.receivedTs
  if (ts === undefined) return null
  const counts = new Uint8Array(graph.size)
  let untold = 0
  for (let other = 0; other < graph.size; other += 1) {
    if (verdicts[other] !== Verdict.Accepted || other === row) continue
    const marks = view.marks.get(graph.id(other))
    if (marks?.receivedTs === undefined) {
      untold += 1
      continue
    }
    const wasThere = marks.receivedTs < ts || (marks.receivedTs === ts && other < row)
    const isRefused = marks.softFailed === true || marks.outlier === true || typeof marks.rejected === 'string'
    if (wasThere && !isRefused) counts[other] = 1
  }
  return estimate(replay, row, counts, 'arrival', untold === 0 ? 'strong' : 'hint')
}

/** The check against the state that the room would have without the event and what builds on it: the latest that it could have met. */
export function estimateAsLast(replay: Replay, row: number): SoftFailEstimate | null {
  const {graph, verdicts} = replay
  const counts = new Uint8Array(graph.size)
  const follows = new Uint8Array(graph.size)
  follows[row] = 1
  for (let other = 0; other < graph.size; other += 1) {
    for (const parent of graph.prevOf(other)) if (follows[parent] === 1) follows[other] = 1
    if (follows[other] !== 1 && verdicts[other] === Verdict.Accepted) counts[other] = 1
  }
  return estimate(replay, row, counts, 'last', 'hint')
}

function estimate(
  replay: Replay,
  row: number,
  counts: Uint8Array,
  by: SoftFailEstimate['by'],
  certainty: Certainty,
): SoftFailEstimate | null {
  const {graph, resolver, after} = replay
  const extremities = extremitiesOf(replay, counts)
  const roots = extremities.map((extremity) => after[extremity] ?? UNKNOWN_STATE)
  if (roots.length === 0 || roots.includes(UNKNOWN_STATE)) return null
  const judged = judgeAt(replay, row, resolver.resolve(roots).root)
  return {
    passes: judged.passes,
    rejection: judged.rejection,
    judged,
    extremities: extremities.map((extremity) => graph.id(extremity)),
    by,
    certainty,
  }
}

/** The rules that depend on state, asked of any state. */
function judgeAt(replay: Replay, row: number, root: StateRoot): Judged {
  return judge({...hearingOfRow(replay, row), state: askState(replay, root)}, 'before')
}

/** Those that none of the others follows: an event that does not count hides no other. */
function extremitiesOf({graph}: Replay, counts: Uint8Array): readonly number[] {
  const followed = new Uint8Array(graph.size)
  for (let row = graph.size - 1; row >= 0; row -= 1) {
    if (counts[row] !== 1) continue
    for (const parent of graph.prevOf(row)) followed[parent] = 1
  }
  const found: number[] = []
  for (let row = 0; row < graph.size; row += 1) if (counts[row] === 1 && followed[row] === 0) found.push(row)
  return found
}
