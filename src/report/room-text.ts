import {CATALOGUE} from '../finding/finding.ts'
import {absence} from '../finding/slot-words.ts'
import type {RejectedEvent, RoomReport, StateEntry} from '../investigate/room-report.ts'
import {own} from '../matrix/json.ts'
import {findingsText} from './findings-text.ts'
import {nextSteps} from './next-steps.ts'
import {count, date, printable} from './printable.ts'
import {field, GLANCE, glance, joinLines, joinSections, more, remedyLine, title} from './sections.ts'
import {stateValue} from './state-value.ts'
import {type Column, paint, table, type TextStyle} from './table.ts'
import {assumption, readingLine, whatIfText} from './what-if-text.ts'
import {verdictText} from './verdict-text.ts'
import {wrap} from './width.ts'

/** Terminals narrower than this show no senders in the table of state, and no event IDs: types and values need the room. */
const ROOM_FOR_SENDERS = 100
const ROOM_FOR_EVENTS = 72

/** `resolve` for people: what the room is, who may do what, what is wrong, and the state. */
export function roomText(report: RoomReport, style: TextStyle): string {
  const shown = report.findings.filter(({id}) => !TOLD_ABOVE.has(id))
  return joinSections([
    header(report, style),
    whatIfText(report, style),
    powerSection(report, style),
    rejectedSection(report, style),
    missingSection(report, style),
    findingsText(shown, style, report.findings.length - shown.length),
    nextSteps(report.findings, 'resolve', style.asked, style),
    stateSection(report, style),
    verdictLine(report, style),
  ])
}

function nameOf(report: RoomReport): string {
  const entry = report.wholeState?.find(({type, stateKey}) => type === 'm.room.name' && stateKey === '')
  const name = entry === undefined ? undefined : own(entry.content, 'name')
  return typeof name === 'string' ? printable(name, 60) : ''
}

function header(report: RoomReport, style: TextStyle): string {
  const {bold, dim} = paint(style)
  const {counts} = report
  const assumed = assumption(report)
  const readings = readingLine(report)
  const lines = [
    `${bold(printable(report.roomId))}  ${nameOf(report)}`.trimEnd(),
    field(
      'version',
      `${printable(report.roomVersion)}, state resolution ${report.stateRes}, reading ${report.reading}`,
    ),
    ...(readings === '' ? [] : [field('readings', readings)]),
    ...(assumed === null ? [] : [field('what if', assumed)]),
    field(
      report.creators.length > 1 ? 'creators' : 'creator',
      (shortList(report.creators, style) || 'unknown') +
        (report.createdTs === null ? '' : `, ${date(report.createdTs)}`),
    ),
    field(
      'events',
      [
        `${count(counts.events, 'event')}, ${counts.stateEvents.toLocaleString('en-US')} of them state`,
        ...(wasReplayed(report)
          ? [
              `${count(counts.merges, 'merge')}, ${counts.conflictedMerges.toLocaleString('en-US')} in conflict`,
              `${counts.rejected.toLocaleString('en-US')} rejected`,
            ]
          : ['not replayed']),
        ...(counts.undetermined > 0 ? [`${counts.undetermined.toLocaleString('en-US')} undetermined`] : []),
        ...(counts.missing > 0 ? [`${counts.missing.toLocaleString('en-US')} missing`] : []),
      ].join('; '),
    ),
    ...(report.tips.length > 0 ? [field(report.tips.length > 1 ? 'tips' : 'tip', shortList(report.tips, style))] : []),
    field('members', members(report)),
    ...report.reported.map(({server, how, differences}) => {
      const isOne = report.reported.filter((other) => other.server === server).length === 1
      const what = differences === 0 ? 'the same current state' : `another state in ${count(differences, 'slot')}`
      return field('server', `${printable(server)} reports ${what}${isOne ? '' : ` (${printable(how)})`}`)
    }),
    ...Object.entries(report.reportedExtremities)
      // Tips as they would be are no server's.
      .filter(([, ids]) => report.whatIf === undefined && !sameIds(ids, report.tips))
      .map(([server, ids]) =>
        field('server', `${printable(server)} reports other forward extremities: ${shortList(ids, style)}`),
      ),
    ...(report.trustIds
      ? [field('note', 'event IDs taken as given (--trust-ids): no hash, signature or size was checked')]
      : []),
    ...(report.unknowable.length > 0
      ? [field('unseen', dim(`this route never shows: ${report.unknowable.join('; ')}`))]
      : []),
  ]
  return lines.map((line) => wrap(line, 11, style.columns)).join('\n')
}

