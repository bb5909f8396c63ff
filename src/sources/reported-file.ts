import {StateError} from '../errors.ts'
import {isServerName} from '../matrix/ids.ts'
import {isObject, JsonError, type Json, type JsonObject, own, parseJson} from '../matrix/json.ts'
import {parsePdu} from '../matrix/pdu.ts'
import {type RoomVersionRules, rulesFor, versionIn} from '../matrix/room-version.ts'
import {elementTexts} from './client-bodies.ts'
import type {EventCopy, ReportedExtremities, ReportedSlot, ReportedStateSet, Route, RouteIdentity} from './evidence.ts'
import {openBytes} from './file-bytes.ts'
import {excerpt} from './file-problems.ts'
import {fileIdentity} from './file-route.ts'

/** A server's state, or its forward extremities, as it answered, kept in a file. */
export interface ReportedFile {
  readonly identity: RouteIdentity
  /** `null` where the file tells extremities. */
  readonly state: ReportedStateSet | null
  /** `null` where the file tells a state. */
  readonly extremities: ReportedExtremities | null
  /** The events themselves, where the file has them in federation format. */
  readonly events: readonly EventCopy[]
  /** `null` where no create event tells. */
  readonly roomVersion: string | null
  /** Another room's ID than this, if what is in the file is of that; `null` as far as the file tells. */
  readonly otherRoom: (roomId: string) => string | null
  readonly notes: readonly string[]
}

const MAX_BYTES = 500_000_000
const HINT =
  'Known are answers of /state (client API, admin API, federation), /state_ids, /context and /forward_extremities (admin API), events one a line, and a list of event IDs.'

/**
 * Reads a state that a server reported, or its forward extremities.
 *
 * @param typed - `FILE`, or `SERVER=FILE` to say whose state it is; `@$event` at the end says at which event, if it is not the current
 * one: before it for `/state_ids` and federation’s `/state`, after it for the others. `-` is standard input.
 * @returns what the server says; `/context` names its event itself.
 * @throws StateError STATES_MALFORMED with the entry or line; USAGE for extremities of nobody knows whom; INPUT_NOT_FOUND and the like
 */
export async function openReportedFile(typed: string): Promise<ReportedFile> {
  const [, before = '', at = null] = /^(.*?)(?:@(\$[^/]+))?$/su.exec(typed) ?? []
  const sign = before.indexOf('=')
  const named = sign > 0 && isServerName(before.slice(0, sign))
  const path = named ? before.slice(sign + 1) : before
  const server = named ? before.slice(0, sign) : ''
  const name = path === '-' ? 'standard input' : path
  const text = await wholeText(path, name)
  const identity = await fileIdentity(named ? `reported ${server}` : 'reported', path)
  const report = {identity: {...identity, server}, ...new Report(name, at).read(text)}
  if (report.extremities !== null && server === '') {
    throw new StateError('USAGE', `${name} lists forward extremities, and does not say whose they are`, {
      hint: `Name the server: --reported SERVER=${path}`,
    })
  }
  return report
}

/**
 * Refuses two files that tell different extremities of one server: only one of them can be of now. States stand side by side instead.
 *
 * @throws StateError USAGE
 */
export function refuseContradiction(reports: readonly ReportedFile[]): void {
  const told = new Map<string, {readonly ids: string; readonly address: string}>()
  for (const {identity, extremities} of reports) {
    if (extremities === null) continue
    const ids = JSON.stringify(extremities.eventIds.toSorted())
    const other = told.get(identity.server)
    told.set(identity.server, {ids, address: identity.address})
    if (other === undefined || other.ids === ids) continue
    throw new StateError(
      'USAGE',
      `${other.address} and ${identity.address} tell different forward extremities of ${identity.server}`,
      {hint: 'Give the newer one only.'},
    )
  }
}

/**
 * The same as a route, so that it is kept as all other evidence. Its `gather` throws CASE_OTHER_ROOM for what is of another room.
 */
export function reportedRoute({
  identity,
  state,
  extremities,
  events,
  roomVersion,
  otherRoom,
  notes,
}: ReportedFile): Route {
  const how = state?.how ?? extremities?.how ?? ''
  return {
    identity,
    // It is no view of the room, only one state of it.
    unknowable: [],
    plan: () => [
      {request: `read ${identity.address}`, times: '1', purpose: 'a state as a server reported it', effect: 'none'},
    ],
    async *gather({roomId}) {
      const other = otherRoom(roomId)
      if (other !== null) {
        throw new StateError('CASE_OTHER_ROOM', `${identity.address} is of room ${other}, not of ${roomId}`, {
          hint: 'Give what the server answered on this room.',
        })
      }
      yield await Promise.resolve({
        how,
        requests: 0,
        ...(state === null ? {} : {states: [state]}),
        ...(extremities === null ? {} : {extremities: [extremities]}),
        events,
        ...(roomVersion === null ? {} : {roomVersion}),
        notes,
      })
    },
    close: () => Promise.resolve(),
  }
}

