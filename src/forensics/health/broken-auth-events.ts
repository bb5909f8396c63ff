import {type Finding, finding, type FindingId} from '../../finding/finding.ts'
import {serverNameOf} from '../../matrix/ids.ts'
import type {Replay} from '../../resolve/replay.ts'
import {causalOrder} from '../causal-order.ts'
import {count, examples, type HealthEvidence, list} from './evidence.ts'

/** Rules on auth_events that tell of a damaged state on the server that sent the event, by their names. */
const KINDS: ReadonlyMap<string, readonly [id: FindingId, what: string]> = new Map([
  ['auth-events.duplicate', ['dag/duplicate-auth-events', 'cites two events for one slot among its auth_events']],
  ['auth-events.no-create', ['dag/no-create-in-auth-events', 'cites no create event among its auth_events']],
  ['auth-events.other-room', ['dag/foreign-auth-events', 'cites an event of another room among its auth_events']],
  ['auth-events.rejected', ['dag/rejected-auth-events', 'cites a rejected event among its auth_events']],
])

interface Group {
  readonly id: FindingId
  readonly what: string
  readonly rows: number[]
  readonly byServer: Map<string, number>
}

/**
 * Events that are rejected for what they cite in auth_events: one finding for each kind, about the server that sent them, or about the room
 * where several did.
 *
 * @remarks O(rejected events).
 */
export function brokenAuthEvents({graph, rejections}: Replay, {source}: HealthEvidence): readonly Finding[] {
  const groups = new Map<FindingId, Group>()
  const compare = causalOrder(graph)
  for (const [row, {name, rule}] of [...rejections].sort(([a], [b]) => compare(a, b))) {
    const kind = KINDS.get(name)
    if (kind === undefined || !rule.endsWith('@auth')) continue
    const [id, what] = kind
    const group = groups.get(id) ?? {id, what, rows: [], byServer: new Map<string, number>()}
    const server = serverNameOf(graph.senderName(row))
    group.rows.push(row)
    group.byServer.set(server, (group.byServer.get(server) ?? 0) + 1)
    groups.set(id, group)
  }
  return [...groups.values()].map((group) => {
    const {id, what, rows, byServer} = group
    const first = rejections.get(rows[0] ?? -1)
    const [single, other] = byServer.keys()
    return finding(
      id,
      single === undefined || other !== undefined
        ? {kind: 'room', room_id: graph.roomId}
        : {kind: 'server', server: single},
      rows.length === 1
        ? `${single ?? ''} sent an event that ${what}; every server rejects it`
        : `${senders(byServer)} sent ${count(rows.length, 'event')} that ${plural(what)}; every server rejects them`,
      [...examples(graph, source, rows), {source: 'replay', where: first?.rule ?? '', value: first?.because ?? null}],
      first === undefined ? {} : {cause: first.rule},
    )
  })
}

/** Who sent how many, most first. */
function senders(byServer: ReadonlyMap<string, number>): string {
  if (byServer.size === 1) return [...byServer.keys()].join('')
  const sorted = [...byServer].sort((a, b) => b[1] - a[1])
  return list(sorted.map(([server, events]) => `${server} (${String(events)})`))
}

function plural(what: string): string {
  return what.replace('cites', 'cite').replace(' its ', ' their ')
}
