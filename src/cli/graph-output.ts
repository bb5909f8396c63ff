import {constants, createWriteStream, statSync} from 'node:fs'
import {access, open, rename, rm} from 'node:fs/promises'
import {dirname} from 'node:path'
import {Readable} from 'node:stream'
import {pipeline} from 'node:stream/promises'
import {StateError} from '../errors.ts'
import {MARK} from '../report/graph/mark.ts'
import {chunksOf} from './output.ts'
import {isSpecial, placeOf} from './output-place.ts'

/** How far into a file the mark is looked for, bytes. */
const BEGIN = 256
/** How each form of a graph begins. Other people's files may hold the same words, but not there. */
const BEGINS = new RegExp(
  `^(?:// ${MARK}\\n|%% ${MARK}\\n|<\\?xml[^>]*\\?>\\s*<!-- ${MARK} -->|\\{\\s*"schema": "matrix-state/graph/)`,
)

/**
 * Refuses what could not be written, or should not be, before a room is opened: nobody is to wait for that.
 *
 * @throws StateError OUTPUT_FAILED for a folder, where there is none, and for a file that is no graph of this program: it may be the room itself
 */
export async function refuseGraphPath(path: string): Promise<void> {
  try {
    if (isSpecial(path)) return
    await refusePlace(path)
  } catch (error) {
    throw asFailure(path, error)
  }
}

async function refusePlace(path: string): Promise<void> {
  const place = placeOf(path)
  const stat = statSync(place, {throwIfNoEntry: false})
  if (stat?.isDirectory() === true) {
    throw new StateError('OUTPUT_FAILED', `${JSON.stringify(path)} is a folder`, {hint: 'Give the name of a file.'})
  }
  // Nothing is lost with an empty one, such as mktemp makes.
  if (stat !== undefined && stat.size > 0 && !BEGINS.test(await beginOf(place))) {
    throw new StateError('OUTPUT_FAILED', `${JSON.stringify(path)} exists already and is no graph of this program`, {
      hint: 'Give another --output, or move it away. A graph of an earlier run is replaced.',
    })
  }
  // The dot: its folder may be a file.
  await access(`${dirname(place)}/.`, constants.W_OK)
}

async function beginOf(path: string): Promise<string> {
  const file = await open(path, 'r').catch(() => null)
  try {
    const buffer = Buffer.alloc(BEGIN)
    const {bytesRead = 0} = (await file?.read(buffer, 0, BEGIN, 0)) ?? {}
    return buffer.toString('latin1', 0, bytesRead)
  } finally {
    await file?.close()
  }
}

/**
 * Writes a graph, which is there whole or not at all: a graph of an earlier run stands there until then. A link stays one, and a device or a
 * pipe is written into. The file can be read by this user only: it says who was in the room.
 *
 * @throws StateError OUTPUT_FAILED
 */
export async function writeGraph(path: string, lines: Iterable<string>): Promise<void> {
  await refuseGraphPath(path)
  const place = placeOf(path)
  const beside = `${place}.${String(process.pid)}.part`
  try {
    if (isSpecial(path)) await writeLinesTo(path, lines, 'a')
    else {
      await writeLinesTo(beside, lines, 'wx')
      await rename(beside, place)
    }
  } catch (error) {
    await rm(beside, {force: true})
    throw asFailure(path, error)
  }
}

async function writeLinesTo(path: string, lines: Iterable<string>, flags: string): Promise<void> {
  await pipeline(Readable.from(chunksOf(lines)), createWriteStream(path, {mode: 0o600, flags}))
}

/** What the operating system refused, as people can act on it; everything else as it is. */
function asFailure(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || !('syscall' in error)) return error
  return new StateError('OUTPUT_FAILED', `could not write ${JSON.stringify(path)}: ${error.message}`, {
    cause: error,
    hint: 'Check the folder, its permissions and the space on the disk.',
  })
}
