import {type Finding} from '../../finding/finding.ts'
import {Flag, type RoomGraph} from '../../graph/room-graph.ts'
import {type Replay, UNKNOWN_STATE, Verdict} from '../../resolve/replay.ts'
import type {ServerView} from '../server-view.ts'
import {changesInWords} from './change-words.ts'
import {compareCitations} from './cited-auth-events.ts'
import type {Pdu} from '../../matrix/pdu.ts'
import {
  type Able,
  CHECKS,
  type ExplainedEvent,
  type ExplainedVerdict,
  type Explanation,
  type Remedy,
  type ServerWord,
  type TextEvidence,
} from './explanation.ts'
import {hearingOfRow} from './hearing-of-row.ts'
import {type Hearing, type Judged} from './hearing.ts'
import {checkReceipt, type Receipt} from './receipt.ts'
import {estimateByArrival} from './soft-fail.ts'
import {whatWouldPass} from './what-if.ts'
import {couldSend, isOfSelf, whoCanChange} from './who.ts'

/** What an explanation says of the room as a whole. */
export interface RoomFacts {
  readonly source: string
  readonly trustIds: boolean
  readonly unknowable: readonly string[]
  readonly findings: readonly Finding[]
}

/**
 * Explains the verdict on an event of a replay: every check, every rule, and what would have to differ.
 *
 * @param row - of an event of the room that is here
 * @remarks One event: some milliseconds; O(events) where a soft-failure is to be estimated.
 */
export function explainRow(
  replay: Replay,
  row: number,
  facts: RoomFacts,
  more: {readonly views?: readonly ServerView[]; readonly text?: TextEvidence | null} = {},
): Explanation {
  const {graph, verdicts, rejections} = replay
  const hearing = hearingOfRow(replay, row)
  const servers = (more.views ?? []).flatMap((view) => serverWord(replay, row, view) ?? [])
  const receipt = checkReceipt(hearing, {
    trustIds: facts.trustIds,
    text: more.text ?? null,
    servers,
    sent: {replay, row},
    current: null,
  })
  const rejection = rejections.get(row) ?? null
  const verdict = (['undetermined', 'accepted', 'rejected'] as const)[verdicts[row] as 0 | 1 | 2]
  const softFailedBy = servers.filter(({softFailed}) => softFailed === true).map(({server}) => server)
  const missing = verdict === 'undetermined' ? whatIsMissing(replay, row) : []
  const remedies = verdict === 'rejected' ? remediesOf(hearing, false) : []
  return {
    ...describe(replay, hearing, receipt, facts),
    asked: 'event',
    event: describeEvent(hearing.event, {eventId: graph.id(row), line: graph.columns.line[row] ?? 0, filled: []}),
    verdict,
    can: null,
    answer: answerOf({verdict, rejection, softFailedBy, missing, replay, row, isDraft: false}),
    rejection,
    remedies,
    couldSend: othersWho(hearing, receipt),
    servers,
    softFailedBy,
    missing,
    complete: verdict !== 'undetermined',
    notes: [],
  }
}

/** Says of an event that others cite, and that is not here, what follows from that. */
export function explainMissing({graph, reading}: Replay, row: number, facts: RoomFacts): Explanation {
  const id = graph.id(row)
  const citing = (parentsOf: (child: number) => Int32Array): readonly string[] => {
    const found: string[] = []
    for (let child = 0; child < graph.size; child += 1) if (parentsOf(child).includes(row)) found.push(graph.id(child))
    return found
  }
  const [asPrev, asAuth] = [citing((child) => graph.prevOf(child)), citing((child) => graph.authOf(child))]
  const says = (ids: readonly string[], as: string): readonly string[] => {
    const [first] = ids
    const others = ids.length > 1 ? ` and ${String(ids.length - 1)} more` : ''
    return first === undefined ? [] : [`${first}${others} cite${ids.length > 1 ? '' : 's'} it as ${as}`]
  }
  const cited = [...says(asAuth, 'auth event'), ...says(asPrev, 'prev event')].join('; ')
  return {
    asked: 'event',
    roomId: graph.roomId,
    roomVersion: graph.rules.id,
    reading,
    ...facts,
    event: {
      eventId: id,
      type: '',
      stateKey: undefined,
      sender: '',
      content: {},
      originServerTs: 0,
      depth: 0,
      prevEvents: [],
      authEvents: [],
      line: 0,
      filled: [],
    },
    verdict: 'undetermined',
    can: null,
    answer: `Not in the evidence: ${cited}.`,
    rejection: null,
    checks: CHECKS.map((name) => ({name, outcome: 'not-known', says: 'the event is not in the evidence', rule: null})),
    citations: [],
    rules: {auth: null, before: null},
    remedies: [],
    couldSend: null,
    servers: [],
    softFailedBy: [],
    missing: [id],
    complete: false,
    notes: [],
  }
}

