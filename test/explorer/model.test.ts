import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {unpackGraph, packGraph} from '../../src/graph/packed-graph.ts'
import {layoutOf, MOST_COLUMNS, MOST_LANES} from '../../src/explorer/model/lanes.ts'
import {levelFor, levelsOf, PARTS} from '../../src/explorer/model/levels.ts'
import {LongEdges} from '../../src/explorer/model/long-edges.ts'
import {childRows} from '../../src/explorer/model/room.ts'
import {fromHash, NOTHING, TABS, toHash} from '../../src/explorer/model/selection.ts'
import type {RoomGraph} from '../../src/graph/room-graph.ts'
import {reversed} from '../../src/graph/topological-order.ts'
import {loadRoomFrom} from '../../src/investigate/load-room.ts'
import {serverNameOf} from '../../src/matrix/ids.ts'
import {generateRoom} from '../bench/generate.ts'
import {linesOf} from '../cli/dumps.ts'
import {message, publicRoom} from '../rules/build.ts'
import {reportedRoom} from '../scenarios/room-case.ts'

const graphOf = (lines: Iterable<string>): RoomGraph =>
  loadRoomFrom(
    'room',
    [...lines].map((text, index) => ({text, line: index + 1})),
  ).graph

const small = graphOf(reportedRoom('conflict-v10').lines)
const big = graphOf(generateRoom({events: 3000, members: 300, forkRate: 0.1, seed: 3}))

/** More servers than lanes, one event each after the first. */
const crowd = graphOf(
  linesOf(
    Array.from({length: MOST_LANES + 10}, (_, index) => `@u:s${String(index)}.example`).reduce(
      (room, sender, index) =>
        room.add(`join ${String(index)}`, {
          type: 'm.room.member',
          sender,
          state_key: sender,
          content: {membership: 'join'},
        }),
      publicRoom('10'),
    ),
  ),
)

describe('lanes', () => {
  test('each event stands in the lane of its server, the busiest first; the rest share one', () => {
    const {lanes, laneOf} = layoutOf(crowd)
    expect(lanes).toHaveLength(MOST_LANES + 1)
    const events = lanes.slice(0, -1).map((lane) => lane.events)
    expect(events).toEqual(events.toSorted((a, b) => b - a))
    expect(lanes.reduce((sum, lane) => sum + lane.events, 0)).toBe(crowd.size)
    for (let row = 0; row < crowd.size; row += 1) {
      const server = serverNameOf(crowd.senderName(row))
      const lane = lanes[laneOf[row] ?? 0]
      if (lane?.server !== null) expect(lane?.server).toBe(server)
      else expect(lanes.some((one) => one.server === server)).toBe(false)
    }
  })

  test('branches that go on at the same time stand side by side', () => {
    const graph = big
    const {laneOf, columnOf, lanes} = layoutOf(graph)
    const children = reversed(graph.prev)
    const last = new Map<string, number>()
    let beside = 0
    for (let row = 0; row < graph.size; row += 1) {
      const place = `${String(laneOf[row])}/${String(columnOf[row])}`
      const above = last.get(place)
      last.set(place, row)
      if ((columnOf[row] ?? 0) > 0) beside += 1
      // A place is only taken when what stands there has been followed.
      const followers = above === undefined ? new Int32Array() : childRows(children, above)
      if (followers.length > 0) expect(followers.some((child) => child <= row)).toBe(true)
    }
    expect(beside).toBeGreaterThan(0)
    for (const [lane, {columns}] of lanes.entries()) {
      const places = [...columnOf].filter((_, row) => laneOf[row] === lane)
      expect(Math.max(...places) + 1).toBe(columns)
    }
  })

  test.each([
    [MOST_COLUMNS, false],
    [MOST_COLUMNS + 1, true],
  ])('of %d branches at once it is said whether places are shared: %j', (branches, isFull) => {
    const room = publicRoom('10')
    const before = room.names.at(-1) ?? ''
    const tips = Array.from({length: branches}, (_, index) => `m${String(index)}`)
    for (const tip of tips) room.add(tip, {...message(), prev: [before]})
    room.add('merge', {...message(), prev: tips})
    const graph = graphOf(linesOf(room))
    const {lanes, columnOf} = layoutOf(graph)
    expect(lanes.map((lane) => lane.isFull)).toEqual([isFull])
    expect(new Set(tips.map((tip) => columnOf[graph.row(room.id(tip))])).size).toBe(MOST_COLUMNS)
  })

  test('a chain in one lane stays in one place', () => {
    const {laneOf, columnOf} = layoutOf(small)
    for (let row = 1; row < small.size; row += 1) {
      const [parent, other] = small.prevOf(row)
      if (parent !== row - 1 || other !== undefined || laneOf[parent] !== laneOf[row]) continue
      expect(columnOf[row]).toBe(columnOf[parent])
    }
  })
})

