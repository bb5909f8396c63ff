import {type Draft, type Room} from './build.ts'
import {numbersOf, versionsWith} from './numbers.ts'

type Of<T> = T | ((room: Room) => T)

/** One rule, an event that fails exactly there, and a twin of it that passes. */
export interface Pair {
  /** Stable name of the rule that rejects. */
  readonly rule: string
  /** Stable name of the line that lets the twin pass, where that is what the pair shows. */
  readonly allowedBy?: string
  /** What is the matter, in a few words. */
  readonly what: string
  /** Those of all versions that have the rule when absent. */
  readonly versions?: readonly string[]
  /** The last event of this room is accepted. */
  readonly passes: (version: string) => Room
  /** The last event of this room is rejected by its own auth events. */
  readonly fails: (version: string) => Room
  /** The last event of this room is rejected by the state before it, though its own auth events would let it pass. */
  readonly failsBefore?: (version: string) => Room
}

interface Common extends Pick<Pair, 'rule' | 'allowedBy' | 'what' | 'versions'> {
  readonly room: (version: string) => Room
}

const JUDGED = 'judged'
const from = <T>(value: Of<T>, room: Room): T =>
  typeof value === 'function' ? (value as (room: Room) => T)(room) : value

/** Two events at the same place: one passes, one does not. */
export function twoEvents(pair: Common & {readonly passes: Of<Draft>; readonly fails: Of<Draft>}): Pair {
  const {room, passes, fails, ...rest} = pair
  const build = (draft: Of<Draft>) => (version: string) => {
    const built = room(version)
    return built.add(JUDGED, from(draft, built))
  }
  return {...rest, passes: build(passes), fails: build(fails)}
}

/**
 * One event, before and after the room changed: it passes first. After the change it is rejected by its own auth events if it cites those of
 * that time, and by the state before it if it still cites the older ones.
 */
export function afterChange(pair: Common & {readonly change: (room: Room) => Room; readonly event: Of<Draft>}): Pair {
  const {room, change, event, ...rest} = pair
  return {
    ...rest,
    passes: (version) => {
      const built = room(version)
      return built.add(JUDGED, from(event, built))
    },
    fails: (version) => {
      const built = change(room(version))
      return built.add(JUDGED, from(event, built))
    },
    failsBefore: (version) => {
      const built = room(version)
      const authAt = built.tip
      change(built)
      return built.add(JUDGED, {...from(event, built), authAt})
    },
  }
}

export function versionsOf(pair: Pair): readonly string[] {
  return pair.versions ?? versionsWith(pair.rule)
}

/** What a rejection must say: the number is the table's, not the program's. */
export function expectedRule(pair: Pair, version: string, stage: 'auth' | 'before'): string {
  return `v${version}:${numbersOf(version).get(pair.rule) ?? '?'}@${stage}`
}

export const show = (room: Room): string => {
  const {verdict, rule, name} = room.judge()
  return rule === null ? verdict : `${verdict} ${rule} ${name ?? ''}`
}
