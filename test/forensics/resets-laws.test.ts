/** What holds of resets in any room: over all generated and real rooms that are packed with the tests, in both readings. */
import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {blameSlot} from '../../src/forensics/blame.ts'
import {resetFindings} from '../../src/forensics/reset-findings.ts'
import {resetStory} from '../../src/forensics/reset-story.ts'
import {Ancestry} from '../../src/forensics/ancestry.ts'
import {InquestTools} from '../../src/forensics/cause.ts'
import {mergesOf} from '../../src/forensics/merge.ts'
import {findResets, givenResets, type Reset, ResetCourt} from '../../src/forensics/resets.ts'
import {replay, type Replay, UNKNOWN_STATE} from '../../src/resolve/replay.ts'
import {Resolver} from '../../src/resolve/resolver.ts'
import {tipsOf} from '../../src/resolve/tips.ts'
import {load} from '../conformance/compare.ts'
import {DATA, type Fixture} from '../conformance/fixtures.ts'
import {readPacks} from '../conformance/packed.ts'

const READINGS = ['synapse', 'spec'] as const
const rooms = readPacks(DATA)
const SMALL = 400
const MINUTE = 60_000

/** Rooms by version, so that a failure names it. */
const groups = [...Map.groupBy(rooms, ({version}) => version)]

function* replays(members: readonly Fixture[]): Generator<{readonly name: string; readonly result: Replay}> {
  for (const {name, lines} of members) {
    const {graph} = load(name, lines)
    for (const reading of READINGS) yield {name: `${name}, ${reading}`, result: replay(graph, {reading})}
  }
}

interface Merged {
  readonly at: number | null
  readonly inputs: readonly number[]
  readonly result: number
}

/** All merges of known states, by the letter: those at events, and that of the tips. */
function mergesIn({graph, before, after, resolver}: Replay, tips: readonly number[]): readonly Merged[] {
  const merges: Merged[] = []
  for (let at = 0; at < graph.size; at += 1) {
    const inputs = [...graph.prevOf(at)].map((prev) => after[prev] ?? UNKNOWN_STATE)
    const result = before[at] ?? UNKNOWN_STATE
    if (inputs.length > 1 && result !== UNKNOWN_STATE) merges.push({at, inputs, result})
  }
  const inputs = tips.map((tip) => after[tip] ?? UNKNOWN_STATE)
  if (inputs.length > 1) merges.push({at: null, inputs, result: resolver.resolve(inputs).root})
  return merges
}

function told(result: Replay, reset: Reset): unknown {
  const name = (row: number | null): string | null => (row === null || row < 0 ? null : result.graph.id(row))
  const {slot, cause, expected, lost, got, inEvery, lacking, underV21, dropped, blockers, merge, again} = reset
  return {
    ...result.graph.slotAt(slot),
    ...{cause, expected, inEvery, lost: name(lost), got: name(got), lacking: name(lacking), again},
    underV21: underV21 === null ? 'same' : name(underV21),
    dropped: dropped.map(({row}) => name(row)),
    blockers: blockers.map(({event}) => name(event)),
    at: name(merge.at),
  }
}

/** The resets of each merge, those that happened before, too: which merge is the first of several is a matter of their order. */
function newCourt(result: Replay): (at: number | null) => readonly Reset[] {
  const {graph, trie, resolver, before} = result
  const tools = new InquestTools({graph, trie, resolver, before}, new Ancestry(graph))
  const merges = new Map([...mergesOf(result, tipsOf(result))].map((merge) => [merge.at, merge]))
  return (at) => {
    const merge = merges.get(at)
    const court = new ResetCourt(tools)
    if (merge !== undefined) court.hear(merge, null)
    return court.resets()
  }
}

function mergeByMerge(result: Replay): readonly unknown[] {
  const court = newCourt(result)
  return mergesIn(result, tipsOf(result)).flatMap(({at}) => court(at).map((reset) => told(result, reset)))
}

const keyOf = ({slot, lost, got}: Reset): string => [slot, lost, got].join()
const resetsOf = (result: Replay): readonly Reset[] => findResets(result, {tips: tipsOf(result)})
const toldOf = (result: Replay): readonly unknown[] => resetsOf(result).map((reset) => told(result, reset))
const sortedText = (list: readonly unknown[]): readonly string[] => list.map((one) => JSON.stringify(one)).toSorted()

