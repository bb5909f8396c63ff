import {describe, expect, test} from 'vitest'
import {unpackGraph} from '../../src/graph/packed-graph.ts'
import {Flag} from '../../src/graph/room-graph.ts'
import {loadRoomFrom} from '../../src/investigate/load-room.ts'
import {replay, Verdict} from '../../src/resolve/replay.ts'
import {reportedRoom} from '../scenarios/room-case.ts'
import {CHROMIUM, pages, pixels, rowOf, settled, shot, view} from './browser.ts'
import {pageDataOf} from './page.ts'

const {dataOf, open, openData} = pages()
const ERIN = '@erin:localhost:28448'

describe.skipIf(CHROMIUM === null)('the graph', () => {
  test('a lane for each server, the busiest first, and every event of the room', async () => {
    const page = await open('conflict-v10')
    expect(await page.locator('.lane-name bdi').allTextContents()).toEqual(['localhost:28448', 'localhost:18448'])
    expect(await page.locator('#app').getAttribute('data-events')).toBe('94')
    // Kinds, the merges of states that differ, and the reset are all on the canvas.
    for (const color of ['member', 'power', 'state', 'conflict', 'reset']) {
      expect(await pixels(page, 0, color), color).toBeGreaterThan(20)
    }
    await shot(page, 'conflict-v10')
  })

  test('a click picks the event, and its panel tells of it', async () => {
    const page = await open('creators-v12')
    const {top, rowHeight} = await view(page)
    const box = await page.locator('.canvas').boundingBox()
    // The third event of the room: the power levels, in the first lane.
    await page.mouse.click((box?.x ?? 0) + 34, (box?.y ?? 0) + (2.5 - top) * rowHeight)
    expect(await rowOf(page)).toBe(2)
    const panel = page.locator('#panel-event')
    expect(await panel.isVisible()).toBe(true)
    expect(await panel.textContent()).toContain('m.room.power_levels')
    expect(await panel.locator('.content').textContent()).toContain('"users_default"')
    expect(await pixels(page, 1, 'selected')).toBeGreaterThan(50)
    await shot(page, 'event')
  })

  test('wheel and drag move, Ctrl and the wheel zoom, up to one event and back to all of them', async () => {
    const page = await open('conflict-v10')
    const whole = await view(page)
    const box = await page.locator('.canvas').boundingBox()
    const [x, y] = [(box?.x ?? 0) + 300, (box?.y ?? 0) + 300]
    await page.mouse.move(x, y)
    await page.keyboard.down('Control')
    for (let k = 0; k < 8; k += 1) await page.mouse.wheel(0, -200)
    await page.keyboard.up('Control')
    const close = await view(page)
    expect(close.rowHeight).toBeGreaterThan(60)
    await page.mouse.wheel(0, 150)
    const lower = await view(page)
    expect(lower.top).toBeGreaterThan(close.top)
    await page.mouse.down()
    await page.mouse.move(x, y + 200, {steps: 4})
    await page.mouse.up()
    expect((await view(page)).top).toBeLessThan(lower.top)
    // It was a drag, and picked nothing.
    expect(await rowOf(page)).toBe(-1)
    await page.getByRole('button', {name: 'Whole room'}).click()
    expect((await view(page)).rowHeight).toBeCloseTo(whole.rowHeight, 3)
  })

  test('a click in the strip at the side goes there', async () => {
    const page = await open('conflict-v10')
    await page.keyboard.press('End')
    await page.keyboard.press('+')
    const before = await view(page)
    const box = await page.locator('.minimap').boundingBox()
    await page.mouse.click((box?.x ?? 0) + 20, (box?.y ?? 0) + 10)
    expect((await view(page)).top).toBeLessThan(before.top - 10)
  })
})

