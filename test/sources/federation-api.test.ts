import {expect, test} from 'vitest'
import {StateError} from '../../src/errors.ts'
import {json, refusal} from './client-stub.ts'
import type {Reply} from './client-stub.ts'
import {realRoom, StubFederation, USER} from './federation-stub.ts'
import {Gathered} from './gathered.ts'

const ROOM = realRoom('conflict-v10')
const BIG = realRoom('big-v11-beginning')
const HOST_NOT_IN_ROOM = refusal(403, 'M_FORBIDDEN', 'Host not in room.')

test('a room is gathered whole and byte for byte, by signed requests only', async () => {
  const stub = await StubFederation.start(BIG)
  const gathered = await new Gathered(BIG.roomId).gather(stub.route({user: USER}))
  expect(gathered.version).toBe(BIG.version)
  expect(gathered.ids).toEqual([...BIG.events.keys()].sort())
  for (const [id, text] of gathered.texts) expect(text).toBe(BIG.events.get(id)?.text)
  expect(gathered.extremities).toEqual([{direction: 'forward', how: '/make_join', eventIds: BIG.tips}])
  expect(gathered.missing()).toEqual([])
  expect(gathered.marks.get('complete')).toBe('1')
  expect(stub.unsigned).toEqual([])
  expect(gathered.requests).toBe(stub.asked.length)
  expect(stub.count('backfill')).toBeLessThanOrEqual(Math.ceil(BIG.events.size / 100) + 1)
  expect(stub.asked[0]?.uri).toMatch(/\?ver=1&ver=2&.*&ver=12(?:&|$)/)
})

test.each(['conflict-v1', 'conflict-v3', 'conflict-v12', 'creators-v12'])('%s is gathered whole', async (name) => {
  const room = realRoom(name)
  const stub = await StubFederation.start(room)
  const gathered = await new Gathered(room.roomId).gather(stub.route())
  expect(gathered.version).toBe(room.version)
  expect(gathered.ids).toEqual([...room.events.keys()].sort())
})

test('events that nothing leads to are kept, but not followed: a server could put new ones beside every page', async () => {
  const stub = await StubFederation.start(ROOM)
  let made = 0
  const [tip = ''] = ROOM.tips
  const text = ROOM.events.get(tip)?.text ?? ''
  const junk = (): string => {
    made += 1
    return JSON.stringify({
      ...(JSON.parse(text) as object),
      depth: 1000 + made,
      prev_events: [`$before-${String(made)}`],
    })
  }
  const page: Reply = (request, response) => {
    json(`{"pdus":[${text},${Array.from({length: 20}, junk).join(',')}]}`)(request, response)
  }
  stub.next('backfill', ...Array.from({length: 50}, () => page))
  const gathered = await new Gathered(ROOM.roomId).gather(stub.route({user: USER}))
  expect(gathered.ids.length).toBeGreaterThanOrEqual(20)
  expect(stub.count('backfill')).toBeLessThan(5)
})

test('without a user, the newest event by time is the start, the version comes from the create event, and no extremity is claimed', async () => {
  const stub = await StubFederation.start(ROOM)
  const gathered = await new Gathered(ROOM.roomId).gather(stub.route({nowMs: () => 2_000_000_000_000}))
  expect(gathered.ids).toEqual([...ROOM.events.keys()].sort())
  expect(gathered.version).toBe('10')
  expect(gathered.extremities).toEqual([])
  expect(gathered.states.map(({what}) => what)).toEqual(['before'])
  expect(stub.count('make_join')).toBe(0)
  expect(stub.asked.find(({endpoint}) => endpoint === 'timestamp_to_event')?.uri).toContain('ts=2000003600000&dir=b')
  expect(stub.count('timestamp_to_event')).toBe(5)
})

test('a refused make_join is kept as a refusal, and the next way is taken', async () => {
  const stub = await StubFederation.start(ROOM)
  stub.next('make_join', refusal(403, 'M_FORBIDDEN', 'User not from origin'))
  const gathered = await new Gathered(ROOM.roomId).gather(stub.route({user: USER}))
  expect(gathered.refusals).toContainEqual({
    what: '/make_join',
    outcome: 'refused',
    status: 403,
    message: 'M_FORBIDDEN: User not from origin',
  })
  expect(gathered.ids).toHaveLength(ROOM.events.size)
})

