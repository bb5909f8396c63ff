import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {ExactNumber, isObject, type Json, JsonError, own, parseJson} from '../../src/matrix/json.ts'
import {parseObject} from './vectors.ts'

describe('keys', () => {
  test('__proto__ and constructor are ordinary ones', () => {
    for (const more of ['', ',"exact":1.5']) {
      const object = parseObject(`{"__proto__":{"admin":1},"constructor":2${more}}`)
      expect(Object.keys(object).slice(0, 2)).toEqual(['__proto__', 'constructor'])
      expect(own(object, '__proto__')).toEqual({admin: 1})
      expect(own(object, 'constructor')).toBe(2)
      expect((object as Record<string, unknown>)['admin']).toBeUndefined()
    }
  })

  test('what every JavaScript object inherits is not there', () => {
    const object = parseObject('{}')
    for (const key of ['__proto__', 'constructor', 'toString', 'hasOwnProperty'])
      expect(own(object, key)).toBeUndefined()
  })

  test.each([
    ['{"a":1,"a":2}', 2],
    ['{"a":1.5,"a":2}', 2],
    ['{"a":2,"b":1.5,"\\u0061":3}', 3],
  ])('of duplicates the last one wins: %s', (text, value) => {
    expect(own(parseObject(text), 'a')).toBe(value)
  })
})

describe('numbers', () => {
  const lexemeOf = (text: string): string | null => {
    const [value] = parseJson(`[ ${text} ]`) as readonly Json[]
    return value instanceof ExactNumber ? value.lexeme : null
  }
  test.each(['0', '-0', '1', '-1', '9007199254740991', '-9007199254740991', '123456789012345'])(
    '%s is a plain number',
    (text) => {
      expect(lexemeOf(text)).toBeNull()
      expect((parseJson(`[${text}]`) as readonly Json[])[0] === Number(text)).toBe(true)
    },
  )
  test.each([
    '9007199254740992',
    '-9007199254740992',
    '1.0',
    '1e0',
    '1E2',
    '-0.0',
    '0e0',
    '1e400',
    '18446744073709551616',
    '1.5e-300',
  ])('%s keeps its characters', (text) => {
    expect(lexemeOf(text)).toBe(text)
    expect(lexemeOf(text.replace(/^/, '\n\t'))).toBe(text)
    expect((parseJson(text) as ExactNumber).lexeme).toBe(text)
    expect((own(parseObject(`{"a":"1.5","b" : ${text}}`), 'b') as ExactNumber).lexeme).toBe(text)
    expect((own(parseObject(`{"a":"1.5","b":[null,${text},1]}`), 'b') as readonly ExactNumber[])[1]?.lexeme).toBe(text)
  })
  test('tell whether they are whole', () => {
    expect(['1', '-12345678901234567890', '1.0', '1e3', '1E3'].map((text) => new ExactNumber(text).isInteger)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ])
    expect(new ExactNumber('1e400').toNumber()).toBe(Infinity)
  })

  test('never get lost: any lexeme, anywhere', () => {
    const lexeme = fc
      .tuple(
        fc.boolean(),
        fc.bigInt({min: 0n, max: 10n ** 25n}),
        fc.option(fc.nat(), {nil: null}),
        fc.option(fc.integer({min: -30, max: 30}), {nil: null}),
      )
      .map(([minus, whole, fraction, power]) => {
        const digits = `${minus ? '-' : ''}${String(whole)}${fraction === null ? '' : `.${String(fraction)}`}`
        return power === null ? digits : `${digits}e${String(power)}`
      })
    fc.assert(
      fc.property(
        fc.array(lexeme, {minLength: 1, maxLength: 5}),
        fc.constantFrom(',', ' , ', ',\n'),
        (lexemes, comma) => {
          const parsed = own(parseObject(`{"text":":1","list":[${lexemes.join(comma)}]}`), 'list') as readonly Json[]
          parsed.forEach((value, index) => {
            const text = lexemes[index]!
            const exact = /[.e]/.test(text) || !Number.isSafeInteger(Number(text))
            if (exact) expect(value).toEqual(new ExactNumber(text))
            else expect(value === Number(text)).toBe(true)
          })
        },
      ),
      {numRuns: 2000},
    )
  })
})

describe('what is not JSON', () => {
  test.each([
    '',
    ' ',
    '{',
    '[1,]',
    "{'a':1}",
    'NaN',
    '[Infinity]',
    '[01]',
    '[+1]',
    '[.5]',
    '[1.]',
    '"\t"',
    'undefined',
    '{"a":1}x',
    '\ufeff{}',
    '{a:1.5}',
  ])('%j is refused', (text) => {
    expect(() => parseJson(text)).toThrow(JsonError)
  })

  test.each([
    ['[', ']', ''],
    ['{"a":', '}', '1'],
    ['[1.5,', ']', '0'],
    ['{"a":1.5,"b":', '}', '1e3'],
  ])('nesting of %s very deep crashes nothing', (open, close, inner) => {
    for (const depth of [1000, 5000, 20_000, 200_000]) {
      try {
        parseJson(open.repeat(depth) + inner + close.repeat(depth))
      } catch (error) {
        expect(error).toBeInstanceOf(JsonError)
      }
    }
  })

  test('lists, null and numbers are no objects', () => {
    expect([{}, [], null, 1, 'x', true, new ExactNumber('1.5')].map((value) => isObject(value))).toEqual([
      true,
      ...Array<boolean>(6).fill(false),
    ])
  })
})
