import {listed, slotWords} from '../../../finding/slot-words.ts'
import type {Finding, FindingId} from '../../../finding/finding.ts'
import {serverNameOf} from '../../../matrix/ids.ts'
import type {RoomGraph} from '../../../graph/room-graph.ts'
import type {SymptomId} from '../symptom.ts'
import type {Cause, Examined, RoomEvidence} from './evidence.ts'
import {asSentence, brokenRule, eventsOf, eventWithTime, involved, ruleOf, sure, tellsOf, waysOf} from './words.ts'

interface Kind {
  /** Stable names of rules by which events are rejected that show the symptom. */
  readonly rules: readonly string[]
  /** Findings that are the same trouble, or its other end. */
  readonly findings: readonly FindingId[]
  readonly what: string
}

const KINDS: Readonly<Partial<Record<SymptomId, Kind>>> = {
  'duplicate-auth-events': {
    rules: ['auth-events.duplicate'],
    findings: [
      'dag/duplicate-auth-events',
      'server/misplaced-in-state',
      'server/rejected-in-state',
      'room/wedged-member',
    ],
    what: 'cite two events for one slot among their auth_events',
  },
  'no-create-event': {
    rules: ['auth-events.no-create'],
    findings: ['dag/no-create-in-auth-events', 'server/truncated-state', 'room/wedged-member'],
    what: 'cite no create event among their auth_events',
  },
  'auth-events-missing': {
    rules: ['auth-events.rejected', 'auth-events.other-room'],
    findings: [
      'dag/rejected-auth-events',
      'dag/foreign-auth-events',
      'dag/missing-event',
      'dag/missing-region',
      'server/rejected-in-state',
      'room/wedged-member',
    ],
    what: 'cite rejected events, or events of another room, among their auth_events',
  },
}

/** Events that are refused for what they cite: which, whose, and what they cite. */
export function diagnoseAuthEvents(evidence: RoomEvidence, symptom: SymptomId): Examined {
  const kind = KINDS[symptom]
  if (kind === undefined) return {causes: [], notShown: [], gather: []}
  const {replay, findings, concerned, complete} = evidence
  const {graph, rejections} = replay
  const rows = [...rejections]
    .filter(([, {name, rule}]) => kind.rules.includes(name) && rule.endsWith('@auth'))
    .map(([row]) => row)
    .sort((a, b) => a - b)
  const byServer = Map.groupBy(rows, (row) => serverNameOf(graph.senderName(row)))
  const bearing = findings.filter(({id}) => kind.findings.includes(id))
  const causes = [...byServer].map(([server, ofServer]): Cause => {
    const own = bearing.filter((one) => tellsOf(one) === server || one.subject.kind !== 'server')
    return {
      cause: causeOf(evidence, server, ofServer, kind),
      certainty: sure(complete),
      events: involved(
        graph,
        ofServer.slice(0, 3).flatMap((row) => [graph.id(row), ...cited(graph, row, symptom)]),
      ),
      rule: ruleOfRow(evidence, ofServer[0] ?? -1),
      findings: own,
      useless: ofServer.every((row) => isSameTwice(graph, row)) ? OF_DAMAGED_STATE : [],
      about: {
        server,
        eventId: graph.id(ofServer.at(-1) ?? 0),
        user: concerned.user ?? graph.senderName(ofServer.at(-1) ?? 0),
      },
    }
  })
  const told = new Set(causes.flatMap((cause) => cause.findings))
  const rest = bearing.filter((one) => !told.has(one) && one.severity !== 'note')
  causes.push(...rest.map((one) => ofFinding(evidence, one)))
  const named = concerned.eventId === null ? NOTHING_NAMED : ofEvent(evidence, concerned.eventId, symptom, causes)
  const isOfThese =
    concerned.eventId === null ||
    named.cause !== null ||
    causes.some(({events}) => events.some(({eventId}) => eventId === concerned.eventId))
  // What is wrong with other events need not be what is wrong with that one.
  const others = isOfThese ? causes : causes.map((cause): Cause => ({...cause, certainty: 'hint'}))
  const all = named.cause === null ? others : [named.cause, ...others]
  return {
    causes: all,
    notShown: [
      ...named.notShown,
      ...(all.length > 0
        ? []
        : [
            'No event here is rejected for that: the events that the message is about are not in this evidence (servers do not pass on what they reject), or are of another room.',
          ]),
    ],
    gather:
      all.length > 0
        ? []
        : [
            'Rejected events stand in the database of the server that said it, and of the server that sent them: fetch with --database of either, or give the event as a file (--file event.json).',
          ],
  }
}

