import type {Finding} from '../../../finding/finding.ts'
import type {Diagnosis} from '../diagnosis.ts'
import {remediesFor} from '../remedies.ts'
import type {Recognised, SymptomId} from '../symptom.ts'
import {attemptOf} from './attempt.ts'
import {diagnoseAuthEvents} from './auth-events.ts'
import {type AskedEvent, askedEvent} from './by-event.ts'
import {causesOf, diagnoseByFindings} from './by-findings.ts'
import {diagnoseLevels} from './by-levels.ts'
import type {Attempt, Cause, Concerned, Examined, RoomEvidence} from './evidence.ts'
import {bannedHere, diagnoseNoServer, diagnoseUnnamed} from './joining.ts'
import {diagnoseRefusal} from './refused.ts'
import {diagnoseServerBanned} from './server-banned.ts'

/** What became of one message, or of the room without one. */
export interface Diagnosed {
  /** The surest first. */
  readonly diagnoses: readonly Diagnosis[]
  readonly notShown: readonly string[]
  readonly gather: readonly string[]
}

/** What remedies are filled in with, beside what a cause is about. */
export interface Place {
  readonly room: string
  /** It was given as this file. */
  readonly file?: string
}

/**
 * Looks for the causes, in this room, of what a message says.
 *
 * @remarks Pure: all that is asked was handed in.
 */
export function diagnose(evidence: RoomEvidence, recognised: Recognised, place: Place): Diagnosed {
  const {causes, notShown, gather} = examine(evidence, recognised)
  return {
    diagnoses: causes.toSorted(bySureness).map((cause) => join(evidence, recognised, cause, place)),
    notShown,
    gather,
  }
}

/** What is wrong with a room of which nobody complained: the findings, as causes. */
export function diagnoseFindings(
  evidence: Pick<RoomEvidence, 'replay' | 'concerned'>,
  findings: readonly Finding[],
  place: Place,
): readonly Diagnosis[] {
  return causesOf(evidence, findings).map((cause) => join(evidence, null, cause, place))
}

/** What is to be said of an event that is asked about, where nobody complained. */
export function diagnoseEvent(evidence: RoomEvidence, eventId: string, place: Place): Diagnosed {
  const {cause, verdict, says} = askedEvent(evidence, eventId, evidence.concerned.user)
  const isKnown = verdict === 'accepted' || verdict === 'rejected'
  return {
    diagnoses: cause === null ? [] : [join(evidence, null, cause, place)],
    notShown: verdict === 'accepted' ? [says] : [],
    gather: isKnown ? [] : [says],
  }
}

function examine(evidence: RoomEvidence, recognised: Recognised): Examined {
  const {symptom} = recognised
  // Of what is wrong with auth events, the event in question is looked at there.
  const event = OF_AUTH_EVENTS.has(symptom) ? null : eventAskedAbout(evidence, recognised)
  if (event?.cause?.certainty === 'hint') {
    const {causes, notShown, gather} = examineWith(evidence, recognised, event)
    return {causes: [...causes, event.cause], notShown, gather}
  }
  if (event !== null && event.cause !== null) return {causes: [event.cause], notShown: [], gather: []}
  const found = examineWith(evidence, recognised, event)
  const isOpen = event !== null && found.causes.every(({certainty}) => certainty === 'hint')
  if (!isOpen) return found
  return event.verdict === 'accepted'
    ? {...found, notShown: [event.says, ...found.notShown]}
    : {...found, gather: [event.says, ...found.gather]}
}

const OF_AUTH_EVENTS: ReadonlySet<SymptomId> = new Set<SymptomId>([
  ...(['duplicate-auth-events', 'no-create-event', 'auth-events-missing'] as const),
])

