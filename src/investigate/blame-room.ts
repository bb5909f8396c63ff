import {StateError} from '../errors.ts'
import type {Finding} from '../finding/finding.ts'
import {type Blame, type BlameEntry, blameSlot, isPlain} from '../forensics/blame.ts'
import type {Blocker, Fate} from '../forensics/fate.ts'
import {resetFindings} from '../forensics/reset-findings.ts'
import {resetStory, resetSummary} from '../forensics/reset-story.ts'
import {findResets, type Reset} from '../forensics/resets.ts'
import {briefOf, briefOfEvent, type EventBrief} from '../forensics/words.ts'
import {Flag, type RoomGraph, type Slot} from '../graph/room-graph.ts'
import type {Reading} from '../resolve/auth-difference.ts'
import {replay, type Replay, Verdict} from '../resolve/replay.ts'
import {tipsOf} from '../resolve/tips.ts'
import {missingEvents} from './gaps.ts'
import type {LoadedRoom} from './load-room.ts'
import {isCompleteReplay} from './replay-lines.ts'

export interface BlameOptions {
  /** @defaultValue `synapse` */
  readonly reading?: Reading
  readonly unknowable?: readonly string[]
  /** What was found wrong with the evidence before the replay. */
  readonly evidenceFindings?: readonly Finding[]
}

/** What stood against an event in a merge. */
export interface BlameBlocker {
  readonly slot: Slot
  readonly event: EventBrief
  /** The event's own auth event in its place. */
  readonly own: EventBrief | null
  readonly origin: 'agreed' | 'resolved'
}

/** An entry of a slot's life; see `BlamedEvent` and `BlamedMerge` for what the fields mean. */
export type BlameLine =
  | {
      readonly kind: 'set' | 'rejected'
      readonly plain: false
      readonly event: EventBrief
      readonly previous: EventBrief | null
      readonly leadsToNow: boolean
      readonly rule: string | null
      readonly because: string | null
    }
  | {
      readonly kind: 'merge'
      /** Only of interest to whoever wants everything. */
      readonly plain: boolean
      /** `null`: the merge of the room's tips. */
      readonly at: EventBrief | null
      readonly branches: readonly {readonly after: string; readonly value: EventBrief | null}[]
      readonly candidates: readonly BlameCandidate[]
      readonly result: EventBrief | null
      readonly decided: string
      readonly reset: BlameReset | null
      readonly fell: readonly {readonly slot: Slot; readonly lost: EventBrief; readonly result: EventBrief | null}[]
      readonly again: number
    }

export interface BlameCandidate {
  readonly event: EventBrief
  readonly branches: readonly number[]
  readonly outcome: Fate['kind']
  readonly rule: string | null
  readonly because: string | null
  readonly blockers: readonly BlameBlocker[]
  readonly order: number | null
  readonly phase: string | null
  readonly mainline: number | null
}

export interface BlameReset {
  readonly cause: string
  /** Whether that is how resolution is meant to work. */
  readonly expected: boolean
  readonly summary: string
  readonly story: readonly string[]
  /** What stood at the root of it, and all else that fell by it at the same merge. */
  readonly root: {readonly slot: Slot; readonly event: EventBrief} | null
  readonly fellTogether: readonly Slot[]
  /** What room version 12 would have given; `undefined` where that is the room's own way. */
  readonly underV21?: EventBrief | null
}

/** The life of one slot; plain data, for any renderer. */
export interface BlameReport {
  readonly roomId: string
  readonly roomVersion: string
  readonly stateRes: string
  readonly reading: Reading
  readonly source: string
  readonly complete: boolean
  readonly unknowable: readonly string[]
  readonly slot: Slot
  /** `null`: nothing stands there; `undefined`: it cannot be determined. */
  readonly now: EventBrief | null | undefined
  readonly lines: readonly BlameLine[]
  /** Events of the slot that could not be judged. */
  readonly undetermined: number
  /** Events that others cite and that are not here: any of them may have set the slot. */
  readonly missing: number
  /** What slots there are that may have been meant, where no event here set this one; otherwise `null`. */
  readonly hint: string | null
  readonly findings: readonly Finding[]
}

