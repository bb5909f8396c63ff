import {type Finding, finding} from '../../finding/finding.ts'
import {Flag, type RoomGraph} from '../../graph/room-graph.ts'
import {type Replay, Verdict} from '../../resolve/replay.ts'
import type {ServerView} from '../server-view.ts'
import {causalRows} from '../causal-order.ts'
import {count, EXAMPLES, type HealthEvidence, lineOf, list, span} from './evidence.ts'

/** Synapse sends events of its own to join extremities when a room has more than this. */
const MANY = 10
/** An extremity is old when the newest one of the server is ahead of it by both. */
const OLD_DEPTH = 100
const OLD_MS = 86_400_000

type Extremities = ServerView & {readonly extremities: readonly string[]}

/**
 * What servers say are their forward extremities, held against the events and the replay's tips: too many, old ones, unknown ones, and those
 * that are none since the server has their children. Where no server told any, only the number of tips is looked at.
 *
 * @param tips - rows of the replay's tips
 * @remarks O(extremities), and O(edges) once where any were told.
 */
export function extremities(replay: Replay, tips: readonly number[], evidence: HealthEvidence): readonly Finding[] {
  const told = evidence.views.filter((view): view is Extremities => view.extremities !== null)
  if (told.length === 0) return manyTips(replay.graph, tips, evidence)
  const children = childrenOf(replay, told)
  return told.flatMap((view) => [
    ...manyExtremities(view),
    ...oldExtremities(replay.graph, view),
    ...unknownExtremities(replay.graph, view),
    ...staleExtremities(replay.graph, view, children),
    ...otherExtremities(replay, view, tips),
  ])
}

const COST =
  'a new event cites at most 10 to 20 of them, and before each event the server must resolve the state of all: sending and receiving get slow'

function manyTips(graph: RoomGraph, tips: readonly number[], {source}: HealthEvidence): readonly Finding[] {
  if (tips.length <= MANY) return []
  return [
    finding(
      'dag/many-tips',
      {kind: 'room', room_id: graph.roomId},
      `The history here has ${count(tips.length, 'open end')} that no later event joins: on a server that has all of them as forward extremities, ${COST}`,
      [
        {source: 'replay', where: 'tips', value: tips.length},
        ...tips.slice(0, EXAMPLES).map((row) => lineOf(graph, source, row)),
      ],
    ),
  ]
}

function manyExtremities({server, extremities: ids}: Extremities): readonly Finding[] {
  if (ids.length <= MANY) return []
  return [
    finding(
      'server/many-extremities',
      {kind: 'server', server},
      `${server} has ${count(ids.length, 'forward extremity', 'forward extremities')}, events that it has seen no successor of: ${COST}`,
      [{source: server, where: 'forward extremities', value: ids.length}, ...idsOf(server, ids)],
    ),
  ]
}

function idsOf(server: string, ids: readonly string[]): Finding['evidence'] {
  return ids.slice(0, EXAMPLES).map((value) => ({source: server, where: 'forward extremities', value}))
}

/** Row of an event that is here; -1 otherwise. */
function rowOf(graph: RoomGraph, id: string): number {
  const row = graph.row(id)
  return row >= 0 && graph.has(row, Flag.Missing | Flag.Foreign) ? -1 : row
}

function oldExtremities(graph: RoomGraph, {server, extremities: ids}: Extremities): readonly Finding[] {
  const rows = ids.map((id) => rowOf(graph, id)).filter((row) => row >= 0)
  const depthOf = (row: number): number => graph.columns.depth[row] ?? 0
  const newest = rows.reduce((most, row) => Math.max(most, depthOf(row)), 0)
  const latest = rows.reduce((most, row) => Math.max(most, graph.ts[row] ?? 0), 0)
  const old = rows.filter((row) => newest - depthOf(row) >= OLD_DEPTH && latest - (graph.ts[row] ?? 0) >= OLD_MS)
  if (old.length === 0) return []
  old.sort((a, b) => depthOf(a) - depthOf(b))
  const oldest = old[0] ?? -1
  return [
    finding(
      'server/old-extremity',
      {kind: 'server', server},
      `${server} still has ${
        old.length === 1
          ? 'an old forward extremity'
          : count(old.length, 'old forward extremity', 'old forward extremities')
      }: ${graph.id(oldest)} is ${(newest - depthOf(oldest)).toLocaleString('en-US')} steps and ${span(
        latest - (graph.ts[oldest] ?? 0),
      )} behind the newest; each resolution of the state reaches back that far`,
      idsOf(
        server,
        old.map((row) => graph.id(row)),
      ),
    ),
  ]
}

