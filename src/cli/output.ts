import {once} from 'node:events'

/** A machine-readable result: the first key names its schema, such as `matrix-state/resolve/1`. */
export interface JsonDocument {
  readonly schema: `matrix-state/${string}/${number}`
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
  let chunk = ''
  for await (const line of lines) {
    chunk += line
    chunk += '\n'
    if (chunk.length < CHUNK_CHARACTERS) continue
    await write(stream, chunk)
    chunk = ''
  }
  if (chunk !== '') await write(stream, chunk)
}

/** Ends once everything written so far has left the process; `process.exit` alone would cut a pipe short. */
export async function flush(stream: NodeJS.WriteStream): Promise<void> {
  await new Promise<void>((resolve) => {
    stream.write('', () => {
      resolve()
    })
  })
}
