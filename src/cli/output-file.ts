import {constants, createWriteStream, statSync} from 'node:fs'
import {access, open, rename, rm} from 'node:fs/promises'
import {dirname} from 'node:path'
import {Readable} from 'node:stream'
import {pipeline} from 'node:stream/promises'
import {StateError} from '../errors.ts'
import {isSpecial, placeOf} from './output-place.ts'

/** Which files that exist may be replaced: those of an earlier run. Others may be the very room. */
export interface OwnFiles {
  /** Whether a file that begins so is one; bytes as Latin-1. `null`: none is. */
  readonly isOwn: ((begin: string) => boolean) | null
  /** What they are called, such as "page of explore". */
  readonly name: string
}

/** How much of a file its kind is told by, bytes. */
const BEGIN = 256

/**
 * Refuses what could not be written, or should not be, before a room is opened: nobody is to wait for that.
 *
 * @throws StateError OUTPUT_FAILED for a folder, where there is none, and for a file that is not of this program
 */
export async function refuseOutput(path: string, own: OwnFiles): Promise<void> {
  try {
    if (isSpecial(path)) return
    const place = placeOf(path)
    const stat = statSync(place, {throwIfNoEntry: false})
    if (stat?.isDirectory() === true) {
      throw new StateError('OUTPUT_FAILED', `${JSON.stringify(path)} is a folder`, {hint: 'Give the name of a file.'})
    }
    // Nothing is lost with an empty one, such as mktemp makes.
    if (stat !== undefined && stat.size > 0) await refuseOthers(path, place, own)
    // The dot: its folder may be a file.
    await access(`${dirname(place)}/.`, constants.W_OK)
  } catch (error) {
    throw asOutputFailure(path, error)
  }
}

async function refuseOthers(path: string, place: string, {isOwn, name}: OwnFiles): Promise<void> {
  if (isOwn?.(await beginOf(place)) === true) return
  const [isWhat, replaced] =
    isOwn === null ? ['', ''] : [` and is no ${name}`, ` A ${name} of an earlier run is replaced.`]
  throw new StateError('OUTPUT_FAILED', `${JSON.stringify(path)} exists already${isWhat}`, {
    hint: `Give another --output, or move it away.${replaced}`,
  })
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
 * Writes a file, which is there whole or not at all: what stood there stands until then. A link stays one, and a device or a pipe is written into.
 *
 * @param mode - who may read it; what the umask gives where there is none
 * @throws StateError OUTPUT_FAILED
 */
export async function writeOutput(
  path: string,
  chunks: Iterable<string> | AsyncIterable<string>,
  mode?: number,
): Promise<void> {
  let beside: string | null = null
  const into = (file: string, flags: string): Promise<void> =>
    pipeline(Readable.from(chunks), createWriteStream(file, {flags, ...(mode === undefined ? {} : {mode})}))
  try {
    if (isSpecial(path)) {
      await into(path, 'a')
      return
    }
    const place = placeOf(path)
    beside = `${place}.${String(process.pid)}.part`
    await into(beside, 'wx')
    await rename(beside, place)
  } catch (error) {
    // What could not even be named is not there to be removed.
    if (beside !== null) await rm(beside, {force: true}).catch(() => null)
    throw asOutputFailure(path, error)
  }
}

/** What the operating system refused, as people can act on it; everything else as it is. */
function asOutputFailure(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || !('syscall' in error)) return error
  return new StateError('OUTPUT_FAILED', `could not write ${JSON.stringify(path)}: ${error.message}`, {
    cause: error,
    hint: 'Check the folder, its permissions and the space on the disk.',
  })
}
