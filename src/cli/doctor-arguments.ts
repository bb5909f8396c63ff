import {statSync} from 'node:fs'
import {StateError} from '../errors.ts'
import {isLiveRoom} from '../investigate/open-room.ts'
import {isServerName, isUserId} from '../matrix/ids.ts'
import {hintForEatenSigil, mustBeEvent, mustBeLiveRoom} from './room-argument.ts'

/** What the words of a `doctor` command line stand for. */
export interface DoctorWords {
  readonly room: string | null
  readonly user: string | null
  readonly server: string | null
  readonly eventId: string | null
  readonly message: string | null
  /** Where a log is: a path, or `-`. */
  readonly log: string | null
}

export interface DoctorWordFlags {
  readonly message: string | undefined
  readonly log: string | undefined
  readonly user: string | undefined
  readonly server: string | undefined
  readonly event: string | undefined
}

/**
 * Tells the subject from the message: a room (ID, alias, file), a user, an event or a server is the subject; `-` is a log on standard input; all
 * the rest, in its order, is the message.
 *
 * @throws StateError USAGE, INPUT_NOT_FOUND
 */
export function readWords(words: readonly string[], flags: DoctorWordFlags): DoctorWords {
  const subject = {
    room: new Once('room'),
    user: new Once('user', flags.user),
    server: new Once('server', flags.server),
    event: new Once('event', flags.event),
    log: new Once('log', flags.log),
  }
  const rest: string[] = []
  for (const word of words) {
    const kind = kindOf(word)
    if (kind === null) rest.push(word)
    else subject[kind].set(word)
  }
  const {room, user, server, event} = subject
  if (room.value !== null && isLiveRoom(room.value)) mustBeLiveRoom(room.value)
  if (user.value !== null) mustBeUser(user.value)
  if (event.value !== null) mustBeEvent('--event', event.value)
  if (server.value !== null && !isServerName(server.value)) {
    throw new StateError('USAGE', `--server: ${JSON.stringify(server.value.slice(0, 80))} is no server name`, {
      hint: 'A server name is what follows the colon of a user ID: example.org.',
    })
  }
  if (flags.message !== undefined && rest.length > 0) {
    throw new StateError('USAGE', `unexpected argument: ${rest.join(' ').slice(0, 80)}`, {
      hint: 'The message is given by --message already; a file that is not there is taken for part of a message.',
    })
  }
  const message = flags.message ?? (rest.length === 0 ? null : rest.join(' '))
  if (message?.trim() === '') throw new StateError('USAGE', 'the message is empty', {hint: EMPTY})
  if (message !== null && subject.log.value !== null) {
    throw new StateError('USAGE', 'a message and a log were given: give one of them', {
      hint: `What is no room, user, event or server counts as a message: ${JSON.stringify(message.slice(0, 80))}`,
    })
  }
  return {
    room: room.value,
    user: user.value,
    server: server.value,
    eventId: event.value,
    message,
    log: subject.log.value,
  }
}

const EMPTY = 'Without a message, everything that is wrong with the room is told: leave it out.'

type Kind = 'room' | 'user' | 'server' | 'event' | 'log'

/** `null`: part of the message. @throws StateError INPUT_NOT_FOUND */
function kindOf(word: string): Kind | null {
  if (word === '-') return 'log'
  // A sentence may begin with any character.
  if (/\s/.test(word)) return isFile(word) ? 'room' : null
  if (isLiveRoom(word) && word.length > 1) return 'room'
  if (word.startsWith('$') && word.length > 6) return 'event'
  if (isUserId(word)) return 'user'
  if (isFile(word)) return 'room'
  const hint = hintForEatenSigil(word, 'room')
  if (hint !== null && word !== '') throw noFile(word, hint)
  if (PATH.test(word)) throw noFile(word, 'Check the path; or put a message that has several words into quotes.')
  return SERVER.test(word) ? 'server' : null
}

/** What only a path looks like: an absolute or relative one, or the name of a dump. */
const PATH = /^(?:\.{0,2}\/|~\/)|\.(?:case|ndjson|jsonl?|gz|db)$/
const SERVER = /^(?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z][A-Za-z0-9-]+(?::\d{1,5})?|localhost:\d{1,5})$/

function isFile(path: string): boolean {
  try {
    return !statSync(path).isDirectory()
  } catch {
    return false
  }
}

function noFile(word: string, hint: string): StateError {
  return new StateError('INPUT_NOT_FOUND', `there is no file ${JSON.stringify(word)}`, {hint})
}

function mustBeUser(user: string): void {
  if (isUserId(user) && !/[\p{Cc}\s]/u.test(user)) return
  throw new StateError('USAGE', `--user: ${JSON.stringify(user.slice(0, 80))} is no user ID`, {
    hint: 'A user ID is @name:server.',
  })
}

/** A value that a command line gives once. */
class Once {
  readonly #what: string
  value: string | null

  constructor(what: string, value?: string) {
    this.#what = what
    this.value = value ?? null
  }

  set(value: string): void {
    if (this.value !== null && this.value !== value) {
      throw new StateError(
        'USAGE',
        `one ${this.#what} at a time: ${shown(this.value)} and ${shown(value)} were given`,
        {
          hint: 'Of a message with IDs in it, put the whole into quotes.',
        },
      )
    }
    this.value = value
  }
}

const shown = (value: string): string => JSON.stringify(value.slice(0, 80))
