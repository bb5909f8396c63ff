import {describe, expect, test} from 'vitest'
import {PAIRS} from './cases/all.ts'
import {expectedRule, type Pair, versionsOf} from './pair.ts'

const titled = PAIRS.map((pair): [string, Pair] => [`${pair.rule}: ${pair.what}`, pair])

describe('each event fails at one rule, and its twin passes', () => {
  test('no two pairs are the same', () => {
    const titles = titled.map(([title]) => title)
    expect(titles.filter((title, index) => titles.indexOf(title) !== index)).toEqual([])
  })

  describe.each(titled)('%s', (_title, pair) => {
    test.each(versionsOf(pair))('in version %s', (version) => {
      expect(pair.passes(version).judge()).toEqual({verdict: 'accepted', rule: null, name: null})
      expect(pair.fails(version).judge()).toEqual({
        verdict: 'rejected',
        rule: expectedRule(pair, version, 'auth'),
        name: pair.rule,
      })
      if (pair.failsBefore === undefined) return
      expect(pair.failsBefore(version).judge()).toEqual({
        verdict: 'rejected',
        rule: expectedRule(pair, version, 'before'),
        name: pair.rule,
      })
    })
  })
})
