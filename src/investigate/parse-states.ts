import {StateError} from '../errors.ts'

/**
 * Reads a list of states: JSON, a list of lists of event IDs.
 *
 * @param name - how people call the text
 * @throws StateError STATES_MALFORMED
 */
export function parseStates(name: string, text: string): readonly (readonly string[])[] {
  const wrong = (what: string, cause?: unknown): StateError =>
    new StateError('STATES_MALFORMED', `${name}: ${what}`, {
      cause,
      hint: 'Write a JSON list of states, each of them a list of event IDs: [["$a","$b"],["$a","$c"]].',
    })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw wrong('this is not JSON', error)
  }
  if (!Array.isArray(value)) throw wrong('this is not a list of states')
  if (value.length === 0) throw wrong('it lists no states')
  return value.map((state: unknown, index) => {
    if (!Array.isArray(state)) throw wrong(`entry ${String(index + 1)} is not a list of event IDs`)
    if (state.length === 0)
      throw wrong(`state ${String(index + 1)} is empty, and no room is ever without its create event`)
    return state.map((id: unknown) => {
      if (typeof id !== 'string') throw wrong(`state ${String(index + 1)} holds something that is not an event ID`)
      return id
    })
  })
}