/**
 * Replays a room and tells the life of one slot.
 *
 * @param stateKey - absent: the empty one, or the only one that the type has; a type that is a user ID stands for that user's membership
 * @throws StateError SLOT_UNKNOWN when no event of the room ever stood there; where events are missing, that cannot be known, and the
 * report says so
 */
export function blameRoom(
  room: LoadedRoom,
  type: string,
  stateKey: string | undefined,
  options: BlameOptions = {},
): BlameReport {
  const {graph} = room
  const missing = missingEvents(graph).length
  const slot = findSlot(graph, type, stateKey)
  if (typeof slot !== 'number') {
    if (isCompleteReplay(room, graph, 0) || slot.isAmbiguous) throw neverSet(slot)
    return {
      ...describe(room, options),
      reading: options.reading ?? 'synapse',
      complete: false,
      slot: {type: slot.type, stateKey: slot.stateKey ?? ''},
      now: undefined,
      lines: [],
      undetermined: 0,
      missing,
      hint: slot.hint,
      findings: options.evidenceFindings ?? [],
    }
  }
  const result = replay(graph, options.reading === undefined ? {} : {reading: options.reading})
  const tips = tipsOf(result)
  const resets = findResets(result, {tips})
  const blame = blameSlot(result, tips, slot, resets)
  const {undetermined, ofSlot} = countUndetermined(result, slot)
  return {
    ...describe(room, options),
    reading: result.reading,
    complete: isCompleteReplay(room, graph, undetermined),
    slot: graph.slotAt(slot),
    // An event of the slot that could not be judged may stand there.
    now: blame.now === null || ofSlot > 0 ? undefined : briefOf(graph, blame.now),
    lines: blame.entries.map((entry) => lineOf(result, entry, resets)),
    undetermined: ofSlot,
    missing,
    hint: null,
    findings: [...(options.evidenceFindings ?? []), ...findingsOf(graph, blame, resets, undetermined === 0)],
  }
}

function describe({graph, rules, source}: LoadedRoom, {unknowable = []}: BlameOptions) {
  return {roomId: graph.roomId, roomVersion: rules.id, stateRes: rules.stateRes, source, unknowable}
}

/** Resets of the slot, and those that it caused; whether these others were repaired is for `resolve` to say. */
function findingsOf(graph: RoomGraph, blame: Blame, resets: readonly Reset[], isWhole: boolean): readonly Finding[] {
  const mine = resets.filter(({slot, root}) => slot === blame.slot || root?.slot === blame.slot)
  return resetFindings(graph, mine, (slot) => (slot === blame.slot ? blame.now : null), {isWhole})
}

function countUndetermined({graph, verdicts}: Replay, slot: number) {
  let undetermined = 0
  let ofSlot = 0
  for (let row = 0; row < graph.size; row += 1) {
    if (verdicts[row] !== Verdict.Undetermined || graph.has(row, Flag.Missing | Flag.Foreign)) continue
    undetermined += 1
    if (graph.slot[row] === slot) ofSlot += 1
  }
  return {undetermined, ofSlot}
}

/**
 * The slot that a person named, in a room that has events of it.
 *
 * @param stateKey - see `blameRoom`
 * @throws StateError SLOT_UNKNOWN
 */
export function slotToBlame(graph: RoomGraph, type: string, stateKey: string | undefined): number {
  const slot = findSlot(graph, type, stateKey)
  if (typeof slot === 'number') return slot
  throw neverSet(slot)
}

/** A slot that no event here has. */
interface UnknownSlot {
  readonly type: string
  readonly stateKey: string | undefined
  /** The type has several state keys, and none was given. */
  readonly isAmbiguous: boolean
  readonly hint: string
}

function findSlot(graph: RoomGraph, type: string, stateKey: string | undefined): number | UnknownSlot {
  if (type.startsWith('@') && stateKey === undefined) return findSlot(graph, 'm.room.member', type)
  const slot = graph.slotOf(type, stateKey ?? '')
  if (slot >= 0) return slot
  const ofType = graph.slots.filter((one) => one.type === type)
  const [only] = ofType
  if (stateKey === undefined && ofType.length === 1 && only !== undefined) return graph.slotOf(type, only.stateKey)
  const isAmbiguous = stateKey === undefined && only !== undefined
  return {type, stateKey, isAmbiguous, hint: hintForSlot(graph, type, stateKey ?? '', ofType)}
}

