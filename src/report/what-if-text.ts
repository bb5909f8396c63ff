import type {
  RoomReport,
  SlotChange,
  StateEntry,
  VerdictChange,
  WhatIf,
  WithoutEvent,
} from '../investigate/room-report.ts'
import {absence, listed} from '../finding/slot-words.ts'
import {own} from '../matrix/json.ts'
import {count, date, printable} from './printable.ts'
import {glance, joinLines, joinSections, more, title} from './sections.ts'
import {stateValue} from './state-value.ts'
import {type Column, paint, table, type TextStyle} from './table.ts'
import {wrap} from './width.ts'

/** Rows of members that stand one by one; more are summarised. */
const FEW_MEMBERS = 8

/** What is assumed, for the head of a report; `null` where nothing is. */
export function assumption({whatIf}: RoomReport): string | null {
  if (whatIf === undefined) return null
  const {algorithm, without, inputsFrom} = whatIf
  const parts = [
    ...(algorithm === null ? [] : [`state resolution ${algorithm.asked}`]),
    ...(without.length === 0 ? [] : [`without ${without.map(({eventId}) => printable(eventId, 255)).join(', ')}`]),
    ...(inputsFrom === null ? [] : [`states as ${printable(inputsFrom.server, 255)} recorded them`]),
  ]
  return `${parts.join('; ')}: what follows is the room as it would be`
}

/** What would differ, which events would be judged otherwise, and what the states were resolved from; nothing where nothing is assumed. */
export function whatIfText(report: RoomReport, style: TextStyle): string {
  const {whatIf} = report
  if (whatIf === undefined) return ''
  return joinSections([
    differencesSection(report, whatIf, style),
    verdictsSection(whatIf, style),
    inputsSection(whatIf, style),
  ])
}

function differencesSection(report: RoomReport, whatIf: WhatIf, style: TextStyle): string {
  const {differences, differing} = whatIf
  const said = sentences(report, whatIf).map((line) => wrap(`  ${line}`, 2, style.columns))
  if (differences === null || differences.length === 0) return joinLines([title('What would differ', style), ...said])
  const of = differences.length === differing ? '' : ` of ${differing.toLocaleString('en-US')}`
  const members = differences.filter(({type}) => type === 'm.room.member')
  const hides = style.full !== true && members.length > FEW_MEMBERS
  const entries = hides ? differences.filter(({type}) => type !== 'm.room.member') : differences
  const shown = glance(entries, style)
  const rows = shown.map((change) => [
    slotName(change),
    cell(change, change.value, style),
    cell(change, change.wouldBe, style),
  ])
  const columns: readonly Column[] = [
    {head: 'slot', min: 14},
    {head: 'as it is', min: 14},
    {head: 'as it would be', min: 14},
  ]
  return joinLines([
    title(`What would differ: ${count(differences.length, 'slot')}${of}`, style),
    ...said,
    rows.length === 0 ? '' : table(columns, rows, style),
    more(entries.length - shown.length, style),
    ...(hides ? memberLines(members, style) : []),
    eventsTable(shown, style),
    ...peopleLines(whatIf, style),
  ])
}

/** What cannot differ and why, or that nothing does. */
function sentences(
  report: RoomReport,
  {algorithm, without, inputsFrom, differences, differing, verdicts}: WhatIf,
): readonly string[] {
  const own = algorithm?.isOwn === true
  const others = without.filter(({verdict}) => verdict !== 'rejected')
  const lines = [
    ...(own
      ? [
          `${report.stateRes} is this room's own algorithm${others.length === 0 && inputsFrom === null ? ': nothing can differ' : ''}.`,
        ]
      : []),
    ...without
      .filter(({verdict}) => verdict === 'rejected')
      .map((event) => `${eventWords(event)} is rejected anyway: leaving it out changes nothing.`),
    ...(inputsFrom?.inputs.length === 0
      ? ['There is no event before it whose state could be taken from a server.']
      : []),
  ]
  const cannot = inputsFrom === null && others.length === 0 && (algorithm === null || own)
  if (cannot && lines.length > 0) return lines
  if (differences === null) {
    const which = report.state === null ? 'as it would be' : 'as it is'
    return [...lines, `That cannot be told: the state ${which} cannot be determined, because of what is missing.`]
  }
  if (differences.length > 0) return lines
  if (differing > 0) return [...lines, `Nothing of what was asked for; elsewhere ${count(differing, 'slot')} would.`]
  const judged = (verdicts ?? []).length > 0
  return [
    ...lines,
    judged
      ? 'Nothing in this state; but events would be judged otherwise.'
      : 'Nothing: the state would be the same, slot for slot.',
  ]
}

function slotName({type, stateKey}: Pick<SlotChange, 'type' | 'stateKey'>): string {
  const short = type.replace(/^m\.room\./, '')
  return stateKey === '' ? short : `${short} ${stateKey}`
}

function cell({type}: SlotChange, entry: StateEntry | null, {full}: TextStyle): string {
  if (entry === null) return absence(type)
  const words = stateValue(entry).replace(', see above', '')
  const {eventId} = entry
  return `${full === true ? words : printable(words, 40)} ${eventId.length <= 10 ? eventId : `${eventId.slice(0, 7)}…`}`
}

/** Each event once, with its whole ID, sender and time. */
function eventsTable(shown: readonly SlotChange[], style: TextStyle): string {
  const entries = shown.flatMap(({value, wouldBe}) => [value, wouldBe]).filter((entry) => entry !== null)
  if (entries.length === 0) return ''
  const rows = entries.map(({eventId, sender, originServerTs}) => [
    eventId,
    sender,
    date(originServerTs).replace(/ UTC$/, ''),
  ])
  const columns: readonly Column[] = [
    {head: 'event', min: 20, first: true},
    {head: 'sender', min: 12},
    {head: 'sent (UTC)'},
  ]
  return `\n${table(columns, rows, style)}`
}

