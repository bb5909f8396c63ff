import type {Finding} from '../../src/finding/finding.ts'
import type {ResetCause} from '../../src/forensics/cause.ts'
import {findResets, type Reset} from '../../src/forensics/resets.ts'
import {type BlameReport, blameRoom} from '../../src/investigate/blame-room.ts'
import {type LoadedRoom, loadRoomFrom} from '../../src/investigate/load-room.ts'
import {resolveRoom} from '../../src/investigate/resolve-room.ts'
import type {StateRoot} from '../../src/resolve/state-trie.ts'
import type {Reading} from '../../src/resolve/auth-difference.ts'
import type {StateRes} from '../../src/matrix/room-version.ts'
import {type Replay, replay, VERDICT_NAMES} from '../../src/resolve/replay.ts'
import {resolveStates} from '../../src/resolve/states.ts'
import {tipsOf} from '../../src/resolve/tips.ts'

/** People of the stories: each has a server of their own. */
export const userId = (name: string): string => `@${name}:${name}.example`

export interface Told {
  readonly key?: string
  readonly content?: object
  /** IDs without `$`; by default the event told last. */
  readonly prev?: readonly string[]
  readonly auth?: readonly string[]
  readonly ts?: number
  readonly depth?: number | bigint
  /** Leaves the create event out of the auth events of versions that want it. */
  readonly citesNoCreate?: true
  /** ID of another room that the event belongs to. */
  readonly room?: string
}

/** State as people read it: `topic` for `m.room.topic`, `member bob` for Bob's membership; values are IDs without `$`. */
export type Slots = Readonly<Record<string, string>>

export interface Options {
  readonly algorithm?: StateRes
  readonly reading?: Reading
}

/** A small room with speaking event IDs, told event by event. */
export class Story {
  readonly version: string
  readonly lines: string[] = []
  readonly #depths = new Map<string, bigint>()
  #last: string | null = null

  constructor(version: string) {
    this.version = version
  }

  /** A room that Alice made, with herself in it. */
  static of(version: string, create: object = {}): Story {
    const story = new Story(version)
    const creator = Number(version) < 11 ? {creator: userId('alice')} : {}
    story.tell('create', 'alice', 'm.room.create', {
      key: '',
      content: {room_version: version, ...creator, ...create},
      prev: [],
      auth: [],
    })
    return story.member('alice', 'alice', 'join', {auth: []})
  }

