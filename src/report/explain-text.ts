import type {Trace, TraceLine} from '../auth/trace.ts'
import type {Able, Check, Explanation, ServerWord} from '../forensics/explain/explanation.ts'
import type {Citation} from '../forensics/explain/cited-auth-events.ts'
import {ASKED, CHECK_WORDS, valueInWords} from './explain-words.ts'
import {findingsText} from './findings-text.ts'
import {count, date, printable} from './printable.ts'
import {GLANCE, more, title} from './sections.ts'
import {paint, table, type TextStyle} from './table.ts'
import {wrap} from './width.ts'

/** `explain` for people: the answer, the checks, and what is behind them. */
export function explainText(explanation: Explanation, style: TextStyle): string {
  return [
    answer(explanation, style),
    // Who asks what somebody can do did not write an event.
    ...(explanation.can === null || style.full === true
      ? [eventSection(explanation, style), checksSection(explanation, style)]
      : []),
    serversSection(explanation, style),
    remediesSection(explanation, style),
    rulesSection(explanation, style),
    explanation.can === null || style.full === true ? citationsSection(explanation, style) : '',
    missingSection(explanation, style),
    findingsText(
      explanation.findings.filter(({id}) => id !== 'dag/rejected-event' && id !== 'dag/missing-event'),
      style,
    ),
  ]
    .filter((section) => section !== '')
    .join('\n\n')
}

const safe = (text: string): string => printable(text, 1000)

function answer(explanation: Explanation, style: TextStyle): string {
  const {bold, red, yellow, green, dim} = paint(style)
  const {verdict, softFailedBy, can, checks} = explanation
  const softFails =
    softFailedBy.length > 0 || checks.some((check) => check.name === 'current-state' && check.outcome === 'failed')
  const color =
    can !== null
      ? {yes: green, no: red, depends: yellow, 'not-known': yellow}[can.answer]
      : verdict === 'accepted'
        ? softFails
          ? yellow
          : green
        : verdict === 'rejected'
          ? red
          : yellow
  return [
    wrap(bold(color(safe(explanation.answer))), 0, style.columns),
    ...meaning(explanation, softFails).map((line) => wrap(dim(line), 0, style.columns)),
    ...explanation.notes.map((note) => wrap(safe(note), 0, style.columns)),
  ].join('\n')
}

/** Rejecting and soft-failing are often mixed up. */
function meaning({verdict, rejection, event, can, checks}: Explanation, softFails: boolean): readonly string[] {
  if (can !== null || event.eventId === null) return []
  if (rejection?.rule.startsWith('format:') === true) {
    return ['Refused is more than rejected: a server drops such an event as if it had never come.']
  }
  if (verdict === 'rejected') {
    return [
      'Rejected is not soft-failed: every server that has the same history rejects it. It stays in the DAG, changes no state, is not shown, and events that cite it as auth event are rejected, too.',
    ]
  }
  if (softFails) {
    return [
      'Soft-failed is not rejected: the event is good, but came when the current state of that server did not allow it any more. The server keeps it, does not show it or build on it, and it counts again where another event follows it. Servers that received it at another time may have taken it.',
    ]
  }
  if (verdict === 'accepted' && checks.some(({outcome, rule}) => outcome === 'not-known' && rule !== null)) {
    return [
      'A server that received it late will have soft-failed it, and then does not show it: see check 6. Whether one did stands in its database (matrix-state fetch … --database).',
    ]
  }
  return []
}

function eventSection({event, roomVersion, trustIds}: Explanation, style: TextStyle): string {
  if (event.type === '' && event.eventId !== null) return ''
  const {dim} = paint(style)
  const key = event.stateKey === undefined || event.stateKey === '' ? '' : ` of ${safe(event.stateKey)}`
  const membership = event.content['membership']
  const what = event.type === 'm.room.member' && typeof membership === 'string' ? ` (${safe(membership)})` : ''
  const when = event.originServerTs > 0 ? `, ${date(event.originServerTs)}` : ''
  return [
    title(event.eventId === null ? 'Draft' : `Event ${safe(event.eventId)}`, style),
    `  ${safe(event.type)}${key}${what}, sent by ${safe(event.sender)}${event.eventId === null ? '' : when}`,
    event.line > 0
      ? dim(`  line ${String(event.line)}, depth ${String(event.depth)}, room version ${safe(roomVersion)}`)
      : '',
    event.filled.length > 0 ? dim(`  filled in: ${event.filled.join(', ')}`) : '',
    trustIds ? dim('  event IDs taken as given (--trust-ids)') : '',
  ]
    .filter((line) => line !== '')
    .map((line) => wrap(line, 4, style.columns))
    .join('\n')
}

