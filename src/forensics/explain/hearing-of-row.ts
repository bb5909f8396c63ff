import {Flag, Membership, type RoomGraph} from '../../graph/room-graph.ts'
import type {Pdu} from '../../matrix/pdu.ts'
import {type Replay, UNKNOWN_STATE, Verdict} from '../../resolve/replay.ts'
import type {StateRoot} from '../../resolve/state-trie.ts'
import {type Hearing, type NamedSlot, pduOfRow, type StateAsked} from './hearing.ts'

/** A state of a replay, to be asked by name; `null` for one that is not known. */
export function askState({graph, trie}: Pick<Replay, 'graph' | 'trie'>, root: StateRoot): StateAsked | null {
  if (root === UNKNOWN_STATE) return null
  return {
    get: ({type, stateKey}: NamedSlot) => {
      const slot = graph.slotOf(type, stateKey)
      const row = slot < 0 ? -1 : trie.get(root, slot)
      return row < 0 ? null : pduOfRow(graph, row)
    },
    joined: () => {
      const users: string[] = []
      trie.forEach(root, (_slot, row) => {
        if (graph.membership[row] === Membership.Join) users.push(graph.user(graph.target[row] ?? -1))
      })
      return users
    },
  }
}

/** The room's create event, as the graph keeps it. */
export function createOf(graph: RoomGraph): Pdu | null {
  return graph.create < 0 ? null : pduOfRow(graph, graph.create)
}

/** An event of a replay before its judges. */
export function hearingOfRow(replay: Replay, row: number): Hearing {
  const {graph} = replay
  return hearingOfEvent(replay, pduOfRow(graph, row), replay.before[row] ?? UNKNOWN_STATE)
}

/**
 * An event that may be of the room or not, before those of its auth events that the room has.
 *
 * @param before - the state before it
 */
export function hearingOfEvent(replay: Replay, event: Pdu, before: StateRoot): Hearing {
  const {graph, verdicts} = replay
  const cited = new Map<string, Pdu>()
  const rejected = new Set<string>()
  const open = new Set<string>()
  for (const id of event.authEvents) {
    const row = graph.row(id)
    const isForeign = row >= 0 && graph.has(row, Flag.Foreign)
    if (row >= 0 && !graph.has(row, Flag.Missing)) cited.set(id, pduOfRow(graph, row))
    if (row < 0 || graph.has(row, Flag.Missing)) open.add(id)
    else if (verdicts[row] === Verdict.Rejected) rejected.add(id)
    else if (verdicts[row] === Verdict.Undetermined && !isForeign) open.add(id)
  }
  if (graph.create >= 0 && verdicts[graph.create] === Verdict.Rejected) rejected.add(graph.id(graph.create))
  return {
    rules: graph.rules,
    roomId: graph.roomId,
    create: createOf(graph),
    event,
    cited,
    rejected,
    open,
    state: askState(replay, before),
  }
}
