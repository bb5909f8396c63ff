import type {DoctorReport} from '../investigate/doctor-report.ts'
import {doctorDocument} from '../report/doctor-document.ts'
import type {Forms, JsonDocument, Style} from './output.ts'

/** Both forms of what the doctor says; text is loaded only for people. */
export async function showDoctor(report: DoctorReport, style: Style): Promise<Forms> {
  const json = (): JsonDocument => doctorDocument(report)
  if (style.json) return {json, text: () => ''}
  const {doctorText} = await import('../report/doctor-text.ts')
  return {json, text: () => doctorText(report, style)}
}
