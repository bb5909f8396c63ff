import {Buffer} from 'node:buffer'
import {constants, openSync, statSync} from 'node:fs'
import {open} from 'node:fs/promises'
import {Socket} from 'node:net'
import type {Readable} from 'node:stream'
import {createGunzip} from 'node:zlib'
import {StateError} from '../errors.ts'
import type {Reading} from './file-problems.ts'
import {isGzip, refuseKnownKinds, SIGNATURE_BYTES} from './file-kinds.ts'
import {isBlank, LF} from './file-value-end.ts'

/** Bytes in chunks, each at most 64 KiB. A chunk stays valid. */
export type Chunks = AsyncGenerator<Buffer, void, undefined>

/** The gzip data ends too early (`cut`) or is damaged. */
export class GzipError extends Error {
  readonly cut: boolean
  constructor(cut: boolean, cause: unknown) {
    super('bad gzip data', {cause})
    this.cut = cut
  }
}

/** Bytes that can be looked at and put back. */
export interface ByteReader {
  /** `undefined` at the end. */
  readonly read: () => Promise<Buffer | undefined>
  /** The next `read` gives this chunk. */
  readonly unread: (chunk: Buffer) => void
  /** Frees the file; to be called in any case. */
  readonly close: () => Promise<void>
}

const UTF8_MARK = Buffer.from([0xef, 0xbb, 0xbf])
const CHUNK_BYTES = 1 << 16
/** Small, so that what one piece inflates to stays small: gzip makes at most 1,032 bytes of one. */
const COMPRESSED_PIECE_BYTES = 1 << 16

/**
 * The bytes of a file, or of `input`, with gzip undone and without a byte order mark.
 *
 * @throws StateError - INPUT_NOT_FOUND, INPUT_UNREADABLE, DUMP_MALFORMED for kinds of files not read here.
 * @throws GzipError - after everything before the damage has been read.
 */
export async function openBytes(path: string, input: Readable | undefined, reading: Reading): Promise<ByteReader> {
  const raw = byteReader(input === undefined ? fileChunks(path, reading) : streamChunks(input, reading))
  try {
    const head = await peek(raw, SIGNATURE_BYTES)
    const gzip = isGzip(head)
    if (!gzip) refuseKnownKinds(head, reading)
    const plain = gzip ? byteReader(inflate(raw)) : raw
    const start = gzip ? await peek(plain, SIGNATURE_BYTES) : head
    if (gzip) refuseKnownKinds(start, reading)
    if (start.subarray(0, 3).equals(UTF8_MARK)) await drop(plain, UTF8_MARK.length)
    const close = async (): Promise<void> => {
      await plain.close()
      await raw.close()
    }
    return {...plain, close}
  } catch (error) {
    await raw.close()
    throw error
  }
}

/**
 * A pipe with a name, read without a thread that waits for whoever writes into it: no such thread could be ended, nor the process with it.
 *
 * @returns `null` for anything else
 */
function openPipe(path: string): Readable | null {
  if (process.platform === 'win32' || !isPipe(path)) return null
  return new Socket({fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), readable: true, writable: false})
}

/** A path that cannot be looked at is none here: why, is told when it is opened. */
function isPipe(path: string): boolean {
  try {
    return statSync(path).isFIFO()
  } catch {
    return false
  }
}

/** Wraps chunks so that they can be put back. */
function byteReader(chunks: Chunks): ByteReader {
  const returned: Buffer[] = []
  return {
    read: async () => {
      const again = returned.pop()
      if (again !== undefined) return again
      const next = await chunks.next()
      return next.done === true ? undefined : next.value
    },
    unread: (chunk) => {
      if (chunk.length > 0) returned.push(chunk)
    },
    close: async () => {
      await chunks.return(undefined)
    },
  }
}

/** The first `length` bytes, or fewer at the end; they are put back. */
async function peek(bytes: ByteReader, length: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  while (size < length) {
    const chunk = await bytes.read()
    if (chunk === undefined) break
    chunks.push(chunk)
    size += chunk.length
  }
  const [first, ...others] = chunks
  const head = first !== undefined && others.length === 0 ? first : Buffer.concat(chunks)
  bytes.unread(head)
  return head.subarray(0, length)
}

async function drop(bytes: ByteReader, length: number): Promise<void> {
  const chunk = await bytes.read()
  if (chunk !== undefined) bytes.unread(chunk.subarray(length))
}

/**
 * Drops whitespace before the first value.
 *
 * @returns the 1-based line on which that value begins; `undefined` when there is none.
 */
