import {describe, expect, test} from 'vitest'
import {listRules} from '../../src/auth/auth-rules.ts'
import {KNOWN_ROOM_VERSIONS, rulesFor} from '../../src/matrix/room-version.ts'
import {numbersOf, VERSIONS} from './numbers.ts'

describe('numbers of the authorisation rules', () => {
  test('the table speaks of every known room version', () => {
    expect([...VERSIONS]).toEqual([...KNOWN_ROOM_VERSIONS])
  })

  test.each(VERSIONS)('version %s has the lines of the spec, in its order, under its numbers', (version) => {
    const rules = rulesFor(version)
    const lines = rules === undefined ? [] : listRules(rules)
    expect(lines.map(({name, number}) => `${number} ${name}`)).toEqual(
      [...numbersOf(version)].map(([name, number]) => `${number} ${name}`),
    )
  })

  test('names are unique within a version', () => {
    for (const version of VERSIONS) {
      const names = [...numbersOf(version).keys()]
      expect(new Set(names).size, version).toBe(names.length)
    }
  })

  // Some that a mistake in one column would move, spelled out.
  test.each([
    ['1', 'member.join.refused', '5.2.6'],
    ['8', 'member.join.refused', '4.3.7'],
    ['12', 'member.join.refused', '5.3.7'],
    ['10', 'member.join.restricted.authoriser', '4.3.5.2'],
    ['5', 'allow', '11'],
    ['2', 'redaction.refused', '11.3'],
    ['11', 'create.allow', '1.4'],
    ['12', 'auth-events.other-room', '3.4'],
    ['12', 'power-levels.allow', '10.11'],
  ])('version %s numbers %s as %s', (version, name, number) => {
    const rules = rulesFor(version)
    expect(rules && listRules(rules).find((rule) => rule.name === name)?.number).toBe(number)
  })
})
