import type {Finding} from '../finding/finding.ts'
import {fewOf, slotsListed} from '../finding/slot-words.ts'
import {subjectWords} from '../finding/subject-words.ts'
import {count} from './printable.ts'
import type {TextStyle} from './table.ts'

/** Findings that are told together: the first one in full, the others as a list. */
export interface Fold {
  readonly first: Finding
  readonly others: readonly Finding[]
  /** What is told in place of the first one's own summary. */
  readonly summary: string
  /** What is told of the others; empty: the summary tells all. */
  readonly also: string
}

/** Slots and events that are named; more are counted. */
const NAMED = 5
/** So many findings of one kind stand one by one. */
const ONE_BY_ONE = 3

/**
 * Findings that are one thing to do, told once: what a merge lost by one root, what one server says otherwise, and many of one kind with one
 * remedy.
 */
export function foldFindings(findings: readonly Finding[], style: TextStyle): readonly Fold[] {
  const groups = new Map<string, Finding[]>()
  for (const [index, finding] of findings.entries()) {
    const key = keyOf(finding, style) ?? String(index)
    groups.set(key, [...(groups.get(key) ?? []), finding])
  }
  return [...groups.values()].flatMap((group) => fold(group, style))
}

/** `undefined`: it stands alone. */
function keyOf(finding: Finding, {full}: TextStyle): string | undefined {
  const {id, severity, certainty, cause, subject, evidence, remedy} = finding
  const root = evidence.find(({where}) => where.startsWith('root: '))
  if (subject.kind === 'slot' && root !== undefined && RESETS.has(id)) {
    return JSON.stringify([id, severity, cause, subject.event_id, root])
  }
  const server = serverOf(finding)
  if (id === 'state/divergence' && subject.kind === 'slot')
    return JSON.stringify([id, severity, certainty, server, remedy])
  if (full === true || RESETS.has(id) || !(subject.kind === 'slot' || subject.kind === 'event')) return undefined
  return JSON.stringify([id, severity, certainty, remedy, ALIKE.has(id) ? null : server])
}

const RESETS: ReadonlySet<string> = new Set(['state/reset', 'state/revoked-concurrently'])
/** The source of their evidence is not what makes them one. */
const ALIKE: ReadonlySet<string> = new Set(['state/reading-dependent'])

function fold(group: readonly Finding[], style: TextStyle): readonly Fold[] {
  const [first, ...others] = group
  if (first === undefined) return []
  const alone = (finding: Finding): Fold => ({first: finding, others: [], summary: finding.summary, also: ''})
  if (others.length === 0) return [alone(first)]
  const names = (of: readonly Finding[]): string => subjectsListed(of, style.full === true ? Infinity : NAMED)
  if (RESETS.has(first.id)) {
    const also = `By the same root, at the same merge: ${names(others)}.`
    return [{first, others, summary: first.summary, also}]
  }
  if (first.id === 'state/divergence') {
    return [
      {
        first,
        others,
        summary: `${serverOf(first)} does not have what the replay gives in ${count(group.length, 'slot')}: ${names(group)}`,
        also: '',
      },
    ]
  }
  if (group.length <= ONE_BY_ONE) return group.map(alone)
  return [{first, others, summary: first.summary, also: `The same is true of ${names(others)}.`}]
}

/** Slots in words, and whatever else findings are about; each once. */
export function subjectsListed(findings: readonly Finding[], most: number): string {
  const slots = findings.flatMap(({subject}) =>
    subject.kind === 'slot' ? [{type: subject.type, stateKey: subject.state_key}] : [],
  )
  const others = new Set(findings.flatMap(({subject}) => (subject.kind === 'slot' ? [] : [subjectWords(subject)])))
  return [slotsListed(slots, most), fewOf([...others], most)].filter((part) => part !== '').join(', ')
}

/** Whose word a finding holds against the replay; empty where it is nobody's. */
export function serverOf({subject, evidence}: Finding): string {
  if (subject.kind === 'server') return subject.server
  return evidence.find(({source}) => source !== 'replay')?.source ?? ''
}
