import type {Evidence} from '../../finding/finding.ts'
import type {RoomGraph} from '../../graph/room-graph.ts'
import {serverNameOf} from '../../matrix/ids.ts'
import type {ServerView} from '../server-view.ts'

/** What is known of a room beside its events. */
export interface HealthEvidence {
  /** What people call the dump, case file or server that the events came from. */
  readonly source: string
  /** What servers told of the room; may be empty. */
  readonly views: readonly ServerView[]
  /** When the evidence was gathered, milliseconds since 1970; without it nothing is said of dates in the future. */
  readonly nowMs?: number | null
  /** Test data that may lack depths. */
  readonly trustIds?: boolean
}

/** Examples that a finding shows when there are more. */
export const EXAMPLES = 3

/** The first few rows as evidence: where the source has them. */
export function examples(graph: RoomGraph, source: string, rows: readonly number[]): readonly Evidence[] {
  return rows.slice(0, EXAMPLES).map((row) => lineOf(graph, source, row))
}

/** Where the source has an event. */
export function lineOf(graph: RoomGraph, source: string, row: number): Evidence {
  return {source, where: `line ${String(graph.columns.line[row] ?? 0)}`, value: graph.id(row)}
}

/** `1 event`, `12 events`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString('en-US')} ${number === 1 ? one : many}`
}

/** `a`, `a and b`, `a, b and 3 more`. */
export function list(names: readonly string[], shown = EXAMPLES): string {
  if (names.length > shown) return `${names.slice(0, shown).join(', ')} and ${String(names.length - shown)} more`
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`
}

const UNITS: readonly (readonly [ms: number, name: string])[] = [
  [86_400_000, 'day'],
  [3_600_000, 'hour'],
  [60_000, 'minute'],
  [1000, 'second'],
]

/** A span of milliseconds in its largest unit, rounded down: `3 hours`. */
export function span(ms: number): string {
  const unit = UNITS.find(([size]) => ms >= size)
  return unit === undefined ? 'less than a second' : count(Math.floor(ms / unit[0]), unit[1])
}

/** Milliseconds since 1970 as a date; times beyond what a date can hold as they are. */
export function dateOf(ms: number): string {
  return Math.abs(ms) > 8.64e15 ? String(ms) : new Date(ms).toISOString().slice(0, 16).replace('T', ' ')
}

/** Numbers for the servers of a graph's users. */
export interface Servers {
  readonly names: readonly string[]
  /** By number of the user. */
  readonly ofUser: Int32Array
}

/** O(users). Users whose ID names no server share the empty name. The numbers depend on who there is, not on the order of events. */
export function serversOf(graph: RoomGraph): Servers {
  const {users} = graph.columns
  const names = [...new Set(users.strings.map((user) => serverNameOf(user) as string))].sort()
  const numbers = new Map(names.map((name, index) => [name, index]))
  return {names, ofUser: Int32Array.from(users.strings, (user) => numbers.get(serverNameOf(user)) ?? 0)}
}
