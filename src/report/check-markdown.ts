import type {CheckReport, RoomCheck} from '../investigate/check-report.ts'
import {findingsByKind} from './check-counts.ts'
import {
  bySeverity,
  type FoundKind,
  foundKinds,
  foundWords,
  gravestFirst,
  reasonsOf,
  verdictWords,
} from './check-groups.ts'
import {mdCode, mdLine, mdText} from './markdown-text.ts'
import {count} from './printable.ts'

export interface MarkdownLimits {
  /** Rooms are left out, the least grave first, rather than that the text has more bytes (UTF-8); at least 2,000. */
  readonly maxBytes?: number
}

/**
 * Markdown as GitHub, GitLab, Forgejo read it (https://github.github.com/gfm/): counts, a table of rooms, the gravest first, and what is wrong
 * in each. Nothing in it that comes from a room is markup, a link, or a mention of somebody.
 */
export function checkMarkdown(report: CheckReport, {maxBytes = Infinity}: MarkdownLimits = {}): string {
  const rooms = gravestFirst(report.rooms)
  const head = `## Matrix rooms checked\n\n${mdText(verdictWords(report))}\n`
  const tail = [kindsOf(report), goneOf(report), notesOf(report)]
    .filter((part) => part !== '')
    .map((part) => `\n${part}`)
    .join('')
  let left = maxBytes - size(head) - RESERVED
  const end = size(tail) <= left / 2 ? tail : ''
  left -= size(end)
  const rows = taken(rooms.map(rowOf), left / 2)
  left -= size(rows.join(''))
  const unfit = rooms.filter(({verdict, findings}) => verdict !== 'clean' || findings.length > 0)
  const sections = taken(
    unfit.map((room) => sectionOf(room, report.failOn)),
    left,
  )
  return [
    head,
    rooms.length === 0 ? '' : '\n| Verdict | Room | Name | Found |\n| --- | --- | --- | --- |\n',
    ...rows,
    leftOut(rooms.length - rows.length, 'in this table'),
    ...sections,
    leftOut(unfit.length - sections.length, 'in full'),
    end === tail ? '' : '\nNotes are left out: this text would be too long.\n',
    end,
  ].join('')
}

/** Bytes for the head of the table and for what says that something is left out. */
const RESERVED = 500
const size = (text: string): number => Buffer.byteLength(text)

function taken(parts: readonly string[], bytes: number): readonly string[] {
  let sum = 0
  const end = parts.findIndex((part) => (sum += size(part)) > bytes)
  return end === -1 ? parts : parts.slice(0, end)
}

function leftOut(rooms: number, where: string): string {
  return rooms === 0 ? '' : `\n${count(rooms, 'more room')} not shown ${where}: this text would be too long.\n`
}

function rowOf(room: RoomCheck): string {
  const {verdict, error, open, name} = room
  const found = error === null ? foundWords(room) : mdText(error.message, 300)
  const lacking = open.length > 0 ? 'evidence is lacking' : ''
  const told = [found, lacking].filter((part) => part !== '').join('; ')
  return `| ${verdict} | ${mdCode(room.room, 300)} | ${mdText(name ?? '', 300)} | ${told} |\n`
}

function sectionOf(room: RoomCheck, failOn: CheckReport['failOn']): string {
  const {verdict, error, open, roomId, roomVersion, name, events} = room
  const facts = [
    // Behind a word of our own: at the beginning of a line, even text that is escaped could begin a list.
    name === null ? '' : `Name: ${mdText(name, 300)}`,
    roomId === null || roomId === room.room ? '' : mdCode(roomId, 300),
    roomVersion === null ? '' : `version ${mdText(roomVersion, 40)}`,
    events === 0 ? '' : count(events, 'event'),
  ].filter((part) => part !== '')
  const hint = error?.hint ?? null
  const kinds = bySeverity(foundKinds(room, failOn))
  const lines = [
    ...(error === null ? [] : [`- **failed** ${mdText(error.message)}`]),
    ...(hint === null ? [] : [`  - To do: ${mdText(hint)}`]),
    ...open.slice(0, MOST).map((why) => `- **not known** ${mdText(why)}`),
    ...(open.length > MOST ? [`- **not known** ${count(open.length - MOST, 'more reason')}`] : []),
    ...kinds.filter(counts).flatMap(kindLines),
    ...kinds.filter((kind) => !counts(kind)).flatMap(kindLines),
  ]
  return [
    `\n### ${mdCode(room.room, 300)}: ${verdict}\n`,
    facts.length === 0 ? '' : `\n${facts.join(', ')}\n`,
    lines.length === 0 ? '' : `\n${lines.join('\n')}\n`,
  ].join('')
}

const counts = ({failing, lesser}: FoundKind): boolean => failing.length + lesser.length > 0

/** Findings of a kind, and reasons, that are told one by one. */
const MOST = 10

function kindLines(kind: FoundKind): readonly string[] {
  const {id, severity, failing, lesser, known, ignored} = kind
  const counted = bySeverity([...failing, ...lesser])
  const [first] = counted
  const without = [
    known.length === 0 ? '' : `${known.length.toLocaleString('en-US')} known`,
    ignored.length === 0 ? '' : `${ignored.length.toLocaleString('en-US')} ignored`,
  ].filter((part) => part !== '')
  const reasons = reasonsOf(kind)
  const why = [
    ...reasons.slice(0, MOST).map((reason) => `  - ${mdText(capital(reason), 300)}`),
    ...(reasons.length > MOST ? [`  - And ${count(reasons.length - MOST, 'more reason')}`] : []),
  ]
  if (first === undefined) return [`- ${mdCode(id)}: ${without.join(', ')}`, ...why]
  const more = [...(counted.length > MOST ? [count(counted.length - MOST, 'more', 'more')] : []), ...without]
  const head = `- **${severity}** ${mdCode(id)} (${first.certainty})`
  const end = [
    ...(more.length === 0 ? [] : [`  - And ${more.join(', ')}`]),
    ...why,
    `  - To do: ${mdText(first.remedy)}`,
  ]
  if (counted.length === 1) return [`${head}: ${mdText(first.summary)}`, ...end]
  return [
    `${head}: ${counted.length.toLocaleString('en-US')}`,
    ...counted.slice(0, MOST).map(({summary}) => `  - ${mdLine(summary)}`),
    ...end,
  ]
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

function kindsOf({rooms}: CheckReport): string {
  const kinds = Object.entries(findingsByKind(rooms))
  if (kinds.length === 0) return ''
  const rows = kinds.map(([id, number]) => `| ${mdCode(id)} | ${number.toLocaleString('en-US')} |\n`)
  return `### Findings by kind\n\n| Kind | Number |\n| --- | ---: |\n${rows.join('')}`
}

function notesOf({notes}: CheckReport): string {
  return notes.length === 0 ? '' : `### Notes\n\n${notes.map((note) => `- ${mdLine(note)}\n`).join('')}`
}

function goneOf({baseline}: CheckReport): string {
  if (baseline === null || baseline.gone.length === 0) return ''
  const lines = baseline.gone.map(
    ({roomId, id, subject, reason}) =>
      `- ${mdCode(id)} in ${mdCode(roomId, 300)}: ${mdText(subject, 300)}${reason === null ? '' : ` (${mdText(reason, 300)})`}\n`,
  )
  return `### In the baseline, and not found any more\n\n${lines.join('')}`
}
