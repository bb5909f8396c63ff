import {StateError} from '../errors.ts'
import {exploreRoom} from '../investigate/explore-room.ts'
import {exploreDocument, exploreText} from '../report/explorer/explore-document.ts'
import {explorerPage, pagePathOf, refusePagePath, writePage} from './explore-page.ts'
import type {Forms} from './output.ts'
import type {Progress} from './progress.ts'
import {openFromFlags, type RoomFlags} from './room-command.ts'

export interface ExploreFlags extends RoomFlags {
  readonly output?: string | undefined
  readonly 'with-content': boolean
}

export interface ExploredPage {
  readonly written: Forms
  /** The page itself where it goes to standard output; `null`: it is in its file. */
  readonly html: string | null
  /** Remarks for people. */
  readonly notes: readonly string[]
}

/**
 * Opens the room, makes its page, and writes that.
 *
 * @throws StateError USAGE, OUTPUT_FAILED; see `openFromFlags`
 */
export async function exploreFromFlags(
  argument: string,
  flags: ExploreFlags,
  {progress, program, json}: {readonly progress: Progress; readonly program: string; readonly json: boolean},
): Promise<ExploredPage> {
  const path = flags.output ?? pagePathOf(argument)
  if (path === '-' && json) {
    throw new StateError('USAGE', '--json and --output - both want standard output', {
      hint: 'Leave out --json: its document says what was written, and is not the page.',
    })
  }
  if (path !== '-') await refusePagePath(path)
  const opened = await openFromFlags(argument, flags, progress, {messages: flags['with-content']})
  const {data, events} = await exploreRoom(opened, {
    reading: flags.reading,
    source: argument === '-' ? 'standard input' : argument,
    program,
    nowMs: Date.now(),
  })
  const html = await explorerPage(data)
  if (path !== '-') await writePage(path, html)
  const page = {data, events, path, bytes: Buffer.byteLength(html)}
  return {
    written: {json: () => exploreDocument(page), text: () => exploreText(page)},
    html: path === '-' ? html : null,
    notes: opened.notes,
  }
}
