import {serverNameOf} from '../matrix/ids.ts'
import {own} from '../matrix/json.ts'
import {isMalformed, type PowerLevel, PowerLevels, sameLevel} from '../matrix/power-levels.ts'
import {creatorsOf} from '../graph/creators.ts'
import type {RoomGraph} from '../graph/room-graph.ts'
import {ABSENT, type StateRoot, type StateTrie} from '../resolve/state-trie.ts'

/** What moderators do; what each takes is a named level. */
export const ABILITIES = ['kick', 'ban', 'redact'] as const
export type Ability = (typeof ABILITIES)[number]

/** A user for whom two states differ. */
export interface PersonChange<T> {
  readonly userId: string
  readonly ours: T
  readonly theirs: T
  /** Of the server whose state is compared. */
  readonly local: boolean
}

/** What a difference between two states means for people. Powers are decimal, `above all` for creators who outrank every level. */
export interface PeopleDifference {
  /** Memberships that differ; `null`: none; `?`: an event that is not here. Changes of a name or picture only are left out. */
  readonly memberships: readonly PersonChange<string | null>[]
  /** Levels that differ. */
  readonly powers: readonly PersonChange<string>[]
  /** Joined users who can kick, ban or redact, by what they can do; `null` where that is not known. */
  readonly moderators: {readonly ours: Moderators; readonly theirs: Moderators}
  /** Who may join, where that differs. */
  readonly joinRule: {readonly ours: string | null; readonly theirs: string | null} | null
}
export type Moderators = ReadonlyMap<string, readonly Ability[]> | null

/**
 * Compares two states as to people.
 *
 * @param slots - in which they differ
 * @param server - whose users are local
 * @remarks O(slots that differ + users with power levels)
 */
export function comparePeople(
  graph: RoomGraph,
  trie: StateTrie,
  states: {readonly ours: StateRoot; readonly theirs: StateRoot},
  slots: readonly number[],
  server: string,
): PeopleDifference {
  const ours = new PeopleOf(graph, trie, states.ours)
  const theirs = new PeopleOf(graph, trie, states.theirs)
  const change = <T>(userId: string, mine: T, other: T): PersonChange<T> => ({
    userId,
    ours: mine,
    theirs: other,
    local: serverNameOf(userId) === server,
  })
  const memberships = slots
    .map((slot) => graph.slotAt(slot))
    .filter(({type}) => type === 'm.room.member')
    .map(({stateKey}) => change(stateKey, ours.membership(stateKey), theirs.membership(stateKey)))
    .filter((one) => one.ours !== one.theirs)
  const users = ours.hasLevels && theirs.hasLevels ? new Set([...ours.listed(), ...theirs.listed()]) : []
  const powers = [...users]
    .filter((user) => !same(ours.level(user), theirs.level(user)))
    .map((user) => change(user, show(ours.level(user)), show(theirs.level(user))))
    .sort((a, b) => (a.userId < b.userId ? -1 : 1))
  const rules = slots.includes(graph.joinRulesSlot)
  return {
    memberships,
    powers,
    moderators: {ours: ours.moderators(), theirs: theirs.moderators()},
    joinRule: rules ? {ours: ours.joinRule(), theirs: theirs.joinRule()} : null,
  }
}

/** One state, as to people. */
class PeopleOf {
  readonly #graph: RoomGraph
  readonly #trie: StateTrie
  readonly #root: StateRoot
  readonly #levels: PowerLevels | null
  readonly #creators: readonly string[]
  readonly #hasPowerEvent: boolean

  constructor(graph: RoomGraph, trie: StateTrie, root: StateRoot) {
    this.#graph = graph
    this.#trie = trie
    this.#root = root
    const power = trie.get(root, graph.powerSlot)
    this.#hasPowerEvent = power !== ABSENT
    const isThere = power < graph.size && graph.slot[power] === graph.powerSlot
    this.#levels = power === ABSENT ? new PowerLevels({}, graph.rules) : isThere ? graph.powerLevels(power) : null
    this.#creators = creatorsOf(graph)
  }

  /** Whether the power levels event is here to be read, or there is none. */
  get hasLevels(): boolean {
    return this.#levels !== null
  }

  /** `?` where the event is not here, or is none for this slot. */
  membership(userId: string): string | null {
    return this.#value('m.room.member', userId, 'membership')
  }

  joinRule(): string | null {
    return this.#value('m.room.join_rules', '', 'join_rule')
  }

  #value(type: string, stateKey: string, key: string): string | null {
    const row = this.#trie.get(this.#root, this.#graph.slotOf(type, stateKey))
    if (row === ABSENT) return null
    if (row >= this.#graph.size || this.#graph.slot[row] !== this.#graph.slotOf(type, stateKey)) return '?'
    const value = own(this.#graph.content(row), key)
    return typeof value === 'string' ? value : '?'
  }

  /** Users whose level is not the default. */
  listed(): readonly string[] {
    return [...(this.#levels?.entries('users').keys() ?? []), ...this.#creators]
  }

  level(userId: string): PowerLevel {
    const {rules} = this.#graph
    if (rules.creatorsOutrankAll && this.#creators.includes(userId)) return Infinity
    // Without power levels, the creator has 100.
    if (!this.#hasPowerEvent) return !rules.creatorsOutrankAll && this.#creators.includes(userId) ? 100 : 0
    return this.#levels?.user(userId) ?? 0
  }

  /** Of those whose level is listed; `null` where the levels are not here. */
  moderators(): Moderators {
    const levels = this.#levels
    if (levels === null) return null
    const found = new Map<string, readonly Ability[]>()
    for (const user of [...new Set(this.listed())].sort()) {
      if (this.membership(user) !== 'join') continue
      const level = this.level(user)
      const able = ABILITIES.filter((ability) => level >= levels.named(ability))
      if (able.length > 0) found.set(user, able)
    }
    return found
  }
}

function same(a: PowerLevel, b: PowerLevel): boolean {
  return sameLevel(a, b) && isMalformed(a) === isMalformed(b)
}

function show(level: PowerLevel): string {
  if (level === Infinity) return 'above all'
  return isMalformed(level) ? '?' : String(level)
}
