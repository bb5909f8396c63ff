import {showLevel} from '../auth/trace.ts'
import {explainHearing, explainMissing, explainRow, type RoomFacts} from '../forensics/explain/explain.ts'
import type {Explanation, TextEvidence} from '../forensics/explain/explanation.ts'
import {askState, createOf, hearingOfEvent} from '../forensics/explain/hearing-of-row.ts'
import {type Judged, judge, POWER_SLOT, powerIn, slotsToCite, type StateAsked} from '../forensics/explain/hearing.ts'
import {Flag} from '../graph/room-graph.ts'
import {serverNameOf} from '../matrix/ids.ts'
import type {JsonObject} from '../matrix/json.ts'
import {PowerLevels} from '../matrix/power-levels.ts'
import type {Reading} from '../resolve/auth-difference.ts'
import {replay, type Replay, UNKNOWN_STATE, Verdict} from '../resolve/replay.ts'
import {EMPTY_STATE, type StateRoot} from '../resolve/state-trie.ts'
import {tipsOf} from '../resolve/tips.ts'
import {allowedRooms, answerQuestion, type CanQuestion, draftOf, remarksOn} from './can-question.ts'
import {completeDraft} from './draft-event.ts'
import {findEvent, findKnownEvent} from './find-event.ts'
import type {OpenedRoom} from './opened-room.ts'
import {replayFindings} from './resolve-room.ts'

/** What explaining needs of an opened room. */
export type ExplainableRoom = Pick<OpenedRoom, 'room'> &
  Partial<Pick<OpenedRoom, 'views' | 'findings' | 'unknowable' | 'reportedExtremities'>>

export interface ExplainOptions {
  /** @defaultValue `synapse` */
  readonly reading?: Reading
}

/**
 * Says why an event is accepted, rejected or soft-failed: every check, every rule, the auth events, and what would have to differ.
 *
 * @param eventId - or the beginning of one
 * @param options.text - see `eventEvidence`; a function is called with the event's row
 * @throws StateError EVENT_UNKNOWN
 * @remarks One replay.
 */
export async function explainEvent(
  opened: ExplainableRoom,
  eventId: string,
  options: ExplainOptions & {readonly text?: (row: number) => Promise<TextEvidence | null>} = {},
): Promise<Explanation> {
  const {graph} = opened.room
  const row = findEvent(graph, eventId)
  const result = replay(graph, options)
  const facts = factsOf(opened, result, graph.id(row))
  if (graph.has(row, Flag.Missing)) return explainMissing(result, row, facts)
  const text = (await options.text?.(row)) ?? null
  return explainRow(result, row, facts, {views: opened.views ?? [], text})
}

/** Explains an event of a room that is replayed already; `null`: the room has none of this ID. */
export function explainKnown(opened: ExplainableRoom, result: Replay, eventId: string): Explanation | null {
  const row = result.graph.row(eventId)
  if (row < 0 || result.graph.has(row, Flag.Foreign)) return null
  const facts = factsOf(opened, result, null)
  if (result.graph.has(row, Flag.Missing)) return explainMissing(result, row, facts)
  return explainRow(result, row, facts, {views: opened.views ?? []})
}

/**
 * Judges an event that nobody has sent, at the tips or after an event.
 *
 * @param given - the event; what it leaves out is filled in
 * @throws StateError DRAFT_MALFORMED; EVENT_UNKNOWN for `at`
 */
export function explainDraft(
  opened: ExplainableRoom,
  given: JsonObject,
  options: ExplainOptions & {readonly at?: string} = {},
): Explanation {
  const {graph} = opened.room
  const at = options.at === undefined ? undefined : findKnownEvent(graph, options.at)
  return explainGiven(opened, replay(graph, options), given, at)
}

/**
 * Answers whether a user can do something in the room, now or after an event.
 *
 * @throws StateError EVENT_UNKNOWN for `at`
 */
export function explainCan(
  opened: ExplainableRoom,
  question: CanQuestion,
  options: ExplainOptions & {readonly at?: string} = {},
): Explanation {
  const {graph} = opened.room
  const at = options.at === undefined ? undefined : findKnownEvent(graph, options.at)
  return canByReplay(opened, replay(graph, options), question, at)
}

/** The same of a room that is replayed already. */
export function canByReplay(opened: ExplainableRoom, result: Replay, question: CanQuestion, at?: number): Explanation {
  const state = askState(result, at === undefined ? stateAtTips(result) : (result.after[at] ?? UNKNOWN_STATE))
  const given = explainGiven(opened, result, draftOf(question, result.graph.rules, state), at)
  return withRemarks(result, question, state, given)
}

