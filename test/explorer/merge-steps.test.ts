import {describe, expect, test} from 'vitest'
import {authChainOf} from '../../src/explorer/model/auth-chain.ts'
import {mergeAt, type SteppedMerge, stepsOf} from '../../src/explorer/model/merge-steps.ts'
import {openRoom, type Room} from '../../src/explorer/model/room.ts'
import {packGraph} from '../../src/graph/packed-graph.ts'
import {loadRoomFrom} from '../../src/investigate/load-room.ts'
import type {PageData} from '../../src/report/explorer/page-data.ts'
import {generateRoom} from '../bench/generate.ts'
import {reportedRoom} from '../scenarios/room-case.ts'

/** A room as the page opens it; what servers told has no part in it. */
function roomOf(lines: Iterable<string>): Room {
  const {graph} = loadRoomFrom(
    'room',
    [...lines].map((text, index) => ({text, line: index + 1})),
  )
  const data: Partial<PageData> = {
    graph: packGraph(graph),
    reading: 'synapse',
    marks: [],
    resets: [],
    contents: {kept: 'state', messages: [], says: []},
  }
  return openRoom(data as PageData)
}

const NAMES = ['conflict-v3', 'conflict-v6', 'conflict-v10', 'conflict-v12', 'creators-v12', 'split-sql-v11'] as const
const rooms = NAMES.map((name) => [name, roomOf(reportedRoom(name).lines)] as const)

function* mergesOf(room: Room): Generator<readonly [row: number, steps: SteppedMerge]> {
  for (const [row, conflicts] of room.replay.merges) {
    const merge = conflicts === 0 ? null : mergeAt(room, row)
    if (merge !== null) yield [row, stepsOf(room, merge)]
  }
}

describe('a merge step by step', () => {
  test.each(rooms)(
    '%s: each slot gets what the replay has, from an event that stood in it or was judged',
    (_, room) => {
      const {trie, before} = room.replay
      let merges = 0
      for (const [row, {slots, phases}] of mergesOf(room)) {
        merges += 1
        expect(slots).toHaveLength(room.replay.merges.get(row) ?? -1)
        const judged = phases.flatMap(({steps}) => steps)
        for (const {slot, candidates, result} of slots) {
          expect(trie.get(before[row] ?? 0, slot)).toBe(result)
          expect(candidates.length).toBeGreaterThan(0)
          // Of all that passed for the slot, the last stays.
          expect(judged.findLast((step) => step.slot === slot && step.outcome === 'passed')?.row ?? -1).toBe(result)
          for (const one of candidates) expect(judged.map((step) => step.row)).toContain(one)
        }
      }
      expect(merges).toBeGreaterThan(0)
    },
  )

  test.each(rooms)('%s: the order is that of the specification, by what is shown', (_, room) => {
    const {graph} = room
    let decided = 0
    for (const [, {phases, mainlineTop}] of mergesOf(room)) {
      for (const {phase, steps} of phases) {
        const place = new Map(steps.map(({row}, index) => [row, index]))
        for (const [index, {row, power, mainline}] of steps.entries()) {
          const next = steps[index + 1]
          if (phase === 'power') {
            for (const parent of graph.authOf(row)) expect(place.get(parent) ?? -1).toBeLessThan(index)
            // What could have come before its neighbour did not have the greater power.
            if (next !== undefined && !graph.authOf(next.row).includes(row) && (next.power ?? 0) !== (power ?? 0)) {
              expect(next.power ?? 0).toBeLessThan(power ?? 0)
              decided += 1
            }
          } else {
            expect(mainline).toBeGreaterThanOrEqual(-1)
            expect(mainline === 0).toBe(graph.authOf(row).includes(mainlineTop))
            if (next === undefined) continue
            const rank = (one: number | null): number => (one === null || one < 0 ? Infinity : one)
            expect(rank(mainline)).toBeGreaterThanOrEqual(rank(next.mainline))
            if (rank(mainline) === rank(next.mainline))
              expect(graph.ts[row] ?? 0).toBeLessThanOrEqual(graph.ts[next.row] ?? 0)
            else decided += 1
          }
        }
      }
    }
    if (room.graph.rules.id === '10') expect(decided).toBeGreaterThan(0)
  })

  test('branches that nothing has joined yet are merged over the newest events', () => {
    const {ids: named, lines} = reportedRoom('conflict-v10')
    const whole = roomOf(lines)
    const at = [...whole.replay.merges].find(([, conflicts]) => conflicts > 2)?.[0] ?? 0
    const ids = new Set([...whole.graph.prevOf(at)].map((row) => whole.graph.id(row)))
    const kept = roomOf(lines.filter((_, index) => whole.graph.row(named[index] ?? '') < at))
    expect(kept.graph.size).toBe(at)
    const merge = mergeAt(kept, null)
    expect(new Set(merge?.prevs.map((row) => kept.graph.id(row)))).toEqual(ids)
    expect(merge === null ? [] : stepsOf(kept, merge).slots).toHaveLength(whole.replay.merges.get(at) ?? -1)
    expect(mergeAt(whole, null)).toBeNull()
  })
})

describe('an auth chain', () => {
  const room = roomOf(generateRoom({events: 1500, members: 60, forkRate: 0.1, seed: 5}))

  test('has every event that can be come to, and its links lead to each of them, none in vain', () => {
    const {graph} = room
    for (const row of [graph.size - 1, graph.size >> 1, 4]) {
      const {rows, links} = authChainOf(graph, row)
      const reach = (from: number, next: (at: number) => Iterable<number>): Set<number> => {
        const seen = new Set<number>()
        const open = [from]
        for (let at = open.pop(); at !== undefined; at = open.pop())
          for (const to of next(at)) {
            if (!seen.has(to)) open.push(to)
            seen.add(to)
          }
        return seen
      }
      const all = reach(row, (at) => graph.authOf(at))
      expect(new Set(rows)).toEqual(all)
      const by = new Map<number, number[]>()
      for (const [from, to] of links) by.set(from, [...(by.get(from) ?? []), to])
      expect(reach(row, (at) => by.get(at) ?? [])).toEqual(all)
      for (const [from, to] of links) {
        expect([...graph.authOf(from)]).toContain(to)
        const others = (by.get(from) ?? []).filter((one) => one !== to)
        for (const other of others) expect(reach(other, (at) => graph.authOf(at)).has(to)).toBe(false)
      }
      expect(links.length).toBeLessThan([row, ...rows].reduce((sum, one) => sum + graph.authOf(one).length, 0) + 1)
    }
    expect(authChainOf(graph, 0)).toEqual({rows: [], links: []})
  })
})
