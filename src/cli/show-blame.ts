import type {BlameReport} from '../investigate/blame-room.ts'
import {blameDocument} from '../report/blame-document.ts'
import type {Forms, Style} from './output.ts'

/** Both forms of the life of a slot. */
export async function showBlame(report: BlameReport, style: Style): Promise<Forms> {
  const json = () => blameDocument(report, style.full)
  if (style.json) return {json, text: () => ''}
  const {blameText} = await import('../report/blame-text.ts')
  return {json, text: () => blameText(report, style)}
}