const OUTCOME_WORDS: Readonly<Record<Check['outcome'], string>> = {
  passed: 'passed',
  failed: 'failed',
  'not-checked': 'not checked',
  'not-known': 'not known',
  'not-reached': '-',
}

function checksSection({checks, asked}: Explanation, style: TextStyle): string {
  const {green, red, yellow, dim} = paint(style)
  const paints = {passed: green, failed: red, 'not-checked': dim, 'not-known': yellow, 'not-reached': dim} as const
  const lines = checks.map(({name, outcome, says, rule}, index) => {
    if (asked !== 'event' && outcome === 'not-checked' && style.full !== true) return ''
    const head = `${String(index + 1)} ${CHECK_WORDS[name].padEnd(20)}`
    const number = rule === null || rule.startsWith('format:') ? '' : ` [${safe(rule)}]`
    return wrap(
      `  ${head}${paints[outcome](OUTCOME_WORDS[outcome].padEnd(12))}${safe(says)}${number}`,
      6,
      style.columns,
    )
  })
  return [title('Checks on receipt', style), ...lines].filter((line) => line !== '').join('\n')
}

function serversSection({servers}: Explanation, style: TextStyle): string {
  if (servers.length === 0) return ''
  const lines = servers.map((word) => wrap(`  ${safe(word.server)}: ${serverSays(word)}`, 4, style.columns))
  return [title('What servers say', style), ...lines].join('\n')
}

function serverSays({has, rejected, softFailed, outlier, receivedTs, estimate}: ServerWord): string {
  const parts = [
    ...(has === false ? ['does not have it'] : []),
    ...(typeof rejected === 'string' ? [`rejected it (${safe(rejected)})`] : []),
    ...(softFailed === true ? ['soft-failed it'] : []),
    ...(outlier === true ? ['has it as an outlier, without its place in the DAG'] : []),
    ...(has === true && typeof rejected !== 'string' && softFailed !== true && outlier !== true ? ['accepted it'] : []),
    ...(receivedTs === undefined ? [] : [`received ${date(receivedTs)}`]),
    ...(estimate === null
      ? []
      : [
          `by what it had received then, its current state ${estimate.passes ? 'allows' : 'does not allow'} it` +
            `${estimate.rejection === null ? '' : `: ${safe(estimate.rejection.because)}`} (estimated, ${estimate.certainty})`,
        ]),
  ]
  return parts.length === 0 ? 'nothing but that it has it' : parts.join(', ')
}

function remediesSection({remedies, couldSend, verdict, asked}: Explanation, style: TextStyle): string {
  if (verdict !== 'rejected') return ''
  const shown = style.full === true ? remedies : remedies.slice(0, GLANCE)
  const lines = shown.flatMap(({says, by}) => [
    wrap(`  - ${safe(says)}`, 4, style.columns),
    ...by.flatMap((able) =>
      able === null
        ? []
        : [
            wrap(
              paint(style).dim(`      ${asked === 'event' ? '' : 'who can bring that about: '}${ableInWords(able)}`),
              8,
              style.columns,
            ),
          ],
    ),
  ])
  const head = asked === 'event' ? 'It would have been accepted' : 'It would be accepted'
  const none = `  - no single change and no pair of changes of those that were tried makes it pass`
  const others =
    couldSend === null || (couldSend.users.length === 0 && !couldSend.anyMember)
      ? []
      : [wrap(`  - if somebody else sent it: ${ableInWords(couldSend)}`, 4, style.columns)]
  if (remedies.length === 0 && others.length === 0) return [title(head, style), wrap(none, 4, style.columns)].join('\n')
  return [title(head, style), ...lines, more(remedies.length - shown.length, style), ...others]
    .filter((line) => line !== '')
    .join('\n')
}

function ableInWords({users, anyMember}: Able): string {
  if (users.length === 0 && !anyMember) return 'nobody in the room'
  if (anyMember) return 'anybody in the room'
  const shown = users.slice(0, 3).map(({user, power}) => `${safe(user)} (${power})`)
  return `${shown.join(', ')}${users.length > shown.length ? ' and others' : ''}`
}