/** Remedies of a state that is wrong: no use where an event lists one auth event twice, which comes from no state. */
export const OF_DAMAGED_STATE = [
  ...['act-from-another-server', 'leave-and-rejoin', 'dendrite-evacuate', 'upgrade-room'],
  ...['synapse-purge-and-rejoin', 'dendrite-purge', 'conduit-state-from-server'],
]

interface NamedEvent {
  readonly cause: Cause | null
  readonly notShown: readonly string[]
}
const NOTHING_NAMED: NamedEvent = {cause: null, notShown: []}

function causeOf({replay}: RoomEvidence, server: string, rows: readonly number[], {what}: Kind): string {
  const {graph, rejections} = replay
  const [first = -1] = rows
  const last = rows.at(-1) ?? first
  const number = rows.length === 1 ? '1 event' : `${String(rows.length)} events`
  const span =
    rows.length === 1
      ? eventWithTime(graph, first)
      : `the first is ${eventWithTime(graph, first)}, the last ${eventWithTime(graph, last)}`
  const words = rows.length === 1 ? what.replace(/^cite/, 'cites').replace(' their ', ' its ') : what
  return [
    `${server} sent ${number} that ${words}, which every server rejects: ${span}`,
    `${rows.length === 1 ? '' : 'Of the last, '}${rejections.get(last)?.because ?? ''}`,
    rows.every((one) => isSameTwice(graph, one))
      ? 'It is the same event twice, which no state gives: whatever made the event listed it twice'
      : `A server takes auth_events from its own state, so that the state of ${server} is what is wrong`,
  ]
    .map(asSentence)
    .join(' ')
}

/** One event is cited twice, and no two events stand in one slot. */
export function isSameTwice(graph: RoomGraph, row: number): boolean {
  const parents = [...graph.authOf(row)]
  const slots = [...new Set(parents)].map((parent) => graph.slot[parent] ?? -1)
  return new Set(parents).size < parents.length && new Set(slots).size === slots.length
}

/** The auth events that matter to the complaint. */
function cited(graph: RoomGraph, row: number, symptom: SymptomId): readonly string[] {
  const parents = [...graph.authOf(row)]
  if (symptom !== 'duplicate-auth-events') return []
  const bySlot = Map.groupBy(parents, (parent) => graph.slot[parent] ?? -1)
  return [...bySlot].flatMap(([slot, rows]) => (slot >= 0 && rows.length > 1 ? rows.map((one) => graph.id(one)) : []))
}

function ruleOfRow(evidence: RoomEvidence, row: number) {
  const {replay} = evidence
  const rejection = replay.rejections.get(row)
  const explained = row < 0 ? null : evidence.explain(replay.graph.id(row))
  return rejection === undefined ? null : ruleOf(rejection, [explained?.rules.auth ?? null])
}

function ofFinding({replay}: RoomEvidence, one: Finding): Cause {
  return {
    cause: asSentence(one.summary),
    certainty: one.certainty,
    events: involved(replay.graph, eventsOf(one)),
    rule: null,
    findings: [one],
    about: {server: tellsOf(one)},
  }
}

/** The event that the message names. */
function ofEvent(evidence: RoomEvidence, eventId: string, symptom: SymptomId, others: readonly Cause[]): NamedEvent {
  const explanation = evidence.explain(eventId)
  if (explanation === null || explanation.event.type === '') {
    return {
      cause: null,
      notShown: [
        `The event in question, ${eventId}, is not in this evidence: it is of another room, or a server rejected or never got it.`,
      ],
    }
  }
  const {graph} = evidence.replay
  const row = graph.row(eventId)
  if (explanation.verdict !== 'rejected') {
    return {
      cause: null,
      notShown: [
        `The event in question, ${eventWithTime(graph, row)}, is ${explanation.verdict} by the rules: ${explanation.answer}`,
      ],
    }
  }
  if (others.some(({events}) => events.some((one) => one.eventId === eventId))) return {cause: null, notShown: []}
  const slots = [...new Set(cited(graph, row, symptom).map((id) => graph.slot[graph.row(id)] ?? -1))]
  const which = slots
    .filter((slot) => slot >= 0)
    .map((slot) => slotWords(graph.slotAt(slot).type, graph.slotAt(slot).stateKey))
  return {
    cause: {
      cause: [
        `The event in question, ${eventWithTime(graph, row)}, is rejected: ${explanation.rejection?.because ?? ''}`,
        which.length === 0 ? '' : `It cites two events for ${listed(which)}`,
      ]
        .filter((part) => part !== '')
        .map(asSentence)
        .join(' '),
      certainty: sure(evidence.complete),
      events: involved(graph, [eventId, explanation.rejection?.culprit ?? null, ...cited(graph, row, symptom)]),
      rule: brokenRule(explanation),
      findings: [],
      wouldPass: waysOf(explanation),
      about: {eventId, server: serverNameOf(graph.senderName(row))},
    },
    notShown: [],
  }
}
