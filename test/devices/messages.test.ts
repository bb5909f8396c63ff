import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {decodeBase64, encodeBase64, isFault, readVarint} from '../../src/devices/bytes.ts'
import {readMegolmMessage} from '../../src/devices/megolm-message.ts'
import {readOlmMessage, readOlmPreKeyMessage} from '../../src/devices/olm-message.ts'
import {verifyEd25519} from '../../src/matrix/signatures.ts'
import {encodeMegolm, encodePreKey, megolmSession, varint} from './encoders.ts'
import type {Vectors} from './vectors.ts'

const vectors = JSON.parse(readFileSync(join(import.meta.dirname, 'data/olm-vectors.json'), 'utf8')) as Vectors

function read(base64: string) {
  const message = readMegolmMessage(base64)
  if (isFault(message)) throw new Error(message.fault)
  return message
}

describe('messages that vodozemac made', () => {
  const all = vectors.megolm.flatMap(({session_id: sessionId, messages}) =>
    messages.map((message) => ({sessionId, ...message})),
  )

  test.each(all)('index $index of $sessionId is read and its signature verifies', (message) => {
    const got = read(message.ciphertext)
    expect(got.index).toBe(message.index)
    expect(got.version).toBe(3)
    expect(got.mac).toHaveLength(8)
    expect(encodeBase64(got.signature)).toBe(message.signature)
    expect(verifyEd25519(got.signedBytes, message.sessionId, message.signature)).toBe(true)
  })

  test('the longest has its whole ciphertext: AES-CBC of 5,000 bytes', () => {
    const long = vectors.megolm[1]?.messages[0]
    expect(read(long?.ciphertext ?? '').ciphertext).toHaveLength(5008)
  })

  test('a pre-key message tells the one-time key, the sender’s key and a ratchet key', () => {
    const {first, second_of_first: second, other_sessions_of_alice: others} = vectors.olm
    const [one, two, three] = [first, second, others[0]].map((message) => readOlmPreKeyMessage(message?.body ?? ''))
    if (one === undefined || two === undefined || three === undefined || isFault(one) || isFault(two) || isFault(three))
      throw new Error('not read')
    expect(one.oneTimeKey).toBe(first.one_time_key)
    expect(one.identityKey).toBe(first.sender_key)
    expect(two.baseKey).toBe(one.baseKey)
    expect(three.baseKey).not.toBe(one.baseKey)
    expect([one.message.chainIndex, two.message.chainIndex]).toEqual([0n, 1n])
    expect(decodeBase64(one.message.ratchetKey)).toHaveLength(32)
  })

  test('a message of type 1 is read as one, and is no pre-key message', () => {
    const {reply} = vectors.olm
    expect(reply.type).toBe(1)
    expect(readOlmMessage(reply.body)).toMatchObject({version: 3, chainIndex: 0n})
    expect(readOlmPreKeyMessage(reply.body)).toHaveProperty('fault')
  })
})

