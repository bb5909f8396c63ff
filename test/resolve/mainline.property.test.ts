import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import type {OracleRoom} from '../conformance/fixtures.ts'
import {Flag, Type} from '../../src/graph/room-graph.ts'
import {Mainline} from '../../src/resolve/mainline.ts'
import {mainlineSort} from './naive.ts'
import {graphOf, smallRooms, VERSIONS} from './rooms.ts'

describe.each(VERSIONS)('version %s', (version) => {
  test('the mainline ordering is what the spec words, for any events and any power levels', () => {
    for (const room of smallRooms(version, 2) satisfies readonly OracleRoom[]) {
      const graph = graphOf(room)
      const mainline = new Mainline(graph)
      const rows = Array.from({length: graph.size}, (_, row) => row)
      const power = rows.filter((row) => graph.slot[row] === graph.powerSlot)
      const others = rows.filter((row) => graph.has(row, Flag.State) && graph.type[row] !== Type.PowerLevels)
      fc.assert(
        fc.property(
          fc.shuffledSubarray(others, {maxLength: Math.min(60, others.length)}),
          fc.constantFrom(-1, ...power),
          (some, resolved) => {
            expect(mainline.sort(some, resolved)).toEqual(mainlineSort(graph, some, resolved))
          },
        ),
        {numRuns: 60},
      )
    }
  })
})
