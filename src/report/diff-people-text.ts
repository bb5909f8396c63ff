import type {DiffReport, SidePeople} from '../investigate/diff-report.ts'
import {absence} from '../finding/slot-words.ts'
import {count, printable} from './printable.ts'
import {GLANCE, title} from './sections.ts'
import type {TextStyle} from './table.ts'
import {wrap} from './width.ts'

/** What the differences mean for people, in short sentences; nothing where they mean nothing. */
export function peopleText(report: DiffReport, style: TextStyle): string {
  const lines = report.people.flatMap((people) => sentences(report, people, style))
  if (lines.length === 0) return ''
  const known = report.complete ? '' : ', as far as is known'
  return [title(`What it means${known}`, style), ...lines.map((line) => wrap(`  ${line}`, 4, style.columns))].join('\n')
}

const MEMBERSHIP: Readonly<Record<string, string>> = {
  join: 'joined',
  invite: 'invited',
  leave: 'out of the room (left or kicked)',
  ban: 'banned',
  knock: 'knocking',
}
const NEVER = `${absence('m.room.member')} (as if never in the room)`

/** With its verb, for one user or several. */
function verbAnd(membership: string | null, several: boolean): string {
  if (membership === null) return `${several ? 'have' : 'has'} ${NEVER}`
  const word = MEMBERSHIP[membership] ?? (membership === '?' ? 'in an unknown state' : printable(membership, 30))
  return `${several ? 'are' : 'is'} ${word}`
}

function sentences(report: DiffReport, people: SidePeople, style: TextStyle): readonly string[] {
  const {memberships, powers, moderators, joinRule} = people
  const [here, there] = sideNames(report, people)
  const groups = new Map<string, {userId: string; local: boolean}[]>()
  for (const {userId, ours, theirs, local} of memberships) {
    const key = JSON.stringify([ours, theirs])
    groups.set(key, [...(groups.get(key) ?? []), {userId, local}])
  }
  const lines = [...groups].map(([key, users]) => {
    const [ours, theirs] = JSON.parse(key) as [string | null, string | null]
    const is = (membership: string | null): string => verbAnd(membership, users.length > 1)
    return `${names(
      users.map(({userId}) => userId),
      style,
    )} ${is(ours)} by ${here}, but ${is(theirs)} by ${there}${localText(users, people.server)}.`
  })
  for (const {userId, ours, theirs} of style.full === true ? powers : powers.slice(0, GLANCE)) {
    lines.push(`${printable(userId)} has power ${ours} by ${here}, but ${theirs} by ${there}.`)
  }
  if (powers.length > GLANCE && style.full !== true)
    lines.push(`… and ${count(powers.length - GLANCE, 'user')} more have another power.`)
  lines.push(...moderatorLines(moderators, [here, there], style))
  if (joinRule !== null && joinRule.ours !== joinRule.theirs) {
    lines.push(`The join rule is ${ruleText(joinRule.ours)} by ${here}, but ${ruleText(joinRule.theirs)} by ${there}.`)
  }
  return lines
}

function sideNames(report: DiffReport, {side, server}: SidePeople): readonly [string, string] {
  const {position, source} = report
  if (position.kind === 'events') return ['the first state', 'the second']
  if (position.kind === 'sources') return [printable(source), printable(server)]
  // Each sentence is to be true by itself.
  return [report.complete ? 'the replay' : 'the replay of what is here', `${printable(server)} (${side})`]
}

function localText(users: readonly {readonly local: boolean}[], server: string): string {
  const local = users.filter((user) => user.local).length
  if (local === 0 || users.length === 0) return ''
  return users.length === 1
    ? ', whose own user this is'
    : `; ${count(local, 'of them is', 'of them are')} of ${printable(server)} itself`
}

function moderatorLines(
  {ours, theirs}: SidePeople['moderators'],
  [here, there]: readonly [string, string],
  style: TextStyle,
): readonly string[] {
  if (ours === null || theirs === null) return []
  const able = (who: NonNullable<typeof ours>, user: string): string => listOf(who.get(user) ?? [])
  const changed = [...new Set([...ours.keys(), ...theirs.keys()])]
    .filter((user) => able(ours, user) !== able(theirs, user))
    .sort()
  if (changed.length === 0) return []
  const shown = style.full === true ? changed : changed.slice(0, GLANCE)
  const lines = shown.map((user) => {
    const [mine, other] = [able(ours, user), able(theirs, user)]
    if (other === '') return `${printable(user)} can ${mine} by ${here}, but none of it by ${there}.`
    if (mine === '') return `${printable(user)} can ${other} by ${there}, but none of it by ${here}.`
    return `${printable(user)} can ${mine} by ${here}, but ${other} by ${there}.`
  })
  const nobody = (who: NonNullable<typeof ours>, name: string): readonly string[] =>
    who.size === 0
      ? [`Nobody who is listed with a power level can moderate by ${name}.`]
      : [`Who can moderate by ${name}: ${names([...who.keys()], style)}.`]
  return [...lines, ...nobody(ours, here), ...nobody(theirs, there)]
}

function listOf(abilities: readonly string[]): string {
  const last = abilities.at(-1) ?? ''
  return abilities.length < 2 ? last : `${abilities.slice(0, -1).join(', ')} and ${last}`
}

function names(users: readonly string[], {full}: TextStyle): string {
  const shown = full === true ? users : users.slice(0, 5)
  const rest = users.length - shown.length
  return shown.map((user) => printable(user)).join(', ') + (rest > 0 ? ` and ${count(rest, 'other')}` : '')
}

function ruleText(rule: string | null): string {
  return rule === null ? `${absence('m.room.join_rules')} (which counts as invite)` : printable(rule, 40)
}