/**
 * Explains an event that nobody has sent, before its judges.
 *
 * @param current - by the current state, where its prev_events are not the tips
 */
export function explainHearing(
  replay: Replay,
  hearing: Hearing,
  facts: RoomFacts,
  draft: {
    readonly filled: readonly string[]
    readonly current: Judged | null
    readonly missing: readonly string[]
    /** It follows what may not be the room's newest events, as some of them are undetermined. */
    readonly isOfGaps: boolean
  },
): Explanation {
  const options = {trustIds: facts.trustIds, text: null, servers: [], sent: null, current: draft.current}
  const receipt = checkReceipt(hearing, options)
  const {rejection} = receipt
  const isOpen = receipt.auth === null || receipt.before === null
  const verdict: ExplainedVerdict = rejection !== null ? 'rejected' : isOpen ? 'undetermined' : 'accepted'
  const missing = verdict === 'undetermined' ? draft.missing : []
  const softFails = verdict === 'accepted' && draft.current?.passes === false
  const isJudged = receipt.auth !== null && receipt.before !== null
  const context = {verdict, rejection, softFailedBy: [], missing, replay, row: -1, isDraft: true}
  const answer = softFails
    ? `It would be accepted, but soft-failed: ${draft.current.rejection?.because ?? ''}.`
    : answerOf(context)
  return {
    ...describe(replay, hearing, receipt, facts),
    asked: 'draft',
    event: describeEvent(hearing.event, {eventId: null, line: 0, filled: draft.filled}),
    verdict,
    can: null,
    answer,
    rejection,
    remedies: verdict === 'rejected' && isJudged ? remediesOf(hearing, true) : [],
    couldSend: othersWho(hearing, receipt),
    servers: [],
    softFailedBy: [],
    missing,
    complete: verdict !== 'undetermined' && !draft.isOfGaps,
    notes: draft.isOfGaps
      ? [
          'This is for the newest events whose verdict is known. Events are missing: the room may be elsewhere by now, and the answer another.',
        ]
      : [],
  }
}

function describe({graph, reading}: Replay, hearing: Hearing, receipt: Receipt, facts: RoomFacts) {
  return {
    roomId: graph.roomId,
    roomVersion: graph.rules.id,
    reading,
    source: facts.source,
    trustIds: facts.trustIds,
    unknowable: facts.unknowable,
    findings: facts.findings,
    checks: receipt.checks,
    citations: compareCitations(graph, hearing),
    rules: {auth: receipt.auth?.trace ?? null, before: receipt.before?.trace ?? null},
  }
}

function describeEvent(event: Pdu, more: Pick<ExplainedEvent, 'eventId' | 'line' | 'filled'>): ExplainedEvent {
  const {type, stateKey, sender, content, originServerTs, depth, prevEvents, authEvents} = event
  return {type, stateKey, sender, content, originServerTs, depth, prevEvents, authEvents, ...more}
}

function remediesOf(hearing: Hearing, isNow: boolean): readonly Remedy[] {
  const remedies = whatWouldPass(hearing).map((changes) => ({
    changes,
    says: changesInWords(changes),
    by: changes.map((change): Able | null => (isNow ? whoCanChange(hearing, change) : null)),
  }))
  // What nobody can bring about comes last.
  const isIdle = ({by}: Remedy): boolean => by.some((able) => able?.users.length === 0 && !able.anyMember)
  return remedies.toSorted((a, b) => Number(isIdle(a)) - Number(isIdle(b)))
}

