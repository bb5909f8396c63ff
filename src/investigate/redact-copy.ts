import {canonicalJson} from '../matrix/canonical-json.ts'
import {without} from '../matrix/hashes.ts'
import {isObject, type Json, JsonError, type JsonObject, own, parseJson} from '../matrix/json.ts'
import {nameEvent, parsePdu, type Pdu} from '../matrix/pdu.ts'
import {NAMED_LEVELS} from '../matrix/power-levels.ts'
import {redact} from '../matrix/redaction.ts'
import type {RoomVersionRules} from '../matrix/room-version.ts'

/** The shareable form of one copy. */
export interface RedactedCopy {
  /** Canonical JSON, in federation form. */
  readonly text: string
  /** Of the event as it now stands. */
  readonly pdu: Pdu
  readonly type: string
  /** Nothing but what servers add is gone, since the rules read what redaction takes away. */
  readonly whole: boolean
  /** Servers refuse the original for something that is gone; only for messages, which change no state. */
  readonly noLongerRefused: boolean
}

/**
 * Redacts a copy, unless the authorisation rules would then see something else; `null` for what cannot be named as an event.
 *
 * @remarks The ID, the signatures and the verdict of the rules stay as they are. A message whose content makes servers refuse it loses that
 * content all the same.
 */
export function redactCopy(text: string, rules: RoomVersionRules): RedactedCopy | null {
  try {
    const before = parsePdu(text, rules)
    const json = parseJson(text)
    if (!isObject(json)) return null
    const {event} = nameEvent(json, rules)
    const redacted = read(redact(event, rules), rules)
    const same = redacted !== null && sameForRules(before, redacted.pdu, rules)
    const isMessage = before.stateKey === undefined && !(rules.redactionRule && before.type === 'm.room.redaction')
    if (redacted !== null && (same || isMessage)) {
      const noLongerRefused = before.fault !== null && redacted.pdu.fault === null
      return {...redacted, type: before.type, whole: false, noLongerRefused}
    }
    const whole = read(without(event, ['unsigned']), rules)
    return whole === null ? null : {...whole, type: before.type, whole: true, noLongerRefused: false}
  } catch (error) {
    if (error instanceof JsonError) return null
    throw error
  }
}

/** `null` for what has no canonical form. */
function read(event: JsonObject, rules: RoomVersionRules): {readonly text: string; readonly pdu: Pdu} | null {
  try {
    const text = canonicalJson(event, 'python')
    return {text, pdu: parsePdu(text, rules)}
  } catch (error) {
    if (error instanceof JsonError) return null
    throw error
  }
}

function sameForRules(a: Pdu, b: Pdu, rules: RoomVersionRules): boolean {
  return (
    a.eventId === b.eventId &&
    a.fault?.what === b.fault?.what &&
    (!rules.redactionRule || a.type !== 'm.room.redaction' || a.redacts === b.redacts) &&
    canonicalJson(whatRulesRead(a, rules)) === canonicalJson(whatRulesRead(b, rules))
  )
}

/** The part of a state event's content that some rule reads, or that tells the room version. */
function whatRulesRead({type, stateKey, content}: Pdu, rules: RoomVersionRules): JsonObject {
  if (stateKey === undefined && type !== 'm.room.power_levels' && type !== 'm.room.member') return {}
  switch (type) {
    case 'm.room.create':
      return content
    case 'm.room.power_levels':
      return pick(content, [...NAMED_LEVELS, 'users', 'events', 'notifications'])
    case 'm.room.join_rules':
      return pick(content, ['join_rule'])
    case 'm.room.third_party_invite':
      return pick(content, ['public_key', 'public_keys'])
    case 'm.room.member': {
      const authoriser = rules.restricted ? ['join_authorised_via_users_server'] : []
      const invite = own(content, 'third_party_invite')
      const isInvite = own(content, 'membership') === 'invite' && invite !== undefined
      return {
        ...pick(content, ['membership', ...authoriser]),
        ...(isInvite ? {third_party_invite: isObject(invite) ? pick(invite, ['signed']) : invite} : {}),
      }
    }
    default:
      return {}
  }
}

function pick(content: JsonObject, keys: readonly string[]): JsonObject {
  const picked: Record<string, Json> = {}
  for (const key of keys) {
    const value = own(content, key)
    if (value !== undefined) picked[key] = value
  }
  return picked
}
