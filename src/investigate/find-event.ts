import {StateError} from '../errors.ts'
import {Flag, type RoomGraph} from '../graph/room-graph.ts'

const WRITE_WHOLE_ID = "Write the whole event ID in single quotes: a shell replaces '$…'."
/** Characters after the `$` that name an event as well as the whole ID does, if no other begins so. */
const LEAST_PREFIX = 6

/**
 * The row of an event that a person named: by its ID, or by the beginning of it if no other ID begins so. It may be one that is cited
 * and not here.
 *
 * @throws StateError EVENT_UNKNOWN
 */
export function findEvent(graph: RoomGraph, typed: string): number {
  const row = graph.row(typed)
  if (row >= 0 && !graph.has(row, Flag.Foreign)) return row
  if (row >= 0) throw unknownEvent(typed, 'It is of another room: explain it there.')
  if (!typed.startsWith('$')) throw unknownEvent(typed, WRITE_WHOLE_ID)
  const found = graph.ids.filter((id) => id.startsWith(typed))
  const [only] = found
  if (typed.length <= LEAST_PREFIX) throw tooShort(typed, found)
  if (only === undefined) throw unknownEvent(typed, nearest(graph, typed))
  if (found.length === 1) return graph.row(only)
  throw new StateError('EVENT_UNKNOWN', `${String(found.length)} events have IDs that begin with ${typed}`, {
    hint: `Write more of it: ${found.slice(0, 3).join(', ')}${found.length > 3 ? ', …' : ''}`,
  })
}

/**
 * @throws StateError EVENT_UNKNOWN also for one that is cited and not here
 * @see findEvent
 */
export function findKnownEvent(graph: RoomGraph, typed: string): number {
  const row = findEvent(graph, typed)
  if (!graph.has(row, Flag.Missing)) return row
  throw new StateError(
    'EVENT_UNKNOWN',
    `the room as it was given has no event ${JSON.stringify(typed)}: others cite it, but it is not there itself`,
    {hint: 'Gather the room from a server that has the event.'},
  )
}

function unknownEvent(typed: string, hint: string): StateError {
  return new StateError('EVENT_UNKNOWN', `the room as it was given has no event ${JSON.stringify(typed)}`, {hint})
}

/** @param found - IDs that begin so */
function tooShort(typed: string, found: readonly string[]): StateError {
  const [first] = found
  const least = `The beginning of an ID takes at least ${String(LEAST_PREFIX)} characters after the '$'`
  if (first === undefined) return unknownEvent(typed, `${least}; no ID begins so.`)
  const begin = found.length === 1 ? 'did you mean' : `${String(found.length)} IDs begin so, such as`
  return new StateError('EVENT_UNKNOWN', `${JSON.stringify(typed)} is too short for the beginning of an event ID`, {
    hint: `${least}: ${begin} '${first}'${found.length === 1 ? '?' : '.'}`,
  })
}

/** The event whose ID has most of its beginning in common with what was typed. */
function nearest(graph: RoomGraph, typed: string): string {
  let best = ''
  let shared = 2
  for (const id of graph.ids) {
    let same = 0
    while (same < id.length && id[same] === typed[same]) same += 1
    if (same > shared) [best, shared] = [id, same]
  }
  return best === ''
    ? 'It may be of another room, or not have been fetched: look for it in the dump.'
    : `Did you mean '${best}'?`
}
