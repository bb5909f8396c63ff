import {describe, expect, test} from 'vitest'
import {listRooms} from '../../src/sources/admin-rooms.ts'
import {adminPlan, openAdminRoute} from '../../src/sources/admin-route.ts'
import {html, json, refusal, ROOM, USER} from './client-stub.ts'
import {access, Kept, RoomServer} from './room-stub.ts'

describe('a route by the admin API', () => {
  test('asks for the state and the extremities before the timeline, by GET alone and as planned', async () => {
    const server = await RoomServer.start()
    server.chat(3, 'm')
    server.add('$fork', ['$m2'])
    const kept = new Kept()
    const route = await openAdminRoute(access(server))
    expect(route.identity).toMatchObject({kind: 'admin', name: 'admin example.org', server: 'example.org'})
    expect(route.unknowable).toContain('rejected events')
    await kept.run(route)
    const room = `/_synapse/admin/v1/rooms/${ROOM}`
    expect(server.asked.map(({path}) => path)).toEqual([
      '/_matrix/client/v3/account/whoami',
      room,
      `${room}/state`,
      `${room}/forward_extremities`,
      `${room}/context/$m3`,
      `${room}/context/$fork`,
      '/_synapse/admin/v1/fetch_event/$m3',
      '/_synapse/admin/v1/fetch_event/$fork',
      `${room}/messages`,
      `${room}/messages`,
      `${room}/messages`,
    ])
    expect(kept.steps.flatMap(({states}) => states ?? []).map(({what, eventId}) => [what, eventId])).toEqual([
      ['current', null],
      ['at-extremity', '$m3'],
      ['at-extremity', '$fork'],
    ])
    expect(kept.steps.flatMap(({extremities}) => extremities ?? [])).toEqual([
      {direction: 'forward', how: '/_synapse/admin/v1/rooms/{roomId}/forward_extremities', eventIds: ['$m3', '$fork']},
    ])
    const planned = adminPlan({}).map(({request}) => request.replace(/^GET /u, ''))
    const patterns = planned.map((path) => new RegExp(`^${path.replaceAll(/\{\w+\}/gu, '[^/]+')}$`, 'u'))
    for (const {path} of server.asked) expect(patterns.some((pattern) => pattern.test(path))).toBe(true)
  })

  test('without the timeline fetches state events and extremities one by one', async () => {
    const server = await RoomServer.start()
    server.chat(6, 'm')
    const kept = new Kept()
    const route = await openAdminRoute({...access(server), withMessages: false})
    await kept.run(route)
    expect(kept.ids()).toEqual(['$create', '$join', '$m6'])
    expect(server.pages()).toEqual([])
    expect(route.plan({}).some(({request}) => request.includes('/messages'))).toBe(false)
    const before = server.asked.length
    await kept.run(route, {around: '$m3'})
    expect(server.pages()).toEqual([])
    expect(server.count('/context/$m3')).toBe(1)
    expect(server.asked.slice(before).some(({path}) => path.includes('fetch_event'))).toBe(false)
  })

  test('marks soft-failed events', async () => {
    const server = await RoomServer.start()
    server.chat(2, 'm')
    server.add('$soft', ['$m1'], {softFailed: true})
    const kept = new Kept()
    const route = await openAdminRoute(access(server))
    await kept.run(route)
    for await (const step of route.fetchEvents?.(['$soft'], kept.context()) ?? []) kept.keep(step)
    const copies = kept.steps.flatMap(({events}) => events ?? [])
    expect(copies.filter(({marks}) => marks?.softFailed === true).map(({eventId}) => eventId)).toEqual([
      '$soft',
      '$soft',
    ])
    expect(copies.filter(({marks}) => marks !== undefined)).toHaveLength(2)
  })

  test('fetches outliers, each byte for byte, and says what the server does not have', async () => {
    const server = await RoomServer.start()
    for (let n = 0; n < 250; n += 1) server.add(`$o${String(n)}`, ['$create'], {outlier: true})
    const wanted = server.events.map(({id}) => id)
    const kept = new Kept()
    const route = await openAdminRoute(access(server))
    server.faults.set('/$o7', [
      refusal(500, 'M_UNKNOWN', 'once'),
      json({event: {room_id: '!other:x', prev_events: []}}),
    ])
    for await (const step of route.fetchEvents?.([...wanted, '$nobody'], kept.context()) ?? []) kept.keep(step)
    expect(kept.ids()).toEqual(wanted.filter((id) => id !== '$o7').sort())
    for (const event of server.events.filter(({id}) => id !== '$o7')) {
      expect(kept.events.get(event.id)).toBe(server.text(event))
    }
    const refusals = kept.steps.flatMap((step) => step.refusals ?? [])
    expect(refusals.map(({eventId, outcome}) => [eventId, outcome])).toEqual([
      ['$o7', 'absent'],
      ['$nobody', 'absent'],
    ])
    expect(kept.steps.map(({requests}) => requests)).toEqual([101, 100, 53])
  })

  test('records an extremity whose state the server cannot tell', async () => {
    const server = await RoomServer.start()
    server.chat(1, 'm')
    server.faults.set('/context/$m1', [refusal(500, 'M_UNKNOWN', 'Internal server error')])
    const kept = new Kept()
    await kept.run(await openAdminRoute(access(server)))
    expect(kept.steps.flatMap(({refusals}) => refusals ?? [])).toMatchObject([
      {eventId: '$m1', outcome: 'failed', status: 500, message: 'M_UNKNOWN: Internal server error'},
    ])
    expect(kept.ids()).toEqual(server.shown(true))
  })

  test('says when the server counts other state events than it has', async () => {
    const server = await RoomServer.start()
    server.countedState = 3
    const kept = new Kept()
    await kept.run(await openAdminRoute(access(server)))
    expect(kept.notes()).toEqual([
      'The server counts 3 state events in the room, but its current state has 2: slots may have vanished from it, as in a state reset.',
    ])
  })

  test('of an account that is no administrator says so, at any request', async () => {
    const server = await RoomServer.start()
    server.isAdmin = false
    const route = await openAdminRoute(access(server))
    const refused = {
      code: 'SERVER_REFUSED',
      message: `${USER} may not use the admin API: it is no server admin (M_FORBIDDEN: You are not a server admin)`,
      hint: expect.stringContaining('--from client') as unknown,
    }
    await expect(new Kept().run(route)).rejects.toMatchObject(refused)
    const fetching = (async () => {
      for await (const step of route.fetchEvents?.(['$create'], new Kept().context()) ?? []) expect(step).toBeNull()
    })()
    await expect(fetching).rejects.toMatchObject(refused)
  })

  test('says when the room is unknown, or the admin API is not there', async () => {
    const server = await RoomServer.start()
    const route = await openAdminRoute(access(server))
    server.faults.set(ROOM, [refusal(404, 'M_NOT_FOUND', 'Room not found')])
    await expect(new Kept().run(route)).rejects.toMatchObject({
      message: `example.org has no room ${ROOM} (M_NOT_FOUND: Room not found)`,
    })
    for (const reply of [html(404), refusal(404, 'M_UNRECOGNIZED', 'Unrecognized request')]) {
      server.faults.set(ROOM, [reply])
      await expect(new Kept().run(route)).rejects.toMatchObject({
        code: 'SERVER_REFUSED',
        message: expect.stringContaining('admin API is not there') as unknown,
        hint: expect.stringContaining('/_synapse') as unknown,
      })
    }
  })

  test('lists the rooms of a server', async () => {
    const server = await RoomServer.start()
    const rooms = []
    for await (const some of listRooms(access(server))) rooms.push(...some)
    expect(rooms.map(({roomId}) => roomId)).toEqual(['!r0:x', '!r1:x', '!r2:x', '!r3:x', '!r4:x', '!r5:x'])
    expect(rooms[0]).toEqual({
      roomId: '!r0:x',
      version: '10',
      name: 'N',
      alias: null,
      joinedMembers: 0,
      stateEvents: 0,
    })
  })
})