describe('levels of detail', () => {
  test('every level counts every event once', () => {
    const layout = layoutOf(big)
    const kinds = new Uint8Array(big.size)
    const marks = new Uint16Array(big.size)
    marks[1234] = 16
    const levels = levelsOf(layout, {kinds, marks})
    expect(levels.length).toBeGreaterThan(2)
    for (const {size, counts, marks: seen, buckets} of levels) {
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(big.size)
      expect(counts).toHaveLength(buckets * layout.lanes.length * PARTS)
      const cell = Math.floor(1234 / size) * layout.lanes.length + (layout.laneOf[1234] ?? 0)
      expect([...seen].flatMap((mark, index) => (mark === 0 ? [] : [index]))).toEqual([cell])
    }
  })

  test('the finest is taken whose buckets are high enough', () => {
    const levels = levelsOf(layoutOf(big), {kinds: new Uint8Array(big.size), marks: new Uint16Array(big.size)})
    expect(levelFor(levels, 1, 3).size).toBe(8)
    expect(levelFor(levels, 0.2, 3).size).toBe(16)
    expect(levelFor(levels, 0.000001, 3)).toBe(levels.at(-1))
  })
})

test('long edges are found from any window between their ends, the short ones are not among them', () => {
  const {ids} = big
  const edges = [
    [2000, 10],
    [2999, 700],
    [900, 800],
  ] as const
  const starts = new Int32Array(ids.length + 1)
  const list: number[] = []
  for (let row = 0; row < ids.length; row += 1) {
    list.push(...edges.flatMap(([child, parent]) => (child === row ? [parent] : [])))
    starts[row + 1] = list.length
  }
  const graph = {size: big.size, prev: {starts, edges: Int32Array.from(list)}}
  const long = new LongEdges(graph)
  const across = (first: number, last: number): readonly number[] => {
    const found: number[] = []
    long.forEachAcross(first, last, (child) => found.push(child))
    return found.toSorted((a, b) => a - b)
  }
  expect(across(1000, 1020)).toEqual([2000, 2999])
  expect(across(50, 60)).toEqual([2000])
  expect(across(2600, 2700)).toEqual([2999])
})

describe('links', () => {
  test('what is selected comes back from its link, whatever it is called', () => {
    const hostile = unpackGraph({
      ...packGraph(small),
      slots: packGraph(small).slots.map(([type, key], slot) => [
        slot % 2 === 0 ? `a/b~${String(slot)}&=%2F#` : type,
        `${key}/+ %&#@é`,
      ]),
    })
    fc.assert(
      fc.property(
        fc.integer({min: -1, max: small.size - 1}),
        fc.integer({min: -1, max: small.slots.length - 1}),
        fc.constantFrom(...TABS),
        fc.string(),
        fc.boolean(),
        (row, slot, tab, find, chain) => {
          const selection = {row, slot, tab, side: 's1', find, chain}
          const hash = toHash(hostile, selection)
          const back = fromHash(hostile, `#${hash}`)
          expect(back).toEqual(selection)
        },
      ),
    )
  })

  test('what is not in the room is not selected', () => {
    expect(fromHash(small, '#event=$nothing&slot=m.room.nothing/&tab=nothing')).toEqual(NOTHING)
    expect(fromHash(small, '#%%%&slot=&=')).toEqual(NOTHING)
  })
})
