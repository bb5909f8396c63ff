import {StateError} from '../errors.ts'
import {isServerName} from '../matrix/ids.ts'
import {isObject, JsonError, type Json, type JsonObject, own, parseJson} from '../matrix/json.ts'
import {parsePdu} from '../matrix/pdu.ts'
import {type RoomVersionRules, rulesFor, versionIn} from '../matrix/room-version.ts'
import {elementTexts} from './client-bodies.ts'
import type {EventCopy, ReportedSlot, ReportedStateSet, Route, RouteIdentity} from './evidence.ts'
import {openBytes} from './file-bytes.ts'
import {excerpt} from './file-problems.ts'
import {fileIdentity} from './file-route.ts'

/** A server's state as it answered, kept in a file. */
export interface ReportedFile {
  readonly identity: RouteIdentity
  readonly state: ReportedStateSet
  /** The events themselves, where the file has them in federation format. */
  readonly events: readonly EventCopy[]
  /** `null` where no create event tells. */
  readonly roomVersion: string | null
  readonly notes: readonly string[]
}

const MAX_BYTES = 500_000_000
const HINT =
  'Known are answers of /state (client API, admin API, federation), /state_ids and /context, events one a line, and a list of event IDs.'

/**
 * Reads a state that a server reported.
 *
 * @param typed - `FILE`, or `SERVER=FILE` to say whose state it is; `@$event` at the end says at which event, if it is not the current
 * one: before it for `/state_ids` and federation’s `/state`, after it for the others. `-` is standard input.
 * @returns what the server says; `/context` names its event itself.
 * @throws StateError STATES_MALFORMED with the entry or line; INPUT_NOT_FOUND and the like
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
  return {identity: {...identity, server}, ...new Report(name, at).read(text)}
}

/** The same as a route, so that it is kept as all other evidence. */
export function reportedRoute({identity, state, events, roomVersion, notes}: ReportedFile): Route {
  return {
    identity,
    // It is no view of the room, only one state of it.
    unknowable: [],
    plan: () => [
      {request: `read ${identity.address}`, times: '1', purpose: 'a state as a server reported it', effect: 'none'},
    ],
    async *gather() {
      yield await Promise.resolve({
        how: state.how,
        requests: 0,
        states: [state],
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
    return {...this.#told(slots, side, how, null), events: [], roomVersion: null}
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
  ): Pick<ReportedFile, 'state' | 'notes'> {
    if (slots.length === 0) throw this.#wrong('the state in it is empty, and no room is ever without its create event')
    const eventId = this.#at ?? named
    const what = side === 'before' ? 'before' : eventId === null ? 'current' : 'after'
    const notes =
      what === 'before' && eventId === null
        ? [`${this.#name} does not say at which event this state was: add @$event to its name.`]
        : []
    return {state: {what, eventId, how: `${how} in ${this.#name}`, slots}, notes}
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
