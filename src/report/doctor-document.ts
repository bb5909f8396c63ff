import type {Diagnosis} from '../forensics/doctor/diagnosis.ts'
import type {Remedy} from '../forensics/doctor/remedy.ts'
import type {DoctorReport, SymptomTold} from '../investigate/doctor-report.ts'

/** `doctor --json`: schema `matrix-state/doctor/1`. */
export function doctorDocument(report: DoctorReport) {
  const {subject, unrecognised} = report
  return {
    schema: 'matrix-state/doctor/1' as const,
    message: report.message,
    log: report.log,
    subject: {room: subject.room, user_id: subject.user, server: subject.server, event_id: subject.eventId},
    room_id: report.roomId,
    room_version: report.roomVersion,
    name: report.name,
    events: report.events,
    servers: report.servers,
    symptoms: report.symptoms.map(symptomOf),
    nearest: unrecognised === null ? null : unrecognised.nearest,
    rooms: report.rooms.map(({roomId, lines}) => ({room_id: roomId, lines})),
    diagnoses: report.diagnoses.map(diagnosisOf),
    not_shown: report.notShown,
    generally: report.generally.map(({symptom, remedies}) => ({symptom, remedies: remedies.map(remedyOf)})),
    remarks: report.remarks,
    gather: report.gather,
    others: report.others,
    complete: report.open.length === 0,
    open: report.open,
    notes: report.notes,
    case_path: report.casePath,
  }
}

function symptomOf({symptom, quote, software, line, times, mentions, kind}: SymptomTold) {
  const {eventIds, userIds, roomIds, aliases, servers, eventTypes, status, errcode} = mentions
  return {
    symptom,
    title: kind.title,
    meaning: kind.meaning,
    sources: kind.sources,
    quote,
    software,
    line,
    times,
    mentions: {
      event_ids: eventIds,
      user_ids: userIds,
      room_ids: roomIds,
      aliases,
      servers,
      event_types: eventTypes,
      status,
      errcode,
    },
  }
}

function diagnosisOf({symptom, cause, certainty, events, rule, findings, wouldPass = [], remedies}: Diagnosis) {
  return {
    symptom: symptom?.symptom ?? null,
    cause,
    certainty,
    events: events.map(({eventId, part}) => ({event_id: eventId, part})),
    rule,
    findings,
    would_pass: wouldPass,
    remedies: remedies.map(remedyOf),
  }
}

function remedyOf({id, title, invasiveness, who, software, steps, risk, check, sources}: Remedy) {
  return {id, title, invasiveness, who, software, steps, risk, check, sources}
}
