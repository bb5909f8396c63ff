import {basename} from 'node:path'
import {promisify} from 'node:util'
import {gzip} from 'node:zlib'
import {isLiveRoom} from '../investigate/open-room.ts'
import {readPageProgram} from '../investigate/page-program.ts'
import type {PageData} from '../report/explorer/page-data.ts'
import {PAGE_MARK, pageHtml} from '../report/explorer/page-html.ts'
import {packPage} from '../report/explorer/page-pack.ts'
import {type OwnFiles, refuseOutput, writeOutput} from './output-file.ts'

/** The file, in the current folder, of a page that nobody named. */
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

const PAGES: OwnFiles = {isOwn: (begin) => begin.startsWith(PAGE_MARK), name: 'page of explore'}

/** @throws StateError OUTPUT_FAILED; see `refuseOutput` */
export async function refusePagePath(path: string): Promise<void> {
  await refuseOutput(path, PAGES)
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
 * Writes a page. Like everything that may hold what people said, it can be read by this user only.
 *
 * @throws StateError OUTPUT_FAILED; see `writeOutput`
 */
export async function writePage(path: string, html: string): Promise<void> {
  await refusePagePath(path)
  await writeOutput(path, [html], 0o600)
}
