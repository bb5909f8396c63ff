import type {AuthChecker} from '../auth/check.ts'
import type {Judgement} from '../auth/judgement.ts'
import {implyCreate, ROLES, selectSlots} from '../auth/view.ts'
import {Flag, type RoomGraph} from '../graph/room-graph.ts'
import type {Adjacency} from '../graph/topological-order.ts'
import type {AuthDifference, Reading} from './auth-difference.ts'
import type {Conflict} from './conflict.ts'
import type {Mainline} from './mainline.ts'
import type {MergeRecorder, Phase, WhatIf} from './merge-trace.ts'
import {authEventIn, type PowerOrder} from './power-order.ts'
import type {RowSet} from './row-set.ts'
import {ABSENT, type StateRoot} from './state-trie.ts'

/** What the algorithm works with, made once for a graph. */
export interface V2Tools {
  readonly checker: AuthChecker
  readonly difference: AuthDifference
  readonly mainline: Mainline
  readonly power: PowerOrder
  /** The full conflicted set of the merge at hand. */
  readonly full: RowSet
  readonly scratch: RowSet
  readonly reading: Reading
  /** MSC4297: replay the conflicted subgraph, too, and start from nothing. */
  readonly v21: boolean
  /** Set while a merge is traced. */
  recorder: MergeRecorder | null
  whatIf: WhatIf
}

/**
 * State resolution of room versions 2 to 11 (v2) and 12 (v2.1).
 *
 * @param conflict - a merge that was begun
 * @see https://spec.matrix.org/v1.19/rooms/v2/#algorithm, https://spec.matrix.org/v1.19/rooms/v12/#state-resolution
 * @remarks Costs what the full conflicted set costs, whatever the size of the states.
 */
export function resolveV2(conflict: Conflict, tools: V2Tools): StateRoot {
  const {full} = tools
  full.clear()
  for (const event of conflict.values) if (event !== ABSENT) full.add(event)
  if (tools.v21) addConflictedSubgraph(conflict.graph, full, tools.scratch)
  tools.difference.addTo(full, conflict, tools.reading)
  for (const event of tools.whatIf.extra ?? []) full.add(event)
  if (tools.recorder !== null) tools.recorder.full = full.rows.slice()
  const power = tools.power.sort(full, tools.reading)
  applyInOrder(conflict, tools, power, 'power')
  const rest = power.length === 0 ? full.rows : except(full.rows, power, tools.scratch)
  if (rest.length > 0) {
    const levels = inState(conflict, tools.v21, conflict.graph.powerSlot)
    if (tools.recorder !== null) tools.recorder.mainlineTop = levels
    applyInOrder(conflict, tools, tools.mainline.sort(rest, levels), 'mainline')
  }
  return conflict.result()
}

function except(rows: readonly number[], gone: readonly number[], scratch: RowSet): readonly number[] {
  if (gone.length === rows.length) return []
  scratch.clear()
  for (const row of gone) scratch.add(row)
  return rows.filter((row) => !scratch.has(row))
}

/**
 * Adds the events on a path of auth events from one conflicted event to another.
 *
 * @param full - the conflicted events
 * @see https://spec.matrix.org/v1.19/rooms/v12/#state-resolution "Conflicted state subgraph"
 */
function addConflictedSubgraph(graph: RoomGraph, full: RowSet, scratch: RowSet): void {
  const {starts, edges} = graph.auth
  let oldest = Infinity
  scratch.clear()
  for (const row of full.rows) {
    scratch.add(row)
    if (row < oldest) oldest = row
  }
  const behind = scratch.rows
  // The list grows while it is walked. Rows are in topological order: below the oldest there is nothing conflicted.
  for (const row of behind) {
    for (let k = starts[row] ?? 0, end = starts[row + 1] ?? 0; k < end; k += 1) {
      const parent = edges[k] ?? 0
      if (parent >= oldest) scratch.add(parent)
    }
  }
  for (const row of behind.slice().sort((a, b) => a - b)) if (citesOne(graph.auth, row, full)) full.add(row)
}

function citesOne({starts, edges}: Adjacency, row: number, rows: RowSet): boolean {
  for (let k = starts[row] ?? 0, end = starts[row + 1] ?? 0; k < end; k += 1) if (rows.has(edges[k] ?? 0)) return true
  return false
}

/** What the resolved state holds at this point: what was resolved, else (in v2) what all states agree on. */
function inState(conflict: Conflict, fromNothing: boolean, slot: number): number {
  const resolved = conflict.resolved(slot)
  return resolved !== ABSENT || fromNothing ? resolved : conflict.agreed(slot)
}

const slots = new Int32Array(ROLES)

/**
 * The iterative auth checks: each event that passes goes into the resolved state. What the state lacks is taken from the event's own
 * auth events, unless they were rejected. An event that was rejected on receipt never comes in (Synapse).
 *
 * @see https://spec.matrix.org/v1.19/rooms/v2/#definitions "Iterative auth checks"
 */
function applyInOrder(conflict: Conflict, tools: V2Tools, rows: readonly number[], phase: Phase): void {
  const {graph} = conflict
  const {checker, recorder, whatIf} = tools
  const {judgement} = checker
  const {view} = judgement
  for (const row of rows) {
    const slot = graph.slot[row] ?? -1
    if (slot < 0 || graph.has(row, Flag.Foreign) || judgement.isRejected(row)) {
      recorder?.skipped(conflict, row, phase)
      continue
    }
    selectSlots(graph, row, slots)
    for (let role = 0; role < ROLES; role += 1) {
      const wanted = slots[role] ?? -1
      const own = whatIf.fromOwn?.has(wanted) === true
      view[role] = wanted < 0 || own ? ABSENT : inState(conflict, tools.v21, wanted)
      if (wanted >= 0 && view[role] === ABSENT) view[role] = ownAuthEvent(graph, judgement, row, wanted)
    }
    implyCreate(graph, view)
    recorder?.judged(conflict, checker, row, phase)
    if (checker.passesMerge(row)) conflict.resolve(slot, row)
  }
}

function ownAuthEvent(graph: RoomGraph, judgement: Judgement, row: number, slot: number): number {
  const event = authEventIn(graph, row, slot)
  return event < 0 || graph.has(event, Flag.Missing | Flag.Foreign) || judgement.isRejected(event) ? ABSENT : event
}