describe('forms that are no messages', () => {
  const {sessionId, message} = megolmSession()
  const good = message(7, Buffer.from('sixteen bytes...'))
  const bytes = Buffer.from(good, 'base64')
  const broken = (edit: (copy: Buffer) => Buffer) => readMegolmMessage(encodeBase64(edit(Buffer.from(bytes))))

  test('as it was made, it is read', () => {
    const got = read(good)
    expect(got.index).toBe(7)
    expect(verifyEd25519(got.signedBytes, sessionId, encodeBase64(got.signature))).toBe(true)
  })

  test.each([
    ['padding', `${good}=`],
    ['URL alphabet', good.replaceAll(/[+/]/g, '-').replace(/^./, '_')],
    ['white space', `${good.slice(0, 8)}\n${good.slice(8)}`],
    ['an impossible length', good.slice(0, good.length - (good.length % 4 === 1 ? 0 : (good.length % 4) + 3))],
    ['nothing', ''],
    ['far too much', 'A'.repeat(100_004)],
  ])('%s', (_what, text) => {
    expect(readMegolmMessage(text)).toHaveProperty('fault')
  })

  test('bits at the end that no encoder sets', () => {
    expect(decodeBase64('AB')).toEqual({fault: 'its last character has bits that no encoder sets'})
    expect(decodeBase64('AAB')).toHaveProperty('fault')
    expect(decodeBase64('AA')).toEqual(Buffer.from([0]))
  })

  test.each([
    ['version 2', (copy: Buffer) => Buffer.concat([Buffer.from([2]), copy.subarray(1)])],
    ['version 5', (copy: Buffer) => Buffer.concat([Buffer.from([5]), copy.subarray(1)])],
    [
      'a longer form of the index',
      (copy: Buffer) => Buffer.concat([copy.subarray(0, 2), Buffer.from([0x87, 0x00]), copy.subarray(3)]),
    ],
    ['the index twice', (copy: Buffer) => Buffer.concat([copy.subarray(0, 1), Buffer.from([8, 7]), copy.subarray(1)])],
    [
      'an unknown field',
      (copy: Buffer) => Buffer.concat([copy.subarray(0, 1), Buffer.from([0x18, 0]), copy.subarray(1)]),
    ],
    ['no index', (copy: Buffer) => Buffer.concat([copy.subarray(0, 1), copy.subarray(3)])],
    ['a byte more at the end', (copy: Buffer) => Buffer.concat([copy, Buffer.from([0])])],
    ['a byte less', (copy: Buffer) => copy.subarray(0, -1)],
    ['too short for a signature', (copy: Buffer) => copy.subarray(0, 60)],
    [
      'a wire type of 8 bytes',
      (copy: Buffer) => Buffer.concat([copy.subarray(0, 1), Buffer.from([0x09]), copy.subarray(2)]),
    ],
    [
      'an index of 33 bits',
      (copy: Buffer) => Buffer.concat([copy.subarray(0, 2), varint(2n ** 32n), copy.subarray(3)]),
    ],
  ])('%s', (_what, edit) => {
    expect(broken(edit)).toHaveProperty('fault')
  })

  test('version 4 has a MAC of 32 bytes', () => {
    const four = encodeMegolm({
      version: 4,
      index: 1,
      ciphertext: Buffer.alloc(16),
      mac: Buffer.alloc(32, 1),
      signature: Buffer.alloc(64, 2),
    })
    expect(read(four)).toMatchObject({version: 4, index: 1, mac: Buffer.alloc(32, 1)})
  })

  test('numbers have 64 bits at most, and end', () => {
    expect(readVarint(Buffer.from('ffffffffffffffffff01', 'hex'), 0)).toEqual({value: 2n ** 64n - 1n, end: 10})
    expect(readVarint(Buffer.from('ffffffffffffffffff02', 'hex'), 0)).toHaveProperty('fault')
    expect(readVarint(Buffer.from('8080808080808080808001', 'hex'), 0)).toHaveProperty('fault')
    expect(readVarint(Buffer.from('80', 'hex'), 0)).toHaveProperty('fault')
  })

  test('a pre-key message that names its one-time key twice is none: readers would differ on which', () => {
    const bytes = Buffer.from(vectors.olm.first.body, 'base64')
    const twice = Buffer.concat([bytes, Buffer.from([0x0a, 32]), Buffer.alloc(32, 1)])
    expect(readOlmPreKeyMessage(encodeBase64(twice))).toEqual({fault: 'field 0x0A is there twice'})
    const unknown = Buffer.concat([bytes, Buffer.from([0x2a, 1, 0])])
    expect(readOlmPreKeyMessage(encodeBase64(unknown))).toMatchObject({oneTimeKey: vectors.olm.first.one_time_key})
  })

  test('a pre-key message without one of its keys, or with one of 31 bytes, is none', () => {
    const key = Buffer.alloc(32, 5)
    const parts = {oneTimeKey: key, baseKey: key, identityKey: key, ratchetKey: key, chainIndex: 3}
    expect(readOlmPreKeyMessage(encodePreKey(parts))).toMatchObject({message: {chainIndex: 3n}})
    for (const name of ['oneTimeKey', 'baseKey', 'identityKey', 'ratchetKey'])
      expect(readOlmPreKeyMessage(encodePreKey({...parts, [name]: key.subarray(1)}))).toHaveProperty('fault')
  })
})

describe('whatever the bytes', () => {
  const bytes = fc.uint8Array({maxLength: 300})

  test('a Megolm message that is written is read back', () => {
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), bytes, fc.constantFrom(3 as const, 4 as const), (index, ciphertext, version) => {
        const mac = Buffer.alloc(version === 3 ? 8 : 32, 9)
        const signature = Buffer.alloc(64, 7)
        const got = read(encodeMegolm({version, index, ciphertext, mac, signature}))
        expect(got.index).toBe(index)
        expect(Buffer.from(got.ciphertext)).toEqual(Buffer.from(ciphertext))
        expect(got.mac).toEqual(mac)
        expect(got.signature).toEqual(signature)
      }),
    )
  })

  test('no reader throws, for random bytes behind a right first byte or for any text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          bytes.map(encodeBase64),
          bytes.map((rest) => encodeBase64(Buffer.concat([Buffer.from([3]), rest]))),
        ),
        (text) => {
          for (const reader of [readMegolmMessage, readOlmPreKeyMessage, readOlmMessage])
            expect(reader(text)).toBeTypeOf('object')
        },
      ),
      {numRuns: 2000},
    )
  })

  test('a message of which one bit is changed never verifies', () => {
    const {sessionId, message} = megolmSession()
    const good = Buffer.from(message(300, Buffer.from('0123456789abcdef')), 'base64')
    fc.assert(
      fc.property(fc.nat(good.length * 8 - 1), (bit) => {
        const copy = Buffer.from(good)
        copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        const got = readMegolmMessage(encodeBase64(copy))
        expect(isFault(got) || !verifyEd25519(got.signedBytes, sessionId, encodeBase64(got.signature))).toBe(true)
      }),
      {numRuns: 1000},
    )
  })
})
