import type {Finding} from '../finding/finding.ts'
import {diagnose, diagnoseFindings} from '../forensics/doctor/diagnose/diagnose.ts'
import type {Concerned, RoomEvidence} from '../forensics/doctor/diagnose/evidence.ts'
import type {Diagnosis} from '../forensics/doctor/diagnosis.ts'
import {remediesFor} from '../forensics/doctor/remedies.ts'
import type {Recognised} from '../forensics/doctor/symptom.ts'
import {SYMPTOMS} from '../forensics/doctor/symptom-kinds.ts'
import type {Reading} from '../resolve/auth-difference.ts'
import {lookAtRoom, nameOf} from './check-room.ts'
import {eachOnce, mostSevereFirst} from './check-verdict.ts'
import {type DevicesReport, findingsOf} from './devices-report.ts'
import type {DoctorReport, DoctorSubject, NotShown} from './doctor-report.ts'
import {DoctorStates} from './doctor-states.ts'
import {explainKnown} from './explain-room.ts'
import type {OpenedRoom} from './opened-room.ts'
import {nearestSymptoms} from './doctor-symptoms.ts'

/** What was complained about. */
export interface Complaint {
  /** The message as it was given, or the beginning of a log's telling part; `null`: nobody said anything. */
  readonly message: string | null
  /** Most telling first. */
  readonly recognised: readonly Recognised[]
  readonly subject: DoctorSubject
}

export interface DoctorOptions {
  readonly reading: Reading
  /** It was fetched from servers, so that their silence counts. */
  readonly isLive: boolean
  readonly nowMs: number
  /** Its encryption, where that was looked at. */
  readonly devices: DevicesReport | null
}

/** So many symptoms of one text are looked into. */
const MOST_SYMPTOMS = 6
/** So many of the worst troubles are explained where nobody complained. */
const MOST_EXPLAINED = 3

/**
 * Looks for the cause of a complaint in a room; without a complaint, explains the worst of what is wrong with it.
 *
 * @remarks The replays of `check`.
 */
export async function doctorRoom(
  opened: OpenedRoom,
  complaint: Complaint,
  {reading, isLive, nowMs, devices}: DoctorOptions,
): Promise<DoctorReport> {
  const look = await lookAtRoom(opened, {isLive, reading, nowMs})
  const {resolved, compared, replayed: result} = look
  const states = new DoctorStates(opened, result)
  const findings = mostSevereFirst(
    eachOnce([resolved.findings, compared.findings, devices === null ? [] : findingsOf(devices)]),
  )
  const concerned = concernedIn(complaint)
  const evidence: RoomEvidence = {
    replay: result,
    states: states.states,
    findings,
    extremities: opened.reportedExtremities,
    concerned,
    devices: hasDevices(devices),
    complete: resolved.complete,
    ask: states.ask,
    explain: (eventId) => explainKnown(opened, result, eventId),
  }
  const place = {room: opened.room.graph.roomId}
  const told = diagnoseAll(evidence, complaint.recognised, place)
  const explained = new Set(told.diagnoses.flatMap((one) => one.findings))
  const rest = findings.filter((one) => !explained.has(one))
  // Without a complaint that the room explains, the worst is explained.
  const worst = complaint.recognised.length === 0 ? rest.filter(({severity}) => severity !== 'note') : []
  const ofFindings = diagnoseFindings(evidence, worst, place).slice(0, MOST_EXPLAINED)
  const worstTold = new Set(ofFindings.flatMap((one) => one.findings))
  return {
    ...about(complaint),
    roomId: opened.room.graph.roomId,
    roomVersion: resolved.roomVersion,
    name: nameOf(resolved),
    events: resolved.counts.events,
    servers: [...new Set(compared.sides.slice(1).map(({server}) => server))],
    diagnoses: [...told.diagnoses, ...ofFindings],
    notShown: told.notShown,
    gather: told.gather,
    others: rest.filter((one) => !worstTold.has(one)),
    open: [...new Set([...look.open, ...(devices?.open ?? [])])],
    notes: opened.notes,
    casePath: opened.casePath ?? null,
  }
}

