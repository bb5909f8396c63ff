import type {FetchReport} from '../investigate/fetch-report.ts'
import type {PlannedRoute} from '../investigate/open-routes.ts'

/** `fetch --json`: schema `matrix-state/fetch/1`. */
export function fetchDocument(report: FetchReport) {
  const {counts} = report
  return {
    schema: 'matrix-state/fetch/1' as const,
    room_id: report.roomId,
    room_version: report.roomVersion,
    case: report.casePath,
    new: report.isNew,
    complete: report.complete,
    unknowable: report.unknowable,
    summary: {
      events: counts.events,
      copies: counts.copies,
      missing: counts.missing,
      reported_states: counts.reportedStates,
      server_keys: counts.keys,
      requests: report.routes.reduce((sum, {requests}) => sum + requests, 0),
      ...(report.verified === null
        ? {}
        : {verified: {copies: report.verified.copies, unverifiable: report.verified.unverifiable}}),
    },
    routes: report.routes.map((route) => ({
      name: route.name,
      kind: route.kind,
      server: route.server,
      address: route.address,
      insecure: route.insecure,
      events: route.events,
      new_events: route.newEvents,
      only_here: route.onlyHere,
      rejected: route.marked.rejected,
      soft_failed: route.marked.softFailed,
      outliers: route.marked.outliers,
      requests: route.requests,
      seconds: Number(route.seconds.toFixed(3)),
      refusals: route.refusals,
      unasked: route.unasked,
      error:
        route.error === null
          ? null
          : {
              code: route.error.code,
              message: route.error.message,
              ...(route.error.hint === undefined ? {} : {hint: route.error.hint}),
            },
    })),
    missing: report.missing.map(({eventId, asked}) => ({event_id: eventId, asked})),
    notes: report.notes,
    findings: report.findings,
  }
}

/** `fetch --plan --json`: schema `matrix-state/fetch-plan/1`. */
export function planDocument(room: string, plan: readonly PlannedRoute[]) {
  return {schema: 'matrix-state/fetch-plan/1' as const, room, routes: plan}
}
