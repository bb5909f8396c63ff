import {AuthChecker, type Rejection, type Stage} from '../../auth/check.ts'
import {type Trace, traceRules} from '../../auth/trace.ts'
import {implyCreate, Role, ROLES, selectSlots, viewOfOwn} from '../../auth/view.ts'
import {RoomBuilder} from '../../graph/room-builder.ts'
import {Flag, type RoomGraph} from '../../graph/room-graph.ts'
import {isObject, type JsonObject, own} from '../../matrix/json.ts'
import type {Pdu} from '../../matrix/pdu.ts'
import {type PowerLevel, PowerLevels} from '../../matrix/power-levels.ts'
import type {RoomVersionRules} from '../../matrix/room-version.ts'

/** A place in a state, by name: the event that stands there need not be in any graph. */
export interface NamedSlot {
  readonly type: string
  readonly stateKey: string
}

/** A state as far as it is asked: the event in a slot, and who is joined. */
export interface StateAsked {
  readonly get: (slot: NamedSlot) => Pdu | null
  /** Users who are joined, by that state. */
  readonly joined: () => readonly string[]
}

/**
 * One event and all that judges it, apart from its room: so that a what-if can exchange any part of it and ask again, and an event that
 * nobody has sent can be judged like one that was.
 */
export interface Hearing {
  readonly rules: RoomVersionRules
  readonly roomId: string
  /** The room's create event. */
  readonly create: Pdu | null
  readonly event: Pdu
  /** By ID: those of its auth events that are at hand. */
  readonly cited: ReadonlyMap<string, Pdu>
  /** Auth events that were rejected themselves. */
  readonly rejected: ReadonlySet<string>
  /** Auth events that are missing, or whose own verdict is open: then its auth events cannot answer. */
  readonly open: ReadonlySet<string>
  /** The state before it; `null`: not known. */
  readonly state: StateAsked | null
}

/** What a check comes to. */
export interface Judged {
  readonly passes: boolean
  readonly rejection: Rejection | null
  readonly trace: Trace
}

/**
 * The slots of the auth events selection for an event, by name; the first is the create event's, where it is not implied.
 *
 * @see https://spec.matrix.org/v1.19/server-server-api/#auth-events-selection
 */
export function slotsToCite(event: Pdu, rules: RoomVersionRules): readonly NamedSlot[] {
  const {type, content, sender, stateKey} = event
  if (type === 'm.room.create') return []
  const slots: NamedSlot[] = rules.roomIdIsCreateHash ? [] : [{type: 'm.room.create', stateKey: ''}]
  slots.push({type: 'm.room.power_levels', stateKey: ''}, memberSlot(sender))
  if (type === 'm.room.member') {
    if (stateKey !== undefined && stateKey !== sender) slots.push(memberSlot(stateKey))
    const membership = own(content, 'membership')
    if (membership === 'join' || membership === 'invite' || membership === 'knock') {
      slots.push({type: 'm.room.join_rules', stateKey: ''})
    }
    const token = membership === 'invite' ? tokenOf(content) : undefined
    if (typeof token === 'string') slots.push({type: 'm.room.third_party_invite', stateKey: token})
    const authoriser = own(content, 'join_authorised_via_users_server')
    if (rules.restricted && membership === 'join' && typeof authoriser === 'string') slots.push(memberSlot(authoriser))
  }
  return slots.filter((slot, index) => slots.findIndex((other) => isSameSlot(other, slot)) === index)
}

function tokenOf(content: JsonObject): unknown {
  const invite = own(content, 'third_party_invite')
  const signed = isObject(invite) ? own(invite, 'signed') : undefined
  return isObject(signed) ? own(signed, 'token') : undefined
}

export const memberSlot = (user: string): NamedSlot => ({type: 'm.room.member', stateKey: user})
export const POWER_SLOT: NamedSlot = {type: 'm.room.power_levels', stateKey: ''}
export const JOIN_RULES_SLOT: NamedSlot = {type: 'm.room.join_rules', stateKey: ''}

export function isSameSlot(a: NamedSlot, b: NamedSlot): boolean {
  return a.type === b.type && a.stateKey === b.stateKey
}

export function standsIn(event: Pdu, slot: NamedSlot): boolean {
  return event.type === slot.type && event.stateKey === slot.stateKey
}

/** The auth events that a server would choose from the state before the event; none where that is not known. */
export function selection({event, rules, state}: Hearing): readonly Pdu[] {
  if (state === null) return []
  return slotsToCite(event, rules).flatMap((slot) => state.get(slot) ?? [])
}

/**
 * Judges the event by its own auth events, or by the state before it, in a graph of these few events.
 *
 * @remarks About 50 microseconds.
 */
export function judge(hearing: Hearing, stage: Stage): Judged {
  const {checker, row} = convene(hearing, stage)
  const trace = traceRules(checker.judgement, stage)
  const passes = stage === 'auth' ? checker.passesOwn(row) : checker.passesState(row)
  return {passes, rejection: passes ? null : checker.rejection(stage), trace}
}

/** Whether it passes, without saying why. */
export function passes(hearing: Hearing, stage: Stage): boolean {
  const {checker, row} = convene(hearing, stage)
  return stage === 'auth' ? checker.passesOwn(row) : checker.passesState(row)
}

