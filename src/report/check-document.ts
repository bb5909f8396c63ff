import type {CheckedFinding, CheckReport, RoomCheck} from '../investigate/check-report.ts'
import {countVerdicts, findingsByKind} from './check-counts.ts'

/** `check --json`: schema `matrix-state/check/1`. */
export function checkDocument(report: CheckReport) {
  return {
    schema: 'matrix-state/check/1' as const,
    rooms: report.rooms.map(roomCheckDocument),
    ...summaryOf(report),
  }
}

/** A room as it stands in the document, and in a line of NDJSON. */
export function roomCheckDocument(check: RoomCheck) {
  const {room, roomId, roomVersion, name, verdict, findings, open, error, events, requests, seconds} = check
  return {
    room,
    room_id: roomId,
    room_version: roomVersion,
    name,
    verdict,
    findings: findings.map(findingDocument),
    open,
    ...(error === null
      ? {}
      : {error: {code: error.code, message: error.message, ...(error.hint === null ? {} : {hint: error.hint})}}),
    events,
    requests,
    seconds: Math.round(seconds * 1000) / 1000,
  }
}

function findingDocument({notCounted, ...finding}: CheckedFinding) {
  if (notCounted === null) return finding
  const {why, reason = null} = notCounted
  return {...finding, not_counted: {why, ...(reason === null ? {} : {reason})}}
}

/** A line of NDJSON: a room as it is done, or the last line, without which the stream was cut. */
export function checkLine(check: RoomCheck): string {
  return JSON.stringify({schema: 'matrix-state/check-line/1', ...roomCheckDocument(check)})
}

export function checkEndLine(report: CheckReport): string {
  return JSON.stringify({schema: 'matrix-state/check-line/1', end: true, ...summaryOf(report)})
}

function summaryOf(report: CheckReport) {
  const {failOn, baseline, shard, resumed, startedTs, endedTs, notes, rooms, unfinished = 0} = report
  return {
    summary: {
      rooms: rooms.length,
      ...countVerdicts(rooms),
      unfinished,
      resumed,
      findings_by_kind: findingsByKind(rooms),
    },
    fail_on: failOn,
    shard,
    ...(baseline === null
      ? {}
      : {
          baseline: {
            path: baseline.path,
            gone: baseline.gone.map(({roomId, id, subject, reason}) => ({room_id: roomId, id, subject, reason})),
          },
        }),
    started_ts: startedTs,
    ended_ts: endedTs,
    notes,
  }
}
