import {Membership, type MembershipCode, type RoomGraph} from '../graph/room-graph.ts'
import {serverNameOf} from '../matrix/ids.ts'
import {type JsonObject, own} from '../matrix/json.ts'
import {DEFAULT_LEVELS, type NamedLevel, type PowerLevel} from '../matrix/power-levels.ts'
import {isSignedInvite} from './third-party.ts'
import {type AuthView, emptyView, Role} from './view.ts'

/** Which of the events that a graph holds were rejected, as far as is known; asked for auth events only. */
export type IsRejected = (row: number) => boolean

/**
 * One event before its judges: the event, the state events that the rules may look at, and what the rules ask about them. One object
 * serves for a whole replay; `event` and `view` change.
 */
export class Judgement {
  readonly graph: RoomGraph
  readonly view: AuthView = emptyView()
  readonly isRejected: IsRejected
  /** Row of the event being judged. */
  event = 0
  /** Levels of users under the power levels event that was asked last. */
  #levels = new Map<number, PowerLevel>()
  #levelsOf = -2
  /** What the join rules event that was asked last says. */
  #joinRule = ''
  #joinRuleOf = -2
  /** Whether the create event that was asked last lets other servers in. */
  #federates = true
  #federatesOf = -2
  readonly #creators: ReadonlySet<string>
  readonly #creator: string | null

  constructor(graph: RoomGraph, isRejected: IsRejected) {
    this.graph = graph
    this.isRejected = isRejected
    this.#creators = creatorsAboveAll(graph)
    this.#creator = creatorOf(graph)
  }

  get rules() {
    return this.graph.rules
  }
  get type(): number {
    return this.graph.type[this.event] ?? -1
  }
  get sender(): number {
    return this.graph.sender[this.event] ?? -1
  }
  get target(): number {
    return this.graph.target[this.event] ?? -1
  }
  get membership(): MembershipCode {
    return (this.graph.membership[this.event] ?? Membership.None) as MembershipCode
  }
  get content(): JsonObject {
    return this.graph.content(this.event)
  }
  get senderName(): string {
    return this.graph.user(this.sender)
  }
  get targetName(): string {
    return this.graph.user(this.target)
  }

  role(role: number): number {
    return this.view[role] ?? -1
  }

  /** Current membership of the user in a member role; `None` without an event. */
  membershipOf(role: number): MembershipCode {
    const row = this.role(role)
    return (row < 0 ? Membership.None : (this.graph.membership[row] ?? 0)) as MembershipCode
  }

  /** User (by number) whose word the room was made by: power 100 without power levels. `null`: not a string. */
  get creatorName(): string | null {
    return this.#creator
  }

  /** Users who outrank every level, in versions that have such. */
  isCreatorAboveAll(user: string): boolean {
    return this.#creators.has(user)
  }

  get creatorsAboveAll(): ReadonlySet<string> {
    return this.#creators
  }

  /** https://spec.matrix.org/v1.19/client-server-api/#permissions; room version 12 for creators. */
  powerOf(user: number): PowerLevel {
    const row = this.role(Role.Power)
    if (row !== this.#levelsOf) {
      this.#levelsOf = row
      this.#levels = this.graph.userLevels(row)
    }
    const known = this.#levels.get(user)
    if (known !== undefined) return known
    const level = this.#readPower(row, user)
    this.#levels.set(user, level)
    return level
  }

  #readPower(row: number, user: number): PowerLevel {
    const name = user < 0 ? '' : this.graph.user(user)
    if (this.#creators.has(name)) return Infinity
    if (row >= 0) return this.graph.powerLevels(row).user(name)
    return name === this.#creator ? 100 : 0
  }

  /** What an action takes. */
  levelOf(name: NamedLevel): PowerLevel {
    const row = this.role(Role.Power)
    return row < 0 ? DEFAULT_LEVELS[name] : this.graph.powerLevels(row).named(name)
  }

  /** What it takes to send an event of this type. */
  requiredPower(): PowerLevel {
    const row = this.role(Role.Power)
    const isState = this.isState
    if (row < 0) return isState ? DEFAULT_LEVELS.state_default : DEFAULT_LEVELS.events_default
    return this.graph.powerLevels(row).required(this.graph.typeName(this.event), isState)
  }

  get isState(): boolean {
    return (this.graph.slot[this.event] ?? -1) >= 0
  }

  /** Empty for message events. */
  get stateKey(): string {
    const slot = this.graph.slot[this.event] ?? -1
    return slot < 0 ? '' : this.graph.slotAt(slot).stateKey
  }

  /** `invite` when there is no join rules event, or none that says which, as Synapse and gomatrixserverlib have it. */
  joinRule(): string {
    const row = this.role(Role.JoinRules)
    if (row < 0) return 'invite'
    if (row !== this.#joinRuleOf) {
      this.#joinRuleOf = row
      const rule = own(this.graph.content(row), 'join_rule')
      this.#joinRule = rule === undefined ? 'invite' : typeof rule === 'string' ? rule : ''
    }
    return this.#joinRule
  }

  /** Whether the third-party invite in the event is signed by a key of the one in the view. */
  isSignedInvite(): boolean {
    const thirdParty = this.role(Role.ThirdParty)
    return thirdParty >= 0 && isSignedInvite(this.content, this.graph.content(thirdParty))
  }

  /** Whether `m.federate` keeps this user's server out. Everything but `true` does, as in Synapse. */
  isShutOut(user: string): boolean {
    const create = this.role(Role.Create)
    if (create < 0) return false
    if (create !== this.#federatesOf) {
      this.#federatesOf = create
      const federate = own(this.graph.content(create), 'm.federate')
      this.#federates = federate === undefined || federate === true
    }
    return !this.#federates && serverNameOf(user) !== serverNameOf(this.graph.senderName(create))
  }
}

function creatorOf(graph: RoomGraph): string | null {
  if (graph.create < 0) return null
  if (graph.rules.creatorIsSender) return graph.senderName(graph.create)
  const creator = own(graph.content(graph.create), 'creator')
  return typeof creator === 'string' ? creator : null
}

function creatorsAboveAll(graph: RoomGraph): ReadonlySet<string> {
  if (graph.create < 0 || !graph.rules.creatorsOutrankAll) return new Set()
  const more = own(graph.content(graph.create), 'additional_creators')
  const names = Array.isArray(more) ? (more as readonly unknown[]).filter((name) => typeof name === 'string') : []
  return new Set([graph.senderName(graph.create), ...names])
}
