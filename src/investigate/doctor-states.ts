import type {Answer, Attempt, StateOf} from '../forensics/doctor/diagnose/evidence.ts'
import {askState} from '../forensics/explain/hearing-of-row.ts'
import {type NamedSlot, pduOfRow, type StateAsked} from '../forensics/explain/hearing.ts'
import type {ToldRows} from '../forensics/recorded-roots.ts'
import {type Side, Sides} from '../forensics/sides.ts'
import {Flag, Membership, slotKey} from '../graph/room-graph.ts'
import type {Replay} from '../resolve/replay.ts'
import {tipsOf} from '../resolve/tips.ts'
import {canByReplay, canByState, stateAtTips} from './explain-room.ts'
import type {OpenedRoom} from './opened-room.ts'

const WHAT: Readonly<Record<Side['what'], string>> = {
  current: 'current state',
  'at-extremity': 'state at its newest event',
  before: 'state before an event',
  after: 'state after an event',
  replay: 'replayed state',
}

/** The states of a room that can be asked: the replay's at the tips, and what each server told of the room as it is now. */
export class DoctorStates {
  readonly states: readonly StateOf[]
  readonly #opened: OpenedRoom
  readonly #replay: Replay
  readonly #told: readonly {readonly of: StateOf; readonly state: ToldState}[]

  constructor(opened: OpenedRoom, replay: Replay) {
    this.#opened = opened
    this.#replay = replay
    const sides = new Sides(replay)
    const tips = tipsOf(replay)
    this.#told = (opened.views ?? [])
      .flatMap((view) => onePerKind(sides.now(view, tips)))
      .map((side) => {
        const state = new ToldState(replay, side, sides.rows)
        return {of: {server: side.server, what: WHAT[side.what], state}, state}
      })
    const ours = {server: null, what: 'replayed state', state: askState(replay, stateAtTips(replay))}
    this.states = [ours, ...this.#told.map(({of}) => of)]
  }

  /** The replay's answer, then each server's. */
  readonly ask = (attempt: Attempt): readonly Answer[] => {
    const ours = canByReplay(this.#opened, this.#replay, attempt)
    return [
      {server: null, what: 'replayed state', explanation: ours, strangers: []},
      ...this.#told.map(({of, state}): Answer => {
        state.strangers.clear()
        const given = canByState(this.#opened, this.#replay, attempt, state)
        const strangers = [...state.strangers]
        const can =
          given.can === null || strangers.length === 0 ? given.can : {...given.can, answer: 'not-known' as const}
        return {server: of.server, what: of.what, explanation: {...given, can}, strangers}
      }),
    ]
  }
}

/** A server may have told its state at several extremities: its current state is what it goes by. */
function onePerKind(sides: readonly Side[]): readonly Side[] {
  const current = sides.filter(({what}) => what === 'current')
  return current.length > 0 ? current : sides
}

/** A state that a server told, as far as its events are here. */
class ToldState implements StateAsked {
  /** Events that stand in a slot that was asked for, and are not here. */
  readonly strangers = new Set<string>()
  readonly #replay: Replay
  readonly #side: Side

  readonly #rows: ToldRows

  constructor(replay: Replay, side: Side, rows: ToldRows) {
    this.#replay = replay
    this.#side = side
    this.#rows = rows
  }

  readonly get = ({type, stateKey}: NamedSlot) => {
    const {graph, trie} = this.#replay
    const {root, beside, unknown} = this.#side.told
    const slot = graph.slotOf(type, stateKey)
    const row = slot < 0 ? -1 : trie.get(root, slot)
    if (row >= 0 && row < graph.size && !graph.has(row, Flag.Missing)) return pduOfRow(graph, row)
    if (row >= 0) this.strangers.add(this.#rows.idOf(row))
    const other = beside.get(slotKey(type, stateKey))
    if (other !== undefined) this.strangers.add(other.eventId)
    // An event of which nobody tells the slot may stand in this one.
    if (row < 0 && other === undefined) for (const id of unknown.slice(0, 3)) this.strangers.add(id)
    return null
  }

  readonly joined = (): readonly string[] => {
    const {graph, trie} = this.#replay
    const users: string[] = []
    trie.forEach(this.#side.told.root, (_slot, row) => {
      if (row < graph.size && graph.membership[row] === Membership.Join) users.push(graph.user(graph.target[row] ?? -1))
    })
    return users
  }
}
