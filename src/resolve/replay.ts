import type {Rejection} from '../auth/check.ts'
import {implyCreate, MESSAGE_ROLES, Role, ROLES, selectSlots, viewOfOwn} from '../auth/view.ts'
import {FIXED_TYPES, Flag, type RoomGraph, Type} from '../graph/room-graph.ts'
import type {StateRes} from '../matrix/room-version.ts'
import type {Reading} from './auth-difference.ts'
import {Resolver} from './resolver.ts'
import {EMPTY_STATE, type StateRoot, type StateTrie} from './state-trie.ts'

/** Verdict on an event, as a number. */
export const Verdict = {Undetermined: 0, Accepted: 1, Rejected: 2} as const
export type VerdictCode = (typeof Verdict)[keyof typeof Verdict]
export const VERDICT_NAMES = ['undetermined', 'accepted', 'rejected'] as const

/** A state that can't be known, because something that it depends on is missing. */
export const UNKNOWN_STATE: StateRoot = -1

export interface ReplayOptions {
  readonly reading?: Reading
  readonly algorithm?: StateRes
  /** Rows of events that count as rejected when they came: they keep their place in the DAG. What cannot be judged stays so. */
  readonly without?: ReadonlySet<number>
}

/** The rule that stands for the assumption in `ReplayOptions.without`. */
export const WITHOUT_RULE = 'what-if:without'

/** The state before and after every event of a room, and the verdict on it. Rows are those of the graph. */
export interface Replay {
  readonly graph: RoomGraph
  readonly reading: Reading
  readonly trie: StateTrie
  readonly resolver: Resolver
  /** `VerdictCode` of each row. Events that are only cited, or of another room, are undetermined. */
  readonly verdicts: Uint8Array
  /** Roots in `trie`, or `UNKNOWN_STATE`. */
  readonly before: Int32Array
  readonly after: Int32Array
  readonly rejections: ReadonlyMap<number, Rejection>
  /** Rows of events with more than one prev event, with the number of slots in which the merged states differed. */
  readonly merges: ReadonlyMap<number, number>
}

/**
 * Replays a room: judges each event and computes the state before and after it, from the events alone.
 *
 * What depends on an event that is missing is undetermined, never guessed: an event whose prev or auth events are not all here is only
 * rejected when what is here proves it.
 *
 * @remarks Costs what the events change: O(log slots) for most, the full conflicted set for a merge of states that differ.
 */
export function replay(graph: RoomGraph, options: ReplayOptions = {}): Replay {
  return new Replayer(graph, options).run()
}

class Replayer {
  readonly #graph: RoomGraph
  readonly #resolver: Resolver
  readonly #verdicts: Uint8Array
  readonly #before: Int32Array
  readonly #after: Int32Array
  readonly #rejections = new Map<number, Rejection>()
  readonly #merges = new Map<number, number>()
  readonly #without: ReadonlySet<number> | null
  readonly #slots = new Int32Array(ROLES)
  /** By user: membership, power levels, type and create event of the last plain event that was accepted; rows plus 1. */
  readonly #plainAccepted: Int32Array
  #plainState: StateRoot = UNKNOWN_STATE
  #plainPower = -1
  #plainCreate = -1

