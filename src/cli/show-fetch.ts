import type {FetchReport} from '../investigate/fetch-report.ts'
import type {PlannedRoute} from '../investigate/open-routes.ts'
import {fetchDocument, planDocument} from '../report/fetch-document.ts'
import type {Forms, JsonDocument, Style} from './output.ts'

/** Both forms of what `fetch` brought; tables are loaded only for people. */
export async function showFetch(report: FetchReport, style: Style): Promise<Forms> {
  const json = (): JsonDocument => fetchDocument(report)
  if (style.json) return {json, text: () => ''}
  const {fetchText} = await import('../report/fetch-text.ts')
  return {json, text: () => fetchText(report, style)}
}

/** Both forms of a plan. */
export async function showPlan(room: string, plan: readonly PlannedRoute[], style: Style): Promise<Forms> {
  const json = (): JsonDocument => planDocument(room, plan)
  if (style.json) return {json, text: () => ''}
  const {planText} = await import('../report/fetch-text.ts')
  return {json, text: () => planText(plan, style)}
}
