import {describe, expect, test} from 'vitest'
import {openAdminRoute} from '../../src/sources/admin-route.ts'
import {openClientRoute} from '../../src/sources/client-route.ts'
import type {Route} from '../../src/sources/evidence.ts'
import {cutInTheBody, html, json, page, pduText, refusal} from './client-stub.ts'
import {access, Kept, RoomServer} from './room-stub.ts'

const routes = [
  ['client', (server: RoomServer): Promise<Route> => openClientRoute(access(server)), false],
  ['admin', (server: RoomServer): Promise<Route> => openAdminRoute(access(server)), true],
] as const

/** Pages that were asked for more than once. What came in since a place (`to` without `from`) is another question each time. */
function repeated(server: RoomServer): number {
  const pages = server.pages().filter((query) => query.includes('"from"') || !query.includes('"to"'))
  return pages.length - new Set(pages).size
}

describe.each(routes)('the timeline by the %s API', (_name, open, soft) => {
  test('is read to its start, a page a step, each event byte for byte', async () => {
    const server = await RoomServer.start()
    server.chat(10, 'm')
    const kept = new Kept()
    await kept.run(await open(server))
    expect(kept.ids()).toEqual(server.shown(soft))
    const [create] = server.events
    expect(kept.events.get('$create')).toBe(create && server.text(create))
    expect(server.pages()).toHaveLength(4)
    expect(kept.steps.reduce((sum, {requests}) => sum + requests, 0)).toBe(server.asked.length)
    expect(kept.notes()).toEqual([])
  })

  test('goes on where a run was cut, at whatever step, and repeats one page at most', async () => {
    let cuts = 0
    for (let at = 1; ; at += 1) {
      const server = await RoomServer.start()
      server.chat(20, 'm')
      const kept = new Kept()
      const finished = (await kept.run(await open(server), {}, at)) < at
      await kept.run(await open(server))
      expect(kept.ids()).toEqual(server.shown(soft))
      expect(repeated(server)).toBeLessThanOrEqual(finished ? 0 : 1)
      if (finished) break
      cuts += 1
    }
    expect(cuts).toBeGreaterThan(8)
  })

  test('is whole after being cut again and again, while events come in', async () => {
    const server = await RoomServer.start()
    server.chat(30, 'm')
    const kept = new Kept()
    let runs = 0
    for (const prelude = soft ? 5 : 6; ; runs += 1) {
      if (runs < 4) server.chat(7, `late${String(runs)}-`)
      const atMost = prelude + 2
      if ((await kept.run(await open(server), {}, atMost)) < atMost) break
    }
    expect(runs).toBeGreaterThan(5)
    expect(kept.ids()).toEqual(server.shown(soft))
    expect(repeated(server)).toBeLessThanOrEqual(runs)
  })

  test('asked again brings what is new by one bounded page', async () => {
    const server = await RoomServer.start()
    server.chat(10, 'm')
    const kept = new Kept()
    await kept.run(await open(server))
    const before = server.pages().length
    await kept.run(await open(server))
    expect(server.pages().length - before).toBe(1)
    server.chat(3, 'new')
    await kept.run(await open(server))
    expect(kept.ids()).toEqual(server.shown(soft))
    expect(server.pages().length - before).toBe(3)
    const steps = kept.steps.length
    await kept.run(await open(server))
    const again = kept.steps.slice(steps).filter(({how}) => how.endsWith('/messages'))
    expect(again.map(({events}) => events)).toEqual([[]])
  })

  test('asked again brings a fork that came in deep below known pages', async () => {
    const server = await RoomServer.start()
    server.chat(30, 'm')
    const kept = new Kept()
    await kept.run(await open(server))
    const before = server.pages().length
    server.chat(3, 'fork', '$m2')
    await kept.run(await open(server))
    expect(kept.ids()).toEqual(server.shown(soft))
    expect(server.pages().length - before).toBe(2)
  })

  test('asked again brings what the server backfilled, which it counts as old', async () => {
    const server = await RoomServer.start()
    server.chat(30, 'm')
    const kept = new Kept()
    await kept.run(await open(server))
    const before = server.pages().length
    for (let n = 1; n <= 6; n += 1)
      server.add(`$back${String(n)}`, [n === 1 ? '$m2' : `$back${String(n - 1)}`], {stream: -n})
    server.add('$merge', ['$back6', '$m30', '$nobody'])
    await kept.run(await open(server))
    expect(kept.ids()).toEqual(server.shown(soft))
    expect(server.pages().length - before).toBeLessThan(7)
    expect(kept.steps.flatMap(({refusals}) => refusals ?? []).map(({eventId}) => eventId)).toEqual(['$nobody'])
  })

  test('does not take for granted what another route brought', async () => {
    const server = await RoomServer.start()
    server.chat(10, 'm')
    const kept = new Kept()
    await kept.run(await open(server))
    server.chat(20, 'new')
    for (const event of server.events.slice(-8)) kept.events.set(event.id, server.text(event))
    await kept.run(await open(server))
    expect(kept.ids()).toEqual(server.shown(soft))
  })

  test('is left at known pages where the server ignores the bound, not at a hole', async () => {
    const server = await RoomServer.start()
    server.heedsTo = false
    server.chat(60, 'm')
    const kept = new Kept()
    await kept.run(await open(server))
    const before = server.pages().length
    server.chat(3, 'fork', '$m40')
    server.add('$merge', ['$fork3', '$m60'])
    await kept.run(await open(server))
    expect(kept.ids()).toEqual(server.shown(soft))
    expect(server.pages().length - before).toBeLessThan(12)
  })

  test('stops after so many events; later runs go deeper', async () => {
    const server = await RoomServer.start()
    server.chat(20, 'm')
    const kept = new Kept()
    await kept.run(await open(server), {depth: 6})
    const timeline = kept.ids().filter((id) => id.startsWith('$m'))
    expect(timeline).toEqual(['$m15', '$m16', '$m17', '$m18', '$m19', '$m20'])
    await kept.run(await open(server), {depth: 6})
    expect(kept.ids().filter((id) => id.startsWith('$m'))).toEqual(timeline)
    server.chat(20, 'n')
    await kept.run(await open(server), {depth: 6})
    expect(kept.ids()).not.toContain('$n14')
    await kept.run(await open(server))
    expect(kept.ids()).toEqual(server.shown(soft))
    expect(repeated(server)).toBe(0)
  })

  test('stops at an event; later runs go deeper', async () => {
    const server = await RoomServer.start()
    server.chat(20, 'm')
    const kept = new Kept()
    await kept.run(await open(server), {since: '$m14'})
    expect(kept.ids()).toContain('$m14')
    expect(kept.ids()).not.toContain('$m12')
    const pages = server.pages().length
    await kept.run(await open(server), {since: '$m14'})
    expect(server.pages().length - pages).toBe(1)
    await kept.run(await open(server))
    expect(kept.ids()).toEqual(server.shown(soft))
  })

  test('around an event is read to both sides, and goes on where it was cut', async () => {
    const server = await RoomServer.start()
    server.chat(40, 'm')
    const around = {around: '$m20', depth: 12}
    const wanted = ['$m15', '$m16', '$m17', '$m18', '$m19', '$m20', '$m21', '$m22', '$m23', '$m24', '$m25', '$m26']
    for (let at = 4; at < 10; at += 1) {
      const kept = new Kept()
      await kept.run(await open(server), around, at)
      await kept.run(await open(server), around)
      // The admin route brings the extremity as well.
      expect(kept.ids().filter((id) => id.startsWith('$m') && id !== '$m40')).toEqual(wanted)
      const states = kept.steps.flatMap(({states: told}) => told ?? [])
      expect(states).toContainEqual(expect.objectContaining({what: 'after', eventId: '$m20'}))
    }
  })

  test('around an event near the newest one brings what came after', async () => {
    const server = await RoomServer.start()
    server.chat(8, 'm')
    const around = {around: '$m7', depth: 12}
    const kept = new Kept()
    await kept.run(await open(server), around)
    server.chat(3, 'n')
    await kept.run(await open(server), around)
    expect(kept.ids()).toContain('$n2')
  })

  test('is read anew where the server does not take the tokens of an earlier run', async () => {
    const server = await RoomServer.start()
    server.chat(20, 'm')
    const kept = new Kept()
    await kept.run(await open(server), {depth: 8})
    kept.marks.set('timeline', kept.marks.get('timeline')?.replaceAll(/"[st]\d/gu, '"x') ?? '')
    await kept.run(await open(server))
    expect(kept.ids()).toEqual(server.shown(soft))
    expect(kept.notes().join()).toContain('refused the page token of an earlier run')
    kept.marks.set('timeline', '{broken')
    await kept.run(await open(server))
    expect(kept.ids()).toEqual(server.shown(soft))
  })

  test('survives 429, 502, a page for people, cut and truncated answers', async () => {
    const server = await RoomServer.start()
    server.chat(10, 'm')
    const kept = new Kept()
    const slow = json({errcode: 'M_LIMIT_EXCEEDED', retry_after_ms: 10}, 429)
    server.faults.set('/messages', [slow, html(502), cutInTheBody, json('{"chunk":['), slow])
    await kept.run(await open(server))
    expect(kept.ids()).toEqual(server.shown(soft))
    expect(server.pages()).toHaveLength(9)
  })

  test('that fails half-way keeps what it has, and goes on', async () => {
    const server = await RoomServer.start()
    server.chat(20, 'm')
    const kept = new Kept()
    await kept.run(await open(server), {depth: 8})
    const before = kept.ids()
    server.faults.set('/messages', [html(404, '<h1>Not here</h1>')])
    await expect(kept.run(await open(server))).rejects.toMatchObject({code: 'SERVER_ANSWER_MALFORMED'})
    expect(kept.ids()).toEqual(before)
    await kept.run(await open(server))
    expect(kept.ids()).toEqual(server.shown(soft))
  })

  test('does not take a page of another room for one that was read', async () => {
    const server = await RoomServer.start()
    server.chat(20, 'm')
    const kept = new Kept()
    const other = pduText('$else', 'm.room.message', null).replace('{', '{"room_id":"!other:example.org",')
    server.faults.set('/messages', [json(`{"chunk":[${other}],"end":"t1"}`)])
    await expect(kept.run(await open(server))).rejects.toMatchObject({code: 'SERVER_ANSWER_MALFORMED'})
    expect(kept.ids()).not.toContain('$else')
    await kept.run(await open(server))
    expect(kept.ids()).toEqual(server.shown(soft))
  })

  test('ends with a note where the server repeats a token, or gives nothing new', async () => {
    const server = await RoomServer.start()
    const text = pduText('$a', 'm.room.message', null)
    server.faults.set('/messages', [page([text], 't2'), page([text], 't1'), page([text], 't2')])
    const kept = new Kept()
    await kept.run(await open(server))
    expect(kept.notes().join()).toContain('the same page token twice')
    expect(server.pages()).toHaveLength(3)
    const other = await RoomServer.start()
    other.faults.set(
      '/messages',
      Array.from({length: 2100}, (_, n) => page([], `t${String(n)}`)),
    )
    const again = new Kept()
    await again.run(await open(other))
    expect(again.notes().join()).toContain('Paging stopped after 2000 pages')
  })

  test('that does not reach the create event says so', async () => {
    const server = await RoomServer.start()
    server.faults.set('/messages', [page([pduText('$a', 'm.room.message', null)])])
    const kept = new Kept()
    await kept.run(await open(server))
    expect(kept.notes()).toEqual(['The timeline ended before the room’s create event: its start is not visible.'])
  })

  test('stops when the signal fires', async () => {
    const server = await RoomServer.start()
    const reason = new Error('enough')
    const stop = new AbortController()
    server.faults.set('/messages', [refusal(429, 'M_LIMIT_EXCEEDED', 'slow')])
    const route = await open(server)
    const context = new Kept().context({}, stop.signal)
    const pausing = {
      ...context,
      onPause: () => {
        stop.abort(reason)
      },
    }
    const end = (async () => {
      for await (const step of route.gather(pausing)) expect(step.how).not.toBe('')
    })()
    await expect(end).rejects.toBe(reason)
  })
})
