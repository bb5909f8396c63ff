import type {Finding} from '../finding/finding.ts'
import {diagnose, diagnoseEvent, diagnoseFindings, type Place} from '../forensics/doctor/diagnose/diagnose.ts'
import type {Concerned, RoomEvidence} from '../forensics/doctor/diagnose/evidence.ts'
import type {Diagnosis} from '../forensics/doctor/diagnosis.ts'
import {remediesFor} from '../forensics/doctor/remedies.ts'
import type {Recognised, SymptomId} from '../forensics/doctor/symptom.ts'
import {SYMPTOMS} from '../forensics/doctor/symptom-kinds.ts'
import type {RoomGraph} from '../graph/room-graph.ts'
import {serverNameOf} from '../matrix/ids.ts'
import type {Reading} from '../resolve/auth-difference.ts'
import {lookAtRoom, nameOf} from './check-room.ts'
import {eachOnce, mostSevereFirst} from './check-verdict.ts'
import {type DevicesReport, findingsOf} from './devices-report.ts'
import type {DoctorReport, DoctorSubject, NotShown} from './doctor-report.ts'
import {DoctorStates} from './doctor-states.ts'
import {explainKnown} from './explain-room.ts'
import type {OpenedRoom} from './opened-room.ts'
import {MOST_USERS, nearestSymptoms, usersOf} from './doctor-symptoms.ts'

