import type {DiffReport} from '../investigate/diff-report.ts'
import {diffDocument} from '../report/diff-document.ts'
import type {JsonDocument} from './output.ts'

/** Both forms of a comparison. Tables are loaded only for people. */
export async function showDiff(
  report: DiffReport,
  style: {
    readonly json: boolean
    readonly color: boolean
    readonly columns: number | undefined
    readonly full: boolean
  },
): Promise<{readonly json: () => JsonDocument; readonly text: () => string}> {
  const json = (): JsonDocument => diffDocument(report)
  if (style.json) return {json, text: () => ''}
  const {diffText} = await import('../report/diff-text.ts')
  return {json, text: () => diffText(report, {...style, nowMs: Date.now()})}
}
