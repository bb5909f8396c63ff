import {StateError} from '../errors.ts'
import {type NamedSlot, slotsToCite} from '../forensics/explain/hearing.ts'
import {askState} from '../forensics/explain/hearing-of-row.ts'
import {Flag} from '../graph/room-graph.ts'
import {contentHash} from '../matrix/hashes.ts'
import {canonicalJson} from '../matrix/canonical-json.ts'
import {isUserId, serverNameOf} from '../matrix/ids.ts'
import {isObject, type Json, JsonError, type JsonObject, own, parseJson} from '../matrix/json.ts'
import {parsePdu, type Pdu} from '../matrix/pdu.ts'
import {type Replay, UNKNOWN_STATE} from '../resolve/replay.ts'
import {EMPTY_STATE, type StateRoot} from '../resolve/state-trie.ts'
import {tipsOf} from '../resolve/tips.ts'

/** An event that nobody has sent, made whole. */
export interface Draft {
  readonly pdu: Pdu
  /** Fields that were filled in. */
  readonly filled: readonly string[]
  /** The state before it; `UNKNOWN_STATE` where it cannot be told. */
  readonly before: StateRoot
  /** Whether it follows exactly the tips. */
  readonly atTips: boolean
  /** Prev events that are not in the evidence. */
  readonly missing: readonly string[]
}

/**
 * Reads an event that somebody thinks of sending.
 *
 * @param name - how people call the text
 * @throws StateError DRAFT_MALFORMED
 */
export function parseDraft(name: string, text: string): JsonObject {
  const wrong = (what: string, cause?: unknown): StateError =>
    new StateError('DRAFT_MALFORMED', `${name}: ${what}`, {
      cause,
      hint: 'Write one event: {"type":"m.room.topic","state_key":"","sender":"@you:example.org","content":{"topic":"…"}}; other fields are filled in.',
    })
  let json: Json
  try {
    // Some editors begin a file with a byte order mark.
    json = parseJson(text.replace(/^\uFEFF/u, ''))
  } catch (error) {
    if (!(error instanceof JsonError)) throw error
    throw wrong(error.message, error)
  }
  if (!isObject(json)) throw wrong('this is not a JSON object')
  if (typeof own(json, 'type') !== 'string') throw wrong('it has no "type"')
  if (!isUserId(own(json, 'sender'))) throw wrong('it has no "sender" that is a user ID')
  return json
}

/**
 * Makes a draft whole, as the sender's server would: what it leaves out is taken from the tips, or from after one event.
 *
 * @param at - row of the event that it shall follow
 * @throws StateError DRAFT_MALFORMED for a field that cannot be read at all
 */
export function completeDraft(replay: Replay, given: JsonObject, at?: number): Draft {
  const {graph} = replay
  const {rules} = graph
  const filled: string[] = []
  const event: Record<string, Json> = {}
  for (const [key, value] of Object.entries(given)) if (value !== undefined) event[key] = value
  const fill = (key: string, make: () => Json): void => {
    if (event[key] !== undefined) return
    event[key] = make()
    filled.push(key)
  }
  const cite = (ids: readonly string[]): Json =>
    rules.refsCarryHashes ? ids.map((id) => [id, {sha256: ''}]) : [...ids]
  const sender = typeof event['sender'] === 'string' ? event['sender'] : ''
  const tips = tipsOf(replay)
  const parents = at === undefined ? tips : [at]
  fill('content', () => ({}))
  if (!(rules.roomIdIsCreateHash && event['type'] === 'm.room.create')) fill('room_id', () => graph.roomId)
  if (event['room_id'] !== undefined && event['room_id'] !== graph.roomId) {
    throw new StateError(
      'DRAFT_MALFORMED',
      `the draft is for room ${JSON.stringify(event['room_id']).slice(0, 100)}, and this one is ${graph.roomId}`,
      {hint: 'Leave room_id out: it is filled in.'},
    )
  }
  fill('prev_events', () => cite(parents.map((row) => graph.id(row))))
  const prev = prevRows(replay, event['prev_events'])
  fill('depth', () => nextDepth(replay, prev.rows))
  fill('origin_server_ts', () => Math.max(0, ...prev.rows.map((row) => graph.ts[row] ?? 0)))
  const roots = prev.rows.map((row) => replay.after[row] ?? UNKNOWN_STATE)
  const isUnknown = prev.missing.length > 0 || roots.includes(UNKNOWN_STATE)
  const before = isUnknown ? UNKNOWN_STATE : roots.length === 0 ? EMPTY_STATE : replay.resolver.resolve(roots).root
  if (rules.eventIdFormat === 'server-assigned') fill('event_id', () => `$draft:${serverNameOf(sender)}`)
  const state = askState(replay, before)
  const selected = (pdu: Pdu): Json =>
    cite(slotsToCite(pdu, rules).flatMap((slot: NamedSlot) => state?.get(slot)?.eventId ?? []))
  if (event['auth_events'] === undefined) {
    event['auth_events'] = []
    event['auth_events'] = selected(read(seal(event, sender), rules))
    filled.push('auth_events')
  }
  return {
    pdu: read(seal(event, sender), rules),
    filled,
    before,
    atTips: prev.rows.length === tips.length && tips.every((row) => prev.rows.includes(row)),
    missing: prev.missing,
  }
}

/** With hashes and signatures as they will be there once it is sent. */
function seal(event: JsonObject, sender: string): JsonObject {
  const content = own(event, 'content')
  const authoriser = isObject(content) ? own(content, 'join_authorised_via_users_server') : undefined
  const id = own(event, 'event_id')
  const servers = [sender, authoriser, id].filter((name) => typeof name === 'string').map(serverNameOf)
  const signatures = Object.fromEntries(
    servers.filter((server) => server !== '').map((server) => [server, {'ed25519:draft': 'draft'}]),
  )
  return {hashes: {sha256: hashOf(event)}, ...event, signatures: {...signatures, ...objectOf(event, 'signatures')}}
}

function hashOf(event: JsonObject): string {
  try {
    return contentHash(event)
  } catch (error) {
    // It has no canonical form: the checks of its form will say so.
    if (error instanceof JsonError) return ''
    throw error
  }
}

function objectOf(event: JsonObject, key: string): JsonObject {
  const value = own(event, key)
  return isObject(value) ? value : {}
}

function read(event: JsonObject, rules: Replay['graph']['rules']): Pdu {
  try {
    return parsePdu(canonicalJson(event, 'python'), rules)
  } catch (error) {
    if (!(error instanceof JsonError)) throw error
    throw new StateError('DRAFT_MALFORMED', `the draft cannot be read: ${error.message}`, {cause: error})
  }
}

function prevRows({graph}: Replay, prev: Json | undefined) {
  const rows: number[] = []
  const missing: string[] = []
  const entries: readonly Json[] = Array.isArray(prev) ? (prev as readonly Json[]) : []
  for (const entry of entries) {
    const id: unknown = Array.isArray(entry) ? (entry as readonly Json[])[0] : entry
    if (typeof id !== 'string') continue
    const row = graph.row(id)
    if (row < 0 || graph.has(row, Flag.Missing | Flag.Foreign)) missing.push(id)
    else rows.push(row)
  }
  return {rows, missing}
}

function nextDepth({graph}: Replay, parents: readonly number[]): number {
  const deepest = parents.reduce((most, row) => Math.max(most, Number(graph.depth(row))), 0)
  return Math.min(deepest + 1, Number.MAX_SAFE_INTEGER)
}
