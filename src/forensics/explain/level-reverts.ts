import {isObject, type Json, type JsonObject, own} from '../../matrix/json.ts'
import type {Pdu} from '../../matrix/pdu.ts'
import {
  isMalformed,
  type LevelChange,
  NAMED_LEVELS,
  type NamedLevel,
  parseLevel,
  PowerLevels,
} from '../../matrix/power-levels.ts'
import {type Applied, withEventContent} from './changes.ts'
import {creatorsAboveAll, type Hearing, POWER_SLOT, powerIn} from './hearing.ts'

/** Power levels without the changes that are beyond the sender, and without what cannot be read. */
export function levelReverts(hearing: Hearing): readonly Applied[] {
  const {event, rules, state, cited, create} = hearing
  const old = state?.get(POWER_SLOT) ?? [...cited.values()].find(({type}) => type === 'm.room.power_levels') ?? null
  const power = powerIn(hearing, old, event.sender)
  const beyond = ({before, after}: LevelChange): boolean =>
    (before !== undefined && !(power >= before)) || (after !== undefined && !(power >= after))
  const before = old === null ? null : new PowerLevels(old.content, rules)
  const changes = before === null ? null : new PowerLevels(event.content, rules).changesFrom(before)
  const users = (changes?.users ?? []).filter(
    (change) =>
      beyond(change) || (change.what !== event.sender && change.before !== undefined && !(change.before < power)),
  )
  const creators = create === null ? [] : creatorsAboveAll(create, rules)
  const without: string[] = []
  let content: JsonObject = event.content
  const revert = (key: 'users' | 'events' | 'notifications', name: string): void => {
    const [now, then] = [own(content, key), old === null ? undefined : own(old.content, key)]
    const value = isObject(then) ? own(then, name) : undefined
    if (!isObject(now) && value === undefined) return
    const {[name]: _given, ...rest} = isObject(now) ? now : {}
    content = {...content, [key]: value === undefined ? rest : {...rest, [name]: value}}
    if (!without.includes(`${key} ${name}`)) without.push(`${key} ${name}`)
  }
  for (const {what} of (changes?.named ?? []).filter(beyond)) {
    const {[what]: _given, ...rest} = content
    const value = old === null ? undefined : own(old.content, what)
    content = value === undefined ? rest : {...rest, [what]: value}
    without.push(what)
  }
  for (const {what} of (changes?.events ?? []).filter(beyond)) {
    if (differs(event.content, old, 'events', what)) revert('events', what)
    if (differs(event.content, old, 'notifications', what)) revert('notifications', what)
  }
  for (const {what} of users) revert('users', what)
  for (const creator of creators) {
    const listed = own(content, 'users')
    if (!isObject(listed) || !Object.hasOwn(listed, creator)) continue
    const {[creator]: _level, ...rest} = listed
    content = {...content, users: rest}
    without.push(`users ${creator}`)
  }
  content = readable(content, rules, without)
  if (without.length === 0) return []
  const changed = content
  return [{change: {kind: 'content', without}, apply: (given) => withEventContent(given, changed)}]
}

function differs(content: JsonObject, old: Pdu | null, key: string, name: string): boolean {
  const value = (given: JsonObject | null): Json | undefined => {
    const map = given === null ? undefined : own(given, key)
    return isObject(map) ? own(map, name) : undefined
  }
  return JSON.stringify(value(content)) !== JSON.stringify(value(old?.content ?? null))
}

/** Takes away what is no level, or no user's. */
function readable(content: JsonObject, rules: Hearing['rules'], without: string[]): JsonObject {
  const kept: Record<string, Json> = {}
  for (const [key, value] of Object.entries(content)) {
    if (value === undefined) continue
    if (key === 'users' || key === 'events' || key === 'notifications') {
      const map = isObject(value) ? value : {}
      if (!isObject(value)) without.push(key)
      const entries = Object.entries(map).filter(([name, level]) => {
        const isUser = key !== 'users' || (name.startsWith('@') && name.includes(':'))
        const isGood = level !== undefined && isUser && !isMalformed(parseLevel(level, rules))
        if (!isGood) without.push(`${key} ${name}`)
        return isGood
      })
      kept[key] = Object.fromEntries<Json | undefined>(entries)
    } else if (NAMED_LEVELS.includes(key as NamedLevel) && isMalformed(parseLevel(value, rules))) without.push(key)
    else kept[key] = value
  }
  return kept
}
