import {StateError} from '../errors.ts'
import {isLiveRoom} from '../investigate/open-room.ts'

/** What a positional argument stands for. */
export type Identifier = 'room' | 'event'

const SERVER = String.raw`(?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|localhost)(?::\d{1,5})?`
/** A room ID up to version 11 without its `!`. */
const BARE_ROOM_ID = new RegExp(String.raw`^[A-Za-z0-9._=+-]+:${SERVER}$`)
/** An event ID of versions 1 and 2 without its `$`, or what a shell leaves of it. */
const BARE_SERVER_EVENT_ID = new RegExp(String.raw`^[A-Za-z0-9._=+-]*:${SERVER}$`)
/** 32 bytes in Base64: an event ID from version 3 on, or a room ID of version 12, without its sigil. */
const BARE_HASH = /^[A-Za-z0-9_+/-]{43}$/
/** What is left of such an event ID when the shell replaced its first part as a variable; a name ends at `-`, `+` or `/`. */
const REST_OF_HASH = /^[-+/][A-Za-z0-9_+/-]{7,41}$/

/**
 * Says what to type when a shell has eaten the sigil of an ID (`!` is history, `$` a variable, `#` a comment).
 *
 * @param argument - the argument as it arrived; the caller has made sure that no file has this name.
 * @returns one sentence for `hint`, or `null` when the argument does not look like it.
 */
export function hintForEatenSigil(argument: string, expected: Identifier): string | null {
  const sigil = expected === 'room' ? '!' : '$'
  const escaped = argument.startsWith(`\\${sigil}`)
  if (escaped) return `the shell left a backslash in it: write '${argument.slice(1)}' in single quotes`
  if (expected === 'room') {
    if (argument === '') return roomIsMissing
    if (BARE_ROOM_ID.test(argument) || BARE_HASH.test(argument)) return quoting('room', sigil, argument)
    return null
  }
  if (BARE_HASH.test(argument) || (argument.length > 1 && BARE_SERVER_EVENT_ID.test(argument))) {
    return quoting('event', sigil, argument)
  }
  if (argument === '' || REST_OF_HASH.test(argument)) {
    return "a shell replaces the '$' of an event ID and what follows: write the whole ID in single quotes, '$...'"
  }
  return null
}

/** For a command line on which no room arrived at all. */
export const roomIsMissing =
  "write a room ID or alias in single quotes ('!room:example.org', '#alias:example.org'): a shell may eat its first character"

function quoting(what: Identifier, sigil: string, argument: string): string {
  const article = what === 'event' ? 'an event' : 'a room'
  return `did the shell eat the '${sigil}' of ${article} ID? write '${sigil}${argument}' in single quotes`
}

/** @throws StateError USAGE for what is no room ID or alias */
export function mustBeLiveRoom(argument: string): void {
  if (isLiveRoom(argument)) {
    if (argument.length > 1 && Buffer.byteLength(argument) <= 255 && !/\p{Cc}/u.test(argument)) return
    throw new StateError('USAGE', `${JSON.stringify(argument.slice(0, 80))} is no room ID or alias`, {
      hint: 'They have 2 to 255 bytes, none of them a control character.',
    })
  }
  throw new StateError('USAGE', `${JSON.stringify(argument)} is no room ID or alias`, {
    hint: hintForEatenSigil(argument, 'room') ?? roomIsMissing,
  })
}

/** @throws StateError USAGE for a flag's value that is no event ID */
export function mustBeEvent(flag: string, value: string): void {
  if (value.startsWith('$') && value.length > 1) return
  throw new StateError('USAGE', `${flag}: ${JSON.stringify(value.slice(0, 80))} is no event ID`, {
    hint: hintForEatenSigil(value, 'event') ?? "write the whole event ID in single quotes: '$…'",
  })
}
