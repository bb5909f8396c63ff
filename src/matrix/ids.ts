declare const brand: unique symbol
/** A string or number that was checked once at the boundary, so that the engine never mixes up kinds. */
export type Brand<T, Name extends string> = T & {readonly [brand]: Name}

/** `$…`: the name of an event; a hash of it from room version 3 on. */
export type EventId = Brand<string, 'EventId'>
/** `!…`: the name of a room; the create event's hash from room version 12 on. */
export type RoomId = Brand<string, 'RoomId'>
/** `@localpart:server`. */
export type UserId = Brand<string, 'UserId'>
/** `host` or `host:port`. Compared case-sensitively. */
export type ServerName = Brand<string, 'ServerName'>

/** Longest sender, room ID, event ID, type or state key: 255 bytes. https://spec.matrix.org/v1.19/client-server-api/#size-limits */
export const MAX_FIELD_BYTES = 255

/** `null` when `raw` is not an event ID: callers decide whether that is fatal. */
export function parseEventId(raw: unknown): EventId | null {
  return typeof raw === 'string' && raw.length > 1 && raw.startsWith('$') ? (raw as EventId) : null
}

/** `null` when `raw` is not a room ID. */
export function parseRoomId(raw: unknown): RoomId | null {
  return typeof raw === 'string' && raw.length > 1 && raw.startsWith('!') ? (raw as RoomId) : null
}

/**
 * Accepts every user ID that ever got into a room: `@`, any localpart (even an empty one), `:`, a server name.
 *
 * @see https://spec.matrix.org/v1.19/appendices/#historical-user-ids
 */
export function isUserId(raw: unknown): raw is UserId {
  return typeof raw === 'string' && raw.startsWith('@') && raw.includes(':')
}

/** The part after the first `:`; empty when there is none (the IDs of versions 3 and later have no server name). */
export function serverNameOf(id: string): ServerName {
  const colon = id.indexOf(':')
  return (colon < 0 ? '' : id.slice(colon + 1)) as ServerName
}

const SERVER_NAME = /^(?:\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z.-]{1,255})(?::[0-9]{1,5})?$/u

/** The grammar of server names. https://spec.matrix.org/v1.19/appendices/#server-name */
export function isServerName(raw: string): raw is ServerName {
  return SERVER_NAME.test(raw)
}

const textEncoder = new TextEncoder()
/** Length in UTF-8 bytes. A lone surrogate counts as the 3 bytes of U+FFFD. */
export function byteLength(text: string): number {
  return textEncoder.encode(text).length
}
