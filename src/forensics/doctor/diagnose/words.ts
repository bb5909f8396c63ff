import type {Rejection} from '../../../auth/check.ts'
import type {Trace} from '../../../auth/trace.ts'
import type {Certainty, Finding} from '../../../finding/finding.ts'
import {Flag, type RoomGraph} from '../../../graph/room-graph.ts'
import {sentence} from '../../../finding/slot-words.ts'
import type {Explanation} from '../../explain/explanation.ts'
import {eventWords, timeOf} from '../../words.ts'
import type {EventInvolved, RuleBroken, WouldPass} from '../diagnosis.ts'

/** Events of one diagnosis that are named. */
const MOST_EVENTS = 8
const MOST_WAYS = 3

/**
 * The events with what each did, in their order in the DAG; those that are not here say so.
 *
 * @param findings - what is said of them in resets: lost, or the merge at which that happened
 */
export function involved(
  graph: RoomGraph,
  eventIds: Iterable<string | null>,
  findings: readonly Finding[] = [],
): readonly EventInvolved[] {
  const also = partsInResets(findings)
  const ids = [...new Set(eventIds)].filter((id) => id !== null)
  return ids
    .map((eventId) => ({eventId, row: graph.row(eventId)}))
    .sort((a, b) => a.row - b.row)
    .slice(0, MOST_EVENTS)
    .map(({eventId, row}) => {
      const more = also.get(eventId)
      return {eventId, part: `${partOf(graph, row)}${more === undefined ? '' : `, ${more}`}`}
    })
}

function partsInResets(findings: readonly Finding[]): ReadonlyMap<string, string> {
  const parts = new Map<string, string>()
  for (const {id, subject, evidence} of findings) {
    if (id !== 'state/reset' && id !== 'state/revoked-concurrently') continue
    for (const {where, value} of evidence) if (where.endsWith(', lost')) parts.set(String(value), 'which was lost')
    if (subject.kind === 'slot' && subject.event_id !== undefined) {
      parts.set(subject.event_id, 'which merged the branches')
    }
  }
  return parts
}

function partOf(graph: RoomGraph, row: number): string {
  if (row < 0 || graph.has(row, Flag.Missing)) return 'not in the evidence'
  return `${timeOf(graph, row)} UTC: ${eventWords(graph, row)}`
}

/** `the ban of @a:b by @c:d (2026-11-21 18:17:38 UTC)`. */
export function eventWithTime(graph: RoomGraph, row: number): string {
  return `${eventWords(graph, row)} (${timeOf(graph, row)} UTC)`
}

/** The rule with its number and where it is written. */
export function brokenRule({rejection, rules}: Explanation): RuleBroken | null {
  return rejection === null ? null : ruleOf(rejection, [rules.auth, rules.before])
}

/** @param traces - where the words of the line are to be found */
export function ruleOf({rule, because, name}: Rejection, traces: readonly (Trace | null)[] = []): RuleBroken | null {
  const [, version = '', number = ''] = /^v(.*):([\d.]+)@/.exec(rule) ?? []
  if (number === '') return null
  const line = traces.flatMap((trace) => trace?.lines ?? []).find((one) => one.name === name)
  return {
    number: `v${version}:${number}`,
    text: line === undefined ? because : `${line.asks}: ${because}`,
    source: rulesPage(version),
  }
}

/** The page of the specification with the authorisation rules of a room version. */
export function rulesPage(version: string): string {
  // Versions that are not in the specification have no page in it.
  const page = /^\d+$/.test(version) ? `rooms/v${version}/#authorisation-rules` : 'rooms/#room-versions'
  return `https://spec.matrix.org/v1.19/${page}`
}

/** Events whose values the rule that decided looked at, and the one in the way. */
export function eventsAskedFor({rejection, rules}: Explanation): readonly string[] {
  const lines = [rules.auth, rules.before]
    .flatMap((trace) => trace?.lines ?? [])
    .filter(({outcome}) => outcome === 'rejected')
  const values = lines.flatMap((line) => [line.culprit, ...line.values.map(({eventId}) => eventId)])
  return [...new Set([rejection?.culprit ?? null, ...values])].filter((id) => id !== null)
}

/**
 * Ways by which it would pass, each tried; those first that somebody can bring about.
 *
 * @param which - `ways`: without who else could do it, where that is no help
 */
export function waysOf({remedies, couldSend}: Explanation, which: 'all' | 'ways' = 'all'): readonly WouldPass[] {
  const ways = remedies.slice(0, MOST_WAYS).map(({says, by}): WouldPass => {
    const able = by.flatMap((one) => one?.users ?? [])
    return {says, by: [...new Set(able.map(({user, power}) => `${user} (power ${power})`))].slice(0, MOST_WAYS)}
  })
  const others = (couldSend?.users ?? []).map(({user, power}) => `${user} (power ${power})`).slice(0, MOST_WAYS)
  return others.length === 0 || which === 'ways' ? ways : [...ways, {says: 'if somebody else did it', by: others}]
}

/** Proof needs a whole history. */
export function sure(complete: boolean, otherwise: Certainty = 'strong'): Certainty {
  return complete ? 'proof' : otherwise
}

/** One sentence, with one full stop. A name that it begins with stays as it is. */
export function asSentence(text: string): string {
  const plain = text.trim().replace(/\.+$/, '')
  return `${/^[a-z]+\s/.test(plain) ? sentence(plain) : plain}.`
}

/** Findings on a slot. */
export function onSlot(findings: readonly Finding[], type: string, stateKey: string): readonly Finding[] {
  return findings.filter(
    ({subject}) => subject.kind === 'slot' && subject.type === type && subject.state_key === stateKey,
  )
}

/** Event IDs that a finding names as its subject or in its evidence. */
export function eventsOf({subject, evidence}: Finding): readonly string[] {
  const own = 'event_id' in subject ? [subject.event_id] : []
  const others = evidence.flatMap(({value}) => (typeof value === 'string' && value.startsWith('$') ? [value] : []))
  return [...new Set([...own, ...others])]
}

/** Whose word a finding tells, where it is a server's. */
export function tellsOf({id, subject, evidence}: Finding): string | null {
  if (subject.kind === 'server') return subject.server
  // The evidence of others is of files.
  if (!id.startsWith('server/') && id !== 'state/divergence') return null
  return evidence.find(({source}) => source !== 'replay')?.source ?? null
}