/** Given states are resolved as they are: no event is judged. */
function wasReplayed(report: RoomReport): boolean {
  return report.atTips || report.at.length > 0
}

function sameIds(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((id) => b.includes(id))
}

function shortList(ids: readonly string[], style: TextStyle): string {
  const shown = style.full === true ? ids : ids.slice(0, 3)
  const rest = ids.length - shown.length
  return `${shown.map((id) => printable(id, 255)).join(', ')}${rest > 0 ? ` and ${count(rest, 'more', 'more')}` : ''}`
}

const MEMBERSHIP_WORDS: readonly (readonly [string, string])[] = [
  ['join', 'joined'],
  ['invite', 'invited'],
  ['knock', 'knocking'],
  ['ban', 'banned'],
  ['leave', 'left'],
]

function members(report: RoomReport): string {
  if (report.wholeState === null) return 'unknown'
  const counts = new Map<string, number>()
  const servers = new Set<string>()
  for (const entry of report.wholeState) {
    if (entry.type !== 'm.room.member') continue
    const membership = membershipOf(entry)
    counts.set(membership, (counts.get(membership) ?? 0) + 1)
    if (membership === 'join') servers.add(entry.stateKey.slice(entry.stateKey.indexOf(':') + 1))
  }
  const parts = MEMBERSHIP_WORDS.filter(([key]) => counts.has(key)).map(
    ([key, word]) =>
      `${(counts.get(key) ?? 0).toLocaleString('en-US')} ${word}` +
      (key === 'join' ? ` from ${count(servers.size, 'server')}` : ''),
  )
  return parts.length === 0 ? 'nobody is joined' : parts.join(', ')
}

function membershipOf(entry: StateEntry): string {
  const membership = own(entry.content, 'membership')
  return typeof membership === 'string' ? membership : '?'
}

const LEVEL_WORDS: readonly (readonly [string, string])[] = [
  ['users_default', 'everybody else'],
  ['events_default', 'to send messages'],
  ['state_default', 'to set state'],
  ['invite', 'to invite'],
  ['redact', 'to redact'],
  ['kick', 'to kick'],
  ['ban', 'to ban'],
]

function powerSection(report: RoomReport, style: TextStyle): string {
  if (report.state === null) return ''
  const shown = glance(report.power, style)
  const rows = shown.map(({userId, level, isCreator, membership}) => [
    level,
    userId,
    [isCreator ? 'creator' : '', membership === 'join' ? '' : (membership ?? absence('m.room.member'))]
      .filter((word) => word !== '')
      .join(', '),
  ])
  const levels = LEVEL_WORDS.map(([key, word]) => `${report.levels[key] ?? '?'} ${word}`).join(', ')
  return joinLines([
    title('Power', style),
    table([{head: 'level'}, {head: 'user', min: 20}, {head: ''}], rows, style),
    more(report.power.length - shown.length, style),
    wrap(`  ${levels}`, 2, style.columns),
  ])
}

function rejectedSection(report: RoomReport, style: TextStyle): string {
  if (report.rejected.length === 0) return ''
  const shown = glance(report.rejected, style)
  const lines = shown.flatMap((event) => [
    `  ${paint(style).yellow(printable(event.eventId))}  ${describeEvent(event)} (line ${String(event.line)})`,
    `    rule ${printable(event.rule)}: ${printable(event.because, 300)}${
      event.culprit === null ? '' : ` [${printable(event.culprit)}]`
    }`,
  ])
  const refused = shown.some(({rule}) => rule.startsWith('format:'))
  return joinLines([
    title(`Rejected: ${count(report.rejected.length, 'event')}`, style),
    ...lines.map((line) => wrap(line, 4, style.columns)),
    refused ? remedyLine(CATALOGUE['dag/refused-event'].remedy, style) : '',
    more(report.rejected.length - shown.length, style),
  ])
}

