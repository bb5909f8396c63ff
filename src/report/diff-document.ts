import type {Finding} from '../finding/finding.ts'
import type {DiffReport, DiffSide, DiffValue, DivergencePoint, SidePeople} from '../investigate/diff-report.ts'
import {stateValue} from './state-value.ts'

/** `diff --json`: schema `matrix-state/diff/1`. */
export function diffDocument(report: DiffReport) {
  const {position} = report
  const [first] = report.divergencePoints
  return {
    schema: 'matrix-state/diff/1' as const,
    room_id: report.roomId,
    room_version: report.roomVersion,
    reading: report.reading,
    complete: report.complete,
    unknowable: report.unknowable,
    position: position.kind === 'at' ? position.position : 'after',
    at: report.at,
    sides: report.sides.map(sideDocument),
    differences: report.differences.map(({type, stateKey, values, grade, grades, matchesReplay}) => ({
      type,
      state_key: stateKey,
      values: mapValues(values, (value) => value?.eventId ?? null),
      grade,
      grades,
      matches_replay: matchesReplay,
      events: mapValues(values, (value) => eventDocument(type, value)),
    })),
    first_divergence: first === undefined ? null : pointDocument(first),
    divergence_points: report.divergencePoints.map(pointDocument),
    agreeing_at_every_event: report.agreeing,
    ...(report.notAsked.length === 0 ? {} : {not_asked: report.notAsked}),
    people: report.people.map((people) => peopleDocument(people, report.complete)),
    ...(report.lacking.length === 0 ? {} : {lacking: report.lacking}),
    ...(report.position.kind === 'tips' ? {resets: report.resets.flatMap(resetDocument)} : {}),
    findings: report.findings,
  }
}

function resetDocument({subject, cause}: Finding) {
  if (subject.kind !== 'slot') return []
  const {type, state_key, event_id = null} = subject
  return [{type, state_key, event_id, cause: cause ?? ''}]
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, map: (value: T) => U): Readonly<Record<string, U>> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]))
}

function sideDocument({id, server, what, how, eventId, ts, size, differences, unknownEvents}: DiffSide) {
  if (id === 'replay') return {id, size}
  return {
    id,
    server,
    what,
    how,
    ...(eventId === null ? {} : {event_id: eventId}),
    ...(ts === 0 ? {} : {told_ts: ts}),
    size,
    differences,
    ...(unknownEvents.length === 0 ? {} : {unknown_events: unknownEvents}),
  }
}

function eventDocument(type: string, value: DiffValue | null) {
  if (value?.event === null || value === null) return null
  const {sender, originServerTs, content} = value.event
  return {sender, origin_server_ts: originServerTs, value: stateValue({type, content})}
}

function pointDocument(point: DivergencePoint) {
  return {
    event_id: point.eventId,
    side: point.side,
    proven_earliest: point.provenEarliest,
    server: point.server,
    position: point.position,
    method: point.method,
    compared: point.compared,
    requests: point.requests,
    slots: point.slots.map(({type, stateKey}) => ({type, state_key: stateKey})),
    origin: point.origin,
  }
}

function peopleDocument({side, server, memberships, powers, moderators, joinRule}: SidePeople, complete: boolean) {
  const change = ({userId, ours, theirs, local}: SidePeople['memberships'][number]) => ({
    user_id: userId,
    replay: ours,
    there: theirs,
    local,
  })
  const able = (who: SidePeople['moderators']['ours']) =>
    who === null ? null : [...who].map(([userId, can]) => ({user_id: userId, can}))
  return {
    side,
    server,
    ...(complete ? {} : {as_far_as_known: true}),
    memberships: memberships.map(change),
    powers: powers.map(change),
    moderators: {replay: able(moderators.ours), there: able(moderators.theirs)},
    ...(joinRule === null ? {} : {join_rule: {replay: joinRule.ours, there: joinRule.theirs}}),
  }
}
