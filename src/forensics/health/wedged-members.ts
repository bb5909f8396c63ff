import {implyCreate, ROLES, selectSlots} from '../../auth/view.ts'
import {type Finding, finding} from '../../finding/finding.ts'
import {Flag, Membership, type RoomGraph, Type} from '../../graph/room-graph.ts'
import {type Replay, UNKNOWN_STATE, Verdict} from '../../resolve/replay.ts'
import {causalOrder, causalRows} from '../causal-order.ts'
import {count, EXAMPLES, examples, type HealthEvidence, list} from './evidence.ts'

/**
 * Users who can no longer leave, join, rename or be kicked: their newest membership events are all rejected for what they cite, although
 * the state before each allows it, so that it is no lack of permission. No later membership event of theirs is accepted.
 *
 * @remarks O(events) where a membership event was rejected on its own auth events, O(rejected events) otherwise.
 */
export function wedgedMembers(replay: Replay, {source}: HealthEvidence): readonly Finding[] {
  const {graph} = replay
  const attempts = new Map<number, number[]>()
  const compare = causalOrder(graph)
  for (const [row, {rule}] of [...replay.rejections].sort(([a], [b]) => compare(a, b))) {
    if (graph.type[row] !== Type.Member || !rule.endsWith('@auth')) continue
    // What lacks a signature, or cannot be read, is refused for itself and not for what it cites.
    if (graph.has(row, Flag.AuthoriserUnsigned | Flag.TokenUnreadable)) continue
    const target = graph.target[row] ?? -1
    if (target < 0 || !stateAllows(replay, row)) continue
    const rows = attempts.get(target)
    if (rows === undefined) attempts.set(target, [row])
    else rows.push(row)
  }
  if (attempts.size === 0) return []
  const accepted = newestAccepted(replay, attempts)
  const open = [...attempts].flatMap(([target, rows]) => {
    const since = rows.filter((row) => isSince(graph, row, accepted.get(target)))
    return since.length === 0 ? [] : [{target, rows: since}]
  })
  const once = open.filter(({rows}) => rows.length === 1)
  const single =
    once.length > EXAMPLES ? [failedOnce(replay, source, once)] : once.map((one) => wedged(replay, source, one))
  return [...open.filter(({rows}) => rows.length > 1).map((one) => wedged(replay, source, one)), ...single]
}

interface Attempts {
  /** Number of the user. */
  readonly target: number
  /** Rejected membership events that nothing accepted follows. */
  readonly rows: readonly number[]
}

/** Whether the rules that look at state would let the event pass in the state before it. */
function stateAllows({graph, before, resolver}: Replay, row: number): boolean {
  const root = before[row] ?? UNKNOWN_STATE
  if (root === UNKNOWN_STATE) return false
  const {checker, trie} = resolver
  const slots = new Int32Array(ROLES)
  selectSlots(graph, row, slots)
  const {view} = checker.judgement
  for (let role = 0; role < ROLES; role += 1) view[role] = trie.get(root, slots[role] ?? -1)
  implyCreate(graph, view)
  return checker.passesState(row)
}

/** Last accepted membership event of a user: by causal order, and by the depth that one claims. */
interface Newest {
  row: number
  depth: number
}

/** Events of branches that do not know of each other are in no order of time: there the depth tells. */
function isSince(graph: RoomGraph, row: number, accepted: Newest | undefined): boolean {
  return (
    accepted === undefined ||
    (causalOrder(graph)(row, accepted.row) > 0 && (graph.columns.depth[row] ?? 0) >= accepted.depth)
  )
}

function newestAccepted({graph, verdicts}: Replay, targets: ReadonlyMap<number, unknown>): ReadonlyMap<number, Newest> {
  const newest = new Map<number, Newest>()
  for (const row of causalRows(graph)) {
    if (graph.type[row] !== Type.Member || verdicts[row] !== Verdict.Accepted) continue
    const target = graph.target[row] ?? -1
    if (!targets.has(target)) continue
    const depth = Math.max(newest.get(target)?.depth ?? 0, graph.columns.depth[row] ?? 0)
    newest.set(target, {row, depth})
  }
  return newest
}

function wedged(replay: Replay, source: string, {target, rows}: Attempts): Finding {
  const {graph, rejections} = replay
  const user = graph.user(target)
  const cannot = [...new Set(rows.map((row) => whatFails(replay, row)))]
  const newest = rows.at(-1) ?? -1
  const rejection = rejections.get(newest)
  return finding(
    'room/wedged-member',
    {kind: 'slot', type: 'm.room.member', state_key: user},
    `${user} ${rows.length === 1 ? 'could not' : 'can no longer'} ${alternatives(cannot)}: ${
      rows.length === 1 ? 'the last attempt is' : `the last ${count(rows.length, 'attempt')} are`
    } rejected for what the event cites, although the room's state allows it (${rejection?.because ?? ''})`,
    [
      ...examples(graph, source, rows.toReversed()),
      {source: 'replay', where: rejection?.rule ?? '', value: rejection?.culprit ?? null},
    ],
    {
      ...(rejection === undefined ? {} : {cause: rejection.rule}),
      // A single event may be broken by chance; who tries again and fails again is stuck.
      ...(rows.length === 1 ? {severity: 'note' as const, certainty: 'hint' as const} : {}),
    },
  )
}

/** `a`, `a or b`. */
function alternatives(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1) ?? ''}`
}

/** Single events that failed: each may be broken by chance. */
function failedOnce({graph}: Replay, source: string, once: readonly Attempts[]): Finding {
  return finding(
    'room/wedged-member',
    {kind: 'room', room_id: graph.roomId},
    `The last membership event of ${count(once.length, 'user')} is rejected for what it cites, although the room's state allows it: ${list(
      once.map(({target}) => graph.user(target)),
    )}`,
    examples(
      graph,
      source,
      once.flatMap(({rows}) => rows),
    ),
    {severity: 'note', certainty: 'hint'},
  )
}

/** What the user could not do, or what could not be done to them, in words that follow "can no longer" and "could not". */
function whatFails({graph, before, trie}: Replay, row: number): string {
  const target = graph.target[row] ?? -1
  const current = trie.get(before[row] ?? 0, graph.memberSlot[target] ?? -1)
  const was = current < 0 ? Membership.None : (graph.membership[current] ?? Membership.None)
  const own = graph.sender[row] === target
  return words(graph, row, was, own)
}

function words(graph: RoomGraph, row: number, was: number, own: boolean): string {
  switch (graph.membership[row]) {
    case Membership.Join:
      return was === Membership.Join ? 'change their name or avatar' : 'join'
    case Membership.Leave:
      if (own) return was === Membership.Invite ? 'decline the invitation' : 'leave'
      return was === Membership.Ban ? 'be unbanned' : 'be kicked'
    case Membership.Invite:
      return 'be invited'
    case Membership.Ban:
      return 'be banned'
    case Membership.Knock:
      return 'knock'
    default:
      return 'change their membership'
  }
}
