import {
  createPublicKey,
  generateKeyPairSync,
  hash as nodeHash,
  randomBytes,
  sign,
  verify as nodeVerify,
} from 'node:crypto'
import {Buffer as NodeBuffer} from 'node:buffer'
import {Point} from '@noble/ed25519'
import {expect, test} from 'vitest'
import {Buffer} from '../../src/explorer/buffer-shim.ts'
import {hash} from '../../src/explorer/crypto-shim.ts'
import {verifyEd25519Bytes} from '../../src/explorer/ed25519.ts'

test('signatures: the same answer as Node, for good ones and for any that was changed', () => {
  let good = 0
  for (let k = 0; k < 25; k += 1) {
    const {publicKey, privateKey} = generateKeyPairSync('ed25519')
    const der = publicKey.export({format: 'der', type: 'spki'})
    const key = Uint8Array.from(der.subarray(-32))
    const message = randomBytes(k * 7)
    const signature = Uint8Array.from(sign(null, message, privateKey))
    good += Number(verifyEd25519Bytes(message, key, signature))
    for (const change of ['signature', 'key', 'message', 'order', 'again'] as const) {
      const [m, p, s] = [Uint8Array.from(message), key.slice(), signature.slice()]
      if (change === 'signature') s[(k * 5) % 64] = (s[(k * 5) % 64] ?? 0) ^ (1 << (k % 8))
      if (change === 'key') p[k % 32] = (p[k % 32] ?? 0) ^ (1 << (k % 8))
      if (change === 'message') m[0] = (m[0] ?? 0) ^ 1
      if (change === 'order') s.fill(255, 32)
      // The same number modulo the order of the group: a second signature that nobody made.
      if (change === 'again') addOrder(s.subarray(32))
      expect(verifyEd25519Bytes(m, p, s), change).toBe(ofNode(m, p, s))
    }
  }
  expect(good).toBe(25)
})

function ofNode(message: Uint8Array, key: Uint8Array, signature: Uint8Array): boolean {
  const prefix = NodeBuffer.from('302a300506032b6570032100', 'hex')
  const object = createPublicKey({key: NodeBuffer.concat([prefix, key]), format: 'der', type: 'spki'})
  return nodeVerify(null, message, object, signature)
}

/** The eight points of small order: multiples of one of order 8. */
function smallOrder(): readonly Point[] {
  const order = Point.CURVE().n
  for (let y = 2; ; y += 1) {
    const point = onCurve(Uint8Array.from({length: 32}, (_, index) => (index === 0 ? y : 0)))
    const last = point?.multiply(order - 1n, false).add(point)
    if (last === undefined || last.multiply(4n).is0()) continue
    return Array.from({length: 8}, (_, times) => last.multiply(BigInt(times), false))
  }
}

function onCurve(bytes: Uint8Array): Point | undefined {
  try {
    return Point.fromBytes(bytes, true)
  } catch {
    return undefined
  }
}

test('keys and signatures with a part of small order, which libraries take or refuse: the same answer as Node', () => {
  const order = Point.CURVE().n
  const small = smallOrder()
  const answers = {good: 0, bad: 0}
  for (const [secret, nonce] of [
    [123_456_789n, 987_654_321n],
    [123_456_789n, 0n],
    [0n, 987_654_321n],
    [0n, 0n],
  ] as const) {
    for (const ofKey of small) {
      const key = Point.BASE.multiply(secret, false).add(ofKey).toBytes()
      for (const ofSignature of small) {
        const r = Point.BASE.multiply(nonce, false).add(ofSignature).toBytes()
        for (let first = 0; first < 6; first += 1) {
          const message = Uint8Array.of(first)
          const k = littleEndian(nodeHash('sha512', NodeBuffer.from([...r, ...key, ...message]), 'buffer')) % order
          const signature = Uint8Array.from([...r, ...littleEndianOf((nonce + k * secret) % order)])
          const answer = ofNode(message, key, signature)
          answers[answer ? 'good' : 'bad'] += 1
          expect(verifyEd25519Bytes(message, key, signature)).toBe(answer)
        }
      }
    }
  }
  expect(answers.good).toBeGreaterThan(20)
  expect(answers.bad).toBeGreaterThan(1000)
})

/** Of y, more than one way to write it, and a sign of an x that is 0. */
test.each([0n, 1n, 2n ** 255n - 20n, 2n ** 255n - 19n, 2n ** 255n - 18n, 2n ** 255n - 1n])(
  'points in forms that nobody writes: the same answer as Node for y = %d',
  (y) => {
    for (const sign of [0n, 1n << 255n]) {
      const odd = littleEndianOf(y | sign)
      for (const zero of [new Uint8Array(32), odd]) {
        const signature = Uint8Array.from([...odd, ...zero])
        expect(verifyEd25519Bytes(Uint8Array.of(1), odd, signature)).toBe(ofNode(Uint8Array.of(1), odd, signature))
      }
    }
  },
)

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)
}

function littleEndianOf(value: bigint): Uint8Array {
  return Uint8Array.from({length: 32}, (_, index) => Number((value >> BigInt(8 * index)) & 255n))
}

function addOrder(bytes: Uint8Array): void {
  let carry = 2n ** 252n + 27742317777372353535851937790883648493n
  for (const [index, byte] of bytes.entries()) {
    const sum = BigInt(byte) + (carry & 255n)
    bytes[index] = Number(sum & 255n)
    carry = (carry >> 8n) + (sum >> 8n)
  }
}

test('keys and signatures of a wrong length verify nothing', () => {
  expect(verifyEd25519Bytes(new Uint8Array(1), new Uint8Array(31), new Uint8Array(64))).toBe(false)
  expect(verifyEd25519Bytes(new Uint8Array(1), new Uint8Array(32), new Uint8Array(63))).toBe(false)
})

test.each(['', 'abc', 'é€😀', 'x'.repeat(1000)])('hashes are those of Node: %j', (text) => {
  for (const algorithm of ['sha256', 'sha1']) {
    for (const encoding of ['hex', 'base64', 'base64url'] as const) {
      expect(hash(algorithm, text, encoding)).toBe(nodeHash(algorithm, text, encoding))
    }
  }
})

test.each(['', 'AA', 'AAA', 'AAAA', 'AAAAA', '-_-_', '+/+/', 'AA==', 'A A\nA', 'é'])(
  'base64 is read as Node reads it: %j',
  (text) => {
    expect([...Buffer.from(text, 'base64')]).toEqual([...NodeBuffer.from(text, 'base64')])
  },
)
