import {execFileSync} from 'node:child_process'
import {describe, expect, test} from 'vitest'
import {canBeWord, shellWord} from '../../src/report/asked.ts'
import {printable} from '../../src/report/printable.ts'

const words: readonly (readonly [string, string])[] = [
  ['plain', '@user:example.org'],
  ['nothing', ''],
  ['quotes', `it's "quoted" \`id\` $(id) $HOME \\`],
  ['line feeds', 'two\nlines\r\n'],
  ['control characters', '\u001b[2J\u0007\u009b2J\t'],
  ['what turns the writing, with quotes', `it's \u202etxt.exe\\ !1 'x'`],
  ['octal look-alikes behind an escape', '\u00017\u001b0'],
  ['other scripts', 'Ünïcödé 漢字 😀'],
  ['what shells expand', '=ls ~ * ? [a] {a,b} #x ;&|<>!x'],
]

describe('a word of a command line', () => {
  test.each(words)('%s: bash gives back what was quoted', (_, word) => {
    const line = `printf '%s' ${shellWord(word)}`
    expect(printable(line)).toBe(line)
    for (const LC_ALL of ['C', 'C.UTF-8']) {
      expect(execFileSync('bash', ['-c', line], {env: {LC_ALL}}).toString('utf8')).toBe(word)
    }
  })

  test('is not made where no quoting helps', () => {
    expect(canBeWord('a\u0000b')).toBe(false)
    expect(canBeWord('a\ud800b')).toBe(false)
    expect(words.every(([, word]) => canBeWord(word))).toBe(true)
  })

  test('is not quoted where that is not needed', () => {
    expect(shellWord('examples/room.ndjson')).toBe('examples/room.ndjson')
    expect(shellWord('a=b')).toBe('a=b')
  })
})
