import type {Hook} from '@oclif/core'
import {StateError} from '../errors.ts'
import {nearest} from './suggest.ts'

/** oclif's hook for a word that is no command: says which one was probably meant. Named in package.json. */
const commandNotFound: Hook<'command_not_found'> = function ({id, config}) {
  return Promise.reject(unknownCommand(id, config.commandIDs))
}
export default commandNotFound

/** @param id - the words that oclif took for a command, joined by `:`; what follows the command may be among them. */
export function unknownCommand(id: string, known: readonly string[]): StateError {
  if (id.startsWith('-')) {
    return new StateError('USAGE', `${id} stands before the command`, {hint: 'write: matrix-state COMMAND [flags]'})
  }
  const room = /^[!#][^:]*:/.test(id)
  const words = room ? [id] : id.split(':')
  const topics = new Set(known.filter((name) => name.includes(':')).map((name) => name.split(':', 1)[0]))
  const command = known.find((name) => !name.includes(':') && name === words[0])
  if (command !== undefined && !topics.has(command)) {
    // What follows may be a secret that should have been a flag's: it is not repeated.
    return new StateError('USAGE', `${command} takes no argument, and was given one`, {
      hint: `see: matrix-state ${command} --help`,
    })
  }
  const typed = words.slice(0, topics.has(words[0]) ? 2 : 1).join(' ')
  const guess = nearest(typed, known.map(readable)) ?? nearest(words.slice(0, 2).join(' '), known.map(readable))
  return new StateError('USAGE', `"${typed}" is not a matrix-state command`, {hint: hintFor(guess, room)})
}

function hintFor(guess: string | undefined, room: boolean): string {
  if (room) return "a room comes after the command: matrix-state resolve '!room:example.org'"
  return guess === undefined ? 'see: matrix-state --help' : `did you mean "matrix-state ${guess}"?`
}

const readable = (id: string): string => id.replaceAll(':', ' ')
