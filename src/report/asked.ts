/** How a room was asked for, as words of a command line that can be typed again. */
export interface Asked {
  /** The room, and what belongs to its events. */
  readonly room: string
  /** The same with the states that servers told. */
  readonly withStates: string
}

/** A word as a shell takes it. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}
