import {StateError} from '../errors.ts'
import {comparePeople} from '../forensics/people.ts'
import type {ServerView} from '../forensics/server-view.ts'
import {Flag, type RoomGraph} from '../graph/room-graph.ts'
import type {StateRes} from '../matrix/room-version.ts'
import {replay, type Replay, type ReplayOptions, UNKNOWN_STATE, Verdict, VERDICT_NAMES} from '../resolve/replay.ts'
import {EMPTY_STATE, type StateRoot, StateTrie} from '../resolve/state-trie.ts'
import type {LoadedRoom} from './load-room.ts'
import {fromRecorded, type RecordedPosition, recorderOf} from './recorded-inputs.ts'
import {findKnownEvent} from './find-event.ts'
import {locate, resolveRoom, type ResolveOptions, stateEntries} from './resolve-room.ts'
import type {RoomReport, SlotChange, StateEntry, VerdictChange, WhatIf, WithoutEvent} from './room-report.ts'

export interface WhatIfOptions extends ResolveOptions {
  /** Resolve with this algorithm instead of the one of the room's version. */
  readonly algorithm?: StateRes
  /** Event IDs: as if these had been rejected when they came. They keep their place in the DAG. */
  readonly without?: readonly string[]
  /** Server whose recorded states are resolved, instead of the replayed states after the prev events or the tips. */
  readonly inputsFrom?: string
  /** What servers told; needed for `inputsFrom`. */
  readonly views?: readonly ServerView[]
}

/**
 * Resolves a room under other conditions than its own, and says what would differ. Without any such condition: as `resolveRoom`. The report
 * is of the room as it would be, so that it is not held against what servers say; events that only the assumption rejects are in
 * `whatIf`, not in `rejected` or the findings.
 *
 * @throws StateError as `resolveRoom`; EVENT_UNKNOWN, USAGE for `without`; RECORD_ABSENT for `inputsFrom`; USAGE for either beside `states`
 * @remarks One replay more than `resolveRoom`.
 */
export function resolveWhatIf(room: LoadedRoom, options: WhatIfOptions = {}): RoomReport {
  const {algorithm, without = [], inputsFrom, ...asItIs} = options
  if (algorithm === undefined && without.length === 0 && inputsFrom === undefined) return resolveRoom(room, asItIs)
  const {views = [], ...resolving} = asItIs
  refuseWithStates(options)
  const {graph} = room
  const isOwn = algorithm === room.rules.stateRes
  const conditions: Pick<ReplayOptions, 'algorithm' | 'without'> = {
    ...(algorithm === undefined || isOwn ? {} : {algorithm}),
    ...(without.length === 0 ? {} : {without: new Set(without.map((id) => rowToLeaveOut(graph, id)))}),
  }
  const recorder = inputsFrom === undefined ? null : recorderOf(views, inputsFrom)
  const asIs = options.states === undefined ? replayed(room, resolving) : given(room, resolving)
  const atTips = options.at === undefined && options.before === undefined
  const last: {replay?: Replay; inputs?: RecordedPosition['inputs']} = {}
  const report = resolveRoom(
    room,
    {...resolving, reported: []},
    {
      replay: conditions,
      place: (found) => {
        // The replay in the reading that was asked for comes last.
        last.replay = found.replay
        if (recorder === null) return found
        const placed = fromRecorded(found, atTips, recorder)
        last.inputs = placed.inputs
        return placed
      },
    },
  )
  const isJudgedAgain = algorithm !== undefined || without.length > 0
  const verdicts =
    last.replay !== undefined && isJudgedAgain ? verdictChanges(asIs, last.replay, conditions.without) : null
  const whatIf: WhatIf = {
    algorithm: algorithm === undefined ? null : {asked: algorithm, isOwn},
    without: [...(conditions.without ?? [])].map((row) => leftOut(graph, asIs, row)),
    inputsFrom:
      recorder === null ? null : {server: recorder.server, how: recorder.recorded.how, inputs: last.inputs ?? []},
    ...compareStates(graph, asIs.state, report.wholeState, options),
    verdicts,
  }
  return withoutFallen({...report, complete: report.complete && asIs.state !== null, whatIf})
}

function refuseWithStates({states, without = [], inputsFrom}: WhatIfOptions): void {
  if (states === undefined || (without.length === 0 && inputsFrom === undefined)) return
  throw new StateError(
    'USAGE',
    without.length > 0
      ? 'where states are given nothing is replayed, so that no event can be left out'
      : 'the states to resolve are given: they cannot come from a server, too',
    {hint: 'Of all that is assumed, only --algorithm goes with --states.'},
  )
}

function rowToLeaveOut(graph: RoomGraph, eventId: string): number {
  const row = findKnownEvent(graph, eventId)
  if (!graph.has(row, Flag.Cyclic | Flag.Ambiguous)) return row
  const why = graph.has(row, Flag.Cyclic) ? 'is its own ancestor' : 'came with two contents under one ID'
  throw new StateError('USAGE', `${eventId} ${why}: it changes no state as it is, and cannot be left out`)
}

/** The room under its own conditions; the replay itself is thrown away, so that there are never two in memory. */
interface AsIs {
  readonly state: readonly StateEntry[] | null
  readonly verdicts: Uint8Array
  readonly rejections: Replay['rejections']
}

