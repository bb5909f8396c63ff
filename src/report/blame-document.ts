import type {EventBrief} from '../forensics/words.ts'
import type {Slot} from '../graph/room-graph.ts'
import type {BlameCandidate, BlameLine, BlameReport, BlameReset} from '../investigate/blame-room.ts'

/** `blame --json`: schema `matrix-state/blame/1`. */
export function blameDocument(report: BlameReport, full: boolean) {
  const lines = full ? report.lines : report.lines.filter((line) => !line.plain)
  return {
    schema: 'matrix-state/blame/1' as const,
    room_id: report.roomId,
    room_version: report.roomVersion,
    reading: report.reading,
    complete: report.complete,
    unknowable: report.unknowable,
    ...slotOf(report.slot),
    now: report.now === undefined ? null : eventOf(report.now),
    ...(report.now === undefined ? {now_unknown: true} : {}),
    entries: lines.map(entryOf),
    left_out: report.lines.length - lines.length,
    undetermined: report.undetermined,
    missing: report.missing,
    findings: report.findings,
  }
}

function slotOf({type, stateKey}: Slot) {
  return {type, state_key: stateKey}
}

function eventOf(event: EventBrief | null) {
  if (event === null) return null
  return {
    event_id: event.eventId,
    sender: event.sender,
    origin_server_ts: event.originServerTs,
    value: event.value,
  }
}

function entryOf(line: BlameLine) {
  if (line.kind !== 'merge') {
    return {
      kind: line.kind,
      event: eventOf(line.event),
      previous: eventOf(line.previous),
      leads_to_now: line.leadsToNow,
      rule: line.rule,
      because: line.because,
    }
  }
  return {
    kind: line.kind,
    at: eventOf(line.at),
    branches: line.branches.map(({after, value}) => ({after, value: eventOf(value)})),
    candidates: line.candidates.map(candidateOf),
    result: eventOf(line.result),
    decided: line.decided,
    reset: line.reset === null ? null : resetOf(line.reset),
    fell: line.fell.map(({slot, lost, result}) => ({...slotOf(slot), lost: eventOf(lost), result: eventOf(result)})),
    again: line.again,
  }
}

function candidateOf(candidate: BlameCandidate) {
  const {event, branches, outcome, rule, because, blockers, order, phase, mainline} = candidate
  return {
    event: eventOf(event),
    branches,
    outcome,
    rule,
    because,
    judged_by: blockers.map(({slot, event: by, own, origin}) => ({
      ...slotOf(slot),
      event: eventOf(by),
      instead_of: eventOf(own),
      origin,
    })),
    order,
    phase,
    mainline,
  }
}

function resetOf({cause, expected, summary, story, root, fellTogether, underV21}: BlameReset) {
  return {
    cause,
    expected,
    summary,
    story,
    root: root === null ? null : {...slotOf(root.slot), event: eventOf(root.event)},
    fell_together: fellTogether.map(slotOf),
    ...(underV21 === undefined ? {} : {under_v21: eventOf(underV21)}),
  }
}
