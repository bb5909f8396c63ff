import {isObject, type Json, type JsonObject, own} from '../../matrix/json.ts'
import type {Pdu} from '../../matrix/pdu.ts'
import type {EventId} from '../../matrix/ids.ts'
import type {PowerLevel} from '../../matrix/power-levels.ts'
import {
  creatorOf,
  creatorsAboveAll,
  type Hearing,
  isSameSlot,
  JOIN_RULES_SLOT,
  memberSlot,
  type NamedSlot,
  POWER_SLOT,
  selection,
  slotsToCite,
  standsIn,
} from './hearing.ts'

/** One thing that could be different: in the room, or in the event itself. */
export type Change =
  /** A user's power. */
  | {readonly kind: 'power'; readonly user: string; readonly from: string; readonly to: string}
  /** What something takes: a named level, or that of an event type (`event` is then true). */
  | {
      readonly kind: 'level'
      readonly name: string
      readonly event: boolean
      readonly from: string
      readonly to: string
    }
  | {readonly kind: 'membership'; readonly user: string; readonly from: string; readonly to: string}
  | {readonly kind: 'join-rule'; readonly from: string; readonly to: string}
  /** The room lets other servers in. */
  | {readonly kind: 'federate'}
  /** The event without some of its auth events, of all that it cites: one that it cites twice may stay once. */
  | {readonly kind: 'without-auth-events'; readonly eventIds: readonly string[]; readonly cited: readonly string[]}
  /** The event with other auth events. */
  | {readonly kind: 'auth-events'; readonly eventIds: readonly string[]}
  | {readonly kind: 'sender'; readonly user: string}
  | {readonly kind: 'state-key'; readonly to: string}
  | {readonly kind: 'authoriser'; readonly user: string}
  | {readonly kind: 'authoriser-signature'; readonly user: string}
  /** The event without some of what its content says. */
  | {readonly kind: 'content'; readonly without: readonly string[]}

/** A change with what comes of it. */
export interface Applied {
  readonly change: Change
  readonly apply: (hearing: Hearing) => Hearing
}

const NEW = '$new'

/** The hearing with other content in a slot of the room: in the state before the event, and in the auth events that it cites. */
export function withContent(
  hearing: Hearing,
  slot: NamedSlot,
  update: (content: JsonObject | null) => JsonObject,
): Hearing {
  const made = (): Pdu => newEvent(hearing, slot, update(null))
  const changed = (pdu: Pdu): Pdu => ({...pdu, content: update(pdu.content)})
  const {state, event} = hearing
  const old = state?.get(slot) ?? null
  const inState = old === null ? made() : changed(old)
  const cited = new Map(hearing.cited)
  let isCited = false
  for (const [id, pdu] of hearing.cited) {
    if (!standsIn(pdu, slot)) continue
    cited.set(id, changed(pdu))
    isCited = true
  }
  const isSelected = slotsToCite(event, hearing.rules).some((wanted) => isSameSlot(wanted, slot))
  if (!isCited && isSelected) cited.set(inState.eventId, inState)
  return {
    ...hearing,
    cited,
    event:
      isCited || !isSelected || event.authEvents.includes(inState.eventId)
        ? event
        : {...event, authEvents: [...event.authEvents, inState.eventId]},
    state: state === null ? null : {...state, get: (asked) => (isSameSlot(asked, slot) ? inState : state.get(asked))},
  }
}

function newEvent({event, roomId}: Hearing, slot: NamedSlot, content: JsonObject): Pdu {
  return {
    ...event,
    eventId: `${NEW} ${slot.type} ${slot.stateKey}` as EventId,
    roomId,
    type: slot.type,
    stateKey: slot.stateKey,
    sender: event.sender,
    content,
    prevEvents: [],
    authEvents: [],
    redacts: undefined,
    signers: null,
    fault: null,
    contentHashOk: null,
    wrongId: null,
  }
}

