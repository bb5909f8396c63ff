import {Kind, type Marks, Mark} from './kinds.ts'
import type {Layout} from './lanes.ts'

/** What events of a bucket are counted as, in the order they are stacked. */
export const Part = {Message: 0, State: 1, Member: 2, Power: 3, Rejected: 4} as const
export const PARTS = 5

/** Rows of the finest buckets; each level after it has twice as many. */
const FINEST = 8

/** The room in buckets of rows, for when an event is less than a pixel high. */
export interface Level {
  /** Rows of a bucket. */
  readonly size: number
  readonly buckets: number
  /** How many events: by bucket, lane and part. */
  readonly counts: Uint32Array
  /** Bits of `Mark` of any event: by bucket and lane. */
  readonly marks: Uint16Array
  /** Events of the fullest bucket of a lane: what a bar of full width stands for. */
  readonly most: number
}

/**
 * Levels of detail, the finest first, the last with few buckets.
 *
 * @remarks O(events); all levels together hold twice the numbers of the first.
 */
export function levelsOf({lanes, laneOf}: Layout, {kinds, marks}: Marks): readonly Level[] {
  const levels: Level[] = []
  let level = withMost(finest(lanes.length, laneOf, kinds, marks))
  levels.push(level)
  while (level.buckets > 64) {
    level = withMost(coarser(level, lanes.length))
    levels.push(level)
  }
  return levels
}

function finest(lanes: number, laneOf: Uint8Array, kinds: Uint8Array, marks: Uint16Array): Level {
  const buckets = Math.ceil(kinds.length / FINEST)
  const level = emptyLevel(FINEST, buckets, lanes)
  for (let row = 0; row < kinds.length; row += 1) {
    const cell = Math.floor(row / FINEST) * lanes + (laneOf[row] ?? 0)
    const part = cell * PARTS + partOf(kinds[row] ?? 0, marks[row] ?? 0)
    level.counts[part] = (level.counts[part] ?? 0) + 1
    level.marks[cell] = (level.marks[cell] ?? 0) | (marks[row] ?? 0)
  }
  return level
}

function coarser(finer: Level, lanes: number): Level {
  const level = emptyLevel(finer.size * 2, Math.ceil(finer.buckets / 2), lanes)
  const width = lanes * PARTS
  for (let bucket = 0; bucket < finer.buckets; bucket += 1) {
    const to = bucket >> 1
    for (let k = 0; k < width; k += 1) {
      level.counts[to * width + k] = (level.counts[to * width + k] ?? 0) + (finer.counts[bucket * width + k] ?? 0)
    }
    for (let k = 0; k < lanes; k += 1) {
      level.marks[to * lanes + k] = (level.marks[to * lanes + k] ?? 0) | (finer.marks[bucket * lanes + k] ?? 0)
    }
  }
  return level
}

function withMost(level: Level): Level {
  let most = 1
  for (let cell = 0; cell < level.counts.length; cell += PARTS) {
    let events = 0
    for (let part = 0; part < PARTS; part += 1) events += level.counts[cell + part] ?? 0
    if (events > most) most = events
  }
  return {...level, most}
}

function emptyLevel(size: number, buckets: number, lanes: number): Level {
  return {
    size,
    buckets,
    counts: new Uint32Array(buckets * lanes * PARTS),
    marks: new Uint16Array(buckets * lanes),
    most: 1,
  }
}

function partOf(kind: number, mark: number): number {
  if ((mark & Mark.Rejected) !== 0) return Part.Rejected
  switch (kind) {
    case Kind.Member:
      return Part.Member
    case Kind.Power:
    case Kind.Create:
      return Part.Power
    case Kind.State:
      return Part.State
    default:
      return Part.Message
  }
}

/** The finest level whose buckets are at least `pixels` high. */
export function levelFor(levels: readonly Level[], rowHeight: number, pixels: number): Level {
  const level = levels.find(({size}) => size * rowHeight >= pixels) ?? levels.at(-1)
  if (level === undefined) throw new RangeError('no levels')
  return level
}
