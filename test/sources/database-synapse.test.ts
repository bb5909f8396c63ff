import {describe, expect, it} from 'vitest'
import type {Route} from '../../src/sources/evidence.ts'
import {compareWithReplay, gatherAll} from './database-gathered.ts'
import {addMessages, insertion, realRoom, roomIdOf, routeTo, rowOf, sqliteOf} from './synapse-database.ts'
import type {Content} from './synapse-database.ts'

const signal = new AbortController().signal

async function routeOf(content: Content, without: readonly string[] = []): Promise<Route> {
  return routeTo(`sqlite:${sqliteOf(content, without).file}`)
}

/** The event of a slot that was set last, or its n-th from the end. */
function stateEvent(content: Content, type: string, fromEnd = 1): string {
  const found = content.events.filter((row) => row.type === type && row.state_key !== null)
  return String(found.at(-fromEnd)?.event_id)
}

describe('a room in Synapse’s database', () => {
  it('comes byte for byte, with the server’s name, the room’s version and all that is told of its state', async () => {
    const content = realRoom()
    const roomId = roomIdOf(content)
    content.room_aliases.push({room_alias: '#a:localhost', room_id: roomId, creator: null})
    content.event_backward_extremities.push({event_id: '$before', room_id: roomId})
    const route = await routeOf(content)
    expect(route.identity).toMatchObject({kind: 'database', server: 'localhost:40687', insecure: false})
    const gathered = await gatherAll(route, roomId)
    expect(new Map(gathered.events.map(({eventId, text}) => [eventId, text]))).toEqual(
      new Map(content.event_json.map((row) => [row.event_id, row.json])),
    )
    expect(gathered.events[0]?.eventId).toBe(content.events.at(-1)?.event_id)
    const [first] = gathered.steps
    expect(first).toMatchObject({roomVersion: '10', total: 23, requests: 0, aliases: ['#a:localhost']})
    expect(first?.extremities).toEqual([
      {
        direction: 'forward',
        how: 'event_forward_extremities',
        eventIds: [content.event_forward_extremities[0]?.event_id],
      },
      {direction: 'backward', how: 'event_backward_extremities', eventIds: ['$before']},
    ])
    expect(first?.notes?.join()).toContain('1 backward extremities')
    const expected = content.current_state_events
      .map(({type, state_key, event_id}) => ({type, stateKey: state_key, eventId: event_id}))
      .sort((a, b) => (String(a.eventId) < String(b.eventId) ? -1 : 1))
    for (const what of ['current', 'at-extremity'] as const) {
      const slots = gathered.states.find((state) => state.what === what)?.slots ?? []
      expect([...slots].sort((a, b) => (a.eventId < b.eventId ? -1 : 1))).toEqual(expected)
    }
    const changes = gathered.steps.flatMap((step) => step.currentStateChanges ?? [])
    expect(changes).toHaveLength(content.current_state_delta_stream.length)
    expect(changes[0]).toEqual({
      streamId: 2,
      type: 'm.room.create',
      stateKey: '',
      eventId: content.events[0]?.event_id,
      prevEventId: null,
    })
    expect(gathered.refusals).toEqual([])
  })

  it('has the states before and after every event that a replay gives', async () => {
    const content = realRoom()
    const compared = compareWithReplay(await gatherAll(await routeOf(content), roomIdOf(content)))
    expect(compared).toEqual({events: 23, before: 23, after: 23, untold: [], unknown: 0, verdicts: [], differences: []})
  })

  it('tells what the server thinks of each event', async () => {
    const content = realRoom()
    const [rejected = '', softFailed = '', outlier = '', redacted = '', old = ''] = content.events
      .slice(-5)
      .map((row) => String(row.event_id))
    content.rejections.push({event_id: rejected, reason: 'auth_error', last_check: '0'})
    rowOf(content.events, 'event_id', rejected).rejection_reason = 'auth_error'
    rowOf(content.event_json, 'event_id', softFailed).internal_metadata = '{"soft_failed":true}'
    rowOf(content.events, 'event_id', outlier).outlier = 1
    content.event_to_state_groups = content.event_to_state_groups.filter((row) => row.event_id !== outlier)
    rowOf(content.event_json, 'event_id', redacted).internal_metadata = '{"redacted":true}'
    // Older rows have the reason in `rejections` only, no time, and metadata that is not JSON.
    content.rejections.push({event_id: old, reason: 'oversized_event', last_check: '0'})
    rowOf(content.events, 'event_id', old).received_ts = null
    rowOf(content.event_json, 'event_id', old).internal_metadata = ''
    const gathered = await gatherAll(await routeOf(content), roomIdOf(content))
    const marks = new Map(gathered.events.map((event) => [event.eventId, event.marks]))
    const plain = {rejected: null, softFailed: false, outlier: false, redactedOnReceipt: false}
    expect(marks.get(rejected)).toMatchObject({...plain, rejected: 'auth_error'})
    expect(marks.get(softFailed)).toMatchObject({...plain, softFailed: true})
    expect(marks.get(outlier)).toMatchObject({...plain, outlier: true})
    expect(marks.get(redacted)).toMatchObject({...plain, redactedOnReceipt: true})
    expect(marks.get(old)).toEqual({rejected: 'oversized_event', outlier: false})
    expect(marks.get(softFailed)?.receivedTs).toBe(rowOf(content.events, 'event_id', softFailed).received_ts)
    expect(gathered.around.map(({eventId}) => eventId)).not.toContain(outlier)
    const group = rowOf(content.event_to_state_groups, 'event_id', rejected).state_group
    expect(gathered.around).toContainEqual({eventId: rejected, before: group, after: group})
  })

  it('keeps NULs, escapes, and characters beyond the basic plane as they are', async () => {
    const content = realRoom()
    const eventId = String(content.events.at(-1)?.event_id)
    const json =
      '{"content":{"body":"\\u0000 \\ud83d\\udc08 \u{1F408} \\/", "n":1.0,"n":1E2},  "state_key":"\\u0000"}\n'
    rowOf(content.event_json, 'event_id', eventId).json = json
    const slot = content.state_groups_state.at(-1)
    Object.assign(slot ?? {}, {state_key: 'a\0b \u{1F408}'})
    const gathered = await gatherAll(await routeOf(content), roomIdOf(content))
    expect(gathered.events.find((event) => event.eventId === eventId)?.text).toBe(json)
    expect(gathered.groups.get(Number(slot?.state_group))?.slots[0]?.stateKey).toBe('a\0b \u{1F408}')
  })

  it('says which events it lacks the JSON of, and gives JSON that has no event', async () => {
    const content = realRoom()
    const [first, second] = [content.events[3], content.events[4]].map((row) => String(row?.event_id))
    content.event_json = content.event_json.filter((row) => row.event_id !== first)
    content.events = content.events.filter((row) => row.event_id !== second)
    const gathered = await gatherAll(await routeOf(content), roomIdOf(content))
    expect(gathered.refusals).toMatchObject([{what: 'event_json', eventId: first, outcome: 'absent'}])
    const stray = gathered.events.filter((event) => event.eventId === second)
    expect(stray).toEqual([{eventId: second, text: rowOf(content.event_json, 'event_id', second ?? '').json}])
  })

  it('gives the keys of the senders’ servers, old ones too', async () => {
    const content = realRoom()
    const bytes = new Uint8Array(32).fill(7)
    const key = Buffer.from(bytes).toString('base64').replace('=', '')
    const server = 'localhost:40687'
    const common = {server_name: server, from_server: server, ts_added_ms: 5, ts_valid_until_ms: 9}
    const answer = {
      server_name: server,
      valid_until_ts: 9,
      verify_keys: {'ed25519:a': {key}},
      old_verify_keys: {'ed25519:old': {key: 'b2xk', expired_ts: 3}},
    }
    content.server_signature_keys.push({...common, key_id: 'ed25519:a', verify_key: bytes})
    content.server_signature_keys.push({
      ...common,
      server_name: 'stranger.example',
      key_id: 'ed25519:s',
      verify_key: bytes,
    })
    content.server_signature_keys.push({...common, key_id: 'ed25519:short', verify_key: new Uint8Array(31)})
    const json = (value: unknown): Uint8Array => new Uint8Array(Buffer.from(JSON.stringify(value)))
    content.server_keys_json.push({...common, key_id: 'ed25519:a', key_json: json(answer)})
    content.server_keys_json.push({
      ...common,
      key_id: 'ed25519:x',
      key_json: json({...answer, server_name: 'stranger.example', verify_keys: {'ed25519:x': {key: 'eA'}}}),
    })
    content.server_keys_json.push({...common, key_id: 'ed25519:y', key_json: new Uint8Array([1, 2])})
    const gathered = await gatherAll(await routeOf(content), roomIdOf(content))
    const told = {server, fetchedTs: 5, via: 'database'}
    expect(gathered.steps.flatMap((step) => step.keys ?? [])).toEqual([
      {...told, keyId: 'ed25519:a', key, validUntilTs: 9, expiredTs: null},
      {...told, keyId: 'ed25519:old', key: 'b2xk', validUntilTs: null, expiredTs: 3},
    ])
  })

  it('remarks on rooms that are half joined, blocked, or left', async () => {
    const content = realRoom()
    const roomId = roomIdOf(content)
    content.partial_state_rooms.push({room_id: roomId})
    content.blocked_rooms.push({room_id: roomId, user_id: '@admin:localhost'})
    content.current_state_events = []
    const gathered = await gatherAll(await routeOf(content), roomId)
    expect(gathered.steps[0]?.notes).toHaveLength(3)
    expect(gathered.states.some(({what}) => what === 'current')).toBe(false)
    expect(gathered.refusals).toMatchObject([{what: 'current_state_events', outcome: 'absent'}])
  })

  it('goes on without tables that another database has', async () => {
    const content = realRoom()
    const gone = ['state_groups', 'state_groups_state', 'state_group_edges', 'current_state_delta_stream']
    const gathered = await gatherAll(await routeOf(content, gone), roomIdOf(content))
    expect(gathered.events).toHaveLength(23)
    expect(gathered.refusals.map(({what}) => what).sort()).toEqual([...gone].sort())
    const changed = stateEvent(content, 'm.room.topic')
    expect(gathered.around.find(({eventId}) => eventId === changed)?.before).toBeNull()
  })
})

