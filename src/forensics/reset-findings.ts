import {type Evidence, type Finding, finding} from '../finding/finding.ts'
import type {RoomGraph} from '../graph/room-graph.ts'
import {ABSENT} from '../resolve/state-trie.ts'
import {Ancestry} from './ancestry.ts'
import {resetSummary} from './reset-story.ts'
import type {Reset} from './resets.ts'
import {eventWords, slotWords, valueOf} from './words.ts'

/**
 * Resets as findings, roots of cascades before what fell under them.
 *
 * @param isWhole - whether every event could be judged; otherwise it is not known what holds now, and nothing is claimed as proven
 * @param now - by slot, the event that stands there at the tips, or `ABSENT`; `null` where that is not known
 */
export function resetFindings(
  graph: RoomGraph,
  resets: readonly Reset[],
  now: (slot: number) => number | null,
  {source = 'replay', isWhole = true}: {readonly source?: string; readonly isWhole?: boolean} = {},
): readonly Finding[] {
  const ancestry = new Ancestry(graph)
  return resets.map((reset) => {
    const {type, stateKey} = graph.slotAt(reset.slot)
    const at = reset.merge.at === null ? {} : {event_id: graph.id(reset.merge.at)}
    const repair = repairOf(graph, ancestry, reset, now(reset.slot))
    return finding(
      reset.expected ? 'state/revoked-concurrently' : 'state/reset',
      {kind: 'slot', type, state_key: stateKey, ...at},
      `${resetSummary(graph, reset)}.${againTold(reset)}${repair.told}`,
      evidenceOf(graph, reset, source),
      {
        cause: reset.cause,
        // What is not here might have changed the outcome, or have been known to those who sent what is.
        ...(reset.cause === 'missing-events' || !isWhole ? {certainty: 'hint' as const} : {}),
        ...((repair.done || !isWhole) && !reset.expected ? {severity: 'warning' as const} : {}),
        ...(reset.expected
          ? {}
          : {
              remedy: repair.done
                ? 'None needed in the room itself: the slot has a value again. Whether each server has it, `diff` tells.'
                : remedyOf(graph, reset),
            }),
      },
    )
  })
}

function againTold({again}: Reset): string {
  if (again === 0) return ''
  return ` The same happened at ${again === 1 ? 'another merge' : `${String(again)} other merges`}.`
}

/** What stands in the slot by now. Another value that is older than the lost one mends nothing: the slot was reset once more. */
function repairOf(
  graph: RoomGraph,
  ancestry: Ancestry,
  reset: Reset,
  now: number | null,
): {readonly done: boolean; readonly told: string} {
  if (reset.expected || now === null || now === ABSENT || now === reset.got) return {done: false, told: ''}
  if (now === reset.lost) return {done: true, told: ' A later merge brought it back.'}
  const stands = `${eventWords(graph, now)} (${graph.id(now)})`
  if (ancestry.isBefore(now, reset.lost)) return {done: false, told: ` What stands there now is older, too: ${stands}.`}
  return ancestry.isBefore(reset.lost, now)
    ? {done: true, told: ` Since then the slot was set again by ${stands}.`}
    : {done: true, told: ` Now another branch's value stands there: ${stands}.`}
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

function remedyOf(graph: RoomGraph, {slot, lost}: Reset): string {
  const {type} = graph.slotAt(slot)
  if (type === 'm.room.member') return MEMBER_REMEDIES[valueOf(graph, lost)] ?? OTHER_REMEDY
  if (type === 'm.room.power_levels') {
    return 'A user who still has enough power sends the power levels again as they should be; if nobody has, only an upgrade to a new room helps.'
  }
  return OTHER_REMEDY
}

const OTHER_REMEDY = 'A user with enough power sends the state event again as it should be.'
const MEMBER_REMEDIES: Readonly<Record<string, string>> = {
  join: 'To have the user back, invite them and let them join again; if they should be out, ban or kick them again.',
  invite: 'Invite the user again, if they should still come.',
  knock: 'The user knocks again, or is invited.',
  leave: 'If the user should be out, kick them again, or let them leave again.',
  ban: 'Ban the user again, if they should stay out.',
}
