import {Flag, type RoomGraph} from '../../graph/room-graph.ts'
import {serverNameOf} from '../../matrix/ids.ts'

/** Servers with a lane of their own; the rest share one. */
export const MOST_LANES = 60
/** Branches that are drawn side by side in a lane; more share the last place. */
export const MOST_COLUMNS = 32

export interface Lane {
  /** Server name; `null`: the lane of all others. */
  readonly server: string | null
  readonly events: number
  /** Servers that it stands for; the busiest first. */
  readonly names: readonly string[]
  /** Places side by side. */
  readonly columns: number
  /** There were more branches at once than places: the last place is shared. */
  readonly isFull: boolean
}

/** Where every event stands: lane and place in it. Time is the row. */
export interface Layout {
  /** Busiest first. */
  readonly lanes: readonly Lane[]
  readonly laneOf: Uint8Array
  readonly columnOf: Uint8Array
}

/**
 * A lane for each server, the busiest first; within a lane, branches side by side.
 *
 * @remarks O(events + edges): a lane has few columns.
 */
export function layoutOf(graph: RoomGraph): Layout {
  const laneOf = new Uint8Array(graph.size)
  const servers = serversOf(graph)
  const lanes = servers.order.slice(0, MOST_LANES)
  const laneOfServer = new Uint8Array(servers.order.length).fill(lanes.length)
  for (const [lane, server] of lanes.entries()) laneOfServer[server] = lane
  for (let row = graph.size - 1; row >= 0; row -= 1) {
    const server = servers.ofRow[row] ?? -1
    if (server >= 0) laneOf[row] = laneOfServer[server] ?? 0
  }
  placeMissing(graph, servers.ofRow, laneOf)
  const count = servers.order.length > MOST_LANES ? MOST_LANES + 1 : Math.max(1, servers.order.length)
  const {columnOf, columns, isFull} = columnsOf(graph, laneOf, count)
  const rest = servers.order.slice(MOST_LANES)
  return {
    lanes: Array.from({length: count}, (_, lane): Lane => {
      const server = lanes[lane]
      return server === undefined
        ? {
            server: null,
            events: rest.reduce((sum, other) => sum + (servers.counts[other] ?? 0), 0),
            names: rest.map((other) => servers.names[other] ?? ''),
            columns: columns[lane] ?? 1,
            isFull: isFull[lane] ?? false,
          }
        : {
            server: servers.names[server] ?? '',
            events: servers.counts[server] ?? 0,
            names: [servers.names[server] ?? ''],
            columns: columns[lane] ?? 1,
            isFull: isFull[lane] ?? false,
          }
    }),
    laneOf,
    columnOf,
  }
}

function serversOf(graph: RoomGraph) {
  const names: string[] = []
  const byName = new Map<string, number>()
  const ofUser = new Int32Array(graph.columns.users.size).fill(-1)
  const counts: number[] = []
  const ofRow = new Int32Array(graph.size).fill(-1)
  for (let row = 0; row < graph.size; row += 1) {
    const user = graph.sender[row] ?? -1
    if (user < 0 || graph.has(row, Flag.Missing)) continue
    let server = ofUser[user] ?? -1
    if (server < 0) {
      const name = serverNameOf(graph.user(user))
      server = byName.get(name) ?? names.length
      if (server === names.length) {
        names.push(name)
        counts.push(0)
        byName.set(name, server)
      }
      ofUser[user] = server
    }
    ofRow[row] = server
    counts[server] = (counts[server] ?? 0) + 1
  }
  const order = names.map((_, server) => server).sort((a, b) => (counts[b] ?? 0) - (counts[a] ?? 0) || a - b)
  return {names, counts, order, ofRow}
}

/** Whose an event is that is not here, nobody knows: it stands with the last event that cites it. */
function placeMissing(graph: RoomGraph, ofRow: Int32Array, laneOf: Uint8Array): void {
  for (let row = 0; row < graph.size; row += 1) {
    for (const parents of [graph.prevOf(row), graph.authOf(row)]) {
      for (const parent of parents) if ((ofRow[parent] ?? -1) < 0) laneOf[parent] = laneOf[row] ?? 0
    }
  }
}

/** An event goes on where one of its prev events stands that none has followed yet, or takes a free place. */
function columnsOf(graph: RoomGraph, laneOf: Uint8Array, count: number) {
  const columnOf = new Uint8Array(graph.size)
  const columns = new Array<number>(count).fill(1)
  const isFull = new Array<boolean>(count).fill(false)
  const isFollowed = new Uint8Array(graph.size)
  for (const parent of graph.prev.edges) isFollowed[parent] = 1
  /** By lane and column: the newest event there, or -1 where the place is free. */
  const heads = new Int32Array(count * MOST_COLUMNS).fill(-1)
  for (let row = 0; row < graph.size; row += 1) {
    const lane = laneOf[row] ?? 0
    const base = lane * MOST_COLUMNS
    let place = -1
    for (const parent of graph.prevOf(row)) {
      const at = (laneOf[parent] ?? 0) * MOST_COLUMNS + (columnOf[parent] ?? 0)
      if (heads[at] !== parent) continue
      // Followed now: the place is free again, and the event's own if it is in its lane.
      heads[at] = -1
      if (laneOf[parent] === lane && (place < 0 || at - base < place)) place = at - base
    }
    if (place < 0) {
      place = 0
      while (place < MOST_COLUMNS - 1 && heads[base + place] !== -1) place += 1
    }
    if (place === MOST_COLUMNS - 1 && heads[base + place] !== -1) isFull[lane] = true
    // What nothing follows keeps no place.
    if (isFollowed[row] === 1) heads[base + place] = row
    columnOf[row] = place
    if (place + 1 > (columns[lane] ?? 1)) columns[lane] = place + 1
  }
  return {columnOf, columns, isFull}
}
