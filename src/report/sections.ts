import type {MissingEvidence} from '../investigate/fetch-report.ts'
import {count, printable} from './printable.ts'
import {paint, table, type TextStyle} from './table.ts'
import {wrap} from './width.ts'

/** Rows that a section shows when not everything was asked for. */
export const GLANCE = 12

/** What a section shows of its rows: see `more` for the rest. */
export function glance<T>(rows: readonly T[], style: TextStyle): readonly T[] {
  return style.full === true ? rows : rows.slice(0, GLANCE)
}

/** Lines of a section; empty ones are left out. */
export function joinLines(lines: readonly string[]): string {
  return lines.filter((line) => line !== '').join('\n')
}

/** Sections of a report; empty ones are left out. */
export function joinSections(sections: readonly string[]): string {
  return sections.filter((section) => section !== '').join('\n\n')
}

export function title(text: string, style: TextStyle): string {
  return paint(style).bold(wrap(text, 2, style.columns))
}

/** A line of a report's head: a name and a value. */
export function field(name: string, value: string): string {
  return `  ${name.padEnd(9)}${value}`
}

/** What was left out of a section, or nothing. */
export function more(rest: number, style: TextStyle): string {
  return rest > 0 ? paint(style).dim(`  … and ${count(rest, 'more', 'more')}: --full shows all`) : ''
}

export function remedyLine(remedy: string, style: TextStyle): string {
  return paint(style).dim(wrap(`    → ${remedy}`, 6, style.columns))
}

/** Events that are not here, with who was asked for them and what came of it. */
export function missingEvidenceSection(
  missing: readonly MissingEvidence[],
  words: {
    /** Behind the number of events. */
    readonly heading: string
    readonly unasked: string
    readonly outcome: (outcome: MissingEvidence['asked'][number]['outcome']) => string
  },
  style: TextStyle,
): string {
  if (missing.length === 0) return ''
  const shown = glance(missing, style)
  const rows = shown.map(({eventId, asked}) => [
    eventId,
    asked.length === 0
      ? words.unasked
      : asked.map(({source, outcome}) => `${source}: ${words.outcome(outcome)}`).join('; '),
  ])
  const columns = [
    {head: 'event', min: 20},
    {head: 'asked', min: 20},
  ]
  return joinLines([
    title(`Missing: ${count(missing.length, 'event')} ${words.heading}`, style),
    table(columns, rows, style),
    more(missing.length - shown.length, style),
  ])
}

/** Remarks on the evidence as a whole. */
export function notesSection(notes: readonly string[], style: TextStyle): string {
  if (notes.length === 0) return ''
  return [title('Notes', style), ...notes.map((note) => wrap(`  ${printable(note, 600)}`, 4, style.columns))].join('\n')
}