function replayed({graph}: LoadedRoom, options: ResolveOptions): AsIs {
  const {reading = 'synapse'} = options
  const {replay: result, root} = locate(replay(graph, {reading}), options)
  const state = root === UNKNOWN_STATE ? null : stateEntries(graph, result.trie, root)
  return {state, verdicts: result.verdicts, rejections: result.rejections}
}

function given(room: LoadedRoom, {type: _, stateKey: __, ...options}: ResolveOptions): AsIs {
  return {state: resolveRoom(room, options).wholeState, verdicts: new Uint8Array(), rejections: new Map()}
}

type VerdictName = (typeof VERDICT_NAMES)[number]
const nameOf = (verdicts: Uint8Array, row: number): VerdictName => VERDICT_NAMES[(verdicts[row] ?? 0) as 0 | 1 | 2]

function eventAt(graph: RoomGraph, row: number) {
  const slot = graph.slot[row] ?? -1
  return {
    eventId: graph.id(row),
    type: graph.typeName(row),
    stateKey: slot < 0 ? undefined : graph.slotAt(slot).stateKey,
    sender: graph.senderName(row),
  }
}

function leftOut(graph: RoomGraph, {verdicts}: AsIs, row: number): WithoutEvent {
  return {...eventAt(graph, row), verdict: nameOf(verdicts, row)}
}

function verdictChanges(asIs: AsIs, would: Replay, without: ReadonlySet<number> = new Set()): readonly VerdictChange[] {
  const {graph} = would
  const changes: VerdictChange[] = []
  for (let row = 0; row < graph.size; row += 1) {
    if (asIs.verdicts[row] === would.verdicts[row] || without.has(row)) continue
    changes.push({
      ...eventAt(graph, row),
      verdict: nameOf(asIs.verdicts, row),
      wouldBe: nameOf(would.verdicts, row),
      rejection: would.verdicts[row] === Verdict.Rejected ? (would.rejections.get(row) ?? null) : null,
      rejectedBy: asIs.rejections.get(row) ?? null,
    })
  }
  return changes
}

type Compared = Pick<WhatIf, 'differences' | 'differing' | 'powers' | 'moderators'>

function compareStates(
  graph: RoomGraph,
  asIs: readonly StateEntry[] | null,
  would: readonly StateEntry[] | null,
  {type, stateKey}: ResolveOptions,
): Compared {
  if (asIs === null || would === null) return {differences: null, differing: 0, powers: [], moderators: []}
  const trie = new StateTrie(graph.slots.length)
  const ours = rootOf(graph, trie, asIs)
  const theirs = rootOf(graph, trie, would)
  const slots: number[] = []
  trie.differences([ours, theirs], slots)
  const [before, after] = [bySlot(graph, asIs), bySlot(graph, would)]
  const changes = slots.map((slot): SlotChange => ({
    ...graph.slotAt(slot),
    value: before.get(slot) ?? null,
    wouldBe: after.get(slot) ?? null,
  }))
  const people = comparePeople(graph, trie, {ours, theirs}, slots, '')
  const {ours: can, theirs: could} = people.moderators
  const users = new Set([...(can?.keys() ?? []), ...(could?.keys() ?? [])])
  return {
    differences: changes.filter(
      (change) => (type ?? change.type) === change.type && (stateKey ?? change.stateKey) === change.stateKey,
    ),
    differing: changes.length,
    powers: people.powers.map(({userId, ours: level, theirs: wouldBe}) => ({userId, level, wouldBe})),
    moderators: [...users]
      .sort()
      .map((userId) => ({userId, can: can?.get(userId) ?? [], could: could?.get(userId) ?? []}))
      .filter((user) => user.can.join() !== user.could.join()),
  }
}

function rootOf(graph: RoomGraph, trie: StateTrie, entries: readonly StateEntry[]): StateRoot {
  let root: StateRoot = EMPTY_STATE
  for (const {type, stateKey, eventId} of entries)
    root = trie.set(root, graph.slotOf(type, stateKey), graph.row(eventId))
  return root
}

function bySlot(graph: RoomGraph, entries: readonly StateEntry[]): ReadonlyMap<number, StateEntry> {
  return new Map(entries.map((entry) => [graph.slotOf(entry.type, entry.stateKey), entry]))
}

/** What only the assumption rejects is nothing that is wrong with the events. */
function withoutFallen(report: RoomReport & {readonly whatIf: WhatIf}): RoomReport {
  const {without, verdicts} = report.whatIf
  const fallen = new Set([
    ...without.filter(({verdict}) => verdict !== 'rejected').map(({eventId}) => eventId),
    ...(verdicts ?? []).filter(({wouldBe}) => wouldBe === 'rejected').map(({eventId}) => eventId),
  ])
  if (fallen.size === 0) return report
  return {
    ...report,
    rejected: report.rejected.filter(({eventId}) => !fallen.has(eventId)),
    findings: report.findings.filter(
      ({id, subject}) => id !== 'dag/rejected-event' || subject.kind !== 'event' || !fallen.has(subject.event_id),
    ),
  }
}
