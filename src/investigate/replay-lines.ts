import {Flag, type RoomGraph} from '../graph/room-graph.ts'
import {type StateDigest, StateDigests} from '../resolve/digest.ts'
import {type Replay, UNKNOWN_STATE, Verdict, VERDICT_NAMES} from '../resolve/replay.ts'
import type {StateRoot} from '../resolve/state-trie.ts'
import type {LoadedRoom} from './load-room.ts'

/** Digest of a state; `sha256` is left out on request. `null`: the state cannot be determined. */
export type LineDigest = StateDigest | {readonly size: number} | null

/** One event of a replay, as the JSON contract has it. */
export interface ReplayLine {
  readonly event_id: string
  readonly verdict: (typeof VERDICT_NAMES)[number]
  readonly rule: string | null
  /** Why, in a sentence; only for rejections. */
  readonly because?: string
  readonly before: LineDigest
  readonly after: LineDigest
}

export interface ReplayEnd {
  readonly end: true
  readonly events: number
  readonly rejected: number
  readonly undetermined: number
  readonly complete: boolean
}

/** The document of `replay`, line by line; whether it is complete is known when the last line has been taken. */
export interface ReplayDocument {
  readonly lines: Iterable<string>
  readonly complete: () => boolean
}

/** Schema `matrix-state/replay/1`: NDJSON with a header, a line for each event, and a last line that says so. */
export function replayDocument(room: LoadedRoom, replay: Replay, options: {readonly digests: boolean}): ReplayDocument {
  let complete = false
  const header = {
    schema: 'matrix-state/replay/1',
    room_id: replay.graph.roomId,
    room_version: room.rules.id,
    reading: replay.reading,
    ...(room.trustIds ? {trust_ids: true} : {}),
  }
  function* lines(): Generator<string> {
    yield JSON.stringify(header)
    for (const line of replayLines(room, replay, options.digests)) {
      if ('end' in line) complete = line.complete
      yield JSON.stringify(line)
    }
  }
  return {lines: lines(), complete: () => complete}
}

/**
 * The events of a replay one by one, each after its prev events, then the closing line.
 *
 * @param digests - `false` leaves `sha256` out; sizes stay
 * @remarks A digest costs the size of the state, once for each distinct state.
 */
export function* replayLines(room: LoadedRoom, replay: Replay, digests: boolean): Generator<ReplayLine | ReplayEnd> {
  const {graph} = replay
  const states = new StateDigests(graph, replay.trie)
  const digest = (root: StateRoot): LineDigest => {
    if (root === UNKNOWN_STATE) return null
    return digests ? states.digest(root) : {size: states.size(root)}
  }
  const counts = {events: 0, rejected: 0, undetermined: 0}
  for (let row = 0; row < graph.size; row += 1) {
    if (graph.has(row, Flag.Missing | Flag.Foreign)) continue
    const verdict = (replay.verdicts[row] ?? 0) as 0 | 1 | 2
    const rejection = replay.rejections.get(row)
    counts.events += 1
    if (verdict === Verdict.Rejected) counts.rejected += 1
    if (verdict === Verdict.Undetermined) counts.undetermined += 1
    yield {
      event_id: graph.id(row),
      verdict: VERDICT_NAMES[verdict],
      rule: rejection?.rule ?? null,
      ...(rejection === undefined ? {} : {because: rejection.because}),
      before: digest(replay.before[row] ?? UNKNOWN_STATE),
      after: digest(replay.after[row] ?? UNKNOWN_STATE),
    }
  }
  yield {end: true, ...counts, complete: isCompleteReplay(room, graph, counts.undetermined)}
}

/** Whether something about the input leaves open what the room is. A redacted copy beside another does not. */
export function hasFaults(room: LoadedRoom): boolean {
  return (room.gaps ?? []).length > 0 || room.faults.some(({kind}) => kind !== 'redacted-copy')
}

/** Nothing that is cited is missing, no verdict is open, and every event is as servers have it. */
export function isCompleteReplay(room: LoadedRoom, graph: RoomGraph, undetermined: number): boolean {
  return (
    undetermined === 0 &&
    !hasFaults(room) &&
    graph.columns.faults.size === 0 &&
    !graph.flags.some((flags) => (flags & Flag.Missing) !== 0)
  )
}
