import type {Finding} from '../finding/finding.ts'
import {printable} from './printable.ts'
import {glance, joinLines, more, remedyLine, title} from './sections.ts'
import {paint, type TextStyle} from './table.ts'
import {wrap} from './width.ts'

/** Findings for people: what, how sure, where, and what to do; nothing when there are none. */
export function findingsText(findings: readonly Finding[], style: TextStyle): string {
  if (findings.length === 0) return ''
  const {red, yellow, cyan, dim} = paint(style)
  const mark = {error: red('error'), warning: yellow('warning'), note: cyan('note')} as const
  const sorted = findings.toSorted((a, b) => RANK[a.severity] - RANK[b.severity])
  const shown = glance(sorted, style)
  const lines = shown.flatMap(({id, severity, certainty, summary, evidence, remedy}, index) => [
    `  ${mark[severity]} ${id} ${dim(`(${certainty})`)}`,
    wrap(`    ${printable(shortIds(summary, style), 1000)}${lineOf(evidence)}`, 4, style.columns),
    ...(shown[index + 1]?.id === id ? [] : [remedyLine(remedy, style)]),
  ])
  const rest = more(findings.length - shown.length, style)
  return joinLines([title(`Findings: ${String(findings.length)}`, style), ...lines, rest])
}

const RANK = {error: 0, warning: 1, note: 2} as const

/** At a glance the beginning of an event ID is enough to tell it from others; commands take it for the whole. */
export function shortIds(text: string, style: TextStyle): string {
  return style.full === true ? text : text.replace(/(\$[A-Za-z0-9_+/-]{10})[A-Za-z0-9_+/-]{20,}/g, '$1…')
}

/** Where the dump says it, if a line of it does. */
function lineOf(evidence: Finding['evidence']): string {
  const line = evidence.find(({where}) => /^line [1-9]/.test(where))
  return line === undefined ? '' : ` (${line.where})`
}
