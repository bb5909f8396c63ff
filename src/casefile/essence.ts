import {hash} from 'node:crypto'
import {canonicalJson} from '../matrix/canonical-json.ts'
import {contentHashMatches, without} from '../matrix/hashes.ts'
import {isObject, JsonError, type JsonObject, own, parseJson} from '../matrix/json.ts'
import {parsePdu, type Pdu} from '../matrix/pdu.ts'
import type {RoomVersionRules} from '../matrix/room-version.ts'

/** What makes one copy of an event the same form as another. */
export interface Essence {
  readonly eventId: string
  /** Over the canonical JSON of the event without what APIs add to it; over the text itself where there is no canonical form. */
  readonly sha256: Uint8Array
  readonly pdu: Pdu
}

/**
 * Names an event and takes away what servers' APIs add to it: `unsigned`, `event_id` where the ID is a hash, a create event's `room_id`
 * where that is its hash, and copies of `redacts`. Signatures, hashes and all content count: a redacted copy is another form.
 *
 * @throws JsonError when it is no event that can be named
 * @remarks O(length of the text); about twice the cost of `parsePdu`
 */
export function essence(text: string, rules: RoomVersionRules): Essence {
  const pdu = parsePdu(text, rules)
  return {eventId: pdu.eventId, sha256: formHash(text, pdu, rules), pdu}
}

function formHash(text: string, pdu: Pdu, rules: RoomVersionRules): Uint8Array {
  try {
    const value = parseJson(text)
    if (isObject(value)) return sha256(canonicalJson(asSent(value, pdu, rules), 'python'))
  } catch (error) {
    // Half a surrogate pair, or nested too deep: no server sends such an event on, and its text can stand for it.
    if (!(error instanceof JsonError)) throw error
  }
  return sha256(text)
}

/** SHA-256 of the UTF-8 form. */
export function sha256(text: string): Uint8Array {
  return hash('sha256', text, 'buffer')
}

/** The event as its server sent it to others, as far as that can be told. */
function asSent(event: JsonObject, pdu: Pdu, rules: RoomVersionRules): JsonObject {
  const added = ['unsigned']
  if (rules.eventIdFormat !== 'server-assigned') added.push('event_id')
  if (
    rules.roomIdIsCreateHash &&
    pdu.type === 'm.room.create' &&
    own(event, 'room_id') === `!${pdu.eventId.slice(1)}`
  ) {
    added.push('room_id')
  }
  const bare = without(event, added)
  return pdu.type === 'm.room.redaction' ? withoutCopiedTarget(bare, rules) : bare
}

/**
 * A redaction names its target at the top or in its content, by room version; Synapse's APIs name it in both places. The content hash
 * tells which one its server did not send. Where it fits no way, as in a redacted copy, the place that is not the version's own goes,
 * when both say the same.
 */
function withoutCopiedTarget(event: JsonObject, rules: RoomVersionRules): JsonObject {
  const content = own(event, 'content')
  const outer = without(event, ['redacts'])
  const inner = isObject(content) ? {...event, content: without(content, ['redacts'])} : event
  const fitting = [event, inner, outer].find((form) => contentHashMatches(form))
  if (fitting !== undefined) return fitting
  const [top, within] = [own(event, 'redacts'), isObject(content) ? own(content, 'redacts') : undefined]
  if (typeof top !== 'string' || top !== within) return event
  return rules.redactsInContent ? outer : inner
}
