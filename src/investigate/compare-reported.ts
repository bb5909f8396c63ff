import {type Finding, finding} from '../finding/finding.ts'
import {absence, sentence, slotWords} from '../finding/slot-words.ts'
import {RecordedRoots, ToldRows} from '../forensics/recorded-roots.ts'
import type {ToldSlot} from '../forensics/server-view.ts'
import type {RoomGraph, Slot} from '../graph/room-graph.ts'
import {ABSENT, type StateRoot, type StateTrie} from '../resolve/state-trie.ts'
import {UNKNOWN_STATE} from '../resolve/replay.ts'
import type {ReportedComparison} from './room-report.ts'

/** A server's own word on the current state. */
export interface Reported {
  readonly server: string
  /** Endpoint or file. */
  readonly how: string
  readonly eventIds: readonly string[]
  /** The same with the slots that they stand in, where these were told. */
  readonly slots?: readonly ToldSlot[]
  /** When it was told, milliseconds since 1970; 0 where that is not known, as of a file. */
  readonly ts?: number
}

/** Holds a resolved state against what a server reports, slot by slot, as `diff` does. */
export function compareWithReported(
  graph: RoomGraph,
  trie: StateTrie,
  root: StateRoot,
  reported: Reported,
  tips: number,
): {readonly comparison: ReportedComparison; readonly findings: readonly Finding[]} | null {
  if (root === UNKNOWN_STATE) return null
  const {server, how, eventIds} = reported
  const rows = new ToldRows(graph)
  const slots = reported.slots ?? eventIds.map((eventId) => ({eventId}))
  const told = new RecordedRoots(graph, trie, null, rows).rootOfTold(slots)
  const differing: number[] = []
  trie.differences([root, told.root], differing)
  const findings = differing
    .sort((a, b) => a - b)
    .map((slot) => slotFinding(graph.slotAt(slot), trie.get(root, slot), trie.get(told.root, slot)))
  const beside = [...told.beside.values()].map((slot) => slotFinding(slot, ABSENT, rows.row(slot.eventId)))
  return {
    comparison: {server, how, differences: findings.length + beside.length + told.unknown.length},
    findings: [...findings, ...beside, ...told.unknown.map((id) => unknownReported(id, reported))],
  }

  function slotFinding({type, stateKey}: Slot, mine: number, row: number): Finding {
    const ours = mine === ABSENT ? null : graph.id(mine)
    const theirs = row === ABSENT ? null : rows.idOf(row)
    const isOpen = row === ABSENT ? told.unknown.length > 0 : !rows.isHere(row)
    const found = finding(
      'state/divergence',
      {kind: 'slot', type, state_key: stateKey, ...(ours === null ? {} : {event_id: ours})},
      sentence(
        `${slotWords(type, stateKey)}: ${ours === null ? `by the replay ${lacking(type)}` : `the replay gives ${ours}`}, ${theirs === null ? `by ${server} ${lacking(type)}` : `${server} reports ${theirs}`}`,
      ),
      [
        {source: 'replay', where: `state at ${String(tips)} ${tips === 1 ? 'tip' : 'tips'}`, value: ours},
        {source: server, where: how, value: theirs},
      ],
    )
    return isOpen ? asHint(found) : found
  }
}

/** As a clause: "it is not set", "there is no membership". */
function lacking(type: string): string {
  const none = absence(type)
  return none.startsWith('no ') ? `there is ${none}` : `it is ${none}`
}

/** What the replay lacks may be what the server knows. */
export function asHint(found: Finding): Finding {
  return {
    ...found,
    severity: 'note',
    certainty: 'hint',
    remedy:
      'Gather what is missing first: it may well explain the difference, and then nothing is wrong with the server.',
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