/**
 * Answers it by another state than the replay's, such as a server tells: the event would cite what stands there, and be judged by it.
 *
 * @param state - its events are of the graph, or it gives `null` for them
 */
export function canByState(
  opened: ExplainableRoom,
  result: Replay,
  question: CanQuestion,
  state: StateAsked,
): Explanation {
  const {rules} = result.graph
  const {pdu} = completeDraft(result, draftOf(question, rules, state))
  const authEvents = slotsToCite(pdu, rules).flatMap((slot) => state.get(slot)?.eventId ?? [])
  const hearing = {...hearingOfEvent(result, {...pdu, authEvents}, UNKNOWN_STATE), state}
  const draft = {filled: [], current: null, missing: [], isOfGaps: false}
  return withRemarks(result, question, state, explainHearing(result, hearing, factsOf(opened, result, null), draft))
}

function withRemarks(result: Replay, question: CanQuestion, state: StateAsked | null, given: Explanation): Explanation {
  const {graph} = result
  const explained = answerQuestion(given, question)
  const notes = [...remarksOn(question, state), ...redactionNotes(result, question, state)]
  const knows = graph.columns.users.strings.includes(question.user)
  if (!knows) notes.push(`No event of the room names ${question.user}.`)
  if (explained.can?.answer === 'depends') {
    const rooms = allowedRooms(state)
    notes.push(
      rooms.length === 0
        ? 'The join rule names no room whose members may join.'
        : `Members of ${rooms.join(', ')} may join: a server with a user who may invite has to authorise it. Who is a member there, this room does not tell.`,
    )
  }
  return {...explained, notes: [...explained.notes, ...notes]}
}

/** From room version 3 on, whether a redaction takes effect is asked when it is applied, not by the rules. */
function redactionNotes(
  {graph}: Replay,
  {user, action, target}: CanQuestion,
  state: StateAsked | null,
): readonly string[] {
  if (action !== 'redact' || graph.rules.redactionRule || state === null) return []
  const levels = state.get(POWER_SLOT)
  const needed = new PowerLevels(levels?.content ?? {}, graph.rules).named('redact')
  const power = powerIn({rules: graph.rules, create: createOf(graph)}, levels, user)
  if (power >= needed)
    return [`It takes effect: ${user} has power ${showLevel(power)}, redacting takes ${showLevel(needed)}.`]
  const row = target === undefined ? -1 : findEvent(graph, target)
  const isOwn = row >= 0 && serverNameOf(graph.senderName(row)) === serverNameOf(user)
  return [
    isOwn
      ? `It takes effect: the event is of ${user}'s own server.`
      : `But servers do not apply it: ${user} has power ${showLevel(power)}, redacting events of other servers takes ${showLevel(needed)}.`,
  ]
}

function explainGiven(opened: ExplainableRoom, result: Replay, given: JsonObject, at: number | undefined): Explanation {
  const {pdu, filled, before, atTips, missing} = completeDraft(result, given, at)
  const hearing = hearingOfEvent(result, pdu, before)
  const current: Judged | null = atTips
    ? null
    : judge({...hearing, state: askState(result, stateAtTips(result))}, 'before')
  const isOfGaps = at === undefined && given['prev_events'] === undefined && hasGaps(opened, result)
  return explainHearing(result, hearing, factsOf(opened, result, null), {filled, current, missing, isOfGaps})
}

/** Whether events of the room are undetermined, or are told by servers and not here: its tips may then be others. */
function hasGaps({reportedExtremities = {}}: ExplainableRoom, {graph, verdicts}: Replay): boolean {
  for (let row = 0; row < graph.size; row += 1) {
    if (verdicts[row] === Verdict.Undetermined && !graph.has(row, Flag.Missing | Flag.Foreign)) return true
  }
  const told = Object.values(reportedExtremities).flat()
  return told.some((id) => graph.row(id) < 0 || graph.has(graph.row(id), Flag.Missing))
}

export function stateAtTips(result: Replay): StateRoot {
  const roots = tipsOf(result).map((row) => result.after[row] ?? UNKNOWN_STATE)
  if (roots.includes(UNKNOWN_STATE)) return UNKNOWN_STATE
  return roots.length === 0 ? EMPTY_STATE : result.resolver.resolve(roots).root
}

/** Findings are those on the event itself. */
function factsOf(opened: ExplainableRoom, result: Replay, eventId: string | null): RoomFacts {
  const {room, findings = [], unknowable = []} = opened
  const all = eventId === null ? [] : [...findings, ...replayFindings(room, result)]
  return {
    source: room.source,
    trustIds: room.trustIds,
    unknowable,
    findings: all.filter(({subject}) => 'event_id' in subject && subject.event_id === eventId),
  }
}

export type {Explanation} from '../forensics/explain/explanation.ts'
