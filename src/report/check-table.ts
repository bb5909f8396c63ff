import type {CheckReport, RoomCheck, RoomVerdict} from '../investigate/check-report.ts'
import {countVerdicts, findingsByKind, VERDICTS} from './check-counts.ts'
import {findingsText} from './findings-text.ts'
import {count, printable} from './printable.ts'
import {joinLines, joinSections, notesSection, title} from './sections.ts'
import {paint, table, type TextStyle} from './table.ts'
import {wrap} from './width.ts'

/** `check` for people: a line for each room, then what is wrong in each, then how many of what. */
export function checkTable(report: CheckReport, style: TextStyle): string {
  return joinSections([
    roomLines(report, style),
    ...report.rooms.map((room) => roomSection(room, style)),
    goneSection(report, style),
    notesSection(report.notes, style),
    summary(report, style),
  ])
}

function roomLines({rooms}: CheckReport, style: TextStyle): string {
  const columns = [
    {head: 'verdict'},
    {head: 'room', min: 20},
    {head: 'name', min: 10, first: true as const},
    {head: 'found', min: 16},
  ]
  const sorted = rooms.toSorted((a, b) => VERDICTS.indexOf(a.verdict) - VERDICTS.indexOf(b.verdict))
  if (sorted.length === 0) return ''
  const rows = sorted.map((room) => [room.verdict, room.room, room.name ?? '', foundIn(room)])
  return coloured(table(columns, rows, style), style)
}

/** The verdict at the beginning of each row of the table. */
function coloured(text: string, style: TextStyle): string {
  const painted = verdictPaint(style)
  return text.replace(/^( *)(clean|findings|inconclusive|failed)(?= )/gm, (_, margin: string, verdict: string) => {
    return margin + painted[verdict as RoomVerdict](verdict)
  })
}

function verdictPaint(style: TextStyle): Readonly<Record<RoomVerdict, (text: string) => string>> {
  const {red, yellow, green} = paint(style)
  return {clean: green, findings: red, inconclusive: yellow, failed: red}
}

/** `2 errors, 1 note; 3 known`, or why it failed. */
function foundIn({findings, error, open}: RoomCheck): string {
  if (error !== null) return error.message
  const those = findings.filter(({notCounted}) => notCounted === null)
  const of = (severity: 'error' | 'warning' | 'note'): string => {
    const number = those.filter((one) => one.severity === severity).length
    return number === 0 ? '' : count(number, severity)
  }
  const without = (why: 'known' | 'ignored'): string => {
    const number = findings.filter(({notCounted}) => notCounted?.why === why).length
    return number === 0 ? '' : `${number.toLocaleString('en-US')} ${why}`
  }
  const counted = [of('error'), of('warning'), of('note')].filter((part) => part !== '').join(', ')
  const parts = [counted, without('known'), without('ignored'), open.length === 0 ? '' : 'evidence is lacking']
  return parts.filter((part) => part !== '').join('; ')
}

/** What is wrong in one room; nothing of one that is clean, unless everything is wanted. */
function roomSection(check: RoomCheck, style: TextStyle): string {
  const {room, roomId, name, verdict, findings, open, error, events} = check
  const counted = findings.filter(({notCounted}) => notCounted === null)
  const grave = counted.filter(({severity}) => severity !== 'note')
  const shown = style.full === true ? counted : grave
  if (style.full !== true && verdict === 'clean' && grave.length === 0) return ''
  if (verdict === 'clean' && (style.full === true ? findings : shown).length === 0) return ''
  const {red, dim} = paint(style)
  const known = [name ?? '', roomId === null || roomId === room ? '' : roomId].filter((part) => part !== '')
  const more = [...known, events === 0 ? '' : count(events, 'event')].filter((part) => part !== '')
  const rest = counted.length - shown.length
  const hint = error?.hint ?? ''
  return joinLines([
    title(`${printable(room, 300)}: ${verdict}`, style),
    more.length === 0 ? '' : dim(wrap(`  ${more.map((part) => printable(part, 300)).join(', ')}`, 4, style.columns)),
    error === null ? '' : wrap(`  ${red('error')} ${printable(error.message, 1500)}`, 4, style.columns),
    hint === '' ? '' : dim(wrap(`    → ${printable(hint, 1500)}`, 6, style.columns)),
    ...open
      .slice(0, style.full === true ? Infinity : MOST_OPEN)
      .map((why) => wrap(`  Not known: ${printable(why, 1500)}`, 4, style.columns)),
    findingsText(shown, style),
    ...(style.full === true ? notCountedLines(findings, style) : []),
    rest === 0 ? '' : dim(`  ${count(rest, 'note')} more: --full shows all`),
  ])
}

/** What is known or ignored, and why, where everything is wanted. */
function notCountedLines(findings: RoomCheck['findings'], style: TextStyle): readonly string[] {
  const {dim} = paint(style)
  return findings.flatMap(({notCounted, severity, id, summary}) => {
    if (notCounted === null) return []
    const reason = notCounted.reason ?? ''
    const why = reason === '' ? notCounted.why : `${notCounted.why}: ${printable(reason, 1500)}`
    return [dim(wrap(`  ${severity} ${id} (${why}) ${printable(summary, 1500)}`, 4, style.columns))]
  })
}

/** Reasons for lacking evidence that a room shows at a glance. */
const MOST_OPEN = 5

function goneSection({baseline}: CheckReport, style: TextStyle): string {
  if (baseline === null || baseline.gone.length === 0) return ''
  return joinLines([
    title(`In the baseline, and not found any more: ${baseline.gone.length.toLocaleString('en-US')}`, style),
    ...baseline.gone.map(({roomId, id, subject, reason}) =>
      wrap(
        `  ${id} ${printable(roomId, 300)} ${printable(subject, 300)}${reason === null ? '' : ` (${printable(reason, 300)})`}`,
        4,
        style.columns,
      ),
    ),
  ])
}

function summary({rooms, shard, startedTs, endedTs, unfinished = 0}: CheckReport, style: TextStyle): string {
  const counts = countVerdicts(rooms)
  const painted = verdictPaint(style)
  const told = VERDICTS.toReversed()
    .filter((verdict) => counts[verdict] > 0)
    .map((verdict) => painted[verdict](`${counts[verdict].toLocaleString('en-US')} ${IN_SUMMARY[verdict]}`))
  const part = shard === null ? '' : ` (part ${String(shard.index)} of ${String(shard.of)})`
  const kinds = Object.entries(findingsByKind(rooms)).map(([id, number]) => `${id} ${number.toLocaleString('en-US')}`)
  const verdicts = told.length === 0 ? '' : `: ${told.join(', ')}`
  return joinLines([
    kinds.length === 0 ? '' : wrap(`Findings by kind: ${kinds.join(', ')}`, 2, style.columns),
    unfinished === 0 ? '' : `${count(unfinished, 'room')} not checked: the run was interrupted`,
    wrap(`${count(rooms.length, 'room')} in ${duration(endedTs - startedTs)}${part}${verdicts}`, 2, style.columns),
  ])
}

const IN_SUMMARY: Readonly<Record<RoomVerdict, string>> = {
  clean: 'clean',
  findings: 'with findings',
  inconclusive: 'inconclusive',
  failed: 'failed',
}

/** @param ms - milliseconds */
function duration(ms: number): string {
  const seconds = ms / 1000
  if (seconds < 90) return `${seconds.toFixed(1)} s`
  return seconds < 5400 ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / 3600).toFixed(1)} h`
}
