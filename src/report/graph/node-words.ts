import {count, date, printable} from '../printable.ts'
import type {EdgeAttributes, NodeAttributes, RoomDrawing} from './room-drawing.ts'

/** Columns of a line of a label. */
const WIDE = 60
/** How much of an event ID tells it from others. */
const SHORT_ID = 12

/** The lines that stand in a node where a drawing has room for some; safe to be shown. */
export function nodeLines(node: NodeAttributes): readonly string[] {
  const {kind, event_id: eventId, sender, state_key: key, origin_server_ts: ts} = node
  // Beside another user, a user alone would leave open who did it.
  const by = kind === 'member' && sender !== key ? 'by ' : ''
  const who = kind === 'run' || sender === undefined ? [] : [`${by}${sender}`]
  const when = ts === undefined || kind === 'run' ? [] : [date(ts)]
  const id = eventId === undefined ? [] : [eventId.slice(0, SHORT_ID)]
  return [node.label, ...who, ...id, ...when, ...nodeMarks(node)]
    .filter((line) => line !== '')
    .map((line) => printable(line, WIDE))
}

/** What is remarkable about an event, a line each. */
function nodeMarks(node: NodeAttributes): readonly string[] {
  const {verdict, rule, merges, conflicts, resets = [], findings = [], tip, parents_not_drawn: notDrawn} = node
  return [
    ...(verdict === 'rejected' ? [`rejected: ${rule ?? 'no rule'}`] : []),
    ...(verdict === 'undetermined' ? ['no verdict'] : []),
    ...(conflicts > 0 ? [`merges ${String(merges)} branches: ${count(conflicts, 'slot')} in conflict`] : []),
    ...(node.slot_becomes === undefined ? [] : [`takes ${node.slot_becomes}`]),
    ...resets.map((slot) => `resets ${slot}`),
    ...(findings.length > 0 ? [findings.join(', ')] : []),
    ...(node.rejected_by === undefined ? [] : [`rejected by ${node.rejected_by.join(', ')}`]),
    ...(node.soft_failed_by === undefined ? [] : [`soft-failed by ${node.soft_failed_by.join(', ')}`]),
    ...(tip ? ['tip'] : []),
    ...(notDrawn > 0 ? [`cites ${count(notDrawn, 'that is', 'that are')} not drawn`] : []),
  ]
}

/** What stands at an edge; empty for a plain citation. */
export function edgeWords({kind, events = 0}: EdgeAttributes): string {
  return kind === 'path' ? `${count(events, 'event')} between` : ''
}

/** Colours that can be told apart by colour-blind people (Okabe and Ito); fill, and text on it. */
export interface Look {
  readonly fill: string
  readonly text: string
  readonly border: string
}

const FILLS: Readonly<Record<NodeAttributes['kind'], string>> = {
  create: '#000000',
  member: '#56b4e9',
  power: '#e69f00',
  state: '#009e73',
  message: '#ffffff',
  missing: '#ffffff',
  foreign: '#dddddd',
  run: '#eeeeee',
}
const GRAVE = '#d55e00'
const CONFLICT = '#cc79a7'

export function lookOf(node: NodeAttributes): Look {
  const {kind, conflicts} = node
  return {
    fill: FILLS[kind],
    text: kind === 'create' ? '#ffffff' : '#000000',
    border: isGrave(node) ? GRAVE : conflicts > 0 ? CONFLICT : '#000000',
  }
}

/** What somebody should look at; a note only says that something is there. */
export function isGrave({verdict, resets, severity}: NodeAttributes): boolean {
  return verdict === 'rejected' || resets !== undefined || (severity !== undefined && severity !== 'note')
}

/** What does not count, or may not. */
export function isDoubtful({verdict}: NodeAttributes): boolean {
  return verdict === 'rejected' || verdict === 'undetermined'
}

/** What the drawing is of, for its title. */
export function titleOf({name, roomId, edgesAre}: RoomDrawing): string {
  return `${name === null ? '' : `${name} `}${roomId}: ${edgesAre === 'auth' ? 'auth events' : 'prev events'}`
}

/** Names of nodes that can be shown; no two are the same, whatever their keys hide. */
export function printableNames({nodes}: RoomDrawing, longest = Infinity): (key: string) => string {
  const names = new Map<string, string>()
  const taken = new Set<string>()
  for (const [at, {key}] of nodes.entries()) {
    let name = printable(key, longest)
    while (taken.has(name)) name += `~${String(at)}`
    taken.add(name)
    names.set(key, name)
  }
  return (key) => names.get(key) ?? ''
}
