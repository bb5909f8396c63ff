import {expect, test} from 'vitest'
import type {Json} from '../../src/matrix/json.ts'
import {event, faultOf, VERSIONS} from './events.ts'

const EMPTY: readonly Json[] = [5, 'x', null, [], {}, {'ed25519:1': 5}, {'ed25519:1': ''}, {foo: 'x'}]

test.each(VERSIONS.flatMap((version) => EMPTY.map((block) => [version, JSON.stringify(block), block] as const)))(
  'version %s: %s is no signature of a server',
  (version, _, block) => {
    expect(faultOf(version, event(version, {signatures: {domain: block}}))).toBe('signature')
    expect(faultOf(version, event(version, {signatures: {domain: block, other: {'ed25519:1': 'x'}}}))).toBe('signature')
  },
)

test('an empty room ID is none', () => {
  for (const version of VERSIONS) expect(faultOf(version, event(version, {room_id: ''}))).toBe('room_id')
})
