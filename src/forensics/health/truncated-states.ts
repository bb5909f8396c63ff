import {type Finding, finding} from '../../finding/finding.ts'
import {Flag, type RoomGraph} from '../../graph/room-graph.ts'
import {StateDigests} from '../../resolve/digest.ts'
import {type Replay, UNKNOWN_STATE} from '../../resolve/replay.ts'
import {ABSENT, type StateRoot, type StateTrie} from '../../resolve/state-trie.ts'
import type {RecordedRoots} from '../recorded-roots.ts'
import type {ServerView, ToldState} from '../server-view.ts'
import {count, list} from './evidence.ts'
import type {ViewRoots} from './server-steps.ts'

/** A state is truncated that lacks at least so many slots, and more than half of them. */
const FEW = 5

/** A state that a server told or recorded, beside the replay's at the same place. */
interface Compared {
  readonly root: StateRoot
  /** Slots told, those included that have no place in `root`. */
  readonly size: number
  /** Whether some of them may stand for any slot. */
  readonly isVague: boolean
  readonly replayed: StateRoot
  readonly where: string
  /** E.g. `state before $event`. */
  readonly at: string
  /** The event's own slot, which answers of `/state_ids` may lack rightly. */
  readonly own: number
}

interface Truncated extends Compared {
  /** Slots of the replay's state; 0 where it is not known. */
  readonly whole: number
  readonly lacking: readonly number[]
  readonly lacksCreate: boolean
  /** Less than half of what the replay has. */
  readonly isSmall: boolean
}

/**
 * States that a server told or recorded and that are a small part of what the replay has there: most slots are lacking, or the create event
 * is, which every state of a room holds. One finding for a server, with the earliest event.
 *
 * @remarks O(told slots); of recorded states one sixteenth of each that is not the same as another.
 */
export function truncatedStates(replay: Replay, views: readonly ViewRoots[]): readonly Finding[] {
  if (views.length === 0) return []
  const sizes = new StateDigests(replay.graph, replay.trie)
  return views.flatMap(({view, roots}) => {
    let first: Truncated | null = null
    let states = 0
    for (const compared of comparisons(replay, view, roots, sizes)) {
      const truncated = truncatedOf(replay, compared, sizes)
      if (truncated === null) continue
      states += 1
      first ??= truncated
    }
    return first === null ? [] : [truncatedFinding(replay.graph, view, first, states)]
  })
}

function* comparisons(
  replay: Replay,
  view: ServerView,
  roots: RecordedRoots,
  sizes: StateDigests,
): Generator<Compared> {
  const {graph} = replay
  if (view.recorded !== null) {
    const {how} = view.recorded
    for (let row = 0; row < graph.size; row += 1) {
      const id = graph.id(row)
      for (const side of ['before', 'after'] as const) {
        const root = roots[side](id)
        if (root === null || graph.has(row, Flag.Missing)) continue
        const beside = roots.beside(id, side)
        yield {
          root,
          size: sizes.size(root) + beside.size,
          isVague: false,
          replayed: replay[side][row] ?? UNKNOWN_STATE,
          where: how,
          at: `state ${side} ${id}`,
          own: -1,
        }
      }
    }
  }
  for (const state of view.states) {
    const replayed = replayedAt(replay, view, state)
    // Without members left, a server forgets its current state.
    if (state.what === 'current' && state.slots.length === 0) continue
    const {root, unknown} = roots.rootOfTold(state.slots)
    const row = state.eventId === null ? -1 : graph.row(state.eventId)
    yield {
      root,
      size: state.slots.length,
      isVague: unknown.length > 0,
      replayed,
      where: state.how,
      at:
        state.eventId === null
          ? 'current state'
          : `state ${state.what === 'before' ? 'before' : 'after'} ${state.eventId}`,
      own: state.what === 'before' && row >= 0 ? (graph.slot[row] ?? -1) : -1,
    }
  }
}

