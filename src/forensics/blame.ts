import type {RoomGraph} from '../graph/room-graph.ts'
import {type Replay, UNKNOWN_STATE, Verdict} from '../resolve/replay.ts'
import {ABSENT} from '../resolve/state-trie.ts'
import {Ancestry} from './ancestry.ts'
import {Inquest, InquestTools, mainline, orderingCause, placeOn, type ResetCause} from './cause.ts'
import type {Fate} from './fate.ts'
import {causalOrder} from './causal-order.ts'
import {hasUndetermined, type Merge, mergesOf} from './merge.ts'
import type {Reset} from './resets.ts'

/** An event that set the slot, or tried to. */
export interface BlamedEvent {
  readonly kind: 'set' | 'rejected'
  readonly row: number
  /** What stood there before, or `ABSENT`. */
  readonly previous: number
  /** Whether it stands at the tips, or what stands there was sent knowing it. */
  readonly leadsToNow: boolean
}

/** One of the values that a merge had to choose from. */
export interface BlamedCandidate {
  readonly row: number
  /** Which of the merged states had it, counted from 0. */
  readonly inputs: readonly number[]
  readonly fate: Fate
  /** Place among the events that the merge looked at, from 1; `null`: it did not look at it. */
  readonly order: number | null
  readonly phase: 'power' | 'mainline' | 'sequence' | 'depth' | null
  /** How many power levels ago it was sent, by the mainline; `null` where that does not count. */
  readonly mainline: number | null
}

/** Another slot that a merge changed for the same reason. */
export interface BlamedSlot {
  readonly slot: number
  readonly lost: number
  readonly got: number
}

/** A merge of states that differed in the slot. */
export interface BlamedMerge {
  readonly kind: 'merge'
  readonly merge: Merge
  /** What each merged state had, or `ABSENT`. */
  readonly held: readonly number[]
  readonly got: number
  readonly candidates: readonly BlamedCandidate[]
  /**
   * What decided: `newest` knew of all others; `only-valid` was the only one to pass; `none-valid`; or the first criterion of the order
   * in which the winner came after the last other that passed.
   */
  readonly decided: 'newest' | 'only-valid' | 'none-valid' | 'returned' | ResetCause
  /** The reset or revocation of this slot here. */
  readonly reset: Reset | null
  /** What else fell at this merge because of what was settled in this slot. */
  readonly fell: readonly BlamedSlot[]
  /** Whether one state had what an earlier reset had left, and the slot has another value again. */
  readonly restores: boolean
  /** Later merges of the same states. */
  readonly again: number
}

export type BlameEntry = BlamedEvent | BlamedMerge

/** The life of one slot. */
export interface Blame {
  readonly slot: number
  /** Event at the tips, `ABSENT`, or `null` when that cannot be determined. */
  readonly now: number | null
  /** In topological order. */
  readonly entries: readonly BlameEntry[]
}

/**
 * The life of one slot along the DAG: what set it, and every merge of states that differed in it.
 *
 * @param resets - of the same replay, see `findResets`
 * @remarks Looks at each merge once; resolves again those that were no plain matter of newer and older.
 */
export function blameSlot(replay: Replay, tips: readonly number[], slot: number, resets: readonly Reset[]): Blame {
  const {graph, trie, resolver, before, after, verdicts} = replay
  const ancestry = new Ancestry(graph)
  const tools = new InquestTools({graph, trie, resolver, before}, ancestry)
  const roots = tips.map((tip) => after[tip] ?? UNKNOWN_STATE)
  const isOpen = roots.includes(UNKNOWN_STATE) || roots.length === 0 || hasUndetermined(replay)
  const now = isOpen ? null : trie.get(resolver.resolve(roots).root, slot)
  const sets: BlamedEvent[] = []
  for (let row = 0; row < graph.size; row += 1) {
    if (graph.slot[row] !== slot || verdicts[row] === Verdict.Undetermined) continue
    const kind = verdicts[row] === Verdict.Accepted ? 'set' : 'rejected'
    const state = before[row] ?? UNKNOWN_STATE
    const previous = state === UNKNOWN_STATE ? ABSENT : trie.get(state, slot)
    const leadsToNow = kind === 'set' && now !== null && (now === row || ancestry.isBefore(row, now))
    sets.push({kind, row, previous, leadsToNow})
  }
  return {slot, now, entries: inOrder(graph, sets, blameMerges(replay, tips, slot, {resets, tools}))}
}

