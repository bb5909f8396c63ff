import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import type {OracleRoom} from '../conformance/fixtures.ts'
import {stateIds} from '../conformance/compare.ts'
import {replay, Verdict} from '../../src/resolve/replay.ts'
import {Resolver} from '../../src/resolve/resolver.ts'
import {EMPTY_STATE} from '../../src/resolve/state-trie.ts'
import {graphOf, smallRooms, VERSIONS} from './rooms.ts'

describe.each(VERSIONS)('version %s', (version) => {
  const [room] = smallRooms(version, 1) as [OracleRoom]
  const graph = graphOf(room)
  const result = replay(graph)
  const {resolver, trie} = result
  const states = [...new Set(result.after)]
  const some = fc.array(fc.constantFrom(...states), {minLength: 2, maxLength: 6})

  test('merging nothing, one state, or equal ones costs nothing', () => {
    expect(resolver.resolve([])).toEqual({root: EMPTY_STATE, conflicts: 0})
    const used = trie.byteLength
    for (const root of states) {
      expect(resolver.resolve([root])).toEqual({root, conflicts: 0})
      expect(resolver.resolve([root, root, root])).toEqual({root, conflicts: 0})
    }
    expect(trie.byteLength).toBe(used)
  })

  test('neither order nor repetition of the states means anything', () => {
    fc.assert(
      fc.property(some, fc.nat(), (roots, turn) => {
        const apart = new Resolver(graph, {isRejected: (row) => result.verdicts[row] === Verdict.Rejected})
        // The same states, in a trie of another resolver, in another order.
        const copies = roots.map((root) => {
          let copy = EMPTY_STATE
          trie.forEach(root, (slot, event) => {
            copy = apart.trie.set(copy, slot, event)
          })
          return copy
        })
        const at = turn % copies.length
        const turned = [...copies.slice(at), ...copies.slice(0, at + 1)].reverse()
        const ours = stateIds({...result, trie: apart.trie}, apart.resolve(turned).root)
        expect(ours).toEqual(stateIds(result, resolver.resolve(roots).root))
      }),
      {numRuns: 40},
    )
  })

  test('the result holds what all agree on, and nothing that nobody could have', () => {
    fc.assert(
      fc.property(some, (roots) => {
        const {root, conflicts} = resolver.resolve(roots)
        const ids = stateIds(result, root)
        const each = roots.map((state) => new Set(stateIds(result, state)))
        const agreed = [...(each[0] ?? [])].filter((id) => each.every((state) => state.has(id)))
        expect(ids).toEqual(expect.arrayContaining(agreed))
        for (const id of ids) expect(result.verdicts[graph.row(id)]).toBe(Verdict.Accepted)
        expect(conflicts === 0).toBe(each.every((state) => state.size === agreed.length))
      }),
      {numRuns: 40},
    )
  })

  test('a merge of states that are equal, though built apart, has no conflicts', () => {
    const last = states.at(-1)!
    let copy = EMPTY_STATE
    const entries: [number, number][] = []
    trie.forEach(last, (slot, event) => entries.push([slot, event]))
    for (const [slot, event] of entries.reverse()) copy = trie.set(copy, slot, event)
    expect(copy).not.toBe(last)
    expect(resolver.resolve([last, copy])).toEqual({root: Math.min(last, copy), conflicts: 0})
  })
})
