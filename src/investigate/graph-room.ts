import {type BlamedMerge, blameSlot} from '../forensics/blame.ts'
import {findResets} from '../forensics/resets.ts'
import {Flag, type RoomGraph} from '../graph/room-graph.ts'
import type {Adjacency} from '../graph/topological-order.ts'
import type {DrawingCounts, DrawnEdge, DrawnNode, Focus, RoomDrawing} from '../report/graph/room-drawing.ts'
import type {Reading} from '../resolve/auth-difference.ts'
import type {Replay} from '../resolve/replay.ts'
import {tipsOf} from '../resolve/tips.ts'
import {slotToBlame} from './blame-room.ts'
import {lookAtRoom, nameOf} from './check-room.ts'
import {eachOnce} from './check-verdict.ts'
import {findEvent} from './find-event.ts'
import {contractedCut, type GraphCut, inducedCut, linearRuns, rowsAround, type Run} from './graph-cut.ts'
import {graphMarks} from './graph-marks.ts'
import {NodeMaker} from './graph-nodes.ts'
import {isLiveRoom} from './open-room.ts'
import type {OpenedRoom} from './opened-room.ts'

export interface GraphOptions {
  /** @defaultValue `synapse` */
  readonly reading?: Reading
  /** Which citations are drawn. @defaultValue `prev` */
  readonly edges?: 'prev' | 'auth'
  /** Only what is so near to an event, whose ID may be cut; radius in steps. */
  readonly around?: {readonly event: string; readonly radius: number}
  /** Only the life of one slot; a type that is a user ID stands for that user's membership. */
  readonly slot?: {readonly type: string; readonly stateKey: string | undefined}
  /** Linear runs as one node. */
  readonly collapse?: boolean
  /** Most nodes; the newest stay, or those nearest to the event. @defaultValue no limit */
  readonly limit?: number
  readonly nowMs: number
}

/**
 * A room, or the part of it that matters, as a graph to be drawn: events as nodes, citations as edges, with what the replay and the checks
 * say of each.
 *
 * @throws StateError EVENT_UNKNOWN, SLOT_UNKNOWN
 * @remarks Costs what `check` costs; choosing and joining are linear in events and edges.
 */
export async function graphRoom(opened: OpenedRoom, options: GraphOptions): Promise<RoomDrawing> {
  const {reading = 'synapse', nowMs, edges: edgesAre = 'prev'} = options
  const {graph, source} = opened.room
  // What was mistyped is said before anybody waits.
  const chosen = choose(graph, options)
  const {resolved, compared, open, replayed} = await lookAtRoom(opened, {isLive: isLiveRoom(source), reading, nowMs})
  const tips = tipsOf(replayed)
  const resets = findResets(replayed, {tips})
  const findings = eachOnce([resolved.findings, compared.findings])
  const entries = chosen.slot < 0 ? [] : blameSlot(replayed, tips, chosen.slot, resets).entries
  const merges = entries.flatMap((entry) => (entry.kind === 'merge' ? [entry] : []))
  const marks = graphMarks(replayed, {tips, resets, findings, merges, views: opened.views ?? []})
  const maker = new NodeMaker(replayed, marks)
  const relation = edgesAre === 'auth' ? graph.auth : graph.prev
  const part = cutOf(replayed, {...chosen, relation, edgesAre, tips, merges})
  const runs =
    options.collapse === true
      ? linearRuns(part.cut, (row) => row !== chosen.row && maker.isPlain(row))
      : part.cut.rows.map((row): Run => ({rows: [row]}))
  const kept = newestOrNearest(runs, part.order, options.limit)
  const {nodes, edges} = draw(relation, {part, kept, maker, edgesAre, isLife: chosen.slot >= 0})
  return {
    roomId: graph.roomId,
    roomVersion: resolved.roomVersion,
    name: nameOf(resolved),
    reading,
    edgesAre,
    focus: chosen.focus,
    collapsed: options.collapse === true,
    complete: resolved.complete && compared.complete,
    open,
    nodes,
    edges,
    counts: countsOf(nodes, resolved.counts.events, findings.length),
    says: [...part.says, ...saysOfLimit(graph, runs, kept, part.order !== null)],
  }
}