function blameMerges(
  replay: Replay,
  tips: readonly number[],
  slot: number,
  {resets, tools}: {readonly resets: readonly Reset[]; readonly tools: InquestTools},
): readonly BlamedMerge[] {
  const {trie} = replay
  const known = new Map<string, BlamedMerge & {again: number}>()
  const left = new Set<number>()
  for (const merge of mergesOf(replay, tips)) {
    if (merge.result === UNKNOWN_STATE || merge.inputs.includes(UNKNOWN_STATE)) continue
    const held = merge.inputs.map((input) => trie.get(input, slot))
    const got = trie.get(merge.result, slot)
    if (held.every((row) => row === got)) continue
    const key = [...new Set(held)].sort((a, b) => a - b).join() + `>${String(got)}`
    const seen = known.get(key)
    if (seen !== undefined) seen.again += 1
    else {
      const blamed = blameMerge(merge, held, got, {slot, resets, tools})
      known.set(key, {...blamed, restores: !left.has(got) && held.some((row) => left.has(row)), again: 0})
      if (blamed.reset?.expected === false) left.add(got)
    }
  }
  return [...known.values()]
}

function blameMerge(
  merge: Merge,
  held: readonly number[],
  got: number,
  {slot, resets, tools}: {readonly slot: number; readonly resets: readonly Reset[]; readonly tools: InquestTools},
): BlamedMerge {
  const rows = [...new Set(held)].filter((row) => row !== ABSENT)
  const here = resets.filter((reset) => reset.merge.at === merge.at)
  const reset = here.find((one) => one.slot === slot) ?? null
  const fell = here
    .filter(
      (one) => one.slot !== slot && (one.root?.slot === slot || one.blockers.some((blocker) => blocker.slot === slot)),
    )
    .map((one) => ({slot: one.slot, lost: one.lost, got: one.got}))
  const isNewest = rows.includes(got) && rows.every((row) => row === got || tools.ancestry.isBefore(row, got))
  if (isNewest && reset === null) {
    const candidates = rows.map((row) => plainCandidate(row, held, row === got))
    return {kind: 'merge', merge, held, got, candidates, decided: 'newest', reset, fell, restores: false, again: 0}
  }
  const inquest = new Inquest(merge, tools)
  const shown = reset === null ? rows : [...new Set([...rows, ...reset.dropped.map(({row}) => row), reset.lost])]
  const candidates = shown.map((row) => candidateIn(inquest, row, held))
  return {
    kind: 'merge',
    merge,
    held,
    got,
    candidates,
    decided: decision(inquest, rows, got, candidates),
    reset,
    fell,
    restores: false,
    again: 0,
  }
}

function inputsWith(row: number, held: readonly number[]): readonly number[] {
  return held.flatMap((one, index) => (one === row ? [index] : []))
}

function plainCandidate(row: number, held: readonly number[], won: boolean): BlamedCandidate {
  const fate: Fate = won ? {kind: 'won'} : {kind: 'not-considered'}
  return {row, inputs: inputsWith(row, held), fate, order: null, phase: null, mainline: null}
}

function candidateIn(inquest: Inquest, row: number, held: readonly number[]): BlamedCandidate {
  const {trace, context} = inquest
  const index = trace.steps.findLastIndex((step) => step.row === row)
  const phase = trace.steps[index]?.phase ?? null
  return {
    row,
    inputs: inputsWith(row, held),
    fate: inquest.fate(row),
    order: index < 0 ? null : index + 1,
    phase,
    mainline: phase === 'mainline' ? placeOn(context, mainline(context, trace.mainlineTop), row) : null,
  }
}

function decision(
  inquest: Inquest,
  rows: readonly number[],
  got: number,
  candidates: readonly BlamedCandidate[],
): BlamedMerge['decided'] {
  if (got === ABSENT) return 'none-valid'
  if (rows.length === 0) return 'returned'
  const passed = candidates.filter(({row, fate}) => row !== got && fate.kind === 'overridden')
  const last = passed.sort((a, b) => (b.order ?? 0) - (a.order ?? 0))[0]
  return last === undefined ? 'only-valid' : orderingCause(inquest, last.row, got)
}

/** A merge stands before the event that made it, and that of the tips at the end. */
function inOrder(
  graph: RoomGraph,
  sets: readonly BlamedEvent[],
  merges: readonly BlamedMerge[],
): readonly BlameEntry[] {
  const compare = causalOrder(graph)
  const rowOf = (entry: BlameEntry): number => (entry.kind === 'merge' ? (entry.merge.at ?? ABSENT) : entry.row)
  return [...merges, ...sets].sort((a, b) => {
    const [x, y] = [rowOf(a), rowOf(b)]
    if (x === ABSENT || y === ABSENT) return Number(x === ABSENT) - Number(y === ABSENT)
    // The sort is stable: a merge stays before the event that made it.
    return x === y ? 0 : compare(x, y)
  })
}

/** Whether an entry is left out unless everything is asked for: merges where one side merely knew more. */
export function isPlain(entry: BlameEntry): boolean {
  if (entry.kind !== 'merge' || entry.decided !== 'newest') return false
  return entry.reset === null && entry.fell.length === 0 && !entry.restores
}
