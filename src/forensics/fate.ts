import {ROLES, Role, selectSlots} from '../auth/view.ts'
import {Flag} from '../graph/room-graph.ts'
import type {TraceStep} from '../resolve/merge-trace.ts'
import {authEventIn} from '../resolve/power-order.ts'
import type {TracedMerge} from '../resolve/resolver.ts'
import {ABSENT} from '../resolve/state-trie.ts'
import type {MergeContext} from './merge.ts'

/** A state event that stood against another one in a merge: with the event's own auth event in its place, it would have passed. */
export interface Blocker {
  readonly role: number
  readonly slot: number
  readonly event: number
  /** The event's own auth event in the slot, or `ABSENT`. */
  readonly own: number
  /** Whether all merged states agreed on it, or the merge had just resolved it. */
  readonly origin: 'agreed' | 'resolved'
}

/** What became of one event in a merge. */
export type Fate =
  | {
      readonly kind: 'failed'
      readonly step: TraceStep
      readonly blockers: readonly Blocker[]
      /** Conflicted slots that version 1 had not come to yet, each of which it would have passed with its own auth event in. */
      readonly unsettled: readonly number[]
    }
  /** It passed, and a later one took the slot. */
  | {readonly kind: 'overridden'; readonly step: TraceStep | null; readonly by: number}
  | {readonly kind: 'rejected-before'}
  | {readonly kind: 'not-considered'}
  | {readonly kind: 'won'}

/** What became of an event that is a value of its slot, or was one. */
export function fateOf(context: MergeContext, trace: TracedMerge, row: number): Fate {
  const {graph, trie} = context
  const slot = graph.slot[row] ?? -1
  const winner = trie.get(trace.root, slot)
  if (winner === row) return {kind: 'won'}
  const step = trace.steps.findLast((one) => one.row === row)
  if (step === undefined) {
    // Version 1 takes the first of a sequence as it is, and looks at none after the first that fails.
    return trace.full.includes(row) ? {kind: 'overridden', step: null, by: winner} : {kind: 'not-considered'}
  }
  if (step.outcome === 'skipped') return {kind: 'rejected-before'}
  if (step.outcome === 'failed') {
    return {
      kind: 'failed',
      step,
      blockers: blockersOf(context, trace, step),
      unsettled: unsettledFor(context, trace, step),
    }
  }
  return {kind: 'overridden', step, by: winner}
}

const slots = new Int32Array(ROLES)

/**
 * The fewest events of the view that made an event fail, found by putting its own auth events in their places: one, if one is enough.
 * None when it fails by its own auth events, too.
 */
export function blockersOf(
  context: MergeContext,
  trace: TracedMerge,
  {row, view, origins}: TraceStep,
): readonly Blocker[] {
  const {graph, trie, resolver} = context
  selectSlots(graph, row, slots)
  const wanted = Int32Array.from(slots)
  const suspects: Blocker[] = []
  for (let role = 0; role < ROLES; role += 1) {
    const slot = wanted[role] ?? -1
    const isOpen = (view[role] ?? ABSENT) === ABSENT && resolver.algorithm === 'v1'
    // Version 1 judges as if there were nothing in a slot that it comes to later: what will stand there is held against the event.
    const event = isOpen ? trie.get(trace.root, slot) : (view[role] ?? ABSENT)
    const origin = isOpen ? 'resolved' : origins[role]
    const own = ownAuthEvent(context, row, slot)
    if (role === Role.Create || event === ABSENT || slot < 0 || own === event) continue
    if (origin === 'agreed' || origin === 'resolved') suspects.push({role, slot, event, own, origin})
  }
  const passesWithout = (removed: readonly Blocker[]): boolean => {
    const changed = view.slice()
    for (const {slot, own} of removed) {
      // A user may be sender and target at once: the slot counts, not the role.
      for (let role = 0; role < ROLES; role += 1) if (wanted[role] === slot) changed[role] = own
    }
    const {checker} = resolver
    checker.judgement.view.set(changed)
    return checker.passesState(row)
  }
  const alone = suspects.filter((suspect) => passesWithout([suspect]))
  if (alone.length > 0) return alone.slice(0, 1)
  if (!passesWithout(suspects)) return []
  let needed = suspects
  for (const suspect of suspects) {
    const rest = needed.filter((one) => one !== suspect)
    if (passesWithout(rest)) needed = rest
  }
  return needed
}

function unsettledFor(context: MergeContext, trace: TracedMerge, {row, view}: TraceStep): readonly number[] {
  const {graph, resolver} = context
  if (resolver.algorithm !== 'v1') return []
  selectSlots(graph, row, slots)
  const wanted = Int32Array.from(slots)
  const open = new Set(wanted.filter((slot, role) => (view[role] ?? ABSENT) === ABSENT && trace.slots.includes(slot)))
  return [...open].filter((slot) => {
    const own = ownAuthEvent(context, row, slot)
    if (own === ABSENT) return false
    resolver.checker.judgement.view.set(view.map((event, role) => (wanted[role] === slot ? own : event)))
    return resolver.checker.passesState(row)
  })
}

/** The event's own auth event in a slot, as a merge would take it; `ABSENT` where there is none that counts. */
export function ownAuthEvent({graph, resolver}: MergeContext, row: number, slot: number): number {
  const event = authEventIn(graph, row, slot)
  if (event < 0 || graph.has(event, Flag.Missing | Flag.Foreign)) return ABSENT
  return resolver.checker.judgement.isRejected(event) ? ABSENT : event
}