describe.skipIf(CHROMIUM === null)('an event', () => {
  test('checks and rules with number and outcome, and auth events against what they should be', async () => {
    const data = await dataOf('rejected-v6')
    const result = replay(unpackGraph(data.graph))
    const [row, rejection] = [...result.rejections].find(([, {rule}]) => rule.startsWith('v6:7')) ?? []
    const page = await open('rejected-v6', {hash: `event=${data.graph.ids[row ?? 0] ?? ''}`})
    const panel = page.locator('#panel-event')
    expect(await rowOf(page)).toBe(row)
    expect(await panel.locator('.answer').textContent()).toContain('Rejected by rule')
    const number = /:([\d.]+)@/.exec(rejection?.rule ?? '')?.[1] ?? 'none'
    expect(await panel.locator('.rule.rejected .number').allTextContents()).toContain(number)
    expect(await panel.locator('.check.failed').count()).toBeGreaterThan(0)
    expect(await panel.locator('.check').count()).toBe(6)
    expect(await panel.locator('.citations li').count()).toBeGreaterThan(1)
    expect(await panel.textContent()).toContain('It would have been accepted')
    await shot(page, 'rejected')
  })

  test('contents of messages are left out, and it is said', async () => {
    const data = await dataOf('creators-v12')
    const graph = unpackGraph(data.graph)
    const message = graph.ids.findIndex((_, row) => graph.typeName(row) === 'm.room.message')
    const page = await open('creators-v12', {hash: `event=${graph.id(message)}`})
    expect(await page.locator('#panel-event').textContent()).toContain('Left out')
    await page.getByRole('tab', {name: 'About'}).click()
    expect(await page.locator('#panel-about').textContent()).toContain('the contents are left out')
  })

  test('a soft-failed event is told from a rejected one', async () => {
    const data = await dataOf('creators-v12')
    const row = data.marks.flatMap(({softFailed}) => softFailed)[0] ?? -1
    const page = await open('creators-v12', {hash: `event=${data.graph.ids[row] ?? ''}`})
    const panel = page.locator('#panel-event')
    expect(await panel.locator('.badges').textContent()).toContain('soft-failed by a server')
    expect(await panel.locator('.answer').textContent()).toContain('Accepted, but soft-failed by')
  })

  test('of each server, whether it has the event, and when it received it', async () => {
    const data = await dataOf('gap-v11')
    const [, behind] = data.marks
    const row = behind?.lacks?.[0] ?? -1
    const page = await open('gap-v11', {hash: `event=${data.graph.ids[row] ?? ''}`})
    const servers = page.locator('#panel-event [data-server]')
    expect(await servers.nth(1).textContent()).toBe(`${behind?.server ?? ''}: does not have it`)
    expect(await servers.nth(0).textContent()).toMatch(/: accepted it$/)

    const told = await openData(
      'gap-told',
      {
        ...data,
        marks: data.marks.map((marks) => ({...marks, received: [[row, Date.UTC(2026, 0, 2, 3, 4, 5)]]})),
      },
      {hash: `event=${data.graph.ids[row] ?? ''}`},
    )
    expect(await told.locator('#panel-event [data-server]').first().textContent()).toContain(
      'received 2026-01-02 03:04:05 UTC by its clock',
    )
  })
})

describe.skipIf(CHROMIUM === null)('a room with holes', () => {
  test('what is missing has a place, what cannot be determined says so, and nothing passes for clean', async () => {
    const {lines} = reportedRoom('conflict-v10')
    const kept = lines.filter((_, index) => index !== 30 && index !== 31)
    const room = loadRoomFrom(
      'holes',
      kept.map((text, index) => ({text, line: index + 1})),
    )
    const {graph} = room
    const data = await pageDataOf({
      room,
      unknowable: [],
      reported: [],
      reportedExtremities: {},
      findings: [],
      notes: [],
    })
    const missing = graph.ids.findIndex((_, row) => graph.has(row, Flag.Missing))
    expect(missing).toBeGreaterThanOrEqual(0)
    const page = await openData('holes', data, {hash: `event=${graph.id(missing)}`})
    expect(await page.locator('#panel-event').textContent()).toContain('An event that is not here')
    await shot(page, 'holes')
    const {verdicts} = replay(graph)
    const open = verdicts.findIndex((verdict, row) => verdict === Verdict.Undetermined && row > missing + 1)
    await page.getByRole('slider').fill(String(open))
    await page.getByRole('tab', {name: 'Event'}).click()
    await settled(page)
    expect(await page.locator('#panel-event .badge.undetermined').count()).toBe(1)
    expect(await page.locator('#panel-event .answer').textContent()).toContain('Cannot be determined')
    await page.getByRole('tab', {name: 'Findings'}).click()
    expect(await page.locator('#panel-findings .notice').textContent()).toContain('Incomplete')
    expect(await page.locator('.top .tally').textContent()).toContain('incomplete')
    expect(await page.locator('#app').textContent()).not.toMatch(/nothing (is )?wrong/i)
  })
})

