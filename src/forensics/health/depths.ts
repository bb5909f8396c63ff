import {type Finding, finding} from '../../finding/finding.ts'
import {Flag, type RoomGraph} from '../../graph/room-graph.ts'
import type {Replay} from '../../resolve/replay.ts'
import {causalRows} from '../causal-order.ts'
import {count, examples, type HealthEvidence, type Servers} from './evidence.ts'

/** Beyond it a double cannot tell neighbours apart. */
const EXACT = 2 ** 53

interface Wrong {
  readonly rows: number[]
  worst: number
  worstRow: number
}

/**
 * Events whose depth is not one more than the greatest of their prev events', one finding for each sending server. Where the room version's
 * greatest depth is reached, every later event has it, which is no fault.
 *
 * @remarks O(events + edges). Events with a prev event that is not here are left out, since its depth is not known.
 */
export function wrongDepths({graph}: Replay, evidence: HealthEvidence, servers: Servers): readonly Finding[] {
  const byServer = new Map<number, Wrong>()
  for (const row of causalRows(graph)) {
    const off = offBy(graph, row)
    if (off === 0 || (evidence.trustIds === true && graph.columns.depth[row] === 0)) continue
    const server = servers.ofUser[graph.sender[row] ?? 0] ?? 0
    const wrong = byServer.get(server)
    if (wrong === undefined) byServer.set(server, {rows: [row], worst: off, worstRow: row})
    else {
      wrong.rows.push(row)
      if (Math.abs(off) > Math.abs(wrong.worst)) {
        wrong.worst = off
        wrong.worstRow = row
      }
    }
  }
  return [...byServer].map(([server, wrong]) => wrongDepth(graph, evidence, servers.names[server] ?? '', wrong))
}

/** By how much the depth is greater than it should be; 0 where it is right or nothing is known. */
function offBy(graph: RoomGraph, row: number): number {
  const {starts, edges} = graph.prev
  const start = starts[row] ?? 0
  const end = starts[row + 1] ?? 0
  if (start === end || ((graph.flags[row] ?? 0) & NOT_JUDGED) !== 0) return 0
  const {depth} = graph.columns
  let most = 0
  for (let k = start; k < end; k += 1) {
    const parent = edges[k] ?? 0
    if (((graph.flags[parent] ?? 0) & NOT_JUDGED) !== 0) return 0
    const above = depth[parent] ?? 0
    if (above > most) most = above
  }
  const own = depth[row] ?? 0
  if (own === most + 1 || (own >= EXACT - 1 && most >= EXACT - 1)) return 0
  return own - Math.min(most + 1, Number(graph.rules.maxDepth))
}

const NOT_JUDGED = Flag.Missing | Flag.Foreign | Flag.Cyclic | Flag.Faulty | Flag.Ambiguous

function wrongDepth(graph: RoomGraph, {source}: HealthEvidence, server: string, wrong: Wrong): Finding {
  const {rows, worst, worstRow} = wrong
  const decides = graph.rules.stateRes === 'v1'
  const others = rows.filter((row) => row !== worstRow)
  return finding(
    'dag/wrong-depth',
    {kind: 'server', server},
    `${server} gave ${count(rows.length, 'event')} a wrong depth, by up to ${Math.abs(worst).toLocaleString('en-US')} too ${
      worst > 0 ? 'great' : 'small'
    } (${graph.id(worstRow)})${decides ? '; in this room version the greater depth can win a conflict' : ''}`,
    [
      ...examples(graph, source, [worstRow, ...others]),
      {source: 'replay', where: `depth of ${graph.id(worstRow)}`, value: String(graph.depth(worstRow))},
    ],
    decides ? {severity: 'warning'} : {},
  )
}
