import {type Finding, finding} from '../../finding/finding.ts'
import {Flag, Membership, type RoomGraph} from '../../graph/room-graph.ts'
import {type Replay, UNKNOWN_STATE} from '../../resolve/replay.ts'
import {ABSENT, type StateRoot} from '../../resolve/state-trie.ts'
import type {RecordedRoots} from '../recorded-roots.ts'
import type {ServerView} from '../server-view.ts'
import {causalRows} from '../causal-order.ts'
import {count, list} from './evidence.ts'

/** Fewer than this are no mass. */
const MANY = 5

/** One server's view, and its states as roots of the replay's trie. */
export interface ViewRoots {
  readonly view: ServerView
  readonly roots: RecordedRoots
}

/**
 * Steps in a server's own states in which many members are lost: joined in the state after an event and not in the state that the server
 * takes for what follows, be it the state before the next event or its current state, while the replay has them joined at both places. So no
 * event explains it, and neither does a resolution.
 *
 * @remarks O(events + what consecutive recorded states differ in).
 */
export function serverSteps(replay: Replay, views: readonly ViewRoots[]): readonly Finding[] {
  return views.flatMap((of) => [...recordedSteps(replay, of), ...currentStep(replay, of)])
}

function* recordedSteps(replay: Replay, {view, roots}: ViewRoots): Generator<Finding> {
  const {graph, before} = replay
  const {recorded} = view
  if (recorded === null) return
  for (const row of causalRows(graph)) {
    const [parent, other] = graph.prevOf(row)
    if (parent === undefined || other !== undefined || graph.has(parent, Flag.Missing)) continue
    const [id, above] = [graph.id(row), graph.id(parent)]
    const [next, last] = [recorded.around(id)?.before, recorded.around(above)?.after]
    // Mostly it is the same group.
    if (next === last || next === null || next === undefined) continue
    const [from, to] = [roots.after(above), roots.before(id)]
    if (from === null || to === null) continue
    const lost = lostOf(replay, {from, to, replayed: before[row] ?? UNKNOWN_STATE})
    if (lost.length < MANY) continue
    yield stepFinding(graph, view, {
      lost,
      between: `between the states after ${above} and before ${id}, which follows it`,
      evidence: [
        {source: view.server, where: `${recorded.how}: state after`, value: above},
        {source: view.server, where: `${recorded.how}: state before`, value: id},
      ],
    })
  }
}

/** From the state at the only extremity to the current one, which must be the same. */
function currentStep(replay: Replay, {view, roots}: ViewRoots): readonly Finding[] {
  const {graph, after} = replay
  const [extremity, other] = view.extremities ?? []
  const current = view.states.find(({what}) => what === 'current')
  if (extremity === undefined || other !== undefined || current === undefined || current.slots.length === 0) return []
  const row = graph.row(extremity)
  if (row < 0 || graph.has(row, Flag.Missing)) return []
  const told = view.states.find(({what, eventId}) => what === 'at-extremity' && eventId === extremity)
  const from = told === undefined ? roots.after(extremity) : roots.rootOfTold(told.slots).root
  if (from === null) return []
  const to = roots.rootOfTold(current.slots)
  const lost = lostOf(replay, {from, to: to.root, replayed: after[row] ?? UNKNOWN_STATE})
  // IDs without a slot may be the memberships that seem to lack.
  if (lost.length < MANY || to.unknown.length > 0) return []
  return [
    stepFinding(graph, view, {
      lost,
      between: `between its state at ${extremity}, its only forward extremity, and its current state`,
      evidence: [
        {source: view.server, where: told?.how ?? `${view.recorded?.how ?? ''}: state after`, value: extremity},
        {source: view.server, where: current.how, value: current.slots.length},
      ],
    }),
  ]
}

/** Member slots that are joined before the step and in the replay, and have another event or none after the step. */
function lostOf(
  {graph, trie}: Replay,
  {from, to, replayed}: {readonly from: StateRoot; readonly to: StateRoot; readonly replayed: StateRoot},
): readonly number[] {
  if (replayed === UNKNOWN_STATE) return []
  const slots: number[] = []
  trie.differences([from, to], slots)
  return slots.filter((slot) => {
    const now = trie.get(to, slot)
    return isJoined(graph, trie.get(from, slot)) && !isJoined(graph, now) && isJoined(graph, trie.get(replayed, slot))
  })
}

function isJoined(graph: RoomGraph, row: number): boolean {
  return row !== ABSENT && graph.membership[row] === Membership.Join
}

interface Step {
  readonly lost: readonly number[]
  readonly between: string
  readonly evidence: Finding['evidence']
}

function stepFinding(graph: RoomGraph, {server}: ServerView, {lost, between, evidence}: Step): Finding {
  const users = lost.map((slot) => graph.slotAt(slot).stateKey)
  return finding(
    'state/mass-leave',
    {kind: 'server', server},
    `On ${server} ${count(lost.length, 'member')} lost their membership ${between}, without a leave, kick or ban: ${list(users)}`,
    [...evidence, ...users.slice(0, 10).map((user) => ({source: 'replay', where: 'still joined', value: user}))],
    {
      remedy:
        'Nothing in the room did this: the stored state of the server is damaged. Update it and let it recalculate; if it does not, purge the room there and join again.',
    },
  )
}
