import {StateError} from '../errors.ts'
import type {Certainty, Finding} from '../finding/finding.ts'
import {bisectDivergence} from '../forensics/bisect.ts'
import {compareSides, type Reference} from '../forensics/differences.ts'
import {differenceFindings, recordFinding, verdictFindings} from '../forensics/diff-findings.ts'
import {scanRecorded} from '../forensics/first-divergence.ts'
import {notCompared} from '../forensics/health/not-compared.ts'
import {misplacedEvents} from '../forensics/health/told-states.ts'
import {recordedResets} from '../forensics/recorded-resets.ts'
import {resetFindings} from '../forensics/reset-findings.ts'
import type {ServerView, ToldSlot} from '../forensics/server-view.ts'
import {type Side, Sides} from '../forensics/sides.ts'
import {Flag} from '../graph/room-graph.ts'
import type {Reading} from '../resolve/auth-difference.ts'
import {replay, type Replay, UNKNOWN_STATE} from '../resolve/replay.ts'
import {ABSENT, type StateRoot} from '../resolve/state-trie.ts'
import {tipsOf} from '../resolve/tips.ts'
import {DiffParts, sizeOf, sortedPoints, viewOf} from './diff-parts.ts'
import type {DiffPosition, DiffReport, DivergencePoint} from './diff-report.ts'
import {missingEvents, undeterminedIn} from './gaps.ts'
import type {OpenedRoom} from './opened-room.ts'
import {hasFaults, isCompleteReplay} from './replay-lines.ts'
import {resetsFound} from './resets-found.ts'
import {findKnownEvent} from './find-event.ts'

/** Asks one server for the state before an event, as `/state_ids` gives it; `null`: it does not tell. */
export type AskState = (eventId: string) => Promise<readonly ToldSlot[] | null>

export interface DiffOptions {
  /** @defaultValue `synapse` */
  readonly reading?: Reading
  /** Compare the states after this event. */
  readonly at?: string
  /** Compare the states before this event. */
  readonly before?: string
  /** For servers that can be asked for more: how. Used where a server diverges and has recorded nothing. */
  readonly ask?: (server: string) => AskState | null
  /** Gives the room's replay in this reading, which others need, too. */
  readonly replayed?: () => Replay
  /** `false`: whoever asks knows the resets of the room. @defaultValue true */
  readonly resets?: boolean
}

/**
 * Holds the replayed state of a room against what each server says it is.
 *
 * @throws StateError EVENT_UNKNOWN
 * @remarks One replay, two look-ups an event for each server with state groups; a second replay, in the other reading, only where
 * something differs.
 */
export async function diffRoom(opened: OpenedRoom, options: DiffOptions = {}): Promise<DiffReport> {
  const work = new DiffWork(opened, options.reading ?? 'synapse', options.replayed)
  const eventId = options.at ?? options.before
  const report =
    eventId === undefined
      ? work.now(options.resets)
      : work.around(eventId, options.at === undefined ? 'before' : 'after')
  return options.ask === undefined || eventId !== undefined ? report : work.bisected(report, options.ask)
}

/**
 * Compares the states after two events of one room, as the replay gives them.
 *
 * @throws StateError EVENT_UNKNOWN
 */
export function diffEvents(
  opened: OpenedRoom,
  eventIds: readonly [string, string],
  options: Pick<DiffOptions, 'reading'> = {},
): DiffReport {
  return new DiffWork(opened, options.reading ?? 'synapse').between(eventIds)
}

/**
 * Compares the replays of two sources of one room, and says which events each lacks.
 *
 * @throws StateError CASE_OTHER_ROOM for two rooms
 */
export function diffSources(
  opened: OpenedRoom,
  other: OpenedRoom,
  options: Pick<DiffOptions, 'reading'> = {},
): DiffReport {
  return new DiffWork(opened, options.reading ?? 'synapse').against(other)
}

/** What one position gives. */
interface Compared {
  readonly position: DiffPosition
  readonly at: readonly number[]
  readonly root: StateRoot
  readonly given: readonly Side[]
  readonly complete: boolean
  readonly between?: 'sources' | 'positions'
}

class DiffWork {
  readonly #opened: OpenedRoom
  readonly #replay: Replay
  readonly #sides: Sides
  readonly #parts: DiffParts
  readonly #tips: readonly number[]
  readonly #certainty: Certainty
  #other: Replay | null | undefined

