/**
 * Verifies Ed25519 signatures, as third-party invites carry them: the replay asks for it at once, and what browsers offer only answers
 * later. What is verified is public, so that time may tell what it likes.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8032#section-5.1.7
 */
import {Point} from '@noble/ed25519'
import {sha512} from '@noble/hashes/sha2.js'

const {n: ORDER} = Point.CURVE()

/**
 * The answer that Node's own verification gives, and with it the replay outside of the page: R is made anew and compared byte for byte, and
 * points of small order are refused. The library's `verify` multiplies by the cofactor, and takes signatures that servers refuse.
 */
export function verifyEd25519Bytes(message: Uint8Array, key: Uint8Array, signature: Uint8Array): boolean {
  if (key.length !== 32 || signature.length !== 64) return false
  const r = signature.subarray(0, 32)
  const s = littleEndian(signature.subarray(32))
  const a = pointOf(key)
  if (s >= ORDER || a === null || a.isSmallOrder()) return false
  const k = littleEndian(sha512(Uint8Array.from([...r, ...key, ...message]))) % ORDER
  const expected = Point.BASE.multiply(s, false).add(a.negate().multiply(k, false))
  return !expected.isSmallOrder() && expected.toBytes().every((byte, index) => byte === r[index])
}

/** `null`: no point of the curve has this y. As in OpenSSL, y may be written in more than one way. */
function pointOf(bytes: Uint8Array): Point | null {
  try {
    return Point.fromBytes(bytes, true)
  } catch {
    return null
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)
}