describe('the state before an event', () => {
  const around = async (content: Content, eventId: string) =>
    (await gatherAll(await routeOf(content), roomIdOf(content))).around.find((one) => one.eventId === eventId)

  /** An accepted state event in the middle, its group, and the group before it. */
  function subject(content: Content) {
    const eventId = stateEvent(content, 'm.room.topic')
    const group = Number(rowOf(content.event_to_state_groups, 'event_id', eventId).state_group)
    const edge = rowOf(content.state_group_edges, 'state_group', group)
    return {eventId, group, edge, before: Number(edge.prev_state_group)}
  }

  it('is the group after the prev event where Synapse stored the event’s group whole', async () => {
    const content = realRoom()
    const {eventId, group, before} = subject(content)
    content.state_group_edges = content.state_group_edges.filter((row) => row.state_group !== group)
    expect(await around(content, eventId)).toEqual({eventId, before, after: group})
  })

  it('is not the group that an edge was turned to when the groups were packed', async () => {
    const content = realRoom()
    const {eventId, group, edge, before} = subject(content)
    edge.prev_state_group = before - 1
    expect(await around(content, eventId)).toEqual({eventId, before, after: group})
  })

  it('is the edge’s group where that was stored for the event itself, whatever became known of its prev events', async () => {
    const content = realRoom()
    const {eventId, group, edge} = subject(content)
    content.state_groups.push({id: 900, room_id: roomIdOf(content), event_id: eventId})
    edge.prev_state_group = 900
    expect(await around(content, eventId)).toEqual({eventId, before: 900, after: group})
  })

  it('is the edge’s group where the prev events are not known or differ, if only the event was added to it', async () => {
    const content = realRoom()
    const {eventId, group, before} = subject(content)
    content.event_edges.push({event_id: eventId, prev_event_id: '$unknown', room_id: null, is_state: 0})
    expect(await around(content, eventId)).toEqual({eventId, before, after: group})
    const other = {room_id: roomIdOf(content), state_group: group, type: 'other', state_key: '', event_id: '$other'}
    content.state_groups_state.push(other)
    expect(await around(content, eventId)).toEqual({eventId, before: null, after: group})
  })

  it('is a group stored whole for the event where it merges', async () => {
    const content = realRoom()
    const {eventId, group} = subject(content)
    content.event_edges.push({event_id: eventId, prev_event_id: '$unknown', room_id: null, is_state: 0})
    content.state_group_edges = content.state_group_edges.filter((row) => row.state_group !== group)
    rowOf(content.state_groups, 'id', group - 2).event_id = eventId
    expect(await around(content, eventId)).toEqual({eventId, before: group - 2, after: group})
    // Not if the event is in it: then it was stored for the state after it, and given up.
    rowOf(content.state_groups_state, 'state_group', group - 2).event_id = eventId
    expect(await around(content, eventId)).toEqual({eventId, before: null, after: group})
  })
})

