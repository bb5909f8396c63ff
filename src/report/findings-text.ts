import type {Finding} from '../finding/finding.ts'
import {causeWords, hasCauseWords} from './cause-words.ts'
import {type Fold, foldFindings} from './fold-findings.ts'
import {count, printable} from './printable.ts'
import {glance, joinLines, more, remedyLine, title} from './sections.ts'
import {paint, type TextStyle} from './table.ts'
import {wrap} from './width.ts'

/**
 * Findings for people: what, how sure, where, and what to do; nothing when there are none.
 *
 * @param toldAbove - how many more there are, which other sections tell
 */
export function findingsText(findings: readonly Finding[], style: TextStyle, toldAbove = 0): string {
  if (findings.length === 0) return ''
  const {red, yellow, cyan, dim} = paint(style)
  const mark = {error: red('error'), warning: yellow('warning'), note: cyan('note')} as const
  const folds = byKind(
    foldFindings(findings, style).toSorted((a, b) => RANK[a.first.severity] - RANK[b.first.severity]),
  )
  const shown = glance(folds, style)
  const lines = shown.flatMap(({first, summary, also}, index) => {
    const {id, severity, certainty, cause, evidence, remedy} = first
    const next = shown[index + 1]?.first
    const isLastOf = (what: 'remedy' | 'cause'): boolean => next?.id !== id || next[what] !== first[what]
    return [
      `  ${mark[severity]} ${id} ${dim(`(${certainty})`)}`,
      wrap(`    ${printable(shortIds(summary, style), 1500)}${lineOf(evidence)}`, 4, style.columns),
      also === '' ? '' : wrap(`    ${printable(shortIds(also, style), 1500)}`, 4, style.columns),
      hasCauseWords(cause) && isLastOf('cause') ? wrap(`    Cause: ${causeWords(cause)}`, 4, style.columns) : '',
      isLastOf('remedy') ? remedyLine(printable(shortIds(remedy, style)), style) : '',
    ]
  })
  const hidden = shown.reduce((sum, {others}) => sum + 1 + others.length, 0)
  const rest = more(findings.length - hidden, style)
  const above = toldAbove === 0 ? '' : `, and ${count(toldAbove, 'more', 'more')} told above`
  return joinLines([title(`Findings: ${findings.length.toLocaleString('en-US')}${above}`, style), ...lines, rest])
}

/** Those of one kind, cause and remedy stand together, so that these need to be told only once; kinds in the order of their first. */
function byKind(folds: readonly Fold[]): readonly Fold[] {
  const kinds = new Map<string, Fold[]>()
  for (const fold of folds) {
    const {severity, id, cause, remedy} = fold.first
    const key = JSON.stringify([severity, id, cause, remedy])
    kinds.set(key, [...(kinds.get(key) ?? []), fold])
  }
  return [...kinds.values()].flat()
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
