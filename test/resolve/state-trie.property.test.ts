import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {ABSENT, EMPTY_STATE, LEAF_WIDTH, type StateRoot, StateTrie} from '../../src/resolve/state-trie.ts'

type Model = ReadonlyMap<number, number>

const entriesOf = (trie: StateTrie, root: StateRoot): readonly (readonly [number, number])[] => {
  const entries: [number, number][] = []
  trie.forEach(root, (slot, event) => entries.push([slot, event]))
  return entries
}
const sorted = (model: Model): readonly (readonly [number, number])[] => [...model].sort(([a], [b]) => a - b)

/** States built by changing one slot of an earlier state at a time, in a trie and as maps. */
const histories = fc.constantFrom(1, 2, 16, 17, 256, 257, 5000, 70_000).chain((slots) =>
  fc.record({
    slots: fc.constant(slots),
    steps: fc.array(
      fc.record({
        from: fc.nat(),
        slot: fc.oneof(
          fc.nat(slots - 1),
          fc.constantFrom(0, slots - 1, Math.min(15, slots - 1), Math.min(16, slots - 1)),
        ),
        event: fc.oneof({weight: 4, arbitrary: fc.nat(1_000_000)}, fc.constant(ABSENT)),
      }),
      {maxLength: 60},
    ),
  }),
)

function build({slots, steps}: {slots: number; steps: readonly {from: number; slot: number; event: number}[]}) {
  const trie = new StateTrie(slots)
  const states: {root: StateRoot; model: Model}[] = [{root: EMPTY_STATE, model: new Map()}]
  for (const {from, slot, event} of steps) {
    const old = states[from % states.length]!
    const model = new Map(old.model)
    if (event === ABSENT) model.delete(slot)
    else model.set(slot, event)
    states.push({root: trie.set(old.root, slot, event), model})
  }
  return {trie, states}
}

describe('a trie of states', () => {
  test('holds what maps hold, and no change reaches an older state', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const {trie, states} = build(history)
        for (const {root, model} of states) {
          expect(entriesOf(trie, root)).toEqual(sorted(model))
          for (const {slot} of history.steps) expect(trie.get(root, slot)).toBe(model.get(slot) ?? ABSENT)
        }
      }),
      {numRuns: 300},
    )
  })

  test('gives its leaves in order, each with its events', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const {trie, states} = build(history)
        for (const {root, model} of states) {
          const found: [number, number][] = []
          trie.forEachLeaf(root, (leaf, firstSlot) => {
            for (let place = 0; place < LEAF_WIDTH; place += 1) {
              const event = trie.leafEvent(leaf, place)
              if (event !== ABSENT) found.push([firstSlot + place, event])
            }
          })
          expect(found).toEqual(sorted(model))
        }
      }),
      {numRuns: 100},
    )
  })

  test('finds the slots in which states differ', () => {
    fc.assert(
      fc.property(histories, fc.array(fc.nat(), {minLength: 1, maxLength: 5}), (history, picks) => {
        const {trie, states} = build(history)
        const chosen = picks.map((pick) => states[pick % states.length]!)
        const found: number[] = []
        trie.differences(
          chosen.map(({root}) => root),
          found,
        )
        const slots = [...new Set(chosen.flatMap(({model}) => [...model.keys()]))].sort((a, b) => a - b)
        expect(found).toEqual(slots.filter((slot) => new Set(chosen.map(({model}) => model.get(slot))).size > 1))
      }),
      {numRuns: 300},
    )
  })

  test('setting what is there already makes no new state', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const {trie, states} = build(history)
        const used = trie.byteLength
        for (const {root, model} of states) {
          for (const [slot, event] of model) expect(trie.set(root, slot, event)).toBe(root)
          for (const {slot} of history.steps) if (!model.has(slot)) expect(trie.set(root, slot, ABSENT)).toBe(root)
        }
        expect(trie.byteLength).toBe(used)
      }),
      {numRuns: 100},
    )
  })

  test('a negative slot holds nothing', () => {
    const trie = new StateTrie(4)
    expect(trie.get(trie.set(EMPTY_STATE, 3, 7), -1)).toBe(ABSENT)
  })

  test('grows beyond its first nodes', () => {
    const trie = new StateTrie(100_000)
    let root = EMPTY_STATE
    for (let slot = 0; slot < 100_000; slot += 7) root = trie.set(root, slot, slot * 2)
    const wrong = Array.from({length: 100_000}, (_, slot) => slot).filter(
      (slot) => trie.get(root, slot) !== (slot % 7 === 0 ? slot * 2 : ABSENT),
    )
    expect(wrong).toEqual([])
  })
})
