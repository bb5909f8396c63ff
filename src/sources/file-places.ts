import type {ObjectPlace, Place} from './json-elements.ts'

const EVENTS: Place = {kind: 'elements'}
const EVENT: Place = {kind: 'element'}
const object = (keys: Readonly<Record<string, Place>>, others?: Place): ObjectPlace => ({
  kind: 'object',
  keys: new Map(Object.entries(keys)),
  ...(others === undefined ? {} : {others}),
})

/** A room of a `/sync` answer. Its ephemeral events and account data are no room events, an invite's are stripped. */
const SYNCED_ROOM = object({
  state: object({events: EVENTS}),
  state_after: object({events: EVENTS}),
  'org.matrix.msc4222.state_after': object({events: EVENTS}),
  timeline: object({events: EVENTS}),
})
const SYNCED_ROOMS = object({}, SYNCED_ROOM)

/**
 * Where homeservers' answers hold events.
 *
 * @see https://spec.matrix.org/v1.19/server-server-api/ and https://spec.matrix.org/v1.19/client-server-api/
 */
export const ANSWERS: ObjectPlace = object({
  // Federation: /state, /event_auth, /backfill, /event and transactions, /get_missing_events, /send_join.
  pdus: EVENTS,
  auth_chain: EVENTS,
  events: EVENTS,
  // Client: /messages, /context, /sync, the old /initialSync. Synapse's admin API: fetch_event.
  chunk: EVENTS,
  state: EVENTS,
  events_before: EVENTS,
  events_after: EVENTS,
  event: EVENT,
  rooms: object({join: SYNCED_ROOMS, leave: SYNCED_ROOMS}),
  messages: object({chunk: EVENTS}),
})

/** What an object at top level is, by its keys. */
export type Answer = 'event' | 'answer' | 'scenario' | 'refusal' | 'unknown'

/** An event may have any further keys, so being one goes first. `found`: the object has a place of `ANSWERS`. */
export function judgeObject(keys: ReadonlySet<string>, found: boolean): Answer {
  if (keys.has('type') && keys.has('sender')) return 'event'
  if (keys.has(SCENARIO_KEY)) return 'scenario'
  if (found) return 'answer'
  return keys.has('errcode') ? 'refusal' : 'unknown'
}

/** The key that makes a document a scenario of TARDIS. */
export const SCENARIO_KEY = 'tardis_version'
