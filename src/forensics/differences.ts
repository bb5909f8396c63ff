import {slotKey} from '../graph/room-graph.ts'
import {ABSENT, type StateRoot} from '../resolve/state-trie.ts'
import type {Side, Sides} from './sides.ts'

/**
 * What a difference means. `behind`: the server has not received what came later. `ahead`: it has what the replay was not given. `changed`:
 * two states of one replay. `unknown`: the evidence does not tell.
 */
export type Grade =
  'diverged' | 'rejected-there' | 'unknown' | 'reading-dependent' | 'soft-failed-there' | 'behind' | 'ahead' | 'changed'

/** Gravest first: a slot has the grade of the gravest of its sides. */
export const GRADES: readonly Grade[] = [
  'diverged',
  'rejected-there',
  'unknown',
  'reading-dependent',
  'soft-failed-there',
  'behind',
  'ahead',
  'changed',
]

/** A slot in which not all say the same. */
export interface Difference {
  readonly type: string
  readonly stateKey: string
  /** Row by `ToldRows`, or `ABSENT`. */
  readonly ours: number
  /** In the order of the sides; `null`: the same as the replay. */
  readonly theirs: readonly {readonly row: number; readonly grade: Grade | null}[]
  readonly grade: Grade
}

export interface Reference {
  /** The replay's state that sides are held against. */
  readonly root: StateRoot
  /** Nothing that could change it is missing. */
  readonly complete: boolean
  /** What the other reading has in the slot; `undefined`: not known, or it cannot differ. Asked for where there are differences. */
  readonly otherReading: (slot: number) => number | undefined
  /** Both states are replays of different evidence (`sources`), or of one (`positions`): nobody is wrong. */
  readonly between?: 'sources' | 'positions'
}

/**
 * Slots in which some side differs from the replay, in the order of slots, then those that no event of the room has.
 *
 * @remarks O(what differs): the states share their nodes.
 */
export function compareSides(sides: Sides, given: readonly Side[], reference: Reference): readonly Difference[] {
  const {graph, trie} = sides.replay
  const differing = new Set<number>()
  for (const {told} of given) {
    const found: number[] = []
    trie.differences([reference.root, told.root], found)
    for (const slot of found) differing.add(slot)
  }
  const found = [...differing]
    .sort((a, b) => a - b)
    .flatMap((slot): readonly Difference[] => {
      const ours = trie.get(reference.root, slot)
      const theirs = given.map((side) => {
        const row = trie.get(side.told.root, slot)
        const isBlind = slot === side.blind && row === ABSENT
        return {row, grade: row === ours || isBlind ? null : gradeOf(sides, side, reference, slot, row, ours)}
      })
      return difference(graph.slotAt(slot), ours, theirs)
    })
  const beside = new Map(given.flatMap(({told}) => [...told.beside]))
  const strange = [...beside].flatMap(([key, {type, stateKey}]) => {
    const theirs = given.map((side) => {
      const eventId = side.told.beside.get(key)?.eventId
      if (eventId === undefined) return {row: ABSENT, grade: null}
      const row = sides.rows.row(eventId)
      // An event that is here, and no event for that slot.
      const isMisplaced = sides.rows.isHere(row) && reference.between === undefined && reference.complete
      return {row, grade: isMisplaced ? 'diverged' : unseen(reference)}
    })
    return difference({type, stateKey}, ABSENT, theirs)
  })
  return [...found, ...strange.sort((a, b) => (slotKey(a.type, a.stateKey) < slotKey(b.type, b.stateKey) ? -1 : 1))]
}

function difference(
  {type, stateKey}: {readonly type: string; readonly stateKey: string},
  ours: number,
  theirs: Difference['theirs'],
): readonly Difference[] {
  const grade = gravest(theirs.map((one) => one.grade))
  return grade === null ? [] : [{type, stateKey, ours, theirs, grade}]
}

export function gravest(grades: readonly (Grade | null)[]): Grade | null {
  return GRADES.find((grade) => grades.includes(grade)) ?? null
}

const unseen = ({between}: Reference): Grade => (between === 'sources' ? 'ahead' : 'unknown')

function gradeOf(
  {replay: {graph, trie}, rows}: Sides,
  {view, reached, told}: Side,
  reference: Reference,
  slot: number,
  theirs: number,
  ours: number,
): Grade {
  if (reference.between === 'positions') return 'changed'
  const should = reached === null ? undefined : trie.get(reached, slot)
  const marks = ours === ABSENT ? undefined : view.marks.get(graph.id(ours))
  if (typeof marks?.rejected === 'string') return 'rejected-there'
  // A soft-failed event counts once later events build on it.
  if (marks?.softFailed === true && should !== ours) return 'soft-failed-there'
  if (should === theirs) return 'behind'
  if (reference.otherReading(slot) === theirs) return 'reading-dependent'
  if (theirs !== ABSENT && !rows.isHere(theirs)) return unseen(reference)
  if (theirs === ABSENT && told.unknown.length > 0) return 'unknown'
  if (ours !== ABSENT && view.has(graph.id(ours)) === false) return 'behind'
  return reference.complete ? 'diverged' : 'unknown'
}
