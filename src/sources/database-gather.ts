import {StateError} from '../errors.ts'
import {isServerName, serverNameOf} from '../matrix/ids.ts'
import {inBlocks, KnownBlocks} from './database-blocks.ts'
import {eventColumns, eventFacts, eventRow, eventStep, strayEvents} from './database-events.ts'
import type {EventFacts} from './database-events.ts'
import {allOf, integer, text} from './database-port.ts'
import type {Database, Snapshot} from './database-port.ts'
import {findRoom, readAliases, readExtremities, readKeys, roomNotes} from './database-room.ts'
import {schemaNotes} from './database-schema.ts'
import type {Schema, UsefulTable} from './database-schema.ts'
import {
  currentState,
  currentStateChanges,
  groupRows,
  groupsWithBases,
  readGroups,
  wholeState,
} from './database-states.ts'
import type {GroupRow} from './database-states.ts'
import type {GatherContext, Refusal, ReportedStateSet, Step} from './evidence.ts'

/** Levels of depth on each side that count as near. */
const AROUND = 100
/** States at forward extremities that are told whole; a healthy room has a few, a sick one thousands. */
const MOST_EXTREMITIES = 20
/** Beyond so many rows the search for JSON without an event, which has no index to go by, is left out. */
const MOST_JSON_ROWS = 1_000_000

/** What several pieces of one gathering need. */
interface Work {
  readonly snapshot: Snapshot
  readonly schema: Schema
  readonly context: GatherContext
  readonly roomId: string
}

/** The room as the database has it; pieces that an earlier run kept and that are as they were are left out. */
export async function* gatherRoom(database: Database, schema: Schema, context: GatherContext): AsyncGenerator<Step> {
  const {roomId, signal} = context
  const snapshot = await database.snapshot(signal)
  try {
    const work: Work = {snapshot, schema, context, roomId}
    const {step, forward} = await roomStep(work, database.shown)
    yield step
    const servers = new Set<string>()
    const groups = new Set<number>()
    yield* events(work, servers, groups)
    yield* states(work, groups, forward)
    yield {
      how: 'server_signature_keys, server_keys_json',
      requests: 0,
      keys: await readKeys(snapshot, schema, [...servers]),
    }
    yield* strays(work)
    yield* changes(work)
  } finally {
    await snapshot.close()
  }
}

async function roomStep(
  {snapshot, schema, roomId}: Work,
  shown: string,
): Promise<{step: Step; forward: readonly string[]}> {
  const roomVersion = await findRoom(snapshot, roomId, shown)
  const notes = [...snapshot.notes, ...(await roomNotes(snapshot, schema, roomId)), ...schemaNotes(schema)]
  const refusals: Refusal[] = []
  const extremities = await readExtremities(snapshot, schema, roomId)
  const current: ReportedStateSet[] = []
  if (schema.has('current_state_events')) {
    const how = 'current_state_events'
    const slots = await currentState(snapshot, roomId)
    if (slots.length > 0) current.push({what: 'current', eventId: null, how, slots})
    else {
      const message = 'no rows for the room: the server is not in it (any more)'
      refusals.push({what: how, outcome: 'absent', message})
      notes.push('The server is not in the room (any more), and keeps no current state of it.')
    }
  }
  const backward = extremities.find(({direction}) => direction === 'backward')?.eventIds.length ?? 0
  if (backward > 0) {
    notes.push(
      `The history has ${String(backward)} backward extremities: events before them were never fetched, or purged.`,
    )
  }
  const unread: UsefulTable[] = [
    'current_state_events',
    'event_forward_extremities',
    'event_backward_extremities',
    'room_aliases',
  ]
  for (const table of unread) if (!schema.has(table)) refusals.push(notReadable(schema, table))
  const [counted] = await snapshot.all('SELECT COUNT(*) AS n FROM events WHERE room_id = ?', [roomId])
  return {
    forward: extremities.find(({direction}) => direction === 'forward')?.eventIds ?? [],
    step: {
      how: 'rooms, current_state_events, event_forward_extremities, event_backward_extremities, room_aliases',
      requests: 0,
      ...(roomVersion === null ? {} : {roomVersion}),
      extremities,
      states: current,
      aliases: await readAliases(snapshot, schema, roomId),
      total: counted === undefined ? 0 : integer(counted, 'n'),
      ...(refusals.length === 0 ? {} : {refusals}),
      ...(notes.length === 0 ? {} : {notes}),
    },
  }
}

function notReadable(schema: Schema, table: UsefulTable): Refusal {
  const message = schema.why(table)
  return {what: table, outcome: message.startsWith('this user') ? 'refused' : 'absent', message}
}