function memberLines(members: readonly SlotChange[], style: TextStyle): readonly string[] {
  const word = (entry: StateEntry | null): string => {
    const membership = entry === null ? absence('m.room.member') : own(entry.content, 'membership')
    return typeof membership === 'string' ? printable(membership, 40) : '?'
  }
  const tally = new Map<string, number>()
  for (const {value, wouldBe} of members) {
    const change = `${word(value)} as it is, ${word(wouldBe)} as it would be`
    tally.set(change, (tally.get(change) ?? 0) + 1)
  }
  return [
    ...[...tally].map(([change, number]) => wrap(`  ${count(number, 'member')}: ${change}`, 4, style.columns)),
    paint(style).dim('  --full shows each member'),
  ]
}

/** Powers are not seen from the table: a power levels event has many. */
function peopleLines({powers, moderators}: WhatIf, style: TextStyle): readonly string[] {
  const lines = [
    ...powers.map(
      ({userId, level, wouldBe}) => `${printable(userId, 255)} has power ${level}, and would have ${wouldBe}.`,
    ),
    ...moderators.map(({userId, can, could}) => `${printable(userId, 255)} ${abilities(can, could)}.`),
  ]
  const [first, ...others] = glance(lines, style).map((line) => wrap(`  ${line}`, 4, style.columns))
  return first === undefined ? [] : [`\n${first}`, ...others, more(lines.length - others.length - 1, style)]
}

function abilities(can: readonly string[], could: readonly string[]): string {
  if (can.length === 0) return `can neither kick, ban nor redact now, and could ${listed(could)}`
  return could.length === 0
    ? `can ${listed(can)} now, and could no longer`
    : `can ${listed(can)} now, and could ${listed(could)}`
}

function verdictsSection({verdicts, without}: WhatIf, style: TextStyle): string {
  const [first] = verdicts ?? []
  if (verdicts === null || first === undefined) return ''
  const shown = glance(verdicts, style)
  const rows = shown.map(({eventId, type, stateKey, sender, verdict, wouldBe}) => [
    eventId,
    slotName({type, stateKey: stateKey ?? ''}),
    sender,
    `${verdict} → ${wouldBe}`,
  ])
  const columns: readonly Column[] = [
    {head: 'event', min: 11, first: true},
    {head: 'what', min: 12},
    {head: 'sender', min: 12},
    {head: 'verdict'},
  ]
  const fallen = verdicts.some(({rejection}) => rejection?.name === 'auth-events.rejected')
  return joinLines([
    title(`Judged otherwise: ${count(verdicts.length, 'event')}`, style),
    wrap(`  the first: ${printable(first.eventId, 255)} (${described(first)})${reason(first)}`, 4, style.columns),
    fallen && without.length > 0 ? wrap(`  ${FALLEN}`, 4, style.columns) : '',
    table(columns, rows, style),
    more(verdicts.length - shown.length, style),
  ])
}

/** Servers would have chosen other auth events, which nobody can know. */
const FALLEN =
  'Events that cite a rejected event as an auth event are rejected, too, as they stand. Had it been rejected when it came, their senders would have cited another.'

function reason({wouldBe, rejection, rejectedBy}: VerdictChange): string {
  const because = ({rule, because: why}: NonNullable<VerdictChange['rejection']>): string =>
    `rule ${printable(rule)}: ${printable(why, 300)}`
  if (rejection !== null) return ` would be rejected by ${because(rejection)}`
  return ` would be ${wouldBe}${rejectedBy === null ? '' : `; it is rejected by ${because(rejectedBy)}`}`
}

function described({type, stateKey, sender}: Omit<WithoutEvent, 'verdict'>): string {
  const of = stateKey === undefined || stateKey === '' ? '' : ` of ${printable(stateKey, 60)}`
  return `${printable(type, 60)}${of}, sent by ${printable(sender, 60)}`
}

function eventWords(event: WithoutEvent): string {
  return `${printable(event.eventId, 255)} (${described(event)})`
}

function inputsSection({inputsFrom}: WhatIf, style: TextStyle): string {
  if (inputsFrom === null || inputsFrom.inputs.length === 0) return ''
  const {server, how, inputs} = inputsFrom
  const shown = glance(inputs, style)
  const lines = shown.map(({eventId, differences}) => {
    const same =
      differences === null
        ? 'the replay does not know that state'
        : differences === 0
          ? 'as replayed'
          : `differs from the replay in ${count(differences, 'slot')}`
    return `  after ${printable(eventId, 255)}: ${same}`
  })
  return joinLines([
    title(`Resolved from ${count(inputs.length, 'state')} that ${printable(server, 255)} recorded`, style),
    ...lines.map((line) => wrap(line, 4, style.columns)),
    more(inputs.length - shown.length, style),
    paint(style).dim(wrap(`  (${printable(how, 255)})`, 4, style.columns)),
  ])
}

/** Whether the two readings part, where the one that is not the default was asked for. */
export function readingLine({reading, complete, findings, state}: RoomReport): string {
  if (reading === 'synapse' || state === null) return ''
  const parts = findings.filter(({id}) => id === 'state/reading-dependent').length
  if (parts > 0) return `The two readings part in ${count(parts, 'slot')}: see the findings.`
  return complete ? 'The other reading, synapse, gives the same state.' : ''
}
