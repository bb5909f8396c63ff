import type {CaseReader, CaseWriter} from '../casefile/shapes.ts'
import {StateError} from '../errors.ts'
import {Flag} from '../graph/room-graph.ts'
import {JsonError, type JsonObject, objectOrNull} from '../matrix/json.ts'
import {nameEvent} from '../matrix/pdu.ts'
import type {RoomVersionRules} from '../matrix/room-version.ts'
import type {Reading} from '../resolve/auth-difference.ts'
import {StateDigests} from '../resolve/digest.ts'
import {replay, type Replay, UNKNOWN_STATE, VERDICT_NAMES} from '../resolve/replay.ts'
import type {RawPdu} from '../sources/port.ts'
import {dumpLine, rulesOfCase} from './case-room.ts'
import {copyEvidence} from './copy-evidence.ts'
import {loadRoomFrom} from './load-room.ts'
import {ddmin} from './delta-debugging.ts'

export interface MinimiseOptions {
  /** Events whose findings must still appear. */
  readonly keep: readonly string[]
  readonly reading?: Reading
  /** Replays of smaller and smaller parts, at most. @defaultValue 500 */
  readonly maxReplays?: number
}

/** What the replay says of an event: what must not change. */
export interface Appearance {
  readonly eventId: string
  readonly verdict: (typeof VERDICT_NAMES)[number]
  readonly rule: string | null
  readonly because: string | null
  readonly culprit: string | null
  /** Digests of the states before and after it; `null`: not known. */
  readonly before: string | null
  readonly after: string | null
}

/**
 * Which part of the room an event's finding needs: only its form (`alone`), the events that it cites as auth events (`auth-events`), also
 * theirs (`auth-chain`), the whole history of its auth events (`auth-history`), or its own whole history (`history`).
 */
export type PartKind = 'alone' | 'auth-events' | 'auth-chain' | 'auth-history' | 'history'

export interface Minimised {
  readonly roomId: string
  readonly events: number
  readonly removed: number
  readonly kept: readonly (Appearance & {readonly part: PartKind})[]
  /** Nothing more can go, for all that was tried; `false`: the replays were used up first. */
  readonly minimal: boolean
  readonly replays: number
  /** What was left out and why not more, each a sentence. */
  readonly sentences: readonly string[]
}

/**
 * Writes the smallest part of a case into an empty one in which the findings on some events still appear: same verdict, rule and reason, and,
 * where the states around an event matter, the same states.
 *
 * Events name each other by hashes, so that none can be taken out of a chain: what depends on a state needs its whole history, and keeps it.
 * Only what is decided by the form of an event or by its auth events does with less. The result has been replayed before it is written.
 *
 * @throws StateError EVENT_UNKNOWN, and what `loadRoomFrom` throws
 * @remarks Replays of parts, largest first; the room is in memory.
 */
export function minimise(from: CaseReader, to: CaseWriter, options: MinimiseOptions): Minimised {
  const room = new WholeRoom(from, options)
  const needed = new Set<string>()
  const kept: (Appearance & {readonly part: PartKind})[] = []
  let minimal = true
  for (const eventId of new Set(options.keep)) {
    const found = room.smallest(eventId)
    for (const id of found.ids) needed.add(id)
    kept.push({...found.appearance, part: found.part})
    minimal &&= found.minimal
  }
  // Each part shows its finding; together they should, and whole histories do.
  if (!kept.every((appearance) => room.appears(needed, appearance))) {
    for (const {eventId} of kept) for (const id of room.history(eventId)) needed.add(id)
    minimal = false
  }
  const removed = room.size - needed.size
  const note = `minimised: ${String(needed.size)} of ${String(room.size)} events, for ${options.keep.join(', ')}`
  copyEvidence(from, to, {
    roomVersion: room.rules.id,
    only: needed,
    notes: [note],
    event: (copy) => (needed.has(room.nameOf(copy)) ? {text: copy.text, eventId: copy.eventId} : null),
  })
  const {roomId} = from
  const sentences = describe(kept, removed, minimal)
  return {roomId, events: needed.size, removed, kept, minimal, replays: room.replays, sentences}
}

