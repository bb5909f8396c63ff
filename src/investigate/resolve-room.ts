import type {Finding} from '../finding/finding.ts'
import {causalOrder} from '../forensics/causal-order.ts'
import {resetFindings} from '../forensics/reset-findings.ts'
import {givenResets} from '../forensics/resets.ts'
import {creatorsOf} from '../graph/creators.ts'
import {healthFindings} from '../forensics/health/health.ts'
import type {ServerView} from '../forensics/server-view.ts'
import {Flag, type RoomGraph} from '../graph/room-graph.ts'
import {own} from '../matrix/json.ts'
import {NAMED_LEVELS, PowerLevels} from '../matrix/power-levels.ts'
import type {Reading} from '../resolve/auth-difference.ts'
import {replay, type Replay, type ReplayOptions, UNKNOWN_STATE} from '../resolve/replay.ts'
import type {StateRoot, StateTrie} from '../resolve/state-trie.ts'
import {resolveStates} from '../resolve/states.ts'
import {tipsOf} from '../resolve/tips.ts'
import {asHint, compareWithReported, type Reported} from './compare-reported.ts'
import {findKnownEvent} from './find-event.ts'
import {countEvents, missingEvents} from './gaps.ts'
import type {LoadedRoom} from './load-room.ts'
import {hasFaults, isCompleteReplay} from './replay-lines.ts'
import {resetsFound} from './resets-found.ts'
import {dagFindings, readingFindings} from './room-findings.ts'
import type {PowerHolder, RejectedEvent, RoomReport, StateEntry} from './room-report.ts'

export interface ResolveOptions {
  /** @defaultValue `synapse` */
  readonly reading?: Reading
  /** Event after which the state is wanted; the tips when neither this nor `before` is given. */
  readonly at?: string
  /** Event before which the state is wanted. */
  readonly before?: string
  /** States to resolve instead of the room's own: lists of event IDs, each one whole state. */
  readonly states?: readonly (readonly string[])[]
  /** Only state of this type. */
  readonly type?: string
  /** Only state with this state key. */
  readonly stateKey?: string
  /** What the route that the events came by can never show. */
  readonly unknowable?: readonly string[]
  /** What servers say the current state is. */
  readonly reported?: readonly Reported[]
  /** What was found wrong with the evidence before the replay. */
  readonly evidenceFindings?: readonly Finding[]
  /** Forward extremities by server, as told. */
  readonly reportedExtremities?: Readonly<Record<string, readonly string[]>>
  /** Each server's view of the room, as far as it is known. */
  readonly views?: readonly ServerView[]
  /** Now, milliseconds since 1970: events with later dates are told. Without it nothing is said of them. */
  readonly nowMs?: number
  /** Gives the room's replay in this reading, which others need, too; called when the one in the other reading is out of memory. */
  readonly replayed?: () => Replay
}

/** A state in the replay of a room. */
export interface Position {
  readonly replay: Replay
  readonly at: readonly number[]
  readonly position: 'after' | 'before'
  readonly root: StateRoot
}

/** Other conditions than the room's own; see `what-if.ts`. */
export interface Hypothesis {
  readonly replay: Pick<ReplayOptions, 'algorithm' | 'without'>
  /** Called with each replay that is made, in either reading: what stands at the position as it would be. */
  readonly place: (found: Position) => Position
}

const AS_IT_IS: Hypothesis = {replay: {}, place: (found) => found}

/**
 * Replays a room and resolves its state at the tips, at an event, or from states that are given.
 *
 * @throws StateError EVENT_UNKNOWN for an event that is not in the room, STATES_MALFORMED for states that are none of it
 * @remarks Two replays where the readings can differ, one otherwise.
 */
export function resolveRoom(
  room: LoadedRoom,
  options: ResolveOptions = {},
  hypothesis: Hypothesis = AS_IT_IS,
): RoomReport {
  const report =
    options.states === undefined
      ? resolveByReplay(room, options, hypothesis)
      : resolveGiven(room, options.states, options, hypothesis)
  if (report.state === null || (options.type === undefined && options.stateKey === undefined)) return report
  const wanted = (entry: StateEntry): boolean =>
    (options.type ?? entry.type) === entry.type && (options.stateKey ?? entry.stateKey) === entry.stateKey
  return {...report, state: report.state.filter(wanted)}
}

const HEADS: ReadonlySet<string> = new Set(['state/mass-leave', 'dag/missing-region'])