/** Who else could have sent it, where the state speaks against its sender. */
function othersWho(hearing: Hearing, {before}: Receipt): Able | null {
  return before?.passes === false && !isOfSelf(hearing.event) ? couldSend(hearing) : null
}

function serverWord(replay: Replay, row: number, view: ServerView): ServerWord | null {
  const id = replay.graph.id(row)
  const marks = view.marks.get(id)
  const has = view.has(id)
  if (marks === undefined && has === null) return null
  return {
    server: view.server,
    has: marks === undefined ? has : true,
    rejected: marks?.rejected,
    softFailed: marks?.softFailed,
    outlier: marks?.outlier,
    receivedTs: marks?.receivedTs,
    estimate: replay.verdicts[row] === Verdict.Accepted ? estimateByArrival(replay, row, view) : null,
  }
}

interface AnswerContext {
  readonly verdict: ExplainedVerdict
  readonly rejection: Explanation['rejection']
  readonly softFailedBy: readonly string[]
  readonly missing: readonly string[]
  readonly replay: Replay
  readonly row: number
  readonly isDraft: boolean
}

/** The answer in one sentence. */
function answerOf(context: AnswerContext): string {
  const {verdict, rejection, softFailedBy, missing, replay, row, isDraft} = context
  if (rejection !== null) {
    const {rule, because} = rejection
    if (rule.startsWith('format:')) return `${isDraft ? 'It would be refused' : 'Refused'} by form: ${because}.`
    return `${isDraft ? 'It would be rejected' : 'Rejected'} ${ruleInWords(rule)}: ${because}.`
  }
  if (verdict === 'accepted') {
    if (softFailedBy.length > 0) return `Accepted, but soft-failed by ${softFailedBy.join(', ')}.`
    return isDraft ? 'It would be accepted.' : 'Accepted.'
  }
  const {graph} = replay
  if (row >= 0 && graph.has(row, Flag.Cyclic)) return 'Cannot be determined: it is its own ancestor.'
  if (row >= 0 && graph.has(row, Flag.Ambiguous)) {
    return 'Cannot be determined: two different events came under its ID, and which one counts nobody can tell.'
  }
  const [first] = missing
  const others = missing.length > 1 ? ` and ${String(missing.length - 1)} more` : ''
  return first === undefined
    ? 'Cannot be determined: the state before it is not known.'
    : `Cannot be determined: ${first}${others} ${missing.length > 1 ? 'are' : 'is'} not in the evidence.`
}

/** `by rule 7 of room version 6 (by the state before it)`. */
function ruleInWords(rule: string): string {
  const [, version = '', number = '', stage = ''] = /^v(.*):([\d.]+)@(\w+)$/.exec(rule) ?? []
  const judge = stage === 'before' ? 'the state before it' : 'its auth events'
  return `by rule ${number} of room version ${version} (by ${judge})`
}

/** IDs of events that are not here and without which the verdict on an event stays open, the nearest first. At most a thousand. */
function whatIsMissing({graph, verdicts, before}: Replay, row: number): readonly string[] {
  const seen = new Set<number>([row])
  const queue = [row]
  const missing: string[] = []
  for (const at of queue) {
    for (const parent of [...graph.authOf(at), ...(before[at] === UNKNOWN_STATE ? graph.prevOf(at) : [])]) {
      if (seen.has(parent)) continue
      seen.add(parent)
      if (graph.has(parent, Flag.Missing)) missing.push(graph.id(parent))
      else if (verdicts[parent] === Verdict.Undetermined || isOpen(graph, before, parent)) queue.push(parent)
    }
    if (missing.length > MOST_MISSING) break
  }
  return missing
}
const MOST_MISSING = 1000

function isOpen(graph: RoomGraph, before: Int32Array, row: number): boolean {
  return before[row] === UNKNOWN_STATE && graph.prevOf(row).length > 0
}
