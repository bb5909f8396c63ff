import type {FetchReport, RouteOutcome} from '../investigate/fetch-report.ts'
import type {PlannedRoute} from '../investigate/open-routes.ts'
import {findingsText} from './findings-text.ts'
import {count, printable} from './printable.ts'
import {field, joinSections, missingEvidenceSection, notesSection, title} from './sections.ts'
import {type Column, paint, table, type TextStyle} from './table.ts'
import {wrap} from './width.ts'

/** `fetch` for people: what came from where, what is missing and who was asked, and what would show more. */
export function fetchText(report: FetchReport, style: TextStyle): string {
  return joinSections([
    header(report, style),
    routesSection(report.routes, style),
    missingEvidenceSection(report.missing, MISSING, style),
    findingsText(report.findings, style),
    notesSection(notesOf(report), style),
    verdictLine(report, style),
  ])
}

function header(report: FetchReport, style: TextStyle): string {
  const {bold, dim} = paint(style)
  const {counts, verified} = report
  const forms = counts.copies > counts.events ? ` in ${count(counts.copies, 'form')}` : ''
  const states = counts.reportedStates > 0 ? `, ${count(counts.reportedStates, 'reported state')}` : ''
  const lines = [
    `${bold(printable(report.roomId))}  version ${printable(report.roomVersion ?? 'unknown')}`,
    field('case', `${printable(report.casePath)}, ${report.isNew ? 'new' : 'continued'}`),
    field('holds', `${count(counts.events, 'event')}${forms}${states}, ${count(counts.keys, 'server key')}`),
    ...(verified === null ? [] : [field('verified', verifiedText(verified))]),
    ...(report.unknowable.length > 0
      ? [field('unseen', dim(`no route that was asked shows: ${report.unknowable.join('; ')}`))]
      : []),
  ]
  return lines.map((line) => wrap(line, 11, style.columns)).join('\n')
}

function verifiedText({copies, unverifiable, perSecond}: NonNullable<FetchReport['verified']>): string {
  const rate = `${Math.round(perSecond).toLocaleString('en-US')} a second`
  const open = unverifiable > 0 ? `; of ${unverifiable.toLocaleString('en-US')} the key is not known` : ''
  return `hashes and signatures of ${count(copies, 'copy', 'copies')}, ${rate}${open}`
}

const ROUTE_COLUMNS: readonly Column[] = [
  {head: 'route', min: 16},
  {head: 'events'},
  {head: 'new'},
  {head: 'only here'},
  {head: 'requests'},
  {head: 'time'},
  {head: 'a second'},
  {head: '', min: 16, first: true},
]

function routesSection(routes: readonly RouteOutcome[], style: TextStyle): string {
  const rows = routes.map((route) => [
    route.name,
    route.events.toLocaleString('en-US'),
    route.newEvents.toLocaleString('en-US'),
    route.onlyHere.toLocaleString('en-US'),
    route.requests.toLocaleString('en-US'),
    `${route.seconds.toFixed(route.seconds < 10 ? 1 : 0)} s`,
    route.seconds > 0 && route.read > 0 ? Math.round(route.read / route.seconds).toLocaleString('en-US') : '',
    remarks(route),
  ])
  const errors = routes.flatMap(({name, error}) =>
    error === null
      ? []
      : [
          wrap(
            `  ${paint(style).red('failed')} ${printable(name)}: ${printable(error.message, 400)}`,
            4,
            style.columns,
          ),
          ...(error.hint === undefined ? [] : [wrap(`    → ${printable(error.hint, 400)}`, 6, style.columns)]),
        ],
  )
  return [title('Routes', style), table(ROUTE_COLUMNS, rows, style), ...errors].join('\n')
}

function remarks({marked, refusals, insecure, error}: RouteOutcome): string {
  return [
    error === null ? '' : 'failed',
    marked.rejected > 0 ? `${marked.rejected.toLocaleString('en-US')} rejected` : '',
    marked.softFailed > 0 ? `${marked.softFailed.toLocaleString('en-US')} soft-failed` : '',
    marked.outliers > 0 ? count(marked.outliers, 'outlier') : '',
    refusals > 0 ? `${refusals.toLocaleString('en-US')} not given` : '',
    insecure ? 'TLS not verified' : '',
  ]
    .filter((word) => word !== '')
    .join(', ')
}

const OUTCOMES = {absent: 'does not have it', refused: 'will not tell', failed: 'no answer'} as const
const MISSING = {
  heading: 'that others cite, or that a server told as its newest',
  unasked: 'nobody could be asked',
  outcome: (outcome: keyof typeof OUTCOMES) => OUTCOMES[outcome],
}

function notesOf(report: FetchReport): readonly string[] {
  const unasked = Math.max(0, ...report.routes.map((route) => route.unasked))
  return [
    ...(unasked === 0
      ? []
      : [
          `${count(unasked, 'missing event was', 'missing events were')} not asked for: a run asks for a limited number. Run again, it goes on. If there are ever more of them, a server is making them up: see who gave the events that cite them.`,
        ]),
    ...report.notes,
    ...report.moreAccess.map(({flag, shows}) => `More access would show more: ${flag} ${shows}.`),
  ]
}

function verdictLine(report: FetchReport, style: TextStyle): string {
  const {green, yellow, dim} = paint(style)
  const next = dim(`Next: matrix-state resolve ${printable(report.casePath)}`)
  if (report.complete) return `${green('Complete: every event that another one cites is here.')}\n${next}`
  const text =
    'Incomplete: some of what was asked for is not here. The same command, run again, asks for the rest only.'
  return `${yellow(wrap(text, 0, style.columns))}\n${next}`
}

/** `fetch --plan`: what would be asked of whom, and what that does there. */
export function planText(plan: readonly PlannedRoute[], style: TextStyle): string {
  const {bold, yellow, green} = paint(style)
  const blocks = plan.map(({name, requests}) => {
    const lines = requests.flatMap(({request, times, purpose, effect}) => [
      wrap(`  ${printable(request, 300)}`, 4, style.columns),
      wrap(`      ${times}: ${purpose}`, 6, style.columns),
      wrap(`      effect: ${effect === 'none' ? green('none') : yellow(effect)}`, 6, style.columns),
    ])
    return [bold(printable(name)), ...lines].join('\n')
  })
  return [...blocks, 'Nothing was asked: this is the plan only.'].join('\n\n')
}
