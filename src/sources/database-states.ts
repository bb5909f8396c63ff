import {allOf, integer, integerOrNull, text, textOrNull} from './database-port.ts'
import type {Snapshot} from './database-port.ts'
import type {Schema} from './database-schema.ts'
import type {CurrentStateChange, EventStateGroups, ReportedSlot, StateGroup} from './evidence.ts'

/** What is asked of an event to tell its states. */
interface GroupedEvent {
  readonly eventId: string
  readonly isState: boolean
  readonly rejected: string | null
  readonly group: number | null
}

/**
 * The server's states before and after events, as state groups; events without a group (outliers) are left out.
 *
 * `event_to_state_groups` is the state after. A message, and a rejected event, leave the state as it is. Of an accepted state event
 * Synapse makes its group from the one before it, and `state_group_edges` still says so unless the group was stored whole (every
 * hundredth is) or the groups were packed anew (synapse-compress-state, purged history), when the edge names some other group that
 * differs in the event's own slot. So, in this order:
 *
 * 1. the edge's group, if Synapse stored it for this very event (a merge; a state told by another server);
 * 2. the one group that all its prev events have in common: the state after them is the state before it;
 * 3. the edge's group, if the event itself is all that the group adds to it;
 * 4. a group stored for this very event shortly before its own (a merge whose result was stored whole);
 * 5. else it is not told.
 */
export async function statesAround(
  snapshot: Snapshot,
  schema: Schema,
  events: readonly GroupedEvent[],
): Promise<Map<string, EventStateGroups>> {
  const states = new Map<string, EventStateGroups>()
  const changing: {readonly eventId: string; readonly group: number}[] = []
  for (const {eventId, group, isState, rejected} of events) {
    if (group === null) continue
    if (isState && rejected === null) changing.push({eventId, group})
    else states.set(eventId, {eventId, before: group, after: group})
  }
  if (changing.length === 0) return states
  if (!schema.has('state_groups', 'state_group_edges', 'state_groups_state')) {
    for (const {eventId, group} of changing) states.set(eventId, {eventId, before: null, after: group})
    return states
  }
  const edges = await edgesOf(
    snapshot,
    changing.map(({group}) => group),
  )
  const alone = await singleAdditions(snapshot, [...edges.keys()])
  const owners = await ownersOf(snapshot, [
    ...edges.values(),
    ...changing.flatMap(({group}) => (edges.has(group) ? [] : nearBelow(group))),
  ])
  const common = await commonPrevGroups(
    snapshot,
    schema,
    changing.map(({eventId}) => eventId),
  )
  for (const {eventId, group} of changing) {
    const edge = edges.get(group)
    const before =
      (edge !== undefined && owners.get(edge) === eventId ? edge : undefined) ??
      common.get(eventId) ??
      (edge !== undefined && alone.get(group) === eventId ? edge : undefined) ??
      (edge === undefined ? await storedBefore(snapshot, eventId, group, owners) : null)
    states.set(eventId, {eventId, before, after: group})
  }
  return states
}

/** The one group that was stored for the event shortly before its own, and in which the event itself is not. */
async function storedBefore(
  snapshot: Snapshot,
  eventId: string,
  group: number,
  owners: ReadonlyMap<number, string>,
): Promise<number | null> {
  const [near, ...more] = nearBelow(group).filter((candidate) => owners.get(candidate) === eventId)
  if (near === undefined || more.length > 0) return null
  const sql = 'SELECT state_group FROM state_groups_state WHERE state_group = ? AND event_id = ? LIMIT 1'
  return (await snapshot.all(sql, [near, eventId])).length === 0 ? near : null
}

/** Groups are numbered in the order in which they are stored; with several writers others come between. */
function nearBelow(group: number): number[] {
  return [1, 2, 3, 4, 5, 6, 7, 8].map((distance) => group - distance)
}

async function edgesOf(snapshot: Snapshot, groups: readonly number[]): Promise<Map<number, number>> {
  const rows = await allOf(
    snapshot,
    groups,
    (list) => `SELECT state_group, prev_state_group FROM state_group_edges WHERE state_group IN (${list})`,
  )
  return new Map(rows.map((row) => [integer(row, 'state_group'), integer(row, 'prev_state_group')]))
}

/** For groups that add one slot only: the event in it. */
async function singleAdditions(snapshot: Snapshot, groups: readonly number[]): Promise<Map<number, string>> {
  const rows = await allOf(
    snapshot,
    groups,
    (list) => `SELECT state_group, MIN(event_id) AS event_id FROM state_groups_state WHERE state_group IN (${list})
      GROUP BY state_group HAVING COUNT(*) = 1`,
  )
  return new Map(rows.map((row) => [integer(row, 'state_group'), text(row, 'event_id')]))
}

/** The event for which Synapse stored a group. */
async function ownersOf(snapshot: Snapshot, groups: readonly number[]): Promise<Map<number, string>> {
  const rows = await allOf(
    snapshot,
    [...new Set(groups)],
    (list) => `SELECT id, event_id FROM state_groups WHERE id IN (${list})`,
  )
  return new Map(rows.map((row) => [integer(row, 'id'), text(row, 'event_id')]))
}

