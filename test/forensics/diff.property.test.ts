import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import type {ServerView, ToldSlot, ToldState} from '../../src/forensics/server-view.ts'
import {diffRoom} from '../../src/investigate/diff-room.ts'
import type {DiffReport} from '../../src/investigate/diff-report.ts'
import type {LoadedRoom} from '../../src/investigate/load-room.ts'
import {replay, type Replay} from '../../src/resolve/replay.ts'
import {tipsOf} from '../../src/resolve/tips.ts'
import {load} from '../conformance/compare.ts'
import {smallRooms, VERSIONS} from '../resolve/rooms.ts'
import {recorded, recordsOf, slotsOf, viewOf} from './views.ts'

interface Known {
  readonly room: LoadedRoom
  readonly result: Replay
}
const rooms: readonly Known[] = VERSIONS.flatMap((version) => smallRooms(version, 2)).map(({name, lines}) => {
  const room = load(name, lines)
  return {room, result: replay(room.graph)}
})
const anyRoom = fc.constantFrom(...rooms)
const diff = ({room}: Known, views: readonly ServerView[]): Promise<DiffReport> =>
  diffRoom({room, unknowable: [], reported: [], reportedExtremities: {}, views, findings: [], notes: []})

/** One slot of a state changed: taken away, or given to another event that once stood there. */
function change(
  result: Replay,
  slots: readonly Required<ToldSlot>[],
  seed: number,
): {
  readonly slots: readonly Required<ToldSlot>[]
  readonly changed: Required<ToldSlot>
} {
  const changed = slots[seed % slots.length]!
  const {graph} = result
  const others = graph.ids.filter(
    (id, row) => graph.slot[row] === graph.slotOf(changed.type, changed.stateKey) && id !== changed.eventId,
  )
  const other = others[seed % (others.length + 1)]
  const rest = slots.filter((slot) => slot !== changed)
  return {slots: other === undefined ? rest : [...rest, {...changed, eventId: other}], changed}
}

const keyOf = ({type, stateKey}: {readonly type: string; readonly stateKey: string}): string => `${type} ${stateKey}`

