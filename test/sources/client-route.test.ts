import {describe, expect, test} from 'vitest'
import {clientPlan, openClientRoute} from '../../src/sources/client-route.ts'
import type {ReportedStateSet, Step} from '../../src/sources/evidence.ts'
import {html, json, refusal, ROOM, TOKEN, USER} from './client-stub.ts'
import {access, Kept, RoomServer} from './room-stub.ts'

const ends = (server: RoomServer): string[] =>
  server.asked.map(({path}) => /\/(?:context\/)?[^/]*$/u.exec(path)?.[0] ?? path)

const states = (steps: readonly Step[]): ReportedStateSet[] => steps.flatMap((step) => step.states ?? [])

describe('a route by the client API', () => {
  test('knows by opening who asks and where; the plan needs no server', async () => {
    const server = await RoomServer.start()
    const route = await openClientRoute({...access(server), insecure: true})
    expect(route.identity).toEqual({
      kind: 'client',
      name: `client ${USER}`,
      server: 'example.org',
      address: server.url,
      // Over http:// there is no certificate to verify.
      insecure: false,
    })
    expect(JSON.stringify(route.identity)).not.toContain(TOKEN)
    expect(route.unknowable).toContain('soft-failed events')
    expect(route.plan({})).toEqual(clientPlan({}))
    expect(server.asked).toHaveLength(1)
  })

  test('plans every request that it makes, and says that /messages can change the evidence', async () => {
    const server = await RoomServer.start()
    server.chat(10, 'm')
    for (const limits of [{}, {around: '$m5'}]) {
      await new Kept().run(await openClientRoute(access(server)), limits)
      const planned = clientPlan(limits).map(({request}) => request.replace(/^GET /u, ''))
      const patterns = planned.map((path) => new RegExp(`^${path.replaceAll(/\{\w+\}/gu, '[^/]+')}$`, 'u'))
      for (const {path} of server.asked) expect(patterns.some((pattern) => pattern.test(path))).toBe(true)
      const messages = clientPlan(limits).filter(({request}) => request.endsWith('/messages'))
      for (const {effect} of messages) expect(effect).toContain('fetches what is missing from other servers')
    }
  })

  test('asks for the current state around the newest page, then for the states after the newest events', async () => {
    const server = await RoomServer.start()
    server.chat(3, 'm')
    server.add('$fork', ['$m2'])
    const kept = new Kept()
    await kept.run(await openClientRoute(access(server)))
    expect(ends(server)).toEqual([
      '/whoami',
      '/versions',
      '/state',
      '/aliases',
      '/sync',
      '/messages',
      '/state',
      '/context/$fork',
      '/context/$m3',
      '/messages',
      '/messages',
    ])
    expect(kept.steps[0]).toMatchObject({roomVersion: '10', requests: 3})
    expect(states(kept.steps).map(({what, eventId}) => [what, eventId])).toEqual([
      ['current', null],
      ['after', '$fork'],
      ['after', '$m3'],
    ])
    expect(states(kept.steps)[0]?.slots).toContainEqual({eventId: '$join', type: 'm.room.member', stateKey: USER})
    expect(kept.steps.flatMap(({aliases}) => aliases ?? [])).toEqual(['#room:example.org'])
  })

  test('asks once for the state after an event', async () => {
    const server = await RoomServer.start()
    server.chat(3, 'm')
    const kept = new Kept()
    await kept.run(await openClientRoute(access(server)))
    await kept.run(await openClientRoute(access(server)))
    expect(server.count('/context/$m3')).toBe(1)
    server.chat(1, 'n')
    await kept.run(await openClientRoute(access(server)))
    expect([server.count('/context/$m3'), server.count('/context/$n1')]).toEqual([1, 1])
  })

  test('asks again, newest page included, while the state changes', async () => {
    const server = await RoomServer.start()
    server.chat(3, 'm')
    const older = [{type: 'm.room.create', state_key: '', event_id: '$create', content: {}}]
    server.faults.set('/state', [json(older)])
    const kept = new Kept()
    await kept.run(await openClientRoute(access(server)))
    expect(states(kept.steps).filter(({what}) => what === 'current')).toHaveLength(2)
    expect([server.count('/state'), server.count('/sync')]).toEqual([3, 2])
    expect(kept.notes()).toEqual([])
    server.faults.set('/state', [json(older), json([]), json(older), json([])])
    await kept.run(await openClientRoute(access(server)))
    expect(kept.notes().join()).toContain('kept changing')
    expect(kept.ids()).toEqual(server.shown())
  })

  test('does without /sync, aliases and a context that are refused, and records who refused', async () => {
    const server = await RoomServer.start()
    server.chat(6, 'm')
    server.faults.set('/sync', [refusal(403, 'M_FORBIDDEN', 'no sync')])
    server.faults.set('/aliases', [refusal(403, 'M_FORBIDDEN', 'no aliases')])
    server.faults.set('/context/$m6', [refusal(404, 'M_NOT_FOUND', 'Event not found.')])
    const kept = new Kept()
    await kept.run(await openClientRoute(access(server)))
    expect(kept.ids()).toEqual(server.shown())
    const refusals = kept.steps.flatMap((step) => step.refusals ?? [])
    expect(refusals.map(({outcome, status, eventId}) => [outcome, status, eventId])).toEqual([
      ['refused', 403, undefined],
      ['failed', undefined, undefined],
      ['absent', 404, '$m6'],
    ])
    server.chat(2, 'n')
    await kept.run(await openClientRoute(access(server)))
    expect(kept.ids()).toEqual(server.shown())
  })

  test('of an account that is not in the room ends with words that help', async () => {
    const server = await RoomServer.start()
    const route = await openClientRoute(access(server))
    server.faults.set('/state', [refusal(403, 'M_FORBIDDEN', `not in room, ${TOKEN}`)])
    const error: unknown = await new Kept().run(route).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({code: 'SERVER_REFUSED', message: expect.stringContaining('may not read') as unknown})
    expect((error as Error).message).not.toContain(TOKEN)
    server.faults.set('/whoami', [html(200)])
    await expect(openClientRoute(access(server))).rejects.toMatchObject({code: 'SERVER_ANSWER_MALFORMED'})
  })

  test('fetches single events where the timeline has them', async () => {
    const server = await RoomServer.start()
    server.chat(10, 'm')
    server.add('$outlier', ['$m2'], {outlier: true})
    const kept = new Kept()
    const route = await openClientRoute(access(server))
    for await (const step of route.fetchEvents?.(['$m4', '$outlier', '$nobody'], kept.context()) ?? []) kept.keep(step)
    const wanted = server.events.find(({id}) => id === '$m4')
    expect([...kept.events]).toEqual([['$m4', wanted && server.text(wanted)]])
    expect(kept.steps.flatMap((step) => step.refusals ?? [])).toMatchObject([
      {eventId: '$outlier', outcome: 'failed', status: 500},
      {eventId: '$nobody', outcome: 'absent', status: 404},
    ])
    expect(server.count('/context/$outlier')).toBe(1)
  })

  test('tells the room of an alias', async () => {
    const server = await RoomServer.start()
    const route = await openClientRoute(access(server))
    const {signal} = new AbortController()
    await expect(route.resolveAlias?.('#cats:example.org', signal)).resolves.toBe(ROOM)
    server.faults.set('/#dogs:example.org', [refusal(404, 'M_NOT_FOUND', 'Room alias not found')])
    await expect(route.resolveAlias?.('#dogs:example.org', signal)).rejects.toMatchObject({code: 'SERVER_REFUSED'})
  })
})
