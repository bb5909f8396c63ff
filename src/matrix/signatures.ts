import {createPublicKey, verify} from 'node:crypto'
import {canonicalJson} from './canonical-json.ts'
import {without} from './hashes.ts'
import {isObject, type JsonObject, own} from './json.ts'
import {redact} from './redaction.ts'
import type {RoomVersionRules} from './room-version.ts'

/** DER prefix of an Ed25519 public key in SubjectPublicKeyInfo form (RFC 8410); the 32 key bytes follow. */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/**
 * Whether `signature` is the Ed25519 signature of `message` (UTF-8) under `publicKey`; both base64, padded or not.
 * Keys and signatures of a wrong length verify nothing, and nothing is thrown.
 *
 * @see https://spec.matrix.org/v1.19/appendices/#signing-details
 */
export function verifyEd25519(message: string, publicKey: string, signature: string): boolean {
  const key = Buffer.from(publicKey, 'base64')
  const bytes = Buffer.from(signature, 'base64')
  if (key.length !== 32 || bytes.length !== 64) return false
  try {
    const spki = createPublicKey({key: Buffer.concat([SPKI_PREFIX, key]), format: 'der', type: 'spki'})
    return verify(null, Buffer.from(message, 'utf8'), spki, bytes)
  } catch {
    return false
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
