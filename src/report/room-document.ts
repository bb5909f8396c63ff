import type {RoomReport, WhatIf} from '../investigate/room-report.ts'

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
      ...(report.reported.length === 0 ? {} : {divergences: divergencesOf(report)}),
    },
    findings: report.findings,
    ...(report.whatIf === undefined ? {} : {what_if: whatIfDocument(report.whatIf)}),
  }
}

/** By server; of several states that were told for one, the one that differs most. */
function divergencesOf({reported}: RoomReport): Readonly<Record<string, number>> {
  const most = new Map<string, number>()
  for (const {server, differences} of reported) most.set(server, Math.max(differences, most.get(server) ?? 0))
  return Object.fromEntries(most)
}

function whatIfDocument({algorithm, without, inputsFrom, differences, verdicts}: WhatIf) {
  return {
    ...(algorithm === null ? {} : {algorithm: algorithm.asked}),
    ...(without.length === 0 ? {} : {without: without.map(({eventId}) => eventId)}),
    ...(inputsFrom === null
      ? {}
      : {
          inputs_from: inputsFrom.server,
          inputs: inputsFrom.inputs.map(({eventId, differences: slots}) => ({event_id: eventId, differences: slots})),
        }),
    differences: (differences ?? []).map(({type, stateKey, value, wouldBe}) => ({
      type,
      state_key: stateKey,
      value: value?.eventId ?? null,
      would_be: wouldBe?.eventId ?? null,
    })),
    ...(differences === null ? {differences_unknown: true} : {}),
    ...(verdicts === null
      ? {}
      : {
          verdicts: verdicts.map(({eventId, verdict, wouldBe, rejection}) => ({
            event_id: eventId,
            verdict,
            would_be: wouldBe,
            ...(rejection === null ? {} : {rule: rejection.rule, because: rejection.because}),
          })),
        }),
  }
}
