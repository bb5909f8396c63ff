import type {Trace} from '../auth/trace.ts'
import type {Able, Explanation} from '../forensics/explain/explanation.ts'
import type {SoftFailEstimate} from '../forensics/explain/soft-fail.ts'

/** `explain --json`: schema `matrix-state/explain/1`. */
export function explainDocument(explanation: Explanation) {
  const {event, can, rejection} = explanation
  return {
    schema: 'matrix-state/explain/1' as const,
    room_id: explanation.roomId,
    room_version: explanation.roomVersion,
    reading: explanation.reading,
    ...(explanation.trustIds ? {trust_ids: true} : {}),
    asked: explanation.asked,
    answer: explanation.answer,
    ...(can === null ? {} : {can}),
    verdict: explanation.verdict,
    rule: rejection?.rule ?? null,
    because: rejection?.because ?? null,
    culprit: rejection?.culprit ?? null,
    soft_failed_by: explanation.softFailedBy,
    complete: explanation.complete,
    unknowable: explanation.unknowable,
    missing: explanation.missing,
    event: {
      event_id: event.eventId,
      type: event.type,
      ...(event.stateKey === undefined ? {} : {state_key: event.stateKey}),
      sender: event.sender,
      origin_server_ts: event.originServerTs,
      depth: String(event.depth),
      prev_events: event.prevEvents,
      auth_events: event.authEvents,
      filled: event.filled,
    },
    checks: explanation.checks,
    auth_events: explanation.citations.map(({slot, cited, selected, relation, problems}) => ({
      ...(slot === null ? {} : {type: slot.type, state_key: slot.stateKey}),
      cited,
      selected,
      relation,
      problems,
    })),
    rules: {auth: traceDocument(explanation.rules.auth), before: traceDocument(explanation.rules.before)},
    would_pass: explanation.remedies.map(({changes, says, by}) => ({
      says,
      changes: changes.map((change, index) => ({...changeDocument(change), by: ableDocument(by[index] ?? null)})),
    })),
    could_send: ableDocument(explanation.couldSend),
    servers: explanation.servers.map(({server, has, rejected, softFailed, outlier, receivedTs, estimate}) => ({
      server,
      has,
      ...(rejected === undefined ? {} : {rejected}),
      ...(softFailed === undefined ? {} : {soft_failed: softFailed}),
      ...(outlier === undefined ? {} : {outlier}),
      ...(receivedTs === undefined ? {} : {received_ts: receivedTs}),
      current_state: estimateDocument(estimate),
    })),
    notes: explanation.notes,
    findings: explanation.findings,
  }
}

function traceDocument(trace: Trace | null) {
  return trace === null
    ? null
    : trace.lines.map(({values, ...line}) => ({
        ...line,
        values: values.map(({eventId, ...value}) => ({...value, event_id: eventId})),
      }))
}

function ableDocument(able: Able | null) {
  return able === null ? null : {users: able.users, any_member: able.anyMember}
}

function changeDocument(change: Explanation['remedies'][number]['changes'][number]) {
  if (change.kind !== 'without-auth-events' && change.kind !== 'auth-events') return change
  return {kind: change.kind, event_ids: change.eventIds}
}

function estimateDocument(estimate: SoftFailEstimate | null) {
  if (estimate === null) return null
  const {passes, rejection, extremities, by, certainty} = estimate
  return {passes, rule: rejection?.rule ?? null, because: rejection?.because ?? null, extremities, by, certainty}
}