describe.skipIf(CHROMIUM === null)('time', () => {
  test('the state table follows each step, and what changed lights up', async () => {
    const data = await dataOf('creators-v12')
    const {graph, trie, after} = replay(unpackGraph(data.graph))
    const page = await open('creators-v12', {hash: `event=${graph.id(0)}&tab=state`})
    const sizes: number[] = []
    const lit: string[][] = []
    for (let row = 1; row < graph.size; row += 1) {
      await page.keyboard.press('j')
      await settled(page)
      expect(await rowOf(page)).toBe(row)
      const table = page.locator('#panel-state table.state')
      sizes.push(Number(await table.getAttribute('data-entries')))
      lit.push(
        await table.locator('tr.lit').evaluateAll((rows) => rows.map((one) => one.getAttribute('data-slot') ?? '')),
      )
    }
    const expected = Array.from({length: graph.size - 1}, (_, index) => {
      const changed: number[] = []
      trie.differences([after[index] ?? 0, after[index + 1] ?? 0], changed)
      let size = 0
      trie.forEach(after[index + 1] ?? 0, () => (size += 1))
      return {
        size,
        lit: changed.map((slot) => `${graph.slotAt(slot).type}/${graph.slotAt(slot).stateKey}`),
      }
    })
    expect(sizes).toEqual(expected.map(({size}) => size))
    expect(lit.map((one) => one.toSorted())).toEqual(expected.map((one) => one.lit.toSorted()))
    await shot(page, 'state')
    // What was changed step by step is what is made at once; what went away in the last step is only in the first.
    const rows = (): Promise<readonly string[]> =>
      page
        .locator('#panel-state tbody tr:not(:has(td.none))')
        .evaluateAll((lines) => lines.map((line) => `${line.getAttribute('data-slot') ?? ''} ${line.textContent}`))
    const stepped = await rows()
    // The link follows when time comes to rest.
    await page.waitForURL(`**#event=${graph.id(graph.size - 1)}*`)
    await page.reload()
    await page.waitForSelector('#app[data-ready="true"]')
    expect(await rows()).toEqual(stepped)
    expect(stepped.length).toBeGreaterThan(8)
  })

  test('the slider goes anywhere, and before and after differ by what the event did', async () => {
    const page = await open('creators-v12', {hash: 'tab=state'})
    const slider = page.getByRole('slider')
    await slider.fill('5')
    expect(await rowOf(page)).toBe(5)
    const table = page.locator('#panel-state table.state')
    const entries = async (): Promise<number> => {
      await settled(page)
      return Number(await table.getAttribute('data-entries'))
    }
    expect(await entries()).toBe(6)
    await page.getByRole('button', {name: 'before', exact: true}).click()
    await settled(page)
    // The name of the room goes away again, and is seen going.
    expect(await entries()).toBe(5)
    expect(await table.locator('tr.lit').count()).toBe(1)
    expect(await table.locator('tr.lit').textContent()).toContain('not set')
    await page.getByLabel('Filter the state').fill('alice')
    // Her membership, and the power levels, which name her.
    expect(await table.locator('caption').textContent()).toBe('2 of 5 entries')
  })
})