test('extremities by MSC4370 are taken where the server has them', async () => {
  const stub = await StubFederation.start(ROOM)
  stub.next('extremities', json({prev_events: ROOM.tips}))
  const gathered = await new Gathered(ROOM.roomId).gather(stub.route())
  expect(gathered.extremities[0]?.eventIds).toEqual(ROOM.tips)
  expect(stub.count('timestamp_to_event')).toBe(0)
})

test('without extremities, a second branch that ends among the newest events by time is found', async () => {
  const stub = await StubFederation.start(BIG)
  // Cut off where the room forks: what follows one of two siblings, and the siblings' merge, has not come yet.
  const byTime = [...BIG.events.values()].sort((a, b) => a.pdu.originServerTs - b.pdu.originServerTs)
  const ids = byTime.map(({pdu}) => pdu.eventId)
  const end = ids.findLastIndex((_, at) => tipsOf(ids.slice(0, at)).length === 2)
  stub.events = new Set(ids.slice(0, end))
  const gathered = await new Gathered(BIG.roomId).gather(stub.route())
  expect(gathered.ids).toEqual([...stub.events].sort())
})

test('events that are known are started from when the server names none', async () => {
  const stub = await StubFederation.start(ROOM)
  stub.next('timestamp_to_event', refusal(404, 'M_NOT_FOUND', 'Unable to find event'))
  const gathered = new Gathered(ROOM.roomId)
  gathered.known = ROOM.tips
  await gathered.gather(stub.route())
  expect(gathered.ids).toHaveLength(ROOM.events.size)
})

test('with nothing to start from, the error says what was said and what would help', async () => {
  const stub = await StubFederation.start(ROOM)
  stub.next('timestamp_to_event', refusal(404, 'M_NOT_FOUND', 'Unable to find event'))
  const error = await failure(new Gathered(ROOM.roomId).gather(stub.route()))
  expect(error).toMatchObject({code: 'SERVER_REFUSED'})
  expect(error.message).toContain('Unable to find event')
  expect(error.hint).toContain('Name a user of origin.example.org')
})

const WHOLE: readonly (readonly [string, number, string, string, RegExp])[] = [
  ['not in the room', 403, 'M_FORBIDDEN', 'Host not in room.', /is not in the room !/],
  ['shut out', 403, 'M_FORBIDDEN', 'Server is banned from room', /server ACL/],
  ['not federated with', 403, 'M_FORBIDDEN', 'Federation denied with origin.example.org.', /does not federate/],
  ['not believed', 401, 'M_UNAUTHORIZED', 'Unable to verify signature', /does not accept that .* signed/],
]
test.each(WHOLE)('a server that is %s is told so, once and for all', async (_, status, code, said, words) => {
  const stub = await StubFederation.start(ROOM)
  stub.next('extremities', refusal(status, code, said))
  const error = await failure(new Gathered(ROOM.roomId).gather(stub.route()))
  expect(error).toMatchObject({code: 'SERVER_REFUSED', message: expect.stringMatching(words) as string})
  expect(error.message).toContain(said)
  expect(error.hint).not.toBe(undefined)
  expect(stub.asked).toHaveLength(1)
})

test('the state at the sole extremity is the state before it with the event itself in its slot', async () => {
  // A room cut off behind a state event, which is then the only extremity.
  const [tip] = [...ROOM.events.values()]
    .filter(({pdu}) => pdu.stateKey !== undefined && pdu.type !== 'm.room.create')
    .slice(-1)
    .map(({pdu}) => pdu.eventId as string)
  const stub = await StubFederation.start(ROOM)
  stub.tips = [tip ?? '']
  const gathered = await new Gathered(ROOM.roomId).gather(stub.route({user: USER}))
  const after = gathered.states.find(({what}) => what === 'at-extremity')
  expect(after?.eventId).toBe(tip)
  expect(after?.how).toContain('the event in its slot')
  expect(after?.slots.map(({eventId}) => eventId).sort()).toEqual([...(ROOM.stateAfter.get(tip ?? '') ?? [])].sort())
  const before = gathered.states.find(({what}) => what === 'before')
  expect(before?.slots.map(({eventId}) => eventId)).not.toContain(tip)
})

