import {GRAVE_MARKS} from '../model/kinds.ts'
import {EVENT_HEIGHT, LABEL_HEIGHT, type Scene} from './scene.ts'

/** Pixels around a mark that count as the mark. */
const REACH = 14
/** How far the words beside a mark reach, about. */
const WORDS = 160

/** The event at a place of the canvas; -1: none near it. Of many on one pixel, the one that matters most. */
export function hit({camera, layout, marks, room}: Scene, x: number, y: number): number {
  const {rowHeight} = camera
  if (room.graph.size === 0) return -1
  const at = camera.rowAt(y)
  const around = Math.max(1, Math.ceil(REACH / rowHeight))
  const first = Math.max(0, Math.floor(at) - around)
  const last = Math.min(room.graph.size - 1, Math.floor(at) + around)
  if (rowHeight < EVENT_HEIGHT) {
    const lane = layout.lanes.findIndex((_, k) => x >= camera.laneX(k) && x < camera.laneX(k) + camera.laneWidth(k))
    return gravest(first, last, (row) => layout.laneOf[row] === lane, at, marks)
  }
  let best = -1
  let nearest = REACH
  for (let row = first; row <= last; row += 1) {
    const distance = Math.hypot(camera.x(row) - x, camera.y(row) - y)
    if (distance < nearest) {
      nearest = distance
      best = row
    }
  }
  if (best >= 0 || rowHeight < LABEL_HEIGHT) return best
  // Words belong to the event that they stand beside.
  const row = Math.floor(at)
  return row >= 0 && row < room.graph.size && Math.abs(x - camera.x(row)) < WORDS ? row : -1
}

function gravest(
  first: number,
  last: number,
  isHere: (row: number) => boolean,
  at: number,
  {kinds, marks}: Scene['marks'],
): number {
  let best = -1
  let most = -Infinity
  for (let row = first; row <= last; row += 1) {
    if (!isHere(row)) continue
    const place = GRAVE_MARKS.findIndex((bit) => ((marks[row] ?? 0) & bit) !== 0)
    const weight = (place < 0 ? 0 : (GRAVE_MARKS.length - place) * 1000) + (kinds[row] ?? 0) * 10
    const score = weight - Math.abs(row - at) / 1000
    if (score > most) {
      most = score
      best = row
    }
  }
  return best
}
