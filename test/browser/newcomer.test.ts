/** What somebody meets who has not seen such a page before, or was given a bad one. */
import {describe, expect, test} from 'vitest'
import {CHROMIUM, pages, settled, shot, view} from './browser.ts'
import {pageDataOf, pageHtml} from './page.ts'

const {dataOf, open, openData, openHtml, opened} = pages()

describe.skipIf(CHROMIUM === null)('a file that is not whole', () => {
  const partsOf = (html: string) => {
    const from = html.indexOf('id="data">') + 'id="data">'.length
    return {
      before: html.slice(0, from),
      data: html.slice(from, html.indexOf('<', from)),
      after: html.slice(html.indexOf('<', from)),
    }
  }

  test.each([
    ['cut in the data', (html: string) => html.slice(0, html.indexOf('id="data">') + 3000)],
    ['cut in the program', (html: string) => html.slice(0, -50_000)],
    ['with another program', (html: string) => html.replace('"Replaying', '"replaying')],
  ])('%s: says so, as its program does not run', async (name, damage) => {
    const html = await pageHtml(await dataOf('creators-v12'))
    const page = await openHtml('damaged', damage(html), {expects: /Content Security Policy/})
    const words = page.getByText('This file is damaged')
    if (name === 'with another program') expect(damage(html)).not.toBe(html)
    await words.waitFor({state: 'visible', timeout: 8000})
    expect(await words.textContent()).toContain('make it anew')
  })

  test.each([
    ['altered', (data: string) => `${data.slice(0, 2000)}AAAA${data.slice(2004)}`],
    ['shortened', (data: string) => data.slice(0, 2000)],
    ['no base64', (data: string) => `${data.slice(0, 2000)}!!!!${data.slice(2004)}`],
    ['empty', () => ''],
  ])('data that are %s: says so in words', async (_name, damage) => {
    const {before, data, after} = partsOf(await pageHtml(await dataOf('creators-v12')))
    const page = await openHtml('damaged-data', before + damage(data) + after)
    await page.waitForSelector('#app[data-ready="failed"]')
    expect(await page.locator('#app').textContent()).toMatch(
      /^The room cannot be shown: its data are damaged.*Get the file again/,
    )
  })

  test('without scripts it says what is needed, and nothing that is not so', async () => {
    const page = await openHtml('no-scripts', await pageHtml(await dataOf('creators-v12')), {scripts: false})
    expect(await page.locator('body').innerText()).toContain('Allow scripts to see it')
    expect(await page.locator('.opening').isVisible()).toBe(false)
    await page.waitForTimeout(4500)
    expect(await page.locator('.stuck').isVisible()).toBe(false)
  })
})

describe.skipIf(CHROMIUM === null)('links to what is not here', () => {
  test('are told, and the words go when something is picked', async () => {
    const page = await open('creators-v12', {hash: 'event=$nope\u202e&slot=m.room.member/@nobody:x'})
    const notice = page.locator('.link-notice')
    expect(await notice.textContent()).toBe(
      'The link leads to what is not in this page: event $nope\\u{202e}, slot m.room.member/@nobody:x',
    )
    await page.keyboard.press('n')
    expect(await notice.isVisible()).toBe(false)
    await page.evaluate(() => (location.hash = 'event=$other'))
    await notice.waitFor({state: 'visible'})
    const {graph} = await dataOf('creators-v12')
    await page.evaluate((id) => (location.hash = `event=${id}`), graph.ids[3] ?? '')
    await notice.waitFor({state: 'hidden'})
  })

  test.each([
    'event=<script>alert(1)</script>',
    '%%%',
    'tab=__proto__',
    'slot=__proto__/x',
    'side=constructor&tab=sides',
  ])('%s does nothing else', async (hash) => {
    const page = await open('creators-v12', {hash})
    expect(await page.getByRole('tab', {selected: true}).count()).toBe(1)
    expect(await page.locator('#status').getAttribute('data-row')).toBe('-1')
  })
})

