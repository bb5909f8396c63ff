import {type Finding, type FindingId, SEVERITIES, type Severity} from '../finding/finding.ts'
import {fewOf} from '../finding/slot-words.ts'
import {subjectWords} from '../finding/subject-words.ts'
import {serverOf, subjectsListed} from './fold-findings.ts'
import {shortIds} from './findings-text.ts'
import {count, printable} from './printable.ts'
import {paint, type TextStyle} from './table.ts'
import {wrap} from './width.ts'

/** Things that are named; more are counted. */
const NAMED = 3
const KINDS = 4

type Group = readonly Finding[]

/**
 * The last words on a room: how many findings of which severity, and of the gravest ones what and where.
 *
 * @param clean - what is said where nothing was found; it is only said of complete evidence
 * @param gaps - what is said where evidence is missing; empty: none is
 */
export function verdictText(
  findings: readonly Finding[],
  {clean, gaps}: {readonly clean: string; readonly gaps: string},
  style: TextStyle,
): string {
  const {green, yellow, red} = paint(style)
  const worst = SEVERITIES.find((severity) => findings.some((one) => one.severity === severity))
  const isGrave = worst === 'error' || worst === 'warning'
  const told =
    worst === undefined
      ? ''
      : isGrave
        ? `${tallyOf(findings, [worst])}: ${whatAndWhere(findings, worst, style)}.${besides(findings, worst)}`
        : `${tallyOf(findings, SEVERITIES)}.`
  const parts = [isGrave ? '' : gaps === '' ? clean : '', told, gaps].filter((part) => part !== '')
  const color = worst === 'error' ? red : worst === 'warning' || gaps !== '' ? yellow : green
  return parts.length === 0 ? '' : color(wrap(parts.join(' '), 0, style.columns))
}

function besides(findings: readonly Finding[], worst: Severity): string {
  const rest = tallyOf(
    findings,
    SEVERITIES.filter((severity) => severity !== worst),
  )
  return rest === '' ? '' : ` Besides: ${rest}.`
}

/** `2 errors and 1 note`. */
function tallyOf(findings: readonly Finding[], severities: readonly Severity[]): string {
  const parts = severities.flatMap((severity) => {
    const number = findings.filter((one) => one.severity === severity).length
    return number === 0 ? [] : [count(number, severity)]
  })
  return fewOf(parts, parts.length)
}

/** Of the gravest findings, by kind: what is wrong, and where. */
function whatAndWhere(findings: readonly Finding[], severity: Severity, style: TextStyle): string {
  const kinds = new Map<string, Finding[]>()
  for (const one of findings) {
    if (one.severity !== severity) continue
    const server = BY_SERVER.has(one.id) ? serverOf(one) : ''
    const key = JSON.stringify([one.id, server])
    kinds.set(key, [...(kinds.get(key) ?? []), one])
  }
  const told = [...kinds.values()].map((group) => phrase(group, style))
  const shown = told.slice(0, KINDS)
  const rest = told.length - shown.length
  return shown.join('; ') + (rest > 0 ? `; and ${count(rest, 'more kind')}` : '')
}

/** Kinds that say something of one server each. */
const BY_SERVER: ReadonlySet<FindingId> = new Set<FindingId>([
  'state/divergence',
  'server/wrong-record',
  'server/rejected-there',
  'server/accepted-there',
])

function phrase(group: Group, style: TextStyle): string {
  const [first] = group
  if (first === undefined) return ''
  const words = PHRASES[first.id]?.(group) ?? `${first.id}: ${where(group)}`
  return printable(shortIds(words, style), 400)
}

const where = (group: Group): string => subjectsListed(group, NAMED)

const isPlural = (one: Finding | undefined): boolean =>
  one?.subject.kind === 'slot' && one.subject.type === 'm.room.power_levels'

const server = ([first]: Group): string => (first === undefined ? '' : serverOf(first))

/** What a kind of finding says of all that it was found for, in a clause. Kinds without one are told by their name. */
const PHRASES: Readonly<Partial<Record<FindingId, (group: Group) => string>>> = {
  'state/divergence': (group) => `${server(group)} does not have what the events give: ${where(group)}`,
  // A warning that is proven: the slot has been set since.
  'state/reset': (group) =>
    `${where(group)} ${group.length === 1 && !isPlural(group[0]) ? 'was' : 'were'} lost or set back where branches were merged${group[0]?.severity === 'warning' && group[0].certainty !== 'hint' ? ', with a value again since' : ''}`,
  'state/mass-leave': (group) =>
    `many members lost at once ${group.length === 1 ? 'in a merge' : `in ${count(group.length, 'merge')}`}`,
  'state/reading-dependent': (group) => `servers of different kinds may disagree on ${where(group)}`,
  'server/disagrees-with-itself': (group) =>
    `${where(group)}: the current state is not the state at the newest event there`,
  'server/wrong-record': (group) => `${server(group)} recorded a wrong state, first at ${where(group)}`,
  'server/rejected-there': (group) => `${server(group)} rejected what the rules accept: ${where(group)}`,
  'server/accepted-there': (group) => `${server(group)} accepted what the rules reject: ${where(group)}`,
  'server/truncated-state': (group) => `${where(group)} told a small part of the state only`,
  'server/rejected-in-state': (group) => `${where(group)} has a rejected event in the state`,
  'server/misplaced-in-state': (group) => `${where(group)} has an event in a slot that is not its own`,
  'server/many-extremities': (group) => `${where(group)} has many forward extremities`,
  'server/old-extremity': (group) => `${where(group)} still counts an old event as one of the newest`,
  'server/stale-extremity': (group) => `${where(group)} counts an event as one of the newest that has successors`,
  'server/unknown-extremity': (group) => `${where(group)} builds on an event that is not here`,
  'room/wedged-member': (group) =>
    `${fewOf(
      group.map(({subject}) => printable(subject.kind === 'slot' ? subject.state_key : subjectWords(subject), 120)),
      NAMED,
    )} can no longer leave, join, rename or be kicked`,
  'dag/missing-event': (group) => `missing here: ${where(group)}`,
  'dag/refused-event': (group) => `of a form that servers refuse: ${where(group)}`,
  'dag/wrong-event-id': (group) => `not the event that its ID names: ${where(group)}`,
  'dag/two-contents': (group) => `two different events under one ID: ${where(group)}`,
  'dag/cycle': (group) => `an event is its own ancestor: ${where(group)}`,
  'dag/bad-signature': (group) => `wrong or lacking signatures: ${where(group)}`,
  'dag/hash-mismatch': (group) => `changed content: ${where(group)}`,
  'dag/foreign-room': (group) => `of another room: ${where(group)}`,
}
