import type {PackedGraph} from '../graph/packed-graph.ts'
import {Flag, type RoomGraph} from '../graph/room-graph.ts'
import type {JsonObject} from '../matrix/json.ts'
import {redactContent} from '../matrix/redaction.ts'
import type {PageContents} from '../report/explorer/page-data.ts'
import type {LoadedRoom} from './load-room.ts'

/** What the page holds of the contents of events, and what it says of that. */
export interface KeptContents {
  readonly graph: PackedGraph
  readonly contents: PageContents
}

/**
 * Leaves the contents of events out that are no state, unless they were kept when the room was loaded (`LoadOptions.messages`).
 *
 * @remarks A graph has contents of state events only, and of two kinds of events that should be state and are not; of these stays what
 * redaction keeps, which is all that the rules read.
 */
export function keepContents({graph, messages}: LoadedRoom, packed: PackedGraph): KeptContents {
  const others = countOthers(graph)
  if (messages !== undefined) {
    const kept: [number, JsonObject][] = []
    for (const [eventId, content] of messages) {
      const row = graph.row(eventId)
      if (row >= 0 && Object.keys(content).length > 0) kept.push([row, content])
    }
    kept.sort(([a], [b]) => a - b)
    return {graph: packed, contents: {kept: 'all', messages: kept, says: saysOfAll(kept.length, others)}}
  }
  const isState = (row: number): boolean => graph.has(row, Flag.State)
  const redacted = ([row, content]: readonly [number, JsonObject]): readonly [number, JsonObject] =>
    isState(row) ? [row, content] : [row, redactContent({type: graph.typeName(row), content}, graph.rules)]
  return {
    graph: {
      ...packed,
      content: packed.content.map(redacted),
      // What redaction keeps of them are levels; without any, what the rules read is the same: no event without a state key is one.
      exactContent: packed.exactContent.filter(([row]) => isState(row)),
    },
    contents: {kept: 'state', messages: [], says: saysOfState(others)},
  }
}

const ALWAYS: readonly string[] = [
  'Of every event it holds ID, type, state key, sender, time and depth, and which events it follows and cites: who wrote when can be seen.',
  'Contents of state events are in it: names, topics, members with their names and avatars, reasons of kicks and bans, power levels, and whatever else is state.',
]
const NEVER = 'Left out of every event are `unsigned`, hashes and signatures.'

function saysOfState(others: number): readonly string[] {
  const what = others === 0 ? 'Of messages' : `Of ${otherEvents(others)} (messages)`
  return [
    ...ALWAYS,
    `${what} the contents are left out: texts, encrypted texts, files, reactions, and what answers what. --with-content keeps them.`,
    NEVER,
  ]
}

function saysOfAll(kept: number, others: number): readonly string[] {
  return [
    ...ALWAYS,
    `Contents of messages are in it, too: of ${kept.toLocaleString('en-US')} of ${otherEvents(others)}. Give it only to people who may read them.`,
    NEVER,
  ]
}

function otherEvents(count: number): string {
  return count === 1 ? '1 event that is no state' : `${count.toLocaleString('en-US')} events that are no state`
}

function countOthers(graph: RoomGraph): number {
  let others = 0
  for (let row = 0; row < graph.size; row += 1) if (!graph.has(row, Flag.State | Flag.Missing)) others += 1
  return others
}
