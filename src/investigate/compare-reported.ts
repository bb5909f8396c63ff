import {type Finding, finding} from '../finding/finding.ts'
import {Flag, type RoomGraph} from '../graph/room-graph.ts'
import {ABSENT, type StateRoot, type StateTrie} from '../resolve/state-trie.ts'
import {UNKNOWN_STATE} from '../resolve/replay.ts'
import type {ReportedComparison} from './room-report.ts'

/** A server's own word on the current state. */
export interface Reported {
  readonly server: string
  /** Endpoint or file. */
  readonly how: string
  readonly eventIds: readonly string[]
}

/** Holds a resolved state against what a server reports, slot by slot. */
export function compareWithReported(
  graph: RoomGraph,
  trie: StateTrie,
  root: StateRoot,
  reported: Reported,
  tips: number,
): {readonly comparison: ReportedComparison; readonly findings: readonly Finding[]} | null {
  if (root === UNKNOWN_STATE) return null
  const theirs = new Map<number, number>()
  const unknown: string[] = []
  for (const id of reported.eventIds) {
    const row = graph.row(id)
    const slot = row < 0 ? -1 : (graph.slot[row] ?? -1)
    if (row < 0 || slot < 0 || graph.has(row, Flag.Missing)) unknown.push(id)
    else theirs.set(slot, row)
  }
  const differing = new Set<number>()
  trie.forEach(root, (slot, row) => {
    if ((theirs.get(slot) ?? ABSENT) !== row) differing.add(slot)
  })
  for (const [slot, row] of theirs) if (trie.get(root, slot) !== row) differing.add(slot)
  const name = (row: number): string | null => (row < 0 ? null : graph.id(row))
  const findings = [...differing]
    .sort((a, b) => a - b)
    .map((slot) => {
      const {type, stateKey} = graph.slotAt(slot)
      const ours = name(trie.get(root, slot))
      const other = name(theirs.get(slot) ?? ABSENT)
      return finding(
        'state/divergence',
        {kind: 'slot', type, state_key: stateKey, ...(ours === null ? {} : {event_id: ours})},
        `${type} ${JSON.stringify(stateKey)}: the replay gives ${ours ?? 'nothing'}, ${reported.server} reports ${other ?? 'nothing'}`,
        [
          {source: 'replay', where: `state at ${String(tips)} ${tips === 1 ? 'tip' : 'tips'}`, value: ours},
          {source: reported.server, where: reported.how, value: other},
        ],
      )
    })
  return {
    comparison: {server: reported.server, how: reported.how, differences: differing.size + unknown.length},
    findings: [...findings, ...unknown.map((id) => unknownReported(id, reported))],
  }
}

function unknownReported(id: string, reported: Reported): Finding {
  return finding(
    'state/divergence',
    {kind: 'event', event_id: id},
    `${reported.server} reports ${id} as part of its state, but the event itself was not shown`,
    [{source: reported.server, where: reported.how, value: id}],
    {certainty: 'hint'},
  )
}