function rulesSection(explanation: Explanation, style: TextStyle): string {
  const {auth, before} = explanation.rules
  const parts = [
    ['Rules, asked of its auth events', auth],
    ['Rules, asked of the state before it', before],
  ] as const
  // Where both say the same, once is enough.
  const same = auth !== null && before !== null && sameLines(auth, before) && style.full !== true
  return parts
    .filter(([, trace], index) => trace !== null && trace.lines.length > 0 && !(same && index === 1))
    .map(([head, trace]) =>
      traceText(same ? 'Rules, asked of its auth events and of the state before it alike' : head, trace, style),
    )
    .join('\n\n')
}

const decided = ({lines}: Trace): string =>
  JSON.stringify(
    lines
      .filter(({outcome, name}) => ASKED.has(outcome) && !name.startsWith('auth-events'))
      .map(({number, outcome, values}) => [number, outcome, values]),
  )

function sameLines(a: Trace, b: Trace): boolean {
  return decided(a) === decided(b)
}

function traceText(head: string, trace: Trace | null, style: TextStyle): string {
  if (trace === null) return ''
  const {green, red, dim} = paint(style)
  // `--full` shows those that were not asked, too.
  const shown = trace.lines.filter(({outcome}) => style.full === true || ASKED.has(outcome))
  const width = shown.reduce((most, {number}) => Math.max(most, number.length), 0)
  const words = (line: TraceLine): string => {
    const outcome = line.outcome.replaceAll('-', ' ')
    if (line.outcome === 'rejected') return red(outcome)
    return line.outcome === 'allowed' ? green(outcome) : ASKED.has(line.outcome) ? outcome : dim(outcome)
  }
  const lines = shown.map((line) => {
    const values = line.values.map(valueInWords).join(', ')
    const says = line.because ?? line.asks
    return wrap(
      `  ${line.number.padEnd(width)}  ${words(line)}${' '.repeat(Math.max(1, 9 - line.outcome.length))}${safe(says)}${values === '' ? '' : dim(` (${safe(values)})`)}`,
      width + 4,
      style.columns,
    )
  })
  return [title(head, style), ...lines].join('\n')
}

const RELATION_WORDS: Readonly<Record<Citation['relation'], string>> = {
  same: 'as it should be',
  older: 'older than',
  newer: 'newer than',
  other: 'on another branch than',
  'not-in-state': 'the state before it has none',
  'not-cited': 'not cited, though the state has it',
  'no-part': 'has no part in authorising it',
  'not-known': 'the state before it is not known',
}

function citationsSection({citations, event}: Explanation, style: TextStyle): string {
  if (citations.length === 0) return ''
  const odd = citations.some(({relation, problems}) => relation !== 'same' || problems.length > 0)
  if (!odd && style.full !== true) {
    return `${title('Auth events', style)}\n  ${count(event.authEvents.length, 'auth event')}: those that the state before it gives`
  }
  const rows = citations.map(({slot, cited, selected, relation, problems}) => [
    slot === null ? '?' : slot.stateKey === '' ? slot.type : `${slot.type} ${slot.stateKey}`,
    cited ?? selected ?? '',
    [
      problems.includes('missing')
        ? ''
        : RELATION_WORDS[relation] + (IN_STATE.has(relation) ? ` ${selected ?? ''}` : ''),
      ...problems.map((problem) => (problem === 'missing' ? 'not in the evidence' : problem)),
    ]
      .filter((word) => word !== '')
      .join('; '),
  ])
  const wide = style.columns === undefined || style.columns >= 140
  const body = wide
    ? table([{head: 'slot', min: 20}, {head: 'event'}, {head: 'against the state before it', min: 20}], rows, style)
    : rows
        .map(([slot = '', id = '', says = '']) =>
          [wrap(`  ${safe(slot)}: ${safe(says)}`, 6, style.columns), paint(style).dim(`      ${safe(id)}`)].join('\n'),
        )
        .join('\n')
  return `${title('Auth events, against those that the state before it gives', style)}\n${body}`
}
const IN_STATE: ReadonlySet<string> = new Set(['older', 'newer', 'other'])

function missingSection({missing}: Explanation, style: TextStyle): string {
  if (missing.length === 0) return ''
  const shown = style.full === true ? missing : missing.slice(0, GLANCE)
  return [
    title(`Not in the evidence: ${count(missing.length, 'event')} that the answer depends on`, style),
    ...shown.map((id) => `  ${safe(id)}`),
    more(missing.length - shown.length, style),
    wrap(
      '  → Gather the room from a server that has them: matrix-state fetch, or by a route that shows more (database, federation).',
      4,
      style.columns,
    ),
  ]
    .filter((line) => line !== '')
    .join('\n')
}