function resolveByReplay(room: LoadedRoom, options: ResolveOptions, hypothesis: Hypothesis): RoomReport {
  const {graph} = room
  const {reading = 'synapse'} = options
  const other = otherReading(room, options, hypothesis)
  const here = hypothesis.place(locate(options.replayed?.() ?? replay(graph, {...hypothesis.replay, reading}), options))
  const tips = tipsOf(here.replay)
  const missing = missingEvents(graph)
  const counts = countEvents(here.replay, missing.length)
  const rejected = rejectedEvents(here.replay)
  const atTips = options.at === undefined && options.before === undefined
  // What servers say is their state now, which nothing at an earlier event can be held against.
  const reported = (atTips ? (options.reported ?? []) : []).flatMap(
    (side) => compareWithReported(graph, here.replay.trie, here.root, side, tips.length) ?? [],
  )
  const divergences = reported.flatMap(({findings}) => findings)
  const complete = isCompleteReplay(room, graph, counts.undetermined) && hasExtremities(graph, options)
  const resets = resetsFound(here.replay, tips)
  const health = roomHealth(room, here.replay, options, resets)
  return {
    ...describe(room, options, here.replay.reading),
    position: here.position,
    at: here.at.map((row) => graph.id(row)).sort(),
    atTips,
    complete: complete && here.root !== UNKNOWN_STATE,
    ...describeState(graph, here.replay.trie, here.root),
    counts,
    tips: tips.map((row) => graph.id(row)).sort(),
    rejected,
    missing,
    reported: reported.map(({comparison}) => comparison),
    findings: [
      ...(options.evidenceFindings ?? []),
      // What happened to many at once stands before what happened to each.
      ...health.filter(({id}) => HEADS.has(id)),
      ...dagFindings(room, rejected, missing),
      ...resets,
      ...health.filter(({id}) => !HEADS.has(id)),
      ...(other === null || here.root === UNKNOWN_STATE ? [] : readingFindings(here, other)),
      ...(complete ? divergences : divergences.map(asHint)),
    ],
  }
}

/** The health of the whole room, whatever state was asked for. */
function roomHealth(
  room: LoadedRoom,
  result: Replay,
  {views = [], nowMs}: ResolveOptions,
  resets: readonly Finding[],
): readonly Finding[] {
  return healthFindings(result, {source: room.source, views, nowMs: nowMs ?? null, trustIds: room.trustIds}, resets)
}

/** Whether the newest events that servers told are here: without them the tips are not those of the room. */
function hasExtremities(graph: RoomGraph, {reportedExtremities = {}}: ResolveOptions): boolean {
  const ids = Object.values(reportedExtremities).flat()
  return ids.every((id) => graph.row(id) >= 0 && !graph.has(graph.row(id), Flag.Missing))
}

function resolveGiven(
  room: LoadedRoom,
  sets: readonly (readonly string[])[],
  options: ResolveOptions,
  {replay: {algorithm}}: Hypothesis,
): RoomReport {
  const {graph} = room
  const {
    resolver,
    inputs,
    root,
    missing: ids,
  } = resolveStates(graph, sets, {
    ...(options.reading === undefined ? {} : {reading: options.reading}),
    ...(algorithm === undefined ? {} : {algorithm}),
  })
  const resets = givenResets({graph, trie: resolver.trie, resolver, before: null}, inputs)
  const missing = missingEvents(graph).filter(({eventId}) => ids.includes(eventId))
  const events = countKnown(graph)
  return {
    ...describe(room, options, resolver.reading),
    position: 'after',
    at: [],
    atTips: false,
    complete: ids.length === 0 && !hasFaults(room),
    ...describeState(graph, resolver.trie, root),
    counts: {...events, merges: 0, conflictedMerges: 0, rejected: 0, undetermined: 0, missing: ids.length},
    tips: [],
    rejected: [],
    missing,
    reported: [],
    findings: [
      ...dagFindings(room, [], missing),
      ...resetFindings(graph, resets, () => null, {source: 'resolution of the given states'}),
    ],
  }
}

function countKnown(graph: RoomGraph): {readonly events: number; readonly stateEvents: number} {
  let events = 0
  let stateEvents = 0
  for (let row = 0; row < graph.size; row += 1) {
    if (graph.has(row, Flag.Missing | Flag.Foreign)) continue
    events += 1
    if (graph.has(row, Flag.State)) stateEvents += 1
  }
  return {events, stateEvents}
}

/** The place in a replay that the options name. */
export function locate(result: Replay, options: Pick<ResolveOptions, 'at' | 'before'>): Position {
  const id = options.at ?? options.before
  if (id === undefined) {
    const at = tipsOf(result)
    const {root} = result.resolver.resolve(at.map((row) => result.after[row] ?? UNKNOWN_STATE))
    return {replay: result, at, position: 'after', root}
  }
  const row = findKnownEvent(result.graph, id)
  const position = options.at === undefined ? 'before' : 'after'
  return {replay: result, at: [row], position, root: result[position][row] ?? UNKNOWN_STATE}
}

/**
 * The state by the other reading, as the event's row plus 1 by slot; `null` where the readings cannot differ. It is found first and the
 * replay thrown away, so that a large room is never in memory in both readings.
 */
