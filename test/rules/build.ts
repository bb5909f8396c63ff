import {RoomBuilder} from '../../src/graph/room-builder.ts'
import type {RoomGraph} from '../../src/graph/room-graph.ts'
import {canonicalJson} from '../../src/matrix/canonical-json.ts'
import {contentHash, eventIdOf} from '../../src/matrix/hashes.ts'
import {type EventId, serverNameOf} from '../../src/matrix/ids.ts'
import type {Json, JsonObject} from '../../src/matrix/json.ts'
import {parsePdu} from '../../src/matrix/pdu.ts'
import {type RoomVersionRules, rulesFor} from '../../src/matrix/room-version.ts'
import {replay, VERDICT_NAMES} from '../../src/resolve/replay.ts'

/** The creator. Alice, Mo and Carol are of one server, Bob and Dave of another. */
export const ALICE = '@alice:a.example'
export const MO = '@mo:a.example'
export const CAROL = '@carol:a.example'
export const BOB = '@bob:b.example'
export const DAVE = '@dave:b.example'

/** An event as a test writes it; names stand for the IDs that it will get. */
export interface Draft {
  readonly type: string
  /** Alice when absent. */
  readonly sender?: string
  readonly state_key?: string
  readonly content?: JsonObject
  /** Names; the last event when absent. */
  readonly prev?: readonly string[]
  /** Names; when absent what the selection gives from the state after `authAt`. */
  readonly auth?: readonly string[]
  /** Name; the first of `prev` when absent. */
  readonly authAt?: string
  /** Servers that sign; the sender's when absent. */
  readonly signers?: readonly string[]
  readonly room_id?: string
  /** Literal ID of the redacted event. */
  readonly redacts?: string
  /** Versions 1 and 2: the server in the event's ID; the sender's when absent. */
  readonly idServer?: string
}

interface Made {
  readonly id: string
  readonly depth: number
  /** Slot to name, as if every event was accepted: only for choosing auth events. */
  readonly state: ReadonlyMap<string, string>
}

export interface Outcome {
  readonly verdict: string
  /** Which rule rejected it, e.g. `v10:4.3.2@auth`. */
  readonly rule: string | null
  readonly name: string | null
}

const slot = (type: string, stateKey = ''): string => `${type} ${stateKey}`

/** Makes real PDUs, hashes and IDs included; signatures are only there, not good. */
export class Room {
  readonly version: string
  readonly rules: RoomVersionRules
  readonly pdus: JsonObject[] = []
  /** Name of the event that the next one follows. */
  tip = ''
  /** Name of the event added last. */
  last = ''
  #roomId = '!room:a.example'
  readonly #made = new Map<string, Made>()

  constructor(version: string) {
    const rules = rulesFor(version)
    if (rules === undefined) throw new Error(`no room version ${version}`)
    this.version = version
    this.rules = rules
  }

  /** Whether the create event's sender is above all levels and must not be listed. */
  get hasCreatorsAboveAll(): boolean {
    return this.rules.creatorsOutrankAll
  }