describe('a second run', () => {
  it('brings nothing when nothing changed, and only what did when something did', async () => {
    const content = realRoom()
    addMessages(content, 12_000)
    const {file, open} = sqliteOf(content)
    const route = await routeTo(`sqlite:${file}`)
    const first = await gatherAll(route, roomIdOf(content))
    expect(first.events).toHaveLength(12_023)
    expect(Math.max(...first.steps.map((step) => step.events?.length ?? 0))).toBeLessThanOrEqual(8192)
    const second = await gatherAll(route, roomIdOf(content), {marks: first.marks})
    expect(second.events).toEqual([])
    expect(second.groups.size).toBe(0)
    expect(second.steps.flatMap((step) => step.currentStateChanges ?? [])).toEqual([])

    // An event deep in the past is rejected later, and one becomes visible whose place was long passed.
    const [changed, late] = [content.events[4_000], content.events[9_000]]
    const [changedId, lateId] = [String(changed?.event_id), '$late']
    open.prepare('UPDATE events SET rejection_reason = ? WHERE event_id = ?').run('auth_error', changedId)
    const row = {...late, event_id: lateId, stream_ordering: Number(late?.stream_ordering)}
    const {sql, params} = insertion('events', row)
    open.prepare(sql).run(...params)
    const json = insertion('event_json', {
      event_id: lateId,
      room_id: roomIdOf(content),
      internal_metadata: '{}',
      json: '{}',
    })
    open.prepare(json.sql).run(...json.params)
    const third = await gatherAll(route, roomIdOf(content), {marks: first.marks})
    const brought = new Map(third.events.map((event) => [event.eventId, event]))
    expect(brought.get(changedId)?.marks?.rejected).toBe('auth_error')
    expect(brought.has(lateId)).toBe(true)
    expect(brought.size).toBeLessThan(9_000)
    expect(third.groups.size).toBe(0)
    // What is no longer so is forgotten.
    expect(third.marks.size).toBeLessThanOrEqual(first.marks.size + 2)
    expect((await gatherAll(route, roomIdOf(content), {marks: third.marks})).events).toEqual([])
    open.prepare('UPDATE events SET rejection_reason = ? WHERE event_id = ?').run('auth_erred', changedId)
    const fourth = await gatherAll(route, roomIdOf(content), {marks: third.marks})
    expect(fourth.events.find(({eventId}) => eventId === changedId)?.marks?.rejected).toBe('auth_erred')
  })

  it('goes on after an interruption with what was not kept', async () => {
    const content = realRoom()
    addMessages(content, 9000)
    const route = await routeOf(content)
    const controller = new AbortController()
    const marks = new Map<string, string>()
    const seen: (string | null)[] = []
    const context = {
      roomId: roomIdOf(content),
      roomVersion: () => null,
      marks,
      knows: () => false,
      newest: () => [],
      limits: {},
    }
    const stopped = (async () => {
      for await (const step of route.gather({...context, signal: controller.signal, onPause: () => undefined})) {
        for (const event of step.events ?? []) seen.push(event.eventId)
        for (const [name, value] of Object.entries(step.marks ?? {})) if (value !== null) marks.set(name, value)
        if (seen.length > 2000) controller.abort(new Error('stopped by the user'))
      }
    })()
    await expect(stopped).rejects.toThrow('stopped by the user')
    const rest = await gatherAll(route, roomIdOf(content), {marks})
    seen.push(...rest.events.map(({eventId}) => eventId))
    expect(seen).toHaveLength(9023)
    expect(new Set(seen).size).toBe(9023)
  })
})

