import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {openFileRoute} from '../../src/sources/file-route.ts'
import {openReportedFile, refuseContradiction, reportedRoute} from '../../src/sources/reported-file.ts'
import {pduText, ROOM} from './client-stub.ts'
import {Kept} from './room-stub.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'matrix-state-files-'))
})
afterAll(() => rm(folder, {recursive: true}))

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, text)
  return path
}

const CREATE = pduText('$create', 'm.room.create', '').replace('"big":', '"room_version":"9","big":')
const lines = (count: number): string[] =>
  Array.from({length: count}, (_, n) => pduText(`$m${String(n)}`, 'm.room.message', null))

const texts = (kept: Kept): string[] => kept.steps.flatMap(({events}) => (events ?? []).map(({text}) => text))

describe('a file as a route', () => {
  test('gives its events in steps of 1,000, byte for byte, and the room version', async () => {
    const all = [...lines(1500), CREATE, ...lines(1000)]
    const route = await openFileRoute(await file('room.ndjson', all.join('\n')))
    const kept = new Kept()
    await kept.run(route)
    expect(texts(kept)).toEqual(all)
    expect(kept.steps.map(({events, roomVersion}) => [events?.length, roomVersion])).toEqual([
      [1000, undefined],
      [1000, '9'],
      [501, '9'],
    ])
  })

  test('is named by its content', async () => {
    const one = await openFileRoute(await file('a.ndjson', CREATE))
    const same = await openFileRoute(await file('a.ndjson', CREATE))
    const other = await openFileRoute(await file('a.ndjson', `${CREATE}\n`))
    expect(one.identity).toEqual({
      kind: 'file',
      name: expect.stringMatching(/^file a\.ndjson#[0-9a-f]{12}$/u) as unknown,
      server: '',
      address: join(folder, 'a.ndjson'),
      insecure: false,
    })
    expect(same.identity).toEqual(one.identity)
    expect(other.identity.name).not.toBe(one.identity.name)
    expect((await openFileRoute('-')).identity).toMatchObject({name: 'file standard input', address: 'standard input'})
  })

  test('is not read again as far as it was kept', async () => {
    const all = lines(2500)
    const path = await file('long.ndjson', all.join('\n'))
    for (const at of [0, 1, 2, 3]) {
      const kept = new Kept()
      await kept.run(await openFileRoute(path), {}, at)
      await kept.run(await openFileRoute(path))
      expect(texts(kept)).toEqual(all)
    }
  })

  test.each([
    ['no JSON', 'nonsense', /bad\.ndjson:3: no event: it is not JSON/u],
    ['no object', '[1]', /bad\.ndjson:3: no event: it is not a JSON object/u],
    ['for clients', '{"type":"m.room.message","sender":"@a:b"}', /bad\.ndjson:3: .*in the form for clients/u],
  ])('keeps what comes before a line that is %s', async (_what, line, words) => {
    const path = await file('bad.ndjson', [...lines(2), line, ...lines(1)].join('\n'))
    const kept = new Kept()
    await expect(kept.run(await openFileRoute(path))).rejects.toMatchObject({
      code: 'DUMP_MALFORMED',
      message: expect.stringMatching(words) as unknown,
    })
    expect(texts(kept)).toEqual(lines(2))
    await expect(kept.run(await openFileRoute(path))).rejects.toThrow(words)
    expect(texts(kept)).toEqual(lines(2))
  })

  test('that is not there says so when it is read', async () => {
    const route = await openFileRoute(join(folder, 'nothing'))
    await expect(new Kept().run(route)).rejects.toMatchObject({code: 'INPUT_NOT_FOUND'})
  })
})

describe('a reported state', () => {
  const create = {type: 'm.room.create', state_key: '', event_id: '$c', content: {room_version: '10'}}
  const topic = {type: 'm.room.topic', state_key: '', event_id: '$t', content: {}}
  const slots = [
    {eventId: '$c', type: 'm.room.create', stateKey: ''},
    {eventId: '$t', type: 'm.room.topic', stateKey: ''},
  ]
  const ids = [{eventId: '$c'}, {eventId: '$t'}]
  const pdus = [create, topic].map((event) => ({...event, prev_events: []}))
  test.each<[string, string, object]>([
    ['/state of the client API', JSON.stringify([create, topic]), {what: 'current', eventId: null, slots}],
    ['/state of the admin API', JSON.stringify({state: [create, topic]}), {what: 'current', eventId: null, slots}],
    ['/context', JSON.stringify({event: topic, state: [create, topic]}), {what: 'after', eventId: '$t', slots}],
    ['/state_ids', '{"pdu_ids":["$c","$t"],"auth_chain_ids":[]}', {what: 'before', eventId: null, slots: ids}],
    ['federation /state', JSON.stringify({pdus, auth_chain: []}), {what: 'before', eventId: null, slots}],
    ['events, one a line', `${JSON.stringify(create)}\n\n${JSON.stringify(topic)}\n`, {what: 'current', slots}],
    ['one event', JSON.stringify(create), {what: 'current', slots: slots.slice(0, 1)}],
    ['a list of event IDs', '["$c","$t"]', {what: 'current', slots: ids}],
  ])('is read from %s', async (_what, text, state) => {
    const path = await file('state.json', text)
    const report = await openReportedFile(path)
    expect(report.state).toMatchObject(state)
    expect(report.identity).toMatchObject({kind: 'file', server: '', address: path})
  })

  test('says whose it is, and at which event, by its name', async () => {
    const path = await file('ids.json', '{"pdu_ids":["$c"]}')
    const report = await openReportedFile(`hs1.example.org:8448=${path}@$x:y`)
    expect(report.identity).toMatchObject({
      server: 'hs1.example.org:8448',
      name: expect.stringMatching(/^reported hs1\.example\.org:8448 ids\.json#/u) as unknown,
    })
    expect(report.state).toMatchObject({what: 'before', eventId: '$x:y'})
    expect(report.notes).toEqual([])
    expect((await openReportedFile(path)).notes.join()).toContain('does not say at which event')
    const kept = new Kept()
    await kept.run(reportedRoute(report))
    expect(kept.steps[0]?.states).toEqual([report.state])
  })

  test('brings events in federation format along, and names them by their hash', async () => {
    const named = '{"pdus":[' + JSON.stringify({...create, prev_events: [], event_id: undefined}) + ']}'
    const report = await openReportedFile(await file('pdus.json', named))
    expect(report.roomVersion).toBe('10')
    expect(report.state?.slots[0]?.eventId).toMatch(/^\$[\w-]{43}$/u)
    expect(report.events.map(({text}) => text)).toEqual([named.slice(9, -2)])
  })

  const told = (...eventIds: readonly string[]): string =>
    JSON.stringify({
      count: eventIds.length,
      results: eventIds.map((id) => ({event_id: id, state_group: 7, depth: 9, received_ts: 1_700_000_000_000})),
    })

  test('forward extremities as the admin API of Synapse answers them are those of the server that is named', async () => {
    const path = await file('extremities.json', told('$a', '$b'))
    const report = await openReportedFile(`hs1.example.org=${path}`)
    expect(report).toMatchObject({
      state: null,
      extremities: {direction: 'forward', how: `/forward_extremities in ${path}`, eventIds: ['$a', '$b']},
    })
    const kept = new Kept()
    await kept.run(reportedRoute(report))
    expect(kept.steps).toMatchObject([{extremities: [report.extremities]}])
    expect(kept.steps[0]?.states).toBeUndefined()
    await expect(openReportedFile(path)).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('does not say whose') as unknown,
    })
    await expect(openReportedFile(`hs1.example.org=${path}@$a`)).rejects.toThrow('leave out the event')
  })

  test('two files with other extremities of one server contradict each other; two states do not', async () => {
    const open = async (name: string, server: string, text: string) =>
      openReportedFile(`${server}=${await file(name, text)}`)
    const [one, same] = [
      await open('e1.json', 'a.org', told('$a', '$b')),
      await open('e2.json', 'a.org', told('$b', '$a')),
    ]
    const [other, elsewhere] = [await open('e3.json', 'a.org', told('$c')), await open('e4.json', 'b.org', told('$c'))]
    const states = [await open('s1.json', 'a.org', '["$c"]'), await open('s2.json', 'a.org', '["$d"]')]
    expect(() => {
      refuseContradiction([one, same, elsewhere, ...states])
    }).not.toThrow()
    expect(() => {
      refuseContradiction([one, elsewhere, other])
    }).toThrow(/e1\.json and .*e3\.json tell different forward extremities of a\.org/u)
  })

  test.each<[string, readonly object[], boolean]>([
    ['this room', [{...create, room_id: ROOM}, topic], true],
    ['no room', [create, topic], true],
    [
      'another room by its create event',
      [
        {...create, room_id: '!o:x.y'},
        {...topic, room_id: ROOM},
      ],
      false,
    ],
    ['another room, without a create event', [{...topic, room_id: '!o:x.y'}], false],
    [
      'this room, but for one event',
      [
        {...create, room_id: ROOM},
        {...topic, room_id: '!o:x.y'},
      ],
      true,
    ],
    ['a room that its create event names', [{...create, content: {room_version: '12'}}, topic], false],
  ])('of %s is told from what is of another room', async (_what, events, isOfRoom) => {
    const report = await openReportedFile(await file('room.json', JSON.stringify(events)))
    const kept = new Kept()
    const run = kept.run(reportedRoute(report))
    if (isOfRoom) await expect(run).resolves.toBe(1)
    else await expect(run).rejects.toMatchObject({code: 'CASE_OTHER_ROOM'})
  })

  test.each([
    ['{"count":0,"results":[]}', /it lists no forward extremity/u],
    ['{"count":1,"results":[{"depth":1}]}', /entry 1 of "results" has no event ID/u],
    ['', /it is empty/u],
    ['[]', /the state in it is empty/u],
    ['["$a",7]', /entry 1 is no event/u],
    ['["$a","b"]', /entry 2 is no event ID: "b"/u],
    ['[{"type":"m.room.message","event_id":"$a"}]', /entry 1 is no state event/u],
    ['{"type":"a","state_key":"","event_id":"$a"}\n{"type":', /line 2 is not JSON/u],
    ['{"errcode":"M_FORBIDDEN"}', /a server’s error answer/u],
    ['{"nothing":1}', /keys: nothing/u],
    [
      '[{"type":"a","state_key":"","event_id":"$a"},{"type":"a","state_key":"","event_id":"$b"}]',
      /1 and entry 2 are in one slot/u,
    ],
    ['{"pdus":[{"type":"a","state_key":"","prev_events":[]}]}', /entry 1 has no event_id, and no create event/u],
    [
      '[{"type":"m.room.create","state_key":"","sender":"@a:b","content":{}}]',
      /entry 1 has no event_id, and none can be worked out/u,
    ],
    ['\u0000', /line 1 is not JSON/u],
  ])('of %j is refused with the place', async (text, words) => {
    const path = await file('wrong.json', text)
    const error: unknown = await openReportedFile(path).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({
      message: expect.stringMatching(words) as unknown,
      code: 'STATES_MALFORMED',
    })
    expect((error as Error).message.startsWith(path)).toBe(true)
  })
})
