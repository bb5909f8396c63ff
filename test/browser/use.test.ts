/** Links, keys, themes, narrow screens. */
import type {Page} from 'playwright-core'
import {describe, expect, test} from 'vitest'
import {CHROMIUM, pages, rowOf, settled, shot, view} from './browser.ts'

const {dataOf, open, openData} = pages()
const ERIN = '@erin:localhost:28448'

describe.skipIf(CHROMIUM === null)('links', () => {
  test('a link holds event, slot, tab and side; it survives a reload', async () => {
    const {graph, sides} = await dataOf('creators-v12')
    const hash = `event=${graph.ids[8] ?? ''}&slot=m.room.member/${ERIN}&tab=sides&side=${sides[1]?.id ?? ''}`
    const page = await open('creators-v12', {hash})
    const check = async (): Promise<void> => {
      expect(await rowOf(page)).toBe(8)
      expect(await page.getByRole('tab', {selected: true}).textContent()).toBe('Servers')
      expect(await page.getByRole('combobox').inputValue()).toBe(sides[1]?.id)
      await page.getByRole('tab', {name: 'Slot life'}).click()
      expect(await page.locator('#panel-slot h2').textContent()).toContain(ERIN)
      await page.goBack()
    }
    await check()
    await page.reload()
    await page.waitForSelector('#app[data-ready="true"]')
    await check()
  })

  test('back and forward go through what was looked at', async () => {
    const {graph} = await dataOf('conflict-v10')
    const page = await open('conflict-v10')
    await page.keyboard.press('n')
    const first = await rowOf(page)
    await page.keyboard.press('n')
    const second = await rowOf(page)
    expect(second).not.toBe(first)
    expect(page.url()).toContain(encodeURI(graph.ids[second] ?? '').replaceAll('%24', '$'))
    await page.goBack()
    await settled(page)
    expect(await rowOf(page)).toBe(first)
    await page.goBack()
    await settled(page)
    expect(await rowOf(page)).toBe(-1)
    await page.goForward()
    await settled(page)
    expect(await rowOf(page)).toBe(first)
  })

  test('a link to what is not in the room does no harm', async () => {
    const page = await open('creators-v12', {hash: 'event=$nothing&slot=a/b&tab=<script>&side=%00'})
    expect(await rowOf(page)).toBe(-1)
    expect(await page.getByRole('tab', {selected: true}).textContent()).toBe('Findings')
  })
})

describe.skipIf(CHROMIUM === null)('keys alone', () => {
  test('from event to event, to its neighbours, findings, tabs, search and help', async () => {
    const page = await open('conflict-v10')
    const press = async (...keys: readonly string[]): Promise<void> => {
      for (const key of keys) await page.keyboard.press(key)
      await settled(page)
    }
    const tab = async (): Promise<string> => (await page.getByRole('tab', {selected: true}).textContent()) ?? ''
    await press('j', 'j', 'j')
    expect(await rowOf(page)).toBe(2)
    await press('k')
    expect(await rowOf(page)).toBe(1)
    await press('h')
    expect(await rowOf(page)).toBe(0)
    await press('l')
    expect(await rowOf(page)).toBe(1)
    await press('End')
    expect(await rowOf(page)).toBe(93)
    await press('n')
    expect(await tab()).toBe('Event')
    for (const [key, words] of Object.entries({
      1: 'Findings',
      3: 'State',
      4: 'Slot life',
      5: 'Servers',
      7: 'About',
      2: 'Event',
    })) {
      await press(key)
      expect(await tab()).toBe(words)
    }
    const {rowHeight} = await view(page)
    await press('+')
    expect((await view(page)).rowHeight).toBeGreaterThan(rowHeight)
    await press('0')
    expect((await view(page)).rowHeight).toBeLessThan(rowHeight)
    await press('/')
    await page.keyboard.type('erin')
    await settled(page)
    // Letters are letters where somebody types.
    expect(await page.getByLabel('Search events and slots').inputValue()).toBe('erin')
    expect(await tab()).toBe('Search')
    await press('Escape', '?')
    expect(await page.getByRole('dialog').isVisible()).toBe(true)
    await shot(page, 'help')
    await press('Escape')
    expect(await page.getByRole('dialog').isVisible()).toBe(false)
  })

  test('every control is reached by Tab, and the focus is seen', async () => {
    const page = await open('creators-v12')
    const seen = new Set<string>()
    for (let k = 0; k < 40; k += 1) {
      await page.keyboard.press('Tab')
      const focus = await page.evaluate(() => {
        const element = document.activeElement
        if (!(element instanceof HTMLElement) || element === document.body) return null
        const {outlineStyle, outlineWidth} = getComputedStyle(element)
        const name =
          element.getAttribute('aria-label') ?? (element.role === 'tabpanel' ? element.role : element.textContent)
        return {name: name.slice(0, 30), isSeen: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2}
      })
      if (focus === null) continue
      expect(focus.isSeen, focus.name).toBe(true)
      seen.add(focus.name)
    }
    const names = [...seen].join('|')
    for (const wanted of [
      'Search events',
      'Whole room',
      'Help',
      'Events of the room',
      'Time',
      'Earlier event',
      'Findings',
      'tabpanel',
    ]) {
      expect(names).toContain(wanted)
    }
  })

  test('a slot of the event at hand, and out again', async () => {
    const page = await open('creators-v12')
    await page.keyboard.press('j')
    await page.keyboard.press('s')
    await settled(page)
    expect(await page.locator('#panel-slot h2').textContent()).toBe('The create event')
    await page.keyboard.press('Escape')
    await settled(page)
    expect(await page.locator('#panel-slot h2').textContent()).toBe('The life of a slot')
  })
})

