import {showLevel} from '../../auth/trace.ts'
import {serverNameOf} from '../../matrix/ids.ts'
import {own} from '../../matrix/json.ts'
import {NAMED_LEVELS, type NamedLevel, type PowerLevel, PowerLevels} from '../../matrix/power-levels.ts'
import {
  type Applied,
  type Change,
  withAuthEvents,
  withAuthoriser,
  withEventContent,
  withFederation,
  withJoinRule,
  withLevel,
  withMembership,
  withoutAuthEvents,
  withPower,
  withSender,
  withSignature,
  withStateKey,
} from './changes.ts'
import {levelReverts} from './level-reverts.ts'
import {
  byPower,
  creatorsAboveAll,
  type Hearing,
  isSameSlot,
  JOIN_RULES_SLOT,
  memberSlot,
  passesBoth,
  POWER_SLOT,
  powerIn,
  selection,
  slotsToCite,
} from './hearing.ts'
import type {Pdu} from '../../matrix/pdu.ts'

/** Changes that together make an event pass; each was tried. */
export type Suggestion = readonly Change[]

/** Alternatives of one kind, the mildest first. */
interface Axis {
  readonly applied: readonly Applied[]
  /** Whether each alternative that passes is worth telling; otherwise only the first is. */
  readonly all?: true
}

/**
 * What would have to differ for an event to be accepted, found by trying: every single change that suffices or, where none does, pairs
 * that do.
 *
 * @remarks Some tens of trials, some hundreds for pairs, each of about 50 microseconds.
 */
export function whatWouldPass(hearing: Hearing): readonly Suggestion[] {
  if (passesBoth(hearing)) return []
  const axes = axesOf(hearing)
  const single = axes.flatMap(({applied, all}) => {
    const passing = all === true ? applied.filter((one) => helps(hearing, [one])) : first(applied, hearing)
    return passing.map(({change}) => [change])
  })
  return single.length > 0 ? single : pairs(hearing, axes)
}

function first(applied: readonly Applied[], hearing: Hearing): readonly Applied[] {
  const found = applied.find((one) => helps(hearing, [one]))
  return found === undefined ? [] : [found]
}

function helps(hearing: Hearing, applied: readonly Applied[]): boolean {
  return passesBoth(applied.reduce((changed, {apply}) => apply(changed), hearing))
}

function pairs(hearing: Hearing, axes: readonly Axis[]): readonly Suggestion[] {
  const found: Suggestion[] = []
  for (const [index, one] of axes.entries()) {
    for (const other of axes.slice(index + 1)) {
      const pair = firstPair(hearing, one, other)
      if (pair !== null) found.push(pair.map(({change}) => change))
    }
  }
  return found
}

function firstPair(hearing: Hearing, one: Axis, other: Axis): readonly Applied[] | null {
  for (const a of one.applied) for (const b of other.applied) if (helps(hearing, [a, b])) return [a, b]
  return null
}

/** A change done to the hearing: what `whatWouldPass` tried. */
export function applyChange(hearing: Hearing, change: Change): Hearing {
  const found = axesOf(hearing)
    .flatMap(({applied}) => applied)
    .find((one) => JSON.stringify(one.change) === JSON.stringify(change))
  return found === undefined ? hearing : found.apply(hearing)
}

function axesOf(hearing: Hearing): readonly Axis[] {
  return [
    ...citationAxes(hearing),
    ...eventAxes(hearing),
    ...membershipAxes(hearing),
    ...joinRuleAxes(hearing),
    ...powerAxes(hearing),
    ...roomAxes(hearing),
  ].filter(({applied}) => applied.length > 0)
}

const axis = (...applied: readonly Applied[]): Axis => ({applied})
const unless = (unwanted: boolean, make: () => Axis): readonly Axis[] => (unwanted ? [] : [make()])

