import {Recogniser} from '../forensics/doctor/recognise.ts'
import type {Recognised} from '../forensics/doctor/symptom.ts'
import {linesOf} from '../sources/device-log.ts'

/**
 * Looks for what is known in a log, line by line.
 *
 * @param path - plain or gzip; `-`: standard input
 * @throws StateError INPUT_NOT_FOUND, INPUT_UNREADABLE; the signal's reason
 * @remarks Streams: memory does not grow with the log.
 */
export async function recogniseLog(path: string, signal: AbortSignal): Promise<readonly Recognised[]> {
  const recogniser = new Recogniser()
  for await (const {text} of linesOf(path)) {
    signal.throwIfAborted()
    recogniser.add(text)
  }
  return recogniser.found()
}