function neverSet({type, stateKey, hint}: UnknownSlot): StateError {
  const wanted = stateKey === undefined || stateKey === '' ? '' : ` with the state key ${JSON.stringify(stateKey)}`
  return new StateError('SLOT_UNKNOWN', `no event of the room ever set ${JSON.stringify(type)}${wanted}`, {hint})
}

const EXAMPLES = 5

function hintForSlot(graph: RoomGraph, type: string, stateKey: string, ofType: readonly Slot[]): string {
  if (ofType.length > 0) {
    const like = stateKey === '' ? ofType : ofType.filter((slot) => slot.stateKey.includes(stateKey.replace(/^@/, '')))
    const shown = (like.length > 0 ? like : ofType).slice(0, EXAMPLES).map((slot) => JSON.stringify(slot.stateKey))
    const how = ofType.length === 1 ? '1 state key' : `${String(ofType.length)} state keys, such as`
    return `The type has ${how} ${shown.join(', ')}: write ${ofType.length === 1 ? 'it' : 'one'} behind the type.`
  }
  const types = [...new Set(graph.slots.map((slot) => slot.type))]
  const like = types.filter((one) => one.includes(type.replace(/^m\.room\./, '')))
  return `Types in this room: ${(like.length > 0 ? like : types).slice(0, 2 * EXAMPLES).join(', ')}.`
}

function lineOf(result: Replay, entry: BlameEntry, resets: readonly Reset[]): BlameLine {
  const {graph} = result
  if (entry.kind !== 'merge') {
    const rejection = result.rejections.get(entry.row)
    return {
      kind: entry.kind,
      plain: false,
      event: briefOfEvent(graph, entry.row),
      previous: briefOf(graph, entry.previous),
      leadsToNow: entry.leadsToNow,
      rule: rejection?.rule ?? null,
      because: rejection?.because ?? null,
    }
  }
  const {merge, held, got, candidates, decided, reset, fell, again} = entry
  return {
    kind: 'merge',
    plain: isPlain(entry),
    at: merge.at === null ? null : briefOfEvent(graph, merge.at),
    branches: held.map((row, index) => ({after: graph.id(merge.prevs[index] ?? 0), value: briefOf(graph, row)})),
    candidates: candidates.map(({row, inputs, fate, order, phase, mainline}) => ({
      event: briefOfEvent(graph, row),
      branches: inputs,
      outcome: fate.kind,
      rule: fate.kind === 'failed' ? (fate.step.rejection?.rule ?? null) : null,
      because: fate.kind === 'failed' ? (fate.step.rejection?.because ?? null) : null,
      blockers: fate.kind === 'failed' ? fate.blockers.map((blocker) => blockerOf(graph, blocker)) : [],
      ...{order, phase, mainline},
    })),
    result: briefOf(graph, got),
    decided,
    reset: reset === null ? null : resetOf(graph, reset, resets),
    fell: fell.map((one) => ({
      slot: graph.slotAt(one.slot),
      lost: briefOfEvent(graph, one.lost),
      result: briefOf(graph, one.got),
    })),
    again,
  }
}

function blockerOf(graph: RoomGraph, {slot, event, own, origin}: Blocker): BlameBlocker {
  return {slot: graph.slotAt(slot), event: briefOfEvent(graph, event), own: briefOf(graph, own), origin}
}

function resetOf(graph: RoomGraph, reset: Reset, resets: readonly Reset[]): BlameReset {
  const {root, underV21} = reset
  const together = resets.filter(
    (one) =>
      one !== reset &&
      root !== null &&
      one.merge.at === reset.merge.at &&
      one.root?.event === root.event &&
      !one.expected,
  )
  return {
    cause: reset.cause,
    expected: reset.expected,
    summary: resetSummary(graph, reset),
    story: resetStory(graph, reset),
    root: root === null ? null : {slot: graph.slotAt(root.slot), event: briefOfEvent(graph, root.event)},
    fellTogether: together.map(({slot}) => graph.slotAt(slot)),
    ...(underV21 === null ? {} : {underV21: briefOf(graph, underV21)}),
  }
}