test('with several extremities, the state before each is told and none is called the state at the extremity', async () => {
  const stub = await StubFederation.start(ROOM)
  const some = [...ROOM.events.values()].filter(({pdu}) => pdu.stateKey === undefined).slice(-3)
  stub.tips = some.map(({pdu}) => pdu.eventId)
  const gathered = await new Gathered(ROOM.roomId).gather(stub.route({user: USER}))
  expect(gathered.states.map(({what, eventId}) => [what, eventId])).toEqual(stub.tips.map((id) => ['before', id]))
  expect([stub.count('state'), stub.count('state_ids')]).toEqual([1, 2])
})

test('a run that is broken off anywhere goes on to the same events and repeats at most one page', async () => {
  const stub = await StubFederation.start(BIG)
  const whole = await new Gathered(BIG.roomId).gather(stub.route({user: USER}))
  const pages = stub.count('backfill')
  expect(pages).toBeGreaterThan(3)
  for (let steps = 1; steps < whole.steps.length; steps += 1) {
    const before = stub.count('backfill')
    const resumed = await new Gathered(BIG.roomId).gather(stub.route({user: USER}), steps)
    await resumed.gather(stub.route({user: USER}))
    expect(resumed.ids).toEqual(whole.ids)
    expect(stub.count('backfill') - before).toBeLessThanOrEqual(pages + 1)
    expect(new Set(resumed.states.map(({what}) => what))).toEqual(new Set(whole.states.map(({what}) => what)))
  }
})

test('a later run with nothing new asks only where the room ends', async () => {
  const stub = await StubFederation.start(ROOM)
  const gathered = await new Gathered(ROOM.roomId).gather(stub.route({user: USER}))
  const before = stub.asked.length
  await gathered.gather(stub.route({user: USER}))
  expect(stub.asked.slice(before).map(({endpoint}) => endpoint)).toEqual(['make_join'])
})

test.each([
  [5, ['make_join', 'event', 'get_missing_events', 'state']],
  [90, ['make_join', 'event', 'get_missing_events', 'backfill']],
])('a later run brings %i new events', async (fresh, expected) => {
  const stub = await StubFederation.start(BIG)
  const all = [...BIG.events.values()].sort((a, b) => Number(a.pdu.depth) - Number(b.pdu.depth))
  const old = all.slice(0, all.length - fresh)
  stub.events = new Set(old.map(({pdu}) => pdu.eventId))
  stub.tips = tipsOf([...stub.events])
  const gathered = await new Gathered(BIG.roomId).gather(stub.route({user: USER}))
  expect(gathered.ids).toHaveLength(old.length)
  stub.events = new Set(BIG.events.keys())
  stub.tips = BIG.tips
  const before = stub.asked.length
  await gathered.gather(stub.route({user: USER}))
  expect(gathered.ids).toHaveLength(BIG.events.size)
  const asked = stub.asked.slice(before).map(({endpoint}) => endpoint)
  for (const endpoint of expected.slice(0, 3)) expect(asked).toContain(endpoint)
  expect(asked.includes('backfill')).toBe(expected.includes('backfill'))
})

test('events that other routes know do not stop the first walk', async () => {
  const stub = await StubFederation.start(BIG)
  const gathered = new Gathered(BIG.roomId, BIG.version)
  // The newest of all, as after a look at the timeline: far more than a page.
  for (const {text, pdu} of byDepth().slice(0, 250)) gathered.texts.set(pdu.eventId, text)
  await gathered.gather(stub.route({user: USER}))
  expect(gathered.ids).toHaveLength(BIG.events.size)
})