describe.skipIf(CHROMIUM === null)('what is shown explains itself', () => {
  test('the help begins with the signs, and has a word for each', async () => {
    const page = await open('creators-v12')
    await page.getByRole('button', {name: 'Help'}).click()
    const dialog = page.getByRole('dialog')
    expect(await dialog.evaluate((element) => element.scrollTop)).toBe(0)
    for (const words of [
      'purple bar',
      'red line',
      'flag',
      'dashed: its auth events',
      'life of a slot',
      'lane',
      'before, after',
    ]) {
      expect(await dialog.getByText(words).first().isVisible(), words).toBe(true)
    }
    await shot(page, 'help')
    await page.keyboard.press('Escape')
    expect(await dialog.isVisible()).toBe(false)
  })

  test('where a finding leads to a merge, what it set back stands first, and leads to why', async () => {
    const page = await open('conflict-v10')
    await page.locator('.finding', {hasText: 'state/reset'}).locator('.go button').first().click()
    const lost = page.locator('#panel-event [data-set-back]').first()
    expect(await lost.innerText()).toMatch(/membership of @carol.*reset\s+join “carol”.*no membership/s)
    expect((await lost.boundingBox())?.y).toBeLessThan(800)
    await shot(page, 'set-back')
    await lost.getByRole('button', {name: 'membership of @carol'}).click()
    expect(await page.locator('#panel-slot .reset.lost').isVisible()).toBe(true)
  })

  test('no line or bar strikes out the words beside an event', async () => {
    const page = await open('creators-v12')
    const {top, rowHeight} = await view(page)
    // The power levels stand on a bar and a line of their merge: beside the mark, dark points are letters.
    const row = 12
    const found = await page.evaluate(
      ([y, color]) => {
        const canvas = document.querySelector<HTMLCanvasElement>('.canvas canvas')
        const context = canvas?.getContext('2d')
        if (canvas === null || context === null || context === undefined) return -1
        const ratio = window.devicePixelRatio
        const {data} = context.getImageData(48 * ratio, (y - 3) * ratio, 120 * ratio, 6 * ratio)
        const hex = getComputedStyle(document.documentElement).getPropertyValue(color).trim()
        const [red = 0, green = 0] = [1, 3].map((at) => parseInt(hex.slice(at, at + 2), 16))
        // Pale purple has more red than green by far, as no letter has.
        let count = 0
        for (let k = 0; k < data.length; k += 4) {
          if ((data[k] ?? 0) - (data[k + 1] ?? 0) > (red - green) * 0.3) count += 1
        }
        return count
      },
      [(row - top + 0.5) * rowHeight, '--conflict'] as const,
    )
    expect(found).toBe(0)
  })

  test('200 % in a low window leaves place for the graph, and for the words by scrolling', async () => {
    const page = await open('creators-v12', {width: 640, height: 400})
    await settled(page)
    expect((await page.locator('.canvas').boundingBox())?.height).toBeGreaterThan(180)
    const last = page.locator('.finding').last()
    await last.scrollIntoViewIfNeeded()
    expect((await last.boundingBox())?.y).toBeLessThan(400)
    expect(await page.evaluate(() => document.scrollingElement?.scrollWidth)).toBe(640)
  })

  test('paper is white, and the screen dark again afterwards', async () => {
    const page = await open('creators-v12', {theme: 'dark'})
    const colour = () => page.evaluate(() => getComputedStyle(document.body).color)
    const dark = await colour()
    await page.evaluate(() => dispatchEvent(new Event('beforeprint')))
    expect(await colour()).not.toBe(dark)
    expect(await page.locator('html').getAttribute('data-theme')).toBe('light')
    await page.evaluate(() => dispatchEvent(new Event('afterprint')))
    expect(await colour()).toBe(dark)
  })

  test('on paper the panel is there whole', async () => {
    const page = await open('creators-v12')
    await page.emulateMedia({media: 'print'})
    await settled(page)
    const over = await page.locator('.panel:not([hidden])').evaluate((panel) => panel.scrollHeight - panel.clientHeight)
    expect(over).toBeLessThanOrEqual(1)
    expect(await page.evaluate(() => document.scrollingElement?.scrollHeight)).toBeGreaterThan(1000)
  })
})

describe.skipIf(CHROMIUM === null)('what cannot be read is not made up', () => {
  test('a time that is none is not 1970', async () => {
    const data = await dataOf('creators-v12')
    const fault = {what: 'origin_server_ts', message: 'its "origin_server_ts" is not an integer'}
    const graph = {...data.graph, faults: [[3, fault] as const]}
    const page = await openData('no-time', {...data, graph}, {hash: `event=${graph.ids[3] ?? ''}`})
    expect(await page.locator('#panel-event .facts').first().textContent()).toContain('no time that can be read')
    expect(await page.locator('#status').textContent()).toContain('no time that can be read')
  })
})

describe.skipIf(CHROMIUM === null)('what was not checked is not said to be good', () => {
  test('event IDs that were taken as given', async () => {
    const room = await opened('creators-v12')
    const data = await pageDataOf({...room, room: {...room.room, trustIds: true}})
    const page = await openData('trusted', data, {hash: `event=${data.graph.ids[3] ?? ''}`})
    const checks = page.locator('#panel-event .checks')
    expect(await checks.locator('li', {hasText: 'content hash'}).textContent()).toContain('not checked')
    expect(await checks.textContent()).toContain('--trust-ids')
    await page.getByRole('tab', {name: 'About'}).click()
    expect(await page.locator('#panel-about').textContent()).toContain('taken as given (--trust-ids)')
  })

  test('signatures, of which the page has none', async () => {
    const data = await dataOf('creators-v12')
    const hash = `event=${data.graph.ids[3] ?? ''}`
    const page = await open('creators-v12', {hash})
    const check = (one: typeof page) => one.locator('#panel-event .check', {hasText: 'signatures'})
    expect(await check(page).textContent()).toContain('this page holds no signatures')
    const some = await openData('some-signed', {...data, room: {...data.room, signatures: 'partly'}}, {hash})
    expect(await check(some).textContent()).toMatch(/not checked.*not all keys were there/)
    const all = await openData('all-signed', {...data, room: {...data.room, signatures: 'checked'}}, {hash})
    expect(await check(all).textContent()).toMatch(/passed.*when this page was made/)
  })
})
