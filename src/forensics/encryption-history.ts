import {Flag, type RoomGraph} from '../graph/room-graph.ts'
import {own} from '../matrix/json.ts'
import {type Replay, UNKNOWN_STATE, Verdict} from '../resolve/replay.ts'
import {ABSENT, type StateRoot} from '../resolve/state-trie.ts'

export const ENCRYPTION = 'm.room.encryption'
export const ENCRYPTED = 'm.room.encrypted'

/** What a client would have sent as `m.room.encrypted`. Reactions and redactions are sent in the clear in encrypted rooms, too. */
const WOULD_BE_ENCRYPTED: ReadonlySet<string> = new Set([
  'm.room.message',
  'm.sticker',
  'm.poll.start',
  'org.matrix.msc3381.poll.start',
])

/** Events of a kind, counted; rows in topological order. */
export interface EventSpan {
  readonly count: number
  readonly first: number
  readonly last: number
}

/** Where the room stopped being encrypted. */
export interface EncryptionLoss {
  /** `event`: a state event that says otherwise; `redaction`: of the event that said so; `merge`: what branches had was resolved away. */
  readonly kind: 'event' | 'redaction' | 'merge'
  /** `null`: the merge of the tips, which no event makes yet. */
  readonly row: number | null
}

/** What became of encryption in a room. */
export interface EncryptionHistory {
  /** Accepted events that switched it on or changed its settings, in topological order. Empty: the room never was encrypted. */
  readonly set: readonly number[]
  /** Algorithm of the first. */
  readonly algorithm: string | null
  /** In topological order, each followed by the room being encrypted again, the last one perhaps not. */
  readonly losses: readonly EncryptionLoss[]
  /** What stands in the slot at the tips: a row, `ABSENT`, or `null` where that is not known. */
  readonly now: number | null
  /** Whether that says the room is encrypted; `null`: not known. */
  readonly holds: boolean | null
  /** The redaction of what stands there now, if it was redacted. */
  readonly redactedBy: number | null
  /** Messages sent in the clear where the room had been encrypted. */
  readonly clear: EventSpan | null
}

/**
 * Follows `m.room.encryption` through the DAG.
 *
 * @param now - the tips, and the state that theirs give together
 * @param redactions - accepted redactions that count, by the row of what they redact
 * @remarks O(events + edges), and as much again for each redaction of a setting.
 */
export function encryptionHistory(
  replay: Replay,
  {tips, root}: {readonly tips: readonly number[]; readonly root: StateRoot},
  redactions: ReadonlyMap<number, number>,
): EncryptionHistory {
  const {graph, trie, before, after, verdicts} = replay
  const slot = graph.slotOf(ENCRYPTION, '')
  const set: number[] = []
  for (let row = 0; row < graph.size; row += 1) {
    if (slot >= 0 && graph.slot[row] === slot && verdicts[row] === Verdict.Accepted && algorithmOf(graph, row) !== null)
      set.push(row)
  }
  const [first] = set
  const now = slot < 0 ? ABSENT : root === UNKNOWN_STATE ? null : trie.get(root, slot)
  if (first === undefined) {
    return {set, algorithm: null, losses: [], now, holds: false, redactedBy: null, clear: null}
  }
  const algorithm = algorithmOf(graph, first)
  const known = new Map<number, Uint8Array>()
  for (const [target, redaction] of redactions) {
    if (graph.slot[target] === slot) known.set(target, descendantsOf(graph, redaction))
  }
  const says = (event: number): boolean => event !== ABSENT && algorithmOf(graph, event) === algorithm
  /** Whether an event of the slot says so to whoever has the events that `row` comes after. */
  const holdsAt = (event: number, row: number): boolean => says(event) && known.get(event)?.[row] !== 1
  const wasSet = new Uint8Array(graph.size)
  const losses: EncryptionLoss[] = []
  const clear: number[] = []
  const isSet = new Set(set)
  for (let row = 0; row < graph.size; row += 1) {
    const prevs = graph.prevOf(row)
    const had = prevs.some((prev) => wasSet[prev] === 1)
    if (had || isSet.has(row)) wasSet[row] = 1
    const [earlier, later] = [before[row] ?? UNKNOWN_STATE, after[row] ?? UNKNOWN_STATE]
    if (!had || graph.has(row, Flag.Missing) || earlier === UNKNOWN_STATE || later === UNKNOWN_STATE) continue
    if (!holdsAt(trie.get(later, slot), row)) {
      const held = prevs.some((prev) => {
        const state = after[prev] ?? UNKNOWN_STATE
        return wasSet[prev] === 1 && state !== UNKNOWN_STATE && holdsAt(trie.get(state, slot), prev)
      })
      if (held) losses.push({kind: kindOf(row), row})
    }
    if (verdicts[row] !== Verdict.Accepted || !WOULD_BE_ENCRYPTED.has(graph.typeName(row))) continue
    if (!holdsAt(trie.get(earlier, slot), row)) clear.push(row)
  }
  const redactedBy = now === null || now === ABSENT ? null : (redactions.get(now) ?? null)
  const holds = now === null ? null : says(now) && redactedBy === null
  const fellAtTips =
    holds === false &&
    redactedBy === null &&
    tips.some((tip) => {
      const state = after[tip] ?? UNKNOWN_STATE
      return state !== UNKNOWN_STATE && holdsAt(trie.get(state, slot), tip)
    })
  return {
    set,
    algorithm,
    losses: fellAtTips ? [...losses, {kind: 'merge', row: null}] : losses,
    now,
    holds,
    redactedBy,
    clear: spanOf(clear),
  }

  function kindOf(row: number): EncryptionLoss['kind'] {
    if ([...redactions].some(([target, redaction]) => redaction === row && graph.slot[target] === slot))
      return 'redaction'
    return graph.slot[row] === slot && verdicts[row] === Verdict.Accepted ? 'event' : 'merge'
  }
}

/** `null` where it names none that is a string. */
export function algorithmOf(graph: RoomGraph, row: number): string | null {
  const algorithm = own(graph.content(row), 'algorithm')
  return typeof algorithm === 'string' && algorithm !== '' ? algorithm : null
}

/** By row, 1 for the event itself and all that come after it. O(events + edges). */
export function descendantsOf(graph: RoomGraph, row: number): Uint8Array {
  const found = new Uint8Array(graph.size)
  if (row < 0) return found
  found[row] = 1
  const {starts, edges} = graph.prev
  for (let at = row + 1; at < graph.size; at += 1) {
    for (let k = starts[at] ?? 0, end = starts[at + 1] ?? 0; k < end; k += 1) {
      if (found[edges[k] ?? 0] !== 1) continue
      found[at] = 1
      break
    }
  }
  return found
}

/** Accepted encrypted messages of which something holds. O(events). */
export function encryptedWhere({graph, verdicts}: Replay, holds: (row: number) => boolean): EventSpan | null {
  const rows: number[] = []
  for (let row = 0; row < graph.size; row += 1) {
    if (verdicts[row] === Verdict.Accepted && graph.typeName(row) === ENCRYPTED && holds(row)) rows.push(row)
  }
  return spanOf(rows)
}

function spanOf(rows: readonly number[]): EventSpan | null {
  const [first] = rows
  return first === undefined ? null : {count: rows.length, first, last: rows.at(-1) ?? first}
}