test('events that other routes know do not stop a walk that goes on, either', async () => {
  const stub = await StubFederation.start(BIG)
  const gathered = new Gathered(BIG.roomId, BIG.version)
  const events = byDepth()
  // Broken off so that one event waits; the next page ends within what is known.
  const kept = [...events.slice(0, 130), ...events.slice(145, 290)]
  for (const {text, pdu} of kept) gathered.texts.set(pdu.eventId, text)
  gathered.marks.set('frontier', JSON.stringify(events.slice(130, 134).map(({pdu}) => [pdu.eventId, pdu.depth])))
  await gathered.gather(stub.route({user: USER}))
  expect(gathered.ids).toHaveLength(BIG.events.size)
})

test('what the server does not have is refused as absent, and the walk goes on', async () => {
  const stub = await StubFederation.start(ROOM)
  const events = [...ROOM.events.keys()]
  const gone = events.filter((id) => ROOM.events.get(id)?.pdu.stateKey === undefined).slice(3, 5)
  stub.events = new Set(events.filter((id) => !gone.includes(id)))
  const gathered = await new Gathered(ROOM.roomId).gather(stub.route({user: USER}))
  await gathered.fetchEvents(stub.route(), gone)
  for (const eventId of gone) {
    expect(gathered.refusals).toContainEqual({
      what: '/event',
      eventId,
      outcome: 'absent',
      status: 404,
      message: 'not found',
    })
    expect(gathered.texts.has(eventId)).toBe(false)
  }
})

test('limits bound the walk and are no end: a run without them goes on', async () => {
  const stub = await StubFederation.start(BIG)
  const gathered = new Gathered(BIG.roomId)
  gathered.limits = {depth: 150}
  await gathered.gather(stub.route({user: USER}))
  const walked = gathered.steps.filter(({how}) => how === '/backfill').flatMap(({events = []}) => events)
  expect(walked).toHaveLength(150)
  expect(gathered.marks.has('complete')).toBe(false)
  await gathered.gather(stub.route({user: USER}))
  expect(gathered.steps.filter(({how}) => how === '/backfill').flatMap(({events = []}) => events)).toHaveLength(150)
  gathered.limits = {}
  await gathered.gather(stub.route({user: USER}))
  expect(gathered.ids).toEqual([...BIG.events.keys()].sort())
})

test('--since stops there, and --around stays near', async () => {
  const stub = await StubFederation.start(BIG)
  // One of two siblings: what is behind the other must not be gone to, either.
  const sorted = byDepth()
  const since = sorted.find(({pdu}, index) => index > 100 && pdu.depth === sorted[index + 1]?.pdu.depth)?.pdu
  const gathered = new Gathered(BIG.roomId)
  gathered.limits = {since: since?.eventId ?? ''}
  await gathered.gather(stub.route({user: USER}))
  const walked = gathered.steps.filter(({how}) => how === '/backfill').flatMap(({events = []}) => events)
  const depths = walked.map(({text}) => (JSON.parse(text) as {depth: number}).depth)
  expect(walked.length).toBeGreaterThan(100)
  expect(walked.length).toBeLessThan(BIG.events.size)
  expect(depths).toContain(since?.depth)

  const near = new Gathered(BIG.roomId)
  near.limits = {around: since?.eventId ?? ''}
  const before = stub.count('backfill')
  await near.gather(stub.route({user: USER}))
  expect(near.texts.has(since?.eventId ?? '')).toBe(true)
  expect(stub.count('backfill') - before).toBe(1)
  expect(near.states[0]).toMatchObject({what: 'before', eventId: since?.eventId})
})

