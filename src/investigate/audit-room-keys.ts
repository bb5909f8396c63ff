import {MessageAudit, type MessageAuditResult, type RotationSettings} from '../devices/message-audit.ts'
import {
  type LostMemberships,
  recipientFindings,
  type RecipientGrade,
  type Recipients,
  type RecipientSide,
} from '../devices/recipients.ts'
import {
  type EncryptionSetting,
  type EncryptionSide,
  roomEncryptionFindings,
  type ToldEvent,
  type ToldSpan,
  visibilityFindings,
} from '../devices/room-encryption.ts'
import type {CaseReader} from '../casefile/shapes.ts'
import type {Finding} from '../finding/finding.ts'
import {
  algorithmOf,
  descendantsOf,
  ENCRYPTED,
  encryptedWhere,
  ENCRYPTION,
  encryptionHistory,
  type EncryptionHistory,
  type EventSpan,
} from '../forensics/encryption-history.ts'
import {hasUndetermined} from '../forensics/merge.ts'
import {resetSummary} from '../forensics/reset-story.ts'
import {findResets, type Reset} from '../forensics/resets.ts'
import {Flag} from '../graph/room-graph.ts'
import {serverNameOf} from '../matrix/ids.ts'
import {isObject, type JsonObject, own} from '../matrix/json.ts'
import {replay, type Replay, UNKNOWN_STATE, Verdict} from '../resolve/replay.ts'
import {ABSENT, type StateRoot} from '../resolve/state-trie.ts'
import {tipsOf} from '../resolve/tips.ts'
import type {DiffReport, DiffSide, SlotDifference} from './diff-report.ts'
import {diffRoom} from './diff-room.ts'
import {eventOf, redactionsOf} from './event-contents.ts'
import type {OpenedRoom} from './opened-room.ts'

const MEMBER = 'm.room.member'
const VISIBILITY = 'm.room.history_visibility'
const JOIN = 'join'

/** Published identity keys of a user's devices: curve25519 by device ID, `null` where there is none; `null`: not known. */
export type DevicesOf = (userId: string) => ReadonlyMap<string, string | null> | null

/** The encryption of one room: who is in it, what became of `m.room.encryption`, its messages, and who gets their keys. */
export class RoomKeys {
  readonly diff: DiffReport
  readonly #replay: Replay
  readonly #tips: readonly number[]
  readonly #root: StateRoot
  readonly #history: EncryptionHistory
  readonly #resets: readonly Reset[]
  readonly #certainty: 'proof' | 'strong' | 'hint'

