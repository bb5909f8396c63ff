/** What the engine uses of `node:crypto`, for a browser: the bundler puts this in its place. */
import {sha1} from '@noble/hashes/legacy.js'
import {sha256} from '@noble/hashes/sha2.js'
import {bytesToHex, utf8ToBytes} from '@noble/hashes/utils.js'
import {verifyEd25519Bytes} from './ed25519.ts'

type Encoding = 'hex' | 'base64' | 'base64url'

/** As `hash` of Node: one hash of a text or of bytes. */
export function hash(algorithm: string, data: string | Uint8Array, encoding: Encoding = 'hex'): string {
  const bytes = typeof data === 'string' ? utf8ToBytes(data) : data
  const digest = algorithm === 'sha1' ? sha1(bytes) : sha256(bytes)
  if (encoding === 'hex') return bytesToHex(digest)
  const base64 = btoa(String.fromCharCode(...digest))
  return encoding === 'base64' ? base64 : base64.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** An Ed25519 key: the last 32 bytes of what Node takes (SubjectPublicKeyInfo). */
export function createPublicKey({key}: {readonly key: Uint8Array}): Uint8Array {
  return key.subarray(-32)
}

export function verify(_algorithm: null, message: Uint8Array, key: Uint8Array, signature: Uint8Array): boolean {
  return verifyEd25519Bytes(message, key, signature)
}
