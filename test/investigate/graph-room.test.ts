/** What is drawn of rooms with known answers. */
import {describe, expect, test} from 'vitest'
import {blameRoom} from '../../src/investigate/blame-room.ts'
import {type GraphOptions, graphRoom} from '../../src/investigate/graph-room.ts'
import {type OpenedRoom, openRoom} from '../../src/investigate/open-room.ts'
import {resolveRoom} from '../../src/investigate/resolve-room.ts'
import type {DrawnNode, RoomDrawing} from '../../src/report/graph/room-drawing.ts'
import {Flag} from '../../src/graph/room-graph.ts'
import {replay, Verdict} from '../../src/resolve/replay.ts'
import {Dumps, linesOf} from '../cli/dumps.ts'
import {BOB, message, publicRoom, topic} from '../rules/build.ts'
import {REPORTED_ROOMS, reportedRoom, writeRoomCase} from '../scenarios/room-case.ts'

const dumps = new Dumps()
const nowMs = Date.UTC(2026, 10, 22)
const rooms = new Map<string, Promise<OpenedRoom>>()
function opened(name: string): Promise<OpenedRoom> {
  const known = rooms.get(name) ?? openRoom(writeRoomCase(dumps.path(`${name}.case`), reportedRoom(name)))
  rooms.set(name, known)
  return known
}
const draw = async (name: string, options: Partial<GraphOptions> = {}): Promise<RoomDrawing> =>
  graphRoom(await opened(name), {nowMs, ...options})

interface Event {
  readonly prev_events: readonly (string | readonly [string, object])[]
  readonly auth_events: readonly (string | readonly [string, object])[]
}
/** From each event to those that it cites, as its JSON says. */
function citations(name: string, key: keyof Event): readonly string[] {
  const {ids, lines} = reportedRoom(name)
  return lines.flatMap((line, at) => {
    const cited = (JSON.parse(line) as Event)[key].map((one) => (typeof one === 'string' ? one : one[0]))
    return [...new Set(cited)].map((id) => `${ids[at] ?? ''} ${id}`)
  })
}
const drawnEdges = ({edges}: RoomDrawing): readonly string[] => edges.map(({from, to}) => `${from} ${to}`)
const byKey = ({nodes}: RoomDrawing): ReadonlyMap<string, DrawnNode['attributes']> =>
  new Map(nodes.map(({key, attributes}) => [key, attributes]))
const inOrder = (words: readonly string[]): readonly string[] => words.toSorted()

describe('rooms of two real servers', () => {
  test.each(REPORTED_ROOMS)('%s: every event and every citation is there once', async (name) => {
    const drawing = await draw(name)
    const {ids} = reportedRoom(name)
    const edges = citations(name, 'prev_events')
    expect(inOrder(drawnEdges(drawing))).toEqual(inOrder(edges))
    const cited = new Set(edges.map((edge) => edge.split(' ')[1] ?? ''))
    const here = drawing.nodes.filter(({attributes}) => attributes.kind !== 'missing').map(({key}) => key)
    expect(inOrder(here)).toEqual(inOrder(ids))
    const missing = drawing.nodes.filter(({attributes}) => attributes.kind === 'missing')
    for (const {key} of missing) expect([ids.includes(key), cited.has(key)]).toEqual([false, true])
    expect([drawing.counts.events, drawing.counts.eventsOfRoom]).toEqual([ids.length, ids.length])
    expect(drawing.says).toEqual([])
    const place = new Map(drawing.nodes.map(({key}, at) => [key, at]))
    for (const {from, to} of drawing.edges) expect(place.get(from)).toBeGreaterThan(place.get(to) ?? Infinity)
  })

  test.each(REPORTED_ROOMS)('%s: nodes say what the replay and the servers say', async (name) => {
    const drawing = await draw(name)
    const {room} = await opened(name)
    const result = replay(room.graph)
    const {tips} = resolveRoom(room, {nowMs})
    for (const {key, attributes} of drawing.nodes) {
      const row = room.graph.row(key)
      if (attributes.kind === 'missing') continue
      expect(attributes.verdict).toBe(['undetermined', 'accepted', 'rejected'][result.verdicts[row] ?? -1])
      expect(attributes.rule).toBe(result.rejections.get(row)?.rule)
      expect(attributes.conflicts).toBe(result.merges.get(row) ?? 0)
      expect(attributes.tip).toBe(tips.includes(key))
      expect(attributes.sender).toBe(room.graph.senderName(row))
      // Which join rule it is decides many a reset.
      if (attributes.type === 'm.room.join_rules')
        expect(attributes.label).toMatch(/^m\.room\.join_rules (public|invite|knock|restricted|knock_restricted)$/)
      expect(attributes.parents_not_drawn).toBe(0)
    }
    const {hs1} = reportedRoom(name).servers
    const rejected = [...hs1.events].filter(([, {marks}]) => typeof marks.rejected === 'string').map(([id]) => id)
    const told = drawing.nodes.filter(({attributes}) => attributes.rejected_by?.includes(hs1.name)).map(({key}) => key)
    expect(inOrder(told)).toEqual(inOrder(rejected))
  })

  test.each(REPORTED_ROOMS)('%s: auth events', async (name) => {
    const drawing = await draw(name, {edges: 'auth'})
    const drawn = byKey(drawing)
    const all = citations(name, 'auth_events')
    expect(inOrder(drawnEdges(drawing))).toEqual(inOrder(all.filter((edge) => drawn.has(edge.split(' ')[0] ?? ''))))
    expect(drawing.edges.every(({attributes}) => attributes.kind === 'auth')).toBe(true)
    const {room} = await opened(name)
    const left = [...room.graph.ids.keys()].filter((row) => !drawn.has(room.graph.id(row)))
    const missing = left.filter((row) => room.graph.has(row, Flag.Missing)).length
    const messages = left.length - missing
    expect(drawing.says.join()).toMatch(
      left.length === 0 ? /^$/ : /^Left out (is|are) .*: no event cites (it|them) as auth event\.$/,
    )
    const told = (what: string): number => Number(new RegExp(`(\\d+) ${what}`).exec(drawing.says.join())?.[1] ?? 0)
    expect([told('messages?'), told('missing events? of unknown type')]).toEqual([messages, missing])
    expect(messages).toBe(reportedRoom(name).lines.filter((line) => !line.includes('"state_key"')).length)
  })

  test.each(REPORTED_ROOMS)('%s: collapsed, all that is remarkable is still there by itself', async (name) => {
    const [drawing, whole] = [await draw(name, {collapse: true}), await draw(name)]
    expect(drawing.counts).toEqual(whole.counts)
    const alone = byKey(drawing)
    for (const {key, attributes} of whole.nodes) {
      const {verdict, findings, conflicts, conflicted, resets, tip, kind} = attributes
      if (verdict === 'accepted' && !findings && conflicts === 0 && !conflicted && !resets && !tip && kind !== 'create')
        continue
      expect(alone.get(key)).toEqual(attributes)
    }
    const runs = drawing.nodes.filter(({attributes}) => attributes.kind === 'run')
    for (const {attributes} of runs) {
      expect(attributes.events).toBeGreaterThan(1)
      expect(attributes.label).toMatch(/^\d+ events, @\S+( and \d+ more)?, \d+ (s|min|h|d)$/)
    }
  })
})

