import type {PreflightReport} from '../investigate/preflight.ts'
import {preflightDocument} from '../report/preflight-document.ts'
import type {Forms, JsonDocument, Style} from './output.ts'

/** Both forms of a preflight; what renders text is loaded only for people. */
export async function showPreflight(report: PreflightReport, style: Style & {readonly quiet: boolean}): Promise<Forms> {
  const json = (): JsonDocument => preflightDocument(report)
  if (style.json) return {json, text: () => ''}
  const {preflightText} = await import('../report/preflight-text.ts')
  return {json, text: () => preflightText(report, style)}
}