/** Whether it passes what can be asked of it; `false` where that is nothing. */
export function passesBoth(hearing: Hearing): boolean {
  if (hearing.event.authEvents.some((id) => hearing.open.has(id)) || !passes(hearing, 'auth')) return false
  return hearing.state === null || passes(hearing, 'before')
}

/** Whether two of its auth events stand in one slot, which is against the rules whatever the others are. */
export function provesDuplicate(hearing: Hearing): Rejection | null {
  const {checker, row} = convene(hearing, 'auth')
  return checker.provesDuplicate(row) ? checker.rejection('auth') : null
}

function convene(hearing: Hearing, stage: Stage): {readonly checker: AuthChecker; readonly row: number} {
  const {event, rules, create} = hearing
  const judges = stage === 'auth' ? [...hearing.cited.values()] : selection(hearing)
  const builder = new RoomBuilder(rules)
  // Nothing is asked of those that judge but what they say: without parents they come first, and take nothing else along.
  for (const judging of [...judges, ...(create === null ? [] : [create])]) {
    if (judging.eventId !== event.eventId) builder.add({...judging, prevEvents: [], authEvents: []}, 0)
  }
  builder.add(event, 0)
  const graph = builder.finish(hearing.roomId, create?.eventId ?? null)
  const row = graph.row(event.eventId)
  const checker = new AuthChecker(graph, (other) => hearing.rejected.has(graph.id(other)))
  checker.judgement.event = row
  const slots = new Int32Array(ROLES)
  selectSlots(graph, row, slots)
  const {view} = checker.judgement
  if (stage === 'auth') viewOfOwn(graph, row, slots, view)
  else viewOfJudges(graph, judges, slots, view)
  return {checker, row}
}

function viewOfJudges(graph: RoomGraph, judges: readonly Pdu[], slots: Int32Array, view: Int32Array): void {
  view.fill(-1)
  for (const {eventId} of judges) {
    const row = graph.row(eventId)
    for (let role = 0; role < ROLES; role += 1) if (slots[role] === graph.slot[row]) view[role] = row
  }
  if (!graph.rules.roomIdIsCreateHash && !judges.some(({type}) => type === 'm.room.create')) view[Role.Create] = -1
  implyCreate(graph, view)
}

/** A user's power by a state, as the rules see it. */
export function powerIn(hearing: Pick<Hearing, 'rules' | 'create'>, levels: Pdu | null, user: string): PowerLevel {
  const {rules, create} = hearing
  if (create !== null && creatorsAboveAll(create, rules).includes(user)) return Infinity
  if (levels !== null) return new PowerLevels(levels.content, rules).user(user)
  return create !== null && user === creatorOf(create, rules) ? 100 : 0
}

export function creatorsAboveAll(create: Pdu, rules: RoomVersionRules): readonly string[] {
  if (!rules.creatorsOutrankAll) return []
  const more = own(create.content, 'additional_creators')
  const names = Array.isArray(more) ? (more as readonly unknown[]).filter((name) => typeof name === 'string') : []
  return [create.sender, ...names]
}

export function creatorOf(create: Pdu, rules: RoomVersionRules): string | null {
  if (rules.creatorIsSender) return create.sender
  const creator = own(create.content, 'creator')
  return typeof creator === 'string' ? creator : null
}

/** Users with their power, the most powerful first, by name among equals. */
export function byPower(
  hearing: Hearing,
  users: readonly string[],
): readonly {readonly user: string; readonly power: PowerLevel}[] {
  const levels = hearing.state?.get(POWER_SLOT) ?? null
  return users
    .map((user) => ({user, power: powerIn(hearing, levels, user)}))
    .filter(({power}) => !Number.isNaN(power))
    .sort((a, b) => (a.power > b.power ? -1 : a.power < b.power ? 1 : a.user < b.user ? -1 : 1))
}

/** The event of a row, as far as a graph keeps it: the content of messages, which no rule reads, is not there. */
export function pduOfRow(graph: RoomGraph, row: number): Pdu {
  const slot = graph.slot[row] ?? -1
  const isForeign = graph.has(row, Flag.Foreign)
  const {columns} = graph
  const isCreate = graph.typeName(row) === 'm.room.create'
  const ownRoom = isCreate && graph.rules.roomIdIsCreateHash && !columns.createsWithRoomId.has(row)
  return {
    eventId: graph.id(row),
    roomId: isForeign ? `${graph.roomId} (another)` : ownRoom ? `!${graph.id(row).slice(1)}` : graph.roomId,
    type: graph.typeName(row),
    sender: graph.senderName(row),
    stateKey: slot < 0 ? undefined : graph.slotAt(slot).stateKey,
    content: graph.content(row),
    prevEvents: Array.from(graph.prevOf(row), (parent) => graph.id(parent)),
    authEvents: Array.from(graph.authOf(row), (parent) => graph.id(parent)),
    originServerTs: graph.ts[row] ?? 0,
    depth: graph.depth(row),
    redacts: columns.redacts.get(row),
    signers: graph.has(row, Flag.AuthoriserUnsigned) ? [] : null,
    fault: columns.faults.get(row) ?? null,
    contentHashOk: graph.has(row, Flag.Redacted) ? false : null,
    wrongId: null,
  }
}