describe('limits', () => {
  it('give the newest events, those not before one, or those near one, with the states around them', async () => {
    const content = realRoom()
    const ids = content.events.map((row) => String(row.event_id))
    addMessages(content, 300)
    const route = await routeOf(content)
    const roomId = roomIdOf(content)
    const deep = await gatherAll(route, roomId, {limits: {depth: 302}})
    expect(deep.events).toHaveLength(302)
    expect(deep.events.at(-1)?.eventId).toBe(ids.at(-2))
    // What the states around them are made from goes down to the first group.
    expect(deep.groups.size).toBe(20)
    const since = await gatherAll(route, roomId, {limits: {since: ids[20] ?? ''}})
    expect(since.events).toHaveLength(303)
    const around = await gatherAll(route, roomId, {limits: {around: String(content.events[200]?.event_id)}})
    expect(around.events).toHaveLength(201)
    const unknown = await gatherAll(route, roomId, {limits: {since: '$nowhere'}})
    expect(unknown.events).toHaveLength(323)
    expect(unknown.refusals).toMatchObject([{eventId: '$nowhere', outcome: 'absent'}])
    const whole = await gatherAll(route, roomId, {marks: since.marks})
    expect(new Set([...whole.events, ...since.events].map(({eventId}) => eventId)).size).toBe(323)
  })
})

