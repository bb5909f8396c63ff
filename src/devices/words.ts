import type {Evidence} from '../finding/finding.ts'
import type {DeviceSnapshot} from '../matrix/device-facts.ts'

/** Lengths in milliseconds. */
export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

/** IDs and names come from others, and may be as long as they like. */
const LONGEST = 80
const LONGEST_VALUE = 300

/** As it stands in a sentence. */
export function clipped(text: string, longest = LONGEST): string {
  return text.length <= longest ? text : `${text.slice(0, longest)}…`
}

/** Enough of a key to tell it from another one. */
export function short(key: string): string {
  return key.length <= 10 ? key : `${key.slice(0, 8)}…`
}

export function plural(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString('en-US')} ${number === 1 ? one : many}`
}

/** `2026-11-21 19:49 UTC`; the number itself where it is no date. */
export function when(ms: number): string {
  const time = new Date(ms)
  return Number.isNaN(time.getTime()) ? String(ms) : `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

/** `3 days`, `5 hours`, `12 minutes`: the greatest unit that is there at least twice. */
export function span(ms: number): string {
  if (ms >= 2 * DAY) return plural(Math.floor(ms / DAY), 'day')
  if (ms >= 2 * HOUR) return plural(Math.floor(ms / HOUR), 'hour')
  return plural(Math.max(0, Math.floor(ms / MINUTE)), 'minute')
}

/** `a, b, c and 7 more`. */
export function listed(items: readonly string[], most = 5): string {
  const shown = items.slice(0, most).map((item) => clipped(item))
  return items.length > most ? `${shown.join(', ')} and ${String(items.length - most)} more` : shown.join(', ')
}

/** What a snapshot says, so that another person can ask again. */
export function toldBy(snapshot: DeviceSnapshot, what: string, value: Evidence['value']): Evidence {
  return {
    source: snapshot.route,
    where: `${snapshot.how}, ${clipped(what)}`,
    value: typeof value === 'string' ? clipped(value, LONGEST_VALUE) : value,
  }
}

/** The server of a user ID: all after the first colon; the whole where there is none. */
export function serverOf(userId: string): string {
  return userId.slice(userId.indexOf(':') + 1)
}
