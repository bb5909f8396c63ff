import type {BaselineCheck, Repair} from '../devices/baseline-evidence.ts'
import type {Finding} from '../finding/finding.ts'
import type {PreflightReport} from '../investigate/preflight.ts'
import {count, date, printable} from './printable.ts'
import {field, joinLines, joinSections, notesSection} from './sections.ts'
import {paint, type TextStyle} from './table.ts'
import {wrap} from './width.ts'

export interface PreflightStyle extends TextStyle {
  /** What is wrong, errors and warnings, or was to be told and was not; nothing else. */
  readonly quiet: boolean
}

const RANK = {error: 0, warning: 1, note: 2} as const

/** A message that is why several checks were not made. */
interface Shared {
  readonly message: string
  readonly checks: readonly BaselineCheck[]
}

/** `preflight` for people: one line a check, then what is wrong, each with the ways to put it right. Nothing where all is well and quiet. */
export function preflightText(report: PreflightReport, style: PreflightStyle): string {
  const {quiet} = style
  const shown = quiet ? report.checks.filter(isTrouble) : report.checks
  const shared = sharedReasons(report)
  const grouped = new Set(shared.flatMap(({checks}) => checks))
  const told = new Set<string>()
  // Whatever a line names is explained.
  const named = new Set(shown.flatMap(({findings}) => findings))
  const findings = report.findings
    .filter(({id, severity}) => !quiet || severity !== 'note' || named.has(id))
    .toSorted((a, b) => RANK[a.severity] - RANK[b.severity])
  return joinSections([
    quiet ? '' : header(report, style),
    joinLines([
      ...shown.filter((check) => !grouped.has(check)).map((check) => checkLine(check, report.findings, style)),
      ...shared.map((one) => sharedLine(one, report, style)),
    ]),
    ...findings.map((found) => findingSection(found, report.repairs.get(found.id) ?? [], told, style)),
    quiet ? '' : failedSection(report, shared, style),
    quiet ? '' : notesSection(report.notes, style),
    quiet && report.error === null ? '' : verdict(report, style),
  ])
}

function isTrouble({outcome, because}: BaselineCheck): boolean {
  return outcome === 'failed' || because === 'no-answer'
}

/** What several checks say in the same words is to be said once. */
function sharedReasons({checks, failed, error}: PreflightReport): readonly Shared[] {
  const messages = new Set(
    [...(error === null ? [] : [error]), ...failed.map((one) => one.error)].map((one) => one.message),
  )
  const open = new Set(checks.filter(({because}) => because === 'no-answer'))
  return [...messages].flatMap((message) => {
    const own = [...open].filter(({summary}) => summary.includes(message))
    if (own.length < 2) return []
    for (const check of own) open.delete(check)
    return [{message, checks: own}]
  })
}

function sharedLine({message, checks}: Shared, {error}: PreflightReport, style: TextStyle): string {
  const words = 'not checked'
  // The error itself comes last, on standard error.
  const why = error?.message === message ? '' : `: ${printable(message, 600)}`
  const line = `  ${paint(style).yellow(words)}  ${checks.map(({id}) => id).join(', ')}${why}`
  return wrap(line, 2 + OUTCOME_COLUMNS, style.columns)
}

function header({profile, baseline, asked, failed, findings}: PreflightReport, style: TextStyle): string {
  const requests = asked.reduce((sum, route) => sum + route.requests, 0)
  const isRefused = findings.some(({id}) => id === 'baseline/token-refused')
  const names = [
    ...asked.map(
      ({name, kind, insecure}) =>
        `${printable(name)}${insecure ? ' (TLS not verified)' : ''}${isRefused && kind === 'client' ? ', which refused the token' : ''}`,
    ),
    ...[...new Set(failed.map(({name}) => name))]
      .filter((name) => !asked.some((route) => route.name === name))
      .map((name) => `${printable(name)} (failed)`),
  ]
  const lines = [
    paint(style).bold(`${printable(baseline.user_id)}, device ${printable(baseline.device_id, 80)}`),
    ...(profile === null ? [] : [field('profile', profile)]),
    field('recorded', date(baseline.recorded_ts)),
    field(
      'asked',
      names.length === 0 ? 'nobody' : `${names.join('; ')}${requests > 0 ? `: ${count(requests, 'request')}` : ''}`,
    ),
  ]
  return lines.map((line) => wrap(line, 11, style.columns)).join('\n')
}