  constructor(opened: OpenedRoom, reading: Reading, replayed?: () => Replay) {
    this.#opened = opened
    this.#replay = replayed?.() ?? replay(opened.room.graph, {reading})
    this.#sides = new Sides(this.#replay)
    this.#parts = new DiffParts(this.#sides)
    this.#tips = tipsOf(this.#replay)
    this.#certainty = opened.unknowable.length === 0 && !hasFaults(opened.room) ? 'proof' : 'strong'
  }

  get #views(): readonly ServerView[] {
    return this.#opened.views ?? []
  }

  now(withResets = true): DiffReport {
    const root = this.#resolved(this.#replay, this.#tips)
    const given = this.#views.flatMap((view) => this.#sides.now(view, this.#tips))
    const complete = this.#isComplete() && this.#views.every((view) => this.#hasExtremities(view))
    const compared = {position: {kind: 'tips'} as const, at: this.#tips, root, given, complete}
    const report = this.#report(compared, (other) => this.#resolved(other, tipsOf(other)))
    const points: DivergencePoint[] = []
    const agreeing: {server: string; compared: number}[] = []
    const found: Finding[] = [...misplacedEvents(this.#replay, this.#views)]
    for (const view of this.#views) {
      found.push(...verdictFindings(this.#replay, view, this.#certainty))
      if (view.recorded === null) continue
      const recorded = this.#sides.recorded(view)
      const scan = scanRecorded(this.#replay, recorded, view, () => this.#otherReading())
      if (scan.first === null) agreeing.push({server: view.server, compared: scan.compared})
      else {
        const {row, position, slots, proven, origin} = scan.first
        found.push(recordFinding(this.#sides, view, scan.first, this.#certainty))
        const resets = recordedResets(this.#replay, view, recorded).filter(({expected}) => !expected)
        // They follow from the record that is wrong, which is what is to be mended.
        const lost = resetFindings(this.#replay.graph, resets, () => null, {source: view.server})
        found.push(...lost.map((one): Finding => ({...one, severity: 'note'})))
        points.push({
          ...this.#parts.point(report, view.server, row, slots),
          position,
          provenEarliest: proven,
          method: 'scan',
          compared: scan.compared,
          requests: 0,
          origin,
        })
      }
    }
    return {
      ...report,
      ...sortedPoints(this.#replay, points),
      agreeing,
      findings: [...report.findings, ...found, ...notCompared(this.#replay.graph, this.#views)],
      resets: withResets ? resetsFound(this.#replay, this.#tips).filter(({severity}) => severity === 'error') : [],
    }
  }

  around(typed: string, position: 'before' | 'after'): DiffReport {
    const row = findKnownEvent(this.#replay.graph, typed)
    const eventId = this.#replay.graph.id(row)
    const root = this.#replay[position][row] ?? UNKNOWN_STATE
    const given = this.#views.flatMap((view) => this.#sides.at(view, row, position))
    const compared: Compared = {
      position: {kind: 'at', eventId, position},
      at: [row],
      root,
      given,
      // All that the event comes after is known, or its state would not be.
      complete: !hasFaults(this.#opened.room) && this.#replay.graph.columns.faults.size === 0,
    }
    const there = this.#views.map((view) => ({
      ...view,
      states: view.states.filter((state) => state.eventId === eventId),
      recorded: null,
    }))
    const report = this.#report(compared, (other) => other[position][row] ?? UNKNOWN_STATE)
    return {...report, findings: [...report.findings, ...misplacedEvents(this.#replay, there)]}
  }

  between(typed: readonly [string, string]): DiffReport {
    const {graph, after} = this.#replay
    const [first, second] = [findKnownEvent(graph, typed[0]), findKnownEvent(graph, typed[1])]
    const eventIds = [graph.id(first), graph.id(second)] as const
    const [root, other] = [after[first] ?? UNKNOWN_STATE, after[second] ?? UNKNOWN_STATE]
    const view = viewOf(`after ${eventIds[1]}`, () => null)
    const told = {
      what: 'after',
      eventId: eventIds[1],
      how: 'replay',
      slots: this.#slotsOf(this.#replay, other),
      ts: 0,
    } as const
    return this.#report(
      {
        position: {kind: 'events', eventIds},
        at: [graph.row(eventIds[0])],
        root,
        given: other === UNKNOWN_STATE ? [] : [this.#sides.of(view, told, null)],
        complete: root !== UNKNOWN_STATE && other !== UNKNOWN_STATE,
        between: 'positions',
      },
      () => UNKNOWN_STATE,
    )
  }

  against(other: OpenedRoom): DiffReport {
    const {graph} = this.#replay
    const theirs = other.room.graph
    if (theirs.roomId !== graph.roomId) {
      throw new StateError(
        'CASE_OTHER_ROOM',
        `${other.room.source} is of room ${theirs.roomId}, not of ${graph.roomId} as ${this.#opened.room.source}`,
        {hint: 'Compare two sources of one room.'},
      )
    }
    const theirReplay = replay(theirs, {reading: this.#replay.reading})
    const tips = tipsOf(theirReplay)
    const root = this.#resolved(theirReplay, tips)
    const isHere = (has: Replay['graph'], id: string): boolean => {
      const row = has.row(id)
      return row >= 0 && !has.has(row, Flag.Missing)
    }
    const view = viewOf(other.room.source, (id) => isHere(theirs, id))
    const told = {what: 'after', eventId: null, how: 'replay', slots: this.#slotsOf(theirReplay, root), ts: 0} as const
    const reachedIds = tips.map((row) => theirs.id(row))
    const reached = reachedIds.every((id) => isHere(graph, id))
      ? this.#resolved(
          this.#replay,
          reachedIds.map((id) => graph.row(id)),
        )
      : UNKNOWN_STATE
    const side = this.#sides.of(view, told, reached === UNKNOWN_STATE ? null : reached)
    const mine = this.#resolved(this.#replay, this.#tips)
    const isWhole = isCompleteReplay(other.room, theirs, undeterminedIn(theirReplay))
    const report = this.#report(
      {
        position: {kind: 'sources', sources: [this.#opened.room.source, other.room.source]},
        at: this.#tips,
        root: mine,
        given: root === UNKNOWN_STATE ? [] : [side],
        complete: this.#isComplete() && isWhole && root !== UNKNOWN_STATE,
        between: 'sources',
      },
      () => UNKNOWN_STATE,
    )
    const lacks = (from: Replay['graph'], to: Replay['graph']): readonly string[] =>
      from.ids.filter((id, row) => !from.has(row, Flag.Missing | Flag.Foreign) && !isHere(to, id))
    return {
      ...report,
      lacking: [
        {side: 'replay', events: lacks(theirs, graph)},
        {side: 's1', events: lacks(graph, theirs)},
      ],
    }
  }

  /** Where a server diverges and nothing of its earlier states is recorded, it is asked for them. */
  async bisected(report: DiffReport, ask: NonNullable<DiffOptions['ask']>): Promise<DiffReport> {
    const {graph, trie, before} = this.#replay
    const points: DivergencePoint[] = []
    const notAsked: {server: string; why: string}[] = []
    for (const view of this.#views) {
      const isWrong = report.differences.some(({grades}) =>
        report.sides.some(({id, server}) => server === view.server && grades[id] === 'diverged'),
      )
      const asking = isWrong && view.recorded === null ? ask(view.server) : null
      if (asking === null) continue
      const starts = view.extremities?.map((id) => graph.row(id)).filter((row) => row >= 0) ?? this.#tips
      let requests = 0
      const failures: string[] = []
      // One server that does not answer spoils no comparison with the others.
      const fail = (error: unknown): null => {
        if (!(error instanceof StateError)) throw error
        failures.push(error.message)
        return null
      }
      for (const start of starts) {
        const {boundary, asked} = await bisectDivergence(graph, start, async (row) => {
          const root = before[row] ?? UNKNOWN_STATE
          const slots = root === UNKNOWN_STATE || failures.length > 0 ? null : await asking(graph.id(row)).catch(fail)
          if (slots === null) return null
          const found: number[] = []
          const told = this.#sides.recorded(view).rootOfTold(slots)
          trie.differences([root, told.root], found)
          // The slot of the event itself may be lacking from what Synapse answers.
          return found.filter((slot) => slot !== graph.slot[row] || trie.get(told.root, slot) !== ABSENT)
        })
        requests += asked
        if (boundary === null) continue
        points.push({
          ...this.#parts.point(report, view.server, boundary.row, boundary.slots),
          position: 'before',
          provenEarliest: false,
          method: 'bisection',
          compared: asked,
          requests,
          origin: 'unknown',
        })
        break
      }
      notAsked.push(...failures.slice(0, 1).map((why) => ({server: view.server, why})))
    }
    return {...report, notAsked, ...sortedPoints(this.#replay, [...report.divergencePoints, ...points])}
  }

  #isComplete(): boolean {
    return isCompleteReplay(this.#opened.room, this.#replay.graph, undeterminedIn(this.#replay))
  }

  #hasExtremities({extremities}: ServerView): boolean {
    const {graph} = this.#replay
    return (extremities ?? []).every((id) => graph.row(id) >= 0 && !graph.has(graph.row(id), Flag.Missing))
  }

  #resolved({resolver, after}: Replay, rows: readonly number[]): StateRoot {
    const roots = rows.map((row) => after[row] ?? UNKNOWN_STATE)
    return roots.includes(UNKNOWN_STATE) ? UNKNOWN_STATE : resolver.resolve(roots).root
  }

  /** Its replay in the other reading; `null` where they cannot differ. */
  #otherReading(): Replay | null {
    if (this.#other !== undefined) return this.#other
    const {graph, reading, merges} = this.#replay
    const canDiffer = graph.rules.stateRes !== 'v1' && (merges.size > 0 || this.#tips.length > 1)
    this.#other = canDiffer ? replay(graph, {reading: reading === 'synapse' ? 'spec' : 'synapse'}) : null
    return this.#other
  }

  #slotsOf({graph, trie}: Replay, root: StateRoot): readonly ToldSlot[] {
    const slots: ToldSlot[] = []
    if (root !== UNKNOWN_STATE) {
      trie.forEach(root, (slot, row) => slots.push({eventId: graph.id(row), ...graph.slotAt(slot)}))
    }
    return slots
  }

  #report(compared: Compared, otherRoot: (other: Replay) => StateRoot): DiffReport {
    const {graph, trie, reading} = this.#replay
    const {position, at, root, given, between} = compared
    const isKnown = root !== UNKNOWN_STATE
    let other: {readonly replay: Replay; readonly root: StateRoot} | null | undefined
    const otherReading = (slot: number): number | undefined => {
      if (other === undefined) {
        const made = this.#otherReading()
        other = made === null ? null : {replay: made, root: otherRoot(made)}
      }
      return other === null || other.root === UNKNOWN_STATE ? undefined : other.replay.trie.get(other.root, slot)
    }
    const reference: Reference = {
      root,
      complete: compared.complete,
      otherReading,
      ...(between === undefined ? {} : {between}),
    }
    const differences = isKnown ? compareSides(this.#sides, given, reference) : []
    const isOpen = differences.some(({grade}) => grade === 'unknown') || given.some(({told}) => told.unknown.length > 0)
    const where = `state ${position.kind === 'at' ? position.position : 'after'} ${at.map((row) => graph.id(row)).join(', ')}`
    const findings =
      between !== undefined
        ? []
        : differenceFindings({sides: this.#sides, given, differences, where, certainty: this.#certainty})
    return {
      roomId: graph.roomId,
      roomVersion: graph.rules.id,
      reading,
      source: this.#opened.room.source,
      position,
      at: at.map((row) => graph.id(row)).sort(),
      complete: compared.complete && isKnown && !isOpen,
      missing: missingEvents(graph).length,
      unknowable: this.#opened.unknowable,
      sides: [
        {
          id: 'replay',
          server: '',
          what: 'replay',
          how: `${reading} reading`,
          eventId: null,
          ts: 0,
          size: sizeOf(trie, root),
          differences: 0,
          unknownEvents: [],
        },
        ...given.map((side, index) => this.#parts.describe(side, index, differences)),
      ],
      differences: differences.map((one) => this.#parts.slot(one)),
      divergencePoints: [],
      agreeing: [],
      notAsked: [],
      people: isKnown ? given.flatMap((side, index) => this.#parts.people(side, index, root, given)) : [],
      lacking: [],
      findings: [...this.#opened.findings, ...findings],
      resets: [],
    }
  }
}
