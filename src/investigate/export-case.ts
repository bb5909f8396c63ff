import type {CaseReader, StoredCopy} from '../casefile/shapes.ts'
import {canonicalJson} from '../matrix/canonical-json.ts'
import type {DeviceSnapshot} from '../matrix/device-facts.ts'
import {type Json, JsonError, objectOrNull} from '../matrix/json.ts'
import {parsePdu} from '../matrix/pdu.ts'
import type {RoomVersionRules} from '../matrix/room-version.ts'
import {dumpLine, isUserCase, rulesOfCase, sourceNames} from './case-room.ts'

export interface ExportOptions {
  /** Every copy of every event; otherwise the best of each. */
  readonly allCopies?: boolean
}

/**
 * The events of a case as a dump: one PDU a line, without line ends, in the order in which they came.
 *
 * Devices are no events, and have no place in a dump of a room; of the case of a user, which holds nothing else, each fact is a line:
 * `{user_id, route, server, how, ts, last_ts, fact}`.
 *
 * Of several copies of an event the first that fits its content hash is the best, else the first that servers would take, else the first.
 *
 * @throws StateError ROOM_VERSION_UNKNOWN, CREATE_MISSING
 * @remarks Streams; memory for the IDs of events that have several copies.
 */
export function* exportNdjson(reader: CaseReader, options: ExportOptions = {}): Generator<string> {
  if (isUserCase(reader)) {
    for (const fact of deviceFacts(reader)) yield deviceText(fact)
    return
  }
  const rules = rulesOfCase(reader)
  for (const copy of chosenCopies(reader, rules, options)) yield dumpLine(copy, rules)
}

/** Copies that `exportNdjson` gives. */
export function* chosenCopies(
  reader: CaseReader,
  rules: RoomVersionRules,
  {allCopies = false}: ExportOptions = {},
): Generator<StoredCopy> {
  const {events, copies} = reader.counts()
  if (allCopies) {
    yield* reader.copies()
    return
  }
  const hasForms = events !== copies
  const done = new Set<string>()
  for (const copy of reader.copies()) {
    // An event of another room would make the dump one of two rooms.
    if (copy.stray === true || done.has(copy.eventId)) continue
    const all = hasForms ? reader.copiesOf(copy.eventId) : []
    if (all.length > 1) done.add(copy.eventId)
    yield bestCopy(all.length === 0 ? [copy] : all, rules)
  }
}

function bestCopy(copies: readonly StoredCopy[], rules: RoomVersionRules): StoredCopy {
  const [first] = copies
  if (first === undefined) throw new Error('an event of a case has no copy')
  if (copies.length === 1) return first
  let best = first
  let bestGrade = -1
  for (const copy of copies) {
    const grade = gradeOf(copy, rules)
    if (grade > bestGrade) [best, bestGrade] = [copy, grade]
  }
  return best
}

function gradeOf(copy: StoredCopy, rules: RoomVersionRules): number {
  try {
    const {contentHashOk, fault, wrongId} = parsePdu(dumpLine(copy, rules), rules, {allContentHashes: true})
    const isUsable = fault === null && wrongId === null
    return (isUsable ? 1 : 0) + (isUsable && contentHashOk === true ? 1 : 0)
  } catch (error) {
    if (error instanceof JsonError) return 0
    throw error
  }
}

/** What `exportJson` writes; its first key. */
export const CASE_SCHEMA = 'matrix-state/case/1'

/**
 * All that a case knows, as one JSON document in pieces: who was asked, the events with all copies and who gave them, what servers said of
 * states and extremities, keys, refusals. Sources are named by number.
 *
 * @remarks Streams. The PDUs stand in it as they came; one that is no JSON stands as a string under `text`.
 */
export function* exportJson(reader: CaseReader): Generator<string> {
  const head = {
    schema: CASE_SCHEMA,
    room_id: reader.roomId,
    room_version: reader.roomVersion,
    created_ts: reader.createdTs,
    counts: snake(reader.counts()),
    sources: reader.sources().map(snake),
    limits: reader.limits().map(snake),
    aliases: reader.aliases(),
    keys: reader.keys().map(snake),
    extremities: reader.extremities().map(snake),
    refusals: reader.refusals().map(snake),
    missing: {auth: reader.missing('auth'), prev: reader.missing('prev')},
    notes: reader.notes().map(snake),
  }
  yield JSON.stringify(head).slice(0, -1)
  yield* list('copies', reader.copies(), copyText)
  yield* list('states', reader.states(), (state) => JSON.stringify(snake(state)))
  const sources = [...sourceNames(reader).keys()]
  yield* list(
    'state_groups',
    ofEach(sources, (source) => reader.stateGroups(source)),
    (entry) => JSON.stringify(snake(entry)),
  )
  yield* list(
    'event_state_groups',
    ofEach(sources, (source) => reader.eventStateGroups(source)),
    (entry) => JSON.stringify(snake(entry)),
  )
  const changes = ofEach(sources, (source) => reader.currentStateChanges(source))
  yield* list('current_state_changes', changes, (entry) => JSON.stringify(snake(entry)))
  yield* list('device_sources', reader.devices.sources(), (source) => JSON.stringify(snake(source)))
  yield* list('device_facts', deviceFacts(reader), deviceText)
  yield* list('device_refusals', reader.devices.refusals(), (refusal) => JSON.stringify(snake(refusal)))
  yield '}\n'
}

function* deviceFacts(reader: CaseReader): Generator<DeviceSnapshot> {
  for (const userId of reader.devices.users()) yield* reader.devices.of(userId)
}

/** The fact has field names of APIs, and exact numbers. */
function deviceText({fact, ...told}: DeviceSnapshot): string {
  return `${JSON.stringify(snake(told)).slice(0, -1)},"fact":${canonicalJson(fact as unknown as Json, 'python')}}`
}

function* ofEach<T extends object>(
  sources: readonly number[],
  read: (source: number) => Iterable<T>,
): Generator<T & {readonly source: number}> {
  for (const source of sources) for (const entry of read(source)) yield {source, ...entry}
}

function* list<T>(name: string, items: Iterable<T>, write: (item: T) => string): Generator<string> {
  yield `,\n${JSON.stringify(name)}:[`
  let isFirst = true
  for (const item of items) {
    yield `${isFirst ? '\n' : ',\n'}${write(item)}`
    isFirst = false
  }
  yield ']'
}

function copyText({eventId, text, sightings}: StoredCopy): string {
  const head = JSON.stringify({event_id: eventId, sightings: sightings.map(snake)}).slice(0, -1)
  return objectOrNull(text) === null ? `${head},"text":${JSON.stringify(text)}}` : `${head},"pdu":${text}}`
}

/** Field names as JSON documents of this project have them. Only for shapes whose keys are field names, not for maps by name. */
function snake(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snake)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      snake(inner),
    ]),
  )
}
