import type {CheckedFinding, CheckReport, RoomCheck} from '../investigate/check-report.ts'
import {type FoundKind, foundKinds, notCountedWords} from './check-groups.ts'
import {printable} from './printable.ts'

/**
 * JUnit XML, as CI systems read test results. A room is a test suite. Its first test case is whether all of it could be checked: an error
 * where it failed, or where evidence is lacking. One more stands for each kind of finding: a failure where one of it counts at `--fail-on`,
 * skipped where all are known or ignored, else passed; what passed is told in the suite's output.
 *
 * There is no standard; this is what both known schemas allow, that of Ant's reports (https://github.com/windyroad/JUnit-Schema) and that of
 * Jenkins (https://github.com/jenkinsci/xunit-plugin, junit-10.xsd).
 */
export function checkJunit(report: CheckReport): string {
  const suites = report.rooms.map((room, index) => suite(room, index, report))
  return ['<?xml version="1.0" encoding="UTF-8"?>', '<testsuites>', ...suites, '</testsuites>', ''].join('\n')
}

/** At this time of day, without a zone: the schema of Ant's reports has none, and its tools write UTC or local time. */
function timestamp(ms: number): string {
  const time = new Date(ms)
  return Number.isNaN(time.getTime()) || time.getUTCFullYear() > 9999 || time.getUTCFullYear() < 1
    ? '1970-01-01T00:00:00'
    : time.toISOString().slice(0, 19)
}

function suite(room: RoomCheck, index: number, {failOn, startedTs}: CheckReport): string {
  const kinds = foundKinds(room, failOn)
  const failures = kinds.filter(({failing}) => failing.length > 0).length
  const skipped = kinds.filter(isSkipped).length
  const errors = isUnsure(room) ? 1 : 0
  const name = room.room === '' ? 'room' : room.room
  const attributes = [
    ['name', name],
    ['package', 'matrix-state'],
    ['id', String(index)],
    ['hostname', 'localhost'],
    ['timestamp', timestamp(startedTs)],
    ['tests', String(kinds.length + 1)],
    ['failures', String(failures)],
    ['errors', String(errors)],
    ['skipped', String(skipped)],
    ['time', seconds(room.seconds)],
  ] as const
  return [
    `  <testsuite ${attributesText(attributes)}>`,
    '    <properties>',
    ...propertiesOf(room).map(
      ([key, value]) =>
        `      <property ${attributesText([
          ['name', key],
          ['value', value],
        ])}/>`,
    ),
    '    </properties>',
    wholeCase(room, name),
    ...kinds.map((kind) => kindCase(kind, name)),
    element('system-out', outputOf(kinds), 4),
    element('system-err', room.open.map((why) => `Not known: ${shown(why)}`).join('\n'), 4),
    '  </testsuite>',
  ].join('\n')
}

const isSkipped = ({failing, lesser}: FoundKind): boolean => failing.length === 0 && lesser.length === 0
const isUnsure = ({error, open, verdict}: RoomCheck): boolean =>
  error !== null || open.length > 0 || verdict === 'inconclusive' || verdict === 'failed'

function propertiesOf({verdict, roomId, roomVersion, name, events, requests}: RoomCheck) {
  const properties = {
    verdict,
    room_id: roomId,
    room_version: roomVersion,
    name,
    events: String(events),
    requests: String(requests),
  }
  return Object.entries(properties).flatMap(([key, value]) => (value === null ? [] : [[key, value] as const]))
}

function wholeCase(room: RoomCheck, suiteName: string): string {
  const head = testcase('checked whole', suiteName, seconds(room.seconds))
  if (!isUnsure(room)) return `${head}/>`
  const {error, open} = room
  const [message, type, text] =
    error === null
      ? ([open[0] ?? 'evidence is lacking', 'inconclusive', open.map(shown).join('\n')] as const)
      : ([error.message, error.code, [error.message, error.hint ?? ''].map(shown).join('\n').trimEnd()] as const)
  return closed(
    head,
    element('error', text, 6, [
      ['message', message],
      ['type', type],
    ]),
  )
}

function kindCase(kind: FoundKind, suiteName: string): string {
  const {id, failing, lesser, known, ignored} = kind
  const head = testcase(id, suiteName, '0')
  const [first] = failing
  if (first !== undefined) {
    const more = failing.length === 1 ? '' : ` (and ${String(failing.length - 1)} more)`
    const text = failing.map(findingText).join('\n\n')
    return closed(
      head,
      element('failure', text, 6, [
        ['message', `${first.summary}${more}`],
        ['type', id],
      ]),
    )
  }
  if (lesser.length > 0) return `${head}/>`
  const words = new Set([...known, ...ignored].map(notCountedWords))
  return closed(head, `      <skipped ${attributesText([['message', [...words].join('; ')]])}/>`)
}

/** All that is told of findings which make nothing fail. */
function outputOf(kinds: readonly FoundKind[]): string {
  return kinds
    .flatMap(({lesser, known, ignored}) => [...lesser, ...known, ...ignored])
    .map(findingText)
    .join('\n\n')
}

function findingText(finding: CheckedFinding): string {
  const {id, severity, certainty, summary, evidence, remedy} = finding
  const why = notCountedWords(finding)
  return [
    `${severity} ${id} (${certainty})${why === '' ? '' : `, ${shown(why)}`}: ${shown(summary)}`,
    ...evidence.map(({source, where, value}) => {
      return `  ${shown(`${source}: ${where}${value === null ? '' : `: ${String(value)}`}`)}`
    }),
    `  Remedy: ${shown(remedy)}`,
  ].join('\n')
}

const LONGEST = 4000
const shown = (text: string): string => printable(text, LONGEST)

function seconds(number: number): string {
  return Number.isFinite(number) && number >= 0 ? number.toFixed(3) : '0'
}

function testcase(name: string, classname: string, time: string): string {
  return `    <testcase ${attributesText([
    ['name', name],
    ['classname', classname],
    ['time', time],
  ])}`
}

const closed = (head: string, inner: string): string => `${head}>\n${inner}\n    </testcase>`

type Attributes = readonly (readonly [string, string])[]

function attributesText(attributes: Attributes): string {
  return attributes.map(([name, value]) => `${name}="${escaped(shown(value))}"`).join(' ')
}

/** @param text - made of lines that are printable each */
function element(name: string, text: string, indent: number, attributes: Attributes = []): string {
  const head = `${' '.repeat(indent)}<${name}${attributes.length === 0 ? '' : ` ${attributesText(attributes)}`}`
  return text === '' ? `${head}/>` : `${head}>${escaped(text)}</${name}>`
}

/** Every `>` too, so that no `]]>` is left; and U+FFFE, U+FFFF are no characters of XML (https://www.w3.org/TR/xml/#charsets). */
function escaped(text: string): string {
  return text
    .replace(/[\ufffe\uffff]/g, (char) => `\\u{${char.charCodeAt(0).toString(16)}}`)
    .replace(/[&<>"']/g, (char) => ENTITIES[char] ?? '')
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}
