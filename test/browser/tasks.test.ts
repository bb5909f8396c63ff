/** What an admin comes to do, by what is visible on the page. */
import {describe, expect, test} from 'vitest'
import {unpackGraph} from '../../src/graph/packed-graph.ts'
import {CHROMIUM, pages, pixels, rowOf, settled, shot, view} from './browser.ts'

const {dataOf, open} = pages()
const ERIN = '@erin:localhost:28448'

describe.skipIf(CHROMIUM === null)('an event that a finding led to', () => {
  test('says which finding, and leads back to what to do', async () => {
    const page = await open('creators-v12')
    const {findings} = await dataOf('creators-v12')
    const [first] = findings
    await page.locator('.finding .go button').first().click()
    const about = page.locator('#panel-event [data-about]')
    expect(await about.first().getAttribute('data-about')).toBe(first?.id)
    expect(await about.first().innerText()).toContain(`The membership of ${ERIN}`)
    expect((await about.first().boundingBox())?.y).toBeLessThan(500)
    await page.getByRole('button', {name: 'what to do'}).click()
    expect(await page.locator('#panel-findings .remedy').first().isVisible()).toBe(true)
  })

  test('of a rejected event, the rule stands before what it would have changed', async () => {
    const page = await open('rejected-v6')
    await page.locator('.finding', {hasText: 'dag/rejected-event'}).locator('.go button').first().click()
    const answer = page.locator('#panel-event .answer')
    expect(await answer.innerText()).toContain('Rejected by rule')
    const changes = page.locator('#panel-event h3', {hasText: 'What it changes'})
    expect((await answer.boundingBox())?.y ?? 800).toBeLessThan((await changes.boundingBox())?.y ?? 0)
    // A branch that the merge leaves as it is has nothing to unfold.
    expect(await page.locator('#panel-event details:has(> summary:has-text("the same"))').count()).toBe(0)
  })

  test('of power levels, what became of whom', async () => {
    const page = await open('split-reject-v10')
    await page.locator('.finding', {hasText: 'The power levels'}).locator('.go button').first().click()
    const changed = page.locator('#panel-event .inner-changes').first()
    expect(await changed.innerText()).toMatch(/users @carol:localhost:18448: not set → 50/)
    expect(await page.locator('#panel-event .value').first().innerText()).toContain('alice 100, bob 100')
    await shot(page, 'power-changes')
  })
})

describe.skipIf(CHROMIUM === null)('to tell a colleague', () => {
  test.each([true, false])(
    'the ID and a link are copied, or shown where that is forbidden (allowed: %s)',
    async (may) => {
      const page = await open('creators-v12')
      await page.context().grantPermissions(may ? ['clipboard-read', 'clipboard-write'] : [])
      if (!may) await page.evaluate(() => (navigator.clipboard.writeText = () => Promise.reject(new Error('no'))))
      await page.keyboard.press('j')
      const {graph} = await dataOf('creators-v12')
      const wanted = [graph.ids[0] ?? '', `creators-v12.html#event=${graph.ids[0] ?? ''}`]
      for (const [index, name] of ['Copy ID', 'Copy link'].entries()) {
        const button = page.locator('#panel-event').getByRole('button', {name})
        if (!(await button.isVisible())) await page.getByRole('tab', {name: 'Event'}).click()
        await button.click()
        const told = page.locator('#panel-event .copied').nth(index)
        await expect.poll(() => told.textContent()).toBe(may ? 'copied' : wanted[index])
        if (may) expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(wanted[index])
      }
    },
  )
})

describe.skipIf(CHROMIUM === null)('search', () => {
  test('“ban” finds the bans and their times first, and who only mentions it apart', async () => {
    const page = await open('conflict-v10')
    await page.getByLabel('Search events and slots').fill('ban')
    const sections = page.locator('#panel-search section')
    await sections.first().waitFor()
    const bans = await sections.first().locator('.result').allInnerTexts()
    expect(bans.map((text) => text.split(' (')[0])).toEqual(['carol ban', 'mallory ban', 'frank ban'])
    expect(bans[0]).toContain('2026-11-21 18:17:10')
    expect(await sections.nth(1).innerText()).toContain('power levels')
    await shot(page, 'bans')
  })

  test('all that a user sent, from an event of theirs or from their name', async () => {
    const {graph: packed} = await dataOf('conflict-v10')
    const graph = unpackGraph(packed)
    const sent = graph.ids.filter((_, row) => graph.senderName(row) === ERIN).length
    const page = await open('conflict-v10')
    const search = page.getByLabel('Search events and slots')
    const found = page.locator('#panel-search [data-found]')
    await search.fill('@erin')
    await expect.poll(async () => Number(await found.getAttribute('data-found'))).toBeGreaterThan(sent)
    await page.locator('#panel-search').getByRole('button', {name: ERIN, exact: true}).click()
    await expect.poll(async () => Number(await found.getAttribute('data-found'))).toBe(sent)
    expect(await search.inputValue()).toBe(`from:${ERIN}`)
    await page.locator('#panel-search .result button').first().click()
    await search.fill('')
    await page.getByRole('tab', {name: 'Event'}).click()
    await page.getByRole('button', {name: 'all events from this user'}).click()
    await expect.poll(async () => Number(await found.getAttribute('data-found'))).toBe(sent)
  })
})