/** Contrast of the text of every element that is in view, against the first opaque background behind it; the least. */
async function leastContrast(page: Page): Promise<{readonly ratio: number; readonly what: string}> {
  return page.evaluate(() => {
    const parse = (color: string): readonly number[] => (color.match(/[\d.]+/g) ?? []).map(Number)
    const light = (color: readonly number[]): number => {
      const [r = 0, g = 0, b = 0] = color.slice(0, 3).map((part) => {
        const value = part / 255
        return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
      })
      return 0.2126 * r + 0.7152 * g + 0.0722 * b
    }
    let least = {ratio: 21, what: ''}
    for (const element of document.querySelectorAll<HTMLElement>('#app *')) {
      const hasText = [...element.childNodes].some(
        (node) => node.nodeType === 3 && (node.textContent ?? '').trim() !== '',
      )
      if (!hasText || element.offsetParent === null || (element as HTMLButtonElement).disabled) continue
      let behind: HTMLElement | null = element
      while (behind !== null && (parse(getComputedStyle(behind).backgroundColor)[3] ?? 1) < 1)
        behind = behind.parentElement
      const [a, b] = [
        light(parse(getComputedStyle(element).color)),
        light(parse(getComputedStyle(behind ?? document.body).backgroundColor)),
      ]
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
      if (ratio < least.ratio) least = {ratio, what: `${element.className} ${element.textContent.slice(0, 30)}`}
    }
    return least
  })
}

