import {ExactNumber, isObject, type Json, type JsonObject, own} from './json.ts'
import type {RoomVersionRules} from './room-version.ts'

/** A power level: an integer of any size; `Infinity` for creators that outrank all; `NaN` for one that cannot be read. */
export type PowerLevel = number | bigint

/** What cannot be read. Compares as false with everything, so that a rule that asks "is it enough?" says no. */
export const MALFORMED = Number.NaN

/** https://spec.matrix.org/v1.19/client-server-api/#mroompower_levels */
export const DEFAULT_LEVELS = {
  ban: 50,
  kick: 50,
  redact: 50,
  invite: 0,
  state_default: 50,
  events_default: 0,
  users_default: 0,
} as const
export type NamedLevel = keyof typeof DEFAULT_LEVELS
export const NAMED_LEVELS: readonly NamedLevel[] = [
  'users_default',
  'events_default',
  'state_default',
  'ban',
  'redact',
  'kick',
  'invite',
]

/** Levels are compared by value, across `number` and `bigint`. */
export function sameLevel(a: PowerLevel, b: PowerLevel): boolean {
  return !(a < b) && !(a > b)
}

/**
 * One value of a power levels event. Versions that allow more than integers read what Python's `int()` reads, as Synapse does: strings
 * with white space, sign and `_` between digits, floats cut towards zero.
 *
 * @returns `MALFORMED` when it is no level in this room version.
 */
export function parseLevel(value: Json, rules: RoomVersionRules): PowerLevel {
  if (typeof value === 'number') return value
  if (value instanceof ExactNumber) return fromExact(value, rules)
  if (rules.integerPowerLevels) return MALFORMED
  if (typeof value === 'boolean') return Number(value)
  return typeof value === 'string' ? fromString(value) : MALFORMED
}

function fromExact(value: ExactNumber, rules: RoomVersionRules): PowerLevel {
  if (value.isInteger) return BigInt(value.lexeme)
  const whole = Math.trunc(value.toNumber())
  if (rules.integerPowerLevels || !Number.isFinite(whole)) return MALFORMED
  return Number.isSafeInteger(whole) ? whole : BigInt(whole)
}

/** White space is what Python's `int` strips: not quite what JavaScript's `trim` does. */
const PYTHON_INTEGER = /^[\s\u0085]*([+-]?)(\p{Nd}+(?:_\p{Nd}+)*)[\s\u0085]*$/u
/** Python refuses to read longer ones. */
const MAX_DIGITS = 4300

function fromString(text: string): PowerLevel {
  const match = text.includes('\ufeff') ? null : PYTHON_INTEGER.exec(text)
  if (match === null) return MALFORMED
  const digits = [...(match[2] ?? '').replaceAll('_', '')].map(digitValue).join('')
  if (digits.length > MAX_DIGITS) return MALFORMED
  const level = BigInt(`${match[1] === '-' ? '-' : ''}${digits}`)
  const small = Number(level)
  return Number.isSafeInteger(small) ? small : level
}

/** Decimal digits of every script stand in runs of ten, starting with zero. */
function digitValue(digit: string): number {
  const code = digit.codePointAt(0) ?? 0
  let start = code
  while (/\p{Nd}/u.test(String.fromCodePoint(start - 1))) start -= 1
  return (code - start) % 10
}

/** One entry of the power levels before and after a change; `undefined` where it is absent. */
export interface LevelChange {
  /** User, event type or name of the level. */
  readonly what: string
  readonly before: PowerLevel | undefined
  readonly after: PowerLevel | undefined
}

/** What differs between two power levels events, as the rules group it. */
export interface LevelChanges {
  readonly named: readonly LevelChange[]
  /** Of `events`, and of `notifications` in versions that check them. */
  readonly events: readonly LevelChange[]
  readonly users: readonly LevelChange[]
}

type LevelMap = 'users' | 'events' | 'notifications'

/**
 * The content of an `m.room.power_levels` event. What was read once is kept: a merge asks the same things again and again.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#mroompower_levels
 */