/** For events whose prev events are all here and have one group: that group. */
async function commonPrevGroups(
  snapshot: Snapshot,
  schema: Schema,
  eventIds: readonly string[],
): Promise<Map<string, number>> {
  const common = new Map<string, number | null>()
  if (!schema.has('event_edges', 'event_to_state_groups')) return new Map()
  const rows = await allOf(
    snapshot,
    eventIds,
    (list) => `SELECT d.event_id AS event_id, g.state_group AS state_group FROM event_edges d
      LEFT JOIN event_to_state_groups g ON g.event_id = d.prev_event_id WHERE d.event_id IN (${list}) AND d.is_state = FALSE`,
  )
  for (const row of rows) {
    const eventId = text(row, 'event_id')
    const group = integerOrNull(row, 'state_group')
    const known = common.get(eventId)
    common.set(eventId, known === undefined || known === group ? group : null)
  }
  return new Map([...common].filter((entry): entry is [string, number] => entry[1] !== null))
}

/** A group before its slots are read. */
export interface GroupRow {
  readonly group: number
  readonly base: number | null
}

/** The groups of a room, newest first, in batches. */
export async function* groupRows(snapshot: Snapshot, roomId: string): AsyncGenerator<readonly GroupRow[]> {
  let last: number | null = null
  const batches = snapshot.rows(
    `SELECT g.id AS id, d.prev_state_group AS base FROM state_groups g
     LEFT JOIN state_group_edges d ON d.state_group = g.id WHERE g.room_id = ? ORDER BY g.id DESC, d.prev_state_group DESC`,
    [roomId],
  )
  for await (const batch of batches) {
    const rows: GroupRow[] = []
    for (const row of batch) {
      const group = integer(row, 'id')
      // Old databases may have an edge twice.
      if (group !== last) rows.push({group, base: integerOrNull(row, 'base')})
      last = group
    }
    yield rows
  }
}

/** These groups and all that they are made from, newest first. */
export async function groupsWithBases(snapshot: Snapshot, groups: ReadonlySet<number>): Promise<GroupRow[]> {
  const bases = new Map<number, number | null>()
  for (let next = [...groups]; next.length > 0;) {
    const edges = await edgesOf(snapshot, next)
    for (const group of next) bases.set(group, edges.get(group) ?? null)
    next = [...new Set(edges.values())].filter((group) => !bases.has(group))
  }
  return [...bases].map(([group, base]) => ({group, base})).sort((a, b) => b.group - a.group)
}

const MOST_SLOTS = 50_000

/** Reads what the groups hold, so many at a time that there are not too many slots in one piece. A group is never split. */
export async function* readGroups(snapshot: Snapshot, groups: readonly GroupRow[]): AsyncGenerator<StateGroup[]> {
  let ready: StateGroup[] = []
  let size = 0
  for (let start = 0; start < groups.length; start += 250) {
    const piece = groups.slice(start, start + 250)
    const slots = new Map<number, Required<ReportedSlot>[]>(piece.map(({group}) => [group, []]))
    const list = piece.map(() => '?').join(', ')
    const sql = `SELECT state_group, type, state_key, event_id FROM state_groups_state WHERE state_group IN (${list})`
    const batches = snapshot.rows(
      sql,
      piece.map(({group}) => group),
    )
    for await (const batch of batches) {
      for (const row of batch) slots.get(integer(row, 'state_group'))?.push(slotOf(row))
      size += batch.length
    }
    for (const {group, base} of piece) ready.push({group, base, slots: slots.get(group) ?? []})
    if (size >= MOST_SLOTS) {
      yield ready
      ready = []
      size = 0
    }
  }
  yield ready
}

function slotOf(row: Parameters<typeof text>[0]): Required<ReportedSlot> {
  return {type: text(row, 'type'), stateKey: text(row, 'state_key'), eventId: text(row, 'event_id')}
}

/** A whole state: its group's slots, then those of the groups that it is made from, as far as they are not taken. */
export async function wholeState(snapshot: Snapshot, group: number): Promise<Required<ReportedSlot>[]> {
  const slots = new Map<string, Required<ReportedSlot>>()
  const chain = await groupsWithBases(snapshot, new Set([group]))
  const next = new Map(chain.map((row) => [row.group, row.base]))
  const held = new Map<number, StateGroup>()
  for await (const groups of readGroups(snapshot, chain)) for (const one of groups) held.set(one.group, one)
  for (let at: number | null = group; at !== null;) {
    for (const slot of held.get(at)?.slots ?? []) {
      const key = JSON.stringify([slot.type, slot.stateKey])
      if (!slots.has(key)) slots.set(key, slot)
    }
    const base: number | null = next.get(at) ?? null
    // Each once, should a damaged database have a ring.
    next.delete(at)
    at = base
  }
  return [...slots.values()]
}

export async function currentState(snapshot: Snapshot, roomId: string): Promise<Required<ReportedSlot>[]> {
  const slots: Required<ReportedSlot>[] = []
  const batches = snapshot.rows('SELECT type, state_key, event_id FROM current_state_events WHERE room_id = ?', [
    roomId,
  ])
  for await (const batch of batches) for (const row of batch) slots.push(slotOf(row))
  return slots
}

/** The log of the current state, oldest first. There is no index on the room: the whole table is read. */
export async function* currentStateChanges(snapshot: Snapshot, roomId: string): AsyncGenerator<CurrentStateChange[]> {
  const batches = snapshot.rows(
    `SELECT stream_id, type, state_key, event_id, prev_event_id FROM current_state_delta_stream
     WHERE room_id = ? ORDER BY stream_id, type, state_key`,
    [roomId],
  )
  for await (const batch of batches) {
    yield batch.map((row) => ({
      streamId: integer(row, 'stream_id'),
      type: text(row, 'type'),
      stateKey: text(row, 'state_key'),
      eventId: textOrNull(row, 'event_id'),
      prevEventId: textOrNull(row, 'prev_event_id'),
    }))
  }
}
