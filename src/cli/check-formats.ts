import {StateError} from '../errors.ts'
import type {CheckReport} from '../investigate/check-report.ts'
import type {Style} from './output.ts'

/** How a report is to look, and which version of the program made it. */
export interface CheckStyle extends Style {
  readonly version: string
}

/** Makes the text of one format; it ends with a line feed, or is empty. */
export type CheckRenderer = (report: CheckReport, style: CheckStyle) => Promise<string>

/** Every form that `check` can give its report, by the name that `--format` takes. Each is loaded only where it is asked for. */
export const FORMATS = {
  table: async (report, style) => {
    const {checkTable} = await import('../report/check-table.ts')
    return `${checkTable(report, style)}\n`
  },
  json: async (report) => {
    const {checkDocument} = await import('../report/check-document.ts')
    const {printableJson} = await import('../report/printable.ts')
    return `${printableJson(JSON.stringify(checkDocument(report), null, 2))}\n`
  },
  // On standard output these lines are printed as rooms are done.
  ndjson: async (report) => {
    const {checkEndLine, checkLine} = await import('../report/check-document.ts')
    const {printableJson} = await import('../report/printable.ts')
    return `${[...report.rooms.map(checkLine), checkEndLine(report)].map(printableJson).join('\n')}\n`
  },
  junit: async (report) => {
    const {checkJunit} = await import('../report/check-junit.ts')
    return checkJunit(report)
  },
  sarif: async (report, {version}) => {
    const {checkSarif} = await import('../report/check-sarif.ts')
    const {printableJson} = await import('../report/printable.ts')
    return `${printableJson(JSON.stringify(checkSarif(report, {version}), null, 2))}\n`
  },
  // Markdown goes where the step's summary is written; the lines are for its log.
  github: async (report) => {
    const {checkGithub} = await import('../report/check-github.ts')
    const {checkMarkdown} = await import('../report/check-markdown.ts')
    const {appendStepSummary} = await import('./step-summary.ts')
    const problem = await appendStepSummary(process.env['GITHUB_STEP_SUMMARY'], (maxBytes) =>
      checkMarkdown(report, {maxBytes}),
    )
    return `${checkGithub(report)}${problem === null ? '' : `::warning title=matrix-state::${problem}\n`}`
  },
  markdown: async (report) => {
    const {checkMarkdown} = await import('../report/check-markdown.ts')
    return checkMarkdown(report)
  },
} as const satisfies Readonly<Record<string, CheckRenderer>>

export type CheckFormat = keyof typeof FORMATS

/**
 * The text of a report in one form.
 *
 * @throws StateError OUTPUT_FAILED for more findings than one text can hold: about 300,000 in SARIF, which is the longest
 */
export async function renderReport(format: CheckFormat, report: CheckReport, style: CheckStyle): Promise<string> {
  try {
    return await FORMATS[format](report, style)
  } catch (error) {
    if (!(error instanceof RangeError && error.message.includes('string length'))) throw error
    throw new StateError('OUTPUT_FAILED', `there are too many findings for one report in the format ${format}`, {
      cause: error,
      hint: 'Take --format ndjson, which is printed room by room, or parts of the rooms by --shard.',
    })
  }
}

export const FORMAT_NAMES = Object.keys(FORMATS) as readonly CheckFormat[]
