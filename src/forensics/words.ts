import {shortened, slotWords as wordsOfSlot} from '../finding/slot-words.ts'
import type {RoomGraph} from '../graph/room-graph.ts'
import {type Json, own} from '../matrix/json.ts'
import {ABSENT} from '../resolve/state-trie.ts'

/** An event as people want it named. */
export interface EventBrief {
  readonly eventId: string
  readonly sender: string
  /** Milliseconds since 1970, as the sender's server claims. */
  readonly originServerTs: number
  /** `join`, `invite` (a join rule), `power levels` … */
  readonly value: string
  /** `the ban of @x:y by @z:w`. */
  readonly words: string
}

/** The key of the content that says most, by type. */
const TELLING: Readonly<Record<string, string>> = {
  'm.room.member': 'membership',
  'm.room.join_rules': 'join_rule',
  'm.room.name': 'name',
  'm.room.topic': 'topic',
  'm.room.history_visibility': 'history_visibility',
  'm.room.guest_access': 'guest_access',
  'm.room.encryption': 'algorithm',
  'm.room.canonical_alias': 'alias',
}

/** `null` for `ABSENT`. */
export function briefOf(graph: RoomGraph, row: number): EventBrief | null {
  return row === ABSENT ? null : briefOfEvent(graph, row)
}

export function briefOfEvent(graph: RoomGraph, row: number): EventBrief {
  return {
    eventId: graph.id(row),
    sender: graph.senderName(row),
    originServerTs: graph.ts[row] ?? 0,
    value: valueOf(graph, row),
    words: eventWords(graph, row),
  }
}

/** What a state event says, in a word or two; its type where nothing short would tell. */
export function valueOf(graph: RoomGraph, row: number): string {
  const type = graph.typeName(row)
  if (type === 'm.room.power_levels') return 'power levels'
  const key = Object.hasOwn(TELLING, type) ? TELLING[type] : undefined
  const value: Json | undefined = key === undefined ? undefined : own(graph.content(row), key)
  return typeof value === 'string' ? shortened(value) : type
}

/** `the join of @a:b`, `the ban of @a:b by @c:d`, `the join rule “invite” set by @a:b`. */
export function eventWords(graph: RoomGraph, row: number): string {
  const slot = graph.slot[row] ?? -1
  const sender = graph.senderName(row)
  if (slot < 0) return `the ${graph.typeName(row)} of ${sender}`
  const {type, stateKey} = graph.slotAt(slot)
  const value = valueOf(graph, row)
  if (type === 'm.room.member') {
    if (sender === stateKey) return `the ${value} of ${sender}`
    return value === 'leave' ? `the removal of ${stateKey} by ${sender}` : `the ${value} of ${stateKey} by ${sender}`
  }
  const noun = slotWords(graph, slot)
  return value === type || type === 'm.room.power_levels'
    ? `${noun} set by ${sender}`
    : `${noun} “${value}” set by ${sender}`
}

/** `the membership of @a:b`, `the topic`, `the state org.example.type of “key”`. */
export function slotWords(graph: RoomGraph, slot: number): string {
  const {type, stateKey} = graph.slotAt(slot)
  return wordsOfSlot(type, stateKey)
}

/** `2026-11-21 18:17:38`, UTC; the number itself where it is no date. */
export function timeOf(graph: RoomGraph, row: number): string {
  const ms = graph.ts[row] ?? 0
  const time = new Date(ms)
  return Number.isNaN(time.getTime()) ? String(ms) : time.toISOString().slice(0, 19).replace('T', ' ')
}