interface Chosen {
  readonly focus: Focus
  /** Of the event or slot; -1: none. */
  readonly row: number
  readonly slot: number
}

function choose(graph: RoomGraph, {around, slot}: GraphOptions): Chosen {
  if (around !== undefined) {
    const row = findEvent(graph, around.event)
    return {focus: {kind: 'around', eventId: graph.id(row), radius: around.radius}, row, slot: -1}
  }
  if (slot === undefined) return {focus: {kind: 'room'}, row: -1, slot: -1}
  const number = slotToBlame(graph, slot.type, slot.stateKey)
  return {focus: {kind: 'slot', ...graph.slotAt(number)}, row: -1, slot: number}
}

interface Part {
  readonly cut: GraphCut
  /** Rows nearest first, where those are to stay; `null`: the newest. */
  readonly order: readonly number[] | null
  readonly says: readonly string[]
}

interface CutQuestion extends Chosen {
  readonly relation: Adjacency
  readonly edgesAre: 'prev' | 'auth'
  readonly tips: readonly number[]
  /** Of the slot. */
  readonly merges: readonly BlamedMerge[]
}

function cutOf(result: Replay, {focus, row, slot, relation, edgesAre, tips, merges}: CutQuestion): Part {
  const {graph} = result
  if (focus.kind === 'slot') {
    const asked = new Set(merges.map(({merge}) => merge.at))
    const life = lifeOf(result, slot, tips, merges)
    // Events of one slot need not cite each other: what joins them is what they rest on.
    const cut =
      edgesAre === 'auth'
        ? inducedCut(relation, withCited(graph, life))
        : contractedCut(relation, life, (one) => asked.has(one))
    return {cut, order: null, says: []}
  }
  const isIn = edgesAre === 'auth' ? authRows(graph, row) : () => true
  const all = [...graph.ids.keys()].filter(isIn)
  const says = saysOfMessages(graph, all)
  if (focus.kind === 'room') return {cut: inducedCut(relation, all), order: null, says}
  const near = rowsAround(relation, row, focus.radius, isIn)
  return {
    cut: inducedCut(
      relation,
      near.toSorted((a, b) => a - b),
    ),
    order: near,
    says: [],
  }
}

function saysOfMessages(graph: RoomGraph, drawn: readonly number[]): readonly string[] {
  const isDrawn = new Set(drawn)
  const leftOut = [...graph.ids.keys()].filter((row) => !isDrawn.has(row))
  const missing = leftOut.filter((row) => graph.has(row, Flag.Missing)).length
  const parts = [
    ...counted(leftOut.length - missing, 'message'),
    ...counted(missing, 'missing event').map((words) => `${words} of unknown type`),
  ]
  if (parts.length === 0) return []
  const [are, them] = leftOut.length === 1 ? ['is', 'it'] : ['are', 'them']
  return [`Left out ${are} ${parts.join(' and ')}: no event cites ${them} as auth event.`]
}

function counted(number: number, what: string): readonly string[] {
  return number === 0 ? [] : [`${number.toLocaleString('en-US')} ${what}${number === 1 ? '' : 's'}`]
}

/** State events, and whatever is cited as an auth event: messages would only be leaves. */
function authRows(graph: RoomGraph, asked: number): (row: number) => boolean {
  const cited = new Set(graph.auth.edges)
  return (row) => row === asked || graph.has(row, Flag.State) || cited.has(row)
}

/** What set the slot or tried to, the merges that changed it, what they had to choose among and what decided, and the tips. */
function lifeOf(
  {graph}: Replay,
  slot: number,
  tips: readonly number[],
  merges: readonly BlamedMerge[],
): readonly number[] {
  const rows = new Set(tips)
  for (let row = 0; row < graph.size; row += 1) if (graph.slot[row] === slot) rows.add(row)
  for (const {merge, reset} of merges) {
    if (merge.at !== null) rows.add(merge.at)
    for (const {event} of reset?.blockers ?? []) rows.add(event)
    if (reset?.root !== undefined && reset.root !== null) rows.add(reset.root.event)
  }
  return [...rows].filter((row) => row >= 0).sort((a, b) => a - b)
}

function withCited(graph: RoomGraph, rows: readonly number[]): readonly number[] {
  return [...new Set(rows.flatMap((row) => [row, ...graph.authOf(row)]))].sort((a, b) => a - b)
}