async function wholeText(path: string, name: string): Promise<string> {
  const bytes = await openBytes(path, path === '-' ? process.stdin : undefined, {name, events: 0})
  try {
    const chunks: Buffer[] = []
    let size = 0
    for (let chunk = await bytes.read(); chunk !== undefined; chunk = await bytes.read()) {
      size += chunk.length
      if (size > MAX_BYTES) throw new StateError('STATES_MALFORMED', `${name}: it is longer than 500 MB`, {hint: HINT})
      chunks.push(Buffer.from(chunk))
    }
    return new TextDecoder('utf-8', {fatal: true}).decode(Buffer.concat(chunks))
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw new StateError('STATES_MALFORMED', `${name}: it is not valid UTF-8`, {cause: error, hint: HINT})
  } finally {
    await bytes.close()
  }
}

/** An entry with its place, for messages. */
interface Entry {
  readonly place: string
  readonly value: Json
  /** As it stands in the file. */
  readonly text: string
}

/** Reads one file’s text. */
class Report {
  readonly #name: string
  readonly #at: string | null

  constructor(name: string, at: string | null) {
    this.#name = name
    this.#at = at
  }

  read(text: string): Omit<ReportedFile, 'identity'> {
    if (text.trim() === '') throw this.#wrong('it is empty')
    const whole = this.#parsed(text)
    if (whole === null) return this.#events(this.#lines(text), 'after', 'events, one a line')
    if (Array.isArray(whole)) {
      const list = whole as readonly Json[]
      if (list.every((one) => typeof one === 'string')) return this.#ids(list, 'after', 'list of event IDs')
      return this.#events(this.#listed(`{"list":${text}}`, 'list', list), 'after', '/state')
    }
    if (!isObject(whole)) throw this.#wrong(`neither a list nor an object: ${excerpt(text)}`)
    const ids = own(whole, 'pdu_ids')
    if (Array.isArray(ids)) return this.#ids(ids as readonly Json[], 'before', '/state_ids')
    const pdus = own(whole, 'pdus')
    if (Array.isArray(pdus)) {
      return this.#events(this.#listed(text, 'pdus', pdus as readonly Json[]), 'before', 'federation /state')
    }
    const results = own(whole, 'results')
    if (Array.isArray(results)) return this.#extremities(results as readonly Json[])
    const state = own(whole, 'state')
    if (Array.isArray(state)) {
      const event = own(whole, 'event')
      const id = isObject(event) ? own(event, 'event_id') : undefined
      const entries = this.#listed(text, 'state', state as readonly Json[])
      return this.#events(
        entries,
        'after',
        id === undefined ? '/state' : '/context',
        typeof id === 'string' ? id : null,
      )
    }
    if (own(whole, 'errcode') !== undefined) throw this.#wrong(`a server’s error answer: ${excerpt(text)}`)
    if (own(whole, 'type') !== undefined) return this.#events(this.#lines(text), 'after', 'events, one a line')
    throw this.#wrong(`an object without a state (keys: ${excerpt(Object.keys(whole).slice(0, 8).join(', '))})`)
  }

  #ids(list: readonly Json[], side: 'before' | 'after', how: string): Omit<ReportedFile, 'identity'> {
    const slots = list.map((id, index): ReportedSlot => {
      if (typeof id === 'string' && id.startsWith('$')) return {eventId: id}
      throw this.#wrong(`entry ${String(index + 1)} is no event ID: ${excerpt(JSON.stringify(id))}`)
    })
    return {...this.#told(slots, side, how, null), events: [], roomVersion: null, otherRoom: () => null}
  }

  /** `GET /_synapse/admin/v1/rooms/{room_id}/forward_extremities`. */
  #extremities(results: readonly Json[]): Omit<ReportedFile, 'identity'> {
    const eventIds = results.map((entry, index) => {
      const id = isObject(entry) ? own(entry, 'event_id') : undefined
      if (typeof id === 'string' && id.startsWith('$')) return id
      throw this.#wrong(`entry ${String(index + 1)} of "results" has no event ID: ${excerpt(JSON.stringify(entry))}`)
    })
    if (eventIds.length === 0) throw this.#wrong('it lists no forward extremity: the server is not in the room')
    if (this.#at !== null) throw this.#wrong(`forward extremities are of now, not of ${this.#at}: leave out the event`)
    return {
      state: null,
      extremities: {direction: 'forward', how: `/forward_extremities in ${this.#name}`, eventIds},
      events: [],
      roomVersion: null,
      otherRoom: () => null,
      notes: [],
    }
  }

  #events(
    entries: readonly Entry[],
    side: 'before' | 'after',
    how: string,
    eventId: string | null = null,
  ): Omit<ReportedFile, 'identity'> {
    const events = entries.map(({place, value, text}) => {
      if (!isObject(value)) throw this.#wrong(`${place} is no event: ${excerpt(text)}`)
      const [type, stateKey] = [own(value, 'type'), own(value, 'state_key')]
      if (typeof type !== 'string' || typeof stateKey !== 'string') {
        throw this.#wrong(`${place} is no state event: it lacks type or state_key`)
      }
      return {place, text, event: value, type, stateKey}
    })
    const create = events.find(({type, stateKey}) => type === 'm.room.create' && stateKey === '')
    const content = create === undefined ? undefined : own(create.event, 'content')
    const roomVersion = isObject(content) ? versionIn(content) : null
    const rules = roomVersion === null ? undefined : rulesFor(roomVersion)
    const slots = events.map(({place, text, event, type, stateKey}): Required<ReportedSlot> => {
      return {eventId: this.#idOf(place, text, event, rules), type, stateKey}
    })
    const rooms = events.map(({event, type, stateKey}, index) => {
      const isCreate = type === 'm.room.create' && stateKey === ''
      const given = own(event, 'room_id')
      const hash = isCreate && rules?.roomIdIsCreateHash === true ? `!${(slots[index]?.eventId ?? '').slice(1)}` : null
      return {isCreate, roomId: hash ?? (typeof given === 'string' ? given : null)}
    })
    const places = new Map<string, string>()
    for (const {place, type, stateKey} of events) {
      const slot = JSON.stringify([type, stateKey])
      const other = places.get(slot)
      if (other !== undefined) throw this.#wrong(`${other} and ${place} are in one slot, ${excerpt(slot)}`)
      places.set(slot, place)
    }
    const copies = events.filter(({event}) => Array.isArray(own(event, 'prev_events')))
    return {
      ...this.#told(slots, side, how, eventId),
      events: copies.map(({text}) => ({text, eventId: null})),
      roomVersion,
      otherRoom: (roomId) => otherRoom(rooms, roomId),
    }
  }

  /** The ID that the event carries, or that its hash gives. */
  #idOf(place: string, text: string, event: JsonObject, rules: RoomVersionRules | undefined): string {
    const given = own(event, 'event_id')
    if (typeof given === 'string') return given
    if (rules === undefined) throw this.#wrong(`${place} has no event_id, and no create event tells the room version`)
    try {
      return parsePdu(text, rules).eventId
    } catch (error) {
      if (error instanceof JsonError)
        throw this.#wrong(`${place} has no event_id, and none can be worked out: ${error.message}`)
      throw error
    }
  }

  #told(
    slots: readonly ReportedSlot[],
    side: 'before' | 'after',
    how: string,
    named: string | null,
  ): Pick<ReportedFile, 'state' | 'extremities' | 'notes'> {
    if (slots.length === 0) throw this.#wrong('the state in it is empty, and no room is ever without its create event')
    const eventId = this.#at ?? named
    const what = side === 'before' ? 'before' : eventId === null ? 'current' : 'after'
    const notes =
      what === 'before' && eventId === null
        ? [`${this.#name} does not say at which event this state was: add @$event to its name.`]
        : []
    return {state: {what, eventId, how: `${how} in ${this.#name}`, slots}, extremities: null, notes}
  }

  #listed(text: string, key: string, values: readonly Json[]): Entry[] {
    const texts = elementTexts(text, [key])
    return values.map((value, index) => ({
      place: `entry ${String(index + 1)}`,
      value,
      text: texts[index] ?? JSON.stringify(value),
    }))
  }

  #lines(text: string): Entry[] {
    return text.split('\n').flatMap((line, index): Entry[] => {
      if (line.trim() === '') return []
      const value = this.#parsed(line)
      if (value === null) throw this.#wrong(`line ${String(index + 1)} is not JSON: ${excerpt(line)}`)
      return [{place: `line ${String(index + 1)}`, value, text: line.trim()}]
    })
  }

  #parsed(text: string): Json | null {
    try {
      return parseJson(text)
    } catch (error) {
      if (error instanceof JsonError) return null
      throw error
    }
  }

  #wrong(what: string): StateError {
    return new StateError('STATES_MALFORMED', `${this.#name}: ${what}`, {hint: HINT})
  }
}

/** A single event of another room is a fault of the server's state, which is to be told; one with that room's create event is another room's. */
function otherRoom(
  events: readonly {readonly isCreate: boolean; readonly roomId: string | null}[],
  roomId: string,
): string | null {
  const create = events.find((event) => event.isCreate)
  if (typeof create?.roomId === 'string') return create.roomId === roomId ? null : create.roomId
  const named = events.flatMap((event) => event.roomId ?? [])
  return named.includes(roomId) ? null : (named[0] ?? null)
}
