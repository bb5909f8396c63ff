import {localpart} from './words.ts'
import {isObject, type Json, type JsonObject, own} from '../../matrix/json.ts'

/** Types of which the value as a whole says little: what matters is which part of it is another. */
const PARTED: ReadonlySet<string> = new Set(['m.room.power_levels', 'm.room.server_acl'])

export interface InnerChange {
  /** `ban`, `users @bob:example.org`, `deny evil.example`; not yet safe to be shown. */
  readonly what: string
  /** `null`: it is not there. */
  readonly from: string | null
  readonly to: string | null
}

/** What of power levels or a server ACL differs between two contents, part by part; nothing for other types. */
export function innerChanges(type: string, before: JsonObject, after: JsonObject): readonly InnerChange[] {
  if (!PARTED.has(type)) return []
  const [from, to] = [partsOf(before), partsOf(after)]
  const names = [...new Set([...from.keys(), ...to.keys()])].sort()
  return names
    .map((what) => ({what, from: from.get(what) ?? null, to: to.get(what) ?? null}))
    .filter((one) => one.from !== one.to)
}

function partsOf(content: JsonObject): ReadonlyMap<string, string> {
  const parts = new Map<string, string>()
  for (const [key, value] of Object.entries(content)) {
    if (isObject(value)) {
      for (const [inner, one] of Object.entries(value)) parts.set(`${key} ${inner}`, textOf(one))
    } else if (Array.isArray(value)) {
      for (const one of value as readonly Json[]) parts.set(`${key} ${textOf(one)}`, 'listed')
    } else parts.set(key, textOf(value))
  }
  return parts
}

/** Users who are named in a line of power levels; more are counted. */
const NAMED = 4

/**
 * `alice creator, bob 50, others 0`: who may do how much; not yet safe to be shown.
 *
 * @param creators - those who outrank all whatever the levels say, in versions that have such
 */
export function powerWords(content: JsonObject, creators: readonly string[]): string {
  const users = own(content, 'users')
  const levels = isObject(users) ? Object.entries(users) : []
  const ordered = levels.toSorted(([a, x], [b, y]) => Number(y) - Number(x) || (a < b ? -1 : 1))
  const hidden = ordered.length - NAMED
  return [
    ...creators.slice(0, NAMED).map((user) => `${localpart(user)} creator`),
    ...(creators.length > NAMED ? [`${(creators.length - NAMED).toLocaleString('en-US')} more creators`] : []),
    ...ordered.slice(0, NAMED).map(([user, level]) => `${localpart(user)} ${textOf(level)}`),
    ...(hidden > 0 ? [`${hidden.toLocaleString('en-US')} more`] : []),
    `others ${textOf(own(content, 'users_default') ?? 0)}`,
  ].join(', ')
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null)
}
