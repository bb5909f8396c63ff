import type {DevicesReport} from '../investigate/devices-report.ts'
import type {AuditPlan} from '../investigate/plan-audit.ts'
import {devicesDocument} from '../report/devices-document.ts'
import {planDocument} from '../report/fetch-document.ts'
import type {Forms, JsonDocument, Style} from './output.ts'

/** Both forms of an audit; tables are loaded only for people. */
export async function showDevices(report: DevicesReport, style: Style): Promise<Forms> {
  const json = (): JsonDocument => devicesDocument(report)
  if (style.json) return {json, text: () => ''}
  const {devicesText} = await import('../report/devices-text.ts')
  return {json, text: () => devicesText(report, {...style, nowMs: Date.now()})}
}

/** Both forms of a plan: schema `matrix-state/fetch-plan/1`, as that of `fetch`. */
export async function showDevicesPlan(
  argument: string,
  {routes, users, isGuess}: AuditPlan,
  style: Style,
): Promise<Forms> {
  const json = (): JsonDocument => planDocument(argument, routes)
  if (style.json) return {json, text: () => ''}
  const {planText} = await import('../report/fetch-text.ts')
  const {count} = await import('../report/printable.ts')
  const guess = isGuess ? ': who is in the room is known once it is there' : ''
  return {json, text: () => `For ${count(users, 'user')}${guess}.\n\n${planText(routes, style)}`}
}
