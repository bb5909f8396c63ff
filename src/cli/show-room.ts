import type {RoomReport} from '../investigate/room-report.ts'
import {roomDocument} from '../report/room-document.ts'
import type {JsonDocument} from './output.ts'

/** Both forms of a room's report. Tables are loaded only for people: they would slow every program that asks for JSON. */
export async function showRoom(
  report: RoomReport,
  style: {
    readonly json: boolean
    readonly color: boolean
    readonly columns: number | undefined
    readonly full: boolean
  },
): Promise<{readonly json: () => JsonDocument; readonly text: () => string}> {
  const json = (): JsonDocument => roomDocument(report)
  if (style.json) return {json, text: () => ''}
  const {roomText} = await import('../report/room-text.ts')
  return {json, text: () => roomText(report, style)}
}
