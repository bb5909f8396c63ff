import {describe, expect, test} from 'vitest'
import {
  CREATE,
  JOIN,
  json,
  MESSAGE,
  page,
  pduText,
  refusal,
  ROOM,
  state,
  StubHomeserver,
  sync,
  TOKEN,
  TOPIC,
  USER,
} from './client-stub.ts'

const ids = (pdus: readonly {readonly text: string}[]): string[] =>
  pdus.map(({text}) => (JSON.parse(text) as {event_id: string}).event_id)

describe('an ordinary room', () => {
  test('is gathered by a known sequence of requests, each with the token in its header', async () => {
    const server = await StubHomeserver.start()
    const evidence = await server.gather()
    const room = `/_matrix/client/v3/rooms/${encodeURIComponent(ROOM)}`
    expect(server.asked.map(({path}) => path)).toEqual([
      '/_matrix/client/v3/account/whoami',
      '/_matrix/client/versions',
      `${room}/state`,
      `${room}/aliases`,
      '/_matrix/client/v3/sync',
      `${room}/messages`,
      `${room}/state`,
      // Nothing cites them: no event of this stub has a predecessor.
      ...['message', 'topic', 'join', 'create'].map((name) => `${room}/context/%24${name}`),
    ])
    expect(new Set(server.asked.map(({authorization}) => authorization))).toEqual(new Set([`Bearer ${TOKEN}`]))
    expect(evidence.requests).toBe(11)
  })

  test('asks /sync for this room alone, without since and without presence', async () => {
    const server = await StubHomeserver.start()
    await server.gather()
    const query = server.asked.find(({path}) => path.endsWith('/sync'))?.query ?? {}
    const {filter, ...rest} = query
    expect(rest).toEqual({full_state: 'true', timeout: '0', set_presence: 'offline'})
    const none = {types: [], not_types: ['*']}
    expect(JSON.parse(filter ?? '')).toMatchObject({
      event_format: 'federation',
      presence: none,
      account_data: none,
      room: {rooms: [ROOM], account_data: none, ephemeral: none, timeline: {limit: 1}},
    })
  })

  test('makes every /sync different, since Synapse would answer from a cache', async () => {
    const server = await StubHomeserver.start()
    await server.gather()
    await server.gather()
    const filters = server.asked.filter(({path}) => path.endsWith('/sync')).map(({query}) => query.filter)
    expect(new Set(filters).size).toBe(2)
  })

  test('gives each event once, its text as received', async () => {
    const server = await StubHomeserver.start()
    const {pdus} = await server.gather()
    expect(pdus.map(({text}) => text)).toEqual([CREATE, JOIN, TOPIC, MESSAGE])
    expect(CREATE).toContain('"big":9007199254740993,"float":1.0')
  })

  test('tells who says what, and what cannot be seen', async () => {
    const server = await StubHomeserver.start()
    const evidence = await server.gather()
    expect(evidence).toMatchObject({roomId: ROOM, serverName: 'example.org', userId: USER, notes: []})
    expect(evidence.reported).toEqual({
      how: '/_matrix/client/v3/rooms/{roomId}/state',
      eventIds: ['$create', '$join', '$topic'],
    })
    expect(evidence.unknowable).toContain('soft-failed events')
    expect(evidence.unknowable).toContain('rejected events')
  })

  test('may be named by an alias', async () => {
    const server = await StubHomeserver.start()
    const {roomId} = await server.gather({room: '#cats/dogs:example.org'})
    expect(roomId).toBe(ROOM)
    expect(server.asked[1]?.path).toBe('/_matrix/client/v3/directory/room/%23cats%2Fdogs%3Aexample.org')
  })

  test('may be behind a path prefix, with or without a slash', async () => {
    const server = await StubHomeserver.start()
    await server.gather({homeserver: `${server.url}/chat/`})
    expect(server.asked[0]?.path).toBe('/chat/_matrix/client/v3/account/whoami')
  })
})

