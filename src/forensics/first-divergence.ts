import {type Replay, UNKNOWN_STATE, Verdict} from '../resolve/replay.ts'
import type {StateRoot} from '../resolve/state-trie.ts'
import type {RecordedRoots} from './recorded-roots.ts'
import type {ServerView} from './server-view.ts'

/**
 * How a recorded state came about. `rejected-there`: it is what follows from the server having rejected the event. `does-not-follow`: it
 * is not what the server's own states of the prev events give: it was changed, or came from another server. `follows`: it is, so that the
 * inputs were wrong. `unknown`: too little is recorded to tell.
 */
export type Origin = 'rejected-there' | 'accepted-there' | 'does-not-follow' | 'follows' | 'unknown'

/** The earliest event at which what a server recorded is not what the replay gives. */
export interface FirstDivergence {
  readonly row: number
  readonly position: 'before' | 'after'
  /** Slots that differ there. */
  readonly slots: readonly number[]
  /** It holds slots that no event of the room has. */
  readonly strange: boolean
  /** The states after all prev events were compared, too, and agree. */
  readonly proven: boolean
  readonly origin: Origin
}

export interface Scan {
  readonly first: FirstDivergence | null
  /** Events whose recorded states were compared, up to the first that differs. */
  readonly compared: number
}

/**
 * Compares all states that a server recorded with the replay's, event after event, each after its prev events, until one differs.
 *
 * @param otherReading - the replay in the other reading, or `null` where it cannot differ: what differs in the reading only is passed over
 * @remarks Two look-ups an event, and the changes of each state group once.
 */
export function scanRecorded(
  replay: Replay,
  recorded: RecordedRoots,
  view: ServerView,
  otherReading: () => Replay | null,
): Scan {
  return new Scanner(replay, recorded, view, otherReading).run()
}

class Scanner {
  readonly #replay: Replay
  readonly #recorded: RecordedRoots
  readonly #view: ServerView
  readonly #otherReading: () => Replay | null
  /** By row: the recorded state after it was compared. */
  readonly #agrees: Uint8Array

  constructor(replay: Replay, recorded: RecordedRoots, view: ServerView, otherReading: () => Replay | null) {
    this.#replay = replay
    this.#recorded = recorded
    this.#view = view
    this.#otherReading = otherReading
    this.#agrees = new Uint8Array(replay.graph.size)
  }

  run(): Scan {
    const {graph, before, after} = this.#replay
    const around = this.#view.recorded?.around
    if (around === undefined) return {first: null, compared: 0}
    let compared = 0
    for (let row = 0; row < graph.size; row += 1) {
      const [ours, oursAfter] = [before[row] ?? UNKNOWN_STATE, after[row] ?? UNKNOWN_STATE]
      if (ours === UNKNOWN_STATE && oursAfter === UNKNOWN_STATE) continue
      const groups = around(graph.id(row))
      if (groups === undefined) continue
      const first =
        this.#compare(row, 'before', groups.before, ours) ?? this.#compare(row, 'after', groups.after, oursAfter)
      compared += 1
      if (first !== null) return {first, compared}
    }
    return {first: null, compared}
  }

  #compare(row: number, position: 'before' | 'after', group: number | null, ours: StateRoot): FirstDivergence | null {
    if (group === null || ours === UNKNOWN_STATE) return null
    const {trie} = this.#replay
    const recorded = this.#recorded
    const theirs = recorded.rootOfGroup(group, ours)
    if (theirs === null) return null
    const slots: number[] = []
    let strange = false
    if (theirs.root !== ours) {
      trie.differences([ours, theirs.root], slots)
      if (slots.length === 0) recorded.adoptForGroup(group, ours)
    }
    if (theirs.beside.size > 0) strange = true
    if ((slots.length === 0 && !strange) || this.#isReading(row, position, theirs.root, slots, strange)) {
      if (position === 'after') this.#agrees[row] = 1
      return null
    }
    const origin = this.#originOf(row, position, theirs.root)
    const prev = this.#replay.graph.prevOf(row)
    return {row, position, slots, strange, proven: prev.every((parent) => this.#agrees[parent] === 1), origin}
  }

  #isReading(
    row: number,
    position: 'before' | 'after',
    theirs: StateRoot,
    slots: readonly number[],
    strange: boolean,
  ): boolean {
    if (strange) return false
    const other = this.#otherReading()
    const root = other?.[position][row] ?? UNKNOWN_STATE
    if (other === null || root === UNKNOWN_STATE) return false
    return slots.every((slot) => other.trie.get(root, slot) === this.#replay.trie.get(theirs, slot))
  }

  #originOf(row: number, position: 'before' | 'after', theirs: StateRoot): Origin {
    const {graph, trie, resolver, verdicts} = this.#replay
    const id = graph.id(row)
    const inputs = this.#inputs(row)
    const before = position === 'before' ? null : this.#recorded.before(id)
    const from = before ?? (inputs === null ? null : resolver.resolve(inputs, row).root)
    if (from === null) return 'unknown'
    const slot = graph.slot[row] ?? -1
    const same = (root: StateRoot): boolean => {
      const found: number[] = []
      trie.differences([root, theirs], found)
      return found.length === 0
    }
    if (position === 'before') return same(from) ? 'follows' : 'does-not-follow'
    const accepted = slot < 0 ? from : trie.set(from, slot, row)
    const marks = this.#view.marks.get(id)
    if (same(accepted)) return verdicts[row] === Verdict.Rejected ? 'accepted-there' : 'follows'
    if (same(from) && typeof marks?.rejected === 'string') return 'rejected-there'
    return 'does-not-follow'
  }

  /** The recorded states after the prev events; `null` where one is not known, or holds what cannot be resolved. */
  #inputs(row: number): readonly StateRoot[] | null {
    const {graph, trie} = this.#replay
    const roots: StateRoot[] = []
    for (const parent of graph.prevOf(row)) {
      const root = this.#recorded.after(graph.id(parent))
      if (root === null) return null
      const strangers: number[] = []
      trie.forEach(root, (_, event) => {
        if (!this.#recorded.rows.isHere(event)) strangers.push(event)
      })
      if (strangers.length > 0) return null
      roots.push(root)
    }
    return roots
  }
}
