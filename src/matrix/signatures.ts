import {createPublicKey, type KeyObject, verify} from 'node:crypto'
import {canonicalJson} from './canonical-json.ts'
import {without} from './hashes.ts'
import {isObject, type JsonObject, own} from './json.ts'
import {redact} from './redaction.ts'
import type {RoomVersionRules} from './room-version.ts'

/** DER prefix of an Ed25519 public key in SubjectPublicKeyInfo form (RFC 8410); the 32 key bytes follow. */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/**
 * Whether `signature` is the Ed25519 signature of `message` (text as UTF-8) under `publicKey`; both base64, padded or not.
 * Keys and signatures of a wrong length verify nothing, and nothing is thrown.
 *
 * @see https://spec.matrix.org/v1.19/appendices/#signing-details
 */
export function verifyEd25519(message: string | Uint8Array, publicKey: string, signature: string): boolean {
  const key = keyObject(publicKey)
  const bytes = Buffer.from(signature, 'base64')
  if (key === null || bytes.length !== 64) return false
  try {
    return verify(null, typeof message === 'string' ? Buffer.from(message, 'utf8') : message, key, bytes)
  } catch {
    return false
  }
}

/** A room has few keys and many signatures; making a key's object takes a good part of the time of a verification. */
const keyObjects = new Map<string, KeyObject | null>()
/** Third-party invites bring keys of their own, as many as somebody likes. */
const MAX_KEY_OBJECTS = 10_000

/** `null` for what is no Ed25519 key. */
function keyObject(publicKey: string): KeyObject | null {
  const known = keyObjects.get(publicKey)
  if (known !== undefined) return known
  const made = makeKeyObject(Buffer.from(publicKey, 'base64'))
  if (keyObjects.size >= MAX_KEY_OBJECTS) keyObjects.clear()
  keyObjects.set(publicKey, made)
  return made
}

function makeKeyObject(key: Buffer): KeyObject | null {
  if (key.length !== 32) return null
  try {
    return createPublicKey({key: Buffer.concat([SPKI_PREFIX, key]), format: 'der', type: 'spki'})
  } catch {
    return null
  }
}

/** The text that a JSON signature covers: canonical JSON without `signatures` and `unsigned`. */
export function signedText(object: JsonObject): string {
  return canonicalJson(without(object, ['signatures', 'unsigned']), 'python')
}

/** Verifies `object.signatures[entity][keyId]`. https://spec.matrix.org/v1.19/appendices/#checking-for-a-signature */
export function verifyJson(object: JsonObject, entity: string, keyId: string, publicKey: string): boolean {
  const signatures = own(object, 'signatures')
  const ofEntity = isObject(signatures) ? own(signatures, entity) : undefined
  const signature = isObject(ofEntity) ? own(ofEntity, keyId) : undefined
  return typeof signature === 'string' && verifyEd25519(signedText(object), publicKey, signature)
}

/** Verifies a server's signature of an event, which covers the redacted event. https://spec.matrix.org/v1.19/server-server-api/#validating-hashes-and-signatures-on-received-events */
export function verifyEvent(
  event: JsonObject,
  rules: RoomVersionRules,
  server: string,
  keyId: string,
  publicKey: string,
): boolean {
  return verifyJson(redact(event, rules), server, keyId, publicKey)
}

/** Servers that put some signature on the object; whether any is good is another question. */
export function signers(object: JsonObject): readonly string[] {
  const signatures = own(object, 'signatures')
  return isObject(signatures) ? Object.keys(signatures) : []
}
