import type {
  CurrentStateChange,
  EventStateGroups,
  GatherLimits,
  Refusal,
  ReportedExtremities,
  ReportedSlot,
  ReportedStateSet,
  ServerKey,
  StateGroup,
} from '../sources/evidence.ts'
import type {Numbers} from './numbers.ts'
import {NONE} from './reports.ts'
import type {SourceId, Told} from './shapes.ts'
import type {Store} from './store.ts'

/** Reads what sources say beside the events. */
export class ReportReader {
  readonly #store: Store
  readonly #numbers: Numbers

  constructor(store: Store, numbers: Numbers) {
    this.#store = store
    this.#numbers = numbers
  }

  /** By the time when each was told last; the slots of each by event ID. */
  *states(): Generator<Told<ReportedStateSet>> {
    const rows = this.#store.all(
      `SELECT r.source, r.what, e.event_id AS eventId, h.text AS how, r.slots, r.ts, r.last_ts AS lastTs
       FROM reported_state r JOIN how h ON h.id = r.how LEFT JOIN event e ON e.id = r.event ORDER BY r.last_ts, r.id`,
    ) as unknown as readonly (Omit<Told<ReportedStateSet>, 'slots'> & {readonly slots: number})[]
    for (const row of rows) yield {...row, slots: this.#numbers.slotsOf(row.slots)}
  }

  /** Each group as it was told last. */
  *stateGroups(source: SourceId): Generator<StateGroup> {
    const rows = this.#store.all(
      `SELECT g.grp AS "group", g.base, g.slots FROM state_group g JOIN slot_list l ON l.id = g.slots WHERE g.source = ?
       ORDER BY g.grp, g.ts, g.base, l.sha256`,
      source,
    ) as {group: number; base: number; slots: number}[]
    for (const [index, {group, base, slots}] of rows.entries()) {
      if (rows[index + 1]?.group === group) continue
      yield {group, base: orNull(base), slots: this.#numbers.slotsOf(slots) as readonly Required<ReportedSlot>[]}
    }
  }

  /** Those of each event as they were told last. */
  *eventStateGroups(source: SourceId): Generator<EventStateGroups> {
    const rows = this.#store.all(
      `SELECT e.event_id AS eventId, g.before, g.after FROM event_state_group g JOIN event e ON e.id = g.event WHERE g.source = ?
       ORDER BY g.event, g.ts, g.before, g.after`,
      source,
    ) as {eventId: string; before: number; after: number}[]
    for (const [index, {eventId, before, after}] of rows.entries()) {
      if (rows[index + 1]?.eventId !== eventId) yield {eventId, before: orNull(before), after: orNull(after)}
    }
  }

  /** In the order of the stream. */
  currentStateChanges(source: SourceId): readonly CurrentStateChange[] {
    return this.#store.all(
      `SELECT c.stream_id AS streamId, c.type, c.state_key AS stateKey, e.event_id AS eventId, p.event_id AS prevEventId
       FROM current_state_change c LEFT JOIN event e ON e.id = c.event LEFT JOIN event p ON p.id = c.prev_event
       WHERE c.source = ? ORDER BY c.stream_id, c.type, c.state_key, e.event_id, p.event_id`,
      source,
    ) as unknown as readonly CurrentStateChange[]
  }

  /** By the time when each was told last. */
  extremities(): readonly Told<ReportedExtremities>[] {
    const rows = this.#store.all(
      `SELECT r.source, r.direction, h.text AS how, r.events AS eventIds, r.ts, r.last_ts AS lastTs
       FROM reported_extremities r JOIN how h ON h.id = r.how ORDER BY r.last_ts, r.id`,
    ) as unknown as readonly (Omit<Told<ReportedExtremities>, 'eventIds'> & {readonly eventIds: string})[]
    return rows.map((row) => ({...row, eventIds: this.#store.json<readonly string[]>('list', row.eventIds)}))
  }

  /** Forward extremities as each source told them last. */
  newest(): readonly string[] {
    const last = new Map<SourceId, readonly string[]>()
    for (const {source, direction, eventIds} of this.extremities()) {
      if (direction === 'forward') last.set(source, eventIds)
    }
    return [...new Set([...last.values()].flat())]
  }

  refusals(): readonly Told<Refusal>[] {
    const rows = this.#store.all(
      `SELECT r.source, r.ts, r.what, e.event_id, r.outcome, r.status, r.message FROM refusal r LEFT JOIN event e ON e.id = r.event
       ORDER BY r.ts, r.source, r.what, e.event_id`,
    ) as unknown as readonly (Told<Omit<Refusal, 'status'>> & {event_id: string | null; status: number | null})[]
    return rows.map(({event_id: eventId, status, ...row}) => ({
      ...row,
      ...(eventId === null ? {} : {eventId}),
      ...(status === null ? {} : {status}),
    }))
  }

  keys(): readonly ServerKey[] {
    const rows = this.#store.all(
      `SELECT server, key_id AS keyId, key, valid_until_ts AS validUntilTs, expired_ts AS expiredTs, fetched_ts AS fetchedTs, via
       FROM server_key ORDER BY server, key_id, fetched_ts, key, via, valid_until_ts`,
    ) as unknown as readonly (ServerKey & {readonly validUntilTs: number; readonly expiredTs: number})[]
    return rows.map((row) => ({...row, validUntilTs: orNull(row.validUntilTs), expiredTs: orNull(row.expiredTs)}))
  }

  aliases(): readonly string[] {
    return this.#store.all('SELECT alias FROM alias ORDER BY alias').map((row) => String(row['alias']))
  }

  limits(): readonly (GatherLimits & {readonly ts: number})[] {
    return this.#store
      .all('SELECT ts, what FROM limits ORDER BY ts, what')
      .map(({ts, what}) => ({...this.#store.json<GatherLimits>('object', what), ts: Number(ts)}))
  }

  notes(): readonly Told<{readonly text: string}>[] {
    return this.#store.all(
      'SELECT source, text, ts, last_ts AS lastTs FROM note ORDER BY ts, source, text',
    ) as unknown as readonly Told<{readonly text: string}>[]
  }

  counts(): {readonly reportedStates: number; readonly keys: number} {
    return {
      reportedStates: this.#store.number('SELECT count(*) FROM reported_state'),
      keys: this.#store.number('SELECT count(*) FROM server_key'),
    }
  }
}

function orNull(value: number): number | null {
  return value === NONE ? null : value
}
