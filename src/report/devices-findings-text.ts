import type {Evidence, Finding} from '../finding/finding.ts'
import {shortIds} from './findings-text.ts'
import {printable} from './printable.ts'
import {joinLines, more, remedyLine, title} from './sections.ts'
import {paint, type TextStyle} from './table.ts'
import {wrap} from './width.ts'

/** Of one kind, those that are told one by one; and of one finding, what it was read from. */
const FEW = 3
const RANK = {error: 0, warning: 1, note: 2} as const

/** Findings by severity, those of one kind together: what, how sure, where it was read, and what to do, once for a kind. */
export function deviceFindingsText(findings: readonly Finding[], style: TextStyle): string {
  if (findings.length === 0) return ''
  const {red, yellow, cyan, dim} = paint(style)
  const mark = {error: red('error'), warning: yellow('warning'), note: cyan('note')} as const
  const lines = kinds(findings).flatMap((group) => {
    const {id, severity, certainty, remedy} = group[0]
    const shown = style.full === true ? group : group.slice(0, FEW)
    const number = group.length > 1 ? ` ×${group.length.toLocaleString('en-US')}` : ''
    return [
      `  ${mark[severity]} ${id} ${dim(`(${certainty})`)}${number}`,
      ...shown.flatMap((one) => [
        wrap(`    ${printable(shortIds(sentence(one.summary), style), 1000)}`, 4, style.columns),
        ...evidenceLines(one.evidence, style),
      ]),
      ...(group.length > shown.length ? [`  ${more(group.length - shown.length, style)}`] : []),
      // Remedies name users, servers and devices.
      remedyLine(printable(shortIds(remedy, style), 1000), style),
    ]
  })
  return joinLines([title(`Findings: ${findings.length.toLocaleString('en-US')}`, style), ...lines])
}

type Group = readonly [Finding, ...Finding[]]

function kinds(findings: readonly Finding[]): readonly Group[] {
  const groups = new Map<string, [Finding, ...Finding[]]>()
  for (const one of findings.toSorted((a, b) => RANK[a.severity] - RANK[b.severity])) {
    const key = JSON.stringify([one.id, one.severity, one.certainty, one.remedy])
    const known = groups.get(key)
    if (known === undefined) groups.set(key, [one])
    else known.push(one)
  }
  return [...groups.values()]
}

function evidenceLines(evidence: readonly Evidence[], style: TextStyle): readonly string[] {
  const {dim} = paint(style)
  const shown = style.full === true ? evidence : evidence.slice(0, FEW)
  const rest = evidence.length - shown.length
  const lines = shown.map(({source, where, value}) => {
    const text = `${source}, ${where}: ${value === null ? 'nothing' : String(value)}`
    return dim(wrap(`      ${printable(shortIds(text, style), style.full === true ? 2000 : 240)}`, 8, style.columns))
  })
  return rest > 0 ? [...lines, dim(`      … and ${String(rest)} more to read it from: --full`)] : lines
}

/** Summaries begin in lower case, so that they can be put behind a name. */
function sentence(text: string): string {
  return text.startsWith('@') || /^[a-z_]+[./]/.test(text) ? text : text.slice(0, 1).toUpperCase() + text.slice(1)
}