  private constructor(opened: OpenedRoom, diff: DiffReport, reader: CaseReader) {
    this.diff = diff
    this.#replay = replay(opened.room.graph)
    this.#tips = tipsOf(this.#replay)
    const roots = this.#tips.map((tip) => this.#replay.after[tip] ?? UNKNOWN_STATE)
    this.#root =
      roots.length === 0 || roots.includes(UNKNOWN_STATE) ? UNKNOWN_STATE : this.#replay.resolver.resolve(roots).root
    this.#history = encryptionHistory(
      this.#replay,
      {tips: this.#tips, root: this.#root},
      redactionsOf(this.#replay, reader),
    )
    this.#resets = findResets(this.#replay, {tips: this.#tips}).filter(({expected}) => !expected)
    this.#certainty =
      !diff.complete || hasUndetermined(this.#replay) ? 'hint' : opened.unknowable.length === 0 ? 'proof' : 'strong'
  }

  /**
   * @param reader - the case that the room was opened from: contents of messages are read from it
   * @remarks Two replays, one of them within `diffRoom`.
   */
  static async of(opened: OpenedRoom, reader: CaseReader): Promise<RoomKeys> {
    return new RoomKeys(opened, await diffRoom(opened), reader)
  }

  /** Whether the room is encrypted at the tips; `null`: not known. */
  get encrypted(): boolean | null {
    return this.#history.holds
  }

  /** Events after which the present is taken, sorted. */
  get at(): readonly string[] {
    return this.#tips.map((row) => this.#replay.graph.id(row)).sort()
  }

  /** Users joined by the replay, those whom only a server says to be joined, and those who were until a merge lost it; sorted. */
  joined(): {
    readonly here: readonly string[]
    readonly elsewhere: readonly string[]
    readonly lost: readonly string[]
  } {
    const {graph, trie} = this.#replay
    const here = new Set<string>()
    if (this.#root !== UNKNOWN_STATE) {
      trie.forEach(this.#root, (slot, row) => {
        const {type, stateKey} = graph.slotAt(slot)
        if (type === MEMBER && this.#membership(row) === JOIN) here.add(stateKey)
      })
    }
    const elsewhere = new Set<string>()
    for (const difference of this.diff.differences) {
      if (difference.type !== MEMBER || here.has(difference.stateKey)) continue
      const sides = Object.keys(difference.values)
      if (sides.some((side) => membershipIn(difference, side) === JOIN)) elsewhere.add(difference.stateKey)
    }
    const lost = this.#lostMemberships().flatMap(({users}) =>
      users.flatMap(({userId, lost: {membership}, healed}) => (membership === JOIN && !healed ? [userId] : [])),
    )
    const others = new Set(lost.filter((userId) => !here.has(userId) && !elsewhere.has(userId)))
    return {here: [...here].sort(), elsewhere: [...elsewhere].sort(), lost: [...others].sort()}
  }

  /** Looks at every accepted encrypted message, in the order of the DAG. Texts are read one by one. */
  messages(reader: CaseReader, devicesOf: DevicesOf): MessageAuditResult {
    const {graph, verdicts} = this.#replay
    const audit = new MessageAudit(this.#rotation())
    for (let row = 0; row < graph.size; row += 1) {
      if (verdicts[row] !== Verdict.Accepted || graph.typeName(row) !== ENCRYPTED) continue
      if (graph.has(row, Flag.State | Flag.Missing)) continue
      const event = eventOf(reader, graph.id(row))
      const told = event === null ? undefined : own(event, 'content')
      // What was redacted, in the room or in the case, could not be looked at: it counts as that.
      const content = isObject(told) ? told : {}
      audit.add({eventId: graph.id(row), sender: graph.senderName(row), originServerTs: graph.ts[row] ?? 0, content})
    }
    return audit.end(devicesOf)
  }

  /** Of every event that set them and was accepted. */
  #rotation(): readonly RotationSettings[] {
    const {graph} = this.#replay
    return this.#history.set.map((row) => ({
      periodMs: numberIn(graph.content(row), 'rotation_period_ms', 604_800_000),
      periodMsgs: numberIn(graph.content(row), 'rotation_period_msgs', 100),
    }))
  }

  /** What is wrong with who can read. Nothing where the room never was encrypted. */
  findings(devicesOf: (userId: string) => readonly string[] | null): readonly Finding[] {
    if (this.#history.set.length === 0) return []
    return [
      ...this.#encryptionFindings(),
      ...recipientFindings(this.#recipients(devicesOf)),
      ...visibilityFindings(this.#visibilityResets()),
    ]
  }

  #encryptionFindings(): readonly Finding[] {
    const {set, algorithm, losses, clear, now} = this.#history
    const {graph} = this.#replay
    const slot = graph.slotOf(ENCRYPTION, '')
    const lost = losses.at(-1) ?? null
    const before = set.filter((row) => algorithmOf(graph, row) === algorithm && row !== lost?.row)
    const lostAt = lost?.row ?? Infinity
    const last = before.findLast((row) => row < lostAt) ?? before.at(-1)
    if (last === undefined || algorithm === null) return []
    const reset = this.#resets.find((one) => one.slot === slot && one.merge.at === (lost?.row ?? null))
    return roomEncryptionFindings({
      roomId: graph.roomId,
      set: this.#setting(last),
      algorithm,
      sides: [
        ...(now === null
          ? []
          : [
              {
                source: 'replay',
                where: this.#where,
                setting: now === ABSENT ? null : this.#setting(now),
                isSure: true,
                since: null,
              },
            ]),
        ...this.#encryptionSides(),
      ],
      lost:
        lost === null
          ? null
          : {
              kind: lost.kind,
              at: lost.row === null ? null : this.#told(lost.row),
              cause: reset?.cause ?? null,
              story: reset === undefined ? null : resetSummary(graph, reset),
            },
      clear: this.#span(clear),
      certainty: this.#certainty,
    })
  }

  get #where(): string {
    return `state after ${this.diff.at.join(', ')}`
  }

  /** What servers say, but for those that have left the room, or have no state to speak of: `diff` tells of them. */
  get #servers(): readonly DiffSide[] {
    const create = this.diff.differences.find(({type}) => type === 'm.room.create')
    return this.diff.sides.slice(1).filter(({id}) => create?.values[id] !== null)
  }

  /** Servers whose state differs from the replay's in that slot; of the others it says the same. */
  #encryptionSides(): readonly EncryptionSide[] {
    const difference = this.diff.differences.find(({type, stateKey}) => type === ENCRYPTION && stateKey === '')
    return this.#servers.flatMap((side): readonly EncryptionSide[] => {
      const grade = difference?.grades[side.id]
      if (difference === undefined || grade === undefined) return []
      const value = difference.values[side.id] ?? null
      // An event that is not here may say anything.
      if (value !== null && value.event === null) return []
      const row = value === null ? ABSENT : this.#replay.graph.row(value.eventId)
      return [
        {
          source: side.server,
          where: whereOf(side),
          setting: row < 0 ? null : this.#setting(row),
          isSure: grade === 'diverged' || grade === 'rejected-there',
          since: this.#pointOf(side, [{type: ENCRYPTION, stateKey: ''}])?.eventId ?? null,
        },
      ]
    })
  }

  #pointOf(side: DiffSide, slots: readonly {readonly type: string; readonly stateKey: string}[]) {
    return this.diff.divergencePoints.find(
      (point) =>
        point.server === side.server &&
        point.slots.some((one) => slots.some(({type, stateKey}) => one.type === type && one.stateKey === stateKey)),
    )
  }

  #setting(row: number): EncryptionSetting {
    const {redactedBy, now} = this.#history
    return {
      ...this.#told(row),
      algorithm: algorithmOf(this.#replay.graph, row),
      redactedBy: row === now && redactedBy !== null ? this.#told(redactedBy) : null,
    }
  }

  #recipients(devicesOf: Recipients['devicesOf']): Recipients {
    const {graph} = this.#replay
    return {
      roomId: graph.roomId,
      where: this.#where,
      sides: this.#servers.flatMap((side) => this.#side(side)),
      lost: this.#lostMemberships(),
      devicesOf,
      certainty: this.#certainty,
    }
  }

  #side(side: DiffSide): readonly RecipientSide[] {
    const differing = this.diff.differences.filter(
      (one) =>
        one.type === MEMBER &&
        one.grades[side.id] !== undefined &&
        (membershipIn(one, 'replay') === JOIN) !== (membershipIn(one, side.id) === JOIN) &&
        membershipIn(one, side.id) !== UNREAD,
    )
    if (differing.length === 0) return []
    const {graph} = this.#replay
    const point = this.#pointOf(side, differing)
    const rows = differing.flatMap((one) =>
      ['replay', side.id].map((id) => graph.row(one.values[id]?.eventId ?? '')).filter((row) => row >= 0),
    )
    // Without a record of its earlier states: not before the events that it differs in.
    const from = point === undefined ? Math.max(-1, ...rows) : graph.row(point.eventId)
    const reached = descendantsOf(graph, from)
    const messages = encryptedWhere(
      this.#replay,
      (row) => reached[row] === 1 && serverNameOf(graph.senderName(row)) === side.server,
    )
    return [
      {
        server: side.server,
        where: whereOf(side),
        differences: differing.map((one) => ({
          userId: one.stateKey,
          replay: membershipIn(one, 'replay'),
          there: membershipIn(one, side.id),
          grade: recipientGrade(one, side),
        })),
        since: from < 0 ? null : {event: this.#told(from), proven: point?.provenEarliest ?? false},
        messages: this.#span(messages),
      },
    ]
  }

  /** Resets of memberships, those of one merge and root together. */
  #lostMemberships(): readonly LostMemberships[] {
    const {graph, trie, before} = this.#replay
    const groups = new Map<string, Reset[]>()
    for (const reset of this.#resets) {
      if (graph.slotAt(reset.slot).type !== MEMBER) continue
      if ((this.#membership(reset.lost) === JOIN) === (this.#membership(reset.got) === JOIN)) continue
      const key = JSON.stringify([reset.merge.at, reset.root?.slot ?? null])
      groups.set(key, [...(groups.get(key) ?? []), reset])
    }
    return [...groups.values()].flatMap((resets) => {
      const [first] = resets
      if (first === undefined) return []
      const {at} = first.merge
      const root = this.#resets.find((one) => one.merge.at === at && one.slot === first.root?.slot) ?? first
      const reached = at === null ? null : descendantsOf(graph, at)
      const messages = encryptedWhere(this.#replay, (row) => {
        const state = before[row] ?? UNKNOWN_STATE
        return (
          reached?.[row] === 1 && state !== UNKNOWN_STATE && resets.some(({slot, got}) => trie.get(state, slot) === got)
        )
      })
      return [
        {
          at: at === null ? null : this.#told(at),
          cause: root.cause,
          story: resetSummary(graph, root),
          users: resets.map(({slot, lost, got}) => ({
            userId: graph.slotAt(slot).stateKey,
            lost: {membership: this.#membership(lost) ?? '', eventId: graph.id(lost)},
            got: this.#membership(got),
            // What somebody said since then stands, whatever it is.
            healed: this.#root !== UNKNOWN_STATE && trie.get(this.#root, slot) !== got,
          })),
          messages: this.#span(messages),
        },
      ]
    })
  }

  #visibilityResets() {
    const {graph, trie} = this.#replay
    const slot = graph.slotOf(VISIBILITY, '')
    const value = (row: number): string | null => {
      const text = row === ABSENT ? null : own(graph.content(row), 'history_visibility')
      return typeof text === 'string' ? text : null
    }
    return this.#resets
      .filter((one) => one.slot === slot && this.#root !== UNKNOWN_STATE && trie.get(this.#root, slot) === one.got)
      .map(({merge, lost, got, cause}) => ({
        at: merge.at === null ? null : this.#told(merge.at),
        lost: value(lost) ?? '',
        got: value(got),
        cause,
      }))
  }

  #membership(row: number): string | null {
    const membership = row === ABSENT ? null : own(this.#replay.graph.content(row), 'membership')
    return typeof membership === 'string' ? membership : null
  }

  #told(row: number): ToldEvent {
    const {graph} = this.#replay
    return {eventId: graph.id(row), sender: graph.senderName(row), ts: graph.ts[row] ?? 0}
  }

  #span(span: EventSpan | null): ToldSpan | null {
    return span === null ? null : {count: span.count, first: this.#told(span.first), last: this.#told(span.last)}
  }
}

/** Of an event that is not here. */
const UNREAD = '?'

function membershipIn({values}: SlotDifference, side: string): string | null {
  const value = values[side] ?? null
  if (value === null) return null
  const membership = value.event === null ? UNREAD : own(value.event.content, 'membership')
  return typeof membership === 'string' ? membership : null
}

function recipientGrade(difference: SlotDifference, side: DiffSide): RecipientGrade {
  const grade = difference.grades[side.id]
  return grade === undefined || grade === 'ahead' || grade === 'changed' ? 'unknown' : grade
}

const WHAT: Readonly<Record<DiffSide['what'], string>> = {
  replay: 'state',
  current: 'current state',
  'at-extremity': 'state at its extremity',
  before: 'state before',
  after: 'state after',
}

function whereOf({how, what, eventId}: DiffSide): string {
  return `${how}: ${WHAT[what]}${eventId === null ? '' : ` ${eventId}`}`
}

function numberIn(content: JsonObject, key: string, otherwise: number): number {
  const value = own(content, key)
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : otherwise
}
