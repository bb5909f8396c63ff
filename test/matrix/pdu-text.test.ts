import {describe, expect, test} from 'vitest'
import {MAX_NESTING} from '../../src/matrix/json.ts'
import {event, faultOf, parse, VERSIONS} from './events.ts'

/** A message, whose content no hash of its ID covers. */
const message = (version: string, content: string): string =>
  JSON.stringify({...event(version), type: 'm.room.message', state_key: undefined}).replace('{"topic":"t"}', content)

const deep = (levels: number): string => `{"body":${'['.repeat(levels)}${']'.repeat(levels)}}`

describe.each(VERSIONS)('the text of a message, version %s', (version) => {
  test('half of a surrogate pair is refused, a whole pair is not', () => {
    expect(faultOf(version, message(version, String.raw`{"body":"\ud83d"}`))).toBe('unicode')
    expect(faultOf(version, message(version, String.raw`{"body":"\uDE00"}`))).toBe('unicode')
    expect(faultOf(version, message(version, String.raw`{"body":"\ud83d\ude00"}`))).toBeNull()
    expect(faultOf(version, message(version, String.raw`{"body":"\\ud83d"}`))).toBeNull()
  })

  test('nesting is refused beyond the limit, also where the text is short, and its content is let go', () => {
    // The event itself and its content are two levels.
    expect(faultOf(version, message(version, deep(MAX_NESTING - 2)))).toBeNull()
    expect(faultOf(version, message(version, deep(MAX_NESTING - 1)))).toBe('nesting')
    expect(parse(version, message(version, deep(20_000))).content).toEqual({})
  })

  test('brackets in strings are no nesting', () => {
    const brackets = '[{'.repeat(MAX_NESTING)
    expect(faultOf(version, message(version, JSON.stringify({body: `\\"${brackets}\\`, more: '"'})))).toBeNull()
  })
})
