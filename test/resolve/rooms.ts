import type {RoomGraph} from '../../src/graph/room-graph.ts'
import {StateDigests} from '../../src/resolve/digest.ts'
import {type Replay, replay, VERDICT_NAMES} from '../../src/resolve/replay.ts'
import {load} from '../conformance/compare.ts'
import {DATA, type OracleRoom} from '../conformance/fixtures.ts'
import {readPacks} from '../conformance/packed.ts'

const packed = readPacks(DATA).filter((room): room is OracleRoom => room.kind === 'oracle' && room.lines.length < 1000)
export const VERSIONS = Array.from({length: 12}, (_, index) => String(index + 1))

/** The smallest generated rooms of a version. */
export function smallRooms(version: string, count: number): readonly OracleRoom[] {
  return packed
    .filter((room) => room.version === version)
    .sort((a, b) => a.lines.length - b.lines.length)
    .slice(0, count)
}

export function graphOf(room: OracleRoom): RoomGraph {
  return load(room.name, room.lines).graph
}

/** What a replay says of an event, in words that do not depend on how rows are numbered. `null`: not known. */
export interface Outcome {
  readonly verdict: string
  readonly rule: string | null
  readonly before: string | null
  readonly after: string | null
}

export function outcomes(result: Replay): ReadonlyMap<string, Outcome> {
  const digests = new StateDigests(result.graph, result.trie)
  const digest = (root: number): string | null => (root < 0 ? null : digests.digest(root).sha256)
  return new Map(
    result.graph.ids.map((id, row) => [
      id,
      {
        verdict: VERDICT_NAMES[result.verdicts[row] ?? 0] ?? '',
        rule: result.rejections.get(row)?.rule ?? null,
        before: digest(result.before[row] ?? -1),
        after: digest(result.after[row] ?? -1),
      },
    ]),
  )
}

export function outcomesOf(name: string, lines: readonly string[]): ReadonlyMap<string, Outcome> {
  return outcomes(replay(load(name, lines).graph))
}

/** The line holds the create event, without which nothing is known of a room. */
export const isCreate = (line: string): boolean => (JSON.parse(line) as {type: string}).type === 'm.room.create'
