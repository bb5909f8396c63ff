import {own} from '../matrix/json.ts'
import type {DiffReport} from './diff-report.ts'
import type {OpenedRoom} from './opened-room.ts'
import type {RoomReport} from './room-report.ts'

/** Why the replay or the comparison leaves something open, in sentences; empty where nothing is open. */
export function whyOpen(
  {room, reportedExtremities}: OpenedRoom,
  resolved: RoomReport,
  compared: DiffReport,
): readonly string[] {
  if (resolved.complete && compared.complete) return []
  const {missing, undetermined} = resolved.counts
  const damaged = room.faults.filter(({kind}) => kind !== 'redacted-copy').length
  const refused = room.graph.columns.faults.size
  const here = new Set(resolved.missing.map(({eventId}) => eventId))
  const behind = Object.entries(reportedExtremities).filter(([, ids]) =>
    ids.some((id) => room.graph.row(id) < 0 || here.has(id)),
  )
  const why = [
    ...(room.gaps ?? []),
    ...(missing === 0 ? [] : [`${events(missing, 'is', 'are')} missing, which others cite.`]),
    ...(undetermined === 0 ? [] : [`${events(undetermined, 'has', 'have')} no verdict: what decides it is missing.`]),
    ...(damaged === 0 ? [] : [`${events(damaged, 'has', 'have')} a wrong ID, or two contents.`]),
    ...(refused === 0
      ? []
      : [`${events(refused, 'has', 'have')} a form that servers refuse: this is no copy of theirs.`]),
    ...behind.map(([server]) => `The newest events of ${server} are not all here.`),
    ...compared.sides.flatMap(({server, unknownEvents}) =>
      unknownEvents.length === 0 ? [] : [`What ${server} tells names events that are not here.`],
    ),
  ]
  return why.length > 0 ? why : ['The state of the room cannot be determined in full.']
}

function events(count: number, one: string, many: string): string {
  return count === 1 ? `1 event ${one}` : `${count.toLocaleString('en-US')} events ${many}`
}

/** `m.room.name`, or the canonical alias. */
export function nameOfRoom({wholeState}: RoomReport): string | null {
  for (const [type, field] of [
    ['m.room.name', 'name'],
    ['m.room.canonical_alias', 'alias'],
  ] as const) {
    const entry = wholeState?.find((one) => one.type === type && one.stateKey === '')
    const value = entry === undefined ? undefined : own(entry.content, field)
    if (typeof value === 'string' && value !== '') return value
  }
  return null
}
