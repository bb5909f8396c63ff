import type {PreflightReport} from '../investigate/preflight.ts'

/** `preflight --json`: schema `matrix-state/preflight/1`. */
export function preflightDocument(report: PreflightReport) {
  const {baseline, error} = report
  return {
    schema: 'matrix-state/preflight/1' as const,
    profile: report.profile,
    user_id: baseline.user_id,
    device_id: baseline.device_id,
    recorded_ts: baseline.recorded_ts,
    complete: report.complete,
    open: report.open,
    checks: report.checks,
    findings: report.findings,
    repairs: [...report.repairs].map(([finding, ways]) => ({finding, ways})),
    asked: report.asked.map(({name, kind, server, requests, insecure}) => ({
      route: name,
      kind,
      server,
      requests,
      insecure,
    })),
    failed: report.failed.map(({name, error: {code, message}}) => ({route: name, code, message})),
    error: error === null ? null : {code: error.code, message: error.message, ...(error.hint && {hint: error.hint})},
    notes: report.notes,
  }
}
