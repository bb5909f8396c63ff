import type {CaseReader, StoredCopy} from '../casefile/shapes.ts'
import {StateError} from '../errors.ts'
import {isObject, JsonError, type JsonObject, own, parseJson} from '../matrix/json.ts'
import {DEFAULT_ROOM_VERSION, KNOWN_ROOM_VERSIONS, type RoomVersionRules, rulesFor} from '../matrix/room-version.ts'

/**
 * The rules of the room that a case is about: of the version that a source told, or else the one in the create event.
 *
 * @throws StateError ROOM_VERSION_UNKNOWN, CREATE_MISSING
 */
export function rulesOfCase(reader: CaseReader): RoomVersionRules {
  const version = reader.roomVersion ?? versionInCreate(reader)
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

function versionInCreate(reader: CaseReader): string | null {
  for (const {text} of reader.copies()) {
    if (!text.includes('m.room.create')) continue
    const event = objectOrNull(text)
    if (event === null || own(event, 'type') !== 'm.room.create' || own(event, 'state_key') !== '') continue
    const content = own(event, 'content')
    const version = isObject(content) ? own(content, 'room_version') : undefined
    return typeof version === 'string' ? version : DEFAULT_ROOM_VERSION
  }
  return null
}

/** `null` for what is no JSON object. */
export function objectOrNull(text: string): JsonObject | null {
  try {
    const json = parseJson(text)
    return isObject(json) ? json : null
  } catch (error) {
    if (error instanceof JsonError) return null
    throw error
  }
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
