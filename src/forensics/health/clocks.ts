import {type Finding, finding} from '../../finding/finding.ts'
import {Flag, type RoomGraph} from '../../graph/room-graph.ts'
import type {Replay} from '../../resolve/replay.ts'
import {causalRows} from '../causal-order.ts'
import {count, examples, type HealthEvidence, list, type Servers, span} from './evidence.ts'

/** Smaller differences are those of clocks that nobody sets. Ten minutes, in milliseconds. */
const TOLERATED = 600_000

/** Events of one server that are dated before events of another that they follow. */
interface Backwards {
  /** Of the event that is dated later, though it came first. */
  readonly ahead: number
  readonly behind: number
  readonly rows: number[]
  worst: number
  worstRow: number
}

/** Events of one server that are dated in the future of whoever received or gathered them. */
interface Future {
  readonly rows: number[]
  worst: number
  /** Servers that received them so; `null`: they are so where the evidence was gathered. */
  readonly by: Set<string | null>
}

/**
 * Servers whose clock is off: their events are dated before events that they follow, or in the future of the server that received them or
 * of the gathering. Of two servers that contradict each other, the one that contradicts more is named. One finding for a server.
 *
 * @remarks O(events + edges + marks).
 */
export function clockSkew({graph}: Replay, evidence: HealthEvidence, servers: Servers): readonly Finding[] {
  const pairs = backwards(graph, servers)
  const future = inFuture(graph, evidence, servers)
  const load = new Map<number, number>()
  const add = (server: number, events: number): void => {
    load.set(server, (load.get(server) ?? 0) + events)
  }
  for (const {ahead, behind, rows} of pairs) {
    add(behind, rows.length)
    if (ahead !== behind) add(ahead, rows.length)
  }
  const open = new Set(pairs)
  const found: Finding[] = []
  const order = [...new Set([...future.keys(), ...[...load].sort((a, b) => b[1] - a[1]).map(([server]) => server)])]
  const pairsOf = new Map<number, Backwards[]>()
  for (const pair of pairs) {
    for (const server of new Set([pair.ahead, pair.behind])) {
      const known = pairsOf.get(server)
      if (known === undefined) pairsOf.set(server, [pair])
      else known.push(pair)
    }
  }
  for (const server of order) {
    const own = (pairsOf.get(server) ?? []).filter((pair) => open.delete(pair))
    const ahead = future.get(server)
    if (own.length === 0 && ahead === undefined) continue
    found.push(skewed(graph, evidence, servers, {server, pairs: own, future: ahead, load}))
  }
  return found
}

/** By pair of servers: prev events that are dated later than what follows them. */
function backwards(graph: RoomGraph, {names, ofUser}: Servers): readonly Backwards[] {
  const {starts, edges} = graph.prev
  const {ts} = graph
  const pairs = new Map<number, Backwards>()
  for (const row of causalRows(graph)) {
    const own = ts[row] ?? 0
    for (let k = starts[row] ?? 0, end = starts[row + 1] ?? 0; k < end; k += 1) {
      const parent = edges[k] ?? 0
      const off = (ts[parent] ?? 0) - own
      if (off <= TOLERATED || graph.has(row, UNDATED) || graph.has(parent, UNDATED)) continue
      const behind = ofUser[graph.sender[row] ?? 0] ?? 0
      const ahead = ofUser[graph.sender[parent] ?? 0] ?? 0
      const key = ahead * names.length + behind
      const pair = pairs.get(key)
      if (pair === undefined) pairs.set(key, {ahead, behind, rows: [row], worst: off, worstRow: row})
      else {
        pair.rows.push(row)
        if (off > pair.worst) {
          pair.worst = off
          pair.worstRow = row
        }
      }
    }
  }
  return [...pairs.values()]
}

const UNDATED = Flag.Missing | Flag.Foreign | Flag.Faulty

function inFuture(graph: RoomGraph, evidence: HealthEvidence, {ofUser}: Servers): ReadonlyMap<number, Future> {
  const future = new Map<number, Future>()
  const note = (row: number, off: number, by: string | null): void => {
    if (graph.has(row, UNDATED)) return
    const server = ofUser[graph.sender[row] ?? 0] ?? 0
    const known = future.get(server) ?? {rows: [], worst: 0, by: new Set<string | null>()}
    known.rows.push(row)
    known.by.add(by)
    known.worst = Math.max(known.worst, off)
    future.set(server, known)
  }
  const now = evidence.nowMs ?? Infinity
  for (const row of causalRows(graph)) {
    const off = (graph.ts[row] ?? 0) - now
    if (off > TOLERATED) note(row, off, null)
  }
  for (const {server, marks} of evidence.views) {
    for (const [id, {receivedTs}] of marks) {
      if (receivedTs === undefined) continue
      const row = graph.row(id)
      const off = row < 0 ? 0 : (graph.ts[row] ?? 0) - receivedTs
      if (off > TOLERATED) note(row, off, server)
    }
  }
  return future
}

interface Skew {
  readonly server: number
  readonly pairs: readonly Backwards[]
  readonly future: Future | undefined
  /** Contradictions by server. */
  readonly load: ReadonlyMap<number, number>
}

function skewed(
  graph: RoomGraph,
  {source}: HealthEvidence,
  {names}: Servers,
  {server, pairs, future, load}: Skew,
): Finding {
  const name = names[server] ?? ''
  const behind = pairs.filter((pair) => pair.behind === server)
  const ahead = pairs.filter((pair) => pair.behind !== server)
  // Two servers that contradict nobody but each other: which of them is wrong, nobody can tell.
  const rival = pairs.find((pair) => {
    const other = pair.ahead === server ? pair.behind : pair.ahead
    return other !== server && load.get(other) === load.get(server)
  })
  const other = rival === undefined ? undefined : rival.ahead === server ? rival.behind : rival.ahead
  const parts = [
    ...(behind.length === 0
      ? []
      : [`${events(behind)} dated before events that they follow, by up to ${span(worstOf(behind))}`]),
    ...(ahead.length === 0
      ? []
      : [`events of it are dated after ${events(ahead)} of others that follow them, by up to ${span(worstOf(ahead))}`]),
    ...(future === undefined
      ? []
      : [`${events([future])} dated in the future, by up to ${span(future.worst)}, when ${seenBy(future)}`]),
  ]
  const worst = [...pairs].sort((a, b) => b.worst - a.worst).map(({worstRow}) => worstRow)
  return finding(
    'server/clock-skew',
    {kind: 'server', server: name},
    `The clock of ${name} seems to be off: ${parts.join('; ')}${other === undefined ? '' : `, or it is the clock of ${names[other] ?? ''} that is off`}`,
    examples(graph, source, [...new Set([...worst, ...(future?.rows ?? [])])]),
    future === undefined ? {} : {certainty: 'strong'},
  )
}

function events(groups: readonly {readonly rows: readonly number[]}[]): string {
  return count(new Set(groups.flatMap(({rows}) => rows)).size, 'event')
}

function seenBy({by}: Future): string {
  const servers = [...by].filter((server) => server !== null)
  return servers.length === 0 ? 'the evidence was gathered' : `${list(servers)} received them`
}

function worstOf(pairs: readonly Backwards[]): number {
  return pairs.reduce((most, {worst}) => Math.max(most, worst), 0)
}
