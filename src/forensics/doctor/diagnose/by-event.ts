import {own} from '../../../matrix/json.ts'
import {serverNameOf} from '../../../matrix/ids.ts'
import type {RoomGraph} from '../../../graph/room-graph.ts'
import type {Explanation} from '../../explain/explanation.ts'
import {pduOfRow} from '../../explain/hearing.ts'
import type {SymptomId} from '../symptom.ts'
import {isSameTwice, OF_DAMAGED_STATE} from './auth-events.ts'
import type {Attempt, Cause, RoomEvidence} from './evidence.ts'
import {asSentence, brokenRule, eventsAskedFor, eventWithTime, involved, sure, waysOf} from './words.ts'

/** What is known of an event that is asked about. */
export interface AskedEvent {
  readonly eventId: string
  /** `absent`: not in the evidence. */
  readonly verdict: Explanation['verdict'] | 'absent'
  /** What its sender tried; `null`: it is not here. */
  readonly attempt: Attempt | null
  /** Why it is rejected; `null` otherwise. */
  readonly cause: Cause | null
  /** What became of it, in a sentence. */
  readonly says: string
}

/**
 * Looks at an event that is asked about: where it is rejected, its own judgement is the cause, whatever was said.
 *
 * @param user - who was told something; of somebody else's event that is no more than a hint
 */
export function askedEvent(evidence: RoomEvidence, eventId: string, user: string | null): AskedEvent {
  const {graph} = evidence.replay
  const row = graph.row(eventId)
  const explanation = evidence.explain(eventId)
  if (explanation === null || explanation.event.type === '') {
    return {
      eventId,
      verdict: 'absent',
      attempt: null,
      cause: null,
      says: `The event in question, ${eventId}, is not in this evidence: it is of another room, or a server rejected or never got it.`,
    }
  }
  const {verdict, answer} = explanation
  const event = eventWithTime(graph, row)
  const attempt = attemptOfRow(graph, row)
  return {
    eventId,
    verdict,
    attempt,
    cause: verdict === 'rejected' ? whyRejected(evidence, {row, explanation, attempt, user}) : null,
    says: asSentence(
      verdict === 'accepted'
        ? `The event in question, ${event}, is accepted by the rules: ${answer}`
        : `Of the event in question, ${event}: ${answer}`,
    ),
  }
}

function whyRejected(
  {replay: {graph}, findings, complete}: RoomEvidence,
  given: {
    readonly row: number
    readonly explanation: Explanation
    readonly attempt: Attempt
    readonly user: string | null
  },
): Cause {
  const {row, explanation, attempt, user} = given
  const {rejection} = explanation
  const eventId = graph.id(row)
  const isOf = user === null || user === attempt.user || user === attempt.target
  const symptom = symptomOfRule(rejection?.name ?? '')
  return {
    cause: [
      `The event in question, ${eventWithTime(graph, row)}, is rejected: ${rejection?.because ?? explanation.answer}`,
      'Every server that has the same history rejects it',
      isOf ? '' : `It is not of ${user}, to whom something else may have been said`,
    ]
      .filter((part) => part !== '')
      .map(asSentence)
      .join(' '),
    certainty: isOf ? sure(complete) : 'hint',
    events: involved(graph, [eventId, ...eventsAskedFor(explanation)]),
    rule: brokenRule(explanation),
    findings: findings.filter(({subject}) => 'event_id' in subject && subject.event_id === eventId),
    wouldPass: waysOf(explanation),
    attempt,
    cureAs: [symptom],
    useless: [
      ...(complete ? ['compare-servers', 'wait-for-the-join'] : []),
      ...(isSameTwice(graph, row) ? OF_DAMAGED_STATE : []),
      ...(symptom === 'forbidden-by-power' && waysOf(explanation).length === 0 ? ['raise-power'] : []),
    ],
    about: {eventId, user: attempt.user, server: serverNameOf(attempt.user)},
  }
}

/** What the sender of an event tried. */
function attemptOfRow(graph: RoomGraph, row: number): Attempt {
  const {type, sender: user, stateKey, content, redacts} = pduOfRow(graph, row)
  if (type === 'm.room.redaction')
    return {user, action: 'redact', ...(typeof redacts === 'string' ? {target: redacts} : {})}
  const membership = type === 'm.room.member' ? own(content, 'membership') : undefined
  const isOfOther = stateKey !== undefined && stateKey !== user
  switch (membership) {
    case 'join':
    case 'knock':
      return {user, action: membership}
    case 'leave':
      return isOfOther ? {user, action: 'kick', target: stateKey} : {user, action: 'leave'}
    case 'invite':
    case 'ban':
      return {user, action: membership, target: stateKey ?? user}
    default:
      return {user, action: 'send', target: type, ...(stateKey === undefined ? {} : {stateKey})}
  }
}

/** What is told where the rule of this name rejects, since that has the remedies. */
function symptomOfRule(name: string): SymptomId {
  return BY_RULE.find(([pattern]) => pattern.test(name))?.[1] ?? 'forbidden'
}

const BY_RULE: readonly (readonly [RegExp, SymptomId])[] = [
  [/^auth-events\.duplicate/, 'duplicate-auth-events'],
  [/^auth-events\.no-create/, 'no-create-event'],
  [/^auth-events/, 'auth-events-missing'],
  [/^member\.join\.banned/, 'banned'],
  [/^member\.join\.restricted/, 'restricted-join'],
  [/^member\.(?:join\.refused|knock)/, 'not-invited'],
  [/not-joined$|^member\.leave\.self/, 'not-in-room'],
  [
    /^(?:required-power|redaction\.refused|third-party-invite\.power|power-levels\..*\.(?:old|new)|member\.(?:invite|leave|ban)\.(?:power|refused|kick|unban))$/,
    'forbidden-by-power',
  ],
]
