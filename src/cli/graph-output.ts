import {existsSync, statSync} from 'node:fs'
import {open, rename, rm, writeFile} from 'node:fs/promises'
import {StateError} from '../errors.ts'
import {MARK} from '../report/graph/mark.ts'

/** How far into a file the mark is looked for, bytes. */
const BEGIN = 256

/**
 * Refuses what could not be written, or should not be, before a room is opened: nobody is to wait for that.
 *
 * @throws StateError OUTPUT_FAILED for a folder, and for a file that is no graph of this program: it may be the room itself
 */
export async function refuseGraphPath(path: string): Promise<void> {
  if (!existsSync(path)) return
  if (statSync(path).isFile()) {
    const begin = await beginOf(path)
    if (begin.includes(MARK) || begin.includes('"matrix-state/graph/')) return
  }
  throw new StateError('OUTPUT_FAILED', `${JSON.stringify(path)} exists already and is no graph of this program`, {
    hint: 'Give another --output, or move it away. A graph of an earlier run is replaced.',
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
 * Writes a graph, which is there whole or not at all. It can be read by this user only: it says who was in the room.
 *
 * @throws StateError OUTPUT_FAILED
 */
export async function writeGraph(path: string, text: string): Promise<void> {
  await refuseGraphPath(path)
  const beside = `${path}.${String(process.pid)}.part`
  try {
    await writeFile(beside, text, {mode: 0o600, flag: 'wx'})
    await rename(beside, path)
  } catch (error) {
    await rm(beside, {force: true})
    if (!(error instanceof Error) || !('syscall' in error)) throw error
    throw new StateError('OUTPUT_FAILED', `could not write ${JSON.stringify(path)}: ${error.message}`, {
      cause: error,
      hint: 'Check the folder, its permissions and the space on the disk.',
    })
  }
}