function unknownExtremities(graph: RoomGraph, {server, extremities: ids}: Extremities): readonly Finding[] {
  const unknown = ids.filter((id) => rowOf(graph, id) < 0)
  if (unknown.length === 0) return []
  return [
    finding(
      'server/unknown-extremity',
      {kind: 'server', server},
      `${server} builds on ${
        unknown.length === 1 ? 'an event' : count(unknown.length, 'event')
      } that the evidence lacks: ${list(unknown)}`,
      idsOf(server, unknown),
    ),
  ]
}

/** By extremity's row: accepted events that have it as a prev event. */
function childrenOf({graph, verdicts}: Replay, told: readonly Extremities[]): ReadonlyMap<number, readonly number[]> {
  const children = new Map<number, number[]>()
  for (const {extremities: ids} of told)
    for (const id of ids) if (rowOf(graph, id) >= 0) children.set(graph.row(id), [])
  const {starts, edges} = graph.prev
  for (const row of causalRows(graph)) {
    if (verdicts[row] !== Verdict.Accepted) continue
    for (let k = starts[row] ?? 0, end = starts[row + 1] ?? 0; k < end; k += 1) children.get(edges[k] ?? 0)?.push(row)
  }
  return children
}

/** An event with a successor on the server, neither rejected nor soft-failed nor an outlier there, is no extremity. */
function staleExtremities(
  graph: RoomGraph,
  view: Extremities,
  children: ReadonlyMap<number, readonly number[]>,
): readonly Finding[] {
  const {server, marks} = view
  const stale: {readonly id: string; readonly child: string; readonly isMarked: boolean}[] = []
  for (const id of view.extremities) {
    for (const row of children.get(graph.row(id)) ?? []) {
      const child = graph.id(row)
      const known = marks.get(child)
      if (view.has(child) !== true || known?.softFailed === true || known?.outlier === true) continue
      if (known?.rejected !== undefined && known.rejected !== null) continue
      stale.push({id, child, isMarked: known?.softFailed === false})
      break
    }
  }
  if (stale.length === 0) return []
  const [first] = stale
  const isCertain = stale.every(({isMarked}) => isMarked)
  return [
    finding(
      'server/stale-extremity',
      {kind: 'server', server},
      `${server} lists ${
        stale.length === 1 ? 'a forward extremity' : count(stale.length, 'forward extremity', 'forward extremities')
      } that it has a successor of: ${first?.id ?? ''} is followed by ${first?.child ?? ''}${
        isCertain ? '' : ', unless it soft-failed that one or received it since'
      }`,
      stale.slice(0, EXAMPLES).flatMap(({id, child}) => [
        {source: server, where: 'forward extremities', value: id},
        {source: server, where: `prev event of ${child}`, value: id},
      ]),
      isCertain ? {} : {severity: 'note', certainty: 'hint'},
    ),
  ]
}

/**
 * Which of the replay's tips the server does not have as extremities, and which of its extremities are no tips. Where events could not be
 * judged, the tips are those of a part.
 */
function otherExtremities(replay: Replay, view: Extremities, tips: readonly number[]): readonly Finding[] {
  const {graph} = replay
  if (hasUndetermined(replay)) return []
  const told = new Set(view.extremities)
  const lacks = tips.map((row) => graph.id(row)).filter((id) => !told.has(id))
  const tipIds = new Set<string>(tips.map((row) => graph.id(row)))
  const more = view.extremities.filter((id) => !tipIds.has(id) && rowOf(graph, id) >= 0)
  if (lacks.length === 0 && more.length === 0) return []
  const reasons = new Map<string, string[]>()
  for (const id of lacks) {
    const why = whyLacking(view, id)
    reasons.set(why, [...(reasons.get(why) ?? []), id])
  }
  const parts = [
    ...[...reasons].map(([why, ids]) => `${list(ids)} ${why}`),
    ...(more.length === 0 ? [] : [`it ends at ${list(more)}, which other events follow or which the replay rejects`]),
  ]
  return [
    finding(
      'server/other-extremities',
      {kind: 'server', server: view.server},
      `${view.server} sees other ends of the history than the events here have: ${parts.join('; ')}`,
      [
        ...lacks.slice(0, EXAMPLES).map((value) => ({source: 'replay', where: 'tips', value})),
        ...idsOf(view.server, more),
      ],
    ),
  ]
}

function hasUndetermined({graph, verdicts}: Replay): boolean {
  return verdicts.some((verdict, row) => verdict === Verdict.Undetermined && !graph.has(row, Flag.Foreign))
}

/** In words that follow event IDs. */
function whyLacking({marks, has}: Extremities, id: string): string {
  const known = marks.get(id)
  if (known?.softFailed === true) return 'soft-failed there'
  if (known?.rejected !== undefined && known.rejected !== null) return 'was rejected there'
  if (known?.outlier === true) return 'is known there outside the history only'
  return has(id) === false ? 'has not arrived there' : 'is not among its ends'
}