test('an event that was not asked for is kept, but not believed to be the one', async () => {
  const stub = await StubFederation.start(ROOM)
  const [asked = '', other = ''] = [...ROOM.events.keys()].slice(5)
  const text = ROOM.events.get(other)?.text ?? ''
  stub.next('event', json(`{"origin":"x","pdus":[${text}]}`), json('{"pdus":[]}'))
  const gathered = new Gathered(ROOM.roomId, ROOM.version)
  await gathered.fetchEvents(stub.route(), [asked])
  expect([...gathered.texts]).toEqual([[other, text]])
  expect(gathered.refusals).toMatchObject([
    {eventId: asked, outcome: 'failed', message: expect.stringContaining(other) as string},
  ])
  await gathered.fetchEvents(stub.route(), [asked])
  expect(gathered.refusals[1]).toMatchObject({eventId: asked, outcome: 'failed'})
  await gathered.fetchEvents(stub.route(), [asked])
  expect(gathered.texts.has(asked)).toBe(true)
})

test('single events are asked for side by side, but not too many at once, in steps of twenty', async () => {
  const stub = await StubFederation.start(ROOM)
  const ids = [...ROOM.events.keys()].slice(0, 45)
  const gathered = new Gathered(ROOM.roomId, ROOM.version)
  await gathered.fetchEvents(stub.route({concurrency: 3}), ids)
  expect(gathered.ids).toEqual(ids.toSorted())
  expect(gathered.steps.map(({requests}) => requests)).toEqual([20, 20, 5])
  expect(stub.mostAtOnce).toBeGreaterThan(1)
  expect(stub.mostAtOnce).toBeLessThanOrEqual(3)
})

test('an event that the server will not show is a refusal', async () => {
  const stub = await StubFederation.start(ROOM)
  stub.next('event', HOST_NOT_IN_ROOM)
  const gathered = new Gathered(ROOM.roomId, ROOM.version)
  await gathered.fetchEvents(stub.route(), ['$nothing'])
  expect(gathered.refusals).toMatchObject([{eventId: '$nothing', outcome: 'refused', status: 403}])
})

test('plans name all requests, and what a route cannot show is told', async () => {
  const stub = await StubFederation.start(ROOM)
  const route = stub.route({user: USER})
  const planned = route.plan({}).map(({request}) => request)
  expect(planned.some((request) => request.includes('make_join'))).toBe(true)
  expect(
    stub
      .route()
      .plan({})
      .some(({request}) => request.includes('make_join')),
  ).toBe(false)
  expect(route.unknowable.some((line) => line.includes('history visibility'))).toBe(true)
  expect(route.identity).toEqual({
    kind: 'federation',
    name: `federation ${stub.name} as origin.example.org`,
    server: stub.name,
    address: `https://${stub.name}`,
    insecure: true,
  })
  await new Gathered(ROOM.roomId).gather(route)
  for (const {endpoint} of stub.asked) expect(planned.join()).toContain(`/${endpoint}/`)
})

test.each([
  [{server: 'not a server'}, /not a server name/],
  [{user: '@a:elsewhere'}, /not a user of/],
])('%o is refused before anything is asked', async (options, words) => {
  const stub = await StubFederation.start(ROOM)
  expect(() => stub.route(options)).toThrow(words)
})

test('an alias is resolved', async () => {
  const stub = await StubFederation.start(ROOM)
  stub.next('other', json({room_id: ROOM.roomId, servers: []}))
  const resolve = stub.route().resolveAlias
  const {signal} = new AbortController()
  expect(await resolve?.('#a b:localhost', signal)).toBe(ROOM.roomId)
  expect(stub.asked[0]?.uri).toBe('/_matrix/federation/v1/query/directory?room_alias=%23a%20b%3Alocalhost')
  await expect(resolve?.('#none:localhost', signal)).rejects.toMatchObject({code: 'SERVER_REFUSED'})
})

async function failure(work: Promise<unknown>): Promise<StateError> {
  const error: unknown = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (error instanceof StateError) return error
  throw new Error(`no StateError but ${String(error)}`)
}

/** The big room's events, newest first. */
function byDepth() {
  return [...BIG.events.values()].sort((a, b) => Number(b.pdu.depth) - Number(a.pdu.depth))
}

/** Those of some events of the big room that none of them follows. */
function tipsOf(ids: readonly string[]): readonly string[] {
  const cited = new Set(ids.flatMap((id) => BIG.events.get(id)?.pdu.prevEvents ?? []))
  return ids.filter((id) => !cited.has(id))
}