/** The event that was typed; else, of those that the message names, the first that is rejected, or the first. */
function eventAskedAbout(evidence: RoomEvidence, {mentions}: Recognised): AskedEvent | null {
  const {concerned, replay, eventIsMentioned = false} = evidence
  if (concerned.eventId === null) return null
  const rejected = mentions.eventIds.find((id) => replay.rejections.has(replay.graph.row(id)))
  const eventId = eventIsMentioned ? (rejected ?? concerned.eventId) : concerned.eventId
  return askedEvent(evidence, eventId, concerned.user)
}

function examineWith(evidence: RoomEvidence, recognised: Recognised, event: AskedEvent | null): Examined {
  const {symptom, mentions} = recognised
  const attempt = attemptOf(recognised, evidence.concerned, {
    userIsMentioned: evidence.userIsMentioned ?? false,
    event: event?.attempt ?? null,
  })
  const {levels, eventTypes} = mentions
  const isOfLevels = symptom === 'forbidden-by-power' && eventTypes.length === 0 && (event?.attempt ?? null) === null
  if (attempt?.action === 'send' && levels !== undefined && isOfLevels)
    return diagnoseLevels(evidence, symptom, {user: attempt.user, levels})
  switch (symptom) {
    case 'not-invited':
    case 'banned':
    case 'restricted-join':
    case 'not-in-room':
    case 'forbidden-by-power':
    case 'forbidden':
      return attempt === null ? diagnoseUnnamed(evidence, recognised) : diagnoseAttempt(evidence, recognised, attempt)
    case 'duplicate-auth-events':
    case 'no-create-event':
    case 'auth-events-missing':
      return diagnoseAuthEvents(evidence, symptom)
    case 'server-banned':
      return diagnoseServerBanned(evidence)
    case 'no-server-to-join-by':
      return diagnoseNoServer(evidence)
    case 'unable-to-decrypt':
    case 'one-time-key-exists':
    case 'forward-extremities':
    case 'state-reset':
      return diagnoseByFindings(evidence, symptom)
  }
}

/** "Cannot invite user who was banned" is told to who invites: that they can join says nothing of it. */
function diagnoseAttempt(evidence: RoomEvidence, recognised: Recognised, attempt: Attempt): Examined {
  const found = diagnoseRefusal(evidence, recognised.symptom, attempt)
  if (recognised.symptom !== 'banned' || found.causes.length > 0) return found
  const others = bannedHere(evidence)
  return others === null ? found : {...found, causes: [others], notShown: []}
}

const SURENESS: Readonly<Record<Cause['certainty'], number>> = {proof: 0, strong: 1, hint: 2}
const bySureness = (a: Cause, b: Cause): number => SURENESS[a.certainty] - SURENESS[b.certainty]

function join(
  {concerned}: Pick<RoomEvidence, 'concerned'>,
  recognised: Recognised | null,
  cause: Cause,
  {room, file}: Place,
): Diagnosis {
  const {about = {}, cureAs, useless = [], attempt, ...told} = cause
  const {user, server, eventId}: Concerned = {...concerned, ...about}
  const software = recognised?.software ?? null
  const [symptom = null, ...also]: readonly (SymptomId | null)[] = cureAs ?? [recognised?.symptom ?? null]
  return {
    symptom: recognised,
    ...told,
    remedies: remediesFor(
      {
        symptom,
        also: also.filter((one) => one !== null),
        findings: cause.findings,
        software: software === 'client' ? null : software,
      },
      {
        room,
        ...(file === undefined || !/^[\x20-\x5f\x61-\x7e]+$/.test(file) ? {} : {file}),
        ...(attempt === undefined ? {} : {attempt: wordsOf(attempt)}),
        ...(user === null ? {} : {user}),
        ...(server === null ? {} : {server}),
        ...(eventId === null ? {} : {event: eventId}),
      },
    ).filter(({id}) => !useless.includes(id)),
  }
}

/** As `explain --can` takes it. */
function wordsOf({user, action, target}: Attempt): readonly string[] {
  return [user, action, ...(target === undefined ? [] : [target])]
}