const OUTCOME_COLUMNS = 'not checked'.length + 2
const ID_COLUMNS = 'cross-signature'.length + 2

function checkLine(
  {id, outcome, summary, because, findings}: BaselineCheck,
  all: readonly Finding[],
  style: TextStyle,
) {
  const {green, red, yellow, dim} = paint(style)
  const isError = all.some((found) => findings.includes(found.id) && found.severity === 'error')
  const words = outcome === 'ok' ? 'ok' : outcome === 'not-checked' ? 'not checked' : isError ? 'FAILED' : 'warning'
  const paintIt = {ok: green, FAILED: red, warning: yellow, 'not checked': because === 'no-answer' ? yellow : dim}[
    words
  ]
  const head = `  ${paintIt(words)}${' '.repeat(OUTCOME_COLUMNS - words.length)}${id.padEnd(ID_COLUMNS)}`
  // What failed is told in full below.
  const said = outcome === 'failed' ? findings.join(', ') : printable(summary, 600)
  return wrap(`${head}${said}`, 2 + OUTCOME_COLUMNS + ID_COLUMNS, style.columns)
}

/** @param told - repairs that stand above, in full */
function findingSection(found: Finding, repairs: readonly Repair[], told: Set<string>, style: TextStyle): string {
  const {red, yellow, cyan, dim, bold} = paint(style)
  const mark = {error: red('error'), warning: yellow('warning'), note: cyan('note')} as const
  const {id, severity, certainty, summary, evidence, remedy} = found
  return joinLines([
    `${mark[severity]} ${bold(id)} ${dim(`(${certainty})`)}`,
    wrap(`  ${printable(summary, 1000)}`, 2, style.columns),
    ...evidence.map(({source, where, value}) =>
      dim(
        wrap(
          `    ${printable(`${source}, ${where}: ${value === null ? 'none' : String(value)}`, 400)}`,
          6,
          style.columns,
        ),
      ),
    ),
    ...(repairs.length === 0
      ? [wrap(`  → ${printable(remedy, 1000)}`, 4, style.columns)]
      : [
          '  Repairs, the least invasive first:',
          ...repairs.flatMap((repair, at) => repairLines(repair, at + 1, told, style)),
        ]),
  ])
}

/** Commands stay on one line, so that they can be copied. */
function repairLines(
  {repair, what, command, costs}: Repair,
  number: number,
  told: Set<string>,
  style: TextStyle,
): readonly string[] {
  const name = `  ${String(number)}. ${paint(style).bold(repair)}: `
  const key = JSON.stringify([repair, what, command])
  if (told.has(key)) return [`${name}as above.`]
  told.add(key)
  return [
    wrap(`${name}${printable(what, 1000)}`, 5, style.columns),
    command === null ? '' : `       ${paint(style).bold(printable(command))}`,
    paint(style).dim(wrap(`     Costs: ${printable(costs, 600)}.`, 5, style.columns)),
  ]
}

/** Routes that failed while others answered. */
function failedSection({failed, error}: PreflightReport, shared: readonly Shared[], style: TextStyle): string {
  if (error !== null) return ''
  return joinLines(
    failed
      .filter((one) => !shared.some(({message}) => message === one.error.message))
      .map(({name, error: {message}}) =>
        paint(style).yellow(wrap(`${printable(name)} failed: ${printable(message, 600)}`, 2, style.columns)),
      ),
  )
}

function verdict({checks, findings, complete, error}: PreflightReport, style: TextStyle): string {
  const {green, red, yellow} = paint(style)
  const errors = findings.filter(({severity}) => severity === 'error').length
  const warnings = findings.filter(({severity}) => severity === 'warning').length
  const open = checks.filter(({because}) => because === 'no-answer').length
  const rest = complete ? '' : ` ${count(open, 'check')} could not be made.`
  if (errors > 0) return red(`${count(errors, 'error')} found: do not start the bot.${rest}`)
  if (error !== null)
    return red(
      `${open === 0 ? 'Nobody could be asked' : `${count(open, 'check')} could not be made`}: do not start the bot.`,
    )
  if (!complete) return yellow(`Inconclusive: ${count(open, 'check')} could not be made.`)
  if (warnings > 0) return yellow(`The bot is who it was, with ${count(warnings, 'warning')}.`)
  return green('The bot is who it was.')
}
