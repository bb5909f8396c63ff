import type {Finding} from '../finding/finding.ts'
import {absence, fewOf, slotsListed} from '../finding/slot-words.ts'
import type {DiffReport, DiffSide, DiffValue, DivergencePoint, SlotDifference} from '../investigate/diff-report.ts'
import {peopleText} from './diff-people-text.ts'
import {findingsText} from './findings-text.ts'
import {nextSteps} from './next-steps.ts'
import {count, date, printable} from './printable.ts'
import {field, GLANCE, more, title} from './sections.ts'
import {stateValue} from './state-value.ts'
import {type Column, paint, table, type TextStyle} from './table.ts'
import {verdictText} from './verdict-text.ts'
import {wrap} from './width.ts'

/** Rows of members that stand one by one; more are summarised. */
const FEW_MEMBERS = 8

export interface DiffStyle extends TextStyle {
  /** The time now, milliseconds since 1970, so that the age of what was told can be said. */
  readonly nowMs: number
}

/** `diff` for people: who was compared, what it means for people, what differs, since when, what is wrong. */
export function diffText(report: DiffReport, style: DiffStyle): string {
  const shown = report.findings.filter(({id}) => !TOLD_ABOVE.has(id))
  return [
    header(report, style),
    peopleText(report, style),
    differencesSection(report, style),
    lackingSection(report, style),
    pointsSection(report, style),
    findingsText(shown, style, report.findings.length - shown.length),
    nextSteps([...report.findings, ...agreedResets(report)], 'diff', style.asked, style),
    verdictLine(report, style),
    resetsLine(report, style),
  ]
    .filter((section) => section !== '')
    .join('\n\n')
}

/** The section on the first divergence tells it. */
const TOLD_ABOVE: ReadonlySet<string> = new Set(['server/wrong-record'])

function header(report: DiffReport, style: DiffStyle): string {
  const {bold} = paint(style)
  const lines = [
    bold(printable(report.roomId)),
    field('version', `${printable(report.roomVersion)}, reading ${report.reading}`),
    field('compared', whereText(report)),
    ...report.sides.map((side) => field(side.id, sideText(report, side, style))),
  ]
  return lines.map((line) => wrap(line, 11, style.columns)).join('\n')
}

function whereText({position, at}: DiffReport): string {
  switch (position.kind) {
    case 'tips':
      return at.length === 1
        ? `the state now, at ${printable(at[0] ?? '')}`
        : `the state now, at ${count(at.length, 'tip')}`
    case 'at':
      return `the state ${position.position} ${printable(position.eventId)}`
    case 'events':
      return `the replayed states after ${position.eventIds.map((id) => printable(id)).join(' and ')}`
    case 'sources':
      return `the replays of ${position.sources.map((name) => printable(name)).join(' and ')}`
  }
}

const WHAT = {
  replay: 'the replay',
  current: 'its current state',
  'at-extremity': 'its state at its newest event',
  before: 'its state before the event',
  after: 'its state after the event',
} as const

/** A server may tell its state at each of several newest events. */
function whatText({position, sides}: DiffReport, {server, what, eventId}: DiffSide): string {
  if (position.kind !== 'tips' || eventId === null || (what !== 'at-extremity' && what !== 'before')) return WHAT[what]
  const isOne = sides.filter((side) => side.server === server && side.what === what).length === 1
  const which = isOne ? 'its newest event' : `${printable(shortId(eventId))}…, one of its newest events`
  return `its state ${what === 'before' ? 'before' : 'at'} ${which}`
}

function sideText(report: DiffReport, side: DiffSide, style: DiffStyle): string {
  const {green, red, yellow, dim} = paint(style)
  const size = count(side.size, 'entry', 'entries')
  if (side.id === 'replay') {
    const of = report.position.kind === 'sources' ? ` of ${printable(report.source)}` : ''
    return report.position.kind === 'tips' || report.position.kind === 'at'
      ? `what the events give, worked out here: ${size}`
      : `the replay${of}, ${size}`
  }
  const isOld = side.ts !== 0 && style.nowMs - side.ts >= MINUTE_MS
  const age = isOld ? `, told ${ageText(style.nowMs - side.ts)} ago` : ''
  const how =
    report.position.kind === 'events' || report.position.kind === 'sources' ? '' : ` (${printable(side.how)}${age})`
  const whose = side.what === 'replay' ? `the replay ${report.position.kind === 'sources' ? 'of ' : ''}` : ''
  const grades = report.differences.flatMap(({grades: given}) => given[side.id] ?? [])
  const isBad = grades.some((grade) => grade === 'diverged' || grade === 'rejected-there')
  const same =
    side.differences === 0 ? green('agrees') : (isBad ? red : yellow)(`differs in ${count(side.differences, 'slot')}`)
  return `${whose}${printable(side.server)}${side.what === 'replay' ? '' : `, ${whatText(report, side)}`}: ${same}, ${size}${dim(how)}`
}

