import type {RoomGraph} from '../graph/room-graph.ts'
import {type Replay, UNKNOWN_STATE} from '../resolve/replay.ts'
import {ABSENT, type StateRoot} from '../resolve/state-trie.ts'
import {RecordedRoots, type ToldRoot, ToldRows} from './recorded-roots.ts'
import type {ServerView, ToldState} from './server-view.ts'

/** One answer to "what is the state?" that is held against the replay's. */
export interface Side {
  readonly server: string
  readonly what: ToldState['what'] | 'replay'
  readonly how: string
  /** Event that the state is at; `null` for `current`. */
  readonly eventId: string | null
  /** When it was told, milliseconds since 1970; 0 where that is not known. */
  readonly ts: number
  readonly told: ToldRoot
  readonly view: ServerView
  /**
   * What the replay gives at the events up to which the server had come: what it should say, whatever came later. `null` where that is not
   * known.
   */
  readonly reached: StateRoot | null
  /** Told of all the server's forward extremities, so that its current state should be the same. */
  readonly whole: boolean
  /** A slot of which an absence means nothing (`/state_ids` can lose the one of the event itself); -1: none. */
  readonly blind: number
}

/** The states of all servers as roots of one replay's trie. */
export class Sides {
  readonly replay: Replay
  readonly rows: ToldRows
  readonly #recorded = new Map<ServerView, RecordedRoots>()

  constructor(replay: Replay) {
    this.replay = replay
    this.rows = new ToldRows(replay.graph)
  }

  recorded(view: ServerView): RecordedRoots {
    const known = this.#recorded.get(view)
    if (known !== undefined) return known
    const made = new RecordedRoots(this.replay.graph, this.replay.trie, view.recorded, this.rows)
    this.#recorded.set(view, made)
    return made
  }

  /**
   * What a server says of the room as it is now. Where it tells the state at one of several extremities, or only before an event that
   * nothing follows, what is wrong there is put into what the state should be: a branch that is not merged yet is not behind.
   *
   * @param tips - rows whose states together are the replay's state
   */
  now(view: ServerView, tips: readonly number[]): readonly Side[] {
    const {graph} = this.replay
    const {extremities} = view
    const reached = extremities === null ? null : this.#resolved(extremities)
    const [sole] = extremities?.length === 1 ? extremities : []
    const ends = extremities ?? tips.map((row) => graph.id(row))
    const isAfter = ({what, eventId}: ToldState): boolean =>
      // Admin and client API call the state at an extremity the state after it.
      what === 'at-extremity' || (what === 'after' && eventId !== null && (extremities?.includes(eventId) ?? false))
    const after = new Set(view.states.flatMap((state) => (isAfter(state) ? [state.eventId] : [])))
    return view.states.flatMap((state): readonly Side[] => {
      const {what, eventId} = state
      const told = this.recorded(view).rootOfTold(state.slots)
      const common = {...this.#side(view, state, told), whole: false}
      if (what === 'current') return [{...common, reached, whole: true}]
      if (eventId === null) return []
      if (isAfter(state) && (eventId === sole || extremities === null)) {
        return [{...common, reached: this.#resolved([eventId]), whole: eventId === sole}]
      }
      const isBefore = what === 'before' && ends.includes(eventId) && !after.has(eventId)
      if (!isAfter(state) && !isBefore) return []
      const row = graph.row(eventId)
      const should = isBefore
        ? (this.replay.before[row] ?? UNKNOWN_STATE)
        : (this.#resolved([eventId]) ?? UNKNOWN_STATE)
      const all = this.#resolved(ends)
      if (should === UNKNOWN_STATE || all === null)
        return isBefore ? [] : [{...common, reached: this.#resolved([eventId])}]
      const root = this.#transferred(told.root, should, all, isBefore ? (graph.slot[row] ?? -1) : -1)
      return [{...common, told: {...told, root}, reached: all}]
    })
  }

  /** What `should` has and `told` has not, and the reverse, put into `all`. An absence in the slot `blind` means nothing. */
  #transferred(told: StateRoot, should: StateRoot, all: StateRoot, blind: number): StateRoot {
    const {trie} = this.replay
    const wrong: number[] = []
    trie.differences([should, told], wrong)
    return wrong
      .filter((slot) => slot !== blind || trie.get(told, slot) !== ABSENT)
      .reduce((root, slot) => trie.set(root, slot, trie.get(told, slot)), all)
  }

  /** What a server says of the state before or after an event: told, or recorded in its state groups. */
  at(view: ServerView, row: number, position: 'before' | 'after'): readonly Side[] {
    const {graph} = this.replay
    const eventId = graph.id(row)
    const sides: Side[] = []
    for (const state of view.states) {
      if (state.eventId !== eventId) continue
      const told = this.recorded(view).rootOfTold(state.slots)
      const side = {...this.#side(view, state, told), reached: null, whole: false}
      const isAfter = state.what !== 'before'
      const slot = graph.slot[row] ?? -1
      if (isAfter === (position === 'after')) {
        sides.push(isAfter ? side : {...side, blind: slot})
      } else if (slot < 0) sides.push({...side, how: `${state.how}: the event is no state event and changes nothing`})
    }
    const recorded = this.recorded(view)
    const root = position === 'before' ? recorded.before(eventId) : recorded.after(eventId)
    if (root !== null && view.recorded !== null) {
      const told = {root, beside: recorded.beside(eventId, position), unknown: [], misplaced: [], twice: []}
      const state = {what: position, eventId, how: view.recorded.how, ts: 0}
      sides.push({...this.#side(view, state, told), reached: null, whole: false})
    }
    return sides
  }

  /** A state of some other replay, as a side. */
  of(view: ServerView, state: ToldState, reached: StateRoot | null): Side {
    const told = this.recorded(view).rootOfTold(state.slots)
    return {...this.#side(view, state, told), what: 'replay', reached, whole: false}
  }

  #side(
    view: ServerView,
    {what, eventId, how, ts}: Omit<ToldState, 'slots'>,
    told: ToldRoot,
  ): Omit<Side, 'reached' | 'whole'> {
    return {server: view.server, what, how, eventId, ts, told, view, blind: -1}
  }

  #resolved(eventIds: readonly string[]): StateRoot | null {
    return resolvedAt(this.replay, eventIds)
  }
}

/** The replay's state at some events together; `null` where one of them is not here or its state is not known. */
export function resolvedAt(replay: Replay, eventIds: readonly string[]): StateRoot | null {
  const roots = eventIds.map((id) => afterOf(replay, replay.graph, id))
  if (roots.length === 0 || roots.includes(UNKNOWN_STATE)) return null
  return replay.resolver.resolve(roots).root
}

function afterOf({after}: Replay, graph: RoomGraph, eventId: string): StateRoot {
  const row = graph.row(eventId)
  return row < 0 ? UNKNOWN_STATE : (after[row] ?? UNKNOWN_STATE)
}