describe.each(groups)('version %s', (_version, members) => {
  test('a slot that every merged state had and that is gone is a reset, whatever the cause', {timeout: MINUTE}, () => {
    for (const {name, result} of replays(members)) {
      const tips = tipsOf(result)
      const court = newCourt(result)
      const known = new Set(resetsOf(result).flatMap((reset) => (reset.expected ? [] : [keyOf(reset)])))
      for (const {at, inputs, result: root} of mergesIn(result, tips)) {
        const gone = result.graph.slots.flatMap((_, slot) => {
          const isGone = result.trie.get(root, slot) === -1
          return isGone && inputs.every((input) => result.trie.get(input, slot) !== -1) ? [slot] : []
        })
        const here = court(at).filter(({got, inEvery}) => got === -1 && inEvery)
        expect({name, at, gone: here.map(({slot}) => slot)}).toEqual({name, at, gone})
        expect(here.filter((reset) => reset.expected || !known.has(keyOf(reset)))).toEqual([])
      }
    }
  })

  test('each reset is one: the value that was lost was there, what came is older or nothing', {timeout: MINUTE}, () => {
    for (const {name, result} of replays(members)) {
      for (const reset of resetsOf(result)) {
        const {merge, slot, lost, got, held} = reset
        expect(result.graph.slot[lost]).toBe(slot)
        expect({name, went: got < lost}).toEqual({name, went: true})
        expect(result.trie.get(merge.result, slot)).toBe(got)
        expect(held).toEqual(merge.inputs.map((input) => result.trie.get(input, slot)))
        expect(held.some((one) => one !== got)).toBe(true)
      }
    }
  })

  test(
    'a merge that is traced comes out as it did, and the last of a slot that passed stands there',
    {timeout: MINUTE},
    () => {
      let traced = 0
      for (const {name, result} of replays(members)) {
        for (const algorithm of ['v1', 'v2', 'v2.1'] as const) {
          const {isRejected} = result.resolver.checker.judgement
          const {graph, reading, trie} = result
          const resolver = new Resolver(graph, {algorithm, reading, isRejected, trie})
          const fresh = new Resolver(graph, {algorithm, reading, isRejected, trie})
          for (const {at, inputs} of mergesIn(result, tipsOf(result))) {
            // What was tried leaves no trace.
            const anything = {extra: [0, 1, 2].filter((row) => row < graph.size), fromOwn: new Set([graph.powerSlot])}
            resolver.trace(inputs, anything)
            const trace = resolver.trace(inputs)
            const {root} = fresh.resolve(inputs, at ?? Infinity)
            const differing: number[] = []
            trie.differences([trace.root, root], differing)
            trie.differences([resolver.resolve(inputs, at ?? Infinity).root, root], differing)
            expect({name, algorithm, at, differing}).toEqual({name, algorithm, at, differing: []})
            traced += 1
            if (algorithm === 'v1') continue
            const last = new Map(
              trace.steps.filter(({outcome}) => outcome === 'passed').map(({slot, row}) => [slot, row]),
            )
            for (const slot of trace.slots) expect(last.get(slot) ?? -1).toBe(trie.get(root, slot))
          }
        }
      }
      expect(traced).toBeGreaterThan(0)
    },
  )

  test('a time or an ID decides only where the winner has the later one', {timeout: MINUTE}, () => {
    for (const {name, result} of replays(members)) {
      const {ts, ids} = result.graph
      for (const {cause, lost, fate} of resetsOf(result)) {
        if (fate.kind !== 'overridden') continue
        const later = (ts[fate.by] ?? 0) - (ts[lost] ?? 0)
        if (cause === 'ts-tiebreak') expect({name, isLater: later > 0}).toEqual({name, isLater: true})
        if (cause === 'id-tiebreak') {
          expect({name, later, greater: (ids[fate.by] ?? '') > (ids[lost] ?? '')}).toEqual({
            name,
            later: 0,
            greater: true,
          })
        }
      }
    }
  })

  test('a value that a slot lost is told once for what came in its place', {timeout: MINUTE}, () => {
    for (const {name, result} of replays(members)) {
      const keys = resetsOf(result).map(keyOf)
      expect({name, twice: keys.filter((key, index) => keys.indexOf(key) < index)}).toEqual({name, twice: []})
    }
  })

  test('the order of branches, and of lines, changes no cause', {timeout: MINUTE}, () => {
    for (const room of members.filter(({lines}) => lines.length < SMALL)) {
      const whole = replay(load(room.name, room.lines).graph)
      const backwards = replay(load(room.name, room.lines.toReversed()).graph)
      expect(sortedText(mergeByMerge(backwards))).toEqual(sortedText(mergeByMerge(whole)))
      for (const {inputs} of mergesIn(whole, tipsOf(whole))) {
        const {graph, trie, resolver, before} = whole
        const context = {graph, trie, resolver, before}
        const causes = (roots: readonly number[]) =>
          sortedText(givenResets(context, roots).map((reset) => told(whole, reset)))
        expect(causes(inputs.toReversed())).toEqual(causes(inputs))
      }
    }
  })
})

describe('rooms with holes', () => {
  const small = rooms.filter(({lines}) => lines.length < SMALL)
  test('nothing throws, and everything can be told', {timeout: 2 * MINUTE}, () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...small),
        fc.array(fc.nat(), {maxLength: 12}),
        fc.constantFrom(...READINGS),
        (room, holes, reading) => {
          const gone = new Set(holes.map((hole) => hole % room.lines.length))
          const lines = room.lines.filter((line, index) => !gone.has(index) || line.includes('"m.room.create"'))
          const {graph} = load(room.name, lines)
          const result = replay(graph, {reading})
          const tips = tipsOf(result)
          const resets = findResets(result, {tips})
          const findings = resetFindings(graph, resets, () => null)
          expect(findings).toHaveLength(resets.length)
          for (const reset of resets) expect(resetStory(graph, reset).length).toBeGreaterThan(1)
          for (const slot of new Set(resets.map((reset) => reset.slot))) {
            expect(blameSlot(result, tips, slot, resets).entries.length).toBeGreaterThan(0)
          }
        },
      ),
      {numRuns: 150},
    )
  })
})

test('the same events in one line have none', () => {
  const free = rooms.filter(({version}) => version === '1' || version === '2')
  expect(free.length).toBeGreaterThan(5)
  for (const {name, lines} of free) {
    const {graph} = load(name, lines)
    const text = new Map(lines.map((line) => [(JSON.parse(line) as {event_id: string}).event_id, line]))
    const linear = graph.ids.flatMap((id, row) => {
      const event = JSON.parse(text.get(id) ?? '{}') as object
      const prev = row === 0 ? [] : [[graph.ids[row - 1], {sha256: ''}]]
      return [JSON.stringify({...event, prev_events: prev})]
    })
    const result = replay(load(name, linear).graph)
    expect({name, merges: result.merges.size}).toEqual({name, merges: 0})
    if (tipsOf(result).length < 2) expect({name, resets: toldOf(result)}).toEqual({name, resets: []})
  }
})
