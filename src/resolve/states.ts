import {StateError} from '../errors.ts'
import {Flag, type RoomGraph} from '../graph/room-graph.ts'
import type {StateRes} from '../matrix/room-version.ts'
import type {Reading} from './auth-difference.ts'
import {Resolver} from './resolver.ts'
import {ABSENT, EMPTY_STATE, type StateRoot} from './state-trie.ts'

export interface ResolvedStates {
  readonly resolver: Resolver
  /** The given states, in their order. */
  readonly inputs: readonly StateRoot[]
  readonly root: StateRoot
  /** Events in the auth chains of the given states that are not in the graph: without them the result is not certain. */
  readonly missing: readonly string[]
}

export interface ResolveStatesOptions {
  readonly reading?: Reading
  readonly algorithm?: StateRes
}

/**
 * Resolves states that are given as lists of event IDs, without a replay. The events count as accepted, except those that a server would
 * refuse by form.
 *
 * @param sets - each list is one whole state
 * @throws StateError STATES_MALFORMED when a list names an unknown event, one without a state key, or two events for one slot
 */
export function resolveStates(
  graph: RoomGraph,
  sets: readonly (readonly string[])[],
  options: ResolveStatesOptions = {},
): ResolvedStates {
  const resolver = new Resolver(graph, {...options, isRejected: (row) => graph.has(row, Flag.Faulty)})
  const roots = sets.map((ids, index) => rootOf(graph, resolver, ids, index))
  const {root} = resolver.resolve(roots)
  return {resolver, inputs: roots, root, missing: missingInChains(graph, sets)}
}

function rootOf(graph: RoomGraph, resolver: Resolver, ids: readonly string[], index: number): StateRoot {
  let root = EMPTY_STATE
  for (const id of ids) {
    const row = graph.row(id)
    const slot = graph.slot[row] ?? -1
    if (row < 0 || graph.has(row, Flag.Missing)) throw malformed(index, `it names ${id}, which is not in the dump`)
    if (slot < 0) throw malformed(index, `it names ${id}, which is not a state event`)
    const other = resolver.trie.get(root, slot)
    if (other !== ABSENT && other !== row) {
      const {type, stateKey} = graph.slotAt(slot)
      throw malformed(
        index,
        `it holds two events for ${type} ${JSON.stringify(stateKey)}: ${graph.id(other)} and ${id}`,
      )
    }
    root = resolver.trie.set(root, slot, row)
  }
  return root
}

function malformed(index: number, what: string): StateError {
  return new StateError('STATES_MALFORMED', `state ${String(index + 1)} cannot be used: ${what}`, {
    hint: 'Each list must hold the event IDs of one whole state of the room in the dump.',
  })
}

function missingInChains(graph: RoomGraph, sets: readonly (readonly string[])[]): readonly string[] {
  const seen = new Set<number>()
  const stack = sets.flat().map((id) => graph.row(id))
  const missing: string[] = []
  for (let row = stack.pop(); row !== undefined; row = stack.pop()) {
    if (seen.has(row)) continue
    seen.add(row)
    if (graph.has(row, Flag.Missing)) missing.push(graph.id(row))
    else stack.push(...graph.authOf(row))
  }
  return missing.sort()
}
