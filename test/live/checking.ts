import type {Program} from './program.ts'
import type {Stage} from './stage.ts'
import type {TokenFiles} from './live-routes.ts'

/** What a check throws that cannot be made here: it counts as skipped, and the reason is shown. */
export class Skipped extends Error {}

/** Runs one check, prints `ok`, `FAIL` or `skip`, and never throws. A string that it gives back is shown. */
export type Check = (name: string, body: () => Promise<unknown>) => Promise<void>

/** What all checks work with. */
export interface Running {
  readonly program: Program
  /** With Synapse, to start more servers. */
  readonly python: string
  /** Takes what must never be seen in the program's files and output. */
  readonly keepSecret: (secrets: readonly string[]) => void
  readonly check: Check
  readonly say: (line: string) => void
  readonly quick: boolean
  /** Takes Markdown that goes into the file of `--table`. */
  readonly publish: (markdown: string) => void
}

/** What the checks of rooms work with. */
export interface Checking extends Running {
  readonly stage: Stage
  readonly tokens: TokenFiles
}

export function equal(what: string, actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`${what}: ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`)
}

/** A Markdown table with its columns drawn straight. */
export function markdownTable(heads: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [heads, ...rows].map((row) => row.map(String))
  const widths = heads.map((_, column) => Math.max(3, ...cells.map((row) => row[column]!.length)))
  const numeric = heads.map((_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number'))
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, n) => (numeric[n] === true ? cell.padStart(widths[n]!) : cell.padEnd(widths[n]!))).join(' | ')} |`
  const rule = widths.map((width, n) => (numeric[n] === true ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width)))
  return [line(cells[0]!), line(rule), ...cells.slice(1).map(line)].join('\n')
}
