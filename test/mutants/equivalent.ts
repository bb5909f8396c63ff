import {readdirSync, readFileSync} from 'node:fs'
import {join} from 'node:path'

/** Mutants that change no answer, for one reason. */
export interface Equivalent {
  /** A word for the kind of reason: the report counts by it. */
  readonly kind: string
  readonly why: string
  /** IDs. */
  readonly mutants: readonly string[]
}

const FOLDER = join(import.meta.dirname, 'equivalent')

/** The lists in `equivalent/`. */
export function readEquivalents(): readonly Equivalent[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as readonly Equivalent[])
}