function otherReading({graph}: LoadedRoom, options: ResolveOptions, hypothesis: Hypothesis): Int32Array | null {
  if ((hypothesis.replay.algorithm ?? graph.rules.stateRes) === 'v1' || !hasMerge(graph)) return null
  const reading = (options.reading ?? 'synapse') === 'synapse' ? 'spec' : 'synapse'
  const {trie, root} = stateBy(graph, options, reading, hypothesis)
  if (root === UNKNOWN_STATE) return null
  const state = new Int32Array(graph.slots.length)
  trie.forEach(root, (slot, row) => {
    state[slot] = row + 1
  })
  return state
}

function stateBy(
  graph: RoomGraph,
  options: ResolveOptions,
  reading: Reading,
  {replay: conditions, place}: Hypothesis,
): {readonly trie: StateTrie; readonly root: StateRoot} {
  const {replay: result, root} = place(locate(replay(graph, {...conditions, reading}), options))
  return {trie: result.trie, root}
}

function hasMerge(graph: RoomGraph): boolean {
  const {starts} = graph.prev
  let childless = 0
  const cited = new Uint8Array(graph.size)
  for (const row of graph.prev.edges) cited[row] = 1
  for (let row = 0; row < graph.size; row += 1) {
    if ((starts[row + 1] ?? 0) - (starts[row] ?? 0) > 1) return true
    if (cited[row] === 0) childless += 1
  }
  return childless > 1
}

function describe(room: LoadedRoom, options: ResolveOptions, reading: Reading) {
  const {graph} = room
  return {
    roomId: graph.roomId,
    roomVersion: room.rules.id,
    stateRes: room.rules.stateRes,
    reading,
    source: room.source,
    trustIds: room.trustIds,
    unknowable: options.unknowable ?? [],
    reportedExtremities: options.reportedExtremities ?? {},
    creators: creatorsOf(graph),
    createdTs: graph.create < 0 ? null : (graph.ts[graph.create] ?? null),
  }
}

function describeState(graph: RoomGraph, trie: StateTrie, root: StateRoot) {
  if (root === UNKNOWN_STATE) return {state: null, wholeState: null, power: [], levels: {}}
  const state = stateEntries(graph, trie, root)
  const memberships = new Map<string, string>()
  for (const {type, stateKey, content} of state) {
    const membership = own(content, 'membership')
    if (type === 'm.room.member' && typeof membership === 'string') memberships.set(stateKey, membership)
  }
  const power = trie.get(root, graph.powerSlot)
  const levels = new PowerLevels(power < 0 ? {} : graph.content(power), graph.rules)
  return {
    state,
    wholeState: state,
    power: powerHolders(graph, levels, power >= 0, memberships),
    levels: Object.fromEntries(NAMED_LEVELS.map((name) => [name, String(levels.named(name))])),
  }
}

/** The entries of a state, in the order of their slots: by type, then state key, in code points. */
export function stateEntries(graph: RoomGraph, trie: StateTrie, root: StateRoot): readonly StateEntry[] {
  const entries: StateEntry[] = []
  trie.forEach(root, (slot, row) => {
    const {type, stateKey} = graph.slotAt(slot)
    entries.push({
      type,
      stateKey,
      eventId: graph.id(row),
      sender: graph.senderName(row),
      originServerTs: graph.ts[row] ?? 0,
      content: graph.content(row),
    })
  })
  return entries
}

function powerHolders(
  graph: RoomGraph,
  levels: PowerLevels,
  hasLevels: boolean,
  memberships: ReadonlyMap<string, string>,
): readonly PowerHolder[] {
  const creators = new Set(creatorsOf(graph))
  const holder = (userId: string, level: string): PowerHolder => ({
    userId,
    level,
    isCreator: creators.has(userId),
    membership: memberships.get(userId) ?? null,
  })
  const above = graph.rules.creatorsOutrankAll ? [...creators].map((user) => holder(user, 'above all')) : []
  if (!hasLevels && above.length === 0) return [...creators].map((user) => holder(user, '100'))
  const listed = [...levels.entries('users')].filter(([user]) => !graph.rules.creatorsOutrankAll || !creators.has(user))
  listed.sort(([a, x], [b, y]) => (x > y ? -1 : x < y ? 1 : a < b ? -1 : 1))
  return [...above, ...listed.map(([user, level]) => holder(user, String(level)))]
}

/** What a replay finds wrong with the events themselves. */
export function replayFindings(room: LoadedRoom, result: Replay): readonly Finding[] {
  return dagFindings(room, rejectedEvents(result), missingEvents(result.graph))
}

function rejectedEvents(result: Replay): readonly RejectedEvent[] {
  const {graph} = result
  const compare = causalOrder(graph)
  const rejections = [...result.rejections].sort(([a], [b]) => compare(a, b))
  return rejections.map(([row, rejection]) => {
    const slot = graph.slot[row] ?? -1
    return {
      ...rejection,
      eventId: graph.id(row),
      type: graph.typeName(row),
      stateKey: slot < 0 ? undefined : graph.slotAt(slot).stateKey,
      sender: graph.senderName(row),
      line: graph.columns.line[row] ?? 0,
    }
  })
}
