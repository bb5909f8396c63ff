import {type Side, Sides} from '../forensics/sides.ts'
import type {ServerView, ToldState} from '../forensics/server-view.ts'
import {Flag, type RoomGraph} from '../graph/room-graph.ts'
import type {PageMarks, PageSide} from '../report/explorer/page-data.ts'
import type {Replay} from '../resolve/replay.ts'

/** Slots of states at single events that a page takes; the states of now are always whole. */
const MOST_SLOTS = 200_000

type PageSlot = PageSide['slots'][number]

export interface PageSides {
  readonly sides: readonly PageSide[]
  /** What was told and is not there, in sentences. */
  readonly says: readonly string[]
}

/**
 * The states that servers told: first those of now, in the order and with the names (`s1`, `s2` …) that `diffRoom` gives them, then those
 * before and after single events, in the order of the events, as many as a page should hold.
 *
 * @param tips - as `diffRoom` takes them
 */
export function pageSides(result: Replay, views: readonly ServerView[], tips: readonly number[]): PageSides {
  const {graph} = result
  const sides = new Sides(result)
  const now = views.flatMap((view) => sides.now(view, tips))
  const found = now.map((side, index) => ({...ofSide(side, index), slots: slotsOfSide(sides, side)}))
  const isNow = new Set(now.map(({server, what, eventId, how}) => keyOf({server, what, eventId, how})))
  const earlier = views
    .flatMap(({server, states}) => states.map((state) => ({server, state, row: rowOf(graph, state)})))
    .filter(({server, state, row}) => row >= 0 && !isNow.has(keyOf({server, ...state})))
    .sort((a, b) => a.row - b.row)
  let room = MOST_SLOTS
  let leftOut = 0
  for (const {server, state} of earlier) {
    room -= state.slots.length
    if (room < 0) leftOut += 1
    else found.push({...ofState(server, state, found.length), slots: slotsOfState(graph, state)})
  }
  const says =
    leftOut === 0
      ? []
      : [
          `Left out are ${leftOut.toLocaleString('en-US')} of ${earlier.length.toLocaleString('en-US')} states at single events that servers told: the page would grow too large.`,
        ]
  return {sides: found, says}
}

function keyOf(side: Pick<PageSide, 'server' | 'eventId' | 'how'> & {readonly what: string}): string {
  return JSON.stringify([side.server, side.what, side.eventId, side.how])
}

function rowOf(graph: RoomGraph, {eventId}: ToldState): number {
  const row = eventId === null ? -1 : graph.row(eventId)
  return row >= 0 && graph.has(row, Flag.Missing) ? -1 : row
}

function ofSide({server, what, how, eventId, ts}: Side, index: number): Omit<PageSide, 'slots'> {
  // Only a state of another replay is called `replay`, and none is here.
  return {id: `s${String(index + 1)}`, server, what: what === 'replay' ? 'current' : what, how, eventId, ts}
}

function ofState(server: string, {what, how, eventId, ts}: ToldState, index: number): Omit<PageSide, 'slots'> {
  return {id: `s${String(index + 1)}`, server, what, how, eventId, ts}
}

/** As it was told, though `told.root` of a state at one of several extremities has been carried over to the state of now. */
function slotsOfSide(sides: Sides, {view, what, eventId, how, told}: Side): readonly PageSlot[] {
  const {graph} = sides.replay
  const state = view.states.find((one) => one.what === what && one.eventId === eventId && one.how === how)
  if (what !== 'current' && state !== undefined) return slotsOfState(graph, state)
  const slots: PageSlot[] = []
  sides.replay.trie.forEach(told.root, (slot, row) => {
    const {type, stateKey} = graph.slotAt(slot)
    slots.push([type, stateKey, sides.rows.idOf(row)])
  })
  for (const {type, stateKey, eventId: event} of told.beside.values()) slots.push([type, stateKey, event])
  return slots
}

/** Where a server told event IDs only, the slots are those of the events; an event that is not here has none. */
function slotsOfState(graph: RoomGraph, {slots}: ToldState): readonly PageSlot[] {
  return slots.flatMap(({type, stateKey, eventId}): readonly PageSlot[] => {
    if (type !== undefined && stateKey !== undefined) return [[type, stateKey, eventId]]
    const slot = graph.slot[graph.row(eventId)] ?? -1
    return slot < 0 ? [] : [[graph.slotAt(slot).type, graph.slotAt(slot).stateKey, eventId]]
  })
}

/** What servers say of single events. Servers that say nothing are left out. */
export function pageMarks(graph: RoomGraph, views: readonly ServerView[]): readonly PageMarks[] {
  return views.flatMap(({server, marks, extremities, has}) => {
    const rejected: [number, string][] = []
    const accepted: number[] = []
    const softFailed: number[] = []
    const outliers: number[] = []
    const received: [number, number][] = []
    for (const [eventId, mark] of marks) {
      const row = graph.row(eventId)
      if (row < 0) continue
      if (typeof mark.rejected === 'string') rejected.push([row, mark.rejected])
      else if (mark.rejected === null) accepted.push(row)
      if (mark.softFailed === true) softFailed.push(row)
      if (mark.outlier === true) outliers.push(row)
      if (mark.receivedTs !== undefined) received.push([row, mark.receivedTs])
    }
    const lacks = rowsNotIn(graph, has)
    const told = [rejected, accepted, softFailed, outliers, received, lacks ?? []]
    if (told.every(({length}) => length === 0) && extremities === null) return []
    return [
      {
        server,
        accepted: accepted.sort((a, b) => a - b),
        rejected: rejected.sort(([a], [b]) => a - b),
        softFailed: softFailed.sort((a, b) => a - b),
        outliers: outliers.sort((a, b) => a - b),
        received: received.sort(([a], [b]) => a - b),
        lacks,
        extremities,
      },
    ]
  })
}

/** `null`: of no event is it known that the server does not have it. */
function rowsNotIn(graph: RoomGraph, has: ServerView['has']): readonly number[] | null {
  let isTold = false
  const rows: number[] = []
  for (let row = 0; row < graph.size; row += 1) {
    const here = has(graph.id(row))
    if (here === null) continue
    isTold = true
    if (!here) rows.push(row)
  }
  return isTold ? rows : null
}
