import {own} from '../matrix/json.ts'
import type {RoomGraph} from './room-graph.ts'

/** Who made the room, as its version counts creators; in version 12 also those whom the create event names. */
export function creatorsOf(graph: RoomGraph): readonly string[] {
  const {create, rules} = graph
  if (create < 0) return []
  const content = graph.content(create)
  if (!rules.creatorIsSender) {
    const creator = own(content, 'creator')
    return [typeof creator === 'string' ? creator : graph.senderName(create)]
  }
  const more = rules.creatorsOutrankAll ? own(content, 'additional_creators') : undefined
  const names = Array.isArray(more) ? (more as readonly unknown[]).filter((name) => typeof name === 'string') : []
  return [...new Set([graph.senderName(create), ...names])]
}