/** Fields that could not be read are empty. */
function describeEvent({type, stateKey, sender}: RejectedEvent): string {
  const of = stateKey === undefined || stateKey === '' ? '' : ` of ${printable(stateKey, 60)}`
  return `${printable(type, 60) || 'no type'}${of}, ${sender === '' ? 'of no sender' : `sent by ${printable(sender, 60)}`}`
}

function missingSection(report: RoomReport, style: TextStyle): string {
  if (report.missing.length === 0) return ''
  const shown = glance(report.missing, style)
  const rows = shown.map(({eventId, as, citedBy, citations}) => [
    eventId,
    `${as} of`,
    citations > 1 ? `${citedBy} and ${String(citations - 1)} more` : citedBy,
  ])
  return joinLines([
    title(`Missing: ${count(report.missing.length, 'event')} that others cite`, style),
    table([{head: 'event', min: 20}, {head: ''}, {head: 'cited by', min: 12, first: true}], rows, style),
    more(report.missing.length - shown.length, style),
  ])
}

/** Sections above tell these already. */
const TOLD_ABOVE: ReadonlySet<string> = new Set(['dag/rejected-event', 'dag/refused-event', 'dag/missing-event'])

function stateSection(report: RoomReport, style: TextStyle): string {
  if (report.state === null) {
    return `${title('State', style)}\n  cannot be determined: too much of what it depends on is missing`
  }
  const member = report.state.filter(({type}) => type === 'm.room.member')
  const hidden = style.full === true || member.length <= GLANCE ? 0 : member.length
  const entries = hidden === 0 ? report.state : report.state.filter(({type}) => type !== 'm.room.member')
  const shownAll = style.full === true || entries.length <= 5 * GLANCE
  const shown = shownAll ? entries : entries.slice(0, 5 * GLANCE)
  const events = (style.columns ?? Infinity) >= ROOM_FOR_EVENTS
  const senders = (style.columns ?? Infinity) >= ROOM_FOR_SENDERS
  const rows = shown.map((entry) => [
    entry.type,
    entry.stateKey,
    style.full === true ? stateValue(entry) : printable(stateValue(entry), 60),
    ...(senders ? [entry.sender] : []),
    ...(events ? [entry.eventId] : []),
  ])
  const columns: readonly Column[] = [
    {head: 'type', min: 26},
    {head: 'state key', min: 10},
    {head: 'value', min: 16},
    ...(senders ? [{head: 'sender', min: 12}] : []),
    ...(events ? [{head: 'event', min: 12, first: true as const}] : []),
  ]
  const size = report.wholeState?.length ?? 0
  const of = size === report.state.length ? '' : `${report.state.length.toLocaleString('en-US')} of `
  return joinLines([
    title(`State ${where(report)}: ${of}${count(size, 'entry', 'entries')}`, style),
    rows.length === 0 ? '' : table(columns, rows, style),
    more(entries.length - shown.length, style),
    ...(hidden > 0 ? [paint(style).dim(`  … and ${count(hidden, 'membership')}: --full shows all`)] : []),
  ])
}

function where(report: RoomReport): string {
  return (report.whatIf === undefined ? '' : 'as it would be, ') + place(report)
}

function place(report: RoomReport): string {
  if (!wasReplayed(report)) return 'resolved from the given states'
  if (report.at.length === 0) return 'of no event, since none is accepted'
  if (report.atTips) {
    const {undetermined} = report.counts
    const without = undetermined > 0 ? `, without ${count(undetermined, 'event')} that could not be judged` : ''
    return (report.at.length === 1 ? 'at the tip' : `resolved from ${String(report.at.length)} tips`) + without
  }
  return `${report.position} ${printable(report.at[0] ?? '')}`
}

function verdictLine(report: RoomReport, style: TextStyle): string {
  const told = {
    clean:
      report.whatIf !== undefined
        ? ''
        : report.findings.length === 0
          ? 'Nothing wrong was found.'
          : 'No errors or warnings.',
    gaps: report.complete
      ? ''
      : 'Incomplete: what is missing or refused may change the answer, so that nothing here proves the room to be in order.',
  }
  return joinLines([
    verdictText(report.findings, told, style),
    report.complete
      ? paint(style).green(wrap('Complete: every event that another one cites is here.', 0, style.columns))
      : '',
  ])
}
