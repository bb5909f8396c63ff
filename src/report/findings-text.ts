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
  const groups = grouped(findings.toSorted((a, b) => RANK[a.severity] - RANK[b.severity]))
  const shown = glance(groups, style)
  const lines = shown.flatMap(([first, ...others], index) => {
    const {id, severity, certainty, summary, evidence, remedy} = first
    return [
      `  ${mark[severity]} ${id} ${dim(`(${certainty})`)}`,
      wrap(`    ${printable(shortIds(summary, style), 1000)}${lineOf(evidence)}`, 4, style.columns),
      othersLine(others, style),
      ...(shown[index + 1]?.[0].id === id ? [] : [remedyLine(remedy, style)]),
    ]
  })
  const hidden = shown.reduce((sum, group) => sum + group.length, 0)
  const rest = more(findings.length - hidden, style)
  return joinLines([title(`Findings: ${String(findings.length)}`, style), ...lines, rest])
}

type Group = readonly [Finding, ...Finding[]]

/** What fell at one merge by one root is one thing that happened, told once. */
function grouped(findings: readonly Finding[]): readonly Group[] {
  const groups = new Map<string, [Finding, ...Finding[]]>()
  findings.forEach((finding, index) => {
    const {id, severity, cause, subject, evidence} = finding
    const root = evidence.find(({where}) => where.startsWith('root: '))
    const isOfMerge = subject.kind === 'slot' && root !== undefined
    const key = isOfMerge ? JSON.stringify([id, severity, cause, subject.event_id, root]) : String(index)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [finding])
    else group.push(finding)
  })
  return [...groups.values()]
}

const NAMED = 5

function othersLine(others: readonly Finding[], style: TextStyle): string {
  if (others.length === 0) return ''
  const names = others.map(({subject}) =>
    subject.kind !== 'slot' ? '' : subject.state_key === '' ? subject.type : subject.state_key,
  )
  const shown = style.full === true ? names : names.slice(0, NAMED)
  const rest = names.length - shown.length
  const text = `By the same root, at the same merge: ${shown.join(', ')}${rest > 0 ? ` and ${String(rest)} more` : ''}.`
  return wrap(`    ${printable(text)}`, 4, style.columns)
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
