/** Rooms of 50,000 and 100,000 events: that they open and move; how fast is measured and told, since it depends on the machine. */
import {loadavg} from 'node:os'
import type {Page} from 'playwright-core'
import {describe, expect, test} from 'vitest'
import {loadRoomFrom} from '../../src/investigate/load-room.ts'
import {count} from '../../src/report/printable.ts'
import type {PageData} from '../../src/report/explorer/page-data.ts'
import {generateRoom} from '../bench/generate.ts'
import {CHROMIUM, pages, rowOf, settled, shot, view} from './browser.ts'
import {pageDataOf} from './page.ts'

const {openData} = pages()

/** With all that the checks find in it. */
async function bigRoom(events: number): Promise<PageData> {
  const lines = [...generateRoom({events, members: events / 10, forkRate: 0.05, seed: 7})]
  const room = loadRoomFrom(
    'big',
    lines.map((text, index) => ({text, line: index + 1})),
  )
  return pageDataOf({room, unknowable: [], reported: [], reportedExtremities: {}, findings: [], notes: []})
}

/** Frames a second while the room is moved by a wheel for a while. */
async function framesWhilePanning(page: Page, ms: number): Promise<number> {
  return page.evaluate(async (length) => {
    const canvas = document.querySelector('.canvas')
    const start = performance.now()
    let frames = 0
    while (performance.now() - start < length) {
      const down = Math.floor(frames / 20) % 2 === 0 ? 60 : -60
      canvas?.dispatchEvent(new WheelEvent('wheel', {deltaY: down, bubbles: true, cancelable: true}))
      await new Promise((resolve) => requestAnimationFrame(resolve))
      frames += 1
    }
    return (frames * 1000) / (performance.now() - start)
  }, ms)
}

async function zoomTo(page: Page, rowHeight: number): Promise<void> {
  const now = (await view(page)).rowHeight
  await page.evaluate((factor) => {
    const canvas = document.querySelector('.canvas')
    const deltaY = -Math.log(factor) / 0.004
    canvas?.dispatchEvent(
      new WheelEvent('wheel', {deltaY, ctrlKey: true, bubbles: true, cancelable: true, clientY: 400}),
    )
  }, rowHeight / now)
}

describe.skipIf(CHROMIUM === null)('big rooms', () => {
  test.each([50_000, 100_000])('%i events open, move at every zoom, and show any event', async (events) => {
    const data = await bigRoom(events)
    const load = loadavg()[0] ?? 0
    const page = await openData(`big-${String(events)}`, data)
    const told = [`opened in ${((await page.evaluate(() => performance.now())) / 1000).toFixed(1)} s`]
    expect(await page.locator('#app').getAttribute('data-events')).toBe(String(events))
    told.push(count(data.findings.length, 'finding'))
    await shot(page, `big-${String(events)}`)
    for (const rowHeight of [0, 0.1, 0.5, 1.5, 5, 20, 70]) {
      if (rowHeight > 0) await zoomTo(page, rowHeight)
      const frames = await framesWhilePanning(page, 1500)
      expect(frames).toBeGreaterThan(1)
      told.push(`${(await view(page)).rowHeight.toFixed(3)} px a row: ${frames.toFixed(0)} frames/s`)
      await shot(page, `big-${String(events)}-${String(rowHeight)}`)
    }
    await page.locator('.graph').press('End')
    await settled(page)
    expect(await rowOf(page)).toBe(events - 1)
    const slow = performance.now()
    await page.getByLabel('Search events and slots').fill('m.room.topic')
    await settled(page)
    expect(Number(await page.locator('#panel-search [data-found]').getAttribute('data-found'))).toBeGreaterThan(10)
    told.push(`searched in ${(performance.now() - slow).toFixed(0)} ms`)
    const slot = performance.now()
    await page.locator('#panel-search section').first().getByRole('button').first().click()
    await page.waitForSelector('#panel-slot [data-entry]')
    told.push(`life of the topic in ${(performance.now() - slot).toFixed(0)} ms`)
    await shot(page, `big-${String(events)}-slot`)
    process.stdout.write(`${String(events)} events, load ${load.toFixed(1)}: ${told.join('; ')}\n`)
  })
})