  /** Cites the create event where the version wants that. */
  tell(id: string, sender: string, type: string, told: Told): this {
    const {key, content = {}, prev, auth = [], ts, depth} = told
    const parents = prev ?? (this.#last === null ? [] : [this.#last])
    const own = BigInt(
      depth ??
        1n +
          parents.reduce(
            (most, parent) => ((this.#depths.get(parent) ?? 0n) > most ? this.#depths.get(parent)! : most),
            0n,
          ),
    )
    const isCited = type !== 'm.room.create' && this.version !== '12' && told.citesNoCreate !== true
    const cited = isCited ? ['create', ...auth] : auth
    const ref = (name: string): unknown => (Number(this.version) < 3 ? [`$${name}`, {sha256: ''}] : `$${name}`)
    const event = {
      event_id: `$${id}`,
      ...(type === 'm.room.create' && this.version === '12'
        ? {}
        : {room_id: told.room ?? (this.version === '12' ? '!create' : '!room:alice.example')}),
      type,
      ...(key === undefined ? {} : {state_key: key}),
      sender: userId(sender),
      content,
      prev_events: parents.map(ref),
      auth_events: cited.map(ref),
      origin_server_ts: ts ?? 1000 * (this.lines.length + 1),
    }
    this.lines.push(JSON.stringify(event).replace(/\}$/, `,"depth":${String(own)}}`))
    this.#depths.set(id, own)
    this.#last = id
    return this
  }

  /** A membership; its ID is the target's name, unless one is given. */
  member(sender: string, target: string, membership: string, told: Told & {readonly id?: string} = {}): this {
    return this.tell(told.id ?? target, sender, 'm.room.member', {
      ...told,
      key: userId(target),
      content: {membership, ...told.content},
    })
  }

  /** Power levels by name of the user; `more` may hold other levels. */
  power(id: string, sender: string, users: Readonly<Record<string, number>>, told: Told, more: object = {}): this {
    const named = Object.fromEntries(Object.entries(users).map(([name, level]) => [userId(name), level]))
    return this.tell(id, sender, 'm.room.power_levels', {...told, key: '', content: {users: named, ...more}})
  }

  joinRule(id: string, sender: string, rule: string, told: Told): this {
    return this.tell(id, sender, 'm.room.join_rules', {...told, key: '', content: {join_rule: rule}})
  }

  topic(id: string, sender: string, told: Told): this {
    return this.tell(id, sender, 'm.room.topic', {...told, key: '', content: {topic: id}})
  }

  /** A message that joins branches. */
  merge(id: string, sender: string, prev: readonly string[], auth: readonly string[]): this {
    return this.tell(id, sender, 'm.room.message', {prev, auth})
  }

  play(options: Options = {}): Played {
    return new Played(this, options)
  }
}

/** A reset as stories tell it: events by their IDs without `$`, `-` where there is none; slots as in `Slots`. */
export interface ToldReset {
  readonly slot: string
  readonly cause: ResetCause
  /** Whether it is the note `state/revoked-concurrently`. */
  readonly expected: boolean
  readonly lost: string
  readonly got: string
  /** Event that the merge is at; `-`: the tips, or states that were given. */
  readonly at: string
  readonly dropped: readonly string[]
  readonly blockers: readonly string[]
  readonly lacking: string
  readonly underV21: string
  /** Other merges in which the same happened. */
  readonly again: number
}

/** A story replayed. */
export class Played {
  readonly room: LoadedRoom
  readonly replay: Replay
  readonly #options: Options

  constructor(story: Story, options: Options) {
    const pdus = story.lines.map((text, index) => ({text, line: index + 1}))
    this.#options = options
    this.room = loadRoomFrom('story', pdus, {trustIds: true})
    this.replay = replay(this.room.graph, options)
  }

  resets(): readonly ToldReset[] {
    return findResets(this.replay, {tips: tipsOf(this.replay)}).map((reset) => this.told(reset))
  }

  told({slot, cause, expected, lost, got, merge, dropped, blockers, lacking, underV21, again}: Reset): ToldReset {
    const name = (row: number | null): string =>
      row === null || row < 0 ? '-' : this.replay.graph.id(row).replace(/^\$/, '')
    return {
      ...{slot: this.#nameOf(slot), cause, expected, lost: name(lost), got: name(got), at: name(merge.at)},
      dropped: dropped.map(({row}) => name(row)),
      blockers: blockers.map(({event}) => name(event)),
      lacking: name(lacking),
      underV21: underV21 === null ? 'same' : name(underV21),
      again,
    }
  }

  /** All that `resolve` finds in the room, or in the resolution of given states. */
  findings(states?: readonly (readonly string[])[]): readonly Finding[] {
    const {reading} = this.#options
    return resolveRoom(this.room, {
      ...(reading === undefined ? {} : {reading}),
      ...(states === undefined ? {} : {states: states.map((ids) => ids.map((id) => `$${id}`))}),
    }).findings
  }

  blame(type: string, stateKey?: string): BlameReport {
    const {reading} = this.#options
    return blameRoom(this.room, type, stateKey, reading === undefined ? {} : {reading})
  }

  #nameOf(slot: number): string {
    const {type, stateKey} = this.replay.graph.slotAt(slot)
    return `${type.replace('m.room.', '')} ${/^@(\w+):/.exec(stateKey)?.[1] ?? stateKey}`.trim()
  }

  #row(id: string): number {
    const row = this.replay.graph.row(`$${id}`)
    if (row < 0) throw new Error(`there is no ${id}`)
    return row
  }

  /** `accepted`, or the rule that rejected it. */
  verdict(id: string): string {
    const row = this.#row(id)
    return this.replay.rejections.get(row)?.rule ?? VERDICT_NAMES[this.replay.verdicts[row] ?? 0] ?? ''
  }

  before(id: string): Slots {
    return this.#slots(this.replay.before[this.#row(id)] ?? -1, this.replay)
  }

  after(id: string): Slots {
    return this.#slots(this.replay.after[this.#row(id)] ?? -1, this.replay)
  }

  /** The resolution of given states, each a list of the events in it. */
  resolve(states: readonly (readonly string[])[], algorithm?: StateRes): Slots {
    const sets = states.map((ids) => ids.map((id) => `$${id}`))
    const {resolver, root, missing} = resolveStates(this.replay.graph, sets, {
      ...this.#options,
      ...(algorithm === undefined ? {} : {algorithm}),
    })
    if (missing.length > 0) throw new Error(`the story lacks ${missing.join(' ')}`)
    return this.#slots(root, resolver)
  }

  #slots(root: StateRoot, {trie}: Pick<Replay, 'trie'>): Slots {
    if (root < 0) throw new Error('the state is not known')
    const slots: Record<string, string> = {}
    trie.forEach(root, (slot, row) => {
      slots[this.#nameOf(slot)] = this.replay.graph.id(row).slice(1)
    })
    return slots
  }
}
