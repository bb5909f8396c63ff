import {type EventId, isUserId, serverNameOf} from './ids.ts'
import {type JsonObject, own} from './json.ts'
import type {RoomVersionRules} from './room-version.ts'

/** A server whose good signature an event needs. */
export interface RequiredSigner {
  readonly server: string
  /** Why: it is the sender's, it made up the event ID (versions 1 and 2), or its user let the sender in. */
  readonly duty: 'sender' | 'event-id' | 'authoriser'
}

/**
 * Servers that must have signed an event, each once for each duty. A missing `authoriser` is a matter of the authorisation rules; one of
 * the others makes the event unusable.
 *
 * @see https://spec.matrix.org/v1.19/server-server-api/#validating-hashes-and-signatures-on-received-events
 */
export function requiredSigners(
  event: {readonly eventId: EventId; readonly type: string; readonly sender: string; readonly content: JsonObject},
  rules: RoomVersionRules,
): readonly RequiredSigner[] {
  const {type, content, sender} = event
  const membership = type === 'm.room.member' ? own(content, 'membership') : undefined
  const byThirdParty = membership === 'invite' && Object.hasOwn(content, 'third_party_invite')
  const required: RequiredSigner[] = byThirdParty ? [] : [{server: serverNameOf(sender), duty: 'sender'}]
  if (rules.eventIdFormat === 'server-assigned') required.push({server: serverNameOf(event.eventId), duty: 'event-id'})
  const authoriser = own(content, 'join_authorised_via_users_server')
  if (rules.restricted && membership === 'join' && isUserId(authoriser)) {
    required.push({server: serverNameOf(authoriser), duty: 'authoriser'})
  }
  return required
}