/** The room as it is, and questions about parts of it. */
class WholeRoom {
  readonly rules: RoomVersionRules
  replays = 0
  readonly #name: string
  readonly #reading: {readonly reading?: Reading}
  readonly #maxReplays: number
  readonly #lines = new Map<string, RawPdu[]>()
  readonly #whole: Replay

  constructor(from: CaseReader, {reading, maxReplays = 500}: MinimiseOptions) {
    this.rules = rulesOfCase(from)
    this.#name = from.path
    this.#reading = reading === undefined ? {} : {reading}
    this.#maxReplays = maxReplays
    let line = 0
    for (const copy of from.copies()) {
      line += 1
      const id = this.nameOf(copy)
      const pdu = {text: dumpLine(copy, this.rules), line}
      const known = this.#lines.get(id)
      if (known === undefined) this.#lines.set(id, [pdu])
      else known.push(pdu)
    }
    this.#whole = this.#replay([...this.#lines.values()].flat())
  }

  get size(): number {
    return this.#lines.size
  }

  /** The ID by which the replay knows a copy, which may not be the one that it came with. */
  nameOf(copy: {readonly text: string; readonly eventId: string}): string {
    const event: JsonObject | null = objectOrNull(dumpLine(copy, this.rules))
    try {
      return event === null ? copy.eventId : nameEvent(event, this.rules).eventId
    } catch (error) {
      if (error instanceof JsonError) return copy.eventId
      throw error
    }
  }

  #replay(pdus: readonly RawPdu[]): Replay {
    return replay(loadRoomFrom(this.#name, pdus).graph, this.#reading)
  }

  /** `null` for a part that is no room any more, such as one whose events of other rooms nobody cites. */
  #replayPart(pdus: readonly RawPdu[]): Replay | null {
    try {
      return this.#replay(pdus)
    } catch (error) {
      if (error instanceof StateError) return null
      throw error
    }
  }

