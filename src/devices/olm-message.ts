import {decodeBase64, encodeBase64, type Fault, isFault, MAC_LENGTHS, readFields, type WireField} from './bytes.ts'

/** What of an Olm message can be read without its key. */
export interface OlmMessage {
  /** 3; 4 has a MAC of 32 bytes and is experimental. */
  readonly version: 3 | 4
  /** Unpadded base64. */
  readonly ratchetKey: string
  readonly chainIndex: bigint
}

/** A message that starts an Olm session (type 0). Keys are curve25519 in unpadded base64. */
export interface OlmPreKeyMessage {
  /** One-time or fallback key of the receiver. */
  readonly oneTimeKey: string
  /** Made by the sender for this session alone. */
  readonly baseKey: string
  /** The sender's, as in `sender_key`. */
  readonly identityKey: string
  readonly message: OlmMessage
}

const KEY_LENGTH = 32
const PRE_KEY_VERSION = 3
const [ONE_TIME_KEY, BASE_KEY, IDENTITY_KEY, INNER_MESSAGE] = [0x0a, 0x12, 0x1a, 0x22]
const [RATCHET_KEY, CHAIN_INDEX, CIPHERTEXT] = [0x0a, 0x10, 0x22]

/**
 * Reads `03 | 0A one-time key | 12 base key | 1A identity key | 22 message`, in unpadded base64. Fields may come in any order and unknown ones
 * are skipped, as libolm and vodozemac do. Nothing is verified: without the session's key nothing can be.
 *
 * @see https://gitlab.matrix.org/matrix-org/olm/-/blob/master/docs/olm.md#pre-key-messages
 */
export function readOlmPreKeyMessage(base64: string): OlmPreKeyMessage | Fault {
  const bytes = decodeBase64(base64)
  if (isFault(bytes)) return bytes
  const version = bytes[0]
  if (version === undefined) return {fault: 'it is empty'}
  if (version !== PRE_KEY_VERSION) return {fault: `version ${String(version)} of a pre-key message is not known`}
  const fields = readFields(bytes.subarray(1))
  if (isFault(fields)) return fields
  const oneTimeKey = keyField(fields, ONE_TIME_KEY)
  const baseKey = keyField(fields, BASE_KEY)
  const identityKey = keyField(fields, IDENTITY_KEY)
  const inner = field(fields, INNER_MESSAGE)
  if (oneTimeKey === null || baseKey === null || identityKey === null || inner === undefined)
    return {
      fault: 'it lacks the one-time key, the base key, the identity key or the message, or a key has not 32 bytes',
    }
  const message = readInner(inner.bytes)
  return isFault(message) ? message : {oneTimeKey, baseKey, identityKey, message}
}

/** Reads an Olm message that is no pre-key message (type 1): `version | 0A ratchet key | 10 chain index | 22 ciphertext | MAC`. */
export function readOlmMessage(base64: string): OlmMessage | Fault {
  const bytes = decodeBase64(base64)
  return isFault(bytes) ? bytes : readInner(bytes)
}

function readInner(bytes: Uint8Array): OlmMessage | Fault {
  const version = bytes[0]
  if (version !== 3 && version !== 4) return {fault: `version ${String(version)} of an Olm message is not known`}
  const end = bytes.length - MAC_LENGTHS[version]
  if (end < 1) return {fault: 'the Olm message is too short'}
  const fields = readFields(bytes.subarray(1, end))
  if (isFault(fields)) return fields
  const ratchetKey = keyField(fields, RATCHET_KEY)
  const chainIndex = field(fields, CHAIN_INDEX)
  if (ratchetKey === null || chainIndex === undefined || field(fields, CIPHERTEXT) === undefined)
    return {fault: 'the Olm message lacks its ratchet key, chain index or ciphertext'}
  return {version, ratchetKey, chainIndex: chainIndex.number}
}

function field(fields: readonly WireField[], tag: number): WireField | undefined {
  return fields.find((one) => one.tag === tag)
}

function keyField(fields: readonly WireField[], tag: number): string | null {
  const key = field(fields, tag)
  return key?.bytes.length === KEY_LENGTH ? encodeBase64(key.bytes) : null
}