describe('single events and aliases', () => {
  it('are given by ID, and those that are not there are named', async () => {
    const content = realRoom()
    const roomId = roomIdOf(content)
    content.room_aliases.push({room_alias: '#a:localhost', room_id: roomId, creator: null})
    const foreign = {...(content.events[5] ?? {}), event_id: '$foreign', room_id: '!other', stream_ordering: 999}
    content.events.push(foreign)
    const route = await routeOf(content)
    const eventId = stateEvent(content, 'm.room.topic')
    const context = {
      roomId,
      roomVersion: () => null,
      marks: new Map<string, string>(),
      knows: () => false,
      newest: () => [],
    }
    const steps = []
    const asked = route.fetchEvents?.([eventId, '$nowhere', '$foreign', eventId], {
      ...context,
      limits: {},
      signal,
      onPause: () => undefined,
    })
    for await (const step of asked ?? []) steps.push(step)
    expect(steps.flatMap((step) => step.events ?? []).map((event) => event.text)).toEqual([
      rowOf(content.event_json, 'event_id', eventId).json,
    ])
    expect(steps.flatMap((step) => step.eventStateGroups ?? [])).toHaveLength(1)
    expect(steps.flatMap((step) => step.refusals ?? [])).toMatchObject([
      {eventId: '$nowhere', outcome: 'absent', message: 'no row for the event'},
      {eventId: '$foreign', outcome: 'absent', message: 'the event is of another room'},
    ])
    expect(await route.resolveAlias?.('#a:localhost', signal)).toBe(roomId)
    await expect(route.resolveAlias?.('#b:localhost', signal)).rejects.toThrow(
      'knows no room by the alias #b:localhost',
    )
  })
})

describe('what is not as it should be', () => {
  const opened = async (content: Content, without: readonly string[] = [], name = '') =>
    routeTo(`${name}sqlite:${sqliteOf(content, without).file}`)

  it('a room that is not there is told with those that are like it', async () => {
    const content = realRoom()
    const roomId = roomIdOf(content)
    const route = await opened(content)
    await expect(gatherAll(route, `${roomId.slice(0, 8).toLowerCase()}x:localhost`)).rejects.toMatchObject({
      code: 'DATABASE_UNUSABLE',
      message: expect.stringContaining('it has 1 room.') as string,
      hint: `Similar: ${roomId}`,
    })
  })

  it('a database of something else, or of a Synapse too old or new', async () => {
    await expect(opened(realRoom(), ['event_json'])).rejects.toMatchObject({
      code: 'DATABASE_UNUSABLE',
      message: expect.stringContaining('is not a database of Synapse: it has no table event_json') as string,
    })
    const {file, open} = sqliteOf(realRoom())
    open.exec('ALTER TABLE events DROP COLUMN rejection_reason')
    await expect(routeTo(`sqlite:${file}`)).rejects.toThrow('table events of sqlite:')
    await expect(routeTo(`sqlite:${file}`)).rejects.toThrow('no column rejection_reason')
  })

  it('a newer schema is read all the same, with a remark', async () => {
    const content = realRoom()
    Object.assign(content.schema_version[0] ?? {}, {version: 95})
    const gathered = await gatherAll(await opened(content), roomIdOf(content))
    expect(gathered.events).toHaveLength(23)
    expect(gathered.steps[0]?.notes?.join()).toContain('schema 95')
  })

  it('a server name that is not that of the users is refused, and so are users of several servers', async () => {
    const content = realRoom()
    await expect(opened(content, [], 'other.example=')).rejects.toThrow(
      'database of localhost:40687, not of other.example',
    )
    expect((await opened(content, [], 'localhost:40687=')).identity.server).toBe('localhost:40687')
    content.users = []
    await expect(opened(content)).rejects.toThrow('it has no users')
    expect((await opened(content, [], 'other.example=')).identity.server).toBe('other.example')
    content.local_current_membership.push({
      room_id: '!r',
      user_id: '@u:member.example',
      event_id: '$e',
      membership: 'join',
    })
    expect((await opened(content)).identity.server).toBe('member.example')
    content.users = [{name: '@a:one.example'}, {name: '@b:two.example'}]
    await expect(opened(content)).rejects.toThrow('its users are of one.example, two.example')
  })
})
