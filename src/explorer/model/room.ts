import type {ServerView, ToldMarks} from '../../forensics/server-view.ts'
import {findResets, type Reset} from '../../forensics/resets.ts'
import {unpackGraph} from '../../graph/packed-graph.ts'
import {Flag, type RoomGraph} from '../../graph/room-graph.ts'
import {type Adjacency, reversed} from '../../graph/topological-order.ts'
import type {EventId} from '../../matrix/ids.ts'
import type {JsonObject} from '../../matrix/json.ts'
import type {PageData} from '../../report/explorer/page-data.ts'
import {replay, type Replay, UNKNOWN_STATE} from '../../resolve/replay.ts'
import type {StateRoot} from '../../resolve/state-trie.ts'
import {tipsOf} from '../../resolve/tips.ts'

/** The room of the page, replayed: what every view and panel reads. It never changes. */
export interface Room {
  readonly data: PageData
  readonly graph: RoomGraph
  readonly replay: Replay
  readonly tips: readonly number[]
  /** State over the tips, or `UNKNOWN_STATE`. */
  readonly now: StateRoot
  /** Events that follow each event. */
  readonly children: Adjacency
  readonly views: readonly ServerView[]
  /** Contents of message events, where the page holds them. */
  readonly messages: ReadonlyMap<number, JsonObject>
  /** As the forensics find them; made when they are first asked for. */
  readonly resets: () => readonly Reset[]
}

/** @remarks Unpacks and replays: some seconds for a hundred thousand events. */
export function openRoom(data: PageData): Room {
  const graph = unpackGraph(data.graph)
  const result = replay(graph, {reading: data.reading})
  const tips = tipsOf(result)
  const roots = tips.map((tip) => result.after[tip] ?? UNKNOWN_STATE)
  const isOpen = roots.length === 0 || roots.includes(UNKNOWN_STATE)
  let resets: readonly Reset[] | null = null
  return {
    data,
    graph,
    replay: result,
    tips,
    now: isOpen ? UNKNOWN_STATE : result.resolver.resolve(roots).root,
    children: reversed(graph.prev),
    views: viewsOf(graph, data),
    messages: new Map(data.contents.messages),
    // None were found when the page was made: then there are none to look for.
    resets: () => (resets ??= data.resets.length === 0 ? [] : findResets(result, {tips})),
  }
}

/** How many events are cited, but not here. @remarks O(events). */
export function missingIn({graph}: Room): number {
  let missing = 0
  for (let row = 0; row < graph.size; row += 1) missing += Number(graph.has(row, Flag.Missing))
  return missing
}

export function childRows({starts, edges}: Adjacency, row: number): Int32Array {
  return edges.subarray(starts[row] ?? 0, starts[row + 1] ?? 0)
}

function viewsOf(graph: RoomGraph, data: PageData): readonly ServerView[] {
  return data.marks.map(
    ({server, accepted = [], rejected, softFailed, outliers, received, lacks, extremities}): ServerView => {
      const marks = new Map<string, {-readonly [K in keyof ToldMarks]: ToldMarks[K]}>()
      const at = (row: number): {-readonly [K in keyof ToldMarks]: ToldMarks[K]} => {
        const id = graph.id(row)
        const known = marks.get(id) ?? {}
        marks.set(id, known)
        return known
      }
      for (const row of accepted) at(row).rejected = null
      for (const [row, reason] of rejected) at(row).rejected = reason
      for (const row of softFailed) at(row).softFailed = true
      for (const row of outliers) at(row).outlier = true
      for (const [row, ts] of received) at(row).receivedTs = ts
      const absent = lacks === null ? null : new Set(lacks.map((row) => graph.id(row)))
      const has = (eventId: string): boolean | null => (absent === null ? null : !absent.has(eventId as EventId))
      return {server, states: [], extremities, marks, has, recorded: null}
    },
  )
}
