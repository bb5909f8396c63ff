import {Chalk, type ChalkInstance} from 'chalk'
import Table from 'cli-table3'
import type {Asked} from './asked.ts'
import {printable} from './printable.ts'
import {clip, displayWidth} from './width.ts'

/** How text is rendered: colours only where they were asked for, width only where there is a terminal. */
export interface TextStyle {
  readonly color: boolean
  /** Columns of the terminal; `undefined`: no limit. */
  readonly columns?: number | undefined
  /** Everything, instead of what fits a glance. */
  readonly full?: boolean
  /** How the room was asked for, so that further commands can be named. */
  readonly asked?: Asked
}

/** Paint that paints nothing when colours are off. */
export function paint(style: TextStyle): ChalkInstance {
  return new Chalk({level: style.color ? 1 : 0})
}

const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '  ',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
} as const

export interface Column {
  readonly head: string
  /** Narrowest that it should become when the terminal is small; columns without it keep their width as long as others can give way. */
  readonly min?: number
  /** Gives way before the others do. */
  readonly first?: true
}

/**
 * Rows under heads, without lines; cells are made safe for a terminal. Columns that may shrink share what the terminal lacks.
 */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], style: TextStyle): string {
  // What is far beyond any terminal need not be measured.
  const longest = style.columns ?? Infinity
  const safe = rows.map((row) => row.map((cell) => printable(cell, longest)))
  const widths = columns.map(({head}, index) =>
    safe.reduce((most, row) => Math.max(most, displayWidth(row[index] ?? '')), head.length),
  )
  shrink(columns, widths, style.columns)
  const {dim} = paint(style)
  const cells = safe.map((row) => row.map((cell, index) => clip(cell, widths[index] ?? 0)))
  const head = columns.map(({head: name}) => dim(name))
  // The time that cli-table3 takes grows with the square of the rows.
  const isLong = cells.length > ROWS_AT_ONCE
  const blocks = Array.from({length: Math.max(1, Math.ceil(cells.length / ROWS_AT_ONCE))}, (_, index) => {
    const made = new Table({
      head: index === 0 ? head : [],
      chars: NO_LINES,
      style: {head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true},
      ...(isLong ? {colWidths: widths} : {}),
    })
    made.push(...cells.slice(index * ROWS_AT_ONCE, (index + 1) * ROWS_AT_ONCE))
    return made.toString()
  })
  return blocks
    .join('\n')
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

const ROWS_AT_ONCE = 500

/** What is left of any column on a terminal that is too narrow for all. */
const LEAST = 8

function shrink(columns: readonly Column[], widths: number[], available: number | undefined): void {
  if (available === undefined) return
  const lacking = (): number => widths.reduce((sum, width) => sum + width + 2, 0) - available
  for (const step of ['first', 'all', 'beyond'] as const) {
    while (lacking() > 0) {
      const widest = widths.reduce((best, width, index) => {
        const {min = Infinity, first = false} = columns[index] ?? {}
        // A line that the terminal breaks is worse than a cell that is cut.
        const least = step === 'beyond' ? Math.min(min, LEAST) : min
        return (first || step !== 'first') && width > least && width > (widths[best] ?? -1) ? index : best
      }, -1)
      if (widest < 0) break
      widths[widest] = (widths[widest] ?? 1) - 1
    }
  }
}