describe.skipIf(CHROMIUM === null)('a slot, servers, search, findings', () => {
  test('the life of a slot is told and drawn, the reset with its cause', async () => {
    const page = await open('creators-v12')
    const before = await pixels(page, 1, 'slot')
    await page.getByRole('tab', {name: 'State'}).click()
    await page.locator('#panel-state').getByRole('button', {name: ERIN}).click()
    const panel = page.locator('#panel-slot')
    expect(await panel.locator('h2').textContent()).toContain(ERIN)
    expect(await panel.locator('.reset.lost').textContent()).toContain('concurrent-rule-change')
    expect(await panel.locator('[data-entry="set"]').count()).toBeGreaterThan(0)
    expect(await panel.locator('[data-entry="reset"]').count()).toBe(1)
    expect(await pixels(page, 1, 'slot')).toBeGreaterThan(before + 200)
    expect(await pixels(page, 1, 'reset')).toBeGreaterThan(100)
    await shot(page, 'slot')
    await page.getByRole('button', {name: 'Stop showing this slot'}).click()
    expect(await pixels(page, 1, 'slot')).toBe(before)
  })

  test('the replay beside a server: differences first, and the first divergence to jump to', async () => {
    const data = await dataOf('split-sql-v11')
    const wrong = data.sides.find(
      ({id, what}) => what === 'current' && data.differences.some(({grades}) => Object.hasOwn(grades, id)),
    )
    const page = await open('split-sql-v11')
    await page.getByRole('tab', {name: 'Servers'}).click()
    const panel = page.locator('#panel-sides')
    await panel.getByRole('combobox').selectOption(wrong?.id ?? '')
    const slots = await panel
      .locator('table.compare tbody tr')
      .evaluateAll((rows) => rows.map((one) => one.getAttribute('data-slot')))
    const expected = data.differences
      .filter(({grades}) => Object.hasOwn(grades, wrong?.id ?? ''))
      .map(({type, stateKey}) => `${type}/${stateKey}`)
    expect(slots.toSorted()).toEqual(expected.toSorted())
    expect(expected).toContain(`m.room.member/${ERIN}`)
    await shot(page, 'sides')
    await panel.locator('.divergence button').first().click()
    const [point] = data.divergencePoints
    expect(await rowOf(page)).toBe(data.graph.ids.indexOf(point?.eventId ?? ''))
    expect(page.url()).toContain(`side=${wrong?.id ?? ''}`)
  })

  test('of a server, the events that it does not have or that do not count for it', async () => {
    const data = await dataOf('rejected-v6')
    const marks = data.marks[1]
    const side = data.sides.find(({server}) => server === marks?.server)
    const page = await open('rejected-v6', {hash: `side=${side?.id ?? ''}&tab=sides`})
    const absent = page.locator('[data-server-events="that it does not have"]')
    expect(marks?.lacks?.length).toBeGreaterThan(2)
    await absent.locator('summary').click()
    expect(await absent.locator('li').count()).toBe(marks?.lacks?.length)
    await absent.getByRole('button').first().click()
    expect(await rowOf(page)).toBe(marks?.lacks?.[0])
  })

  test('where only states of now were told, since when they differ is said to be unknown', async () => {
    const data = await dataOf('split-sql-v11')
    expect(data.divergencePoints.length).toBeGreaterThan(0)
    const now = {
      ...data,
      divergencePoints: [],
      sides: data.sides.filter(({what}) => what === 'current' || what === 'at-extremity'),
    }
    const page = await openData('now-only', now, {hash: 'tab=sides'})
    expect(await page.locator('#panel-sides').textContent()).toContain('Since when it differs cannot be told')
    const whole = await openData('with-points', data, {hash: 'tab=sides'})
    expect(await whole.locator('#panel-sides').textContent()).not.toContain('cannot be told')
  })

  test('search by event, user, type and text; a result is gone to', async () => {
    const data = await dataOf('conflict-v10')
    const page = await open('conflict-v10')
    const found = async (query: string): Promise<number> => {
      await page.getByLabel('Search events and slots').fill(query)
      await settled(page)
      return Number(await page.locator('#panel-search [data-found]').getAttribute('data-found'))
    }
    expect(await found(data.graph.ids[40] ?? '')).toBe(1)
    const {graph} = replay(unpackGraph(data.graph))
    const count = (is: (row: number) => boolean): number => graph.ids.filter((_, row) => is(row)).length
    expect(await found('m.room.power_levels')).toBe(count((row) => graph.typeName(row) === 'm.room.power_levels'))
    expect(await found('dave was here')).toBeGreaterThan(0)
    expect(await found('nobody wrote this')).toBe(0)
    // All words must be there.
    expect(await found('dave nobody')).toBe(0)
    const byErin = await found(ERIN)
    expect(byErin).toBeGreaterThanOrEqual(count((row) => graph.senderName(row) === ERIN))
    await shot(page, 'search')
    await page.locator('#panel-search section').last().locator('button.link').first().click()
    expect(await page.locator('#panel-event').textContent()).toContain(ERIN)
  })

  test.each(['creators-v12', 'conflict-v10', 'split-reject-v10', 'split-sql-v11', 'rejected-v6', 'gap-v11'])(
    '%s: findings are listed, and those about an event or slot lead there',
    async (name) => {
      const {findings} = await dataOf(name)
      const page = await open(name)
      const panel = page.locator('#panel-findings')
      const grave = findings.filter(({severity}) => severity === 'error')
      expect(await page.locator('.top .badge.error').count()).toBe(grave.length > 0 ? 1 : 0)
      const items = panel.locator('[data-finding]')
      expect(await items.count()).toBeLessThanOrEqual(findings.length)
      expect((await items.count()) > 0).toBe(findings.length > 0)
      for (const item of await items.all()) {
        const go = item.locator('.go button.link')
        if ((await go.count()) === 0) continue
        await go.first().click()
        await settled(page)
        expect((await rowOf(page)) >= 0 || page.url().includes('slot=') || page.url().includes('side=')).toBe(true)
        await page.getByRole('tab', {name: 'Findings'}).click()
      }
      await shot(page, `findings-${name}`)
    },
  )
})