describe('laws of diff, over generated rooms of every version', () => {
  test('a server that says what the replay says never differs, at no event', async () => {
    for (const known of rooms) {
      const view = viewOf(known.result, 'a', {recorded: recorded(recordsOf(known.result))})
      const report = await diff(known, [view])
      expect([report.differences, report.divergencePoints, report.people, report.findings]).toEqual([[], [], [], []])
      expect(report.agreeing).toEqual([{server: 'a', compared: known.room.graph.size}])
    }
  })

  test('one slot that is changed is named, alone, with its server', async () => {
    await fc.assert(
      fc.asyncProperty(anyRoom, fc.nat(), async (known, seed) => {
        const right = viewOf(known.result, 'right')
        const {slots, changed} = change(known.result, right.states[0]!.slots as readonly Required<ToldSlot>[], seed)
        const wrong = viewOf(known.result, 'wrong', {states: [{...right.states[0]!, slots}]})
        const report = await diff(known, seed % 2 === 0 ? [right, wrong] : [wrong, right])
        const side = report.sides.find(({server}) => server === 'wrong')!.id
        expect(report.differences.map(keyOf)).toEqual([keyOf(changed)])
        const [one] = report.differences
        expect(['diverged', 'reading-dependent']).toContain(one!.grade)
        expect(Object.keys(one!.grades)).toEqual([side])
        expect(report.findings).toHaveLength(1)
        expect(report.findings[0]!.evidence.map(({source}) => source)).toContain(
          one!.grade === 'diverged' ? 'wrong' : 'replay',
        )
      }),
    )
  })

  describe('a server that tells its state only at, or before, each of several newest events', () => {
    const many = rooms.filter(({result}) => tipsOf(result).length > 1)
    const told = ({result}: Known, what: 'at-extremity' | 'before', row: number): ToldState => {
      const root = (what === 'before' ? result.before[row] : result.after[row])!
      const slots = slotsOf(result, root).filter(
        // As Synapse may leave it out.
        ({type, stateKey}) => what !== 'before' || result.graph.slotOf(type, stateKey) !== result.graph.slot[row],
      )
      return {what, eventId: result.graph.id(row), how: 'test', slots, ts: 1}
    }

    test.each([
      ['at-extremity', true],
      ['before', true],
      ['before', false],
    ] as const)('%s, extremities told: %s: does not differ where it is right', async (what, isTold) => {
      expect(many.length).toBeGreaterThan(0)
      for (const known of many) {
        const states = tipsOf(known.result).map((row) => told(known, what, row))
        const more = isTold ? {states} : {states, extremities: null}
        const report = await diff(known, [viewOf(known.result, 'a', more)])
        expect([report.differences, report.findings]).toEqual([[], []])
        expect(report.sides).toHaveLength(1 + states.length)
      }
    })

    test.each(['at-extremity', 'before'] as const)('%s: is named with the one slot that is wrong', async (what) => {
      let named = 0
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...many), fc.nat(), async (known, seed) => {
          const states = tipsOf(known.result).map((row) => told(known, what, row))
          const wrong = states[seed % states.length]!
          const {slots, changed} = change(known.result, wrong.slots as readonly Required<ToldSlot>[], seed)
          const view = viewOf(known.result, 'a', {
            states: states.map((state) => (state === wrong ? {...state, slots} : state)),
          })
          const report = await diff(known, [view])
          const is = (list: readonly Required<ToldSlot>[]): string | undefined =>
            list.find((slot) => keyOf(slot) === keyOf(changed))?.eventId
          // What is wrong at one event may be what the branches together have.
          const now = viewOf(known.result, 'a').states[0]!.slots as readonly Required<ToldSlot>[]
          const isSeen = is(slots) !== is(now)
          expect(report.differences.map(keyOf)).toEqual(isSeen ? [keyOf(changed)] : [])
          named += report.differences.filter(({grade}) => grade === 'diverged').length
        }),
      )
      expect(named).toBeGreaterThan(0)
    })
  })

  test('one slot of one recorded state that is changed is found at the first event that has it', async () => {
    await fc.assert(
      fc.asyncProperty(anyRoom, fc.nat(), fc.nat(), async (known, which, seed) => {
        const records = recordsOf(known.result)
        const full = [...records.groups].filter(([, {slots}]) => slots.length > 0)
        const [group, {slots: before}] = full[which % full.length]!
        const changed = before[seed % before.length]!
        // An ID that no event has: no reading gives it.
        const slots = before.map((slot) => (slot === changed ? {...slot, eventId: '$nobody'} : slot))
        records.groups.set(group, {base: null, slots})
        const ids = known.room.graph.ids
        const first = ids.find((id) => Object.values(records.around.get(id) ?? {}).includes(group))!
        const report = await diff(known, [viewOf(known.result, 'a', {recorded: recorded(records)})])
        expect(report.differences).toEqual([])
        expect(report.divergencePoints).toMatchObject([
          {
            eventId: first,
            position: records.around.get(first)!.before === group ? 'before' : 'after',
            slots: [{type: changed.type, stateKey: changed.stateKey}],
            provenEarliest: true,
            side: null,
          },
        ])
        expect(report.findings.map(({id, severity}) => [id, severity])).toEqual([['server/wrong-record', 'error']])
      }),
    )
  })

  test('the order of the servers changes no value and no grade', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyRoom,
        fc.array(fc.nat(), {minLength: 2, maxLength: 4}),
        fc.nat(),
        async (known, seeds, turn) => {
          const right = viewOf(known.result, 'right')
          const told = right.states[0]!
          const views = seeds.map((seed, index) => {
            const {slots} = change(known.result, told.slots as readonly Required<ToldSlot>[], seed)
            return viewOf(known.result, `server${String(index)}`, {states: [{...told, slots}]})
          })
          const at = turn % views.length
          const [one, other] = [
            await diff(known, views),
            await diff(known, [...views.slice(at), ...views.slice(0, at)]),
          ]
          expect(byServer(other)).toEqual(byServer(one))
          expect(new Set(other.findings.map(({summary}) => summary))).toEqual(
            new Set(one.findings.map(({summary}) => summary)),
          )
        },
      ),
    )
  })
})

/** What a report says of each slot, with servers instead of the numbers of sides. */
function byServer({sides, differences}: DiffReport): unknown {
  const server = new Map(sides.map(({id, server: name}) => [id, name]))
  const named = (record: Readonly<Record<string, unknown>>): ReadonlyMap<unknown, unknown> =>
    new Map(Object.entries(record).map(([id, value]) => [server.get(id), value]))
  return differences.map((one) => ({
    slot: keyOf(one),
    grade: one.grade,
    values: named(one.values),
    grades: named(one.grades),
    matches: new Set(one.matchesReplay.map((id) => server.get(id))),
  }))
}