/** What was complained about. */
export interface Complaint {
  /** The message as it was given, or the beginning of a log's telling part; `null`: nobody said anything. */
  readonly message: string | null
  /** Most telling first. */
  readonly recognised: readonly Recognised[]
  readonly subject: DoctorSubject
  /** `null`: a user of `subject` is one whom the message names. */
  readonly typedUser: string | null
  /** `null`: an event of `subject` is one that the message names. */
  readonly typedEvent: string | null
  /** Rooms that are named instead of the one that is looked at. */
  readonly elsewhere: readonly string[]
  /** A path, `-` for standard input; `null`: it was no log. */
  readonly log: string | null
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
  const concerned = concernedIn(complaint, result.graph)
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
  const place = placeOf(opened.room.graph.roomId, complaint)
  const told = diagnoseAll(evidence, complaint, place)
  const asked =
    complaint.recognised.length > 0 || concerned.eventId === null
      ? null
      : diagnoseEvent(evidence, concerned.eventId, place)
  const first = [...told.diagnoses, ...(asked?.diagnoses ?? [])]
  const explained = new Set(first.flatMap((one) => one.findings))
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
    diagnoses: [...first, ...ofFindings],
    notShown: told.notShown,
    generally: generally(complaint, told.diagnoses, place),
    remarks: [...remarksOn(complaint, opened.room.graph), ...(asked?.notShown ?? [])],
    gather: [...told.gather, ...(asked?.gather ?? [])],
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
    generally: generally(complaint, shown, {}),
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
    // First of all it has to be known which room.
    generally: generally({...complaint, recognised: complaint.recognised.filter(isOfDevices)}, [], {}),
    rooms,
    gather:
      rooms.length > 0
        ? [
            rooms.length === 1
              ? 'The room that is named was not looked at: give its ID with a way to it (--profile, --homeserver with a token, --database), or a file of it in place of the ID.'
              : 'Several rooms are named: look at one of them, by a way to it (--profile, --homeserver with a token, --database, or a file of it in place of the ID).',
          ]
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

/** Commands that only read go by the file that was given. */
function placeOf(room: string, {subject}: Complaint): Place {
  return subject.room === null || /^[!#]/.test(subject.room) ? {room} : {room, file: subject.room}
}

/** What does not fit together in what was given. */
function remarksOn({elsewhere, typedUser, log}: Complaint, graph: RoomGraph): readonly string[] {
  const remarks: string[] = []
  const [other] = elsewhere
  if (other !== undefined) {
    const all = elsewhere.length === 1 ? other : `${other} and ${String(elsewhere.length - 1)} more`
    remarks.push(
      `${log === null ? 'The message' : 'What is known of the log'} names ${all}, and this room is ${graph.roomId}: what follows is of this room.`,
    )
  }
  if (typedUser !== null && graph.slotOf('m.room.member', typedUser) < 0) {
    const [name] = typedUser.split(':')
    const alike = graph.slots
      .filter(({type, stateKey}) => type === 'm.room.member' && stateKey.split(':')[0] === name)
      .map(({stateKey}) => stateKey)
    if (alike.length > 0)
      remarks.push(`No event of this room is of ${typedUser}; there is ${alike.slice(0, 3).join(', ')}.`)
  }
  return remarks
}

function diagnoseAll(
  evidence: RoomEvidence,
  complaint: Complaint,
  place: Place,
): Pick<DoctorReport, 'diagnoses' | 'notShown' | 'gather'> {
  const diagnoses: Diagnosis[] = []
  const notShown: NotShown[] = []
  const gather = new Set<string>()
  const {recognised, typedUser, typedEvent, elsewhere: others} = complaint
  for (const one of recognised.slice(0, MOST_SYMPTOMS)) {
    const users = isOfUsers(one) ? usersOf(one, recognised, complaint) : [evidence.concerned.user]
    // An event that another line of a log names is not what this one is about.
    const named = one.mentions.eventIds[0] ?? (complaint.log === null ? evidence.concerned.eventId : null)
    const eventId = typedEvent === null ? named : evidence.concerned.eventId
    const says = new Set<string>()
    for (const user of users.slice(0, MOST_USERS)) {
      const concerned = {...evidence.concerned, user, eventId}
      const found = diagnose(
        {...evidence, concerned, userIsMentioned: typedUser === null, eventIsMentioned: typedEvent === null},
        one,
        place,
      )
      // Two symptoms of one cause are told once.
      const known = new Set(diagnoses.map(({cause}) => cause))
      const fresh = found.diagnoses.filter(({cause}) => !known.has(cause))
      // What was said of another room has no proof in this one.
      diagnoses.push(...fresh.map((made): Diagnosis => (others.length === 0 ? made : {...made, certainty: 'hint'})))
      for (const line of found.notShown) says.add(line)
      for (const way of found.gather) gather.add(way)
    }
    if (users.length > MOST_USERS)
      gather.add(
        `Its lines name ${users.length < 20 ? String(users.length) : '20 or more'} users, of whom ${String(MOST_USERS)} were looked at: --user looks at another one.`,
      )
    const isTold = notShown.some(
      (other) => other.symptom === one.symptom && [...says].every((line) => other.says.includes(line)),
    )
    if (says.size > 0 && !isTold) notShown.push({symptom: one.symptom, says: [...says]})
  }
  return {diagnoses, notShown, gather: [...gather]}
}

/** What is refused to users. */
function isOfUsers({symptom}: Recognised): boolean {
  return OF_USERS.has(symptom)
}
const OF_USERS: ReadonlySet<SymptomId> = new Set<SymptomId>([
  ...(['not-invited', 'banned', 'not-in-room', 'restricted-join', 'forbidden-by-power', 'forbidden'] as const),
])

/** What was typed; else what the message names. Of an event ID the beginning is enough, where no other begins so. */
function concernedIn({subject}: Complaint, graph: RoomGraph): Concerned {
  const {user, server, eventId} = subject
  if (eventId === null || graph.row(eventId) >= 0) return {user, server, eventId}
  const [only, more] = graph.ids.filter((id) => id.startsWith(eventId))
  return {user, server, eventId: more === undefined ? (only ?? eventId) : eventId}
}

/** What can be looked at where no cause is shown: nothing that changes a room or a server. Of encryption, which shows little, also what a client does. */
function generally(
  {recognised, subject: {user, server}}: Complaint,
  diagnoses: readonly Diagnosis[],
  place: Partial<Place>,
): DoctorReport['generally'] {
  const told = new Set(diagnoses.map((one) => one.symptom?.symptom))
  const open = Map.groupBy(
    recognised.filter(({symptom}) => !told.has(symptom)),
    ({symptom}) => symptom,
  )
  return [...open].slice(0, MOST_SYMPTOMS).flatMap(([symptom, [first]]) => {
    const software = first?.software ?? null
    const refused = server ?? (user === null ? null : serverNameOf(user))
    const fill = {...place, ...(user === null ? {} : {user}), ...(refused === null ? {} : {server: refused})}
    const remedies = remediesFor(
      {symptom, findings: [], software: software === 'client' ? null : software},
      fill,
    ).filter(({invasiveness}) => invasiveness === 'none' || (isOfDevices({symptom}) && invasiveness === 'client'))
    return remedies.length === 0 ? [] : [{symptom, remedies}]
  })
}

function about({message, recognised, subject, log}: Complaint) {
  return {
    subject,
    message,
    log,
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
    generally: [],
    remarks: [],
    gather: [],
    others: [],
    open: [],
    notes: [],
    casePath: null,
  }
}
