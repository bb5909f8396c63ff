import type {RoomReport} from '../investigate/room-report.ts'
import {roomDocument} from '../report/room-document.ts'
import type {Forms, JsonDocument, Style} from './output.ts'

/** Both forms of a room's report. Tables are loaded only for people: they would slow every program that asks for JSON. */
export async function showRoom(report: RoomReport, style: Style): Promise<Forms> {
  const json = (): JsonDocument => roomDocument(report)
  if (style.json) return {json, text: () => ''}
  const {roomText} = await import('../report/room-text.ts')
  return {json, text: () => roomText(report, style)}
}
