import {type Finding, finding} from '../../finding/finding.ts'
import {Flag, Membership} from '../../graph/room-graph.ts'
import {type Replay, UNKNOWN_STATE, Verdict} from '../../resolve/replay.ts'
import type {StateRoot} from '../../resolve/state-trie.ts'
import {causalRows} from '../causal-order.ts'
import {count, dateOf, type HealthEvidence, lineOf, type Servers} from './evidence.ts'

/** Of all events of the room: how many must have come since the server's last. */
const SILENT_SHARE = 0.25
/** How many events of the server should have come since, had it gone on as before. Chance alone gives none once in 10^8 rooms. */
const EXPECTED = 20

/**
 * Servers that once took part and have sent nothing for long, while users of theirs are still joined. Time is counted in events of the
 * room, since dates are what servers claim.
 *
 * @param root - the state at the tips, or `UNKNOWN_STATE`: then nothing is said
 * @remarks O(events + state).
 */
export function vanishedServers(
  {graph, verdicts, trie}: Replay,
  root: StateRoot,
  {source}: HealthEvidence,
  servers: Servers,
): readonly Finding[] {
  if (root === UNKNOWN_STATE || servers.names.length < 2) return []
  const sent = new Int32Array(servers.names.length)
  const last = new Int32Array(servers.names.length).fill(-1)
  const lastPlace = new Int32Array(servers.names.length)
  let events = 0
  for (const row of causalRows(graph)) {
    if (verdicts[row] === Verdict.Rejected || ((graph.flags[row] ?? 0) & ELSEWHERE) !== 0) continue
    events += 1
    const server = servers.ofUser[graph.sender[row] ?? 0] ?? 0
    sent[server] = (sent[server] ?? 0) + 1
    last[server] = row
    lastPlace[server] = events
  }
  const silent = [...sent.keys()].filter((server) => {
    const until = lastPlace[server] ?? 0
    const since = events - until
    return since >= events * SILENT_SHARE && ((sent[server] ?? 0) / Math.max(until, 1)) * since >= EXPECTED
  })
  if (silent.length === 0) return []
  const joined = new Int32Array(servers.names.length)
  trie.forEach(root, (_slot, row) => {
    if (graph.membership[row] !== Membership.Join) return
    const server = servers.ofUser[graph.target[row] ?? 0] ?? 0
    joined[server] = (joined[server] ?? 0) + 1
  })
  return silent
    .filter((server) => (joined[server] ?? 0) > 0)
    .map((server) => {
      const name = servers.names[server] ?? ''
      const row = last[server] ?? -1
      const since = events - (lastPlace[server] ?? 0)
      return finding(
        'server/vanished',
        {kind: 'server', server: name},
        `${name} has sent nothing for the last ${count(since, 'event')} of the room, after ${count(
          sent[server] ?? 0,
          'event',
        )} of its own (the last on ${dateOf(graph.ts[row] ?? 0)}); ${count(joined[server] ?? 0, 'user')} of it ${
          joined[server] === 1 ? 'is' : 'are'
        } still joined`,
        [
          lineOf(graph, source, row),
          {source: 'replay', where: 'events of the room since', value: since},
          {source: 'replay', where: 'users still joined', value: joined[server] ?? 0},
        ],
      )
    })
}

const ELSEWHERE = Flag.Missing | Flag.Foreign
