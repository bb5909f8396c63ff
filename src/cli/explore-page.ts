import {existsSync, statSync} from 'node:fs'
import {open, rename, rm, writeFile} from 'node:fs/promises'
import {basename} from 'node:path'
import {promisify} from 'node:util'
import {gzip} from 'node:zlib'
import {StateError} from '../errors.ts'
import {isLiveRoom} from '../investigate/open-room.ts'
import {readPageProgram} from '../investigate/page-program.ts'
import type {PageData} from '../report/explorer/page-data.ts'
import {PAGE_MARK, pageHtml} from '../report/explorer/page-html.ts'
import {packPage} from '../report/explorer/page-pack.ts'

/** Where a page goes that nobody named: beside nothing, into the current folder. */
export function pagePathOf(room: string): string {
  if (room === '-') return 'room.html'
  if (!isLiveRoom(room))
    return `${basename(room)
      .replace(/\.(gz)$/i, '')
      .replace(/\.[A-Za-z0-9]{1,8}$/, '')}.html`
  // An ID may hold whatever its server liked, and a file name shall be easy to type.
  const name = room.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replace(/^[-.]+|-+$/g, '')
  return `${name.slice(0, 100) || 'room'}.html`
}

/**
 * Refuses what could not be written, or should not be, before a room is opened: nobody is to wait for that.
 *
 * @throws StateError OUTPUT_FAILED for a folder, and for a file that is not a page of this program
 */
export async function refusePagePath(path: string): Promise<void> {
  if (!existsSync(path)) return
  if (statSync(path).isFile() && (await beginOf(path)) === PAGE_MARK) return
  throw new StateError('OUTPUT_FAILED', `${JSON.stringify(path)} exists already and is no page of explore`, {
    hint: 'Give another --output, or move it away. A page of an earlier run is replaced.',
  })
}

async function beginOf(path: string): Promise<string> {
  const file = await open(path, 'r').catch(() => null)
  try {
    const buffer = Buffer.alloc(PAGE_MARK.length)
    const {bytesRead = 0} = (await file?.read(buffer, 0, buffer.length, 0)) ?? {}
    return buffer.toString('latin1', 0, bytesRead)
  } finally {
    await file?.close()
  }
}

/**
 * The page as one HTML text, which holds its program and the room.
 *
 * @throws RangeError for a room whose data are longer than a text can be (some millions of events)
 */
export async function explorerPage(data: PageData): Promise<string> {
  const [program, packed] = await Promise.all([
    readPageProgram(),
    promisify(gzip)(JSON.stringify(packPage(data)), {level: 9}),
  ])
  return pageHtml(`${data.room.name ?? data.graph.roomId} · matrix-state`, program, packed.toString('base64'))
}

/**
 * Writes a page, which is there whole or not at all. Like everything that may hold what people said, it can be read by this user only.
 *
 * @throws StateError OUTPUT_FAILED
 */
export async function writePage(path: string, html: string): Promise<void> {
  await refusePagePath(path)
  const beside = `${path}.${String(process.pid)}.part`
  try {
    await writeFile(beside, html, {mode: 0o600, flag: 'wx'})
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
