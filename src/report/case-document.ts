import type {CaseInfo} from '../investigate/case-info.ts'

/** `case info --json`: schema `matrix-state/case-info/1`. Times are milliseconds since 1970. */
export function caseDocument(info: CaseInfo) {
  return {
    schema: 'matrix-state/case-info/1' as const,
    case: info.path,
    room_id: info.roomId,
    room_version: info.roomVersion,
    created_ts: info.createdTs,
    summary: {
      events: info.counts.events,
      copies: info.counts.copies,
      missing: info.counts.missing,
      reported_states: info.counts.reportedStates,
      server_keys: info.counts.keys,
    },
    sources: info.sources.map((source) => ({
      name: source.name,
      kind: source.kind,
      server: source.server,
      address: source.address,
      insecure: source.insecure,
      first_ts: source.firstTs,
      last_ts: source.lastTs,
      requests: source.requests,
      events: source.events,
      only_here: source.onlyHere,
      rejected: source.marked.rejected,
      soft_failed: source.marked.softFailed,
      outliers: source.marked.outliers,
    })),
    several_forms: info.severalForms.map(({eventId, forms}) => ({event_id: eventId, forms})),
    states: info.states.map(({source, what, how, count, slots, lastTs}) => ({
      source,
      what,
      how,
      count,
      slots,
      last_ts: lastTs,
    })),
    state_groups: info.stateGroups,
    extremities: info.extremities,
    missing: info.missing.map(({eventId, asked}) => ({event_id: eventId, asked})),
    refusals: info.refusals,
    key_servers: info.keyServers,
    aliases: info.aliases,
    limits: info.limits,
    unknowable: info.unknowable,
    notes: info.notes,
  }
}