const MINUTE_MS = 60_000

function ageText(ms: number): string {
  const minutes = Math.round(ms / MINUTE_MS)
  if (minutes < 60) return count(minutes, 'minute')
  const hours = Math.round(minutes / 60)
  return hours < 48 ? count(hours, 'hour') : count(Math.round(hours / 24), 'day')
}

const GRADE_WORDS: Readonly<Record<SlotDifference['grade'], string>> = {
  diverged: 'diverged',
  'rejected-there': 'rejected there',
  unknown: 'not known',
  'reading-dependent': 'by reading',
  'soft-failed-there': 'soft-failed',
  behind: 'behind',
  ahead: 'ahead',
  changed: 'changed',
}

function differencesSection(report: DiffReport, style: DiffStyle): string {
  const {differences, sides} = report
  if (differences.length === 0) return ''
  const isMember = ({type}: SlotDifference): boolean => type === 'm.room.member'
  const members = differences.filter(isMember)
  const hides = style.full !== true && members.length > FEW_MEMBERS
  const entries = hides ? differences.filter((one) => !isMember(one)) : differences
  const shown = style.full === true ? entries : entries.slice(0, 2 * GLANCE)
  const groups = columnsOf(sides, differences)
  const rows = shown.map((one) => [
    ...slotCells(one),
    ...groups.map(([id = '']) => valueCell(one, id, style)),
    GRADE_WORDS[one.grade],
  ])
  const columns: readonly Column[] = [
    {head: 'slot', min: 14},
    ...groups.map((ids) => ({head: ids.join(', '), min: 16, first: true as const})),
    {head: ''},
  ]
  const named = new Set(shown.flatMap(({values}) => Object.values(values).flatMap((value) => value ?? [])))
  return [
    title(`Differences: ${count(differences.length, 'slot')} of the state`, style),
    rows.length === 0 ? '' : table(columns, rows, style),
    more(entries.length - shown.length, style),
    hides ? membersSummary(report, members, style) : '',
    named.size === 0 ? '' : eventsList(shown, style),
  ]
    .filter((line) => line !== '')
    .join('\n')
}

/** Sides that differ somewhere, each with those that say just the same; the replay first. What agrees throughout needs no column. */
function columnsOf(sides: readonly DiffSide[], differences: readonly SlotDifference[]): readonly (readonly string[])[] {
  const groups = new Map<string, string[]>()
  for (const {id, differences: number} of sides) {
    if (id !== 'replay' && number === 0) continue
    const key = id === 'replay' ? id : JSON.stringify(differences.map(({values}) => values[id]?.eventId ?? null))
    groups.set(key, [...(groups.get(key) ?? []), id])
  }
  return [...groups.values()]
}

function slotCells({type, stateKey}: SlotDifference): readonly string[] {
  const short = type.replace(/^m\.room\./, '')
  return [stateKey === '' ? short : `${short} ${stateKey}`]
}

/** A value in words and a short event ID; `=` marks a side that says what the replay says. */
function valueCell({type, values, matchesReplay}: SlotDifference, id: string, {full}: TextStyle): string {
  const value = values[id] ?? null
  if (matchesReplay.includes(id)) return '= replay'
  if (value === null) return absence(type)
  const words = value.event === null ? '?' : valueWords(type, value.event)
  // The ID first: it is what a narrow terminal must not cut.
  return `${shortId(value.eventId)} ${full === true ? words : printable(words, 40)}`
}

function valueWords(type: string, {content}: NonNullable<DiffValue['event']>): string {
  const words = stateValue({type, content})
  return words.replace(', see above', '')
}

function shortId(eventId: string): string {
  return eventId.slice(0, 8)
}