test('the reset in conflict-v10: who lost what, against what, and where', async () => {
  const drawing = await draw('conflict-v10', {slot: {type: '@carol:localhost:18448', stateKey: undefined}})
  const {room} = await opened('conflict-v10')
  const {lines} = blameRoom(room, '@carol:localhost:18448', undefined)
  const drawn = byKey(drawing)
  for (const line of lines) {
    if (line.kind !== 'merge') expect(drawn.has(line.event.eventId)).toBe(true)
    else expect(drawn.get(line.at?.eventId ?? '')?.slot_becomes).toBe(line.result?.words ?? 'nothing')
  }
  const [merge] = drawing.nodes.filter(({attributes}) => attributes.resets !== undefined)
  expect(merge?.attributes.resets).toEqual(['the membership of @carol:localhost:18448'])
  expect(merge?.attributes.findings).toContain('state/reset')
  expect(merge?.attributes.severity).toBe('error')
  expect(drawing.edges.filter(({from}) => from === merge?.key)).toHaveLength(2)
  expect(drawing.edges.some(({attributes}) => attributes.kind === 'path')).toBe(true)
  expect(drawing.nodes.length).toBeLessThan(12)
})

test('a slot by auth events: what set it and what that rests on, joined by real citations', async () => {
  const slot = {type: 'm.room.topic', stateKey: ''}
  const drawing = await draw('conflict-v10', {slot, edges: 'auth'})
  const {room} = await opened('conflict-v10')
  const {graph} = room
  const setters = [...graph.ids.keys()].filter((row) => graph.slot[row] === graph.slotOf('m.room.topic', ''))
  const ends = new Set(drawing.edges.map(({from, to}) => `${from} ${to}`))
  expect(setters.length).toBeGreaterThan(5)
  for (const row of setters)
    for (const cited of graph.authOf(row)) expect(ends).toContain(`${graph.id(row)} ${graph.id(cited)}`)
  expect(drawing.edges.every(({attributes}) => attributes.kind === 'auth')).toBe(true)
})

