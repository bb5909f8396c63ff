import type {CheckReport, RoomCheck} from '../investigate/check-report.ts'
import {bySeverity, fileOf, type FoundKind, foundKinds, gravestFirst, lineOf, verdictWords} from './check-groups.ts'
import {count, printable} from './printable.ts'

type Level = 'error' | 'warning' | 'notice'

interface Annotation {
  readonly level: Level
  readonly title: string
  readonly lines: readonly string[]
  readonly file?: string
  readonly line?: number
}

/**
 * Workflow commands of GitHub Actions, a line each, which become annotations of the run
 * (https://docs.github.com/actions/reference/workflow-commands-for-github-actions): one for each kind of finding in a room, each room that
 * failed, and each that is inconclusive. GitHub shows the first ten of each level of a step, so that the gravest come first; the log has all.
 * Last comes a line with the counts, which is no command.
 */
export function checkGithub(report: CheckReport): string {
  const all = gravestFirst(report.rooms).flatMap((room) => annotationsOf(room, report.failOn))
  const sorted = all.toSorted((a, b) => LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level))
  return [...sorted.map(command), verdictWords(report), ''].join('\n')
}

const LEVELS: readonly Level[] = ['error', 'warning', 'notice']
const LEVEL_OF = {error: 'error', warning: 'warning', note: 'notice'} as const

function annotationsOf(room: RoomCheck, failOn: CheckReport['failOn']): readonly Annotation[] {
  const file = fileOf(room)
  const place = file === null ? {} : {file}
  const kinds = bySeverity(foundKinds(room, failOn)).flatMap((kind) => ofKind(kind, room))
  if (room.error !== null) {
    const {message, hint} = room.error
    const lines = hint === null ? [message] : [message, `→ ${hint}`]
    return [{level: 'error', title: `could not be checked: ${label(room)}`, lines, ...place}, ...kinds]
  }
  if (room.verdict !== 'inconclusive') return kinds
  const {open} = room
  const rest = open.length - MOST_OPEN
  const lines = [...open.slice(0, MOST_OPEN), ...(rest > 0 ? [`${count(rest, 'reason')} more`] : [])]
  return [{level: 'warning', title: `inconclusive: ${label(room)}`, lines, ...place}, ...kinds]
}

const MOST_OPEN = 5

function ofKind({id, severity, failing, lesser}: FoundKind, room: RoomCheck): readonly Annotation[] {
  const counted = bySeverity([...failing, ...lesser])
  const [first] = counted
  if (first === undefined) return []
  const file = fileOf(room)
  const line = lineOf(first, room)
  return [
    {
      level: LEVEL_OF[severity],
      title: `${id} in ${label(room)}`,
      lines: [
        first.summary,
        ...(counted.length === 1 ? [] : [`${count(counted.length - 1, 'more', 'more')} of this kind`]),
        `→ ${first.remedy}`,
      ],
      ...(file === null ? {} : {file}),
      ...(line === null ? {} : {line}),
    },
  ]
}

function label({room, name}: RoomCheck): string {
  return name === null ? room : `${name} (${room})`
}

/**
 * By the grammar that the runner reads (`ActionCommand.TryParseV2` of https://github.com/actions/runner): `::name key=value,key=value::data`.
 */
function command({level, title, lines, file, line}: Annotation): string {
  const properties = [
    ...(file === undefined ? [] : [`file=${property(file)}`]),
    ...(line === undefined ? [] : [`line=${String(line)}`]),
    `title=${property(title)}`,
  ]
  return `::${level} ${properties.join(',')}::${lines.map((one) => data(printable(one, LONGEST))).join('%0A')}`
}

const LONGEST = 1500

function data(text: string): string {
  return text.replaceAll('%', '%25')
}

function property(text: string): string {
  return data(printable(text, 300)).replaceAll(':', '%3A').replaceAll(',', '%2C')
}
