import {printable} from './printable.ts'

/** Words that Markdown, or the site that shows it, makes more of: `@mention`, `#123`, `$math$`, `:emoji:`, addresses. */
const NAMES = /[@#$]|^!|:\/\/|www\.|:[^\s:]*[a-z+-][^\s:]*:|:100:|:1234:/i

/**
 * Text of a room as Markdown that says the same, and nothing more: it stays one line, also within a table. Names of users, rooms and events
 * become code, which is the one place where sites look for no mentions (`@alice:example.org` would tell the GitHub user alice).
 *
 * @param max - columns
 */
export function mdText(text: string, max = 1500): string {
  return printable(text, max)
    .split(' ')
    .map((word) => {
      if (!NAMES.test(word)) return escaped(word)
      const [, before = '', name = '', after = ''] = /^(["'“(]*)(.*?)([)"'”.,;:?]*)$/.exec(word) ?? []
      return `${escaped(before)}${mdCode(name)}${escaped(after)}`
    })
    .join(' ')
}

/** The same where it begins a line or an item: it begins no list, heading or code there, and an item that says nothing is no underline. */
export function mdLine(text: string, max = 1500): string {
  const line = mdText(text, max).trim()
  return line === '' ? '…' : line.replace(/^[-+=]/, '\\$&').replace(/^(\d+)([.)])/, '$1\\$2')
}

/** The same as code. Where Markdown's own code could be broken out of, or split by a table, it is HTML with every sign as a reference. */
export function mdCode(text: string, max = 1500): string {
  const safe = printable(text, max)
  if (safe === '') return ''
  if (/[`|\\]|^ | $/.test(safe)) return `<code>${safe.replace(/[^A-Za-z0-9 \u0080-\u{10ffff}]/gu, reference)}</code>`
  return `\`${safe}\``
}

/** No backslash stands before a `|`, since parsers of tables differ in what that means: references have none. */
function escaped(word: string): string {
  return word.replace(/[\\|<>&]/g, reference).replace(/[`*_[\]~!^]/g, '\\$&')
}

function reference(char: string): string {
  return `&#${String(char.codePointAt(0) ?? 0xfffd)};`
}