/** Newest first; every event's flags are read each time, its JSON only where something is new. */
async function* events(work: Work, servers: Set<string>, groups: Set<number>): AsyncGenerator<Step> {
  const {snapshot, schema, context} = work
  const how = 'events, event_json, rejections, event_to_state_groups'
  const known = new KnownBlocks('events', context.marks)
  const {where, params, limited, refusals} = await windowOf(work)
  if (refusals.length > 0) yield {how: 'events', requests: 0, refusals}
  const {columns, joins} = eventColumns(schema)
  const sql = `SELECT ${columns} FROM events e ${joins} WHERE e.room_id = ?${where}`
  const facts = async function* (): AsyncGenerator<readonly EventFacts[]> {
    for await (const batch of snapshot.rows(sql, [work.roomId, ...params])) {
      yield await eventFacts(snapshot, schema, batch.map(eventRow))
    }
  }
  const blocks = inBlocks('events', facts(), ({row, states}) => ({
    key: row.eventId,
    facts: JSON.stringify([row, states?.before, states?.after]),
    bytes: row.bytes ?? 0,
  }))
  for await (const {items, name} of blocks) {
    context.signal.throwIfAborted()
    for (const {row, states} of items) {
      for (const id of [row.sender ?? '', row.eventId]) {
        const server = serverNameOf(id)
        if (isServerName(server)) servers.add(server)
      }
      if (limited) for (const group of [states?.before, states?.after]) if (typeof group === 'number') groups.add(group)
    }
    if (known.has(name)) continue
    yield {how, requests: 0, ...(await eventStep(snapshot, items)), marks: {[name]: String(items.length)}}
  }
  if (!limited) yield* forgetting(how, known)
}

/** Which events are asked for. An event that a limit names and that is not here limits nothing. */
async function windowOf({snapshot, context, roomId}: Work): Promise<{
  readonly where: string
  readonly params: readonly number[]
  readonly limited: boolean
  readonly refusals: readonly Refusal[]
}> {
  const {depth, since, around} = context.limits
  const refusals: Refusal[] = []
  const depthOf = async (eventId: string): Promise<number | null> => {
    const sql = 'SELECT topological_ordering AS depth FROM events WHERE event_id = ? AND room_id = ?'
    const [row] = await snapshot.all(sql, [eventId, roomId])
    if (row !== undefined) return integer(row, 'depth')
    refusals.push({what: 'events', eventId, outcome: 'absent', message: 'no row for the event that the limit names'})
    return null
  }
  const conditions: string[] = []
  const params: number[] = []
  const from = since === undefined ? null : await depthOf(since)
  if (from !== null) {
    conditions.push(' AND e.topological_ordering >= ?')
    params.push(from)
  }
  const centre = around === undefined ? null : await depthOf(around)
  if (centre !== null) {
    conditions.push(' AND e.topological_ordering BETWEEN ? AND ?')
    params.push(centre - AROUND, centre + AROUND)
  }
  let order = ' ORDER BY e.topological_ordering DESC, e.stream_ordering DESC'
  if (depth !== undefined) {
    order += ' LIMIT ?'
    params.push(depth)
  }
  return {where: conditions.join('') + order, params, limited: params.length > 0, refusals}
}

function* forgetting(how: string, known: KnownBlocks): Generator<Step> {
  const marks = known.forget()
  if (Object.keys(marks).length > 0) yield {how, requests: 0, marks}
}

/** All state groups, or those around the events that were asked for; then the states at the forward extremities. */
async function* states(work: Work, groups: Set<number>, forward: readonly string[]): AsyncGenerator<Step> {
  const {snapshot, schema, context, roomId} = work
  const how = 'state_groups, state_group_edges, state_groups_state'
  const needed: UsefulTable[] = ['event_to_state_groups', 'state_groups', 'state_group_edges', 'state_groups_state']
  const lacking = needed.filter((table) => !schema.has(table))
  if (lacking.length > 0) {
    const notes = ['The server’s own states cannot be read: Synapse may keep them in another database.']
    yield {how, requests: 0, refusals: lacking.map((table) => notReadable(schema, table)), notes}
    return
  }
  const told = await atExtremities(work, forward)
  const limited = Object.values(context.limits).some((limit) => limit !== undefined)
  for (const {group} of told) groups.add(group)
  const known = new KnownBlocks('groups', context.marks)
  const batches = limited ? asBatch(await groupsWithBases(snapshot, groups)) : groupRows(snapshot, roomId)
  const blocks = inBlocks('groups', batches, ({group, base}) => ({key: String(group), facts: String(base), bytes: 0}))
  for await (const {items, name} of blocks) {
    context.signal.throwIfAborted()
    if (known.has(name)) continue
    let before: Step | null = null
    for await (const stateGroups of readGroups(snapshot, items)) {
      if (before !== null) yield before
      before = {how, requests: 0, stateGroups}
    }
    // The block counts as kept with its last piece.
    if (before !== null) yield {...before, marks: {[name]: String(items.length)}}
  }
  if (!limited) yield* forgetting(how, known)
  for (const {eventId, group} of told.slice(0, MOST_EXTREMITIES)) {
    const slots = await wholeState(snapshot, group)
    yield {
      how: 'event_to_state_groups',
      requests: 0,
      states: [{what: 'at-extremity', eventId, how: 'event_to_state_groups', slots}],
    }
  }
  if (told.length > MOST_EXTREMITIES) {
    const notes = [
      `Of ${String(told.length)} forward extremities the states at ${String(MOST_EXTREMITIES)} are told whole.`,
    ]
    yield {how: 'event_to_state_groups', requests: 0, notes}
  }
}

