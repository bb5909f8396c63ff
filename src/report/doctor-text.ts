import type {Diagnosis} from '../forensics/doctor/diagnosis.ts'
import type {Remedy} from '../forensics/doctor/remedy.ts'
import type {DoctorReport, SymptomTold} from '../investigate/doctor-report.ts'
import {shellWord} from './asked.ts'
import {foldFindings} from './fold-findings.ts'
import {count, printable} from './printable.ts'
import {GLANCE, joinLines, joinSections, more, notesSection, title} from './sections.ts'
import {paint, type TextStyle} from './table.ts'
import {wrap} from './width.ts'

/** `doctor` for people: what the message means, the cause, what to do, what else is wrong, what is not known. */
export function doctorText(report: DoctorReport, style: TextStyle): string {
  const bySymptom = surestFirst(report)
  const without = report.diagnoses.filter(({symptom}) => symptom === null)
  const order = [...bySymptom.flatMap(({diagnoses}) => diagnoses), ...without]
  const tell = (one: Diagnosis): string => {
    const index = order.indexOf(one)
    const earlier = order.slice(0, index).flatMap(({remedies}) => remedies.map(({id}) => id))
    return diagnosisSection(one, order.length > 1 ? index + 1 : null, new Set(earlier), style)
  }
  return joinSections([
    head(report, style),
    ...bySymptom.flatMap(({symptoms, diagnoses, notShown, remedies}) => [
      symptomSection(symptoms, style),
      ...notShown.map(({says}) => notShownSection(says, style)),
      ...diagnoses.map(tell),
      generalSection(remedies, style),
    ]),
    unrecognisedSection(report, style),
    ...without.map(tell),
    roomsSection(report, style),
    othersSection(report, style),
    openSection(report, style),
    report.notes.length > 0 && style.full === true ? notesSection(report.notes, style) : '',
  ])
}

/** One line of text that a room, a log or a server wrote. */
const safe = (text: string, most = 1500): string => printable(text.replaceAll(/\s*\n\s*/g, ' '), most)

interface OfSymptom {
  readonly symptoms: readonly SymptomTold[]
  readonly diagnoses: readonly Diagnosis[]
  readonly notShown: DoctorReport['notShown']
  readonly remedies: readonly Remedy[]
}

/** Each symptom with what became of it: those first of which a cause is shown. */
function surestFirst({symptoms, diagnoses, notShown, generally}: DoctorReport): readonly OfSymptom[] {
  const groups = [...Map.groupBy(symptoms, ({symptom}) => symptom)].map(([id, of]): OfSymptom => ({
    symptoms: of,
    diagnoses: diagnoses.filter(({symptom}) => symptom?.symptom === id),
    notShown: notShown.filter(({symptom}) => symptom === id),
    remedies: generally.filter(({symptom}) => symptom === id).flatMap(({remedies}) => remedies),
  }))
  const rank = ({diagnoses: of}: OfSymptom): number =>
    of.some(({certainty}) => certainty !== 'hint') ? 0 : of.length > 0 ? 1 : 2
  return groups.sort((a, b) => rank(a) - rank(b))
}

function head(report: DoctorReport, style: TextStyle): string {
  const {bold, dim, green, red, yellow} = paint(style)
  const {roomId, roomVersion, name, events, servers} = report
  const sure = report.diagnoses.filter(({certainty}) => certainty !== 'hint')
  const ofMessage = sure.filter(({symptom}) => symptom !== null)
  const verdict =
    ofMessage.length > 0
      ? red(`Found: ${count(ofMessage.length, 'cause')}`)
      : sure.length > 0
        ? red(`Found: ${count(sure.length, 'trouble')} in this room`)
        : report.diagnoses.length > 0
          ? yellow('No cause is shown; there are hints')
          : isOpen(report)
            ? yellow('No cause is shown, and evidence is lacking')
            : green(report.message === null ? 'Nothing is wrong that could be found' : 'No cause in this room')
  const room =
    roomId === null
      ? ''
      : dim(
          wrap(
            `${name === null ? '' : `${safe(name, 80)}, `}${safe(roomId)}, version ${safe(roomVersion ?? '')}, ${count(events, 'event')}${servers.length === 0 ? ', no server told its state' : `, state told by ${safe(servers.join(', '), 300)}`}`,
            2,
            style.columns,
          ),
        )
  const remarks = report.remarks.map((line) => yellow(wrap(safe(line), 2, style.columns)))
  return joinLines([bold(verdict), room, ...remarks])
}

