import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import type {OracleRoom} from '../conformance/fixtures.ts'
import {AuthDifference} from '../../src/resolve/auth-difference.ts'
import {Conflict} from '../../src/resolve/conflict.ts'
import {replay} from '../../src/resolve/replay.ts'
import {RowSet} from '../../src/resolve/row-set.ts'
import {authDifference} from './naive.ts'
import {graphOf, smallRooms, VERSIONS} from './rooms.ts'

const READINGS = ['synapse', 'spec'] as const
const READ = VERSIONS.filter((version) => Number(version) > 1)

describe.each(READ)('version %s', (version) => {
  const [room] = smallRooms(version, 1) as [OracleRoom]
  const graph = graphOf(room)
  const {trie, after} = replay(graph)
  const states = [...new Set(after)]
  const rowsOf = (root: number): readonly number[] => {
    const rows: number[] = []
    trie.forEach(root, (_, event) => rows.push(event))
    return rows
  }

  describe.each(READINGS)('reading %s', (reading) => {
    const difference = new AuthDifference(graph)
    const conflict = new Conflict(graph, trie)
    const compare = (roots: readonly number[], limit: number): number => {
      conflict.begin(roots, limit)
      const found = new RowSet(graph.size)
      difference.addTo(found, conflict, reading)
      const wanted = authDifference(graph, roots.map(rowsOf), reading)
      expect([...found.rows].sort((a, b) => a - b)).toEqual([...wanted].sort((a, b) => a - b))
      return wanted.size
    }
    const newest = (roots: readonly number[]): number => 1 + Math.max(...roots.flatMap((root) => rowsOf(root)))

    test('is what sets give, for any states of the room', () => {
      let found = 0
      fc.assert(
        fc.property(
          fc.uniqueArray(fc.constantFrom(...states), {minLength: 2, maxLength: 5}),
          fc.boolean(),
          (roots, bounded) => {
            found += compare(roots, bounded ? newest(roots) : Infinity)
          },
        ),
        {numRuns: 150},
      )
      expect(found).toBeGreaterThan(100)
    })

    test('is what sets give, for states that no event ever had', () => {
      const changes = fc.array(fc.tuple(fc.nat(), fc.constantFrom(...states), fc.constantFrom(...states)), {
        minLength: 2,
        maxLength: 4,
      })
      fc.assert(
        fc.property(changes, (given) => {
          // Every other slot of one state, the rest of another.
          const roots = given.map(([bits, one, other]) => {
            let root = 0
            for (let slot = 0; slot < graph.slots.length; slot += 1) {
              root = trie.set(root, slot, trie.get(((bits >> (slot % 30)) & 1) === 0 ? one : other, slot))
            }
            return root
          })
          compare(roots, Infinity)
        }),
        {numRuns: 60},
      )
    })

    test('is what sets give, for more states than an integer has bits', () => {
      for (const count of [30, 31, 32, 33, 40]) expect(compare(states.slice(-count), Infinity)).toBeGreaterThan(0)
    })
  })
})