/** The same of a user's encryption, without a room. */
export function doctorDevices(complaint: Complaint, devices: DevicesReport): DoctorReport {
  const {user} = complaint.subject
  const findings = mostSevereFirst(findingsOf(devices))
  const grave = findings.filter(({severity}) => severity !== 'note')
  const [first] = complaint.recognised
  const diagnoses = grave.map((one): Diagnosis => {
    const {summary, certainty} = one
    return {
      symptom: first ?? null,
      cause: summary.endsWith('.') ? summary : `${summary}.`,
      certainty,
      events: [],
      rule: null,
      findings: [one],
      remedies: remediesFor(
        {symptom: first?.symptom ?? null, findings: [one]},
        {...(user === null ? {} : {user}), ...deviceOf(one)},
      ),
    }
  })
  const shown = complaint.message === null ? diagnoses.slice(0, MOST_EXPLAINED) : diagnoses
  const told = new Set(shown.flatMap((one) => one.findings))
  return {
    ...nobody(complaint),
    diagnoses: shown,
    notShown:
      shown.length > 0 || first === undefined
        ? []
        : [{symptom: first.symptom, says: ['Nothing that was looked at of the devices explains it.']}],
    gather:
      first === undefined || isOfDevices(first)
        ? []
        : ['This is about a room, and none was given: name it by its ID or alias, or by a file.'],
    others: findings.filter((one) => !told.has(one)),
    open: devices.open,
    notes: devices.notes,
    casePath: devices.casePath,
  }
}

/** What can be said of a message without any room. */
export function doctorMessage(
  complaint: Complaint,
  rooms: readonly {readonly roomId: string; readonly lines: number}[],
): DoctorReport {
  return {
    ...nobody(complaint),
    rooms,
    gather:
      rooms.length > 1
        ? ['The log names several rooms: look at one of them.']
        : ['No room was given: name it by its ID or alias (in single quotes) with a way to it, or by a file.'],
  }
}

function hasDevices(devices: DevicesReport | null): boolean {
  return devices?.users.some(({devices: of, findings}) => of.length + findings.length > 0) ?? false
}

function deviceOf({subject}: Finding): {readonly user?: string} {
  return 'user_id' in subject ? {user: subject.user_id} : {}
}

export function isOfDevices({symptom}: Pick<Recognised, 'symptom'>): boolean {
  return symptom === 'unable-to-decrypt' || symptom === 'one-time-key-exists'
}

function diagnoseAll(
  evidence: RoomEvidence,
  recognised: readonly Recognised[],
  place: {readonly room: string},
): Pick<DoctorReport, 'diagnoses' | 'notShown' | 'gather'> {
  const diagnoses: Diagnosis[] = []
  const notShown: NotShown[] = []
  const gather = new Set<string>()
  for (const one of recognised.slice(0, MOST_SYMPTOMS)) {
    const found = diagnose(evidence, one, place)
    // Two symptoms of one cause are told once.
    const known = new Set(diagnoses.map(({cause}) => cause))
    diagnoses.push(...found.diagnoses.filter(({cause}) => !known.has(cause)))
    if (found.notShown.length > 0) notShown.push({symptom: one.symptom, says: found.notShown})
    for (const way of found.gather) gather.add(way)
  }
  return {diagnoses, notShown, gather: [...gather]}
}

/** What was typed; else what the message names. */
function concernedIn({subject}: Complaint): Concerned {
  const {user, server, eventId} = subject
  return {user, server, eventId}
}

function about({message, recognised, subject}: Complaint) {
  return {
    subject,
    message,
    symptoms: recognised.slice(0, MOST_SYMPTOMS).map((one) => ({...one, kind: SYMPTOMS[one.symptom]})),
    unrecognised: message === null || recognised.length > 0 ? null : {nearest: nearestSymptoms(message)},
    rooms: [],
  }
}

function nobody(complaint: Complaint): DoctorReport {
  return {
    ...about(complaint),
    roomId: null,
    roomVersion: null,
    name: null,
    events: 0,
    servers: [],
    diagnoses: [],
    notShown: [],
    gather: [],
    others: [],
    open: [],
    notes: [],
    casePath: null,
  }
}