describe('parts', () => {
  test('around an event: so many steps both ways, by the beginning of its ID; what is cut off is counted', async () => {
    const whole = await draw('conflict-v10')
    const middle = whole.nodes[40]?.key ?? ''
    const drawing = await draw('conflict-v10', {around: {event: middle.slice(0, 12), radius: 1}})
    const near = whole.edges.flatMap(({from, to}) => (from === middle ? [to] : to === middle ? [from] : []))
    expect(inOrder(drawing.nodes.map(({key}) => key))).toEqual(inOrder([...new Set([middle, ...near])]))
    const parentsOf = (drawn: RoomDrawing, key: string): number => drawn.edges.filter(({from}) => from === key).length
    for (const {key, attributes} of drawing.nodes) {
      expect(attributes.parents_not_drawn).toBe(parentsOf(whole, key) - parentsOf(drawing, key))
    }
    expect(drawing.focus).toEqual({kind: 'around', eventId: middle, radius: 1})
  })

  test('a limit keeps the newest and says so; of what is around an event, the nearest', async () => {
    const whole = await draw('conflict-v10')
    const drawing = await draw('conflict-v10', {limit: 10})
    expect(drawing.nodes.map(({key}) => key)).toEqual(whole.nodes.slice(-10).map(({key}) => key))
    expect(drawing.says).toEqual([`10 of ${String(whole.nodes.length)} events, the newest; --limit shows more.`])
    const middle = whole.nodes[40]?.key ?? ''
    const near = await draw('conflict-v10', {around: {event: middle, radius: 9}, limit: 2})
    expect(near.nodes.map(({key}) => key)).toContain(middle)
    expect(near.edges).toHaveLength(1)
    expect(near.says.join()).toMatch(/^2 of \d+ events, the nearest/)
    expect((await draw('conflict-v10', {limit: whole.nodes.length})).says).toEqual([])
  })

  test('an event and a slot that are not there are refused', async () => {
    await expect(draw('conflict-v10', {around: {event: '$nonesuch', radius: 1}})).rejects.toMatchObject({
      code: 'EVENT_UNKNOWN',
    })
    await expect(draw('conflict-v10', {slot: {type: 'm.none', stateKey: ''}})).rejects.toMatchObject({
      code: 'SLOT_UNKNOWN',
    })
  })
})

test('what is missing, rejected and of unknown verdict is drawn as that, and the drawing says that it is not whole', async () => {
  const lines = linesOf(
    publicRoom('10')
      .add('topic', topic())
      .add('bad', topic(BOB))
      .at('topic')
      .add('mid', message())
      .add('last', message()),
  )
  const holed = lines.filter((line) => !line.includes('m.room.topic') || line.includes(BOB))
  const whole = await graphRoom(await openRoom(dumps.write('whole.ndjson', lines)), {nowMs})
  const bad = whole.nodes.filter(({attributes}) => attributes.verdict === 'rejected')
  expect(bad.map(({attributes}) => [attributes.sender, attributes.findings])).toEqual([[BOB, ['dag/rejected-event']]])
  expect([whole.complete, whole.open]).toEqual([true, []])
  const opened = await openRoom(dumps.write('holed.ndjson', holed))
  const drawing = await graphRoom(opened, {nowMs})
  const missing = drawing.nodes.filter(({attributes}) => attributes.kind === 'missing')
  expect(missing.map(({attributes}) => [attributes.verdict, attributes.events])).toEqual([['none', 0]])
  expect([drawing.complete, drawing.open.length > 0]).toEqual([false, true])
  expect(drawing.counts).toMatchObject({events: holed.length, eventsOfRoom: holed.length, missing: 1})
  const {verdicts} = replay(opened.room.graph)
  expect(drawing.nodes.filter(({attributes}) => attributes.verdict === 'undetermined')).toHaveLength(
    [...verdicts].filter((verdict) => verdict === Verdict.Undetermined).length - 1,
  )
})

test('an event that cites another twice merges nothing with it; an event that is not here is no event of a limit', async () => {
  const lines = linesOf(
    publicRoom('10')
      .add('one', message())
      .at('one')
      .add('twice', {...message(), prev: ['one', 'one']})
      .add('gone', message())
      .add('last', message()),
  )
  const opened = await openRoom(dumps.write('twice.ndjson', lines.toSpliced(-2, 1)))
  const {nodes, counts} = await graphRoom(opened, {nowMs})
  expect(nodes.map(({attributes}) => attributes.merges)).toEqual(nodes.map(() => 0))
  expect([counts.missing, nodes.length]).toEqual([1, lines.length])
  const {says} = await graphRoom(opened, {nowMs, limit: 2})
  expect(says).toEqual([`2 of ${String(lines.length)} nodes, the newest; --limit shows more.`])
})

test('a run of events whose times are beyond all numbers has none', async () => {
  const room = publicRoom('1')
  const names = ['a', 'b', 'c', 'd', 'e']
  for (const name of names) room.add(name, message())
  const own = new Set(names.map((name) => room.names.indexOf(name)))
  const lines = linesOf(room).map((line, at) =>
    own.has(at) ? line.replace(/"origin_server_ts":\d+/, `"origin_server_ts":${'9'.repeat(400)}`) : line,
  )
  const opened = await openRoom(dumps.write('timeless.ndjson', lines))
  const last = room.id('e')
  const {nodes} = await graphRoom(opened, {nowMs, collapse: true, around: {event: last, radius: 4}})
  const [run] = nodes.filter(({attributes}) => attributes.kind === 'run')
  expect(run?.attributes).toMatchObject({events: 4, label: '4 events, @alice:a.example'})
  expect(Object.keys(run?.attributes ?? {})).not.toContain('duration_ms')
  expect(JSON.stringify(nodes)).not.toContain('null')
})
