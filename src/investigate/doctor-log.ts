import {Recogniser} from '../forensics/doctor/recognise.ts'
import type {Recognised} from '../forensics/doctor/symptom.ts'
import {linesOf} from '../sources/device-log.ts'

/** What a log tells. */
export interface LogTold {
  readonly recognised: readonly Recognised[]
  readonly lines: number
}

/**
 * Looks for what is known in a log, line by line.
 *
 * @param path - plain or gzip; `-`: standard input
 * @throws StateError INPUT_NOT_FOUND, INPUT_UNREADABLE; the signal's reason
 * @remarks Streams: memory does not grow with the log.
 */
export async function recogniseLog(path: string, signal: AbortSignal): Promise<LogTold> {
  const recogniser = new Recogniser()
  let lines = 0
  for await (const {text, line} of linesOf(path)) {
    signal.throwIfAborted()
    recogniser.add(text)
    lines = line
  }
  return {recognised: recogniser.found(), lines}
}
