/** Makes pages of the explorer for tests, as the program makes them; its program is bundled from its sources. */
import {explorerPage} from '../../src/cli/explore-page.ts'
import {exploreRoom} from '../../src/investigate/explore-room.ts'
import type {OpenedRoom} from '../../src/investigate/opened-room.ts'
import type {PageData} from '../../src/report/explorer/page-data.ts'

export const pageHtml = explorerPage

/** What the page holds of a room, messages left out. */
export async function pageDataOf(opened: OpenedRoom, change: Partial<PageData> = {}): Promise<PageData> {
  const {data} = await exploreRoom(opened, {program: 'matrix-state (a test)', nowMs: Date.UTC(2026, 10, 22)})
  return {...data, ...change}
}
