import {type Evidence, type Finding, finding} from '../finding/finding.ts'
import type {RoomGraph} from '../graph/room-graph.ts'
import {ABSENT} from '../resolve/state-trie.ts'
import {resetSummary} from './reset-story.ts'
import type {Reset} from './resets.ts'
import {eventWords, slotWords} from './words.ts'

/**
 * Resets as findings, roots of cascades before what fell under them.
 *
 * @param now - by slot, the event that stands there at the tips, or `ABSENT`; `null` where that is not known
 */
export function resetFindings(
  graph: RoomGraph,
  resets: readonly Reset[],
  now: (slot: number) => number | null,
  source = 'replay',
): readonly Finding[] {
  return resets.map((reset) => {
    const {type, stateKey} = graph.slotAt(reset.slot)
    const at = reset.merge.at === null ? {} : {event_id: graph.id(reset.merge.at)}
    const repair = repairOf(graph, reset, now(reset.slot))
    return finding(
      reset.expected ? 'state/revoked-concurrently' : 'state/reset',
      {kind: 'slot', type, state_key: stateKey, ...at},
      `${resetSummary(graph, reset)}.${repair.told}`,
      evidenceOf(graph, reset, source),
      {
        cause: reset.cause,
        // What is not here might have changed the outcome.
        ...(reset.cause === 'missing-events' ? {certainty: 'hint' as const} : {}),
        ...(repair.done && !reset.expected ? {severity: 'warning' as const} : {}),
        ...(reset.expected
          ? {}
          : {remedy: repair.done ? 'None needed any more: the slot has a newer value.' : remedyOf(type)}),
      },
    )
  })
}

function repairOf(graph: RoomGraph, reset: Reset, now: number | null): {readonly done: boolean; readonly told: string} {
  if (reset.expected || now === null || now === ABSENT || now === reset.got) return {done: false, told: ''}
  if (now === reset.lost) return {done: true, told: ' A later merge brought it back.'}
  return {done: true, told: ` Since then the slot was set again by ${eventWords(graph, now)} (${graph.id(now)}).`}
}

function evidenceOf(graph: RoomGraph, reset: Reset, source: string): readonly Evidence[] {
  const name = (row: number): string | null => (row === ABSENT ? null : graph.id(row))
  const {merge, lost, got, dropped, blockers, lacking, underV21, root} = reset
  const at = merge.at === null ? 'merge of the tips' : `merge at ${graph.id(merge.at)}`
  return [
    ...reset.held.map((held, index): Evidence => {
      const prev = merge.prevs[index]
      const where = prev === undefined ? `${at}, state ${String(index + 1)}` : `${at}, state after ${graph.id(prev)}`
      return {source, where, value: name(held)}
    }),
    ...dropped.map(({row, fate}) => ({
      source,
      where: `${at}, did not pass rule ${fate.kind === 'failed' ? (fate.step.rejection?.rule ?? '') : ''}`,
      value: name(row),
    })),
    {source, where: `${at}, lost`, value: name(lost)},
    {source, where: `${at}, result`, value: name(got)},
    ...blockers.map(({slot, event, own}) => ({
      source,
      where: `judged by ${slotWords(graph, slot)} instead of its own ${own === ABSENT ? 'none' : graph.id(own)}`,
      value: name(event),
    })),
    ...(lacking === null ? [] : [{source, where: 'not looked at again', value: name(lacking)}]),
    ...(root === null ? [] : [{source, where: `root: ${slotWords(graph, root.slot)}`, value: name(root.event)}]),
    ...(underV21 === null ? [] : [{source, where: 'resolution of room version 12', value: name(underV21)}]),
  ]
}

function remedyOf(type: string): string {
  if (type === 'm.room.member') {
    return 'Invite the user again, or let them join again; whoever has the power for it can also ban or kick again.'
  }
  if (type === 'm.room.power_levels') {
    return 'A user who still has enough power sends the power levels again as they should be; if nobody has, only an upgrade to a new room helps.'
  }
  return 'A user with enough power sends the state event again as it should be.'
}
