import {hash} from 'node:crypto'
import {canonicalJson} from './canonical-json.ts'
import type {EventId} from './ids.ts'
import {isObject, type Json, type JsonObject, own} from './json.ts'
import {redact} from './redaction.ts'
import type {RoomVersionRules} from './room-version.ts'

/** Not covered by the content hash. The last three are Synapse's own bookkeeping, which it leaves out as well. */
export const NOT_HASHED = ['unsigned', 'signatures', 'hashes', 'age_ts', 'outlier', 'destinations'] as const

/** A copy without the given keys. */
export function without(object: JsonObject, keys: readonly string[]): JsonObject {
  const rest: Record<string, Json> = Object.create(null) as Record<string, Json>
  for (const key of Object.keys(object)) {
    const value = object[key]
    if (!keys.includes(key) && value !== undefined) rest[key] = value
  }
  return rest
}

/** SHA-256 as base64 without padding. */
export function sha256Base64(text: string): string {
  return unpadded(hash('sha256', text, 'base64'))
}

function unpadded(base64: string): string {
  return base64.endsWith('=') ? base64.slice(0, base64.indexOf('=')) : base64
}

/**
 * Hash over the whole event as its server sent it, base64 without padding, to be compared with `hashes.sha256`.
 *
 * @throws JsonError when the event has no canonical form
 * @see https://spec.matrix.org/v1.19/server-server-api/#calculating-the-content-hash-for-an-event
 */
export function contentHash(event: JsonObject): string {
  return sha256Base64(canonicalJson(without(event, NOT_HASHED), 'python'))
}

/** Whether `hashes.sha256` holds the event's content hash. Compared as bytes, so that padding and alphabet do not matter. */
export function contentHashMatches(event: JsonObject): boolean {
  const hashes = own(event, 'hashes')
  const claimed = isObject(hashes) ? own(hashes, 'sha256') : undefined
  if (typeof claimed !== 'string') return false
  const actual = contentHash(event)
  return claimed === actual || Buffer.from(claimed, 'base64').equals(Buffer.from(actual, 'base64'))
}

/**
 * Hash over the redacted event, base64 (of the room version's alphabet) without padding: the event ID from version 3 on.
 *
 * @throws JsonError when the event has no canonical form
 * @see https://spec.matrix.org/v1.19/server-server-api/#calculating-the-reference-hash-for-an-event
 */
export function referenceHash(event: JsonObject, rules: RoomVersionRules): string {
  const text = canonicalJson(without(redact(event, rules), ['signatures', 'unsigned']), 'python')
  return rules.eventIdFormat === 'base64url' ? hash('sha256', text, 'base64url') : sha256Base64(text)
}

/** The event ID of room versions 3 and later. `event_id` must not be among the event's keys: it would be hashed. */
export function eventIdOf(event: JsonObject, rules: RoomVersionRules): EventId {
  return `$${referenceHash(event, rules)}` as EventId
}
