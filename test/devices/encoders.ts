import {sign} from 'node:crypto'
import {encodeBase64} from '../../src/devices/bytes.ts'
import {pair} from './users.ts'

export function varint(value: bigint): Buffer {
  const bytes: number[] = []
  for (let rest = value; ; rest >>= 7n) {
    if (rest < 0x80n) return Buffer.from([...bytes, Number(rest)])
    bytes.push(Number(rest & 0x7fn) | 0x80)
  }
}

function field(tag: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([tag]), varint(BigInt(bytes.length)), bytes])
}

export interface MegolmParts {
  readonly version: number
  readonly index: number
  readonly ciphertext: Uint8Array
  readonly mac: Uint8Array
  readonly signature: Uint8Array
}

function megolmBody({version, index, ciphertext, mac}: Omit<MegolmParts, 'signature'>): Buffer {
  return Buffer.concat([Buffer.from([version, 0x08]), varint(BigInt(index)), field(0x12, ciphertext), mac])
}

export function encodeMegolm(parts: MegolmParts): string {
  return encodeBase64(Buffer.concat([megolmBody(parts), parts.signature]))
}

/** A session with a real key: what it signs verifies under its ID. Ciphertext and MAC are made up, as nobody decrypts them. */
export function megolmSession() {
  const key = pair()
  return {
    sessionId: key.publicKey,
    message: (index: number, ciphertext: Uint8Array): string => {
      const parts = {version: 3, index, ciphertext, mac: Buffer.alloc(8, index)}
      return encodeMegolm({...parts, signature: sign(null, megolmBody(parts), key.privateKey)})
    },
  }
}

/** An Olm pre-key message of given keys. */
export function encodePreKey(parts: {
  readonly oneTimeKey: Uint8Array
  readonly baseKey: Uint8Array
  readonly identityKey: Uint8Array
  readonly ratchetKey: Uint8Array
  readonly chainIndex: number
}): string {
  const inner = Buffer.concat([
    Buffer.from([3]),
    field(0x0a, parts.ratchetKey),
    Buffer.from([0x10]),
    varint(BigInt(parts.chainIndex)),
    field(0x22, Buffer.alloc(16)),
    Buffer.alloc(8),
  ])
  return encodeBase64(
    Buffer.concat([
      Buffer.from([3]),
      field(0x0a, parts.oneTimeKey),
      field(0x12, parts.baseKey),
      field(0x1a, parts.identityKey),
      field(0x22, inner),
    ]),
  )
}