/** Without what the rules on auth events speak against; or with those that the state gives. */
function citationAxes(hearing: Hearing): readonly Axis[] {
  const {event, cited, rejected, rules, state, roomId} = hearing
  const expected = slotsToCite(event, rules)
  const isCulprit = (id: string): boolean => {
    const pdu = cited.get(id)
    if (pdu === undefined) return false
    const isExpected = expected.some(({type, stateKey}) => pdu.type === type && pdu.stateKey === stateKey)
    return !isExpected || rejected.has(id) || (pdu.roomId !== roomId && pdu.type !== 'm.room.create')
  }
  const culprits = event.authEvents.filter(isCulprit)
  const chosen = selection(hearing)
  const isSame =
    chosen.length === event.authEvents.length && chosen.every(({eventId}) => event.authEvents.includes(eventId))
  const without = (eventIds: readonly string[]): Applied => ({
    change: {kind: 'without-auth-events', eventIds, cited: event.authEvents},
    apply: (given) => withoutAuthEvents(given, eventIds),
  })
  const fewer: Applied[] = [
    ...duplicates(hearing).map((ids) => without(ids)),
    ...(culprits.length === 0 ? [] : [without(culprits)]),
  ]
  const selected: Applied[] =
    state === null || isSame
      ? []
      : [
          {
            change: {kind: 'auth-events', eventIds: chosen.map(({eventId}) => eventId)},
            apply: (given) => withAuthEvents(given, selection(given)),
          },
        ]
  return [axis(...fewer, ...selected)]
}

/** Citations to be left out so that each slot is cited once: first those that the state does not have. */
function duplicates({event, cited, state}: Hearing): readonly (readonly string[])[] {
  const drop: string[] = []
  const seen: Pdu[] = []
  const inState = (pdu: Pdu): boolean =>
    pdu.stateKey !== undefined && state?.get({type: pdu.type, stateKey: pdu.stateKey})?.eventId === pdu.eventId
  // What the state has comes first, and is kept.
  const order = event.authEvents
    .map((id) => cited.get(id))
    .filter((pdu) => pdu !== undefined)
    .toSorted((a, b) => Number(inState(b)) - Number(inState(a)))
  for (const pdu of order) {
    const isSecond = seen.some(
      (other) =>
        other.eventId === pdu.eventId ||
        (pdu.stateKey !== undefined && other.type === pdu.type && other.stateKey === pdu.stateKey),
    )
    if (isSecond) drop.push(pdu.eventId)
    else seen.push(pdu)
  }
  return drop.length === 0 ? [] : [drop]
}

/** What the event itself could say otherwise. */
function eventAxes(hearing: Hearing): readonly Axis[] {
  const {event, rules} = hearing
  const {content, sender, stateKey, type} = event
  const membership = own(content, 'membership')
  const isMember = type === 'm.room.member'
  const isOfSelf = isMember && (membership === 'join' || membership === 'knock')
  const owner = stateKey?.startsWith('@') === true && (isOfSelf || !isMember) ? stateKey : null
  const authoriser = own(content, 'join_authorised_via_users_server')
  const mayAuthorise = isMember && membership === 'join' && rules.restricted && hearing.state !== null
  const byThirdParty = isMember && Object.hasOwn(content, 'third_party_invite')
  return [
    ...unless(owner === null || owner === sender, () =>
      axis({change: {kind: 'sender', user: owner ?? ''}, apply: (given) => withSender(given, owner ?? '')}),
    ),
    ...unless(stateKey === undefined || isMember || stateKey === ownKey(event), () =>
      axis({change: {kind: 'state-key', to: ownKey(event)}, apply: (given) => withStateKey(given, ownKey(event))}),
    ),
    ...(event.signers === null || typeof authoriser !== 'string'
      ? []
      : [axis({change: {kind: 'authoriser-signature', user: authoriser}, apply: withSignature})]),
    ...unless(!mayAuthorise, () =>
      axis(
        ...inviters(hearing).map((user): Applied => ({
          change: {kind: 'authoriser', user},
          apply: (given) => withAuthoriser(given, user),
        })),
      ),
    ),
    ...unless(!byThirdParty, () => {
      const {third_party_invite: _left, ...rest} = content
      return axis({
        change: {kind: 'content', without: ['third_party_invite']},
        apply: (given) => {
          const plain = withEventContent(given, rest)
          return plain.state === null ? plain : withAuthEvents(plain, selection(plain))
        },
      })
    }),
    ...unless(type !== POWER_SLOT.type, () => axis(...levelReverts(hearing))),
  ]
}