function isOpen({open, gather, symptoms, unrecognised}: DoctorReport): boolean {
  return open.length > 0 || gather.length > 0 || unrecognised !== null || symptoms.length > 0
}

const SOFTWARE: Readonly<Record<string, string>> = {
  synapse: 'Synapse',
  dendrite: 'Dendrite',
  conduit: 'Conduit and its children',
  client: 'a client',
}

/** Signs of one symptom, in whatever words, with what they mean. */
function symptomSection(symptoms: readonly SymptomTold[], style: TextStyle): string {
  const [one] = symptoms
  if (one === undefined) return ''
  const {dim} = paint(style)
  const softwares = [...new Set(symptoms.map(({software}) => software))]
  const who = `said by ${softwares.map((name) => (name === null ? 'servers' : (SOFTWARE[name] ?? name))).join(', ')}`
  const lines = symptoms.reduce((sum, {times}) => sum + times, 0)
  const first = Math.min(...symptoms.map(({line}) => line))
  const times = lines > 1 ? `, ${count(lines, 'line')}, the first is line ${String(first)}` : ''
  const quotes = [...new Set(symptoms.map(({quote}) => `“${safe(quote, 200)}”`))]
  const sources = style.full === true ? `; ${one.kind.sources.join(', ')}` : ''
  return joinLines([
    ...quotes.slice(0, 3).map((quote) => title(quote, style)),
    wrap(`  ${safe(one.kind.meaning)}`, 2, style.columns),
    dim(wrap(`  ${one.kind.title}, ${who}${times}${sources}`, 2, style.columns)),
  ])
}

/** Without a cause, what harms nothing. */
function generalSection(remedies: readonly Remedy[], style: TextStyle): string {
  const {bold} = paint(style)
  return remedies.length === 0
    ? ''
    : joinLines([
        bold('  What can be looked at or tried meanwhile, without a cause'),
        ...remedies.flatMap((remedy, index) => [
          headOf(remedy, index + 1, style),
          ...(index < IN_FULL || style.full === true ? detailsOf(remedy, style) : []),
        ]),
      ])
}

function unrecognisedSection(report: DoctorReport, style: TextStyle): string {
  const {unrecognised, message, log, roomId} = report
  if (unrecognised === null) return ''
  const {nearest} = unrecognised
  const isWrong = report.diagnoses.length + report.others.length > 0
  return joinLines([
    title(log === null ? 'The message is not one that is known here' : 'No line of the log is known here', style),
    log === null ? wrap(`  “${safe(message ?? '', 300)}”`, 3, style.columns) : '',
    nearest.length === 0
      ? wrap('  docs/doctor.md lists what is known.', 4, style.columns)
      : wrap(`  Nearest: ${nearest.map((one) => `${one.title} (${one.symptom})`).join('; ')}.`, 4, style.columns),
    roomId === null
      ? ''
      : wrap(
          isWrong
            ? '  What follows is what is wrong with the room, whatever the message means.'
            : report.open.length > 0
              ? '  The checks found nothing, as far as the evidence goes.'
              : '  All checks of the room were done, and found nothing.',
          2,
          style.columns,
        ),
  ])
}

function notShownSection(says: readonly string[], style: TextStyle): string {
  return joinLines([
    title('The evidence does not show the cause', style),
    ...says.map((line) => wrap(`  ${safe(line)}`, 2, style.columns)),
  ])
}

const CERTAINTY: Readonly<Record<Diagnosis['certainty'], string>> = {
  proof: 'proven by the events',
  strong: 'strong evidence',
  hint: 'a hint, no more',
}

