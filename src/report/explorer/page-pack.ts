import type {PackedGraph} from '../../graph/packed-graph.ts'
import type {PageData, PageMarks, PageSide} from './page-data.ts'

/**
 * `PageData` as they stand in the file: events and slots of the room by number. A state of ten thousand members is then as many small numbers,
 * where the IDs of its events, which nothing can compress, would be written out once more for each server.
 */
export interface PackedPage extends Omit<PageData, 'sides' | 'marks'> {
  readonly sides: readonly (Omit<PageSide, 'slots'> & {
    /** Rows of events that stand in their own slot, each less the one before it. */
    readonly rows: readonly number[]
    readonly others: PageSide['slots']
  })[]
  readonly marks: readonly (Omit<PageMarks, 'accepted' | 'received'> & {
    readonly acceptedSteps: readonly number[]
    /** Rows and times, each less the one before it. */
    readonly receivedRows: readonly number[]
    readonly receivedTimes: readonly number[]
  })[]
}

/** @remarks Linear in the slots of all sides. */
export function packPage(data: PageData): PackedPage {
  const rows = new Map(data.graph.ids.map((eventId, row) => [eventId, row]))
  return {
    ...data,
    marks: data.marks.map(({accepted = [], received, ...marks}) => ({
      ...marks,
      acceptedSteps: steps(accepted),
      receivedRows: steps(received.map(([row]) => row)),
      receivedTimes: steps(received.map(([, ts]) => ts)),
    })),
    sides: data.sides.map(({slots, ...side}) => {
      const own: number[] = []
      const others: PageSide['slots'][number][] = []
      for (const slot of slots) {
        const [type, stateKey, eventId] = slot
        const row = rows.get(eventId) ?? -1
        const [ownType, ownKey] = data.graph.slots[data.graph.slot[row] ?? -1] ?? []
        if (ownType === type && ownKey === stateKey) own.push(row)
        else others.push(slot)
      }
      return {...side, rows: steps(own.sort((a, b) => a - b)), others}
    }),
  }
}

/** What was packed; the order of a state's slots, which says nothing, is another one. */
export function unpackPage(packed: PackedPage): PageData {
  const {graph} = packed
  return {
    ...packed,
    marks: packed.marks.map(({acceptedSteps, receivedRows, receivedTimes, ...marks}) => {
      const times = summed(receivedTimes)
      const received = summed(receivedRows).map((row, index) => [row, times[index] ?? 0] as const)
      return {...marks, accepted: summed(acceptedSteps), received}
    }),
    sides: packed.sides.map(({rows, others, ...side}) => ({
      ...side,
      slots: [...summed(rows).map((row) => slotOf(graph, row)), ...others],
    })),
  }
}

function slotOf({slot, slots, ids}: PackedGraph, row: number): PageSide['slots'][number] {
  const [type, stateKey] = slots[slot[row] ?? -1] ?? ['', '']
  return [type, stateKey, ids[row] ?? '']
}

function steps(rows: readonly number[]): readonly number[] {
  return rows.map((row, index) => row - (rows[index - 1] ?? 0))
}

function summed(list: readonly number[]): readonly number[] {
  let last = 0
  return list.map((step) => (last += step))
}
