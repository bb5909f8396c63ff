import {describe, expect, test} from 'vitest'
import {KeyRing} from '../../src/matrix/key-ring.ts'
import {rulesFor} from '../../src/matrix/room-version.ts'
import {DAY, KEY_ID, keyOf, ringOf, TS} from './signed-events.ts'

const [lax, strict] = [rulesFor('4')!, rulesFor('5')!]
const validAt = (ring: KeyRing, ts: number, rules = strict): number =>
  ring.find('a.example', KEY_ID, ts, rules).valid.length

describe('a current key', () => {
  const ring = ringOf('a.example')

  test('is good to the millisecond until valid_until_ts, from version 5 on', () => {
    expect(validAt(ring, TS + DAY)).toBe(1)
    expect(validAt(ring, TS + DAY + 1)).toBe(0)
    expect(validAt(ring, TS + DAY + 1, lax)).toBe(1)
  })
  test('is good for no more than 7 days after it was fetched, whatever its server promises', () => {
    const far = ringOf(keyOf('a.example', {validUntilTs: TS + 1000 * DAY}))
    expect(validAt(far, TS + 7 * DAY)).toBe(1)
    expect(validAt(far, TS + 7 * DAY + 1)).toBe(0)
    expect(validAt(far, TS + 7 * DAY + 1, lax)).toBe(1)
  })
  test('is known by its server and name only', () => {
    expect(ring.find('b.example', KEY_ID, TS, strict)).toEqual({known: [], valid: []})
    expect(ring.find('a.example', 'ed25519:other', TS, strict)).toEqual({known: [], valid: []})
  })
  test('without any time is good at any time: a person vouches for it', () => {
    expect(validAt(ringOf(keyOf('a.example', {validUntilTs: null})), TS + 9999 * DAY)).toBe(1)
  })
})

describe('an old key', () => {
  const old = keyOf('a.example', {validUntilTs: null, expiredTs: TS})

  test('is good until it expired, in every version', () => {
    for (const rules of [lax, strict]) {
      expect(validAt(ringOf(old), TS, rules)).toBe(1)
      expect(validAt(ringOf(old), TS + 1, rules)).toBe(0)
    }
  })
  test('is good no longer than that, though it was promised to be before', () => {
    const before = keyOf('a.example', {fetchedTs: TS - 1000})
    expect(validAt(ringOf(before), TS + 1)).toBe(1)
    expect(validAt(ringOf(before, old), TS + 1)).toBe(0)
    expect(validAt(ringOf(before, old), TS)).toBe(1)
  })
  test('may be taken into use again', () => {
    expect(validAt(ringOf(old, keyOf('a.example', {fetchedTs: TS + 1})), TS + 2)).toBe(1)
  })
})

test('told several times it is good as long as one of them says', () => {
  const later = keyOf('a.example', {validUntilTs: TS + 3 * DAY, fetchedTs: TS + 2 * DAY})
  expect(validAt(ringOf('a.example', later), TS + 3 * DAY)).toBe(1)
})

test('two different keys under one name are both tried', () => {
  const other = keyOf('a.example', {key: 'A'.repeat(43)})
  expect(validAt(ringOf('a.example', other), TS)).toBe(2)
})
