import type {CheckReport} from '../investigate/check-report.ts'
import type {Style} from './output.ts'

/** Makes the text of one format; it ends with a line feed, or is empty. */
export type CheckRenderer = (report: CheckReport, style: Style) => Promise<string>

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
} as const satisfies Readonly<Record<string, CheckRenderer>>

export type CheckFormat = keyof typeof FORMATS

export const FORMAT_NAMES = Object.keys(FORMATS) as readonly CheckFormat[]