  constructor(graph: RoomGraph, options: ReplayOptions) {
    const {without = NONE, ...resolving} = options
    this.#graph = graph
    this.#without = without.size === 0 ? null : without
    this.#verdicts = new Uint8Array(graph.size)
    this.#plainAccepted = new Int32Array(graph.columns.users.size * PLAIN_WIDTH)
    this.#before = new Int32Array(graph.size).fill(UNKNOWN_STATE)
    this.#after = new Int32Array(graph.size).fill(UNKNOWN_STATE)
    this.#resolver = new Resolver(graph, {
      ...resolving,
      isRejected: (row) => this.#verdicts[row] === Verdict.Rejected,
    })
  }

  run(): Replay {
    const graph = this.#graph
    const trie = this.#resolver.trie
    for (let row = 0; row < graph.size; row += 1) {
      if (graph.has(row, Flag.Missing | Flag.Foreign | Flag.Cyclic | Flag.Ambiguous)) continue
      const before = this.#stateBefore(row)
      this.#before[row] = before
      let verdict = this.#judge(row, before)
      if (this.#without?.has(row) === true) verdict = this.#leaveOut(row)
      this.#verdicts[row] = verdict
      const slot = graph.slot[row] ?? -1
      // Messages change no state whatever the verdict is; a state event of unknown verdict leaves it unknown.
      if (slot < 0 || verdict === Verdict.Rejected || before === UNKNOWN_STATE) this.#after[row] = before
      else if (verdict === Verdict.Accepted) this.#after[row] = trie.set(before, slot, row)
    }
    return {
      graph,
      reading: this.#resolver.reading,
      trie,
      resolver: this.#resolver,
      verdicts: this.#verdicts,
      before: this.#before,
      after: this.#after,
      rejections: this.#rejections,
      merges: this.#merges,
    }
  }

  #stateBefore(row: number): StateRoot {
    const {starts, edges} = this.#graph.prev
    const start = starts[row] ?? 0
    const end = starts[row + 1] ?? 0
    if (end === start) return EMPTY_STATE
    const first = this.#after[edges[start] ?? 0] ?? UNKNOWN_STATE
    if (end - start === 1) return first
    let same = true
    for (let k = start; k < end; k += 1) {
      const root = this.#after[edges[k] ?? 0] ?? UNKNOWN_STATE
      if (root === UNKNOWN_STATE) return UNKNOWN_STATE
      if (root !== first) same = false
    }
    if (same) {
      this.#merges.set(row, 0)
      return first
    }
    const roots: StateRoot[] = []
    for (let k = start; k < end; k += 1) roots.push(this.#after[edges[k] ?? 0] ?? UNKNOWN_STATE)
    const {root, conflicts} = this.#resolver.resolve(roots, row)
    this.#merges.set(row, conflicts)
    return root
  }

  #judge(row: number, before: StateRoot): VerdictCode {
    const graph = this.#graph
    const fault = graph.columns.faults.get(row)
    if (fault !== undefined) {
      const rule = `format:${fault.what}`
      this.#rejections.set(row, {rule, name: rule, because: fault.message, culprit: null})
      return Verdict.Rejected
    }
    if (before !== UNKNOWN_STATE && this.#isPlain(row) && this.#acceptsPlain(row, before)) return Verdict.Accepted
    selectSlots(graph, row, this.#slots)
    if (before !== UNKNOWN_STATE && this.#citesWhatStateGives(row, before)) {
      // Both checks would look at the same events: one answers for both.
      return this.#resolver.checker.passesState(row) ? Verdict.Accepted : this.#reject(row, 'auth')
    }
    return this.#judgeTwice(row, before)
  }

  /** Whether nothing but the create event, the power levels and the sender's membership can decide on the event, and not its content. */
  #isPlain(row: number): boolean {
    return (this.#graph.slot[row] ?? -1) < 0 && (this.#graph.type[row] ?? 0) >= FIXED_TYPES.length
  }

  /**
   * The short way for messages, which are nearly all of a room: accepted when they cite exactly the three events that the state gives, and
   * the sender's last message of this type was accepted by the same three. Anything else goes the long way.
   */
  #acceptsPlain(row: number, before: StateRoot): boolean {
    const graph = this.#graph
    const {trie} = this.#resolver
    if (before !== this.#plainState) {
      this.#plainState = before
      this.#plainPower = trie.get(before, graph.powerSlot)
      this.#plainCreate = graph.rules.roomIdIsCreateHash ? UNKNOWN_STATE : trie.get(before, graph.createSlot)
    }
    const user = graph.sender[row] ?? 0
    const member = trie.get(before, graph.memberSlot[user] ?? -1)
    const power = this.#plainPower
    const create = this.#plainCreate
    if (member < 0 || !citesExactly(graph, row, member, power, create)) return false
    const type = graph.type[row] ?? 0
    const last = user * PLAIN_WIDTH
    const seen = this.#plainAccepted
    if (
      seen[last] === member + 1 &&
      seen[last + 1] === power + 1 &&
      seen[last + 2] === type &&
      seen[last + 3] === create + 1
    )
      return true
    if (this.#verdicts[graph.create] !== Verdict.Accepted) return false
    const {checker} = this.#resolver
    const {view} = checker.judgement
    view.fill(-1)
    view[Role.Create] = create
    view[Role.Power] = power
    view[Role.Sender] = member
    implyCreate(graph, view)
    if (view[Role.Create] === -1 || !checker.passesState(row)) return false
    seen[last] = member + 1
    seen[last + 1] = power + 1
    seen[last + 2] = type
    seen[last + 3] = create + 1
    return true
  }

  /**
   * Fills the view from the state before the event. Returns whether its auth events are exactly what the selection gives from that
   * state, create event included: then the rules on auth events are satisfied, since a state holds accepted events only.
   */
  #citesWhatStateGives(row: number, before: StateRoot): boolean {
    const graph = this.#graph
    const distinct = this.#viewOfState(before)
    const {view} = this.#resolver.checker.judgement
    if (view[Role.Create] === -1 || graph.type[row] === Type.Create) return false
    if (graph.rules.roomIdIsCreateHash && this.#verdicts[graph.create] !== Verdict.Accepted) return false
    if (graph.has(row, Flag.AuthoriserUnsigned | Flag.TokenUnreadable)) return false
    const {starts, edges} = graph.auth
    const start = starts[row] ?? 0
    const end = starts[row + 1] ?? 0
    if (end - start !== distinct) return false
    const roles = graph.type[row] === Type.Member ? ROLES : MESSAGE_ROLES
    for (let role = 0; role < roles; role += 1) {
      const event = view[role] ?? -1
      if (event < 0 || (role === Role.Create && graph.rules.roomIdIsCreateHash)) continue
      let cited = false
      for (let k = start; k < end; k += 1) if (edges[k] === event) cited = true
      if (!cited) return false
    }
    return true
  }

  /** Fills the view from a state by the selected slots; returns how many events that are, the implied create event not counted. */
  #viewOfState(root: StateRoot): number {
    const {trie, checker} = this.#resolver
    const {view} = checker.judgement
    const slots = this.#slots
    let distinct = 0
    for (let role = 0; role < ROLES; role += 1) {
      const slot = slots[role] ?? -1
      const event = slot < 0 ? -1 : trie.get(root, slot)
      let known = event < 0
      for (let other = 0; other < role; other += 1) if (view[other] === event) known = true
      view[role] = event
      if (!known) distinct += 1
    }
    implyCreate(this.#graph, view)
    return distinct
  }

  /** First against the event's own auth events, then against the state before it. */
  #judgeTwice(row: number, before: StateRoot): VerdictCode {
    const graph = this.#graph
    const {checker} = this.#resolver
    const {view} = checker.judgement
    viewOfOwn(graph, row, this.#slots, view)
    if (graph.type[row] === Type.Create || this.#knowsAuthEvents(row)) {
      if (!checker.passesOwn(row)) return this.#reject(row, 'auth')
    } else return checker.provesDuplicate(row) ? this.#reject(row, 'auth') : Verdict.Undetermined
    if (before === UNKNOWN_STATE) return Verdict.Undetermined
    if (graph.type[row] === Type.Create) return Verdict.Accepted
    this.#viewOfState(before)
    return checker.passesState(row) ? Verdict.Accepted : this.#reject(row, 'before')
  }

  /** Whether every auth event is here and has a verdict, or needs none because it is of another room. */
  #knowsAuthEvents(row: number): boolean {
    const graph = this.#graph
    const {starts, edges} = graph.auth
    for (let k = starts[row] ?? 0, end = starts[row + 1] ?? 0; k < end; k += 1) {
      const event = edges[k] ?? 0
      if (
        this.#verdicts[event] === Verdict.Undetermined &&
        !(graph.has(event, Flag.Foreign) && !graph.has(event, Flag.Missing))
      ) {
        return false
      }
    }
    return true
  }

  /** What is rejected anyway keeps its own reason. */
  #leaveOut(row: number): VerdictCode {
    if (!this.#rejections.has(row)) {
      this.#rejections.set(row, {rule: WITHOUT_RULE, name: WITHOUT_RULE, because: 'it is left out', culprit: null})
    }
    return Verdict.Rejected
  }

  #reject(row: number, stage: 'auth' | 'before'): VerdictCode {
    this.#rejections.set(row, this.#resolver.checker.rejection(stage))
    return Verdict.Rejected
  }
}

const PLAIN_WIDTH = 4
const NONE: ReadonlySet<number> = new Set()

/** Whether the auth events are these, each once, in any order. Negative ones are not there to be cited. */
function citesExactly(graph: RoomGraph, row: number, member: number, power: number, create: number): boolean {
  const {starts, edges} = graph.auth
  const start = starts[row] ?? 0
  const end = starts[row + 1] ?? 0
  if (end - start !== 1 + Number(power >= 0) + Number(create >= 0)) return false
  let found = 0
  for (let k = start; k < end; k += 1) {
    const event = edges[k]
    if (event === member) found |= 1
    else if (event === power) found |= 2
    else if (event === create) found |= 4
    else return false
  }
  return found === 1 + (power >= 0 ? 2 : 0) + (create >= 0 ? 4 : 0)
}
