import {implyCreate, ROLES, selectSlots} from '../auth/view.ts'
import {StateError} from '../errors.ts'
import {RecordedRoots} from '../forensics/recorded-roots.ts'
import type {RecordedStates, ServerView} from '../forensics/server-view.ts'
import {type Replay, UNKNOWN_STATE, Verdict} from '../resolve/replay.ts'
import {ABSENT, EMPTY_STATE, type StateRoot} from '../resolve/state-trie.ts'
import type {Position} from './resolve-room.ts'
import type {RecordedInput} from './room-report.ts'

/** A server's recorded states, and those of the others for a hint. */
export interface Recorder {
  readonly server: string
  readonly recorded: RecordedStates
  /** Servers that recorded states, sorted. */
  readonly servers: readonly ServerView[]
}

/** A position whose state comes of recorded inputs. */
export interface RecordedPosition extends Position {
  readonly inputs: readonly RecordedInput[]
}

/**
 * The view of a server that has recorded states.
 *
 * @throws StateError RECORD_ABSENT
 */
export function recorderOf(views: readonly ServerView[], server: string): Recorder {
  const servers = views.filter(({recorded}) => recorded !== null)
  const recorded = servers.find((view) => view.server === server)?.recorded
  if (recorded !== undefined && recorded !== null) return {server, recorded, servers}
  const names = servers.map((view) => view.server)
  throw new StateError('RECORD_ABSENT', `nothing here tells the states that ${JSON.stringify(server)} recorded`, {
    hint:
      names.length === 0
        ? 'Recorded states come from a Synapse database: matrix-state fetch … --database, then name the case here.'
        : `Recorded states are here of: ${names.join(', ')}`,
  })
}

/**
 * The state at a position, resolved from the states that a server recorded after each event that it is made from: the prev events, or
 * the tips. Verdicts are those of the replay, but for the event after which the state is wanted: that is judged by the state before it.
 *
 * @throws StateError RECORD_ABSENT where the server recorded nothing after one of them, or a state that holds events which are not here
 */
export function fromRecorded(found: Position, atTips: boolean, recorder: Recorder): RecordedPosition {
  const {replay, at} = found
  const {graph, trie, resolver} = replay
  const roots = new RecordedRoots(graph, trie, recorder.recorded)
  const [row = -1] = at
  const rows = atTips ? at : [...new Set(graph.prevOf(row))]
  const absent = rows.map((input) => graph.id(input)).filter((id) => roots.after(id) === null)
  if (absent.length > 0) throw absentError(recorder, absent, rows.length, atTips ? 'a tip' : 'a prev event')
  const states = rows.map((input) => knownState(replay, roots, recorder, graph.id(input)))
  const inputs = rows.map((input, index) => {
    const replayed = replay.after[input] ?? UNKNOWN_STATE
    const slots: number[] = []
    if (replayed !== UNKNOWN_STATE) trie.differences([replayed, states[index] ?? EMPTY_STATE], slots)
    return {eventId: graph.id(input), differences: replayed === UNKNOWN_STATE ? null : slots.length}
  })
  const {root: merged} = resolver.resolve(states)
  const root = atTips || found.position === 'before' ? merged : stateAfter(replay, row, merged)
  return {...found, root, inputs}
}

function absentError({server, servers}: Recorder, ids: readonly string[], of: number, what: string): StateError {
  const shown = ids.slice(0, 3).join(', ') + (ids.length > 3 ? ` and ${String(ids.length - 3)} more` : '')
  const inputs = of === 1 ? 'the only input' : `${String(ids.length)} of ${String(of)} inputs`
  const holders = servers
    .filter(({recorded}) => ids.every((id) => typeof recorded?.around(id)?.after === 'number'))
    .map((view) => view.server)
  return new StateError('RECORD_ABSENT', `${server} recorded no state after ${shown} (${what}): ${inputs}`, {
    hint:
      holders.length > 0
        ? `Recorded there by: ${holders.join(', ')}. Or ask for another place with --at or --before.`
        : 'No server here recorded it: ask for another place with --at or --before, or gather from a server that has it.',
  })
}

/** A recorded state of which every event is here: what nobody has can be neither judged nor resolved. */
function knownState({graph, trie}: Replay, roots: RecordedRoots, {server}: Recorder, eventId: string): StateRoot {
  const root = roots.after(eventId) ?? EMPTY_STATE
  const strangers = [...roots.beside(eventId, 'after').values()].map((slot) => slot.eventId)
  trie.forEach(root, (_, event) => {
    if (event >= graph.size) strangers.push(roots.idOf(event))
  })
  const [first] = strangers
  if (first === undefined) return root
  const others = strangers.length === 1 ? 'which is' : `and ${String(strangers.length - 1)} more, which are`
  throw new StateError(
    'RECORD_ABSENT',
    `the state that ${server} recorded after ${eventId} holds ${first} ${others} not here: it cannot be resolved`,
    {hint: 'Gather the room again from a server that has what is missing.'},
  )
}

/** The state after an event, judged by this state before it. */
function stateAfter({graph, trie, resolver, verdicts, rejections}: Replay, row: number, before: StateRoot): StateRoot {
  const slot = graph.slot[row] ?? -1
  if (slot < 0) return before
  if (verdicts[row] === Verdict.Undetermined) return UNKNOWN_STATE
  const rule = rejections.get(row)?.rule
  // What stands against the event itself stands whatever the state is.
  if (rule !== undefined && !rule.endsWith('@before')) return before
  const {checker} = resolver
  const {view} = checker.judgement
  const slots = new Int32Array(ROLES)
  selectSlots(graph, row, slots)
  slots.forEach((wanted, role) => {
    view[role] = wanted < 0 ? ABSENT : trie.get(before, wanted)
  })
  implyCreate(graph, view)
  return checker.passesState(row) ? trie.set(before, slot, row) : before
}
