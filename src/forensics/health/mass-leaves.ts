import {type Finding, finding, SEVERITIES, type Severity} from '../../finding/finding.ts'
import {Membership, type RoomGraph} from '../../graph/room-graph.ts'
import {type Replay, UNKNOWN_STATE} from '../../resolve/replay.ts'
import {ABSENT, type StateRoot, type StateTrie} from '../../resolve/state-trie.ts'
import {causalOrder} from '../causal-order.ts'
import {count, list} from './evidence.ts'

/** Fewer than this are no mass. */
const MANY = 5
/** Of the joined members, where only some sides had them joined. */
const LARGE_SHARE = 0.1

/** Members that a merge takes out of the room, by slot. */
interface Lost {
  /** Every merged state has a membership of theirs, one at least that they are joined. */
  readonly everywhere: readonly number[]
  /** Joined in some of the merged states, unknown to others. */
  readonly somewhere: readonly number[]
}

/**
 * Merges in which many members are lost although no leave, kick or ban says so: the state before a merge has neither their membership nor an
 * event of one of the merged states that ends it. It is an error where every side had a membership of theirs. Joins that some sides did not
 * know may have been revoked by what happened there (join rules that were closed): a warning, and only if it is a tenth of the members. A loss that
 * later merges repeat is told once.
 *
 * @param tips - rows whose states make the room's state, and that state
 * @param resets - findings on the slots that were lost, if they were made: a mass leave is their head, and no graver than they are
 * @remarks O(conflicted slots of merges with at least as many conflicts as make a mass).
 */
export function massLeaves(
  replay: Replay,
  tips: {readonly rows: readonly number[]; readonly root: StateRoot},
  resets: readonly Finding[] = [],
): readonly Finding[] {
  const {graph, trie, before, after} = replay
  const found: Finding[] = []
  const told = new Set<number>()
  const look = (rows: Iterable<number>, result: StateRoot, merge: number | null): void => {
    const inputs = Array.from(rows, (row) => after[row] ?? UNKNOWN_STATE)
    const lost = lostMembers(graph, trie, {inputs, result, told})
    const size = lost.everywhere.length + lost.somewhere.length
    if (size < MANY) return
    const isCertain = lost.everywhere.length >= MANY
    if (!isCertain && size < LARGE_SHARE * joinedIn(graph, trie, inputs)) return
    found.push(massLeave(graph, lost, merge, isCertain, gravest(graph, lost, merge, resets)))
  }
  const large = [...replay.merges].flatMap(([row, conflicts]) => (conflicts >= MANY ? [row] : []))
  for (const row of large.sort(causalOrder(graph))) look(graph.prevOf(row), before[row] ?? UNKNOWN_STATE, row)
  if (tips.rows.length > 1) look(tips.rows, tips.root, null)
  return found
}

/** Joined members of the merged state that has most. */
function joinedIn(graph: RoomGraph, trie: StateTrie, inputs: readonly StateRoot[]): number {
  let most = 0
  for (const input of new Set(inputs)) {
    let joined = 0
    trie.forEach(input, (_slot, row) => {
      if (isJoined(graph, row)) joined += 1
    })
    most = Math.max(most, joined)
  }
  return most
}

interface Merge {
  readonly inputs: readonly StateRoot[]
  readonly result: StateRoot
  /** Events that joined and are known to be lost; added to. */
  readonly told: Set<number>
}

function lostMembers(graph: RoomGraph, trie: StateTrie, {inputs, result, told}: Merge): Lost {
  const everywhere: number[] = []
  const somewhere: number[] = []
  if (result === UNKNOWN_STATE || inputs.includes(UNKNOWN_STATE)) return {everywhere, somewhere}
  const slots: number[] = []
  trie.differences([result, ...new Set(inputs)], slots)
  for (const slot of slots) {
    if (graph.slotAt(slot).type !== 'm.room.member') continue
    const now = trie.get(result, slot)
    if (isJoined(graph, now)) continue
    const values = inputs.map((input) => trie.get(input, slot))
    // An event that ends the membership, of one of the sides, is an explanation.
    if (now !== ABSENT && values.includes(now)) continue
    const joined = values.filter((value) => isJoined(graph, value))
    if (joined.length === 0 || joined.every((row) => told.has(row))) continue
    for (const row of joined) told.add(row)
    if (!values.includes(ABSENT)) everywhere.push(slot)
    else somewhere.push(slot)
  }
  return {everywhere, somewhere}
}

function isJoined(graph: RoomGraph, row: number): boolean {
  return row >= 0 && graph.membership[row] === Membership.Join
}

/** The gravest of the findings on these members at the merge; `null` where one of them has none. */
function gravest(
  graph: RoomGraph,
  {everywhere, somewhere}: Lost,
  merge: number | null,
  resets: readonly Finding[],
): Severity | null {
  const at = merge === null ? undefined : graph.id(merge)
  const severities = new Map(
    resets.flatMap(({subject, severity}) =>
      subject.kind === 'slot' && subject.type === 'm.room.member' && subject.event_id === at
        ? [[subject.state_key, severity] as const]
        : [],
    ),
  )
  const users = [...everywhere, ...somewhere].map((slot) => graph.slotAt(slot).stateKey)
  if (!users.every((user) => severities.has(user))) return null
  return SEVERITIES.find((severity) => users.some((user) => severities.get(user) === severity)) ?? null
}

/**
 * @param merge - `null` for the merge of the tips, which no event makes yet
 * @param known - the gravest of what was found on the members one by one; `null` where nothing was
 */
function massLeave(
  graph: RoomGraph,
  {everywhere, somewhere}: Lost,
  merge: number | null,
  isCertain: boolean,
  known: Severity | null,
): Finding {
  const users = [...everywhere, ...somewhere].map((slot) => graph.slotAt(slot).stateKey)
  const where = merge === null ? 'where the tips of the room come together' : `at the merge ${graph.id(merge)}`
  return finding(
    'state/mass-leave',
    merge === null ? {kind: 'room', room_id: graph.roomId} : {kind: 'event', event_id: graph.id(merge)},
    `${count(users.length, 'member')} lost their membership ${where} without a leave, kick or ban: ${list(users)}${
      known !== null
        ? `; ${known === 'note' ? 'what was done on another side revoked them' : 'the findings on each say why'}`
        : isCertain
          ? ''
          : '; not all sides knew of their joins, so that what another side did may have revoked them'
    }`,
    [
      {source: 'replay', where: 'known on all sides before', value: everywhere.length},
      {source: 'replay', where: 'known on some sides before', value: somewhere.length},
      ...users.slice(0, 10).map((user) => ({source: 'replay', where: 'm.room.member', value: user})),
    ],
    known !== null ? {severity: known} : isCertain ? {} : {severity: 'warning', certainty: 'strong'},
  )
}
