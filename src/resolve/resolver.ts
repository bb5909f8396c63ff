import {AuthChecker} from '../auth/check.ts'
import type {IsRejected} from '../auth/judgement.ts'
import type {RoomGraph} from '../graph/room-graph.ts'
import type {PowerLevel} from '../matrix/power-levels.ts'
import type {StateRes} from '../matrix/room-version.ts'
import {AuthDifference, type Reading} from './auth-difference.ts'
import {Conflict} from './conflict.ts'
import {Mainline} from './mainline.ts'
import {MergeRecorder, type MergeTrace, type WhatIf} from './merge-trace.ts'
import {PowerOrder} from './power-order.ts'
import {resolveV1} from './resolve-v1.ts'
import {resolveV2, type V2Tools} from './resolve-v2.ts'
import {RowSet} from './row-set.ts'
import {EMPTY_STATE, type StateRoot, StateTrie} from './state-trie.ts'

export interface ResolverOptions {
  /** @defaultValue `synapse` */
  readonly reading?: Reading
  /** @defaultValue the one of the room's version */
  readonly algorithm?: StateRes
  readonly isRejected: IsRejected
  /** To share the states of another resolver of the same graph. */
  readonly trie?: StateTrie
}

/** What happened at one merge. */
export interface MergeResult {
  readonly root: StateRoot
  /** Slots in which the merged states differed; 0 when there was nothing to resolve. */
  readonly conflicts: number
}

/** A merge step by step. */
export interface TracedMerge extends MergeTrace {
  readonly root: StateRoot
  /** Slots in which the merged states differed. */
  readonly slots: readonly number[]
}

/** Resolves states of one room. Merges of the same states are resolved once. */
export class Resolver {
  readonly trie: StateTrie
  readonly checker: AuthChecker
  readonly algorithm: StateRes
  readonly reading: Reading
  readonly #conflict: Conflict
  readonly #tools: V2Tools
  readonly #known = new Map<string | number, MergeResult>()

  constructor(graph: RoomGraph, options: ResolverOptions) {
    this.reading = options.reading ?? 'synapse'
    this.algorithm = options.algorithm ?? graph.rules.stateRes
    this.trie = options.trie ?? new StateTrie(graph.slots.length)
    this.checker = new AuthChecker(graph, options.isRejected)
    this.#conflict = new Conflict(graph, this.trie)
    this.#tools = {
      checker: this.checker,
      difference: new AuthDifference(graph),
      mainline: new Mainline(graph),
      power: new PowerOrder(this.checker.judgement),
      full: new RowSet(graph.size),
      scratch: new RowSet(graph.size),
      reading: this.reading,
      v21: this.algorithm === 'v2.1',
      recorder: null,
      whatIf: {},
    }
  }

  /**
   * The state that results from merging states: all at once, since resolution is not associative.
   *
   * @param roots - in any order, duplicates allowed; none give the empty state
   * @param limit - row that the states are before: they hold events of smaller rows only
   */
  resolve(roots: readonly StateRoot[], limit = Infinity): MergeResult {
    const distinct = distinctSorted(roots)
    const first = distinct[0] ?? EMPTY_STATE
    if (distinct.length < 2) return {root: first, conflicts: 0}
    const key = distinct.length === 2 ? pairKey(first, distinct[1] ?? first) : distinct.join(',')
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const conflict = this.#conflict
    conflict.begin(distinct, limit)
    const conflicts = conflict.slots.length
    const result = {root: conflicts === 0 ? first : this.#run(), conflicts}
    this.#known.set(key, result)
    return result
  }

  /**
   * Resolves again, writing down each step, and as if something had been different.
   *
   * @remarks Costs a merge and its reasons; nothing of it is remembered.
   */
  trace(roots: readonly StateRoot[], whatIf: WhatIf = {}, limit = Infinity): TracedMerge {
    const distinct = distinctSorted(roots)
    const recorder = new MergeRecorder()
    const conflict = this.#conflict
    conflict.begin(distinct, limit)
    this.#tools.recorder = recorder
    this.#tools.whatIf = whatIf
    try {
      const root = conflict.slots.length === 0 ? (distinct[0] ?? EMPTY_STATE) : this.#run(recorder)
      return {
        root,
        slots: conflict.slots.slice(),
        steps: recorder.steps,
        full: recorder.full,
        mainlineTop: recorder.mainlineTop,
      }
    } finally {
      this.#tools.recorder = null
      this.#tools.whatIf = {}
    }
  }

  /** Power of an event's sender by the event's own auth events, as the power ordering of v2 has it. */
  senderPower(row: number): PowerLevel {
    return this.#tools.power.powerOf(row)
  }

  #run(recorder: MergeRecorder | null = null): StateRoot {
    return this.algorithm === 'v1'
      ? resolveV1(this.#conflict, this.checker, recorder)
      : resolveV2(this.#conflict, this.#tools)
  }
}

function distinctSorted(roots: readonly StateRoot[]): readonly StateRoot[] {
  const distinct: StateRoot[] = []
  for (const root of roots) if (!distinct.includes(root)) distinct.push(root)
  return distinct.length === 2 && (distinct[0] ?? 0) < (distinct[1] ?? 0) ? distinct : distinct.sort((a, b) => a - b)
}

/** One number for two, where they are small enough for that to be exact. */
function pairKey(a: StateRoot, b: StateRoot): string | number {
  return b < PAIR_BASE ? a * PAIR_BASE + b : `${String(a)},${String(b)}`
}
const PAIR_BASE = 2 ** 26