function diagnosisSection(
  diagnosis: Diagnosis,
  number: number | null,
  told: ReadonlySet<string>,
  style: TextStyle,
): string {
  const {bold, dim, red, yellow} = paint(style)
  const {cause, certainty, events, rule, wouldPass = [], remedies, findings, symptom} = diagnosis
  const what = certainty === 'hint' ? 'Hint' : symptom === null ? 'Trouble' : 'Cause'
  const color = certainty === 'hint' ? yellow : red
  const shown = style.full === true ? events : events.slice(0, 6)
  return joinLines([
    wrap(
      `${bold(color(`${what}${number === null ? '' : ` ${String(number)}`}`))} ${dim(`(${CERTAINTY[certainty]})`)}`,
      2,
      style.columns,
    ),
    wrap(`  ${shortIds(safe(cause, 3000), style)}`, 2, style.columns),
    rule === null
      ? ''
      : wrap(
          `  Rule ${safe(rule.number)}: ${safe(asksOf(rule.text, cause), 500)}. ${safe(rule.source)}`,
          4,
          style.columns,
        ),
    shown.length === 0 ? '' : bold('  Events'),
    ...shown.flatMap(({eventId, part}) => [
      wrap(`    ${safe(part, 400)}`, 6, style.columns),
      dim(`      ${safe(eventId)}`),
    ]),
    more(events.length - shown.length, style),
    findings.length === 0 ? '' : wrap(`  Found: ${kinds(findings)}`, 4, style.columns),
    wouldPass.length === 0 ? '' : bold('  It would be allowed'),
    ...wouldPass.map(({says, by}) =>
      wrap(
        `    ${safe(says, 500)}${by.length === 0 ? '' : dim(` (who could bring that about: ${safe(by.join(', '), 300)})`)}`,
        6,
        style.columns,
      ),
    ),
    ...remediesLines(remedies, told, style),
  ])
}

/** What a rule asks, without the reason that the cause has told. */
function asksOf(text: string, cause: string): string {
  const [asks = '', ...because] = text.split(': ')
  return because.length > 0 && cause.includes(because.join(': ')) ? asks : text
}

function kinds(findings: Diagnosis['findings']): string {
  const counts = Map.groupBy(findings, ({severity, id}) => `${severity} ${id}`)
  return [...counts].map(([kind, of]) => (of.length === 1 ? kind : `${kind} (${String(of.length)})`)).join(', ')
}

const INVASIVENESS: Readonly<Record<Remedy['invasiveness'], string>> = {
  none: 'changes nothing',
  client: 'what any client does',
  server: 'on one server, can be repeated or undone',
  destructive: 'destructive: cannot be undone',
}
const WHO: Readonly<Record<Remedy['who'], string>> = {
  user: 'the user',
  'room-admin': 'a room admin',
  'server-admin': 'a server admin',
  'bot-operator': "the bot's operator",
  developer: 'a developer',
}

/** Remedies that are told with all their steps; of the rest the title, unless all is asked for. */
const IN_FULL = 4

function remediesLines(remedies: readonly Remedy[], told: ReadonlySet<string>, style: TextStyle): readonly string[] {
  const fresh = remedies.filter(({id}) => !told.has(id))
  if (remedies.length === 0) return []
  const {bold, dim} = paint(style)
  const again = remedies.length - fresh.length
  const inFull = style.full === true ? fresh : fresh.filter(isMild).slice(0, IN_FULL)
  return [
    bold('  What can be done, the least invasive first'),
    again === 0
      ? ''
      : wrap(
          again === 1
            ? '  What is told above helps here, too'
            : `  Of what is told above ${String(again)} ways help here, too`,
          2,
          style.columns,
        ),
    ...fresh.flatMap((remedy, index) => [
      headOf(remedy, index + 1, style),
      ...(inFull.includes(remedy) ? detailsOf(remedy, style) : []),
    ]),
    inFull.length === fresh.length
      ? ''
      : dim(wrap('  The steps and the risks of all of them: --full, or --json', 2, style.columns)),
  ]
}

const isMild = ({invasiveness}: Remedy): boolean => invasiveness !== 'destructive'

function headOf({title: what, invasiveness, who, software}: Remedy, number: number, style: TextStyle): string {
  const {dim, red} = paint(style)
  const of = software === 'any' ? '' : `, ${SOFTWARE[software] ?? software}`
  const how = `(${WHO[who]}${of}; ${INVASIVENESS[invasiveness]})`
  const isLast = invasiveness === 'destructive'
  return wrap(`  ${String(number)}. ${safe(what, 500)} ${isLast ? red(how) : dim(how)}`, 5, style.columns)
}

