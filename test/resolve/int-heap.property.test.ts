import fc from 'fast-check'
import {expect, test} from 'vitest'
import {IntHeap} from '../../src/resolve/int-heap.ts'

test('a heap gives the greatest first, as a sorted list would', () => {
  const steps = fc.array(
    fc.oneof({weight: 3, arbitrary: fc.integer()}, fc.constantFrom('pop' as const, 'pop' as const)),
    {maxLength: 200},
  )
  fc.assert(
    fc.property(steps, (given) => {
      const heap = new IntHeap()
      const model: number[] = []
      for (const step of given) {
        if (step === 'pop') {
          if (model.length === 0) expect(() => heap.pop()).toThrow(RangeError)
          else expect(heap.pop()).toBe(model.pop())
        } else {
          heap.push(step)
          model.push(step)
          model.sort((a, b) => a - b)
        }
      }
      while (model.length > 0) expect(heap.pop()).toBe(model.pop())
      expect(() => heap.pop()).toThrow(RangeError)
    }),
    {numRuns: 500},
  )
})

test('a cleared heap is empty', () => {
  const heap = new IntHeap()
  heap.push(1)
  heap.clear()
  expect(() => heap.pop()).toThrow(RangeError)
  heap.push(2)
  expect(heap.pop()).toBe(2)
})
