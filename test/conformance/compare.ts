import {type LoadedRoom, loadRoomFrom} from '../../src/investigate/load-room.ts'
import type {Reading} from '../../src/resolve/auth-difference.ts'
import {type StateDigest, StateDigests} from '../../src/resolve/digest.ts'
import {type Replay, replay, VERDICT_NAMES} from '../../src/resolve/replay.ts'
import {tipsOf} from '../../src/resolve/tips.ts'
import {expectedFor, type ExpectedEvent, type ExpectedFinal, type OracleRoom, type ServerRoom} from './fixtures.ts'
import {reasonMismatch} from './reasons.ts'

/** Outcome of a comparison: how many events were looked at, and a sentence for each thing that differs. */
export interface Comparison {
  readonly events: number
  readonly differences: readonly string[]
}

export function load(name: string, lines: readonly string[]): LoadedRoom {
  return loadRoomFrom(
    name,
    lines.map((text, index) => ({text, line: index + 1})),
  )
}

/** Compares each event of a replay with what the oracle says, and the states across the ends of the graph. */
export function compareWithOracle(room: OracleRoom, reading: Reading): Comparison {
  const {graph} = load(room.name, room.lines)
  const result = replay(graph, {reading})
  const digests = new StateDigests(graph, result.trie)
  const expected = expectedFor(room, reading)
  const differences: string[] = []
  const known = new Set(expected.events.map(({eventId}) => eventId))
  if (known.size !== room.lines.length) {
    differences.push(`the oracle speaks of ${String(known.size)} events, the room has ${String(room.lines.length)}`)
  }
  if (graph.size !== known.size)
    differences.push(`the graph has ${String(graph.size)} events instead of ${String(known.size)}`)
  for (const event of expected.events) {
    const difference = compareEvent(result, digests, event)
    if (difference !== null) differences.push(`${event.eventId}: ${difference}`)
  }
  differences.push(...compareEnd('tips', result, digests, tipsOf(result), expected.tips))
  if (expected.leaves !== null)
    differences.push(...compareEnd('leaves', result, digests, leavesOf(result), expected.leaves))
  return {events: expected.events.length, differences}
}

function compareEvent(result: Replay, digests: StateDigests, expected: ExpectedEvent): string | null {
  const row = result.graph.row(expected.eventId)
  if (row < 0) return 'not in the graph: its ID is computed differently'
  const verdict = VERDICT_NAMES[result.verdicts[row] ?? 0]
  const rejection = result.rejections.get(row)
  const wanted = expected.reason === null ? 'accepted' : 'rejected'
  if (verdict !== wanted)
    return `${String(verdict)} (${String(rejection?.rule)}) instead of ${wanted} (${String(expected.reason)})`
  if ((rejection !== undefined) !== (wanted === 'rejected')) return 'verdict and rejection do not go together'
  const before = compareDigest(digests, result.before[row] ?? -1, expected.before)
  if (before !== null) return `state before it: ${before}`
  const after = compareDigest(digests, result.after[row] ?? -1, expected.after)
  if (after !== null) return `state after it: ${after}`
  return expected.reason === null ? null : reasonMismatch(expected.reason, rejection)
}

function compareDigest(digests: StateDigests, root: number, expected: StateDigest): string | null {
  if (root < 0) return 'unknown'
  const {size, sha256} = digests.digest(root)
  return size === expected.size && sha256 === expected.sha256
    ? null
    : `${String(size)} events, ${sha256.slice(0, 8)}, instead of ${String(expected.size)}, ${expected.sha256.slice(0, 8)}`
}

function compareEnd(
  name: string,
  result: Replay,
  digests: StateDigests,
  rows: readonly number[],
  expected: ExpectedFinal,
): readonly string[] {
  const ids = rows.map((row) => result.graph.id(row)).sort()
  const differences = ids.join(' ') === [...expected.events].sort().join(' ') ? [] : [`${name}: ${ids.join(' ')}`]
  const {root} = result.resolver.resolve(rows.map((row) => result.after[row] ?? -1))
  const state = compareDigest(digests, root, expected)
  return state === null ? differences : [...differences, `state over the ${name}: ${state}`]
}

function leavesOf({graph}: Replay): readonly number[] {
  const hasChild = new Set<number>()
  for (let row = 0; row < graph.size; row += 1) for (const prev of graph.prevOf(row)) hasChild.add(prev)
  return Array.from({length: graph.size}, (_, row) => row).filter((row) => !hasChild.has(row))
}

/** IDs of a state, sorted. */
export function stateIds({graph, trie}: Replay, root: number): readonly string[] {
  const ids: string[] = []
  trie.forEach(root, (_, row) => ids.push(graph.id(row)))
  return ids.sort()
}

/** Compares the state after each event with a server's state groups; with hs1 also the verdicts. */
export function compareWithServer(room: ServerRoom, server: 'hs1' | 'hs2'): Comparison {
  const {graph} = load(room.name, room.lines)
  const result = replay(graph)
  const differences = room.ids.filter((id) => graph.row(id) < 0).map((id) => `${id}: not in the graph`)
  const states = Object.entries(room.after[server])
  for (const [id, expected] of states) {
    const row = graph.row(id)
    if (row < 0 || (result.after[row] ?? -1) < 0) differences.push(`${id}: the state after it is not known`)
    else if (stateIds(result, result.after[row] ?? -1).join() !== [...expected].sort().join())
      differences.push(`${id}: another state after it`)
  }
  if (server === 'hs1') differences.push(...compareVerdicts(result, room))
  return {events: states.length, differences}
}

function compareVerdicts(result: Replay, room: ServerRoom): readonly string[] {
  return room.ids.flatMap((id) => {
    const row = result.graph.row(id)
    const ours = VERDICT_NAMES[result.verdicts[row] ?? 0]
    const theirs = room.rejected.includes(id) ? 'rejected' : 'accepted'
    return ours === theirs ? [] : [`${id}: ${String(ours)} instead of ${theirs}`]
  })
}