/** The replay's state that a told one answers to; unknown where the event, or an extremity, is not here. */
function replayedAt(
  {graph, before, after, resolver}: Replay,
  {extremities}: ServerView,
  {what, eventId}: ToldState,
): StateRoot {
  const rowOf = (id: string): number => {
    const row = graph.row(id)
    return row < 0 || graph.has(row, Flag.Missing | Flag.Foreign) ? -1 : row
  }
  if (what !== 'current') {
    const row = eventId === null ? -1 : rowOf(eventId)
    return (what === 'before' ? before : after)[row] ?? UNKNOWN_STATE
  }
  const roots = (extremities ?? []).map((id) => after[rowOf(id)] ?? UNKNOWN_STATE)
  return roots.length === 0 || roots.includes(UNKNOWN_STATE) ? UNKNOWN_STATE : resolver.resolve(roots).root
}

function truncatedOf({graph, trie}: Replay, compared: Compared, sizes: StateDigests): Truncated | null {
  const {root, size, isVague, replayed, own} = compared
  const {createSlot} = graph
  // Nothing comes before the create event, and after it there is always one.
  const lacksCreate =
    !isVague &&
    own !== createSlot &&
    trie.get(root, createSlot) === ABSENT &&
    (replayed === UNKNOWN_STATE ? size > 0 : trie.get(replayed, createSlot) !== ABSENT)
  const whole = replayed === UNKNOWN_STATE ? 0 : sizes.size(replayed)
  const isSmall = size * 2 < whole
  if (!lacksCreate && !isSmall) return null
  const lacking = lackingSlots(trie, replayed, root).filter((slot) => slot !== own)
  return lacksCreate || lacking.length >= FEW ? {...compared, whole, lacking, lacksCreate, isSmall} : null
}

function lackingSlots(trie: StateTrie, whole: StateRoot, part: StateRoot): readonly number[] {
  if (whole === UNKNOWN_STATE) return []
  const lacking: number[] = []
  trie.forEach(whole, (slot) => {
    if (trie.get(part, slot) === ABSENT) lacking.push(slot)
  })
  return lacking
}

function truncatedFinding(graph: RoomGraph, {server}: ServerView, first: Truncated, states: number): Finding {
  const {size, whole, lacking, lacksCreate, isSmall, at, where} = first
  const others = states === 1 ? '' : `; ${count(states - 1, 'other state')} of it as well`
  const what = lacking.length === 0 ? 'the create event, which every state holds' : namesOf(graph, lacking)
  return finding(
    'server/truncated-state',
    {kind: 'server', server},
    `Of the ${at} ${server} has ${isSmall ? 'a small part only' : 'not all'}: ${count(size, 'entry', 'entries')}${
      lacking.length === 0 ? '' : ` of ${String(whole)}`
    }; it lacks ${what}${others}`,
    [
      {source: server, where: `${where}: ${at}`, value: size},
      ...(lacking.length === 0 ? [] : [{source: 'replay', where: at, value: whole}]),
      ...lacking.slice(0, 10).map((slot) => ({source: 'replay', where: at, value: nameOf(graph, slot)})),
    ],
    lacksCreate ? {certainty: 'proof'} : {},
  )
}

/** What weighs most first: memberships are counted. */
function namesOf(graph: RoomGraph, slots: readonly number[]): string {
  const members = slots.filter((slot) => graph.slotAt(slot).type === 'm.room.member').length
  const others = slots.filter((slot) => graph.slotAt(slot).type !== 'm.room.member').map((slot) => nameOf(graph, slot))
  others.sort((a, b) => Number(HEAVY.has(b)) - Number(HEAVY.has(a)))
  return [
    ...(others.length === 0 ? [] : [list(others, 5)]),
    ...(members === 0 ? [] : [count(members, 'membership')]),
  ].join(', ')
}

const HEAVY: ReadonlySet<string> = new Set(['m.room.create', 'm.room.power_levels', 'm.room.join_rules'])

function nameOf(graph: RoomGraph, slot: number): string {
  const {type, stateKey} = graph.slotAt(slot)
  return stateKey === '' ? type : `${type} of ${stateKey}`
}