  /** Names of the events, in the order in which they were added. */
  get names(): readonly string[] {
    return [...this.#made.keys()]
  }

  get roomId(): string {
    return this.#roomId
  }

  id(name: string): string {
    const made = this.#made.get(name)
    if (made === undefined) throw new Error(`no event is named ${name}`)
    return made.id
  }

  /** Go back to an earlier event: what is added next makes a fork. */
  at(name: string): this {
    this.id(name)
    this.tip = name
    return this
  }

  /** The create event, with what its version wants; `more` adds to its content or, with `undefined`, takes away. */
  create(more: Readonly<Record<string, Json | undefined>> = {}, draft: Partial<Draft> = {}): this {
    const creator = this.rules.creatorIsSender ? {} : {creator: draft.sender ?? ALICE}
    const content: Record<string, Json | undefined> = {room_version: this.version, ...creator, ...more}
    const kept = Object.entries(content).filter(([, value]) => value !== undefined)
    this.add('create', {
      type: 'm.room.create',
      state_key: '',
      content: Object.fromEntries(kept),
      prev: [],
      auth: [],
      ...draft,
    })
    const roomId = this.pdus.at(-1)?.['room_id']
    this.#roomId = typeof roomId === 'string' ? roomId : `!${this.id('create').slice(1)}`
    return this
  }

  /** A member event; the one concerned sends it when there is no other sender. */
  member(name: string, user: string, membership: Json, sender: string = user, more: JsonObject = {}): this {
    return this.add(name, member(user, membership, sender, more))
  }

  /** Power levels; the creator is listed with 100 where the version allows. */
  power(name: string, content: JsonObject, sender?: string): this {
    return this.add(name, power(this, content, sender))
  }

  joinRules(name: string, rule: Json, more: JsonObject = {}): this {
    return this.add(name, {type: 'm.room.join_rules', state_key: '', content: {join_rule: rule, ...more}})
  }

  /** Adds the event; it is the tip from now on. */
  add(name: string, draft: Draft): this {
    if (this.#made.has(name)) throw new Error(`two events are named ${name}`)
    const prev = draft.prev ?? [this.tip]
    const parents = prev.map((parent) => this.#get(parent))
    const base = this.#get(draft.authAt ?? prev[0] ?? '', new Map())
    const auth = draft.auth ?? this.#select(draft, base.state)
    const depth = 1 + Math.max(0, ...parents.map((parent) => parent.depth))
    const pdu = this.#pdu(name, draft, {prev, auth, depth})
    const state = new Map(parents[0]?.state)
    if (draft.state_key !== undefined) state.set(slot(draft.type, draft.state_key), name)
    const given = pdu['event_id']
    this.#made.set(name, {id: typeof given === 'string' ? given : eventIdOf(pdu, this.rules), depth, state})
    this.pdus.push(pdu)
    this.tip = name
    this.last = name
    return this
  }

  #get(name: string, none?: ReadonlyMap<string, string>): Made {
    if (name === '' && none !== undefined) return {id: '', depth: 0, state: none}
    this.id(name)
    return this.#made.get(name) ?? {id: '', depth: 0, state: new Map()}
  }

  /** https://spec.matrix.org/v1.19/server-server-api/#auth-events-selection */
  #select(draft: Draft, state: ReadonlyMap<string, string>): readonly string[] {
    const {type, content = {}, state_key: target = ''} = draft
    const slots = [slot('m.room.power_levels'), slot('m.room.member', draft.sender ?? ALICE)]
    if (!this.rules.roomIdIsCreateHash) slots.push(slot('m.room.create'))
    const membership = content['membership']
    if (type === 'm.room.member') {
      slots.push(slot('m.room.member', target))
      if (['join', 'invite', 'knock'].some((name) => name === membership)) slots.push(slot('m.room.join_rules'))
      const invite = content['third_party_invite'] as {signed?: {token?: unknown}} | undefined
      const token = invite?.signed?.token
      if (membership === 'invite' && typeof token === 'string') slots.push(slot('m.room.third_party_invite', token))
      const authoriser = content['join_authorised_via_users_server']
      if (this.rules.restricted && membership === 'join' && typeof authoriser === 'string')
        slots.push(slot('m.room.member', authoriser))
    }
    return [...new Set(slots)].flatMap((wanted) => state.get(wanted) ?? [])
  }

  #pdu(
    name: string,
    draft: Draft,
    refs: {readonly prev: readonly string[]; readonly auth: readonly string[]; readonly depth: number},
  ): JsonObject {
    const {type, sender = ALICE, content = {}, state_key, redacts} = draft
    const cite = (parent: string): Json =>
      this.rules.refsCarryHashes ? [this.id(parent), {sha256: ''}] : this.id(parent)
    const server = serverNameOf(sender)
    const namesServer = this.rules.eventIdFormat === 'server-assigned'
    const idServer = draft.idServer ?? server
    const isNamedByHash = this.rules.roomIdIsCreateHash && type === 'm.room.create'
    const roomId = draft.room_id ?? (isNamedByHash ? undefined : this.#roomId)
    const signers = new Set([...(draft.signers ?? [server]), ...(namesServer ? [idServer] : [])])
    const pdu: JsonObject = {
      type,
      sender,
      content,
      origin_server_ts: 1_700_000_000_000 + this.pdus.length,
      depth: refs.depth,
      prev_events: refs.prev.map(cite),
      auth_events: refs.auth.map(cite),
      ...(roomId === undefined ? {} : {room_id: roomId}),
      ...(state_key === undefined ? {} : {state_key}),
      ...(redacts === undefined ? {} : {redacts}),
      ...(namesServer ? {event_id: `$${name}:${idServer}`} : {}),
    }
    return {
      ...pdu,
      hashes: {sha256: contentHash(pdu)},
      signatures: Object.fromEntries([...signers].map((signer) => [signer, {'ed25519:1': 'c2lnbmF0dXJl'}])),
    }
  }

  graph(): RoomGraph {
    const builder = new RoomBuilder(this.rules)
    this.pdus.forEach((pdu, index) => builder.add(parsePdu(canonicalJson(pdu, 'python'), this.rules), index + 1))
    return builder.finish(this.#roomId, this.id('create') as EventId)
  }

  /** What becomes of an event; of the last one when no name is given. */
  judge(name: string = this.last): Outcome {
    const {graph, verdicts, rejections} = replay(this.graph())
    const row = graph.row(this.id(name))
    const rejection = rejections.get(row)
    return {
      verdict: VERDICT_NAMES[(verdicts[row] ?? 0) as 0 | 1 | 2],
      rule: rejection?.rule ?? null,
      name: rejection?.name ?? null,
    }
  }
}

export function member(user: string, membership: Json, sender: string = user, more: JsonObject = {}): Draft {
  return {type: 'm.room.member', state_key: user, sender, content: {membership, ...more}}
}

export function power(room: Room, content: JsonObject, sender = ALICE): Draft {
  const users = content['users'] as JsonObject | undefined
  const listed = room.hasCreatorsAboveAll ? {...users} : {[ALICE]: 100, ...users}
  return {type: 'm.room.power_levels', state_key: '', sender, content: {...content, users: listed}}
}

export const message = (sender: string = ALICE): Draft => ({
  type: 'm.room.message',
  sender,
  content: {body: 'hello', msgtype: 'm.text'},
})

export const topic = (sender: string = ALICE, stateKey = ''): Draft => ({
  type: 'm.room.topic',
  sender,
  state_key: stateKey,
  content: {topic: 'a topic'},
})

/** Alice alone in her room: create event and her join. */
export function bare(version: string, create: Readonly<Record<string, Json | undefined>> = {}): Room {
  return new Room(version).create(create).member('alice', ALICE, 'join')
}

/** Mo has level 50 and so has the one to change levels; anyone may join. */
export const LEVELS: JsonObject = {
  users: {[MO]: 50},
  events: {'m.room.power_levels': 10},
  ban: 30,
  kick: 30,
  invite: 0,
}

/** Alice's public room with Mo, a moderator, and Carol. Bob and Dave are not in it. */
export function publicRoom(version: string, levels: JsonObject = {}): Room {
  return bare(version)
    .power('levels', {...LEVELS, ...levels})
    .joinRules('rules', 'public')
    .member('mo', MO, 'join')
    .member('carol', CAROL, 'join')
}
