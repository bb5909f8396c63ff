import type {CaseReader, Sighting, SourceId, StoredSource} from '../casefile/shapes.ts'
import type {RecordedStates, ServerView, ToldMarks, ToldState} from '../forensics/server-view.ts'
import type {StateGroup} from '../sources/evidence.ts'

interface View {
  readonly server: string
  readonly sources: StoredSource[]
  readonly states: Map<string, {readonly state: ToldState; readonly ts: number}>
  extremities: {readonly ids: readonly string[]; readonly ts: number} | null
  readonly marks: Map<string, ToldMarks>
  readonly given: Set<string>
}

/**
 * What a case has of each server's view of the room, one view a server, by name. Sources of one server are joined: of what two of them told,
 * the later telling counts; what a file tells stands beside it. A file that does not tell whose it is stands under its own name.
 *
 * @remarks All is read at once, since the case is closed before it is used: what each event was marked with, and the state groups as far
 * as there are any (their slots are shared, about 8 bytes a slot of a group).
 */
export function caseViews(reader: CaseReader): readonly ServerView[] {
  const bySource = new Map<number, View>()
  const views = new Map<string, View>()
  for (const source of reader.sources()) {
    const server = source.server === '' ? source.name : source.server
    const view = views.get(server) ?? newView(server)
    view.sources.push(source)
    views.set(server, view)
    bySource.set(source.id, view)
  }
  for (const told of reader.states()) {
    const view = bySource.get(told.source)
    if (view === undefined) continue
    const ts = told.lastTs ?? told.ts
    // When a file was read says nothing on when the server told what is in it, so that none is later than another telling.
    const isKept = isFile(view.sources, told.source)
    const key = `${isKept ? String(told.source) : ''} ${told.what} ${told.eventId ?? ''}`
    if ((view.states.get(key)?.ts ?? -1) > ts) continue
    const {what, eventId, how, slots} = told
    view.states.set(key, {state: {what, eventId, how, slots, ts: isKept ? 0 : ts}, ts})
  }
  for (const {source, direction, eventIds, ts, lastTs} of reader.extremities()) {
    const view = bySource.get(source)
    if (view === undefined || direction !== 'forward' || (view.extremities?.ts ?? -1) > (lastTs ?? ts)) continue
    view.extremities = {ids: eventIds.toSorted(), ts: lastTs ?? ts}
  }
  for (const {eventId, sightings} of reader.copies()) {
    for (const sighting of sightings) {
      const view = bySource.get(sighting.source)
      if (view === undefined) continue
      view.given.add(eventId)
      addMarks(view, eventId, sighting)
    }
  }
  const limited = reader.limits().length > 0
  return [...views.values()]
    .map((view) => toServerView(view, recordedStates(reader, view.sources), limited))
    .sort((a, b) => (a.server < b.server ? -1 : 1))
}

export function isFile(sources: readonly StoredSource[], source: SourceId): boolean {
  return sources.some(({id, kind}) => id === source && kind === 'file')
}

function newView(server: string): View {
  return {server, sources: [], states: new Map(), extremities: null, marks: new Map(), given: new Set()}
}

function addMarks(view: View, eventId: string, {marks}: Sighting): void {
  const {rejected, softFailed, outlier, receivedTs} = marks
  if (rejected === undefined && softFailed === undefined && outlier === undefined && receivedTs === undefined) return
  // Sightings come in the order of time: what was told last stands.
  view.marks.set(eventId, {
    ...view.marks.get(eventId),
    ...(rejected === undefined ? {} : {rejected}),
    ...(softFailed === undefined ? {} : {softFailed}),
    ...(outlier === undefined ? {} : {outlier}),
    ...(receivedTs === undefined ? {} : {receivedTs}),
  })
}

function toServerView(view: View, recorded: RecordedStates | null, limited: boolean): ServerView {
  // Other routes leave out what they may not show, or stop at what they were not asked for.
  const whole = !limited && view.sources.some(({kind}) => kind === 'database')
  const {server, states, extremities, marks, given} = view
  return {
    server,
    states: [...states.values()].map(({state}) => state),
    extremities: extremities?.ids ?? null,
    marks,
    has: (eventId) => given.has(eventId) || (whole ? false : null),
    recorded,
  }
}

/** Of the first source that has state groups: numbers of two databases mean different things. */
function recordedStates(reader: CaseReader, sources: readonly StoredSource[]): RecordedStates | null {
  for (const source of sources) {
    const around = new Map<string, {readonly before: number | null; readonly after: number | null}>()
    for (const {eventId, before, after} of reader.eventStateGroups(source.id)) around.set(eventId, {before, after})
    if (around.size === 0) continue
    const groups = new Map<number, StateGroup>()
    for (const group of reader.stateGroups(source.id)) groups.set(group.group, group)
    return {
      how: `state groups, ${source.name}`,
      around: (eventId) => around.get(eventId),
      group: (group) => groups.get(group),
    }
  }
  return null
}

/** The view of a server of which nothing is known but one state. */
export function viewOfState(server: string, state: ToldState): ServerView {
  return {
    server,
    states: [state],
    extremities: null,
    marks: new Map(),
    has: () => null,
    recorded: null,
  }
}