function newestOrNearest(runs: readonly Run[], order: readonly number[] | null, limit = Infinity): readonly Run[] {
  if (runs.length <= limit) return runs
  if (order === null) return runs.slice(-limit)
  const place = new Map(order.map((row, at) => [row, at]))
  const nearness = ({rows}: Run): number =>
    rows.reduce((least, row) => Math.min(least, place.get(row) ?? Infinity), Infinity)
  const kept = new Set(runs.toSorted((a, b) => nearness(a) - nearness(b)).slice(0, limit))
  return runs.filter((run) => kept.has(run))
}

function saysOfLimit(
  graph: RoomGraph,
  runs: readonly Run[],
  kept: readonly Run[],
  isNearest: boolean,
): readonly string[] {
  if (kept.length === runs.length) return []
  // Runs are several events, and what is missing is none that is counted elsewhere.
  const isEvent = ({rows: [row = 0, ...more]}: Run): boolean => more.length === 0 && !graph.has(row, Flag.Missing)
  const what = runs.every(isEvent) ? 'events' : 'nodes'
  const which = isNearest ? 'nearest' : 'newest'
  return [
    `${kept.length.toLocaleString('en-US')} of ${runs.length.toLocaleString('en-US')} ${what}, the ${which}; --limit shows more.`,
  ]
}

interface Kept {
  readonly part: Part
  readonly kept: readonly Run[]
  readonly maker: NodeMaker
  readonly edgesAre: 'prev' | 'auth'
  /** Whether it is the life of a slot. */
  readonly isLife: boolean
}

function draw({starts, edges: edgesOf}: Adjacency, {part, kept, maker, edgesAre, isLife}: Kept) {
  const isDrawn = new Map(kept.flatMap((run) => run.rows.map((row) => [row, run] as const)))
  const edges = new Map<string, {from: Run; to: Run; hidden: number}>()
  const number = new Map(kept.map((run, at) => [run, at]))
  const drawnParents = new Map<Run, number>()
  for (const {from, to, hidden} of part.cut.edges) {
    const [below, above] = [isDrawn.get(from), isDrawn.get(to)]
    if (below === undefined || above === undefined) continue
    drawnParents.set(below, (drawnParents.get(below) ?? 0) + 1)
    if (below !== above || from === to) {
      edges.set(`${String(number.get(below))} ${String(number.get(above))}`, {from: below, to: above, hidden})
    }
  }
  // In the life of a slot nearly nothing is drawn, and its edges tell of the rest.
  const notDrawn = ({rows}: Run): number =>
    isLife
      ? 0
      : rows.reduce((sum, row) => sum + new Set(edgesOf.subarray(starts[row] ?? 0, starts[row + 1] ?? 0)).size, 0)
  const nodes = new Map(
    kept.map((run) => [run, nodeOf(run, Math.max(0, notDrawn(run) - (drawnParents.get(run) ?? 0)), maker)]),
  )
  const keyOf = (run: Run): string => nodes.get(run)?.key ?? ''
  return {
    nodes: [...nodes.values()],
    edges: edges
      .values()
      .map(({from, to, hidden}): DrawnEdge => ({
        from: keyOf(from),
        to: keyOf(to),
        attributes: hidden === 0 ? {kind: edgesAre} : {kind: 'path', events: hidden},
      }))
      .toArray(),
  }
}

function nodeOf({rows}: Run, notDrawn: number, maker: NodeMaker): DrawnNode {
  const [only = 0] = rows
  return rows.length === 1 ? maker.event(only, notDrawn) : maker.run(rows, notDrawn)
}

function countsOf(nodes: readonly DrawnNode[], eventsOfRoom: number, findings: number): DrawingCounts {
  const those = nodes.map(({attributes}) => attributes)
  return {
    eventsOfRoom,
    events: those.reduce((sum, {events, kind}) => sum + (kind === 'foreign' ? 0 : events), 0),
    missing: those.filter(({kind}) => kind === 'missing').length,
    conflicts: those.filter(({conflicts}) => conflicts > 0).length,
    resets: those.filter(({resets}) => resets !== undefined).length,
    findings,
  }
}
