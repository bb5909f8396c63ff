import type {Finding} from '../../finding/finding.ts'
import {type Replay, UNKNOWN_STATE} from '../../resolve/replay.ts'
import {tipsOf} from '../../resolve/tips.ts'
import {causalOrder} from '../causal-order.ts'
import {RecordedRoots, ToldRows} from '../recorded-roots.ts'
import {brokenAuthEvents} from './broken-auth-events.ts'
import {clockSkew} from './clocks.ts'
import {wrongDepths} from './depths.ts'
import {type HealthEvidence, serversOf} from './evidence.ts'
import {extremities} from './extremities.ts'
import {massLeaves} from './mass-leaves.ts'
import {missingRegions} from './missing-regions.ts'
import {notCompared} from './not-compared.ts'
import {serverSteps} from './server-steps.ts'
import {intruders} from './told-states.ts'
import {truncatedStates} from './truncated-states.ts'
import {vanishedServers} from './vanished-servers.ts'
import {wedgedMembers} from './wedged-members.ts'

export type {HealthEvidence}

const WEIGHT = {error: 0, warning: 1, note: 2} as const

/**
 * What is wrong with a room's DAG and with what servers say of it, beside what single events are rejected for: one finding for a cause, with
 * examples, the most severe first.
 *
 * @param resets - findings on slots that went back or vanished; a mass leave is their head
 * @remarks Linear in events, edges and told slots; resolves the tips once, which the resolver remembers.
 */
export function healthFindings(
  replay: Replay,
  evidence: HealthEvidence,
  resets: readonly Finding[] = [],
): readonly Finding[] {
  const servers = serversOf(replay.graph)
  const rows = tipsOf(replay).toSorted(causalOrder(replay.graph))
  const roots = rows.map((row) => replay.after[row] ?? UNKNOWN_STATE)
  const root = roots.includes(UNKNOWN_STATE) || roots.length === 0 ? UNKNOWN_STATE : replay.resolver.resolve(roots).root
  const told = new ToldRows(replay.graph)
  const views = evidence.views.map((view) => ({
    view,
    roots: new RecordedRoots(replay.graph, replay.trie, view.recorded, told),
  }))
  return [
    ...massLeaves(replay, {rows, root}, resets),
    ...serverSteps(replay, views),
    ...truncatedStates(replay, views),
    ...intruders(replay, evidence.views),
    ...notCompared(replay.graph, evidence.views),
    ...wedgedMembers(replay, evidence),
    ...brokenAuthEvents(replay, evidence),
    ...extremities(replay, rows, evidence),
    ...missingRegions(replay, evidence),
    ...wrongDepths(replay, evidence, servers),
    ...clockSkew(replay, evidence, servers),
    ...vanishedServers(replay, root, evidence, servers),
  ].sort((a, b) => WEIGHT[a.severity] - WEIGHT[b.severity])
}