export class PowerLevels {
  readonly content: JsonObject
  readonly #rules: RoomVersionRules
  readonly #users: JsonObject | null
  readonly #events: JsonObject | null
  readonly #named = new Map<NamedLevel, PowerLevel>()
  readonly #maps = new Map<LevelMap, ReadonlyMap<string, PowerLevel>>()
  readonly #changes = new WeakMap<PowerLevels, LevelChanges>()

  constructor(content: JsonObject, rules: RoomVersionRules) {
    this.content = content
    this.#rules = rules
    this.#users = mapOf(own(content, 'users'))
    this.#events = mapOf(own(content, 'events'))
  }

  /** One of the seven named levels, with its default. */
  named(name: NamedLevel): PowerLevel {
    const known = this.#named.get(name)
    if (known !== undefined) return known
    const value = own(this.content, name)
    const level = value === undefined || value === null ? DEFAULT_LEVELS[name] : parseLevel(value, this.#rules)
    this.#named.set(name, level)
    return level
  }

  /** Of a user who is not a creator above all levels. */
  user(userId: string): PowerLevel {
    if (this.#users === null) return MALFORMED
    const value = own(this.#users, userId)
    return value === undefined || value === null ? this.named('users_default') : parseLevel(value, this.#rules)
  }

  /** What it takes to send an event of the type. */
  required(type: string, isState: boolean): PowerLevel {
    if (this.#events === null) return MALFORMED
    const value = own(this.#events, type)
    if (value !== undefined && value !== null) return parseLevel(value, this.#rules)
    const fallback = isState ? 'state_default' : 'events_default'
    // Unlike the other levels, a null is no way to say "the default" here: Synapse cannot read it.
    return own(this.content, fallback) === null ? MALFORMED : this.named(fallback)
  }

  /** The entries of one of the maps, unreadable ones as `MALFORMED`; of a map that is no object, one such entry. */
  entries(key: LevelMap): ReadonlyMap<string, PowerLevel> {
    const known = this.#maps.get(key)
    if (known !== undefined) return known
    const object = own(this.content, key)
    const levels = new Map<string, PowerLevel>()
    if (isObject(object)) {
      for (const [name, value] of Object.entries(object)) {
        if (value !== undefined) levels.set(name, parseLevel(value, this.#rules))
      }
    } else if (object !== undefined) levels.set(key, MALFORMED)
    this.#maps.set(key, levels)
    return levels
  }

  /** What this event changes of an earlier one. */
  changesFrom(before: PowerLevels): LevelChanges {
    const known = this.#changes.get(before)
    if (known !== undefined) return known
    const compare = (key: LevelMap): readonly LevelChange[] => compareMaps(before.entries(key), this.entries(key))
    const changes: LevelChanges = {
      named: NAMED_LEVELS.map((what) => ({what, before: before.#given(what), after: this.#given(what)})).filter(
        isChange,
      ),
      events: this.#rules.notificationsChecked
        ? [...compare('events'), ...compare('notifications')]
        : compare('events'),
      users: compare('users'),
    }
    this.#changes.set(before, changes)
    return changes
  }

  #given(name: NamedLevel): PowerLevel | undefined {
    const value = own(this.content, name)
    return value === undefined ? undefined : parseLevel(value, this.#rules)
  }
}

/** An absent map is empty; one that is no object cannot be read. */
function mapOf(value: Json | undefined): JsonObject | null {
  if (value === undefined) return {}
  return isObject(value) ? value : null
}

function compareMaps(
  before: ReadonlyMap<string, PowerLevel>,
  after: ReadonlyMap<string, PowerLevel>,
): readonly LevelChange[] {
  const changes: LevelChange[] = []
  for (const [what, old] of before) {
    const change = {what, before: old, after: after.get(what)}
    if (isChange(change)) changes.push(change)
  }
  for (const [what, now] of after) if (!before.has(what)) changes.push({what, before: undefined, after: now})
  return changes
}

/** A level that cannot be read counts as changed, so that it is judged. */
function isChange({before, after}: LevelChange): boolean {
  if (before === undefined || after === undefined) return before !== after
  return !sameLevel(before, after) || isMalformed(before) || isMalformed(after)
}

/** The level that could not be read. */
export function isMalformed(level: PowerLevel): boolean {
  return Number.isNaN(level)
}