describe.skipIf(CHROMIUM === null)('time and place', () => {
  test('to the state before a merge on either branch, and back to now', async () => {
    const page = await open('conflict-v10')
    const {graph} = await dataOf('conflict-v10')
    const row = graph.ids.findIndex((id) => id.startsWith('$hgrY655g07'))
    await page.locator('.finding', {hasText: 'state/reset'}).locator('.go button').first().click()
    expect(await rowOf(page)).toBe(row)
    await page.getByRole('button', {name: 'See the state there, before the merge'}).first().click()
    await settled(page)
    expect(await rowOf(page)).toBeLessThan(row)
    expect(await page.getByRole('tab', {selected: true}).textContent()).toBe('State')
    const now = page.getByRole('button', {name: 'Now'})
    await now.click()
    expect(await rowOf(page)).toBe(-1)
    expect(await page.locator('#panel-state h2').innerText()).toBe('The state now')
    expect(await now.isDisabled()).toBe(true)
    await page.keyboard.press('j')
    await page.keyboard.press('.')
    expect(await rowOf(page)).toBe(-1)
  })

  test('closer and farther by buttons, on a narrow screen, too', async () => {
    for (const width of [1280, 400]) {
      const page = await open('conflict-v10', {width})
      const whole = await view(page)
      const closer = page.getByRole('button', {name: 'Closer (+)'})
      await closer.click()
      await closer.click()
      expect((await view(page)).rowHeight).toBeCloseTo(whole.rowHeight * 4, 2)
      await page.getByRole('button', {name: 'Farther (-)'}).click()
      expect((await view(page)).rowHeight).toBeCloseTo(whole.rowHeight * 2, 2)
    }
  })

  test('while a slot is drawn the graph says which, and how to get out', async () => {
    const page = await open('creators-v12')
    const none = await pixels(page, 1, 'slot')
    await page.locator('.finding .go').getByRole('button', {name: ERIN}).first().click()
    const note = page.locator('.life-note')
    expect(await note.innerText()).toContain(ERIN)
    await page.getByRole('tab', {name: 'Findings'}).click()
    expect(await pixels(page, 1, 'slot')).toBeGreaterThan(none + 200)
    await note.getByRole('button', {name: 'Draw all events again (Esc)'}).click()
    expect(await note.isVisible()).toBe(false)
    expect(await pixels(page, 1, 'slot')).toBe(none)
  })

  test.each([1280, 400])('%i pixels: the words about the slot cover nothing and move nothing', async (width) => {
    const page = await open('conflict-v10', {width})
    const canvas = page.locator('.canvas')
    const before = await canvas.boundingBox()
    await page.evaluate(() => (location.hash = 'slot=m.room.member/@carol:localhost:18448'))
    const note = page.locator('.life-note')
    await note.waitFor({state: 'visible'})
    await shot(page, `life-note-${String(width)}`)
    expect(await canvas.boundingBox()).toEqual(before)
    expect((await note.boundingBox())?.y).toBeGreaterThan((before?.y ?? 0) + (before?.height ?? 0))
    expect(await page.evaluate(() => document.scrollingElement?.scrollWidth)).toBe(width)
  })

  test('the tab of lives offers slots where none is picked', async () => {
    const page = await open('conflict-v10')
    await page.getByRole('tab', {name: 'Slot life'}).click()
    await page.locator('#panel-slot').getByRole('button', {name: 'The membership of @carol:localhost:18448'}).click()
    expect(await page.locator('#panel-slot .reset.lost').isVisible()).toBe(true)
  })

  test('no line to what an event cites strikes out the words of other rows', async () => {
    const page = await open('creators-v12')
    await page.locator('.finding .go button').first().click()
    const {top, rowHeight} = await view(page)
    // Two dashed lines run over the name of the room, which the event does not cite.
    const found = await page.evaluate(
      (y) => {
        const canvas = document.querySelectorAll<HTMLCanvasElement>('.canvas canvas')[1]
        const context = canvas?.getContext('2d')
        if (canvas === undefined || context === null || context === undefined) return -1
        const ratio = window.devicePixelRatio
        const {data} = context.getImageData(48 * ratio, (y - 4) * ratio, 160 * ratio, 8 * ratio)
        let count = 0
        for (let k = 0; k < data.length; k += 4) {
          if ((data[k + 3] ?? 0) > 200 && (data[k + 2] ?? 0) - (data[k] ?? 0) > 120) count += 1
        }
        return count
      },
      (5 - top + 0.5) * rowHeight,
    )
    expect(found).toBe(0)
  })
})
