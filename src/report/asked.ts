import {printable} from './printable.ts'

/** How a room was asked for, as words of a command line that can be typed again. */
export interface Asked {
  /** The room, and what belongs to its events. */
  readonly room: string
  /** The same with the states that servers told. */
  readonly withStates: string
}

/**
 * A word as a POSIX shell takes it, on one line and with nothing in it that a terminal obeys: what is no plain text is written in `$'…'`, byte by
 * byte in octal, which means the same in every locale. See `canBeWord` for what no quoting helps.
 */
export function shellWord(word: string): string {
  if (/^[\w@%+:,./-][\w@%+=:,./-]*$/.test(word)) return word
  if (printable(word) === word) return `'${word.replaceAll("'", String.raw`'\''`)}'`
  const quoted = Array.from(word, (char) => {
    if (char === "'" || char === '\\') return `\\${char}`
    // Shells that people type into may take `!` for their history.
    return char !== '!' && printable(char) === char ? char : octal(char)
  })
  return `$'${quoted.join('')}'`
}

/** Whether a program can be given the word at all: it ends at a NUL, and is UTF-8. */
export function canBeWord(word: string): boolean {
  return !word.includes('\u0000') && word.isWellFormed()
}

function octal(char: string): string {
  return Array.from(new TextEncoder().encode(char), (byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')
}
