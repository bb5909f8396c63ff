import {describe, expect, test} from 'vitest'
import {bisectDivergence} from '../../src/forensics/bisect.ts'
import {RecordedRoots} from '../../src/forensics/recorded-roots.ts'
import {diffRoom} from '../../src/investigate/diff-room.ts'
import {replay} from '../../src/resolve/replay.ts'
import {load} from '../conformance/compare.ts'
import {linesOf} from '../cli/dumps.ts'
import {message, publicRoom, topic} from '../rules/build.ts'
import {reportedRoom} from '../scenarios/room-case.ts'
import {slotsOf, viewOf} from './views.ts'

/** A room with one long line of messages after a topic. */
const line = publicRoom('10').add('topic', topic())
for (let number = 0; number < 500; number += 1) line.add(`m${String(number)}`, message())
const long = load('long', linesOf(line))

describe('bisection', () => {
  const {graph} = long
  const last = graph.size - 1

  test.each([8, 100, 333, last])(
    'finds the event before which the state is wrong first (row %i), by few questions',
    async (wrong) => {
      const asked: number[] = []
      const {boundary, asked: count} = await bisectDivergence(graph, last, (row) => {
        asked.push(row)
        return Promise.resolve(row >= wrong ? [3] : [])
      })
      expect(boundary).toEqual({row: wrong, slots: [3]})
      expect(count).toBe(asked.length)
      expect(new Set(asked).size).toBe(asked.length)
      expect(count).toBeLessThanOrEqual(12)
    },
  )

  test('asks once where the newest state is right', async () => {
    expect(await bisectDivergence(graph, last, () => Promise.resolve([]))).toEqual({boundary: null, asked: 1})
  })

  test('goes round events of which the server does not tell', async () => {
    const silent = (row: number): boolean => row % 3 === 0
    const {boundary} = await bisectDivergence(graph, last, (row) =>
      Promise.resolve(silent(row) ? null : row >= 200 ? [1] : []),
    )
    expect(boundary?.row).toBe(200)
  })

  test('gives up where it tells nothing', async () => {
    expect(await bisectDivergence(graph, last, () => Promise.resolve(null))).toEqual({boundary: null, asked: 17})
  })

  test('follows the branch that brought the difference into a merge', async () => {
    const forked = publicRoom('10').add('a1', message())
    for (const name of ['a2', 'a3', 'a4']) forked.add(name, message())
    forked.at('a1')
    for (const name of ['b1', 'b2', 'b3', 'b4', 'b5']) forked.add(name, message())
    forked.add('end', {...message(), prev: ['a4', 'b5']}).add('tip', message())
    const {graph: dag} = load('forked', linesOf(forked))
    const rows = new Map(
      ['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'b3', 'b4', 'b5', 'end', 'tip'].map((name) => [
        dag.row(forked.id(name)),
        name,
      ]),
    )
    for (const branch of ['a', 'b']) {
      const wrong = new Set(
        [...rows]
          .filter(([, name]) => name === 'end' || name === 'tip' || (name.startsWith(branch) && Number(name[1]) > 2))
          .map(([row]) => row),
      )
      const {boundary} = await bisectDivergence(dag, dag.row(forked.id('tip')), (row) =>
        Promise.resolve(wrong.has(row) ? [0] : []),
      )
      expect(rows.get(boundary?.row ?? -1)).toBe(`${branch}3`)
    }
  })
})

describe('bisection by /state_ids', () => {
  test('split-sql-v11: hs2, asked for states before events, is wrong right after the edited group', async () => {
    const room = reportedRoom('split-sql-v11')
    const loaded = load(room.name, room.lines)
    const result = replay(loaded.graph)
    const {graph} = loaded
    const {hs2} = room.servers
    const current = hs2.current.map((eventId) => ({eventId}))
    const view = viewOf(result, hs2.name, {
      states: [{what: 'current', eventId: null, how: '/state', slots: current, ts: 0}],
    })
    const opened = {
      room: loaded,
      unknowable: [],
      reported: [],
      reportedExtremities: {},
      views: [view],
      findings: [],
      notes: [],
    }
    let requests = 0
    const report = await diffRoom(opened, {
      ask: () => (eventId) => {
        requests += 1
        // The state before an event with one prev event is the one after that.
        const [prev = -1, ...more] = graph.prevOf(graph.row(eventId))
        const after = more.length > 0 || prev < 0 ? undefined : hs2.after[graph.id(prev)]
        return Promise.resolve(after === undefined ? null : after.map((id) => ({eventId: id})))
      },
    })
    expect(report.divergencePoints).toMatchObject([
      {server: hs2.name, method: 'bisection', provenEarliest: false, position: 'before', requests, side: 's1'},
    ])
    const [prev = -1] = graph.prevOf(graph.row(report.divergencePoints[0]!.eventId))
    expect(graph.id(prev)).toBe('$CM8E24GGwrmNCC_zZD4IBd08T2e2wYQzPUbpVqd8jL8')
    expect(requests).toBeLessThan(graph.size / 2)
  })
})

describe('recorded states as roots', () => {
  const result = replay(long.graph)
  const {graph, trie} = result
  const state = slotsOf(result, result.after[graph.size - 1] ?? 0)

  test('are built along their bases, however long the chain', () => {
    const size = 200_000
    const slot = state.find(({type}) => type === 'm.room.topic')!
    const roots = new RecordedRoots(graph, trie, {
      how: 'test',
      around: () => ({before: 0, after: size}),
      group: (group) => ({
        base: group === 0 ? null : group - 1,
        slots: group === 0 ? state : group === size ? [{...slot, eventId: '$x'}] : [],
      }),
    })
    const found: number[] = []
    trie.differences([roots.before('$e') ?? 0, roots.after('$e') ?? 0], found)
    expect(found).toEqual([graph.slotOf(slot.type, slot.stateKey)])
    expect(roots.idOf(trie.get(roots.after('$e') ?? 0, found[0] ?? 0))).toBe('$x')
  })

  test('are not told where a base is missing, or is made from the group itself', () => {
    const of = (bases: Readonly<Record<number, number | null>>): RecordedRoots =>
      new RecordedRoots(graph, trie, {
        how: 'test',
        around: () => ({before: 1, after: 2}),
        group: (group) => (bases[group] === undefined ? undefined : {base: bases[group], slots: []}),
      })
    expect(of({1: null, 2: 1}).after('$e')).not.toBeNull()
    expect(of({2: 1}).after('$e')).toBeNull()
    expect(of({1: 2, 2: 1}).before('$e')).toBeNull()
  })

  test('keep what the room does not know', () => {
    const roots = new RecordedRoots(graph, trie, null)
    const told = [
      ...state,
      {eventId: '$new', type: 'm.new', stateKey: 'x'},
      {eventId: '$bare'},
      {...state[0]!, eventId: '$twice'},
    ]
    const {root, beside, unknown, twice} = roots.rootOfTold(told)
    expect([[...beside.values()], unknown, twice]).toEqual([
      [{eventId: '$new', type: 'm.new', stateKey: 'x'}],
      ['$bare'],
      ['$twice'],
    ])
    expect(roots.idOf(trie.get(root, graph.slotOf(state[0]!.type, state[0]!.stateKey)))).toBe('$twice')
    // Event IDs alone say the same of what is here.
    const found: number[] = []
    trie.differences(
      [roots.rootOfTold(state.map(({eventId}) => ({eventId}))).root, roots.rootOfTold(state).root],
      found,
    )
    expect(found).toEqual([])
  })
})
