import type {Finding} from '../finding/finding.ts'
import {absence, sentence, slotsListed, slotWords} from '../finding/slot-words.ts'
import type {EventBrief} from '../forensics/words.ts'
import type {Slot} from '../graph/room-graph.ts'
import type {BlameCandidate, BlameLine, BlameReport, BlameReset} from '../investigate/blame-room.ts'
import {causeWords, decisionWords} from './cause-words.ts'
import {findingsText, shortIds} from './findings-text.ts'
import {nextSteps} from './next-steps.ts'
import {count, date, printable} from './printable.ts'
import {field, GLANCE, remedyLine, title} from './sections.ts'
import {paint, type TextStyle} from './table.ts'
import {verdictText} from './verdict-text.ts'
import {wrap} from './width.ts'

type Merge = Extract<BlameLine, {readonly kind: 'merge'}>

/** The life of a slot for people. */
export function blameText(report: BlameReport, style: TextStyle): string {
  const shown = style.full === true ? report.lines : report.lines.filter((line) => !line.plain)
  const hidden = report.lines.length - shown.length
  const {dim} = paint(style)
  const rest = hidden === 0 ? [] : [dim(`  … and ${count(hidden, 'merge')} without a conflict: --full shows all`)]
  return [
    head(report, style),
    report.hint === null ? '' : neverSet(report.hint, style),
    report.hint !== null
      ? ''
      : [
          title(
            `Life: ${count(report.lines.length, 'entry', 'entries')}, in the order of the history (● led to what stands now)`,
            style,
          ),
          ...shown.flatMap((line) =>
            line.kind === 'merge' ? mergeLines(report.slot, line, style) : eventLines(line, style),
          ),
          ...rest,
        ].join('\n'),
    ...shown.flatMap((line) =>
      line.kind === 'merge' && line.reset !== null
        ? [resetSection(line, line.reset, remedyAt(report, line), style)]
        : [],
    ),
    findingsText(
      report.findings.filter((finding) => finding.id !== 'state/revoked-concurrently' && !isToldAbove(report, finding)),
      style,
    ),
    nextSteps(report.findings, 'blame', style.asked, style),
    verdictText(report.findings, {clean: nothingLost(report), gaps: gaps(report)}, style),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}

/** The slot's own resets have sections of their own. */
function isToldAbove({slot}: BlameReport, {id, subject}: Finding): boolean {
  const {type, stateKey} = slot
  return id === 'state/reset' && subject.kind === 'slot' && subject.type === type && subject.state_key === stateKey
}

function remedyAt(report: BlameReport, {at}: Merge): string {
  const found = report.findings.find(
    (finding) =>
      isToldAbove(report, finding) && finding.subject.kind === 'slot' && finding.subject.event_id === at?.eventId,
  )
  return found?.remedy ?? ''
}

function nothingLost({findings}: BlameReport): string {
  return findings.some(({id}) => id === 'state/revoked-concurrently')
    ? 'No reset: what no longer counts was revoked on another branch, as resolution is meant to do.'
    : 'No reset: no merge lost a newer value of this slot.'
}

function gaps(report: BlameReport): string {
  if (report.complete) return ''
  return `Incomplete: ${missing(report)}${unjudged(report)}what is missing may have set or changed the slot; nothing here proves that it did not.`
}

function neverSet(hint: string, style: TextStyle): string {
  return wrap(
    `No event that is here ever set it; whether one did cannot be known. ${printable(hint)}`,
    0,
    style.columns,
  )
}

function missing({missing: number}: BlameReport): string {
  return number === 0 ? '' : `${count(number, 'event')} that others cite ${number === 1 ? 'is' : 'are'} missing; `
}

function unjudged({undetermined, missing: number}: BlameReport): string {
  if (undetermined === 0) return ''
  const why = number > 0 ? '' : `, since something before ${undetermined === 1 ? 'it' : 'them'} is missing`
  return `${count(undetermined, 'event')} of the slot could not be judged${why}; `
}

function head(report: BlameReport, style: TextStyle): string {
  const {type, stateKey} = report.slot
  const {now} = report
  const value = now === undefined ? 'cannot be determined' : now === null ? absence(type) : eventLine(now, style)
  const words = slotWords(type, stateKey)
  const name = printable(sentence(words), 200)
  return [
    // Other words name the type themselves.
    title(words.startsWith('the state ') ? name : `${name} (${printable(type)})`, style),
    field(
      'Room',
      `${printable(report.roomId)}, version ${report.roomVersion} (${report.stateRes}), reading ${report.reading}`,
    ),
    field('Source', printable(report.source)),
    field('Now', value),
  ]
    .map((line) => wrap(line, 11, style.columns))
    .join('\n')
}

function id(eventId: string, style: TextStyle): string {
  return printable(shortIds(eventId, style))
}

function eventLine(event: EventBrief, style: TextStyle): string {
  return `${printable(event.value, 40)} by ${printable(event.sender, 60)}, ${date(event.originServerTs)}, ${id(event.eventId, style)}`
}

function eventLines(line: Exclude<BlameLine, Merge>, style: TextStyle): readonly string[] {
  const {dim, red, green} = paint(style)
  const word = line.kind === 'set' ? 'set     ' : red('rejected')
  const mark = line.leadsToNow ? green(' ●') : '  '
  const lines = [wrap(`${mark}${word} ${eventLine(line.event, style)}`, 11, style.columns)]
  if (line.kind === 'rejected')
    lines.push(
      dim(wrap(`           rule ${ruleNumber(line.rule)}: ${printable(line.because ?? '', 300)}`, 11, style.columns)),
    )
  else if (line.previous !== null)
    lines.push(
      dim(
        wrap(
          `           after ${printable(line.previous.value, 40)}, ${id(line.previous.eventId, style)}`,
          13,
          style.columns,
        ),
      ),
    )
  return lines
}

function mergeLines({type}: Slot, line: Merge, style: TextStyle): readonly string[] {
  const {dim, red, yellow, bold} = paint(style)
  const where = line.at === null ? 'of the tips' : `at ${id(line.at.eventId, style)}, ${date(line.at.originServerTs)}`
  const result =
    line.result === null ? absence(type) : `${printable(line.result.value, 40)} (${id(line.result.eventId, style)})`
  const {reset} = line
  const mark = reset === null ? '' : reset.expected ? yellow(' (revoked, see below)') : red(' (RESET, see below)')
  const again = line.again > 0 ? dim(` (and ${count(line.again, 'more merge')} of the same)`) : ''
  const lines = [wrap(`  merge    ${where} → ${bold(result)}${mark}${again}`, 11, style.columns)]
  line.branches.forEach(({after, value}, index) => {
    const held = value === null ? absence(type) : `${printable(value.value, 40)} (${id(value.eventId, style)})`
    lines.push(wrap(`             branch ${String(index + 1)}, after ${id(after, style)}: ${held}`, 15, style.columns))
  })
  if (line.decided !== 'newest') {
    for (const candidate of byOrder(line.candidates))
      lines.push(wrap(candidateLine(candidate, style), 15, style.columns))
  }
  lines.push(dim(wrap(`             decided: ${decisionWords(line.decided)}`, 15, style.columns)))
  if (line.fell.length > 0)
    lines.push(
      wrap(
        `             also fell by this: ${slotList(
          line.fell.map(({slot}) => slot),
          style,
        )}`,
        15,
        style.columns,
      ),
    )
  return lines
}

/** As the merge looked at them. */
function byOrder(candidates: readonly BlameCandidate[]): readonly BlameCandidate[] {
  return candidates.toSorted((a, b) => (a.order ?? Infinity) - (b.order ?? Infinity))
}

function candidateLine(candidate: BlameCandidate, style: TextStyle): string {
  const {event, outcome, rule, because, order, phase, mainline} = candidate
  const place =
    order === null || style.full !== true
      ? ''
      : `, looked at as number ${String(order)}${phase === 'power' ? ' (power events)' : ''}${mainline === null ? '' : `, mainline ${String(mainline)}`}`
  const word = {
    failed: `thrown out by rule ${ruleNumber(rule)}: ${printable(because ?? '', 300)}`,
    overridden: 'passed, and was overridden',
    'rejected-before': 'rejected already on receipt',
    'not-considered': 'not looked at again',
    won: 'won',
  }[outcome]
  return `             ${printable(event.value, 40)} (${id(event.eventId, style)}) by ${printable(event.sender, 60)}${place}: ${word}`
}

/** Without the stage of the check, which says nothing to people. */
function ruleNumber(rule: string | null): string {
  return rule?.replace(/@.*$/, '') ?? '?'
}

function resetSection(line: Merge, reset: BlameReset, remedy: string, style: TextStyle): string {
  const {dim} = paint(style)
  const at = line.at === null ? 'at the tips' : `at ${id(line.at.eventId, style)}`
  const heading = reset.expected ? `Why the newer value does not count ${at}` : `Why it was lost ${at}`
  const lines = reset.story.map((step, index) =>
    wrap(`  ${String(index + 1)}. ${printable(shortIds(step, style))}`, 5, style.columns),
  )
  lines.unshift(wrap(`  Cause: ${causeWords(reset.cause)}`, 4, style.columns))
  if (reset.root !== null) {
    const {event} = reset.root
    lines.push(
      wrap(
        `  It began with ${printable(event.words, 200)} (${id(event.eventId, style)}), ${date(event.originServerTs)}.`,
        5,
        style.columns,
      ),
    )
  }
  if (reset.fellTogether.length > 0) {
    lines.push(
      wrap(
        `  For the same reason ${count(reset.fellTogether.length, 'more slot')} fell: ${slotList(reset.fellTogether, style)}`,
        5,
        style.columns,
      ),
    )
  }
  if (reset.expected)
    lines.push(
      dim(
        wrap(
          '  That is how resolution is meant to work: one branch revoked what another one relied on.',
          4,
          style.columns,
        ),
      ),
    )
  if (remedy !== '') lines.push(remedyLine(remedy, style))
  return [title(heading, style), ...lines].join('\n')
}

function slotList(slots: readonly Slot[], style: TextStyle): string {
  return printable(slotsListed(slots, style.full === true ? Infinity : GLANCE))
}
