import type {RecordedStates, ServerView, ToldSlot} from '../../src/forensics/server-view.ts'
import {type Replay, UNKNOWN_STATE} from '../../src/resolve/replay.ts'
import {tipsOf} from '../../src/resolve/tips.ts'

/** Groups of a server by number, as a test may change them. */
export interface Records {
  readonly groups: Map<number, {readonly base: number | null; readonly slots: readonly Required<ToldSlot>[]}>
  readonly around: Map<string, {readonly before: number | null; readonly after: number | null}>
}

export function slotsOf({graph, trie}: Replay, root: number): readonly Required<ToldSlot>[] {
  const slots: Required<ToldSlot>[] = []
  trie.forEach(root, (slot, row) => slots.push({eventId: graph.id(row), ...graph.slotAt(slot)}))
  return slots
}

/** What a server that computes as the replay does would record: one group a state, each whole. */
export function recordsOf(result: Replay): Records {
  const records: Records = {groups: new Map(), around: new Map()}
  const {graph, before, after} = result
  for (let row = 0; row < graph.size; row += 1) {
    const [was, is] = [before[row] ?? UNKNOWN_STATE, after[row] ?? UNKNOWN_STATE]
    if (was === UNKNOWN_STATE || is === UNKNOWN_STATE) continue
    records.around.set(graph.id(row), {before: was, after: is})
    for (const root of [was, is]) records.groups.set(root, {base: null, slots: slotsOf(result, root)})
  }
  return records
}

export function recorded({groups, around}: Records): RecordedStates {
  return {how: 'groups', around: (id) => around.get(id), group: (group) => groups.get(group)}
}

/** A server that says of the room what the replay says. */
export function viewOf(result: Replay, server: string, more: Partial<ServerView> = {}): ServerView {
  const tips = tipsOf(result)
  const {root} = result.resolver.resolve(tips.map((row) => result.after[row] ?? UNKNOWN_STATE))
  return {
    server,
    states: [{what: 'current', eventId: null, how: 'test', slots: slotsOf(result, root), ts: 1}],
    extremities: tips.map((row) => result.graph.id(row)),
    marks: new Map(),
    has: () => true,
    recorded: null,
    ...more,
  }
}
