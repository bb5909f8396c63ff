import type {Explanation} from '../investigate/explain-room.ts'
import {explainDocument} from '../report/explain-document.ts'
import type {JsonDocument} from './output.ts'

/** Both forms of an explanation; text is loaded only for people. */
export async function showExplanation(
  explanation: Explanation,
  style: {
    readonly json: boolean
    readonly color: boolean
    readonly columns: number | undefined
    readonly full: boolean
  },
): Promise<{readonly json: () => JsonDocument; readonly text: () => string}> {
  const json = (): JsonDocument => explainDocument(explanation)
  if (style.json) return {json, text: () => ''}
  const {explainText} = await import('../report/explain-text.ts')
  return {json, text: () => explainText(explanation, style)}
}
