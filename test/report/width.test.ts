import {describe, expect, test} from 'vitest'
import {date, printable, printableJson, printableLine} from '../../src/report/printable.ts'
import {clip, displayWidth, wrap} from '../../src/report/width.ts'

describe('printable', () => {
  test.each([
    ['escape sequences', '\u001b[31mred\u001b[0m', '\\u{1b}[31mred\\u{1b}[0m'],
    ['line breaks', 'a\r\nb\u2028c', 'a\\u{d}\\u{a}b\\u{2028}c'],
    ['the 8-bit form of an escape sequence', '\u009b2J', '\\u{9b}2J'],
    ['turned writing', 'a\u202eb\u2066c\u061c', 'a\\u{202e}b\\u{2066}c\\u{61c}'],
    ['what hides', 'a\u200bb\u00adc\ufeff\u{e0041}', 'a\\u{200b}b\\u{ad}c\\u{feff}\\u{e0041}'],
    ['half of a surrogate pair', 'a\ud800b', 'a\\u{d800}b'],
    ['nothing of ordinary text', 'Ünïcödé 漢字 😀 “x”', 'Ünïcödé 漢字 😀 “x”'],
  ])('shows %s', (_, text, shown) => {
    expect(printable(text)).toBe(shown)
  })

  test('is as long as was said, in columns', () => {
    expect(printable('x'.repeat(10_000), 10)).toBe('xxxxxxxxx…')
    expect(printable('漢'.repeat(10_000), 10)).toBe('漢漢漢漢…')
    expect(printable('x'.repeat(10), 10)).toBe('xxxxxxxxxx')
  })
})

test.each([
  [1795290596123, '2026-11-21 19:49:56 UTC'],
  [0, '1970-01-01 00:00:00 UTC'],
  [-62135596800001, '0000-12-31 23:59:59 UTC'],
  [253402300800000, '+010000-01-01 00:00:00 UTC'],
  [8.64e15, '+275760-09-13 00:00:00 UTC'],
  [-8.64e15, '-271821-04-20 00:00:00 UTC'],
  [8.64e15 + 1, '8640000000000001'],
])('%d ms are %s', (ms, text) => {
  expect(date(ms)).toBe(text)
})

test('printableJson means the same', () => {
  const value = {'a\u202e': 'b\u009b\u{e0041}\u2028\n', c: '😀漢'}
  const text = printableJson(JSON.stringify(value, null, 2))
  expect(text).not.toMatch(/[\u202e\u009b\u2028]|\udb40/)
  expect(text).toContain('😀漢')
  expect(JSON.parse(text)).toEqual(value)
})

test('printableLine leaves JSON what it means, and lets nothing else through', () => {
  const line = JSON.stringify({'a\u202e': 'b\u009b\n'})
  expect(JSON.parse(printableLine(line))).toEqual(JSON.parse(line))
  expect(printableLine(`${line}\u001b[31m\u009b`)).not.toMatch(/[\u001b\u009b\u202e]/)
})

describe('width', () => {
  test.each([
    ['', 0],
    ['abc', 3],
    ['漢字', 4],
    ['～', 2],
    ['😀', 2],
    ['e\u0301', 1],
    ['ключ', 4],
  ])('%j takes %i columns', (text, width) => {
    expect(displayWidth(text)).toBe(width)
  })

  test('clip never exceeds the columns', () => {
    for (const text of ['abcdefghij', '漢字漢字漢字', 'a漢b字c😀d', '']) {
      for (let columns = 0; columns < 14; columns += 1) {
        const clipped = clip(text, columns)
        expect(displayWidth(clipped)).toBeLessThanOrEqual(columns)
        expect(clipped === text).toBe(displayWidth(text) <= columns)
      }
    }
  })

  test('wrap breaks at spaces, keeps the margin, and hangs', () => {
    expect(wrap('  one two three four', 4, 12)).toBe('  one two\n    three\n    four')
    expect(wrap('one two', 2, undefined)).toBe('one two')
    expect(wrap('a sentence that fits', 2, 20)).toBe('a sentence that fits')
    expect(wrap('  averyveryverylongword x', 4, 10)).toBe('  averyveryverylongword\n    x')
  })

  test('wrap takes colours for nothing', () => {
    const red = '\u001b[31mone two\u001b[39m'
    expect(wrap(red, 2, 7)).toBe(red)
    expect(wrap(`${red} three`, 2, 7)).toBe(`${red}\n  three`)
  })
})
