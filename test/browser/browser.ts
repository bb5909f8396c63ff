/** Pages of the explorer in Chromium, watched for what none of them may do: complain, or ask the network. */
import {existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {type Browser, chromium, type Page} from 'playwright-core'
import {afterAll, afterEach, beforeAll, expect} from 'vitest'
import {openCaseRoom} from '../../src/investigate/open-case.ts'
import type {OpenedRoom} from '../../src/investigate/opened-room.ts'
import type {PageData} from '../../src/report/explorer/page-data.ts'
import {reportedRoom, writeRoomCase} from '../scenarios/room-case.ts'
import {pageDataOf, pageHtml} from './page.ts'

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** Path of the browser: `CHROMIUM`, or where distributions put it; `null`: there is none. */
export const CHROMIUM =
  [process.env['CHROMIUM'] ?? '', ...PLACES].find((path) => path !== '' && existsSync(path)) ?? null

if (CHROMIUM === null) process.stderr.write('skipped: no Chromium was found (set CHROMIUM to its path)\n')

/** Folder for screenshots, to be looked at; none are made without it. */
const SHOTS = process.env['EXPLORER_SHOTS']

export interface Looks {
  readonly hash?: string
  readonly width?: number
  readonly height?: number
  readonly theme?: 'light' | 'dark'
  /** A screen that is touched. */
  readonly touch?: boolean
  /** Whether the browser runs scripts. */
  readonly scripts?: boolean
  /** What the page may complain of: a test has asked for it. */
  readonly expects?: RegExp
}

/** What a test file needs: pages of rooms, closed and checked after each test. */
export function pages() {
  const folder = mkdtempSync(join(tmpdir(), 'explorer-'))
  const made = new Map<string, Promise<PageData>>()
  let browser: Browser | null = null
  let wrong: string[] = []

  beforeAll(async () => {
    if (CHROMIUM !== null) browser = await chromium.launch({executablePath: CHROMIUM, args: ['--no-sandbox']})
  })
  afterEach(async () => {
    await Promise.all((browser?.contexts() ?? []).map((context) => context.close()))
    const found = wrong
    wrong = []
    expect(found).toEqual([])
  })
  afterAll(async () => {
    await browser?.close()
    rmSync(folder, {recursive: true, force: true})
  })

  const opened = (name: string): Promise<OpenedRoom> =>
    openCaseRoom(writeRoomCase(join(folder, `${name}-${String(Math.random()).slice(2)}.case`), reportedRoom(name)), {})

  /** What the page of a real room holds. */
  const dataOf = async (name: string): Promise<PageData> => {
    const known = made.get(name) ?? opened(name).then((room) => pageDataOf(room))
    made.set(name, known)
    return known
  }

  /** A file as it is, whether its program comes to run or not. */
  const openHtml = async (name: string, html: string, looks: Looks = {}): Promise<Page> => {
    const {hash = '', width = 1280, height = 800, theme = 'light', touch = false, scripts = true, expects} = looks
    const path = join(folder, `${name}.html`)
    writeFileSync(path, html)
    if (browser === null) throw new Error('there is no browser')
    const context = await browser.newContext({
      viewport: {width, height},
      colorScheme: theme,
      javaScriptEnabled: scripts,
      hasTouch: touch,
    })
    const page = await context.newPage()
    page.on('console', (message) => {
      if (expects?.test(message.text()) !== true) wrong.push(`console: ${message.text()}`)
    })
    page.on('pageerror', (error) => wrong.push(`error: ${error.message}`))
    page.on('dialog', (dialog) => {
      wrong.push(`dialog: ${dialog.message()}`)
      void dialog.dismiss()
    })
    page.on('request', (request) => {
      if (request.url().replace(/#.*$/, '') !== `file://${path}`) wrong.push(`request: ${request.url()}`)
    })
    await page.goto(`file://${path}${hash === '' ? '' : `#${hash}`}`)
    return page
  }

  const openData = async (name: string, data: PageData, looks: Looks = {}): Promise<Page> => {
    const page = await openHtml(name, await pageHtml(data), looks)
    await page.waitForSelector('#app[data-ready="true"]')
    return page
  }

  const open = async (name: string, looks: Looks = {}): Promise<Page> => openData(name, await dataOf(name), looks)

  return {opened, dataOf, openHtml, openData, open}
}

/** Waits until what was asked for is on the screen. */
export async function settled(page: Page): Promise<void> {
  await page.evaluate(
    () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve, 30)))),
  )
}

export async function shot(page: Page, name: string): Promise<void> {
  if (SHOTS === undefined) return
  await settled(page)
  mkdirSync(SHOTS, {recursive: true})
  await page.screenshot({path: join(SHOTS, `${name}.png`)})
}

/** Row of the event that is looked at, as the line below the graph says. */
export async function rowOf(page: Page): Promise<number> {
  return Number(await page.locator('#status').getAttribute('data-row'))
}

export async function view(page: Page): Promise<{readonly top: number; readonly rowHeight: number}> {
  await settled(page)
  const graph = page.locator('.graph')
  return {
    top: Number(await graph.getAttribute('data-top')),
    rowHeight: Number(await graph.getAttribute('data-row-height')),
  }
}

/** How many pixels of a layer of the graph (0: the room, 1: what is picked) have nearly a colour of the style sheet. */
export async function pixels(page: Page, layer: 0 | 1, color: string): Promise<number> {
  await settled(page)
  return page.evaluate(
    ([index, name]) => {
      const canvas = document.querySelectorAll<HTMLCanvasElement>('.canvas canvas')[index as number]
      const context = canvas?.getContext('2d')
      if (canvas === undefined || context === null || context === undefined) return -1
      const hex = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
      const wanted = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16))
      const {data} = context.getImageData(0, 0, canvas.width, canvas.height)
      let count = 0
      for (let k = 0; k < data.length; k += 4) {
        if (data[k + 3] === 255 && wanted.every((value, part) => Math.abs((data[k + part] ?? 0) - value) < 6))
          count += 1
      }
      return count
    },
    [layer, color] as const,
  )
}