describe('the timeline', () => {
  test('is read to the page without a token; empty pages with a token go on', async () => {
    const server = await StubHomeserver.start()
    server.next('messages', page([MESSAGE], 't3'), page([], 't2'), page([TOPIC], 't1'), page([JOIN, CREATE]))
    const {notes} = await server.gather()
    const asked = server.asked.filter(({path}) => path.endsWith('/messages')).map(({query}) => query)
    expect(asked.map(({from}) => from)).toEqual([undefined, 't3', 't2', 't1'])
    expect(asked[1]).toEqual({dir: 'b', limit: '1000', filter: '{"event_format":"federation"}', from: 't3'})
    expect(notes).toEqual([])
  })

  test('ends with a note where the server repeats a token', async () => {
    const server = await StubHomeserver.start()
    server.next('messages', page([MESSAGE], 't2'), page([TOPIC], 't1'), page([JOIN], 't2'))
    const {notes} = await server.gather()
    expect(server.count('messages')).toBe(3)
    expect(notes).toEqual([
      'The server gave the same page token twice, so paging stopped: the history may be incomplete.',
    ])
  })

  test('ends with a note where nothing but new tokens come', async () => {
    const server = await StubHomeserver.start()
    const empty = Array.from({length: 2100}, (_, index) => page([], `t${String(index)}`))
    server.next('messages', ...empty)
    const {notes} = await server.gather()
    expect(server.count('messages')).toBe(2000)
    expect(notes.join()).toContain('Paging stopped after 2000 pages without a new event')
  })

  test('must come in federation format', async () => {
    const server = await StubHomeserver.start()
    server.next('messages', json({chunk: [{event_id: '$a', type: 'm.room.message', content: {}}]}))
    await expect(server.gather()).rejects.toMatchObject({
      code: 'SERVER_ANSWER_MALFORMED',
      message: expect.stringContaining('gave events without prev_events') as unknown,
      hint: expect.stringContaining('event_format=federation') as unknown,
    })
  })
})

describe('the current state', () => {
  const [create, join] = [
    ['m.room.create', '', '$create'],
    ['m.room.member', USER, '$join', {membership: 'join'}],
  ] as const
  const older = state(create, join, ['m.room.topic', '', '$topic'])
  const newer = state(create, join, ['m.room.topic', '', '$topic2'])
  const TOPIC2 = pduText('$topic2', 'm.room.topic', '')

  test('is asked again, with the events, when it changed meanwhile', async () => {
    const server = await StubHomeserver.start()
    server.next('state', older, newer, newer)
    server.next('sync', sync([CREATE, JOIN, TOPIC], []), sync([CREATE, JOIN, TOPIC], [TOPIC2]))
    server.next('messages', page([TOPIC, JOIN, CREATE]), page([TOPIC2, TOPIC, JOIN, CREATE]))
    const evidence = await server.gather()
    expect(evidence.reported.eventIds).toEqual(['$create', '$join', '$topic2'])
    expect(ids(evidence.pdus)).toEqual(['$create', '$join', '$topic', '$topic2'])
    expect(evidence.notes).toEqual([])
  })

  test('that never rests is told as such', async () => {
    const server = await StubHomeserver.start()
    server.next('state', older, newer, older, newer)
    const evidence = await server.gather()
    expect(server.count('state')).toBe(4)
    expect(evidence.notes.join()).toContain('kept changing')
  })

  test('does without a /sync that is refused, or that does not show the room', async () => {
    const server = await StubHomeserver.start()
    server.next('sync', refusal(403, 'M_FORBIDDEN', 'no sync for you'))
    const refused = await server.gather()
    expect(refused.notes.join()).toMatch(/Went on without \/sync: .* no sync for you/u)
    server.next('sync', json({next_batch: 's', rooms: {join: {}}}))
    const hidden = await server.gather()
    expect(hidden.notes).toEqual(['/sync did not show the room: state events that the timeline hides are missing.'])
  })

  test.each([
    ['leave', 'has left'],
    ['ban', 'is banned from'],
    ['invite', 'is only invited to'],
  ])('is refused to an account with membership %s', async (membership, words) => {
    const server = await StubHomeserver.start()
    server.next('state', state(create, ['m.room.member', USER, '$m', {membership}]))
    await expect(server.gather()).rejects.toMatchObject({
      code: 'SERVER_REFUSED',
      message: `${USER} ${words} ${ROOM}: the server would not show its current state.`,
    })
  })
})
