import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import type {OracleRoom} from '../conformance/fixtures.ts'
import {load} from '../conformance/compare.ts'
import {replay} from '../../src/resolve/replay.ts'
import {graphOf, isCreate, outcomes, outcomesOf, smallRooms, VERSIONS} from './rooms.ts'

const MINUTE = 60_000
const shuffled = (room: OracleRoom) => fc.shuffledSubarray([...room.lines], {minLength: room.lines.length})

describe.each(VERSIONS)('version %s', (version) => {
  const [room] = smallRooms(version, 1) as [OracleRoom]
  const whole = outcomesOf(room.name, room.lines)

  test('the order of the lines changes nothing', () => {
    fc.assert(
      fc.property(shuffled(room), (lines) => {
        expect(Object.fromEntries(outcomesOf(room.name, lines))).toEqual(Object.fromEntries(whole))
      }),
      {numRuns: 10},
    )
  })

  test('lines that come twice change nothing, and are counted', () => {
    fc.assert(
      fc.property(fc.subarray([...room.lines], {minLength: 1}), shuffled(room), (again, lines) => {
        const mixed = [...lines.slice(0, 10), ...again, ...lines.slice(10)]
        const loaded = load(room.name, mixed)
        expect([loaded.duplicates, loaded.read, loaded.faults]).toEqual([
          again.length,
          mixed.length,
          load(room.name, lines).faults,
        ])
        expect(Object.fromEntries(outcomes(replay(loaded.graph)))).toEqual(Object.fromEntries(whole))
      }),
      {numRuns: 5},
    )
  })

  test('a replay gives the same again', () => {
    const graph = graphOf(room)
    expect(outcomes(replay(graph))).toEqual(outcomes(replay(graph)))
    expect(Object.fromEntries(outcomes(replay(graph, {reading: 'synapse'})))).toEqual(Object.fromEntries(whole))
  })
})

describe('events that are missing', () => {
  interface Counts {
    runs: number
    given: number
    known: number
  }

  /** Replays without some events: what is still said must be what the whole room says. */
  function withoutSome(
    room: OracleRoom,
    whole: ReturnType<typeof outcomesOf>,
    gone: ReadonlySet<number>,
    counts: Counts,
  ): void {
    const lines = room.lines.filter((_, index) => !gone.has(index))
    const {graph} = load(room.name, lines)
    const part = outcomes(replay(graph))
    counts.runs += 1
    /** Rows whose ancestors are all there, so that nothing may be left open. */
    const complete = new Uint8Array(graph.size)
    const wrong: string[] = []
    for (const [id, outcome] of part) {
      const row = graph.row(id)
      const full = whole.get(id)
      const given = graph.columns.line[row] !== 0
      const parents = [...graph.prevOf(row), ...graph.authOf(row)]
      complete[row] = Number(given && parents.every((parent) => complete[parent] === 1))
      if (!given) {
        if (outcome.verdict !== 'undetermined' || outcome.before !== null || outcome.after !== null)
          wrong.push(`${id} is not there, but judged`)
        continue
      }
      counts.given += 1
      if (outcome.verdict !== 'undetermined') counts.known += 1
      for (const what of ['verdict', 'before', 'after'] as const) {
        const value = outcome[what]
        const open = what === 'verdict' ? value === 'undetermined' : value === null
        if (open ? complete[row] === 1 : value !== full?.[what])
          wrong.push(`${id}: ${what} ${String(value)} instead of ${String(full?.[what])}`)
      }
      if (complete[row] === 1 && outcome.rule !== full?.rule)
        wrong.push(`${id}: ${String(outcome.rule)} instead of ${String(full?.rule)}`)
    }
    expect(wrong).toEqual([])
  }

  test.each(VERSIONS)(
    'version %s: what is said without them is what is said with them',
    (version) => {
      const counts: Counts = {runs: 0, given: 0, known: 0}
      for (const room of smallRooms(version, 3)) {
        const whole = outcomesOf(room.name, room.lines)
        const removable = room.lines.flatMap((line, index) => (isCreate(line) ? [] : [index]))
        const few = fc.subarray(removable, {minLength: 1, maxLength: 3})
        const some = fc.subarray(removable, {minLength: 1, maxLength: 40})
        fc.assert(
          fc.property(fc.oneof({weight: 2, arbitrary: few}, some), (gone) => {
            withoutSome(room, whole, new Set(gone), counts)
          }),
          {numRuns: 12},
        )
      }
      expect(counts.runs).toBeGreaterThanOrEqual(36)
      // A good part is known and a good part is not: otherwise the test shows nothing.
      expect(counts.known / counts.given).toBeGreaterThan(0.1)
      expect(counts.known / counts.given).toBeLessThan(0.95)
    },
    2 * MINUTE,
  )
})
