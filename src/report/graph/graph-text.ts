import {count} from '../printable.ts'
import {drawingSays} from './drawing-says.ts'
import type {RoomDrawing} from './room-drawing.ts'

/** What was drawn, for people: the first sentence counts, the others say what was left out. */
export function graphText(drawing: RoomDrawing, where: string): readonly string[] {
  const {counts, nodes, edges} = drawing
  const {events, eventsOfRoom, missing, conflicts, resets} = counts
  const drawn =
    events === eventsOfRoom
      ? count(events, 'event')
      : `${events.toLocaleString('en-US')} of ${count(eventsOfRoom, 'event')}`
  const parts = [
    drawn,
    ...(nodes.length === events + missing ? [] : [count(nodes.length, 'node')]),
    ...(missing === 0 ? [] : [`${count(missing, 'that is', 'that are')} cited and not here`]),
    count(edges.length, 'edge'),
  ]
  const merges = [
    ...(conflicts === 0 ? [] : [`${count(conflicts, 'merge')} in conflict`]),
    ...(resets === 0 ? [] : [`${resets.toLocaleString('en-US')} with a reset`]),
  ]
  const summary = [parts.join(', '), ...(merges.length === 0 ? [] : [merges.join(', ')])].join('; ')
  return [`${where === '' ? '' : `${where}: `}${summary}`, ...drawingSays(drawing)]
}