  appears(ids: ReadonlySet<string>, wanted: Appearance): boolean {
    this.replays += 1
    const pdus = [...ids].flatMap((id) => this.#lines.get(id) ?? [])
    const part = this.#replayPart(pdus.sort((a, b) => a.line - b.line))
    if (part === null) return false
    const row = part.graph.row(wanted.eventId)
    if (row < 0 || part.graph.has(row, Flag.Missing)) return false
    const got = appearance(part, row)
    const sameVerdict =
      got.verdict === wanted.verdict &&
      got.rule === wanted.rule &&
      got.because === wanted.because &&
      got.culprit === wanted.culprit
    return sameVerdict && (!dependsOnState(wanted) || (got.before === wanted.before && got.after === wanted.after))
  }

  smallest(eventId: string): {ids: ReadonlySet<string>; appearance: Appearance; part: PartKind; minimal: boolean} {
    const {graph} = this.#whole
    const row = graph.row(eventId)
    if (row < 0 || graph.has(row, Flag.Missing | Flag.Foreign)) {
      throw new StateError('EVENT_UNKNOWN', `${this.#name}: the room has no event ${JSON.stringify(eventId)}`, {
        hint: "Write the whole event ID in single quotes: a shell replaces '$…'.",
      })
    }
    const wanted = appearance(this.#whole, row)
    const history = this.history(eventId)
    if (dependsOnState(wanted)) return {ids: history, appearance: wanted, part: 'history', minimal: true}
    for (const [part, ids] of this.#parts(row)) {
      if (!this.appears(ids, wanted)) continue
      const least = this.#reduce(ids, wanted)
      return {...least, appearance: wanted, part}
    }
    return {ids: history, appearance: wanted, part: 'history', minimal: true}
  }

  /** Parts that may be enough for what the event's form or auth events decide, smallest first. */
  *#parts(row: number): Generator<readonly [PartKind, ReadonlySet<string>]> {
    const {graph} = this.#whole
    const authEvents = [...graph.authOf(row)]
    const prevOf = (parent: number): Int32Array => graph.prevOf(parent)
    const authOf = (parent: number): Int32Array => graph.authOf(parent)
    yield ['alone', this.#named([row])]
    yield ['auth-events', this.#named([row, ...authEvents])]
    yield ['auth-chain', this.#named([row, ...this.#closure(authEvents, [authOf])])]
    yield ['auth-history', this.#named([row, ...this.#closure(authEvents, [prevOf, authOf])])]
  }

  history(eventId: string): ReadonlySet<string> {
    const {graph} = this.#whole
    return this.#named(this.#closure([graph.row(eventId)], [(row) => graph.prevOf(row), (row) => graph.authOf(row)]))
  }

  #closure(from: readonly number[], parents: readonly ((row: number) => Int32Array)[]): ReadonlySet<number> {
    const seen = new Set(from)
    for (const row of seen) for (const of of parents) for (const parent of of(row)) seen.add(parent)
    return seen
  }

  /** Always with the create event, without which nothing is known of a room. */
  #named(rows: Iterable<number>): ReadonlySet<string> {
    const {graph} = this.#whole
    const ids = new Set<string>()
    for (const row of [graph.create, ...rows]) if (!graph.has(row, Flag.Missing)) ids.add(graph.id(row))
    return ids
  }

  #reduce(ids: ReadonlySet<string>, wanted: Appearance): {ids: ReadonlySet<string>; minimal: boolean} {
    const {graph} = this.#whole
    const fixed = [graph.id(graph.create), wanted.eventId]
    const loose = [...ids].filter((id) => !fixed.includes(id))
    const budget = Math.max(0, this.#maxReplays - this.replays)
    const least = ddmin(loose, (part) => this.appears(new Set([...fixed, ...part]), wanted), budget)
    return {ids: new Set([...fixed, ...least.items]), minimal: least.minimal}
  }
}

/** A verdict by form or by auth events alone needs no state around the event. */
function dependsOnState({rule}: Appearance): boolean {
  return rule === null || !(rule.startsWith('format:') || rule.endsWith('@auth'))
}

function appearance({graph, verdicts, rejections, before, after, trie}: Replay, row: number): Appearance {
  const rejection = rejections.get(row)
  const digests = new StateDigests(graph, trie)
  const digest = (root: number | undefined): string | null =>
    root === undefined || root === UNKNOWN_STATE ? null : digests.digest(root).sha256
  return {
    eventId: graph.id(row),
    verdict: VERDICT_NAMES[(verdicts[row] ?? 0) as 0 | 1 | 2],
    rule: rejection?.rule ?? null,
    because: rejection?.because ?? null,
    culprit: rejection?.culprit ?? null,
    before: digest(before[row]),
    after: digest(after[row]),
  }
}

const PARTS: Readonly<Record<PartKind, string>> = {
  alone: 'its own form decides',
  'auth-events': 'its auth events decide',
  'auth-chain': 'its auth chain decides',
  'auth-history': 'its auth events decide, whose own verdicts need their history',
  history:
    'the state before it matters, which needs its whole history: events name each other by hashes, so that none can be taken out',
}

function describe(
  kept: readonly (Appearance & {readonly part: PartKind})[],
  removed: number,
  minimal: boolean,
): readonly string[] {
  return [
    ...kept.map(
      ({eventId, verdict, rule, part}) =>
        `${eventId} (${verdict}${rule === null ? '' : ` by ${rule}`}): ${PARTS[part]}`,
    ),
    `${removed.toLocaleString('en-US')} events were left out, and what servers said of the states at them, of the current state and of extremities`,
    ...(kept.some(({part}) => part !== 'history')
      ? ['Events whose own history was left out are undetermined in the small case; what was to be kept is not.']
      : []),
    ...(minimal ? [] : ['It may not be the smallest: not everything could be tried.']),
  ]
}
