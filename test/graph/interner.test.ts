import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {IntList, Interner} from '../../src/graph/interner.ts'

describe('an interner', () => {
  test('numbers strings in order of first sight', () => {
    fc.assert(
      fc.property(fc.array(fc.string({unit: 'binary', maxLength: 2})), (texts) => {
        const interner = new Interner()
        const numbers = texts.map((text) => interner.intern(text))
        const distinct = [...new Set(texts)]
        expect(numbers).toEqual(texts.map((text) => distinct.indexOf(text)))
        expect([interner.size, interner.strings]).toEqual([distinct.length, distinct])
        distinct.forEach((text, number) => {
          expect([interner.find(text), interner.at(number)]).toEqual([number, text])
        })
      }),
    )
  })
  test('does not know what it was not given', () => {
    const interner = new Interner()
    expect([interner.find('constructor'), interner.find('')]).toEqual([-1, -1])
    expect(() => interner.at(0)).toThrow(RangeError)
    expect(() => interner.at(-1)).toThrow(RangeError)
  })
})

test('a list of integers holds what an array holds', () => {
  fc.assert(
    fc.property(fc.array(fc.integer(), {maxLength: 300}), (values) => {
      const list = new IntList()
      for (const value of values) list.push(value)
      expect(list.length).toBe(values.length)
      expect([...list.view()]).toEqual(values)
    }),
  )
})
