import {
  createPublicKey,
  generateKeyPairSync,
  hash as nodeHash,
  randomBytes,
  sign,
  verify as nodeVerify,
} from 'node:crypto'
import {Buffer as NodeBuffer} from 'node:buffer'
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
      const prefix = NodeBuffer.from('302a300506032b6570032100', 'hex')
      const object = createPublicKey({key: NodeBuffer.concat([prefix, p]), format: 'der', type: 'spki'})
      expect(verifyEd25519Bytes(m, p, s), change).toBe(nodeVerify(null, m, object, s))
    }
  }
  expect(good).toBe(25)
})

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
