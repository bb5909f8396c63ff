/** A mistake that people do make, written out: the classic ones of those who implement the rules and state resolution. */
export interface Mistake {
  readonly what: string
  /** Relative to the checkout. */
  readonly file: string
  /** What stands there, exactly once, and what is put in its place. */
  readonly edits: readonly (readonly [find: string, put: string])[]
}

/** One place changed. */
export const one = (what: string, file: string, find: string, put: string): Mistake => ({
  what,
  file,
  edits: [[find, put]],
})
