import {describe, expect, test} from 'vitest'
import {unpackGraph} from '../../src/graph/packed-graph.ts'
import {replay} from '../../src/resolve/replay.ts'
import {CHROMIUM, pages, pixels, rowOf, settled, shot, view} from './browser.ts'

const {dataOf, open, openData} = pages()
const STEPS = '.merge-steps [data-step]'

describe.skipIf(CHROMIUM === null)('what servers do with the DAG', () => {
  test('a merge is resolved step by step: what was in conflict, in which order it was judged, and what stood against it', async () => {
    const data = await dataOf('conflict-v10')
    const reset = data.resets.find(({expected}) => !expected)
    const page = await open('conflict-v10', {hash: `event=${data.graph.ids[reset?.row ?? 0] ?? ''}`})
    const merge = page.locator('#panel-event details.merge')
    // It is worked out when it is opened.
    expect(await page.locator(STEPS).count()).toBe(0)
    await merge.locator('summary').first().click()
    await page.waitForSelector(STEPS)
    const graph = unpackGraph(data.graph)
    const conflicts = replay(graph).merges.get(reset?.row ?? 0)
    expect(await merge.locator('[data-conflict]').count()).toBe(conflicts)
    expect(await merge.textContent()).toContain('State resolution version 2.')
    // What the reset lost was judged, and did not pass; the rule that says so stands there.
    const lost = merge.locator(`[data-step="${String(reset?.lost)}"]`)
    expect(await lost.getAttribute('class')).toContain('failed')
    expect(await lost.textContent()).toContain('not allowed')
    expect(await lost.locator('code').last().textContent()).toMatch(/^v10:/)
    expect(await merge.locator(`[data-step="${String(reset?.lost)}"][data-stands]`).count()).toBe(0)
    // Each slot keeps one event of those that passed.
    expect(await merge.locator('[data-step][data-stands]').count()).toBeGreaterThan(0)
    expect(await merge.textContent()).toContain('The mainline begins (0) with')
    await lost.scrollIntoViewIfNeeded()
    await shot(page, 'merge-steps')
    await lost.getByRole('button').first().click()
    expect(await rowOf(page)).toBe(reset?.lost)
  })

  test('forward and backward extremities: by the replay, and as each server tells them', async () => {
    const data = await dataOf('creators-v12')
    const page = await openData('ends', {
      ...data,
      marks: data.marks.map((mark, index) => (index === 0 ? {...mark, extremities: ['$not-here']} : mark)),
    })
    await page.getByRole('tab', {name: 'Event'}).click()
    const panel = page.locator('#panel-event')
    const tips = await panel.locator('[data-extremities="replay"] li').count()
    expect(tips).toBeGreaterThan(0)
    const [odd, ...others] = data.marks
    expect(await panel.locator(`[data-extremities="${odd?.server ?? ''}"]`).textContent()).toContain('$not-here')
    for (const {server} of others) {
      expect(await panel.locator(`[data-extremities="${server}"]`).textContent()).toContain('has the same')
    }
    expect(await panel.textContent()).toContain('None: every event that another follows is here.')
    await shot(page, 'extremities')
    await panel.locator('[data-extremities="replay"] button').first().click()
    const graph = unpackGraph(data.graph)
    // Nothing follows where it leads.
    expect([...graph.prev.edges]).not.toContain(await rowOf(page))
  })

  test('the auth chain of an event is listed and drawn, by a key and by its link', async () => {
    const data = await dataOf('conflict-v10')
    const graph = unpackGraph(data.graph)
    const row = graph.size - 1
    const page = await open('conflict-v10', {hash: `event=${graph.id(row)}`})
    await page.keyboard.press('0')
    const before = await pixels(page, 1, 'selected')
    await page.keyboard.press('a')
    await settled(page)
    const chained = await pixels(page, 1, 'selected')
    expect(chained).toBeGreaterThan(before + 100)
    await expect.poll(() => page.evaluate(() => location.hash)).toContain('chain=1')
    const list = page.locator('#panel-event details.auth-chain')
    await list.locator('summary').click()
    const chain = new Set<number>([row])
    for (const one of chain) for (const parent of graph.authOf(one)) chain.add(parent)
    expect(await list.locator('summary').textContent()).toContain(`${String(chain.size - 1)} events`)
    expect(await list.locator('li').last().textContent()).toContain('create')
    await shot(page, 'auth-chain')
    await page.reload()
    await page.waitForSelector('#app[data-ready="true"]')
    const button = page.getByRole('button', {name: 'Drawn in the graph'})
    expect(await button.getAttribute('aria-pressed')).toBe('true')
    await view(page)
    const drawn = await pixels(page, 1, 'selected')
    await button.click()
    expect(await pixels(page, 1, 'selected')).toBeLessThan(drawn - 50)
  })

  test('while the state is looked at, the events that it is made of stand out in the graph, and follow through time', async () => {
    const data = await dataOf('conflict-v10')
    const page = await open('conflict-v10', {hash: `event=${data.graph.ids[20] ?? ''}`})
    await page.keyboard.press('0')
    // The ring around what is picked has nearly that colour.
    const ring = await pixels(page, 1, 'slot')
    await page.getByRole('tab', {name: 'State'}).click()
    const boxed = await pixels(page, 1, 'slot')
    expect(boxed).toBeGreaterThan(ring + 200)
    await shot(page, 'state-in-graph')
    await page.keyboard.press('Escape')
    await page.keyboard.press('Home')
    await page.keyboard.press('0')
    // After the create event there is but one.
    const one = await pixels(page, 1, 'slot')
    expect(one).toBeLessThan((ring + boxed) / 2)
    await page.getByRole('tab', {name: 'Event'}).click()
    expect(await pixels(page, 1, 'slot')).toBeLessThan(one)
  })
})
