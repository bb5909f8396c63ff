/**
 * Verifies Ed25519 signatures, as third-party invites carry them: the replay asks for it at once, and what browsers offer only answers
 * later. Public data only, so that time may tell what it likes.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8032#section-5.1.7
 */
import {sha512} from '@noble/hashes/sha2.js'

const P = 2n ** 255n - 19n
const L = 2n ** 252n + 27742317777372353535851937790883648493n
const D = mod(-121665n * power(121666n, P - 2n))
const SQRT_M1 = power(2n, (P - 1n) / 4n)

/** Extended coordinates: x = X/Z, y = Y/Z, xy = T/Z. */
type Point = readonly [x: bigint, y: bigint, z: bigint, t: bigint]

const ZERO: Point = [0n, 1n, 1n, 0n]
const BASE = pointOf(mod(4n * power(5n, P - 2n)), 0n)

export function verifyEd25519Bytes(message: Uint8Array, key: Uint8Array, signature: Uint8Array): boolean {
  if (key.length !== 32 || signature.length !== 64 || BASE === null) return false
  const r = signature.subarray(0, 32)
  const s = littleEndian(signature.subarray(32))
  const a = decode(key)
  if (s >= L || a === null) return false
  const k = littleEndian(sha512(Uint8Array.from([...r, ...key, ...message]))) % L
  const negative: Point = [mod(-a[0]), a[1], a[2], mod(-a[3])]
  // As servers do: what R should be is made anew, and compared byte for byte.
  const expected = encode(sum(times(BASE, s), times(negative, k)))
  return expected.every((byte, index) => byte === r[index])
}

function mod(value: bigint): bigint {
  const rest = value % P
  return rest < 0n ? rest + P : rest
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  let square = mod(base)
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = mod(result * square)
    square = mod(square * square)
  }
  return result
}

function sum([x1, y1, z1, t1]: Point, [x2, y2, z2, t2]: Point): Point {
  const a = mod((y1 - x1) * (y2 - x2))
  const b = mod((y1 + x1) * (y2 + x2))
  const c = mod(2n * t1 * t2 * D)
  const d = mod(2n * z1 * z2)
  const [e, f, g, h] = [b - a, d - c, d + c, b + a]
  return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)]
}

function times(point: Point, factor: bigint): Point {
  let result = ZERO
  let doubled = point
  for (let rest = factor; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = sum(result, doubled)
    doubled = sum(doubled, doubled)
  }
  return result
}

/** `null`: no point of the curve has this y. */
function pointOf(y: bigint, sign: bigint): Point | null {
  const [u, v] = [mod(y * y - 1n), mod(D * y * y + 1n)]
  let x = mod(u * power(v, 3n) * power(u * power(v, 7n), (P - 5n) / 8n))
  if (mod(v * x * x) !== u) x = mod(x * SQRT_M1)
  if (mod(v * x * x) !== u) return null
  if ((x & 1n) !== sign) x = mod(-x)
  return [x, y, 1n, mod(x * y)]
}

function decode(bytes: Uint8Array): Point | null {
  const value = littleEndian(bytes)
  return pointOf(mod(value & ((1n << 255n) - 1n)), value >> 255n)
}

function encode([x, y, z]: Point): Uint8Array {
  const inverse = power(z, P - 2n)
  let value = mod(y * inverse) | ((mod(x * inverse) & 1n) << 255n)
  return Uint8Array.from({length: 32}, () => {
    const byte = Number(value & 255n)
    value >>= 8n
    return byte
  })
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)
}
