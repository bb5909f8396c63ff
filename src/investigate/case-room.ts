import type {CaseReader, StoredCopy} from '../casefile/shapes.ts'
import {StateError} from '../errors.ts'
import {objectOrNull, own} from '../matrix/json.ts'
import {KNOWN_ROOM_VERSIONS, type RoomVersionRules, rulesFor} from '../matrix/room-version.ts'

/** Whether a case is about one account's devices, and no room. */
export function isUserCase({roomId}: Pick<CaseReader, 'roomId'>): boolean {
  return roomId.startsWith('@')
}

/** @throws StateError CASE_OTHER_ROOM for a case that is about no room */
export function needRoom(reader: Pick<CaseReader, 'path' | 'roomId'>): void {
  if (!isUserCase(reader)) return
  throw new StateError('CASE_OTHER_ROOM', `${reader.path} is the case of the user ${reader.roomId}: it holds no room`, {
    hint: `What it holds is devices: matrix-state devices ${reader.path} audits them, matrix-state case info ${reader.path} lists them.`,
  })
}

/**
 * The rules of the room that a case is about. Without its version, no copy in the case has a name.
 *
 * @throws StateError ROOM_VERSION_UNKNOWN, CREATE_MISSING, CASE_OTHER_ROOM
 */
export function rulesOfCase(reader: CaseReader): RoomVersionRules {
  needRoom(reader)
  const version = reader.roomVersion
  if (version === null) {
    throw new StateError(
      'CREATE_MISSING',
      `${reader.path}: no source told the room's version, and its create event is not there to tell it`,
      {hint: 'Fetch the room back to its start.'},
    )
  }
  const rules = rulesFor(version)
  if (rules !== undefined) return rules
  const known = KNOWN_ROOM_VERSIONS.map((name) => JSON.stringify(name)).join(', ')
  throw new StateError(
    'ROOM_VERSION_UNKNOWN',
    `${reader.path}: the room has version ${JSON.stringify(version.slice(0, 100))}, which is not known`,
    {hint: `Known are ${known}.`},
  )
}

/**
 * The text of a copy as a line of a dump: without line breaks, which JSON has between its parts only, and with the event ID in room
 * versions where servers make it up and a database may keep it beside the event. Otherwise byte for byte.
 */
export function dumpLine({text, eventId}: Pick<StoredCopy, 'text' | 'eventId'>, rules: RoomVersionRules): string {
  const line = /[\r\n]/.test(text) ? text.replaceAll(/[\r\n]+/g, ' ').trim() : text
  if (rules.eventIdFormat !== 'server-assigned') return line
  const event = objectOrNull(line)
  if (event === null || own(event, 'event_id') !== undefined) return line
  const rest = line.slice(line.indexOf('{') + 1)
  return `{"event_id":${JSON.stringify(eventId)}${Object.keys(event).length > 0 ? ',' : ''}${rest}`
}

/** What people call the sources of a case, by number. */
export function sourceNames(reader: CaseReader): ReadonlyMap<number, string> {
  return new Map(reader.sources().map(({id, name}) => [id, name]))
}
