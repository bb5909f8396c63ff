/** A graph that went through JSON is the graph that it was: the same replay, the same explanations. */
import {describe, expect, test} from 'vitest'
import {packGraph, unpackGraph, type PackedGraph} from '../../src/graph/packed-graph.ts'
import {RoomGraph} from '../../src/graph/room-graph.ts'
import {loadRoomFrom} from '../../src/investigate/load-room.ts'
import {ExactNumber} from '../../src/matrix/json.ts'
import {replay, Verdict} from '../../src/resolve/replay.ts'
import {DATA} from '../conformance/fixtures.ts'
import {readPacks} from '../conformance/packed.ts'
import {ALICE, bare, BOB, message} from '../rules/build.ts'

const through = (graph: RoomGraph): RoomGraph =>
  unpackGraph(JSON.parse(JSON.stringify(packGraph(graph))) as PackedGraph)

function columnsOf(graph: RoomGraph): object {
  const {types, users, ...columns} = graph.columns
  return {...columns, types: types.strings, users: users.strings}
}

describe('a packed graph', () => {
  test.each(readPacks(DATA).map((room) => [room.name, room] as const))('%s', (_, {name, lines}) => {
    const {graph} = loadRoomFrom(
      name,
      lines.map((text, index) => ({text, line: index + 1})),
    )
    const again = through(graph)
    expect(columnsOf(again)).toEqual(columnsOf(graph))
    const [one, other] = [replay(graph), replay(again)]
    expect(other.verdicts).toEqual(one.verdicts)
    expect(other.before).toEqual(one.before)
    expect(other.after).toEqual(one.after)
    expect(other.rejections).toEqual(one.rejections)
  })

  test('numbers that servers made up come back exactly', () => {
    const {name, lines} = readPacks(DATA)[0]!
    const {graph} = loadRoomFrom(
      name,
      lines.map((text, index) => ({text, line: index + 1})),
    )
    const strange = Float64Array.from(graph.ts)
    strange.set([Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER, 1, 0.5, NaN, 1e300])
    const odd = new RoomGraph({...graph.columns, originServerTs: strange})
    expect(through(odd).ts).toEqual(strange)
  })

  test('numbers in contents keep their characters, and count as they did', () => {
    const huge = new ExactNumber('9007199254740993')
    const users = {[ALICE]: huge, [BOB]: new ExactNumber('1e2')}
    const room = bare('5').power('big', {users, events_default: 60}).joinRules('rules', 'public')
    room.member('bob', BOB, 'join').add('said', message(BOB))
    const graph = room.graph()
    const again = through(graph)
    const row = graph.row(room.id('big'))
    expect(again.content(row)).toEqual(graph.content(row))
    expect(JSON.stringify(again.content(row))).toContain('9007199254740993')
    expect(replay(graph).verdicts[graph.row(room.id('said'))]).toBe(Verdict.Accepted)
    expect(replay(again).verdicts).toEqual(replay(graph).verdicts)
  })

  test('a version that is not known is refused', () => {
    const {name, lines} = readPacks(DATA)[0]!
    const {graph} = loadRoomFrom(
      name,
      lines.map((text, index) => ({text, line: index + 1})),
    )
    expect(() => unpackGraph({...packGraph(graph), roomVersion: '99'})).toThrow('room version 99 is not known')
  })
})
