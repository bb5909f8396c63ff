import {objectOrNull} from '../matrix/json.ts'
import {allOf, integer, integerOrNull, text, textOrNull} from './database-port.ts'
import type {Row, Snapshot} from './database-port.ts'
import type {Schema} from './database-schema.ts'
import {statesAround} from './database-states.ts'
import type {EventCopy, EventMarks, EventStateGroups, Refusal, Step} from './evidence.ts'

/** All that the tables say of an event but its JSON. */
export interface EventRow {
  readonly eventId: string
  readonly depth: number
  readonly sender: string | null
  readonly isState: boolean
  readonly outlier: boolean
  /** Why the server rejected it. */
  readonly rejected: string | null
  readonly metadata: string | null
  readonly receivedTs: number | null
  /** Bytes of its JSON; `null` when there is none. */
  readonly bytes: number | null
  readonly group: number | null
}

/** Columns of an `EventRow`; without JSON, which may be a hundred times as much. */
export function eventColumns(schema: Schema): {readonly columns: string; readonly joins: string} {
  const groups = schema.has('event_to_state_groups')
  return {
    columns: `e.event_id AS event_id, e.topological_ordering AS depth, e.sender AS sender, e.state_key IS NOT NULL AS is_state,
      e.outlier AS outlier, COALESCE(r.reason, e.rejection_reason) AS rejected, j.internal_metadata AS metadata,
      e.received_ts AS received_ts, octet_length(j.json) AS bytes, ${groups ? 'g.state_group' : 'NULL'} AS state_group`,
    joins: `LEFT JOIN event_json j ON j.event_id = e.event_id LEFT JOIN rejections r ON r.event_id = e.event_id
      ${groups ? 'LEFT JOIN event_to_state_groups g ON g.event_id = e.event_id' : ''}`,
  }
}

export function eventRow(row: Row): EventRow {
  return {
    eventId: text(row, 'event_id'),
    depth: integer(row, 'depth'),
    sender: textOrNull(row, 'sender'),
    isState: integer(row, 'is_state') !== 0,
    outlier: integer(row, 'outlier') !== 0,
    rejected: textOrNull(row, 'rejected'),
    metadata: textOrNull(row, 'metadata'),
    receivedTs: integerOrNull(row, 'received_ts'),
    bytes: integerOrNull(row, 'bytes'),
    group: row.state_group === null ? null : integer(row, 'state_group'),
  }
}

/** An event with the server's states around it: what a block of events is named by. */
export interface EventFacts {
  readonly row: EventRow
  readonly states: EventStateGroups | null
}

/** Rows with the server's states around them. */
export async function eventFacts(snapshot: Snapshot, schema: Schema, rows: readonly EventRow[]): Promise<EventFacts[]> {
  const states = await statesAround(snapshot, schema, rows)
  return rows.map((row) => ({row, states: states.get(row.eventId) ?? null}))
}

/** The step that brings these events: their JSON, marks and states. */
export async function eventStep(
  snapshot: Snapshot,
  facts: readonly EventFacts[],
): Promise<Pick<Step, 'events' | 'eventStateGroups' | 'refusals'>> {
  const ids = facts.map(({row}) => row.eventId)
  const stored = await allOf(
    snapshot,
    ids,
    (list) => `SELECT event_id, json FROM event_json WHERE event_id IN (${list})`,
  )
  const texts = new Map(stored.map((row) => [text(row, 'event_id'), text(row, 'json')]))
  const events: EventCopy[] = []
  const refusals: Refusal[] = []
  for (const {row} of facts) {
    const json = texts.get(row.eventId)
    if (json !== undefined) events.push({text: json, eventId: row.eventId, marks: marksOf(row)})
    else
      refusals.push({
        what: 'event_json',
        eventId: row.eventId,
        outcome: 'absent',
        message: 'events has a row for it, event_json has none',
      })
  }
  const eventStateGroups = facts.flatMap(({states}) => (states === null ? [] : [states]))
  return {events, eventStateGroups, ...(refusals.length === 0 ? {} : {refusals})}
}

/** What the server thinks of an event. Soft failure stands in `internal_metadata` only. */
function marksOf(row: EventRow): EventMarks {
  const metadata = row.metadata === null ? null : objectOrNull(row.metadata)
  return {
    rejected: row.rejected,
    outlier: row.outlier,
    ...(metadata === null
      ? {}
      : {softFailed: metadata.soft_failed === true, redactedOnReceipt: metadata.redacted === true}),
    ...(row.receivedTs === null ? {} : {receivedTs: row.receivedTs}),
  }
}

/** Events whose JSON is kept though `events` has no row for them: they are given without marks. */
export async function strayEvents(snapshot: Snapshot, roomId: string): Promise<EventCopy[]> {
  const rows = await snapshot.all(
    `SELECT j.event_id AS event_id, j.json AS json FROM event_json j LEFT JOIN events e ON e.event_id = j.event_id
     WHERE j.room_id = ? AND e.event_id IS NULL LIMIT 10000`,
    [roomId],
  )
  return rows.map((row) => ({text: text(row, 'json'), eventId: text(row, 'event_id')}))
}
