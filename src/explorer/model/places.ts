import type {Finding} from '../../finding/finding.ts'
import type {Room} from './room.ts'

/** Where a finding leads: an event and a slot, as far as there is one. */
export interface Place {
  readonly row: number
  readonly slot: number
}

const known = new WeakMap<Room, Map<number, Finding[]>>()

/** The findings that lead to an event, gravest first. */
export function findingsAt(room: Room, row: number): readonly Finding[] {
  const byRow = known.get(room) ?? new Map<number, Finding[]>()
  if (!known.has(room)) {
    known.set(room, byRow)
    for (const finding of room.data.findings) {
      const {row: at} = placeOf(room, finding)
      const here = byRow.get(at)
      if (here === undefined) byRow.set(at, [finding])
      else here.push(finding)
    }
  }
  return byRow.get(row) ?? []
}

/** The event and slot that a finding is about; -1 where there is none. */
export function placeOf({graph, replay, now}: Room, {subject, evidence}: Finding): Place {
  const rowOf = (id: string | undefined): number => (id === undefined ? -1 : graph.row(id))
  const evidenceRow = (): number => {
    for (const {where, value} of evidence) {
      for (const text of [where, typeof value === 'string' ? value : '']) {
        for (const [id] of text.matchAll(/\$[^\s,;)]+/g)) if (graph.row(id) >= 0) return graph.row(id)
      }
    }
    return -1
  }
  if (subject.kind === 'event') {
    const row = rowOf(subject.event_id)
    return {row, slot: row < 0 ? -1 : (graph.slot[row] ?? -1)}
  }
  if (subject.kind === 'slot') {
    const slot = graph.slotOf(subject.type, subject.state_key)
    const named = rowOf(subject.event_id)
    if (named >= 0) return {row: named, slot}
    const current = now < 0 || slot < 0 ? -1 : replay.trie.get(now, slot)
    return {row: current >= 0 ? current : evidenceRow(), slot}
  }
  if (subject.kind === 'user') return {row: evidenceRow(), slot: graph.slotOf('m.room.member', subject.user_id)}
  return {row: evidenceRow(), slot: -1}
}