export async function skipBlank(bytes: ByteReader): Promise<number | undefined> {
  let line = 1
  for (let chunk = await bytes.read(); chunk !== undefined; chunk = await bytes.read()) {
    for (let position = 0; position < chunk.length; position += 1) {
      if (chunk[position] === LF) line += 1
      else if (!isBlank(chunk[position])) {
        bytes.unread(chunk.subarray(position))
        return line
      }
    }
  }
  return undefined
}

/** The bytes up to the first line feed, which are put back; at most `limit` and a chunk more. */
export async function peekLine(bytes: ByteReader, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  let end = -1
  while (end < 0 && size <= limit) {
    const chunk = await bytes.read()
    if (chunk === undefined) break
    chunks.push(chunk)
    const feed = chunk.indexOf(LF)
    if (feed >= 0) end = size + feed
    size += chunk.length
  }
  for (const chunk of chunks.toReversed()) bytes.unread(chunk)
  const line = Buffer.concat(chunks)
  return end < 0 ? line : line.subarray(0, end)
}

async function* fileChunks(path: string, reading: Reading): Chunks {
  const pipe = openPipe(path)
  if (pipe !== null) {
    yield* streamChunks(pipe, reading)
    return
  }
  try {
    const file = await open(path)
    try {
      for (;;) {
        const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
        const {bytesRead} = await file.read(buffer, 0, CHUNK_BYTES, null)
        if (bytesRead === 0) return
        yield buffer.subarray(0, bytesRead)
      }
    } finally {
      await file.close()
    }
  } catch (error) {
    throw unreadable(error, reading)
  }
}

async function* streamChunks(input: Readable, reading: Reading): Chunks {
  try {
    for await (const chunk of input as AsyncIterable<Uint8Array | string>) {
      const bytes =
        typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
      for (let from = 0; from < bytes.length; from += CHUNK_BYTES) yield bytes.subarray(from, from + CHUNK_BYTES)
    }
  } catch (error) {
    throw unreadable(error, reading)
  }
}

/** Undoes gzip of one or more members. Everything that precedes a cut or damage is yielded before the error. */
async function* inflate(compressed: ByteReader): Chunks {
  const gunzip = createGunzip({chunkSize: CHUNK_BYTES / 4})
  const ready: Buffer[] = []
  let failure: unknown
  let ended = false
  const isOver = (): boolean => ended
  const check = (): void => {
    if (failure !== undefined) throw new GzipError(errorCode(failure) === 'Z_BUF_ERROR', failure)
  }
  gunzip.on('data', (chunk: Buffer) => ready.push(chunk))
  const over = new Promise<void>((resolve) => {
    gunzip.on('end', resolve)
    gunzip.on('error', (error) => {
      failure = error
      resolve()
    })
  }).then(() => {
    ended = true
  })
  try {
    for (let chunk = await compressed.read(); chunk !== undefined; chunk = await compressed.read()) {
      for (let from = 0; from < chunk.length; from += COMPRESSED_PIECE_BYTES) {
        const piece = chunk.subarray(from, from + COMPRESSED_PIECE_BYTES)
        if (isOver()) {
          refuseMore(piece)
          continue
        }
        const before = gunzip.bytesWritten
        const written = new Promise<void>((resolve) => {
          gunzip.write(piece, () => {
            resolve()
          })
        })
        await Promise.race([written, over])
        yield* ready.splice(0)
        check()
        if (isOver()) refuseMore(piece.subarray(gunzip.bytesWritten - before))
      }
    }
    gunzip.end()
    await over
    yield* ready.splice(0)
    check()
  } finally {
    gunzip.destroy()
  }
}

/** zlib takes a zero byte behind a member for padding and ends there: more data behind it would be lost silently. */
function refuseMore(padding: Buffer): void {
  if (padding.some((byte) => byte !== 0)) throw new GzipError(false, new Error('data after padding'))
}

function unreadable(error: unknown, {name}: Reading): StateError {
  if (error instanceof StateError) return error
  const code = errorCode(error)
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ERR_INVALID_ARG_VALUE':
      return new StateError('INPUT_NOT_FOUND', `${name}: no such file`, {cause: error, hint: 'Check the path.'})
    case 'EISDIR':
      return new StateError('INPUT_UNREADABLE', `${name} is a directory, not a dump`, {
        cause: error,
        hint: 'Name the file in it.',
      })
    case 'EACCES':
    case 'EPERM':
      return new StateError('INPUT_UNREADABLE', `${name}: no permission to read it`, {
        cause: error,
        hint: 'Change its permissions, or pipe it: sudo cat FILE | matrix-state … -',
      })
    default: {
      const reason = error instanceof Error ? error.message : String(error)
      return new StateError('INPUT_UNREADABLE', `${name} cannot be read: ${reason}`, {cause: error})
    }
  }
}

function errorCode(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
