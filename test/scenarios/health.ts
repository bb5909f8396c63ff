import type {Finding, FindingId} from '../../src/finding/finding.ts'
import {type HealthEvidence, healthFindings} from '../../src/forensics/health/health.ts'
import type {RecordedStates, ServerView, ToldSlot} from '../../src/forensics/server-view.ts'
import {loadRoomFrom} from '../../src/investigate/load-room.ts'
import {replay} from '../../src/resolve/replay.ts'
import type {Story} from './story.ts'

/** All that the health checks say of a story. */
export function healthOf(story: Story, evidence: Partial<HealthEvidence> = {}): readonly Finding[] {
  const pdus = story.lines.map((text, index) => ({text, line: index + 1}))
  return healthFindings(replay(loadRoomFrom('story', pdus, {trustIds: true}).graph), {
    source: 'story',
    views: [],
    ...evidence,
  })
}

/** The only finding of its kind, which must be there; whatever else there is, no other error is. */
export function theOne(findings: readonly Finding[], id: FindingId): Finding {
  const [found, second] = findings.filter((one) => one.id === id)
  if (found === undefined) throw new Error(`no ${id} among ${findings.map((one) => one.id).join(', ') || 'nothing'}`)
  if (second !== undefined) throw new Error(`two ${id}: ${found.summary}; ${second.summary}`)
  const other = findings.find((one) => one.severity === 'error' && one.id !== id)
  if (other !== undefined) throw new Error(`${other.id}: ${other.summary}`)
  return found
}

/** What a server told, where nothing is said: nothing. */
export function viewOf(server: string, told: Partial<ServerView> = {}): ServerView {
  return {server, states: [], extremities: null, marks: new Map(), has: () => null, recorded: null, ...told}
}

/** A state as `/state_ids` tells it; names are IDs without `$`. */
export const toldIds = (...names: readonly string[]): readonly ToldSlot[] =>
  names.map((name) => ({eventId: `$${name}`}))

/** A state group: what it changes against its base, by slot as in `Slots` of a story: `member bob`, `topic`. */
export interface Group {
  readonly base?: number
  readonly slots: Readonly<Record<string, string>>
}

/** State groups as a database has them, by number, and the groups before and after events. */
export function recordedOf(
  groups: Readonly<Record<number, Group>>,
  around: Readonly<Record<string, readonly [before: number | null, after: number | null]>>,
): RecordedStates {
  return {
    how: 'state_groups_state',
    around: (eventId) => {
      const [before, after] = around[eventId.slice(1)] ?? []
      return before === undefined || after === undefined ? undefined : {before, after}
    },
    group: (group) => {
      const made = groups[group]
      if (made === undefined) return undefined
      return {base: made.base ?? null, slots: Object.entries(made.slots).map(([name, id]) => slotOf(name, id))}
    },
  }
}

function slotOf(name: string, id: string): Required<ToldSlot> {
  const member = /^member (\w+)$/.exec(name)?.[1]
  return member === undefined
    ? {eventId: `$${id}`, type: `m.room.${name}`, stateKey: ''}
    : {eventId: `$${id}`, type: 'm.room.member', stateKey: `@${member}:${member}.example`}
}