describe.skipIf(CHROMIUM === null)('themes and widths', () => {
  test.each(['light', 'dark'] as const)('%s: as the system prefers; all text is readable (AA)', async (theme) => {
    const page = await open('creators-v12', {theme})
    expect(await page.locator('html').getAttribute('data-theme')).toBe(theme)
    for (const tab of ['Findings', 'Event', 'State', 'Slot life', 'Servers', 'About']) {
      await page.keyboard.press('n')
      await page.getByRole('tab', {name: tab}).click()
      await settled(page)
      await page.waitForTimeout(1300)
      const {ratio, what} = await leastContrast(page)
      expect(ratio, `${tab}: ${what}`).toBeGreaterThanOrEqual(4.5)
      await shot(page, `${theme}-${tab.replace(' ', '-')}`)
    }
  })

  test('the toggle turns the page and the canvas, and back', async () => {
    const page = await open('creators-v12', {theme: 'dark'})
    const corner = (): Promise<readonly number[]> =>
      page.evaluate(() => {
        const canvas = document.querySelector<HTMLCanvasElement>('.canvas canvas')
        return [...(canvas?.getContext('2d')?.getImageData(5, (canvas.height || 1) - 5, 1, 1).data ?? [])]
      })
    await settled(page)
    const dark = await corner()
    await page.keyboard.press('t')
    await settled(page)
    expect(await page.locator('html').getAttribute('data-theme')).toBe('light')
    const light = await corner()
    expect(light[0]).toBeGreaterThan((dark[0] ?? 0) + 100)
    await page.getByRole('button', {name: 'Use dark colours (t)'}).click()
    await settled(page)
    expect(await corner()).toEqual(dark)
  })

  test('400 pixels: everything fits the width, and works', async () => {
    const page = await open('creators-v12', {width: 400, height: 800})
    for (const tab of ['Findings', 'State', 'Servers', 'About']) {
      await page.getByRole('tab', {name: tab}).click()
      await settled(page)
      const width = await page.evaluate(() => document.scrollingElement?.scrollWidth)
      expect(width).toBe(400)
      const over = await page.locator('.panel:not([hidden])').evaluate((panel) => panel.scrollWidth - panel.clientWidth)
      expect(over, tab).toBeLessThanOrEqual(0)
      await shot(page, `narrow-${tab}`)
    }
    const graph = await page.locator('.canvas').boundingBox()
    expect(graph?.height).toBeGreaterThan(150)
    await page.getByRole('tab', {name: 'State'}).click()
    await page.locator('#panel-state').getByRole('button', {name: ERIN}).click()
    expect(await page.locator('#panel-slot .reset.lost').isVisible()).toBe(true)
    await shot(page, 'narrow-slot')
  })

  test('the whole room stays whole when the window grows; what was zoomed stays as close', async () => {
    const page = await open('conflict-v10', {height: 500})
    const box = async () => (await page.locator('.canvas').boundingBox())?.height ?? 0
    const before = await view(page)
    expect(before.rowHeight * 94).toBeGreaterThan((await box()) * 0.9)
    await page.setViewportSize({width: 1280, height: 1200})
    const after = await view(page)
    expect(after.rowHeight * 94).toBeGreaterThan((await box()) * 0.9)
    await page.locator('.graph').press('+')
    const close = await view(page)
    await page.setViewportSize({width: 1280, height: 700})
    expect((await view(page)).rowHeight).toBe(close.rowHeight)
  })

  test('servers whose lanes do not fit are beside, and that is said', async () => {
    const data = await dataOf('conflict-v10')
    // Each user on a server of its own.
    const users = data.graph.users.map((user, index) => `${user.split(':')[0] ?? ''}:server-${String(index)}.example`)
    const split = {...data, graph: {...data.graph, users}}
    const narrow = await openData('lanes', split, {width: 400, height: 800})
    const lanes = await narrow.locator('.lane-name').count()
    // Of 46 pixels at least.
    const fit = Math.ceil(((await narrow.locator('.canvas').boundingBox())?.width ?? 0) / 46)
    expect(lanes).toBeGreaterThan(fit)
    const beyond = narrow.locator('.lanes-beyond')
    expect(Number.parseInt((await beyond.textContent()) ?? '')).toBeGreaterThanOrEqual(lanes - fit)
    expect(await beyond.isVisible()).toBe(true)
    const wide = await openData('lanes-wide', split, {width: 1280, height: 800})
    expect(await wide.locator('.lanes-beyond').isVisible()).toBe(false)
  })

  test('fingers: one moves, two zoom, a tap picks', async () => {
    const page = await open('creators-v12', {width: 400, height: 800, touch: true})
    const box = await page.locator('.canvas').boundingBox()
    const [x, y] = [(box?.x ?? 0) + 150, (box?.y ?? 0) + 120]
    const session = await page.context().newCDPSession(page)
    const touch = async (type: 'touchStart' | 'touchMove' | 'touchEnd', ...points: readonly [number, number][]) => {
      await session.send('Input.dispatchTouchEvent', {
        type,
        touchPoints: points.map(([left, top], id) => ({x: left, y: top, id})),
      })
    }
    const whole = await view(page)
    await touch('touchStart', [x, y - 20], [x, y + 20])
    for (const spread of [30, 50, 80]) await touch('touchMove', [x, y - spread], [x, y + spread])
    await touch('touchEnd')
    const close = await view(page)
    expect(close.rowHeight / whole.rowHeight).toBeCloseTo(4, 1)
    expect(await rowOf(page)).toBe(-1)

    await touch('touchStart', [x, y])
    for (const step of [20, 40]) await touch('touchMove', [x, y - step])
    await touch('touchEnd')
    const moved = await view(page)
    expect(moved.rowHeight).toBe(close.rowHeight)
    expect((moved.top - close.top) * close.rowHeight).toBeCloseTo(40, 0)
    expect(await rowOf(page)).toBe(-1)

    // The first event stands at the upper edge, in the first lane's first place.
    await page.locator('.graph').press('Home')
    await page.locator('.graph').press('j')
    expect(await rowOf(page)).toBe(1)
    const at = await view(page)
    const now = await page.locator('.canvas').boundingBox()
    await touch('touchStart', [(now?.x ?? 0) + 26, (now?.y ?? 0) + (0.5 - at.top) * at.rowHeight])
    await touch('touchEnd')
    await settled(page)
    expect(await rowOf(page)).toBe(0)
  })
})
