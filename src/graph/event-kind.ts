import {Flag, type RoomGraph, Type} from './room-graph.ts'

/** What an event is to people who look at a room. `power`: it says who may do what. */
export type EventKind = 'create' | 'member' | 'power' | 'state' | 'message'

/** Types that say who may do what, beside those that the rules name. */
const RULES: ReadonlySet<string> = new Set(['m.room.server_acl', 'm.room.tombstone'])

/** Of an event that is here: of one that is only cited, nothing of this is known. */
export function eventKind(graph: RoomGraph, row: number): EventKind {
  if (!graph.has(row, Flag.State)) return 'message'
  switch (graph.type[row]) {
    case Type.Create:
      return 'create'
    case Type.Member:
      return 'member'
    case Type.PowerLevels:
    case Type.JoinRules:
    case Type.ThirdPartyInvite:
      return 'power'
    default:
      return RULES.has(graph.typeName(row)) ? 'power' : 'state'
  }
}
