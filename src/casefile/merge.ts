import type {EventStateGroups, StateGroup} from '../sources/evidence.ts'
import type {About, VersionClaim} from './about.ts'
import {type Arrival, CopyKeeper, marksText} from './copies.ts'
import type {DeviceFactKeeper} from './device-facts.ts'
import type {NamelessText} from './copy-reader.ts'
import type {Numbers} from './numbers.ts'
import type {ReportKeeper} from './reports.ts'
import type {CaseReader, Kept, SourceId} from './shapes.ts'
import type {SourceTable} from './source-table.ts'
import type {Row, Store} from './store.ts'
import {EXTREMITIES, mergeTold, STATES} from './told.ts'

/** The parts of the case that takes in. */
export interface Taker {
  readonly store: Store
  readonly about: About
  readonly numbers: Numbers
  readonly sources: SourceTable
  readonly reports: ReportKeeper
  readonly devices: DeviceFactKeeper
}

/** The case that is taken in. */
export interface Given extends CaseReader {
  readonly store: Store
  readonly versionClaim: VersionClaim | null
  readonly unnamed: () => readonly NamelessText[]
  readonly unreadable: () => readonly NamelessText[]
}

/**
 * All evidence of `given` in one transaction: what both have stays once. A source that both have keeps its own marks, since they tell where
 * its own evidence ends.
 *
 * @remarks Every text of `given` is parsed and hashed again: nothing is believed about it.
 */
export function mergeCase(taker: Taker, given: Given): Kept {
  return given.store.snapshot(() =>
    taker.store.transaction(() => {
      const merging = new Merging(taker, given)
      const kept = merging.copies()
      merging.reports()
      merging.stateGroups()
      taker.devices.mergeFrom(given.devices)
      return kept
    }),
  )
}

class Merging {
  readonly #taker: Taker
  readonly #given: Given
  /** Theirs to ours. */
  readonly #sources = new Map<SourceId, SourceId>()

  constructor(taker: Taker, given: Given) {
    this.#taker = taker
    this.#given = given
    const known = new Set(taker.sources.all(0).map(({name}) => name))
    for (const source of given.sources()) {
      const id = taker.sources.merge(source)
      this.#sources.set(source.id, id)
      if (!known.has(source.name)) taker.sources.mark(id, Object.fromEntries(given.marks(source.id)))
    }
  }

  copies(): Kept {
    const {store, about, numbers} = this.#taker
    const keeper = new CopyKeeper(store, numbers, about.roomId)
    const before = about.claim
    const claim = this.#given.versionClaim
    if (claim !== null && about.learn(claim) && before !== null) keeper.forgetNames()
    const rules = about.rules()
    if (rules !== null) keeper.nameWaiting(rules)
    for (const {text, sightings} of this.#given.copies()) {
      const arrivals = sightings.map(({source, ts, how, marks, claimedId = ''}): Arrival => {
        return {
          text,
          source: this.#source(source),
          how: numbers.how(how),
          marks: marksText(marks),
          claimed: claimedId,
          ts,
        }
      })
      if (rules === null) for (const arrival of arrivals) keeper.keep(arrival, null)
      else keeper.keepForm(arrivals, rules)
    }
    for (const nameless of [...this.#given.unreadable(), ...this.#given.unnamed()]) {
      const {text, claimed, ts, marks, source, how} = nameless
      keeper.keep(
        {text, claimed, ts, marks: marksText(marks), source: this.#source(source), how: numbers.how(how)},
        rules,
      )
    }
    return keeper.kept
  }

  #source(theirs: SourceId): SourceId {
    const ours = this.#sources.get(theirs)
    if (ours === undefined) throw new Error(`there is no source ${theirs} in ${this.#given.path}`)
    return ours
  }

  reports(): void {
    const {store, numbers, reports} = this.#taker
    for (const {source, what, eventId, how, slots, ts, lastTs = ts} of this.#given.states()) {
      const key = [this.#source(source), what, numbers.event(eventId), numbers.how(how)]
      mergeTold(store, STATES, key, numbers.slotList(slots), [ts, lastTs])
    }
    for (const {source, direction, how, eventIds, ts, lastTs = ts} of this.#given.extremities()) {
      const key = [this.#source(source), direction, numbers.how(how)]
      mergeTold(store, EXTREMITIES, key, JSON.stringify(eventIds), [ts, lastTs])
    }
    for (const {source, ts, ...refusal} of this.#given.refusals()) reports.refusal(this.#source(source), refusal, ts)
    for (const {source, text, ts, lastTs = ts} of this.#given.notes()) {
      reports.note(this.#source(source), text, ts, lastTs)
    }
    for (const key of this.#given.keys()) reports.key(key)
    for (const alias of this.#given.aliases()) reports.alias(alias)
    for (const {ts, ...limits} of this.#given.limits()) reports.limits(limits, ts)
  }

  stateGroups(): void {
    const {reports} = this.#taker
    const theirs = this.#given.store
    for (const [source, ours] of this.#sources) {
      const groupTs = told(
        theirs.all('SELECT grp AS id, max(ts) AS ts FROM state_group WHERE source = ? GROUP BY 1', source),
      )
      for (const group of this.#given.stateGroups(source)) this.#group(ours, group, groupTs)
      const eventTs = told(
        theirs.all(
          `SELECT e.event_id AS id, max(g.ts) AS ts FROM event_state_group g JOIN event e ON e.id = g.event WHERE g.source = ? GROUP BY 1`,
          source,
        ),
      )
      for (const groups of this.#given.eventStateGroups(source)) this.#groupsOfEvent(ours, groups, eventTs)
      for (const change of this.#given.currentStateChanges(source)) reports.currentStateChange(ours, change)
    }
  }

  #group(source: SourceId, group: StateGroup, ts: ReadonlyMap<string, number>): void {
    this.#taker.reports.stateGroup(source, group, ts.get(String(group.group)) ?? 0)
  }

  #groupsOfEvent(source: SourceId, groups: EventStateGroups, ts: ReadonlyMap<string, number>): void {
    this.#taker.reports.eventStateGroups(source, groups, ts.get(groups.eventId) ?? 0)
  }
}

function told(rows: readonly Row[]): ReadonlyMap<string, number> {
  return new Map(rows.map(({id, ts}) => [String(id), Number(ts)]))
}
