import {once} from 'node:events'
import type {Asked} from '../report/asked.ts'
import {type OwnFiles, refuseOutput, writeOutput} from './output-file.ts'

/** A machine-readable result: the first key names its schema, such as `matrix-state/resolve/1`. */
export interface JsonDocument {
  readonly schema: `matrix-state/${string}/${number}`
}

/** How a result is to look. */
export interface Style {
  readonly json: boolean
  readonly color: boolean
  /** Columns of the terminal; `undefined`: no limit. */
  readonly columns: number | undefined
  /** Everything, instead of what fits a glance. */
  readonly full: boolean
  /** How the room was asked for. */
  readonly asked?: Asked
}

/** A result for programs and for people; only the one that is asked for is computed. */
export interface Forms {
  readonly json: () => JsonDocument
  readonly text: () => string
}

type Lines = Iterable<string> | AsyncIterable<string>

const CHUNK_CHARACTERS = 64 * 1024

/** Writes and, when the reader is slower, waits for it: memory stays flat however much is written. */
export async function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  // A stream that has failed takes nothing more; its 'error' listener (main.ts) is ending the process.
  if (!stream.write(text) && stream.writable) await once(stream, 'drain')
}

/** Writes lines, each with a line feed, in chunks large enough to be fast. */
export async function writeLines(stream: NodeJS.WriteStream, lines: Lines): Promise<void> {
  for await (const chunk of chunksOf(lines)) await write(stream, chunk)
}

/** Lines, each with a line feed, in chunks large enough to be fast. */
export async function* chunksOf(lines: Lines): AsyncGenerator<string> {
  let chunk = ''
  for await (const line of lines) {
    chunk += line
    chunk += '\n'
    if (chunk.length < CHUNK_CHARACTERS) continue
    yield chunk
    chunk = ''
  }
  if (chunk !== '') yield chunk
}

/** Ends once everything written so far has left the process; `process.exit` alone would cut a pipe short. */
export async function flush(stream: NodeJS.WriteStream): Promise<void> {
  await new Promise<void>((resolve) => {
    stream.write('', () => {
      resolve()
    })
  })
}

const NONE: OwnFiles = {isOwn: null, name: ''}

/**
 * Writes lines to a new file, which is there whole or not at all; it can be read by this user only, since it may hold messages.
 *
 * @throws StateError OUTPUT_FAILED, also where a file of that name holds something: it may be the very file that the lines come from
 */
export async function writeFileLines(path: string, lines: Lines): Promise<void> {
  await refuseOutput(path, NONE)
  await writeOutput(path, chunksOf(lines), 0o600)
}
