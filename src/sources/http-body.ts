/** An answer that takes longer than the longest silence allowed must on average be faster than this. */
const SLOWEST_BYTES_A_SECOND = 1000

/** Why a body was not read to its end. */
export type BodyFault = 'too long' | 'too slow'

/**
 * Reads a body as a whole; one that is too long, or comes in drips for ever, is left where it is.
 *
 * @param limits - `silenceMs`: how long the server may be silent, in milliseconds; that much time every body has, however short
 */
export async function readBody(
  body: AsyncIterable<Uint8Array> | null,
  {maxBytes, silenceMs}: {readonly maxBytes: number; readonly silenceMs: number},
): Promise<Buffer<ArrayBuffer> | BodyFault> {
  const chunks: Uint8Array[] = []
  const start = performance.now()
  let bytes = 0
  for await (const chunk of body ?? []) {
    bytes += chunk.length
    if (bytes > maxBytes) return 'too long'
    const ms = performance.now() - start
    if (ms > silenceMs && bytes < (ms / 1000) * SLOWEST_BYTES_A_SECOND) return 'too slow'
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