/** Each event once, with its whole ID, sender and time. */
function eventsList(shown: readonly SlotDifference[], style: DiffStyle): string {
  const events = new Map(
    shown.flatMap(({values}) =>
      Object.values(values).flatMap((value) => (value === null ? [] : [[value.eventId, value]])),
    ),
  )
  const all = [...events.values()]
  const listed = style.full === true ? all : all.slice(0, 2 * GLANCE)
  const rows = listed.map(({eventId, event}) =>
    event === null
      ? [eventId, 'not here', '']
      : [eventId, event.sender, date(event.originServerTs).replace(/ UTC$/, '')],
  )
  const columns: readonly Column[] = [
    {head: 'event', min: 20},
    {head: 'sender', min: 12, first: true},
    {head: 'sent (UTC)'},
  ]
  // An event ID that is cut cannot be used.
  const fits = rows.every((row) => 2 + row.join('  ').length <= (style.columns ?? Infinity))
  const list = fits
    ? table(columns, rows, style)
    : rows
        .map(([id = '', sender, sent]) =>
          [
            `  ${printable(id)}`,
            `    ${[sender, sent].filter((part) => part !== '').join(', ')}${sent === '' ? '' : ' UTC'}`,
          ].join('\n'),
        )
        .join('\n')
  return ['', list, more(all.length - listed.length, style)].filter((line, at) => line !== '' || at === 0).join('\n')
}

function membersSummary(report: DiffReport, members: readonly SlotDifference[], style: DiffStyle): string {
  const {dim} = paint(style)
  const lines = report.sides.slice(1).flatMap(({id}) => {
    const tally = new Map<string, number>()
    for (const {values, grades} of members) {
      if (grades[id] === undefined) continue
      const word = (value: DiffValue | null | undefined): string =>
        value === null || value === undefined
          ? absence('m.room.member')
          : value.event === null
            ? '?'
            : membershipOf(value.event)
      const change = `${word(values['replay'])} by ${report.complete ? 'the replay' : 'the replay of what is here'}, ${word(values[id])} by ${id}`
      tally.set(change, (tally.get(change) ?? 0) + 1)
    }
    return [...tally].map(([change, number]) => `  ${count(number, 'member')}: ${change}`)
  })
  return [...lines.map((line) => wrap(printable(line, 400), 4, style.columns)), dim('  --full shows each member')].join(
    '\n',
  )
}

function membershipOf({content}: NonNullable<DiffValue['event']>): string {
  const {membership} = content
  return typeof membership === 'string' ? membership : '?'
}

function lackingSection({lacking, sides, source}: DiffReport, style: DiffStyle): string {
  const lines = lacking
    .filter(({events}) => events.length > 0)
    .map(({side, events}) => {
      const name = side === 'replay' ? source : (sides.find(({id}) => id === side)?.server ?? side)
      const shown = style.full === true ? events : events.slice(0, 3)
      const rest = events.length - shown.length
      const ids = shown.map((id) => printable(id)).join(', ')
      return `  ${printable(name)} lacks ${count(events.length, 'event')}: ${ids}${rest > 0 ? ` and ${count(rest, 'more', 'more')}` : ''}`
    })
  return lines.length === 0
    ? ''
    : [title('Events', style), ...lines.map((line) => wrap(line, 4, style.columns))].join('\n')
}

const ORIGIN_SENTENCES: Readonly<Record<DivergencePoint['origin'], string>> = {
  'rejected-there': 'The server rejected this event, which the rules accept, and so left its state as it was.',
  'accepted-there': 'The server accepted this event, which the rules reject.',
  'does-not-follow':
    'What it recorded there does not follow from what it recorded before: its records were changed, or the state came from another server.',
  follows: 'What it recorded there follows from what it recorded before: it was wrong there already.',
  unknown: '',
}

function pointsSection({divergencePoints, agreeing, notAsked}: DiffReport, style: DiffStyle): string {
  if (divergencePoints.length + agreeing.length + notAsked.length === 0) return ''
  const {red} = paint(style)
  const lines = divergencePoints.flatMap((point) => [
    `  ${red(printable(point.server))}: ${sinceText(point)}`,
    `    ${printable(point.type, 60)} of ${printable(point.sender)}, ${date(point.originServerTs)}; ${slotsText(point)}`,
    `    ${[ORIGIN_SENTENCES[point.origin], provenText(point)].filter((part) => part !== '').join(' ')}`,
  ])
  const same = agreeing.map(
    ({server, compared}) =>
      `  ${printable(server)}: its recorded states agree with the replay at all ${count(compared, 'event')} that it has states of`,
  )
  const silent = notAsked.map(({server, why}) => `  ${printable(server)} could not be asked: ${printable(why, 300)}`)
  return [
    title('Since when', style),
    ...[...lines, ...same, ...silent].map((line) => wrap(line, 4, style.columns)),
  ].join('\n')
}