/** The state key that nobody else may use. */
function ownKey({type, sender}: Pdu): string {
  return type === 'm.room.aliases' ? serverNameOf(sender) : sender
}

/** Users who are joined and may invite, the most powerful first. */
function inviters(hearing: Hearing): readonly string[] {
  const {state, rules} = hearing
  if (state === null) return []
  const levels = state.get(POWER_SLOT)
  const needed = new PowerLevels(levels?.content ?? {}, rules).named('invite')
  return byPower(hearing, state.joined())
    .filter(({power}) => power >= needed)
    .slice(0, 3)
    .map(({user}) => user)
}

/** The sender or the one concerned in another relation to the room. */
function membershipAxes(hearing: Hearing): readonly Axis[] {
  const {event, state, cited} = hearing
  const {sender, stateKey, content, type} = event
  const now = (user: string): string => {
    const slot = memberSlot(user)
    const given = [...cited.values()].find((pdu) => isSameSlot({type: pdu.type, stateKey: pdu.stateKey ?? ''}, slot))
    const member = state === null ? given : (state.get(slot) ?? undefined)
    const membership = member === undefined ? 'none' : own(member.content, 'membership')
    return typeof membership === 'string' ? membership : 'none'
  }
  const changes = (user: string, wanted: readonly string[]): Axis => ({
    all: true,
    applied: wanted
      .filter((to) => to !== now(user) && !(to === 'leave' && now(user) === 'none'))
      .map((to) => ({
        change: {kind: 'membership', user, from: now(user), to},
        apply: (given) => withMembership(given, user, to),
      })),
  })
  if (type !== 'm.room.member' || stateKey === undefined) return [changes(sender, ['join'])]
  const membership = own(content, 'membership')
  if (sender !== stateKey) return [changes(sender, ['join']), changes(stateKey, ['leave'])]
  const wanted = {join: ['invite', 'leave'], leave: ['join', 'invite', 'knock'], knock: ['leave']} as const
  const key = typeof membership === 'string' ? membership : ''
  return Object.hasOwn(wanted, key)
    ? [changes(sender, wanted[key as keyof typeof wanted])]
    : [changes(sender, ['join'])]
}

function joinRuleAxes(hearing: Hearing): readonly Axis[] {
  const {event, state, cited} = hearing
  const membership = event.type === 'm.room.member' ? own(event.content, 'membership') : undefined
  const given = [...cited.values()].find(({type}) => type === JOIN_RULES_SLOT.type)
  const rules = state === null ? given : state.get(JOIN_RULES_SLOT)
  const rule = rules === undefined || rules === null ? undefined : own(rules.content, 'join_rule')
  const from = typeof rule === 'string' ? rule : 'invite'
  const wanted =
    membership === 'join' ? ['public', 'invite'] : membership === 'knock' ? ['knock', 'knock_restricted'] : []
  return [
    axis(
      ...wanted
        .filter((to) => to !== from)
        .map((to): Applied => ({change: {kind: 'join-rule', from, to}, apply: (room) => withJoinRule(room, to)})),
    ),
  ]
}

