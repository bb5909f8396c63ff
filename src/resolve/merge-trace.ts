import type {AuthChecker, Rejection} from '../auth/check.ts'
import {ROLES, selectSlots} from '../auth/view.ts'
import type {Conflict} from './conflict.ts'
import {ABSENT} from './state-trie.ts'

/** Where in an algorithm an event was looked at. */
export type Phase = 'power' | 'mainline' | 'sequence' | 'depth'

/** Where a state event that judged another one was taken from while a merge was resolved. */
export type ViewOrigin = 'resolved' | 'agreed' | 'own'

/** One event before the judges of a merge. */
export interface TraceStep {
  readonly row: number
  readonly slot: number
  readonly phase: Phase
  /** `skipped`: rejected on receipt, of another room, or no state event. */
  readonly outcome: 'passed' | 'failed' | 'skipped'
  /** Why it failed. */
  readonly rejection: Rejection | null
  /** Rows by role, or -1; empty where it was skipped. */
  readonly view: Int32Array
  /** By role, where the view's event came from; `null` where there is none. */
  readonly origins: readonly (ViewOrigin | null)[]
}

/** How one merge came out, and what if something had been different. */
export interface MergeTrace {
  readonly steps: readonly TraceStep[]
  /** The full conflicted set, or the candidates in version 1. */
  readonly full: readonly number[]
  /** Power levels that the mainline was taken from, or `ABSENT`. */
  readonly mainlineTop: number
}

/** Changes to a merge, to see what its result depends on. */
export interface WhatIf {
  /** Slots that are always taken from an event's own auth events when it is judged. */
  readonly fromOwn?: ReadonlySet<number>
  /** Events added to the full conflicted set. */
  readonly extra?: readonly number[]
}

/** Writes down what a merge does. One object a traced merge. */
export class MergeRecorder implements MergeTrace {
  readonly steps: TraceStep[] = []
  full: readonly number[] = []
  mainlineTop = ABSENT
  readonly #slots = new Int32Array(ROLES)

  /**
   * Judges an event as the merge does, and writes down why; the checker's view is as the merge filled it, and stays so.
   *
   * @param held - slot for which version 1 put the last of the sequence that passed into the view; -1: none
   */
  judged(conflict: Conflict, checker: AuthChecker, row: number, phase: Phase, held = -1): void {
    const {graph} = conflict
    const view = checker.judgement.view.slice()
    const passed = checker.passesState(row)
    const rejection = passed ? null : checker.rejection('before')
    selectSlots(graph, row, this.#slots)
    const origins = Array.from(view, (event, role): ViewOrigin | null => {
      const slot = this.#slots[role] ?? -1
      if (event === ABSENT || slot < 0) return null
      if (slot === held || conflict.resolved(slot) === event) return 'resolved'
      return conflict.agreed(slot) === event ? 'agreed' : 'own'
    })
    const outcome = passed ? 'passed' : 'failed'
    this.steps.push({row, slot: graph.slot[row] ?? -1, phase, outcome, rejection, view, origins})
  }

  skipped(conflict: Conflict, row: number, phase: Phase): void {
    const slot = conflict.graph.slot[row] ?? -1
    this.steps.push({row, slot, phase, outcome: 'skipped', rejection: null, view: new Int32Array(), origins: []})
  }
}
