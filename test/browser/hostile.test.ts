/** What people write into events does nothing in the page but show. */
import {describe, expect, test} from 'vitest'
import type {PageData} from '../../src/report/explorer/page-data.ts'
import {CHROMIUM, pages, settled, shot} from './browser.ts'

const {dataOf, openData} = pages()
const SCRIPT = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`
const TURNED = '\u202Egnp.exe\u2066\u0000\u001b[31m'
const LONG = 'N'.repeat(10_000)

/** A real room in which a user, a type, names and contents are what an attacker would choose. */
async function hostile(): Promise<PageData> {
  const data = await dataOf('creators-v12')
  const user = `@${SCRIPT}${TURNED}:localhost:28448`
  const text = JSON.stringify(data)
    .replaceAll('@erin:localhost:28448', JSON.stringify(user).slice(1, -1))
    .replaceAll('"m.room.topic"', JSON.stringify(`m.room.topic${SCRIPT}${TURNED}`))
    .replaceAll(
      '"displayname":"erin"',
      `"displayname":${JSON.stringify(LONG)},"x":${JSON.stringify(`</script>${SCRIPT}`)}`,
    )
  const turned = JSON.parse(text) as PageData
  return {...turned, room: {...turned.room, name: `${SCRIPT}${TURNED}${LONG}`, source: SCRIPT}}
}

describe.skipIf(CHROMIUM === null)('hostile content', () => {
  test('runs nothing, hides nothing, and does not stretch the page', async () => {
    const data = await hostile()
    const page = await openData('hostile', data)
    for (const tab of ['Findings', 'Event', 'State', 'Slot life', 'Servers', 'Search', 'About']) {
      await page.locator('.graph').press('n')
      await page.getByRole('tab', {name: tab}).click()
      if (tab === 'Search') await page.getByLabel('Search events and slots').fill('@<img src=x')
      await settled(page)
      expect(await page.locator('#app img, #app script, #app iframe').count()).toBe(0)
      expect(await page.evaluate(() => document.title)).not.toBe('owned')
      const text = (await page.locator('#app').textContent()) ?? ''
      expect(/[\u0000-\u0008\u202a-\u202e\u2066-\u2069\u001b]/.test(text), tab).toBe(false)
      expect(await page.evaluate(() => document.scrollingElement?.scrollWidth)).toBe(1280)
      const over = await page.locator('.panel:not([hidden])').evaluate((panel) => panel.scrollWidth - panel.clientWidth)
      expect(over, tab).toBeLessThanOrEqual(0)
      await shot(page, `hostile-${tab.replace(' ', '-')}`)
    }
    expect(await page.locator('#panel-search').textContent()).toContain('\\u{202e}gnp.exe')
  })

  test('a name of 10,000 characters is cut, and shown whole when asked for', async () => {
    const data = await hostile()
    const page = await openData('hostile-name', data, {hash: 'tab=state'})
    const row = page.locator('#panel-state tr', {hasText: 'NNNN'})
    expect(((await row.textContent()) ?? '').length).toBeLessThan(1000)
    await row.getByRole('button', {name: 'show all'}).click()
    expect(((await row.textContent()) ?? '').length).toBeGreaterThan(10_000)
    await shot(page, 'hostile-long')
    expect(await page.evaluate(() => document.scrollingElement?.scrollWidth)).toBe(1280)
  })

  test('leaves nothing in the window that was not there', async () => {
    const page = await openData('globals', await dataOf('creators-v12'))
    const own = await page.evaluate(() => {
      const frame = document.createElement('iframe')
      document.body.append(frame)
      const usual = new Set(Object.getOwnPropertyNames(frame.contentWindow ?? {}))
      frame.remove()
      return Object.getOwnPropertyNames(window).filter(
        (name) => !usual.has(name) && !/^(\d+|__playwright.*|__pw.*)$/.test(name),
      )
    })
    // Elements with an ID are named in every window.
    expect(own).toEqual([])
  })

  test('what is not allowed by the policy does not happen even if it got into the page', async () => {
    const page = await openData('policy', await dataOf('creators-v12'), {expects: /Content Security Policy/})
    const ran = await page.evaluate(() => {
      const script = document.createElement('script')
      script.textContent = 'document.title = "owned"'
      document.body.append(script)
      return document.title === 'owned'
    })
    expect(ran).toBe(false)
  })
})
