import {isObject, type Json, type JsonObject, own} from './json.ts'
import type {RoomVersionRules} from './room-version.ts'

/**
 * The event as it looks after redaction: what signatures and reference hashes cover, and what a server keeps of an event whose
 * content hash is wrong. `unsigned` goes. Sub-values that stay are shared with the input, not copied.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#redactions, and each room version's page
 */
export function redact(event: JsonObject, rules: RoomVersionRules): JsonObject {
  const redacted: Record<string, Json> = Object.create(null) as Record<string, Json>
  for (const key of rules.redaction.topLevel) {
    const value = own(event, key)
    if (value !== undefined) redacted[key] = value
  }
  if (Object.hasOwn(event, 'content')) redacted['content'] = redactContent(event, rules)
  return redacted
}

/** Content of an event after redaction; `{}` for types without protected keys and for content that is no object. */
export function redactContent(event: JsonObject, rules: RoomVersionRules): JsonObject {
  const type = own(event, 'type')
  const content = own(event, 'content')
  const kept: Record<string, Json> = Object.create(null) as Record<string, Json>
  if (typeof type !== 'string' || !isObject(content) || !Object.hasOwn(rules.redaction.content, type)) return kept
  const keys = rules.redaction.content[type]
  if (keys === '*') return content
  for (const [key, inner] of Object.entries(keys ?? {})) {
    const value = own(content, key)
    if (value === undefined) continue
    if (inner === true) kept[key] = value
    else if (isObject(value)) kept[key] = pick(value, inner)
  }
  return kept
}

function pick(object: JsonObject, keys: readonly string[]): JsonObject {
  const kept: Record<string, Json> = Object.create(null) as Record<string, Json>
  for (const key of keys) {
    const value = own(object, key)
    if (value !== undefined) kept[key] = value
  }
  return kept
}