function detailsOf({steps, risk, check, sources}: Remedy, style: TextStyle): readonly string[] {
  const {dim} = paint(style)
  return [
    ...steps.flatMap((step) => withCommands(`- ${step}`, style)),
    ...withCommands(`Risk: ${risk}`, style),
    ...withCommands(`Check: ${check}`, style),
    sources.length === 0 ? '' : dim(wrap(`     ${safe(sources.join(', '), 800)}`, 7, style.columns)),
  ]
}

const COMMAND = /`((?:matrix-state|GET|POST|PUT|DELETE|!admin) [^`]*)`[.,;:]?/g

/** Text with its commands on lines of their own: a command that is broken over lines cannot be copied. */
function withCommands(step: string, style: TextStyle): readonly string[] {
  const text = safe(step, 3000)
  if (style.columns === undefined || text.length + 5 <= style.columns) return [`     ${text}`]
  const lines: string[] = []
  let at = 0
  const add = (part: string): void => {
    // A step that is nothing but a command.
    const words = part.trim() === '-' ? '- Run, or send:' : part.trim()
    if (words !== '') lines.push(wrap(`${lines.length === 0 ? '     ' : '       '}${words}`, 7, style.columns))
  }
  for (const match of text.matchAll(COMMAND)) {
    const {index} = match
    add(text.slice(at, index))
    lines.push(`         ${match[1] ?? ''}`)
    at = index + match[0].length
  }
  add(text.slice(at))
  return lines
}

function roomsSection({rooms, message, log}: DoctorReport, style: TextStyle): string {
  const said =
    log === '-'
      ? '- '
      : log !== null
        ? `--log ${shellWord(log)} `
        : `${message === null || message.length > 60 ? "'MESSAGE'" : shellWord(message)} `
  if (rooms.length === 0) return ''
  const shown = style.full === true ? rooms : rooms.slice(0, GLANCE)
  return joinLines([
    title(rooms.length === 1 ? 'The room that it names' : 'Rooms that it names', style),
    ...shown.flatMap(({roomId, lines}) => [
      wrap(`  ${safe(roomId)}: ${count(lines, 'line')}`, 4, style.columns),
      `  matrix-state doctor ${said}${shellWord(roomId)}`,
    ]),
    more(rooms.length - shown.length, style),
  ])
}

/** One line for what is one trouble. */
function othersSection({others, diagnoses}: DoctorReport, style: TextStyle): string {
  const notes = others.filter(({severity}) => severity === 'note')
  const wrong = style.full === true ? others : others.filter(({severity}) => severity !== 'note')
  const {red, yellow, cyan} = paint(style)
  const mark = {error: red('error'), warning: yellow('warning'), note: cyan('note')} as const
  const folds = foldFindings(wrong, style)
  const shown = style.full === true ? folds : folds.slice(0, GLANCE)
  const rest =
    notes.length > 0 && style.full !== true
      ? `  ${count(notes.length, 'note')} more: --full shows all, as \`check\` does`
      : ''
  if (shown.length === 0 && rest === '') return ''
  return joinLines([
    title(diagnoses.length === 0 ? 'What is wrong with the room otherwise' : 'What else is wrong', style),
    ...shown.map(({first, summary}) =>
      wrap(
        `  ${mark[first.severity]} ${first.id}: ${shortIds(safe(summary, style.full === true ? 1500 : 160), style)}`,
        4,
        style.columns,
      ),
    ),
    more(folds.length - shown.length, style),
    rest,
  ])
}

function openSection({open, gather}: DoctorReport, style: TextStyle): string {
  if (open.length + gather.length === 0) return ''
  return joinLines([
    title('Not known, and how to get it', style),
    ...[...open, ...gather].map((line) => wrap(`  - ${safe(line)}`, 4, style.columns)),
  ])
}

/** At a glance the beginning of an event ID is enough to tell it from others. */
function shortIds(text: string, style: TextStyle): string {
  return style.full === true ? text : text.replace(/(\$[A-Za-z0-9_+/-]{10})[A-Za-z0-9_+/-]{20,}/g, '$1…')
}