function sinceText({eventId, position, method}: DivergencePoint): string {
  const id = printable(eventId)
  return method === 'scan'
    ? `wrong since the state ${position} ${id}`
    : `wrong at the latest in the state ${position} ${id}, right before one of its prev events`
}

function slotsText({slots}: DivergencePoint): string {
  if (slots.length === 0) return 'in slots that no event of the room has'
  return `in ${printable(slotsListed(slots, 3), 400)}`
}

function provenText({provenEarliest, method, compared, requests, side}: DivergencePoint): string {
  const now = side === null ? ' Its states of today are right all the same.' : ''
  if (method === 'bisection') {
    return `This is a boundary, found with ${count(requests, 'request')}: there may be an earlier one.${now}`
  }
  return provenEarliest
    ? `It is the first: its prev events' states were compared, and agree (${count(compared, 'event')} compared).${now}`
    : `The states after its prev events are not recorded, so that it may have begun before.${now}`
}

/** Of a state that nobody contradicts. */
function agreedResets({sides, differences, resets}: DiffReport): readonly Finding[] {
  return sides.length > 1 && differences.length === 0 ? resets : []
}

/** That all say the same does not make it right. */
function resetsLine(report: DiffReport, style: DiffStyle): string {
  const slots = new Set(
    agreedResets(report).flatMap(({subject}) =>
      subject.kind === 'slot' ? [`${subject.type} ${subject.state_key}`] : [],
    ),
  )
  if (slots.size === 0) return ''
  const [first = ''] = slots
  const which = printable(slots.size === 1 ? first.trim() : `${first.trim()} and ${String(slots.size - 1)} more`)
  const text = `They agree on a state in which ${count(slots.size, 'slot')} ${slots.size === 1 ? 'was' : 'were'} reset (${which}): a value was lost at a merge although nobody revoked it. matrix-state resolve lists such resets, matrix-state blame tells of one slot.`
  return paint(style).yellow(wrap(text, 0, style.columns))
}

function verdictLine(report: DiffReport, style: DiffStyle): string {
  const {kind} = report.position
  const gaps = report.complete
    ? ''
    : `The evidence is incomplete${report.missing > 0 ? ` (${count(report.missing, 'event')} that others cite ${report.missing === 1 ? 'is' : 'are'} missing)` : ''}, so that it does not prove the rest to be in order.`
  if (report.sides.length < 2) {
    const nobody =
      'Nothing to compare: nobody told a state here. Give one with --reported FILE, or gather a case with matrix-state fetch.'
    return verdictText(report.findings, {clean: '', gaps: [nobody, gaps].join(' ').trim()}, style)
  }
  if (kind === 'events' || kind === 'sources') {
    const number = report.differences.length
    const differ = number === 0 ? 'Both states are the same.' : `The states differ in ${count(number, 'slot')}.`
    return verdictText(report.findings, {clean: differ, gaps: gaps === '' ? '' : `${differ} ${gaps}`}, style)
  }
  return verdictText(report.findings, {clean: agreement(report), gaps}, style)
}

/** Where no side is wrong: who agrees, or why they need not. */
function agreement({differences, sides, position, resets}: DiffReport): string {
  if (differences.length === 0)
    return `All sides agree with the replay.${position.kind === 'tips' && resets.length === 0 ? ' (Whether a merge lost something in the room itself, `resolve` tells.)' : ''}`
  const whose = (grade: string): string => {
    const servers = sides.filter(({id}) => differences.some(({grades}) => grades[id] === grade))
    return fewOf([...new Set(servers.map(({server}) => printable(server)))], 3)
  }
  const grades = new Set(differences.flatMap((one) => Object.values(one.grades)))
  const why = [
    grades.has('behind') ? `${whose('behind')} has not come to the newest events` : '',
    grades.has('soft-failed-there') ? `${whose('soft-failed-there')} soft-failed an event that others show` : '',
    grades.has('reading-dependent') ? 'the two readings of the algorithm part' : '',
  ].filter((part) => part !== '')
  return `No divergence: all differences are explained (${why.join('; ')}).`
}