/** More power for the sender, less for the one concerned, or an action that takes less. */
function powerAxes(hearing: Hearing): readonly Axis[] {
  const {event, state, cited, rules, create} = hearing
  const levels = state?.get(POWER_SLOT) ?? [...cited.values()].find(({type}) => type === POWER_SLOT.type) ?? null
  const read = new PowerLevels(levels?.content ?? {}, rules)
  const power = powerIn(hearing, levels, event.sender)
  const isAbove = create !== null && creatorsAboveAll(create, rules).includes(event.sender)
  const raise = (user: string, from: PowerLevel, to: PowerLevel): Applied => ({
    change: {kind: 'power', user, from: showLevel(from), to: showLevel(to)},
    apply: (given) => withPower(given, user, to),
  })
  const axes: Axis[] = []
  if (!isAbove) {
    axes.push(
      axis(
        ...thresholds(hearing, read)
          .filter((to) => !(to <= power))
          .map((to) => raise(event.sender, power, to)),
      ),
    )
  }
  const target = event.type === 'm.room.member' ? event.stateKey : undefined
  if (target !== undefined && target !== event.sender && power !== Infinity && !Number.isNaN(power)) {
    const theirs = powerIn(hearing, levels, target)
    const below = typeof power === 'bigint' ? power - 1n : power - 1
    if (theirs !== Infinity && !(theirs < power)) axes.push(axis(raise(target, theirs, below)))
  }
  if (power === Infinity || Number.isNaN(power)) return axes
  for (const {name, isEvent} of levelsAsked(event)) {
    const needed = isEvent ? read.required(name, event.stateKey !== undefined) : read.named(name as NamedLevel)
    if (power >= needed) continue
    axes.push(
      axis({
        change: {kind: 'level', name, event: isEvent, from: showLevel(needed), to: showLevel(power)},
        apply: (given) => withLevel(given, name, isEvent, power),
      }),
    )
  }
  return axes
}

/** Levels at which something changes, ascending: those that the room has, and one above each. */
function thresholds({event, rules, create}: Hearing, read: PowerLevels): readonly PowerLevel[] {
  const found: PowerLevel[] = NAMED_LEVELS.map((name) => read.named(name))
  const all = [read, ...(event.type === POWER_SLOT.type ? [new PowerLevels(event.content, rules)] : [])]
  for (const levels of all) {
    for (const name of NAMED_LEVELS) found.push(levels.named(name))
    for (const key of ['users', 'events', 'notifications'] as const) found.push(...levels.entries(key).values())
  }
  if (create !== null && event.sender !== create.sender) found.push(100)
  const both = found.flatMap((level) => [level, typeof level === 'bigint' ? level + 1n : level + 1])
  const good = both.filter((level) => !Number.isNaN(level) && Number.isFinite(Number(level)))
  return [...new Map(good.map((level) => [String(level), level])).values()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
}

/** Levels that the rules hold the sender's power against. */
function levelsAsked({type, content}: Pdu): readonly {readonly name: string; readonly isEvent: boolean}[] {
  const named = (...names: readonly NamedLevel[]) => names.map((name) => ({name, isEvent: false}))
  if (type === 'm.room.third_party_invite') return named('invite')
  if (type !== 'm.room.member') {
    return [{name: type, isEvent: true}, ...(type === 'm.room.redaction' ? named('redact') : [])]
  }
  const membership = own(content, 'membership')
  if (membership === 'leave') return named('kick', 'ban')
  return membership === 'ban' ? named('ban') : membership === 'invite' || membership === 'join' ? named('invite') : []
}

/** A room that lets other servers in. */
function roomAxes({create, event}: Hearing): readonly Axis[] {
  if (create === null || !Object.hasOwn(create.content, 'm.federate')) return []
  const home = serverNameOf(create.sender)
  const isOpen = own(create.content, 'm.federate') === true
  const isOfHome = serverNameOf(event.sender) === home && serverNameOf(event.stateKey ?? '') === home
  return isOpen || isOfHome ? [] : [axis({change: {kind: 'federate'}, apply: withFederation})]
}