const asJson = (level: PowerLevel): Json => (typeof level === 'bigint' ? Number(level) : level)

/** Power levels as they count where there are none: the creator has 100, unless above all. */
function levelsWithoutEvent({create, rules}: Hearing): JsonObject {
  const creator = create === null ? null : creatorOf(create, rules)
  const isAbove = create !== null && creator !== null && creatorsAboveAll(create, rules).includes(creator)
  return creator === null || isAbove ? {} : {users: {[creator]: 100}}
}

function entryOf(content: JsonObject, key: string): JsonObject {
  const map = own(content, key)
  return isObject(map) ? map : {}
}

export function withPower(hearing: Hearing, user: string, level: PowerLevel): Hearing {
  return withContent(hearing, POWER_SLOT, (content) => {
    const levels = content ?? levelsWithoutEvent(hearing)
    return {...levels, users: {...entryOf(levels, 'users'), [user]: asJson(level)}}
  })
}

export function withLevel(hearing: Hearing, name: string, isEvent: boolean, level: PowerLevel): Hearing {
  return withContent(hearing, POWER_SLOT, (content) => {
    const levels = content ?? levelsWithoutEvent(hearing)
    return isEvent
      ? {...levels, events: {...entryOf(levels, 'events'), [name]: asJson(level)}}
      : {...levels, [name]: asJson(level)}
  })
}

export function withMembership(hearing: Hearing, user: string, membership: string): Hearing {
  return withContent(hearing, memberSlot(user), (content) => ({...content, membership}))
}

export function withJoinRule(hearing: Hearing, rule: string): Hearing {
  return withContent(hearing, JOIN_RULES_SLOT, (content) => ({...content, join_rule: rule}))
}

export function withFederation(hearing: Hearing): Hearing {
  const {create} = hearing
  const changed = withContent(hearing, {type: 'm.room.create', stateKey: ''}, (content) => ({
    ...content,
    'm.federate': true,
  }))
  return {
    ...changed,
    create: create === null ? null : {...create, content: {...create.content, 'm.federate': true}},
  }
}

/** The event with other auth events; those that are not at hand yet come along. */
export function withAuthEvents(hearing: Hearing, pdus: readonly Pdu[]): Hearing {
  const cited = new Map(pdus.map((pdu) => [pdu.eventId as string, pdu]))
  return {...hearing, cited, event: {...hearing.event, authEvents: pdus.map(({eventId}) => eventId)}}
}

/** The event without some of its citations: each ID as often as it is listed, the last ones first. */
export function withoutAuthEvents(hearing: Hearing, eventIds: readonly string[]): Hearing {
  const left = [...hearing.event.authEvents]
  for (const id of eventIds) {
    const at = left.lastIndexOf(id)
    if (at >= 0) left.splice(at, 1)
  }
  const cited = new Map([...hearing.cited].filter(([id]) => left.includes(id)))
  return {...hearing, cited, event: {...hearing.event, authEvents: left}}
}

/** The event of another sender, who cites what the state gives for them. */
export function withSender(hearing: Hearing, user: string): Hearing {
  const sent = {...hearing, event: {...hearing.event, sender: user}}
  return hearing.state === null ? sent : withAuthEvents(sent, selection(sent))
}

export function withStateKey(hearing: Hearing, stateKey: string): Hearing {
  return {...hearing, event: {...hearing.event, stateKey}}
}

export function withEventContent(hearing: Hearing, content: JsonObject): Hearing {
  return {...hearing, event: {...hearing.event, content}}
}

/** A join that somebody of the room authorises, and whose server signs it. */
export function withAuthoriser(hearing: Hearing, user: string): Hearing {
  const {event} = hearing
  const content = {...event.content, join_authorised_via_users_server: user}
  const joined = {...hearing, event: {...event, content, signers: null}}
  return withAuthEvents(joined, selection(joined))
}

export function withSignature(hearing: Hearing): Hearing {
  return {...hearing, event: {...hearing.event, signers: null}}
}
