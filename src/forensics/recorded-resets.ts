import {type Replay, UNKNOWN_STATE} from '../resolve/replay.ts'
import type {StateRoot} from '../resolve/state-trie.ts'
import {Ancestry} from './ancestry.ts'
import {InquestTools} from './cause.ts'
import type {Merge} from './merge.ts'
import {RecordedRoots} from './recorded-roots.ts'
import {type Reset, ResetCourt, suspectSlots} from './resets.ts'
import type {ServerView} from './server-view.ts'

/**
 * Resets in the states that a server recorded and that do not happen in the replay: at each merge, its own states after the prev events are
 * resolved again, and held against the replayed ones.
 *
 * A recorded state that its own inputs do not give is no reset but a wrong record; see `scanRecorded`.
 *
 * @param recorded - the server's states in the replay's trie, where they were made already
 * @remarks Two look-ups a merge, the changes of each state group once; a merge is resolved again only where something is amiss in it.
 */
export function recordedResets(
  replay: Replay,
  view: ServerView,
  recorded: RecordedRoots = new RecordedRoots(replay.graph, replay.trie, view.recorded),
): readonly Reset[] {
  if (view.recorded === null) return []
  const {graph, trie, resolver, before, after} = replay
  const tools = new InquestTools({graph, trie, resolver, before}, new Ancestry(graph))
  const court = new ResetCourt(tools)
  for (const at of replay.merges.keys()) {
    const prevs = [...graph.prevOf(at)]
    const inputs = knownRoots(prevs, (prev) => recorded.after(graph.id(prev)))
    const result = recorded.before(graph.id(at))
    if (inputs === null || result === null) continue
    const merge: Merge = {at, prevs, inputs, result}
    const suspects = suspectSlots(tools, merge)
    if (suspects.length === 0 || inputs.some((root) => hasStranger(replay, recorded, root))) continue
    const trueInputs = prevs.map((prev) => after[prev] ?? UNKNOWN_STATE)
    const happensInReplay = (slot: number): boolean =>
      trie.get(result, slot) === trie.get(before[at] ?? UNKNOWN_STATE, slot) &&
      inputs.every((root, index) => trie.get(root, slot) === trie.get(trueInputs[index] ?? UNKNOWN_STATE, slot))
    if (suspects.every(happensInReplay)) continue
    const resolved = resolver.resolve(inputs).root
    const followsFromInputs = (slot: number): boolean => trie.get(resolved, slot) === trie.get(result, slot)
    court.hear(merge, trueInputs, (slot) => followsFromInputs(slot) && !happensInReplay(slot))
  }
  return court.resets()
}

function knownRoots(prevs: readonly number[], find: (prev: number) => StateRoot | null): readonly StateRoot[] | null {
  const roots: StateRoot[] = []
  for (const prev of prevs) {
    const root = find(prev)
    if (root === null) return null
    roots.push(root)
  }
  return roots
}

/** An event that is not here cannot be judged, so that nothing can be said of a merge of states that hold it. */
function hasStranger({trie}: Replay, {rows}: RecordedRoots, root: StateRoot): boolean {
  let found = false
  trie.forEach(root, (_, event) => {
    found ||= !rows.isHere(event)
  })
  return found
}
