import {hash} from 'node:crypto'
import type {AuthChecker} from '../auth/check.ts'
import {implyCreate, ROLES, selectSlots} from '../auth/view.ts'
import {type RoomGraph, Type} from '../graph/room-graph.ts'
import type {Conflict} from './conflict.ts'
import type {MergeRecorder, Phase} from './merge-trace.ts'
import {ABSENT, type StateRoot} from './state-trie.ts'

interface Judges {
  readonly conflict: Conflict
  readonly checker: AuthChecker
  readonly recorder: MergeRecorder | null
}

interface Dispute {
  readonly slot: number
  /** Distinct events, at least two. */
  readonly candidates: readonly number[]
}

/**
 * State resolution of room version 1. A slot that some states lack is no conflict; the others' event is taken.
 *
 * @param conflict - a merge that was begun
 * @see https://spec.matrix.org/v1.19/rooms/v1/#state-resolution
 */
export function resolveV1(conflict: Conflict, checker: AuthChecker, recorder: MergeRecorder | null = null): StateRoot {
  const disputes = agreeWhereOnlyOne(conflict)
  if (recorder !== null) recorder.full = disputes.flatMap(({candidates}) => candidates)
  const judges: Judges = {conflict, checker, recorder}
  const {graph} = conflict
  const typeOf = (dispute: Dispute): number => graph.type[dispute.candidates[0] ?? 0] ?? -1
  const isPower = ({slot}: Dispute): boolean => slot === graph.powerSlot
  const groups = [
    disputes.filter(isPower),
    disputes.filter((dispute) => typeOf(dispute) === Type.JoinRules),
    disputes.filter((dispute) => typeOf(dispute) === Type.Member),
  ]
  for (const group of groups) {
    // Within a group nobody sees another slot's winner: winners are put in place after the whole group.
    const winners = group.map((dispute) => bySequence(judges, dispute))
    group.forEach(({slot}, index) => {
      conflict.resolve(slot, winners[index] ?? ABSENT)
    })
  }
  const done = new Set(groups.flat())
  const rest = disputes.filter((dispute) => !done.has(dispute))
  const winners = rest.map((dispute) => byDepth(judges, dispute))
  rest.forEach(({slot}, index) => {
    conflict.resolve(slot, winners[index] ?? ABSENT)
  })
  return conflict.result()
}

function agreeWhereOnlyOne(conflict: Conflict): readonly Dispute[] {
  const disputes: Dispute[] = []
  conflict.slots.forEach((slot, index) => {
    const candidates = conflict.candidates(index)
    if (candidates.length === 1) conflict.resolve(slot, candidates[0] ?? ABSENT)
    else disputes.push({slot, candidates})
  })
  return disputes
}

/** Shallowest first; among equals the greatest SHA-1 of the ID first. */
function byDepthAscending(graph: RoomGraph, candidates: readonly number[]): readonly number[] {
  const ranked = candidates.map((row) => ({row, depth: graph.depth(row), sha1: hash('sha1', graph.id(row), 'hex')}))
  ranked.sort((a, b) => (a.depth < b.depth ? -1 : a.depth > b.depth ? 1 : a.sha1 < b.sha1 ? 1 : -1))
  return ranked.map(({row}) => row)
}

/** The first is taken as it is; each next one replaces it if the state with it allows that; the first that fails ends it. */
function bySequence(judges: Judges, {slot, candidates}: Dispute): number {
  const [first = ABSENT, ...others] = byDepthAscending(judges.conflict.graph, candidates)
  let current = first
  for (const next of others) {
    if (!passes(judges, next, slot, current, 'sequence')) break
    current = next
  }
  return current
}

/** The deepest that the state allows; if it allows none, the shallowest (the spec is silent; Synapse and gomatrixserverlib). */
function byDepth(judges: Judges, {candidates}: Dispute): number {
  const ascending = byDepthAscending(judges.conflict.graph, candidates)
  return ascending.findLast((row) => passes(judges, row, ABSENT, ABSENT, 'depth')) ?? ascending[0] ?? ABSENT
}

const slots = new Int32Array(ROLES)

/** Checks against what is agreed or resolved so far, with `current` standing in `slot`. */
function passes(
  {conflict, checker, recorder}: Judges,
  row: number,
  slot: number,
  current: number,
  phase: Phase,
): boolean {
  const {view} = checker.judgement
  selectSlots(conflict.graph, row, slots)
  for (let role = 0; role < ROLES; role += 1) {
    const wanted = slots[role] ?? -1
    if (wanted < 0) view[role] = ABSENT
    else if (wanted === slot) view[role] = current
    else view[role] = conflict.isDifferent(wanted) ? conflict.resolved(wanted) : conflict.agreed(wanted)
  }
  implyCreate(conflict.graph, view)
  recorder?.judged(conflict, checker, row, phase, slot)
  return checker.passesMerge(row)
}
