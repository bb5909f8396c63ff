import {openCase} from '../casefile/open-case.ts'
import {toPduSource} from '../casefile/pdu-source.ts'
import type {CaseReader} from '../casefile/shapes.ts'
import {StateError} from '../errors.ts'
import type {Finding} from '../finding/finding.ts'
import type {ServerView} from '../forensics/server-view.ts'
import {Flag, type RoomGraph} from '../graph/room-graph.ts'
import type {ReportedSlot} from '../sources/evidence.ts'
import {needRoom} from './case-room.ts'
import {caseViews, isFile} from './case-views.ts'
import type {SigningKey} from '../matrix/key-ring.ts'
import type {Reported} from './compare-reported.ts'
import {unknowableOf} from './fetch-report.ts'
import {type LoadOptions, loadRoom} from './load-room.ts'
import type {OpenedRoom} from './opened-room.ts'
import {verifyEvidence} from './verify-evidence.ts'

/**
 * Opens the room of a case file: all copies of its events, and what servers said of it. Where the case has servers' keys, signatures are
 * checked first, and copies that are proven forged are left out, as servers leave them out; findings say which.
 *
 * @param keys - servers' keys beside those in the case
 * @throws StateError CASE_UNUSABLE; CASE_OTHER_ROOM for a file's state of another room, and for the case of a user; see `loadRoom`,
 * `verifyEvidence`
 * @remarks Checking costs about 0.3 ms a copy and core, far more than the replay.
 */
export async function openCaseRoom(
  path: string,
  loading: LoadOptions,
  keys: readonly SigningKey[] = [],
): Promise<OpenedRoom> {
  const reader = openCase(path)
  try {
    needRoom(reader)
    const sources = reader.sources()
    const insecure = sources.filter((source) => source.insecure).map(({name}) => name)
    const {forged, findings, note, signatures} = await checkSignatures(reader, loading, keys)
    const room = await loadRoom(toPduSource(reader, forged), loading)
    refuseOtherRooms(reader, room.graph)
    const views = caseViews(reader)
    return {
      room,
      unknowable: unknowableOf(sources),
      reported: currentStates(reader),
      reportedExtremities: forwardExtremities(reader),
      views,
      ...(signatures === undefined ? {} : {signatures}),
      findings,
      notes: [
        ...note,
        ...elsewhere(room.graph, views),
        ...(insecure.length === 0 ? [] : [`TLS was not verified when this came: ${insecure.join(', ')}`]),
      ],
    }
  } finally {
    reader.close()
  }
}

/** A state at an event that is not here is held against nothing: that must not pass for agreement. */
function elsewhere(graph: RoomGraph, views: readonly ServerView[]): readonly string[] {
  return views.flatMap(({server, states}) => {
    const ids = states.flatMap(({eventId}) => {
      const row = eventId === null ? 0 : graph.row(eventId)
      return eventId !== null && (row < 0 || graph.has(row, Flag.Missing)) ? [eventId] : []
    })
    const [first] = ids
    if (first === undefined) return []
    const more = ids.length > 1 ? ` and ${String(ids.length - 1)} more` : ''
    return [`Not compared: the state that ${server} told at ${first}${more}, since the event is not here.`]
  })
}

/**
 * A server that was asked about this room has answered on it, however strange the answer is. A file may have been mistaken for another: its
 * state is of this room only if it has the room's create event, or any event that is known here.
 */
function refuseOtherRooms(reader: CaseReader, graph: RoomGraph): void {
  const files = reader.sources().filter(({kind}) => kind === 'file')
  for (const {source, slots} of reader.states()) {
    const file = files.find(({id}) => id === source)
    if (file === undefined) continue
    const isKnown = ({eventId}: ReportedSlot): boolean =>
      graph.row(eventId) >= 0 && !graph.has(graph.row(eventId), Flag.Foreign)
    const create = slots.find(({type, stateKey}) => type === 'm.room.create' && stateKey === '')
    if (create === undefined ? slots.some(isKnown) : isKnown(create)) continue
    const what =
      create === undefined ? 'it has none of the events of' : `its create event is ${create.eventId}, not that of`
    throw new StateError('CASE_OTHER_ROOM', `${file.address} is of another room: ${what} ${graph.roomId}`, {
      hint: 'Give what the server answered on this room.',
    })
  }
}

async function checkSignatures(
  reader: CaseReader,
  {onProgress}: LoadOptions,
  more: readonly SigningKey[],
): Promise<{
  readonly forged: ReadonlySet<number>
  readonly findings: readonly Finding[]
  readonly note: readonly string[]
  readonly signatures?: 'checked' | 'partly'
}> {
  const {copies, keys} = reader.counts()
  if (keys + more.length === 0 || copies === 0 || reader.roomVersion === null) {
    const note = copies === 0 ? [] : ["Signatures were not checked: no server's keys are here. --keys FILE gives them."]
    return {forged: new Set(), findings: [], note}
  }
  const {forged, findings, unverifiable} = await verifyEvidence(reader, {
    keys: more,
    onProgress: ({copies: done}) => onProgress?.(done),
  })
  const open =
    unverifiable === 0
      ? []
      : [
          `Of ${String(unverifiable)} copies the signatures could not be checked: a key is not known or was not valid then.`,
        ]
  return {
    forged,
    findings: findings.filter(({id}) => id === 'dag/bad-signature'),
    note: open,
    signatures: unverifiable === 0 ? 'checked' : 'partly',
  }
}

/** The current state that each server told last, by whatever route, and beside it each that stands in a file. */
export function currentStates(reader: CaseReader): readonly Reported[] {
  const latest = new Map<string, Reported & {readonly ts: number}>()
  const all = reader.sources()
  const sources = new Map(all.map((source) => [source.id, source]))
  for (const {what, source: id, slots, how, ts} of reader.states()) {
    if (what !== 'current') continue
    const source = sources.get(id)
    const server = source === undefined || source.server === '' ? (source?.name ?? '') : source.server
    const isKept = isFile(all, id)
    const key = `${isKept ? String(id) : ''} ${server}`
    const known = latest.get(key)
    if (known !== undefined && known.ts > ts) continue
    latest.set(key, {server, how, eventIds: slots.map(({eventId}) => eventId), slots, ts: isKept ? 0 : ts})
  }
  return [...latest.values()]
}

export function forwardExtremities(reader: CaseReader): Readonly<Record<string, readonly string[]>> {
  const latest = new Map<string, {readonly ids: readonly string[]; readonly ts: number}>()
  const sources = new Map(reader.sources().map((source) => [source.id, source]))
  for (const {source, ts, direction, eventIds} of reader.extremities()) {
    const server = sources.get(source)?.server ?? ''
    if (direction !== 'forward' || server === '' || (latest.get(server)?.ts ?? -1) > ts) continue
    latest.set(server, {ids: eventIds.toSorted(), ts})
  }
  return Object.fromEntries([...latest].sort(([a], [b]) => (a < b ? -1 : 1)).map(([server, {ids}]) => [server, ids]))
}
