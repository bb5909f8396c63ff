import {count} from './printable.ts'
import {paint, type TextStyle} from './table.ts'
import {wrap} from './width.ts'

/** Rows that a section shows when not everything was asked for. */
export const GLANCE = 12

export function title(text: string, style: TextStyle): string {
  return paint(style).bold(text)
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
