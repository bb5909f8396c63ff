import {decodeBase64, type Fault, isFault, MAC_LENGTHS, readFields} from './bytes.ts'

/** What of a Megolm message can be read without its key. */
export interface MegolmMessage {
  /** 3; 4 has a MAC of 32 bytes and is experimental. */
  readonly version: 3 | 4
  /** Place in the session, from 0, below 2^32. */
  readonly index: number
  readonly ciphertext: Uint8Array
  readonly mac: Uint8Array
  /** Ed25519, 64 bytes. */
  readonly signature: Uint8Array
  /** What the signature covers: everything before it. */
  readonly signedBytes: Uint8Array
}

const SIGNATURE_LENGTH = 64
const INDEX = 0x08
const CIPHERTEXT = 0x12

/**
 * Reads `version | 08 index | 12 length ciphertext | MAC | signature`, in unpadded base64. Exactly these two fields, in this order: a message
 * of any other form fails in vodozemac, which makes the signed bytes anew from what it read. Nothing is verified here.
 *
 * @see https://gitlab.matrix.org/matrix-org/olm/-/blob/master/docs/megolm.md#message-format
 */
export function readMegolmMessage(base64: string): MegolmMessage | Fault {
  const bytes = decodeBase64(base64)
  if (isFault(bytes)) return bytes
  const version = bytes[0]
  if (version === undefined) return {fault: 'it is empty'}
  if (version !== 3 && version !== 4) return {fault: `version ${String(version)} is not known`}
  const macLength = MAC_LENGTHS[version]
  const signatureAt = bytes.length - SIGNATURE_LENGTH
  const macAt = signatureAt - macLength
  if (macAt < 1) return {fault: `it has ${String(bytes.length)} bytes, which is too short`}
  const fields = readFields(bytes.subarray(1, macAt))
  if (isFault(fields)) return fields
  const [index, ciphertext, ...others] = fields
  if (index?.tag !== INDEX || ciphertext?.tag !== CIPHERTEXT || others.length > 0)
    return {fault: 'it is not an index followed by a ciphertext'}
  if (index.number > 0xffff_ffffn) return {fault: 'its index has more than 32 bits'}
  return {
    version,
    index: Number(index.number),
    ciphertext: ciphertext.bytes,
    mac: bytes.subarray(macAt, signatureAt),
    signature: bytes.subarray(signatureAt),
    signedBytes: bytes.subarray(0, signatureAt),
  }
}