async function* asBatch(rows: readonly GroupRow[]): AsyncGenerator<readonly GroupRow[]> {
  await Promise.resolve()
  yield rows
}

/** Forward extremities and their groups, the one stored last first. */
async function atExtremities(
  {snapshot}: Work,
  forward: readonly string[],
): Promise<{eventId: string; group: number}[]> {
  const rows = await allOf(
    snapshot,
    forward,
    (list) => `SELECT event_id, state_group FROM event_to_state_groups WHERE event_id IN (${list})`,
  )
  return rows
    .map((row) => ({eventId: text(row, 'event_id'), group: integer(row, 'state_group')}))
    .sort((a, b) => b.group - a.group)
}

async function* strays({snapshot, context, roomId}: Work): AsyncGenerator<Step> {
  context.signal.throwIfAborted()
  if ((await snapshot.estimate('event_json')) > MOST_JSON_ROWS) return
  const stray = await strayEvents(snapshot, roomId)
  if (stray.length === 0) return
  const notes = [`${String(stray.length)} events have JSON but no row in events: the database is not sound.`]
  yield {how: 'event_json', requests: 0, events: stray, notes}
}

/** Last, since the table has no index to go by: should the server refuse to search so long, all else is there. */
async function* changes({snapshot, schema, context, roomId}: Work): AsyncGenerator<Step> {
  const how = 'current_state_delta_stream'
  if (!schema.has(how)) {
    yield {how, requests: 0, refusals: [notReadable(schema, how)]}
    return
  }
  const known = new KnownBlocks('changes', context.marks)
  const blocks = inBlocks('changes', currentStateChanges(snapshot, roomId), (change) => ({
    key: JSON.stringify([change.streamId, change.type, change.stateKey]),
    facts: JSON.stringify([change.eventId, change.prevEventId]),
    bytes: 0,
  }))
  try {
    for await (const {items, name} of blocks) {
      context.signal.throwIfAborted()
      if (!known.has(name)) yield {how, requests: 0, currentStateChanges: items, marks: {[name]: String(items.length)}}
    }
  } catch (error) {
    if (!(error instanceof StateError) || !error.message.includes('took too long')) throw error
    yield {how, requests: 0, refusals: [{what: how, outcome: 'failed', message: error.message}]}
    return
  }
  yield* forgetting(how, known)
}

/** Single events; those of other rooms are not given. */
export async function* fetchFromDatabase(
  database: Database,
  schema: Schema,
  eventIds: readonly string[],
  context: GatherContext,
): AsyncGenerator<Step> {
  const {roomId, signal} = context
  const how = 'events, event_json, rejections, event_to_state_groups'
  const snapshot = await database.snapshot(signal)
  try {
    const {columns, joins} = eventColumns(schema)
    const wanted = [...new Set(eventIds)]
    for (let start = 0; start < wanted.length; start += 500) {
      signal.throwIfAborted()
      const piece = wanted.slice(start, start + 500)
      const sql = (list: string): string =>
        `SELECT ${columns}, e.room_id AS room_id FROM events e ${joins} WHERE e.event_id IN (${list})`
      const rows = await allOf(snapshot, piece, sql)
      const ours = rows.filter((row) => text(row, 'room_id') === roomId).map(eventRow)
      const step = await eventStep(snapshot, await eventFacts(snapshot, schema, ours))
      const here = new Set(ours.map(({eventId}) => eventId))
      const elsewhere = new Set(rows.map((row) => text(row, 'event_id')))
      const refusals: Refusal[] = [...(step.refusals ?? [])]
      for (const eventId of piece) {
        if (here.has(eventId)) continue
        const message = elsewhere.has(eventId) ? 'the event is of another room' : 'no row for the event'
        refusals.push({what: 'events', eventId, outcome: 'absent', message})
      }
      yield {how, requests: 0, ...step, ...(refusals.length === 0 ? {} : {refusals})}
    }
  } finally {
    await snapshot.close()
  }
}
