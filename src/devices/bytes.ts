/** What a reader of hostile bytes gives instead of a message: why it is none. */
export interface Fault {
  readonly fault: string
}

export function isFault(result: object): result is Fault {
  return 'fault' in result
}

/** Longest message that is looked at, in characters of base64: a Matrix event has 65,536 bytes at most. */
const MAX_TEXT = 100_000
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const VALUES = new Map(Array.from(ALPHABET, (char, value) => [char.charCodeAt(0), value]))

/**
 * Bytes of unpadded standard base64; a fault for anything else: padding, other characters, and bits at the end that mean nothing.
 *
 * @see https://spec.matrix.org/v1.19/appendices/#unpadded-base64
 */
export function decodeBase64(text: string): Uint8Array | Fault {
  if (text.length > MAX_TEXT) return {fault: `it has ${String(text.length)} characters, more than an event may have`}
  const left = text.length % 4
  if (left === 1) return {fault: 'its length is not one of base64'}
  let last = 0
  for (let at = 0; at < text.length; at += 1) {
    const value = VALUES.get(text.charCodeAt(at))
    if (value === undefined) return {fault: `character ${String(at + 1)} is not one of unpadded base64`}
    last = value
  }
  if ((left === 2 && (last & 0b1111) !== 0) || (left === 3 && (last & 0b11) !== 0))
    return {fault: 'its last character has bits that no encoder sets'}
  return Buffer.from(text, 'base64')
}

/** Bytes of a public key: unpadded base64 (padding is let pass, as clients do) of exactly 32 bytes; `null` for anything else. */
export function keyBytes(key: unknown): Uint8Array | null {
  if (typeof key !== 'string' || key.length > 44) return null
  const bytes = decodeBase64(key.endsWith('=') ? key.slice(0, -1) : key)
  return !isFault(bytes) && bytes.length === 32 ? bytes : null
}

export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '')
}

/** One field of the protobuf wire format: a number (wire type 0) or bytes (wire type 2). */
export interface WireField {
  /** Field number and wire type, as in the byte that stands in front. */
  readonly tag: number
  readonly number: bigint
  readonly bytes: Uint8Array
}

/** Bytes of the MAC of an Olm or Megolm message, by its version. */
export const MAC_LENGTHS = {3: 8, 4: 32} as const

const NOTHING = new Uint8Array()
/** More fields than any message has. Each costs memory. */
const MAX_FIELDS = 32

/**
 * The fields that `bytes` consists of, in order. Numbers are at most 64 bits and in their shortest form, which all encoders give: those that
 * read them again from another form (vodozemac) do not find the MAC right. Wire types other than 0 and 2 are a fault, as is a field twice:
 * decoders take the last one, and what they disagree on nobody shall rely on. Unknown fields are for the caller.
 */
export function readFields(bytes: Uint8Array): readonly WireField[] | Fault {
  const fields: WireField[] = []
  const seen = new Set<number>()
  let at = 0
  while (at < bytes.length) {
    const key = readVarint(bytes, at)
    if (isFault(key)) return key
    if (key.value > 0xffn) return {fault: `byte ${String(at)}: a field number that no such message has`}
    const tag = Number(key.value)
    if (tag < 8) return {fault: `byte ${String(at)}: field number 0`}
    if (seen.has(tag)) return {fault: `field ${hex(tag)} is there twice`}
    if (fields.length >= MAX_FIELDS) return {fault: `it has more than ${String(MAX_FIELDS)} fields`}
    seen.add(tag)
    const wireType = tag & 7
    if (wireType !== 0 && wireType !== 2) return {fault: `field ${hex(tag)} has a wire type that no such message uses`}
    const number = readVarint(bytes, key.end)
    if (isFault(number)) return number
    at = number.end
    if (wireType === 0) {
      fields.push({tag, number: number.value, bytes: NOTHING})
      continue
    }
    if (number.value > BigInt(bytes.length - at)) return {fault: `field ${hex(tag)} is longer than the message`}
    const end = at + Number(number.value)
    fields.push({tag, number: 0n, bytes: bytes.subarray(at, end)})
    at = end
  }
  return fields
}

function hex(tag: number): string {
  return `0x${tag.toString(16).padStart(2, '0').toUpperCase()}`
}

/** A number of the wire format: 7 bits a byte, lowest first; the highest bit says that another byte follows. */
export function readVarint(bytes: Uint8Array, start: number): {readonly value: bigint; readonly end: number} | Fault {
  let value = 0n
  for (let length = 0; length < 10; length += 1) {
    const byte = bytes[start + length]
    if (byte === undefined) return {fault: `byte ${String(start)}: a number breaks off`}
    value |= BigInt(byte & 0x7f) << BigInt(7 * length)
    if ((byte & 0x80) !== 0) continue
    if (byte === 0 && length > 0) return {fault: `byte ${String(start)}: a number is not in its shortest form`}
    if (value > 0xffff_ffff_ffff_ffffn) break
    return {value, end: start + length + 1}
  }
  return {fault: `byte ${String(start)}: a number has more than 64 bits`}
}
