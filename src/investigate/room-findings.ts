import {type Finding, finding} from '../finding/finding.ts'
import {absence, sentence, slotWords} from '../finding/slot-words.ts'
import {causalRows} from '../forensics/causal-order.ts'
import {missingInRegions} from '../forensics/health/missing-regions.ts'
import {Flag, type RoomGraph} from '../graph/room-graph.ts'
import type {Replay} from '../resolve/replay.ts'
import type {StateRoot} from '../resolve/state-trie.ts'
import type {InputFault, LoadedRoom} from './load-room.ts'
import type {MissingEvent, RejectedEvent} from './room-report.ts'

/** What is wrong with the events themselves. */
export function dagFindings(
  room: LoadedRoom,
  rejected: readonly RejectedEvent[],
  missing: readonly MissingEvent[],
): readonly Finding[] {
  return [
    ...room.faults.map((fault) => inputFinding(room, fault)),
    ...cycleFindings(room.graph),
    ...rejected.map((event) => rejectedFinding(room, event)),
    ...missingFindings(room.graph, missing),
    ...contentHashFindings(room),
  ]
}

const OF_INPUT = {
  'wrong-id': 'dag/wrong-event-id',
  'different-copy': 'dag/two-contents',
  'redacted-copy': 'dag/content-hash',
} as const

function inputFinding(room: LoadedRoom, {kind, eventId, line, message}: InputFault): Finding {
  return finding(OF_INPUT[kind], {kind: 'event', event_id: eventId}, `${eventId}: ${message}`, [
    {source: room.source, where: `line ${String(line)}`, value: eventId},
  ])
}

function cycleFindings(graph: RoomGraph): readonly Finding[] {
  const found: Finding[] = []
  for (const row of causalRows(graph)) {
    if (!graph.has(row, Flag.Cyclic) || graph.has(row, Flag.Missing)) continue
    const id = graph.id(row)
    found.push(
      finding('dag/cycle', {kind: 'event', event_id: id}, `${id} is its own ancestor by prev_events and auth_events`, [
        {source: 'replay', where: 'prev_events and auth_events', value: id},
      ]),
    )
  }
  return found
}

function rejectedFinding(room: LoadedRoom, event: RejectedEvent): Finding {
  const refused = event.rule.startsWith('format:')
  const row = room.graph.row(event.eventId)
  return finding(
    refused ? 'dag/refused-event' : 'dag/rejected-event',
    {kind: 'event', event_id: event.eventId},
    refused
      ? `${event.eventId} would be refused by servers: ${event.because}`
      : `${event.eventId} (${event.type} of ${event.sender}) is rejected by rule ${event.rule}: ${event.because}`,
    [
      {source: room.source, where: `line ${String(room.graph.columns.line[row] ?? 0)}`, value: event.eventId},
      {source: 'replay', where: event.rule, value: event.culprit},
    ],
    {cause: event.rule},
  )
}

/** The gap that several are part of is told as one (`dag/missing-region`); each is a note beneath it. */
function missingFindings(graph: RoomGraph, missing: readonly MissingEvent[]): readonly Finding[] {
  const inRegions = missingInRegions(graph)
  return missing.map((event) => {
    const found = missingFinding(event)
    return inRegions.has(event.eventId) ? {...found, severity: 'note'} : found
  })
}

function missingFinding({eventId, citedBy, as, citations}: MissingEvent): Finding {
  const others = citations > 1 ? ` and ${String(citations - 1)} more` : ''
  return finding(
    'dag/missing-event',
    {kind: 'event', event_id: eventId},
    `${eventId} is missing: ${citedBy}${others} cites it as ${as}`,
    [{source: 'replay', where: `${as} of ${citedBy}`, value: eventId}],
  )
}

function contentHashFindings(room: LoadedRoom): readonly Finding[] {
  const {graph} = room
  const found: Finding[] = []
  for (const row of causalRows(graph)) {
    // A refused event counts in no form at all; one of another room is only here to be cited.
    if (!graph.has(row, Flag.Redacted) || graph.has(row, Flag.Faulty | Flag.Foreign)) continue
    const id = graph.id(row)
    found.push(
      finding(
        'dag/content-hash',
        {kind: 'event', event_id: id},
        `${id} (${graph.typeName(row)}) does not have the content that its server hashed; it counts in its redacted form`,
        [{source: room.source, where: `line ${String(graph.columns.line[row] ?? 0)}`, value: id}],
      ),
    )
  }
  return found
}

/** Slots in which two readings of the algorithm give different values. */
export function readingFindings(
  {replay: {graph, trie, reading}, root}: {readonly replay: Replay; readonly root: StateRoot},
  others: Int32Array,
): readonly Finding[] {
  const name = (row: number): string | null => (row < 0 ? null : graph.id(row))
  const slots = new Set<number>()
  trie.forEach(root, (slot, row) => {
    if (others[slot] !== row + 1) slots.add(slot)
  })
  for (const [slot, event] of others.entries()) if (event > 0 && trie.get(root, slot) !== event - 1) slots.add(slot)
  return [...slots]
    .sort((a, b) => a - b)
    .map((slot) => {
      const {type, stateKey} = graph.slotAt(slot)
      const [ours, other] = [name(trie.get(root, slot)), name((others[slot] ?? 0) - 1)]
      const otherReading = reading === 'synapse' ? 'spec' : 'synapse'
      return finding(
        'state/reading-dependent',
        {kind: 'slot', type, state_key: stateKey, ...(ours === null ? {} : {event_id: ours})},
        `${sentence(slotWords(type, stateKey))} depends on the reading: ${reading} gives ${ours ?? absence(type)}, ${otherReading} ${other ?? absence(type)}`,
        [
          {source: 'replay', where: `reading ${reading}`, value: ours},
          {source: 'replay', where: `reading ${otherReading}`, value: other},
        ],
      )
    })
}
