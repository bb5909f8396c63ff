import {hash} from 'node:crypto'
import {canonicalJson} from './canonical-json.ts'
import {type EventId, isUserId, MAX_FIELD_BYTES, serverNameOf} from './ids.ts'
import {isObject, type Json, JsonError, type JsonObject} from './json.ts'
import {type Pdu, signersOf} from './pdu-shape.ts'
import {redactContent} from './redaction.ts'
import type {RoomVersionRules} from './room-version.ts'

/**
 * Reads an event of the common shape in a third of the time of the general way: canonical JSON of a known shape needs no sorting. It
 * says exactly what the general way says, or nothing.
 *
 * @param event - parsed from `text`, all of whose numbers are safe integers and which is no longer than any event may be
 * @param rules - of a room version whose event IDs are hashes
 * @returns `null`: take the general way. Whatever is unusual is: create events, names that are long or need escapes, fields that no
 * current server sends, wrong hashes, faults.
 */
export function readPlainPdu(event: JsonObject, text: string, rules: RoomVersionRules): Pdu | null {
  const {type, sender, room_id: roomId, state_key: stateKey, content, depth, origin_server_ts: originServerTs} = event
  if (
    !isShort(type) ||
    !isShort(sender) ||
    !isShort(roomId) ||
    roomId === '' ||
    type === 'm.room.create' ||
    !isUserId(sender)
  )
    return null
  if (!isShortOrAbsent(stateKey) || !isObject(content) || !isCount(depth) || !isCount(originServerTs)) return null
  const {auth_events: authEvents, prev_events: prevEvents, hashes, signatures, redacts, event_id: given, origin} = event
  if (!isStringList(authEvents) || !isStringList(prevEvents) || !isObject(hashes) || !isObject(signatures)) return null
  if (!isShortOrAbsent(redacts) || !isShortOrAbsent(given) || !isShortOrAbsent(origin)) return null
  const sha256 = hashes['sha256']
  if (!isShort(sha256) || Object.keys(hashes).length > 1) return null
  if (event['membership'] !== undefined || event['prev_state'] !== undefined) return null
  const signers = signersOf(signatures)
  if (!signers.includes(serverNameOf(sender))) return null
  if (text.includes('\\')) {
    const names = [type, sender, roomId, stateKey ?? '', origin ?? '', sha256, ...authEvents, ...prevEvents]
    if (names.some((name) => NEEDS_ESCAPE.test(name))) return null
  }
  const parts: CanonicalParts = {
    head: `{"auth_events":${listText(authEvents)},"content":`,
    depth: `,"depth":${String(depth)},`,
    origin: origin === undefined ? '' : `"origin":"${origin}",`,
    tail:
      `"origin_server_ts":${String(originServerTs)},"prev_events":${listText(prevEvents)},"room_id":"${roomId}",` +
      `"sender":"${sender}",${stateKey === undefined ? '' : `"state_key":"${stateKey}",`}"type":"${type}"}`,
  }
  const kept = Object.hasOwn(rules.redaction.content, type)
    ? canonicalOrNull(redactContent({type, content}, rules))
    : '{}'
  if (kept === null) return null
  const eventId = idFrom(parts, kept, sha256, rules)
  if (eventId === null) return null
  if (stateKey !== undefined) {
    if (type === 'm.room.redaction' || redacts !== undefined || hasUnknownKeys(event)) return null
    const whole = canonicalOrNull(content)
    if (whole === null || !isContentHash(sha256, parts, whole)) return null
  }
  return {
    eventId,
    roomId,
    type,
    sender,
    stateKey,
    content,
    prevEvents,
    authEvents,
    originServerTs,
    depth,
    redacts,
    signers,
    fault: null,
    contentHashOk: stateKey === undefined ? null : true,
    wrongId: given === undefined || given === eventId ? null : given,
  }
}

/** Canonical JSON of an event, but for its content and hashes. */
interface CanonicalParts {
  readonly head: string
  readonly depth: string
  readonly origin: string
  readonly tail: string
}

/** `null` for what has no UTF-8 form. */
function idFrom(
  {head, depth, origin, tail}: CanonicalParts,
  content: string,
  sha256: string,
  rules: RoomVersionRules,
): EventId | null {
  const hashed = `${head}${content}${depth}"hashes":{"sha256":"${sha256}"},${rules.redaction.topLevel.includes('origin') ? origin : ''}${tail}`
  if (!hashed.isWellFormed()) return null
  if (rules.eventIdFormat === 'base64url') return `$${hash('sha256', hashed, 'base64url')}` as EventId
  return `$${hash('sha256', hashed, 'base64').slice(0, BASE64_LENGTH)}` as EventId
}

function isContentHash(sha256: string, {head, depth, origin, tail}: CanonicalParts, content: string): boolean {
  return sha256 === hash('sha256', `${head}${content}${depth}${origin}${tail}`, 'base64').slice(0, BASE64_LENGTH)
}
/** Of a SHA-256 without padding. */
const BASE64_LENGTH = 43

/** `null` where there is none. */
function canonicalOrNull(content: JsonObject): string | null {
  try {
    return canonicalJson(content, 'python')
  } catch (error) {
    if (error instanceof JsonError) return null
    throw error
  }
}

/** Keys of a state event that are hashed, though nobody knows what they mean. */
function hasUnknownKeys(event: JsonObject): boolean {
  let known = STATE_EVENT_KEYS
  if (event['event_id'] !== undefined) known += 1
  if (event['origin'] !== undefined) known += 1
  if (event['unsigned'] !== undefined) known += 1
  return Object.keys(event).length > known
}
/** How many keys every state event has here. */
const STATE_EVENT_KEYS = 11

/** In JSON without a backslash, strings are what stands between the quotes. */
const NEEDS_ESCAPE = /["\\\u0000-\u001f]/

/** Of strings that need no escapes. */
function listText(strings: readonly string[]): string {
  let text = '['
  for (const item of strings) text += text.length > 1 ? `,"${item}"` : `"${item}"`
  return `${text}]`
}

/** Longer fields would have to be measured in bytes. */
const MAX_SHORT = Math.floor(MAX_FIELD_BYTES / 3)

function isShort(value: Json | undefined): value is string {
  return typeof value === 'string' && value.length <= MAX_SHORT
}

function isShortOrAbsent(value: Json | undefined): value is string | undefined {
  return value === undefined || isShort(value)
}

function isCount(value: Json | undefined): value is number {
  return typeof value === 'number' && value >= 0
}

function isStringList(value: Json | undefined): value is readonly string[] {
  if (!Array.isArray(value)) return false
  for (const item of value as readonly Json[]) if (typeof item !== 'string') return false
  return true
}
