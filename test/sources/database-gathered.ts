/** What a database gives of a room, gathered, and held against the replay of its own events. */
import {loadRoomFrom} from '../../src/investigate/load-room.ts'
import {replay, UNKNOWN_STATE, Verdict} from '../../src/resolve/replay.ts'
import type {
  EventCopy,
  EventStateGroups,
  GatherLimits,
  Refusal,
  ReportedStateSet,
  Route,
  StateGroup,
  Step,
} from '../../src/sources/evidence.ts'

/** All steps of one gathering as one. */
export interface Gathered {
  readonly steps: readonly Step[]
  readonly events: readonly EventCopy[]
  readonly groups: ReadonlyMap<number, StateGroup>
  readonly around: readonly EventStateGroups[]
  readonly states: readonly ReportedStateSet[]
  readonly refusals: readonly Refusal[]
  readonly marks: ReadonlyMap<string, string>
}

/** Gathers a room; `marks` of an earlier gathering make it go on there. */
export async function gatherAll(
  route: Route,
  roomId: string,
  options: {
    readonly marks?: ReadonlyMap<string, string>
    readonly limits?: GatherLimits
    readonly signal?: AbortSignal
  } = {},
): Promise<Gathered> {
  const marks = new Map(options.marks ?? [])
  const steps: Step[] = []
  const context = {
    roomId,
    roomVersion: () => null,
    marks,
    knows: () => false,
    newest: () => [],
    limits: options.limits ?? {},
    signal: options.signal ?? new AbortController().signal,
    onPause: () => undefined,
  }
  for await (const step of route.gather(context)) {
    steps.push(step)
    for (const [name, value] of Object.entries(step.marks ?? {})) {
      if (value === null) marks.delete(name)
      else marks.set(name, value)
    }
  }
  return {
    steps,
    events: steps.flatMap((step) => step.events ?? []),
    groups: new Map(steps.flatMap((step) => step.stateGroups ?? []).map((group) => [group.group, group])),
    around: steps.flatMap((step) => step.eventStateGroups ?? []),
    states: steps.flatMap((step) => step.states ?? []),
    refusals: steps.flatMap((step) => step.refusals ?? []),
    marks,
  }
}

/** A slot in which the server's state at an event is not that of the replay. */
export interface Difference {
  readonly eventId: string
  readonly side: 'before' | 'after'
  readonly slot: string
  readonly server: string | null
  readonly replay: string | null
}

export interface Comparison {
  readonly events: number
  /** States that both have and that were compared. */
  readonly before: number
  readonly after: number
  /** Events that have a group after them and none before. */
  readonly untold: readonly string[]
  /** Events whose state the replay cannot know. */
  readonly unknown: number
  /** Events that the server rejected and the replay did not, or the other way round. */
  readonly verdicts: readonly string[]
  readonly differences: readonly Difference[]
}

/** The server's state before and after every event against that of a replay of the same events. */
export function compareWithReplay(gathered: Gathered): Comparison {
  const room = loadRoomFrom(
    'database',
    gathered.events.map(({text}, index) => ({text, line: index + 1})),
  )
  const {graph} = room
  const result = replay(graph)
  const expanded = new Map<number, ReadonlyMap<string, string>>()
  const expand = (group: number): ReadonlyMap<string, string> => {
    const known = expanded.get(group)
    if (known !== undefined) return known
    const {base, slots} = gathered.groups.get(group) ?? {base: null, slots: []}
    const state = new Map(base === null ? [] : expand(base))
    for (const {type, stateKey, eventId} of slots) state.set(`${type}\0${stateKey}`, eventId)
    expanded.set(group, state)
    return state
  }
  const counts = {before: 0, after: 0, unknown: 0}
  const differences: Difference[] = []
  const untold: string[] = []
  for (const told of gathered.around) {
    const row = graph.row(told.eventId)
    if (told.before === null) untold.push(told.eventId)
    for (const side of ['before', 'after'] as const) {
      const group = told[side]
      const root = result[side][row] ?? UNKNOWN_STATE
      if (group === null) continue
      if (root === UNKNOWN_STATE) {
        counts.unknown += 1
        continue
      }
      counts[side] += 1
      const server = expand(group)
      const mine = new Map<string, string>()
      result.trie.forEach(root, (slot, event) => {
        const {type, stateKey} = graph.slotAt(slot)
        mine.set(`${type}\0${stateKey}`, graph.id(event))
      })
      for (const slot of new Set([...server.keys(), ...mine.keys()])) {
        const [theirs, ours] = [server.get(slot) ?? null, mine.get(slot) ?? null]
        if (theirs !== ours) differences.push({eventId: told.eventId, side, slot, server: theirs, replay: ours})
      }
    }
  }
  const verdicts = gathered.events.flatMap(({eventId, marks}) => {
    const row = graph.row(eventId ?? '')
    const rejected = result.verdicts[row] === Verdict.Rejected
    return marks?.outlier === true || rejected === (marks?.rejected !== null) ? [] : [String(eventId)]
  })
  return {events: gathered.events.length, ...counts, untold, verdicts, differences}
}
