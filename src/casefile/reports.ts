import type {
  CurrentStateChange,
  EventStateGroups,
  GatherLimits,
  Refusal,
  ReportedExtremities,
  ReportedStateSet,
  ServerKey,
  StateGroup,
  Step,
} from '../sources/evidence.ts'
import type {Numbers} from './numbers.ts'
import type {SourceId} from './shapes.ts'
import type {Store} from './store.ts'
import {EXTREMITIES, STATES, tell} from './told.ts'

/** For state groups and times: none. */
export const NONE = -1

/** Keeps what sources say beside the events. Works within the caller's transaction. */
export class ReportKeeper {
  readonly #store: Store
  readonly #numbers: Numbers

  constructor(store: Store, numbers: Numbers) {
    this.#store = store
    this.#numbers = numbers
  }

  keep(source: SourceId, step: Step, ts: number): void {
    for (const state of step.states ?? []) this.#state(source, state, ts)
    for (const group of step.stateGroups ?? []) this.stateGroup(source, group, ts)
    for (const groups of step.eventStateGroups ?? []) this.eventStateGroups(source, groups, ts)
    for (const change of step.currentStateChanges ?? []) this.currentStateChange(source, change)
    for (const extremities of step.extremities ?? []) this.#extremities(source, extremities, ts)
    for (const key of step.keys ?? []) this.key(key)
    for (const alias of step.aliases ?? []) this.alias(alias)
    for (const refusal of step.refusals ?? []) this.refusal(source, refusal, ts)
    for (const text of step.notes ?? []) this.note(source, text, ts, ts)
  }

  #state(source: SourceId, {what, eventId, how, slots}: ReportedStateSet, ts: number): void {
    const key = [source, what, this.#numbers.event(eventId), this.#numbers.how(how)]
    tell(this.#store, STATES, key, this.#numbers.slotList(slots), ts)
  }

  #extremities(source: SourceId, {direction, how, eventIds}: ReportedExtremities, ts: number): void {
    const told = JSON.stringify([...new Set(eventIds)].sort())
    tell(this.#store, EXTREMITIES, [source, direction, this.#numbers.how(how)], told, ts)
  }

  stateGroup(source: SourceId, {group, base, slots}: StateGroup, ts: number): void {
    this.#store.run(
      `INSERT INTO state_group VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET ts = max(ts, excluded.ts)`,
      source,
      group,
      base ?? NONE,
      this.#numbers.slotList(slots),
      ts,
    )
  }

  eventStateGroups(source: SourceId, {eventId, before, after}: EventStateGroups, ts: number): void {
    this.#store.run(
      `INSERT INTO event_state_group VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET ts = max(ts, excluded.ts)`,
      source,
      this.#numbers.event(eventId),
      before ?? NONE,
      after ?? NONE,
      ts,
    )
  }

  currentStateChange(source: SourceId, change: CurrentStateChange): void {
    const {streamId, type, stateKey, eventId, prevEventId} = change
    this.#store.run(
      'INSERT OR IGNORE INTO current_state_change VALUES (?, ?, ?, ?, ?, ?)',
      source,
      streamId,
      type,
      stateKey,
      this.#numbers.event(eventId),
      this.#numbers.event(prevEventId),
    )
  }

  key({server, keyId, key, validUntilTs, expiredTs, fetchedTs, via}: ServerKey): void {
    this.#store.run(
      `INSERT INTO server_key VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET fetched_ts = max(fetched_ts, excluded.fetched_ts)`,
      server,
      keyId,
      key,
      validUntilTs ?? NONE,
      expiredTs ?? NONE,
      via,
      fetchedTs,
    )
  }

  alias(alias: string): void {
    this.#store.run('INSERT OR IGNORE INTO alias VALUES (?)', alias)
  }

  /** The latest answer stays; of two at one time, the one that sorts last. */
  refusal(source: SourceId, {what, eventId, outcome, status, message}: Refusal, ts: number): void {
    this.#store.run(
      `INSERT INTO refusal (source, what, event, outcome, status, message, ts) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET outcome = excluded.outcome, status = excluded.status, message = excluded.message, ts = excluded.ts
       WHERE (excluded.ts, excluded.outcome, excluded.message) > (ts, outcome, message)`,
      source,
      what,
      this.#numbers.event(eventId ?? null),
      outcome,
      status ?? null,
      message,
      ts,
    )
  }

  note(source: SourceId, text: string, ts: number, lastTs: number): void {
    this.#store.run(
      `INSERT INTO note VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET ts = min(ts, excluded.ts), last_ts = max(last_ts, excluded.last_ts)`,
      source,
      text,
      ts,
      lastTs,
    )
  }

  limits(limits: GatherLimits, ts: number): void {
    const told = Object.entries(limits).filter(([, value]) => value !== undefined)
    const what = JSON.stringify(Object.fromEntries(told.sort(([a], [b]) => (a < b ? -1 : 1))))
    this.#store.run('INSERT OR IGNORE INTO limits VALUES (?, ?)', ts, what)
  }
}
