import type {RoomReport} from '../investigate/room-report.ts'

/** `resolve --json`: schema `matrix-state/resolve/1`. */
export function roomDocument(report: RoomReport) {
  const {counts} = report
  return {
    schema: 'matrix-state/resolve/1' as const,
    room_id: report.roomId,
    room_version: report.roomVersion,
    reading: report.reading,
    position: report.position,
    at: report.at,
    complete: report.complete,
    unknowable: report.unknowable,
    ...(report.trustIds ? {trust_ids: true} : {}),
    state: (report.state ?? []).map(({type, stateKey, eventId}) => ({type, state_key: stateKey, event_id: eventId})),
    ...(report.state === null ? {state_unknown: true} : {}),
    summary: {
      events: counts.events,
      state_events: counts.stateEvents,
      merges: counts.merges,
      conflicted_merges: counts.conflictedMerges,
      rejected: counts.rejected,
      undetermined: counts.undetermined,
      missing: counts.missing,
      tips: report.tips,
      reported_extremities: report.reportedExtremities,
      ...(report.reported.length === 0
        ? {}
        : {divergences: Object.fromEntries(report.reported.map(({server, differences}) => [server, differences]))}),
    },
    findings: report.findings,
  }
}
