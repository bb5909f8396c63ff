import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import type {LoadedRoom} from '../../src/investigate/load-room.ts'
import {resolveRoom} from '../../src/investigate/resolve-room.ts'
import type {RoomReport} from '../../src/investigate/room-report.ts'
import {resolveWhatIf} from '../../src/investigate/what-if.ts'
import {Flag} from '../../src/graph/room-graph.ts'
import {replay, type Replay, Verdict} from '../../src/resolve/replay.ts'
import {load} from '../conformance/compare.ts'
import {recorded, recordsOf, viewOf} from '../forensics/views.ts'
import {smallRooms, VERSIONS} from '../resolve/rooms.ts'

interface Known {
  readonly room: LoadedRoom
  readonly result: Replay
  /** Events that can be asked about. */
  readonly rows: readonly number[]
}
const rooms: readonly Known[] = VERSIONS.flatMap((version) => smallRooms(version, 2)).map(({name, lines}) => {
  const room = load(name, lines)
  const {graph} = room
  const rows = Array.from({length: graph.size}, (_, row) => row)
  const known = rows.filter((row) => !graph.has(row, Flag.Missing | Flag.Foreign | Flag.Cyclic | Flag.Ambiguous))
  return {room, result: replay(graph), rows: known}
})
/** By number: a counterexample that prints a whole room says nothing. */
const anyRoom = fc.nat({max: rooms.length - 1})
/** A position: the tips, before or after an event. */
const anyPlace = fc.option(fc.tuple(fc.nat(), fc.boolean()), {nil: null})
const placeOf = ({room, rows}: Known, place: readonly [number, boolean] | null): {at?: string; before?: string} => {
  if (place === null) return {}
  const id = room.graph.id(rows[place[0] % rows.length]!)
  return place[1] ? {at: id} : {before: id}
}

/** All of a report but what says that something was assumed. */
const plain = ({whatIf: _, ...report}: RoomReport): Omit<RoomReport, 'whatIf'> => report

describe('laws of what-if, over generated rooms of every version', () => {
  test("the room's own algorithm changes nothing", () => {
    fc.assert(
      fc.property(anyRoom, anyPlace, (index, place) => {
        const known = rooms[index]!
        const options = placeOf(known, place)
        const report = resolveWhatIf(known.room, {...options, algorithm: known.room.rules.stateRes})
        expect(plain(report)).toEqual(resolveRoom(known.room, options))
        expect(report.whatIf).toMatchObject({algorithm: {isOwn: true}, differences: [], verdicts: []})
      }),
    )
  })

  test('leaving out what is rejected anyway changes nothing, not even the reason', () => {
    let rejected = 0
    for (const {room, result} of rooms) {
      const without = [...result.rejections.keys()].map((row) => room.graph.id(row))
      rejected += without.length
      if (without.length === 0) continue
      const report = resolveWhatIf(room, {without})
      // The other reading may accept what this one rejects: there leaving it out does change something.
      const readable = ({findings, ...rest}: RoomReport): unknown => ({
        ...plain({...rest, findings: []}),
        findings: findings.filter(({id}) => id !== 'state/reading-dependent'),
      })
      expect(readable(report)).toEqual(readable(resolveRoom(room)))
      expect(report.whatIf).toMatchObject({differences: [], verdicts: []})
    }
    expect(rejected).toBeGreaterThan(50)
  })

  test("inputs that equal the replay's change nothing", () => {
    fc.assert(
      fc.property(anyRoom, anyPlace, fc.constantFrom('synapse', 'spec'), (index, place, reading) => {
        const known = rooms[index]!
        const result = reading === 'synapse' ? known.result : replay(known.room.graph, {reading})
        const options = {...placeOf(known, place), reading} as const
        const views = [viewOf(result, 'a', {recorded: recorded(recordsOf(result))})]
        const report = resolveWhatIf(known.room, {...options, views, inputsFrom: 'a'})
        expect(report.state).toEqual(resolveRoom(known.room, options).state)
        expect(report.whatIf).toMatchObject({differences: [], verdicts: null})
        for (const {differences} of report.whatIf!.inputsFrom!.inputs) expect(differences).toBe(0)
      }),
    )
  })

  test('an event that is left out stands in no state, and nothing accepted cites it', () => {
    let fell = 0
    fc.assert(
      fc.property(anyRoom, fc.nat(), (index, which) => {
        const known = rooms[index]!
        const {graph} = known.room
        const accepted = known.rows.filter((row) => known.result.verdicts[row] === Verdict.Accepted)
        const row = accepted[which % accepted.length]!
        const would = replay(graph, {without: new Set([row])})
        for (const other of known.rows) {
          const [before, after] = [would.before[other]!, would.after[other]!]
          for (const root of [before, after]) {
            if (root >= 0) expect(would.trie.get(root, graph.slot[row] ?? -1)).not.toBe(row)
          }
          if (graph.authOf(other).includes(row)) expect(would.verdicts[other]).not.toBe(Verdict.Accepted)
        }
        const report = resolveWhatIf(known.room, {without: [graph.id(row)]})
        const told = report.whatIf!.verdicts!.map(({eventId}) => eventId)
        const changed = known.rows.filter(
          (other) => other !== row && would.verdicts[other] !== known.result.verdicts[other],
        )
        expect(told).toEqual(changed.map((other) => graph.id(other)))
        fell += told.length
        const notes = report.findings.filter(({id}) => id === 'dag/rejected-event')
        const noted = new Set(notes.map(({subject}) => (subject.kind === 'event' ? subject.event_id : '')))
        for (const {eventId, wouldBe} of report.whatIf!.verdicts!) {
          if (wouldBe === 'rejected') expect(noted.has(eventId)).toBe(false)
        }
        expect(report.rejected.map(({eventId}) => eventId)).not.toContain(graph.id(row))
      }),
    )
    expect(fell).toBeGreaterThan(100)
  })

  test('what is told to differ is what differs', () => {
    fc.assert(
      fc.property(anyRoom, anyPlace, fc.nat(), (index, place, which) => {
        const known = rooms[index]!
        const options = placeOf(known, place)
        const {graph} = known.room
        const without = [graph.id(known.rows[which % known.rows.length]!)]
        const algorithm = (['v1', 'v2', 'v2.1'] as const)[which % 3]!
        const report = resolveWhatIf(known.room, {...options, without, algorithm})
        const state = new Map(
          resolveRoom(known.room, options).state?.map((entry) => [`${entry.type} ${entry.stateKey}`, entry]),
        )
        for (const {type, stateKey, value, wouldBe} of report.whatIf!.differences ?? []) {
          const key = `${type} ${stateKey}`
          expect(state.get(key)?.eventId).toBe(value?.eventId)
          expect(value?.eventId).not.toBe(wouldBe?.eventId)
          if (wouldBe === null) state.delete(key)
          else state.set(key, wouldBe)
        }
        const ids = (entries: Iterable<{readonly eventId: string}>): readonly string[] =>
          [...entries].map(({eventId}) => eventId).sort()
        expect(ids(state.values())).toEqual(ids(report.state ?? []))
      }),
    )
  })
})
