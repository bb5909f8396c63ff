import type {Difference} from '../forensics/differences.ts'
import {comparePeople} from '../forensics/people.ts'
import type {Side, Sides} from '../forensics/sides.ts'
import {type Replay, UNKNOWN_STATE} from '../resolve/replay.ts'
import {ABSENT, type StateRoot} from '../resolve/state-trie.ts'
import type {ServerView} from '../forensics/server-view.ts'
import type {DiffReport, DiffSide, DiffValue, DivergencePoint, SidePeople, SlotDifference} from './diff-report.ts'

/** Makes plain data of what was compared. */
export class DiffParts {
  readonly #sides: Sides

  constructor(sides: Sides) {
    this.#sides = sides
  }

  describe(side: Side, index: number, differences: readonly Difference[]): DiffSide {
    const {server, what, how, eventId, ts, told} = side
    return {
      id: idOf(index),
      server,
      what,
      how,
      eventId,
      ts,
      size: sizeOf(this.#sides.replay.trie, told.root) + told.beside.size,
      differences: differences.filter(({theirs}) => theirs[index]?.grade !== null).length,
      unknownEvents: told.unknown,
    }
  }

  slot({type, stateKey, ours, theirs, grade}: Difference): SlotDifference {
    const values: Record<string, DiffValue | null> = {replay: this.#value(ours)}
    const grades: Record<string, NonNullable<(typeof theirs)[number]['grade']>> = {}
    for (const [index, one] of theirs.entries()) {
      values[idOf(index)] = this.#value(one.row)
      if (one.grade !== null) grades[idOf(index)] = one.grade
    }
    const matchesReplay = theirs.flatMap((one, index) => (one.grade === null ? [idOf(index)] : []))
    return {type, stateKey, values, grade, grades, matchesReplay}
  }

  #value(row: number): DiffValue | null {
    if (row === ABSENT) return null
    const {graph} = this.#sides.replay
    const eventId = this.#sides.rows.idOf(row)
    if (!this.#sides.rows.isHere(row)) return {eventId, event: null}
    const event = {
      sender: graph.senderName(row),
      originServerTs: graph.ts[row] ?? 0,
      content: graph.content(row),
    }
    return {eventId, event}
  }

  /** Once for each state that differs: two sides that say the same mean the same. */
  people(side: Side, index: number, root: StateRoot, given: readonly Side[]): readonly SidePeople[] {
    const {graph, trie} = this.#sides.replay
    const slots: number[] = []
    trie.differences([root, side.told.root], slots)
    const twin = given.findIndex((one) => {
      const found: number[] = []
      if (one.server === side.server) trie.differences([one.told.root, side.told.root], found)
      return one.server === side.server && found.length === 0
    })
    if (slots.length === 0 || twin < index) return []
    const people = comparePeople(graph, trie, {ours: root, theirs: side.told.root}, slots, side.server)
    return [{side: idOf(index), server: side.server, ...people}]
  }

  point(report: DiffReport, server: string, row: number, slots: readonly number[]) {
    const {graph} = this.#sides.replay
    const wrong = report.sides.find((side) => side.server === server && side.differences > 0)
    return {
      eventId: graph.id(row),
      server,
      side: wrong?.id ?? null,
      slots: slots.map((slot) => graph.slotAt(slot)),
      type: graph.typeName(row),
      sender: graph.senderName(row),
      originServerTs: graph.ts[row] ?? 0,
    }
  }
}

const idOf = (index: number): string => `s${String(index + 1)}`

export function sizeOf(trie: Replay['trie'], root: StateRoot): number {
  let size = 0
  if (root !== UNKNOWN_STATE) trie.forEach(root, () => (size += 1))
  return size
}

export function sortedPoints(
  {graph}: Replay,
  points: readonly DivergencePoint[],
): {readonly divergencePoints: readonly DivergencePoint[]} {
  return {divergencePoints: points.toSorted((a, b) => graph.row(a.eventId) - graph.row(b.eventId))}
}

/** Of a side that is no server's. */
export function viewOf(server: string, has: ServerView['has']): ServerView {
  return {server, states: [], extremities: null, marks: new Map(), has, recorded: null}
}
