import {type Finding, finding} from '../../finding/finding.ts'
import {Flag, type RoomGraph} from '../../graph/room-graph.ts'
import type {Replay} from '../../resolve/replay.ts'
import {causalRows} from '../causal-order.ts'
import {count, dateOf, EXAMPLES, type HealthEvidence, lineOf} from './evidence.ts'

/** Missing events that are cited at depths further apart than this belong to different gaps. */
const APART = 10

interface Missing {
  readonly row: number
  /** Whether as a prev event, or only as an auth event. */
  asPrev: boolean
  /** Least and greatest depth of those that cite it. */
  from: number
  to: number
  readonly citing: number[]
}

/**
 * Gaps in the DAG: missing events that are cited at about the same depth are one region, those that are only cited as auth events another.
 * What is missing alone has its own finding already (`dag/missing-event`).
 *
 * @remarks O(events + edges) where events are missing, O(events) otherwise.
 */
export function missingRegions({graph}: Replay, evidence: HealthEvidence): readonly Finding[] {
  if (!graph.flags.some((flags) => (flags & Flag.Missing) !== 0)) return []
  const missing = [...collect(graph).values()]
  const auth = missing.filter(({asPrev}) => !asPrev)
  const regions = split(missing.filter(({asPrev}) => asPrev))
  return [
    ...regions.filter((region) => region.length > 1).map((region) => missingRegion(graph, evidence, region)),
    ...(auth.length > 1 ? [missingAuth(graph, evidence, auth)] : []),
  ]
}

/** Missing events that are told of as part of a region: IDs. */
export function missingInRegions(graph: RoomGraph): ReadonlySet<string> {
  if (!graph.flags.some((flags) => (flags & Flag.Missing) !== 0)) return new Set()
  const missing = [...collect(graph).values()]
  const groups = [missing.filter(({asPrev}) => !asPrev), ...split(missing.filter(({asPrev}) => asPrev))]
  return new Set(groups.flatMap((group) => (group.length > 1 ? group.map(({row}) => graph.id(row)) : [])))
}

function collect(graph: RoomGraph): ReadonlyMap<number, Missing> {
  const found = new Map<number, Missing>()
  const note = (row: number, parents: Int32Array, asPrev: boolean): void => {
    for (const parent of parents) {
      if (!graph.has(parent, Flag.Missing)) continue
      const depth = graph.columns.depth[row] ?? 0
      const known = found.get(parent)
      if (known === undefined) {
        found.set(parent, {row: parent, asPrev, from: depth, to: depth, citing: [row]})
        continue
      }
      known.asPrev ||= asPrev
      known.from = Math.min(known.from, depth)
      known.to = Math.max(known.to, depth)
      if (known.citing.length < EXAMPLES) known.citing.push(row)
    }
  }
  for (const row of causalRows(graph)) {
    if (graph.has(row, Flag.Foreign)) continue
    note(row, graph.prevOf(row), true)
    note(row, graph.authOf(row), false)
  }
  return found
}

function split(missing: readonly Missing[]): readonly (readonly Missing[])[] {
  const regions: Missing[][] = []
  for (const event of missing.toSorted((a, b) => a.from - b.from)) {
    const last = regions.at(-1)
    const end = last?.at(-1)?.from ?? -Infinity
    if (last === undefined || event.from - end > APART) regions.push([event])
    else last.push(event)
  }
  return regions
}

function missingRegion(graph: RoomGraph, evidence: HealthEvidence, region: readonly Missing[]): Finding {
  const from = region[0]?.from ?? 0
  const to = region.reduce((most, event) => Math.max(most, event.from), 0)
  const citing = [...new Set(region.flatMap((event) => event.citing))]
  const times = citing.map((row) => graph.ts[row] ?? 0).sort((a, b) => a - b)
  const below = depthBelow(graph, from)
  const nothing =
    below === null
      ? 'nothing that is older is here'
      : `the next older event here has depth ${below.toLocaleString('en-US')}`
  return finding(
    'dag/missing-region',
    {kind: 'room', room_id: graph.roomId},
    `A part of the history is missing: ${count(region.length, 'event')}, cited by events of ${depths(from, to)} (${between(
      times,
    )}), and whatever they follow; ${nothing}`,
    evidenceOf(graph, evidence, region, 'prev'),
    {cause: 'prev-events'},
  )
}

/** Greatest depth of an event here that is below the given one; `null` where there is only the create event, or nothing. */
function depthBelow(graph: RoomGraph, depth: number): number | null {
  let below = -1
  for (let row = 0; row < graph.size; row += 1) {
    const own = graph.columns.depth[row] ?? 0
    if (own < depth && own > below && row !== graph.create && !graph.has(row, Flag.Missing | Flag.Foreign)) below = own
  }
  return below < 0 ? null : below
}

function depths(from: number, to: number): string {
  return from === to
    ? `depth ${from.toLocaleString('en-US')}`
    : `depths ${from.toLocaleString('en-US')} to ${to.toLocaleString('en-US')}`
}

function between(times: readonly number[]): string {
  const [first, last] = [dateOf(times[0] ?? 0), dateOf(times.at(-1) ?? 0)]
  return first === last ? first : `${first} to ${last}`
}

function missingAuth(graph: RoomGraph, evidence: HealthEvidence, auth: readonly Missing[]): Finding {
  return finding(
    'dag/missing-region',
    {kind: 'room', room_id: graph.roomId},
    `${count(auth.length, 'event')} that others cite as auth events are missing: what builds on them cannot be judged`,
    evidenceOf(graph, evidence, auth, 'auth'),
    {cause: 'auth-events'},
  )
}

/** The first missing events, each with one that cites it. */
function evidenceOf(
  graph: RoomGraph,
  {source}: HealthEvidence,
  region: readonly Missing[],
  as: 'prev' | 'auth',
): Finding['evidence'] {
  return region.slice(0, EXAMPLES).flatMap(({row, citing}) => {
    const [by = -1] = citing
    return [
      {source: 'replay', where: `${as} event of ${graph.id(by)}`, value: graph.id(row)},
      lineOf(graph, source, by),
    ]
  })
}
