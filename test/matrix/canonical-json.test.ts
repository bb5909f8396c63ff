import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {canonicalJson, pythonRepr} from '../../src/matrix/canonical-json.ts'
import {compareCodePoints} from '../../src/matrix/code-points.ts'
import {type Json, JsonError, MAX_NESTING, parseJson} from '../../src/matrix/json.ts'

const canonical = (text: string): string => canonicalJson(parseJson(text))

describe('strings', () => {
  test.each([
    [String.raw`"\b\t\n\f\r\"\\"`, String.raw`"\b\t\n\f\r\"\\"`],
    [String.raw`"\u0000\u0001\u001f\u001F"`, String.raw`"\u0000\u0001\u001f\u001f"`],
    [String.raw`"\/\u007f\u2028\u2029\u00e9"`, '"/\u007f\u2028\u2029é"'],
    [String.raw`"\u65E5\ud83d\uDE00"`, '"日😀"'],
  ])('%s is written as %s', (input, output) => {
    expect(canonical(input)).toBe(output)
  })

  test.each([String.raw`"\ud800"`, String.raw`"\udc00\ud800"`, String.raw`{"\ud83d":1}`, String.raw`[["a\udfff"]]`])(
    '%s holds half of a surrogate pair and has no canonical form',
    (input) => {
      expect(() => canonical(input)).toThrow(JsonError)
    },
  )
})

describe('the order of keys', () => {
  test('is that of code points, not of UTF-16 units', () => {
    expect(canonical('{"😀":1,"\uff5e":2,"\ue000":3,"a":4,"":5,"é":6}')).toBe(
      '{"":5,"a":4,"é":6,"\ue000":3,"\uff5e":2,"😀":1}',
    )
  })

  test('is that of the UTF-8 bytes', () => {
    const key = fc.string({unit: 'binary', maxLength: 4})
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(Math.sign(compareCodePoints(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
      }),
      {numRuns: 2000},
    )
  })

  test('does not depend on the order in which they come', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({unit: 'binary', maxLength: 3}), fc.integer()), (object) => {
        const backwards = Object.fromEntries(Object.entries(object).reverse())
        const text = canonicalJson(object)
        expect(canonicalJson(backwards)).toBe(text)
        const keys = [...text.matchAll(/"((?:[^"\\]|\\.)*)":/gu)].map((match) =>
          Buffer.from(JSON.parse(`"${match[1] ?? ''}"`) as string),
        )
        expect(keys).toEqual([...keys].sort((a, b) => Buffer.compare(a, b)))
      }),
      {numRuns: 500},
    )
  })
})

/** As Python 3 prints them: `json.dumps(json.loads(lexeme))`. */
const PYTHON = `
0.0 0.0|-0.0 -0.0|1e2 100.0|50.0 50.0|1.5e300 1.5e+300|-1.5E-7 -1.5e-07|1e16 1e+16|1e15 1000000000000000.0
123456789012345678.0 1.2345678901234568e+17|0.0001 0.0001|0.00001 1e-05|0.00012345 0.00012345|1e-5 1e-05|5e-324 5e-324
1.7976931348623157e308 1.7976931348623157e+308|1E22 1e+22|1e21 1e+21|0.1 0.1|0.30000000000000004 0.30000000000000004
100.25 100.25|-3.14 -3.14|1e0 1.0|10e-1 1.0|9007199254740993.0 9007199254740992.0|1.0e+10 10000000000.0|4.35 4.35
2.5e-8 2.5e-08|9999999999999998.0 9999999999999998.0|99999999999999990.0 9.999999999999998e+16
12345678901234567890.5 1.2345678901234567e+19|1e23 1e+23|0.1e1 1.0|-1e-4 -0.0001|-123.5e1 -1235.0`
  .trim()
  .split(/[|\n]/)
  .map((pair) => pair.split(' ') as [string, string])

describe('numbers', () => {
  test.each(PYTHON)('the float %s is %s in Python', (lexeme, python) => {
    expect(canonicalJson(parseJson(`[${lexeme}]`), 'python')).toBe(`[${python}]`)
  })

  test('a float in Python form is the same number', () => {
    fc.assert(
      fc.property(fc.double({noNaN: true, noDefaultInfinity: true}), (value) => {
        const text = pythonRepr(value)
        expect(Object.is(Number(text), value)).toBe(true)
        expect(text).toMatch(/[.e]/)
      }),
      {numRuns: 2000},
    )
  })

  test.each([
    ['[9007199254740991,-9007199254740991]', '[9007199254740991,-9007199254740991]'],
    ['[9007199254740993]', '[9007199254740993]'],
    ['[-9223372036854775808]', '[-9223372036854775808]'],
    [
      '[123456789012345678901234567890123456789012345678901234567890]',
      '[123456789012345678901234567890123456789012345678901234567890]',
    ],
    ['[-0]', '[0]'],
    ['[0,-0,10000000000000000000]', '[0,0,10000000000000000000]'],
  ])('the integers %s come out as %s in both styles', (input, output) => {
    expect(canonicalJson(parseJson(input))).toBe(output)
    expect(canonicalJson(parseJson(input), 'python')).toBe(output)
  })

  test.each([
    ['[1e10]', '[10000000000]'],
    ['[1.0,-5E0]', '[1,-5]'],
    ['[1.5]', '[1.5]'],
  ])('by the spec %s is %s', (input, output) => {
    expect(canonical(input)).toBe(output)
  })

  test('beyond every double there is no form', () => {
    expect(() => canonical('[1e400]')).toThrow(JsonError)
  })
})

describe('the whole', () => {
  test('is a fixed point, and means the same', () => {
    fc.assert(
      fc.property(fc.json({stringUnit: 'binary'}), (text) => {
        const value = parseJson(text)
        const once = canonicalJson(value, 'python')
        expect(canonicalJson(parseJson(once), 'python')).toBe(once)
        expect(JSON.parse(once)).toEqual(JSON.parse(text.replaceAll(/(?<=[[,:])-0(?=[,\]}])|^-0$/g, '0')))
        expect(once).not.toMatch(/^\s|\s$/)
      }),
      {numRuns: 1000},
    )
  })

  test(`may be nested ${String(MAX_NESTING)} deep, not more`, () => {
    const nested = (depth: number): Json => parseJson('['.repeat(depth) + ']'.repeat(depth))
    expect(canonicalJson(nested(MAX_NESTING))).toHaveLength(2 * MAX_NESTING)
    expect(() => canonicalJson(nested(MAX_NESTING + 1))).toThrow(JsonError)
    expect(() => canonicalJson(nested(100_000))).toThrow(JsonError)
  })
})
