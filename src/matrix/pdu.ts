import {canonicalJson} from './canonical-json.ts'
import {contentHashMatches, eventIdOf, without} from './hashes.ts'
import {byteLength, type EventId, isUserId, MAX_FIELD_BYTES} from './ids.ts'
import {
  ExactNumber,
  isObject,
  type Json,
  JsonError,
  type JsonObject,
  MAX_NESTING,
  mayHoldExactNumbers,
  nestsDeeper,
  own,
  parseJson,
} from './json.ts'
import {type FormatFault, type Pdu, signersOf} from './pdu-shape.ts'
import {readPlainPdu} from './plain-pdu.ts'
import {redactContent} from './redaction.ts'
import {requiredSigners} from './required-signers.ts'
import type {RoomVersionRules} from './room-version.ts'

/** Largest event, canonical, in bytes. https://spec.matrix.org/v1.19/client-server-api/#size-limits */
export const MAX_PDU_BYTES = 65_536

export type {FormatFault, Pdu}

export interface PduOptions {
  /** Take `event_id` as given and ask for no hashes, signatures, depth or room ID: test data of other projects. */
  readonly trustIds?: boolean
  /** Check the content hash of every event, not only of those whose content the rules read. */
  readonly allContentHashes?: boolean
}

/**
 * Reads one PDU, in federation form or as the client and admin APIs of a server give it (they add `event_id`, `unsigned`, a create
 * event's `room_id` and a copy of `redacts`).
 *
 * @param text - the JSON text as received
 * @throws JsonError when it is no event that can be named: not JSON, not an object, no ID, or nothing that can be hashed.
 * @remarks O(length of the text)
 */
export function parsePdu(text: string, rules: RoomVersionRules, options: PduOptions = {}): Pdu {
  const exact = mayHoldExactNumbers(text)
  const value = parseJson(text, exact)
  if (!isObject(value)) throw new JsonError('it is not a JSON object')
  if (nestsDeeper(text, MAX_NESTING)) return readDeepPdu(value, rules, options)
  const isPlain =
    !exact && !mayHoldHalfPair(text) && text.length * 3 <= MAX_PDU_BYTES && rules.eventIdFormat !== 'server-assigned'
  const plain =
    isPlain && options.trustIds !== true && options.allContentHashes !== true ? readPlainPdu(value, text, rules) : null
  return plain ?? readPdu(value, rules, options, {text, exact})
}

/** Looks for escapes of half a surrogate pair; two halves that make a pair only cost time. */
function mayHoldHalfPair(text: string): boolean {
  // Nearly all texts are without such escapes, and looking for fixed characters takes a tenth of the time.
  return text.includes('\\u') && /\\u[dD][89a-fA-F]/.test(text)
}

/** Nests too deep for any server: refused, and without its content, which could not be walked safely. */
function readDeepPdu(event: JsonObject, rules: RoomVersionRules, options: PduOptions): Pdu {
  const fault: FormatFault = {
    what: 'nesting',
    message: `its JSON is nested more than ${String(MAX_NESTING)} levels deep`,
  }
  return {...readPdu(event, rules, options, {text: '', exact: false}), content: EMPTY, fault}
}

/**
 * Like `parsePdu`, for an event that was parsed already with `parseJson`.
 *
 * @param source - what is known of the text that it was parsed from; saves looking for oversize and forbidden numbers
 */
export function readPdu(
  event: JsonObject,
  rules: RoomVersionRules,
  options: PduOptions = {},
  source: {readonly text: string; readonly exact: boolean} | null = null,
): Pdu {
  return readNamed(nameEvent(event, rules, options), rules, options, source)
}

/** Like `readPdu`, for an event that has been named already. */
export function readNamed(
  named: NamedEvent,
  rules: RoomVersionRules,
  options: PduOptions = {},
  source: {readonly text: string; readonly exact: boolean} | null = null,
): Pdu {
  const reader = new FieldReader(named.event, rules, options)
  const stateKey = reader.stateKey()
  const type = reader.string('type')
  const content = reader.content()
  const depends =
    stateKey !== undefined || options.allContentHashes === true || (rules.redactionRule && type === 'm.room.redaction')
  const contentHashOk = options.trustIds === true || !depends ? null : hashOk(named.event)
  const intact = contentHashOk !== false
  const pdu: Pdu = {
    eventId: named.eventId,
    roomId: reader.roomId(named.eventId),
    type,
    sender: reader.sender(),
    stateKey,
    content: intact ? content : redactContent(named.event, rules),
    prevEvents: reader.references('prev_events'),
    authEvents: reader.references('auth_events'),
    originServerTs: reader.timestamp(),
    depth: reader.depth(),
    redacts: intact ? own(named.event, 'redacts') : undefined,
    signers: reader.signers(),
    fault: null,
    contentHashOk,
    wrongId: named.wrongId,
  }
  const fault = reader.fault ?? (options.trustIds === true ? null : formFault(pdu, named.event, rules, source))
  return fault === null ? pdu : {...pdu, fault}
}

/** An event without what a server's API adds to its name. */
export interface NamedEvent {
  /** The event in federation form. */
  readonly event: JsonObject
  readonly eventId: EventId
  /** See `Pdu.wrongId`. */
  readonly wrongId: string | null
}

/** @throws JsonError when it has no ID, or nothing that can be hashed */
export function nameEvent(event: JsonObject, rules: RoomVersionRules, options: PduOptions = {}): NamedEvent {
  const given = event['event_id']
  if (rules.eventIdFormat === 'server-assigned' || options.trustIds === true) {
    if (typeof given !== 'string' || given === '') throw new JsonError('it has no event_id')
    return {event, eventId: given as EventId, wrongId: null}
  }
  const bare = given === undefined ? event : without(event, ['event_id'])
  const named = rules.roomIdIsCreateHash
    ? nameInHashedRoom(bare, rules)
    : {event: bare, eventId: eventIdOf(bare, rules)}
  return {...named, wrongId: typeof given === 'string' && given !== named.eventId ? given : null}
}

/** A create event names its room by its hash, so that a `room_id` on it that fits the hash can only have been added on the way. */
function nameInHashedRoom(event: JsonObject, rules: RoomVersionRules): {event: JsonObject; eventId: EventId} {
  const roomId = event['room_id']
  if (event['type'] === 'm.room.create' && typeof roomId === 'string') {
    const stripped = without(event, ['room_id'])
    const eventId = eventIdOf(stripped, rules)
    if (roomId === `!${eventId.slice(1)}`) return {event: stripped, eventId}
  }
  return {event, eventId: eventIdOf(event, rules)}
}

const EMPTY: JsonObject = Object.freeze({})

/**
 * Whether the content hash is right, also when a server's API added a copy of `redacts` to a redaction (Synapse does, at the place
 * where the other room versions have it).
 */
function hashOk(event: JsonObject): boolean {
  try {
    if (contentHashMatches(event)) return true
    if (event['type'] !== 'm.room.redaction') return false
    const content = event['content']
    return (
      (isObject(content) && contentHashMatches({...event, content: without(content, ['redacts'])})) ||
      contentHashMatches(without(event, ['redacts']))
    )
  } catch (error) {
    if (error instanceof JsonError) return false
    throw error
  }
}

/** Reads the fields and remembers the first one that is not as the event format wants it. */
class FieldReader {
  fault: FormatFault | null = null
  readonly #event: JsonObject
  readonly #rules: RoomVersionRules
  readonly #lenient: boolean

  constructor(event: JsonObject, rules: RoomVersionRules, options: PduOptions) {
    this.#event = event
    this.#rules = rules
    this.#lenient = options.trustIds === true
  }

  string(key: string): string {
    const value = this.#event[key]
    return typeof value === 'string' ? value : this.#bad(key, value, 'a string', '')
  }

  stateKey(): string | undefined {
    const value = this.#event['state_key']
    if (value === undefined || typeof value === 'string') return value
    this.#bad('state_key', value, 'a string', null)
    return undefined
  }

  content(): JsonObject {
    const value = this.#event['content']
    return isObject(value) ? value : this.#bad('content', value, 'an object', EMPTY)
  }

  sender(): string {
    const sender = this.string('sender')
    if (this.fault === null && !isUserId(sender)) return this.#bad('sender', sender, 'a user ID', sender)
    return sender
  }

  /** The create event of a room that is named by its hash has none. */
  roomId(eventId: EventId): string {
    const value = this.#event['room_id']
    const create = this.#event['type'] === 'm.room.create'
    if (this.#rules.roomIdIsCreateHash && create && value === undefined) return `!${eventId.slice(1)}`
    if (typeof value === 'string' && (value !== '' || this.#lenient)) return value
    return this.#lenient && value === undefined ? '' : this.#bad('room_id', value, 'a string', '')
  }

  references(key: 'prev_events' | 'auth_events'): readonly string[] {
    const value = this.#event[key]
    if (!Array.isArray(value)) return this.#bad(key, value, 'a list', [])
    const ids: string[] = []
    for (const entry of value as readonly Json[]) {
      const id =
        Array.isArray(entry) && (this.#rules.refsCarryHashes || this.#lenient) ? (entry as readonly Json[])[0] : entry
      if (typeof id !== 'string') return this.#bad(key, entry, 'a list of event IDs', ids)
      if (this.#rules.refsCarryHashes && !this.#lenient && id === entry)
        return this.#bad(key, entry, 'a list of [event ID, hashes] pairs', ids)
      ids.push(id)
    }
    return ids
  }

  timestamp(): number {
    const value = this.#event['origin_server_ts']
    if (typeof value === 'number') return value
    if (value instanceof ExactNumber && value.isInteger) return value.toNumber()
    return this.#lenient && value === undefined ? 0 : this.#bad('origin_server_ts', value, 'an integer', 0)
  }

  depth(): number | bigint {
    const value = this.#event['depth']
    const depth = value instanceof ExactNumber && value.isInteger ? BigInt(value.lexeme) : value
    if (this.#lenient && typeof depth !== 'number' && typeof depth !== 'bigint') return 0
    if (typeof depth === 'number' && depth >= 0) return depth
    if (typeof depth === 'bigint' && depth >= 0n && depth <= this.#rules.maxDepth) return depth
    return this.#bad('depth', value, `an integer from 0 to ${String(this.#rules.maxDepth)}`, 0)
  }

  signers(): readonly string[] | null {
    if (this.#lenient) return null
    const {hashes, signatures} = this.#event
    if (!isObject(hashes) || typeof hashes['sha256'] !== 'string') {
      this.#bad('hashes', hashes, 'an object with a string "sha256"', null)
    }
    return isObject(signatures) ? signersOf(signatures) : this.#bad('signatures', signatures, 'an object', [])
  }

  #bad<T>(what: string, found: Json | undefined, wanted: string, instead: T): T {
    this.fault ??= {
      what,
      message: found === undefined ? `it has no "${what}"` : `its "${what}" is not ${wanted}`,
    }
    return instead
  }
}

const SHORT_FIELDS = ['sender', 'roomId', 'stateKey', 'type', 'eventId'] as const

function formFault(
  pdu: Pdu,
  event: JsonObject,
  rules: RoomVersionRules,
  source: {readonly text: string; readonly exact: boolean} | null,
): FormatFault | null {
  const numbers = rules.strictNumbers && source?.exact !== false ? numberFault(event, rules) : null
  return (
    numbers ??
    (source === null || mayHoldHalfPair(source.text) ? textFault(event) : null) ??
    sizeFault(pdu, event, source?.text ?? null) ??
    signatureFault(pdu, rules)
  )
}

/** What has no canonical form has none because of half a surrogate pair: nesting was looked at before. */
function textFault(event: JsonObject): FormatFault | null {
  try {
    canonicalJson(without(event, ['unsigned']))
    return null
  } catch (error) {
    if (error instanceof JsonError) return {what: 'unicode', message: error.message}
    throw error
  }
}

function numberFault(event: JsonObject, rules: RoomVersionRules): FormatFault | null {
  const {unsigned: _unsigned, ...signed} = event
  const stack: Json[] = [signed]
  for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
    if (value instanceof ExactNumber) {
      return {
        what: 'number',
        message: `it holds the number ${value.lexeme.slice(0, 40)}, which room version ${rules.id} forbids`,
      }
    }
    if (typeof value === 'object' && value !== null)
      for (const inner of Object.values(value)) if (inner !== undefined) stack.push(inner)
  }
  return null
}

function sizeFault(pdu: Pdu, event: JsonObject, text: string | null): FormatFault | null {
  // A text of n UTF-16 units has at most 3n bytes, and the canonical form is no longer than the text.
  if (text === null || text.length * 3 > MAX_PDU_BYTES) {
    try {
      const size = byteLength(canonicalJson(without(event, ['unsigned'])))
      if (size > MAX_PDU_BYTES) {
        return {
          what: 'size',
          message: `it has ${String(size)} bytes, more than the ${String(MAX_PDU_BYTES)} that an event may have`,
        }
      }
    } catch (error) {
      if (error instanceof JsonError) return {what: 'nesting', message: error.message}
      throw error
    }
  }
  for (const field of SHORT_FIELDS) {
    const value = pdu[field]
    if (value !== undefined && value.length * 3 > MAX_FIELD_BYTES && byteLength(value) > MAX_FIELD_BYTES) {
      return {what: 'size', message: `its ${field} is longer than ${String(MAX_FIELD_BYTES)} bytes`}
    }
  }
  return null
}

/** Whether some signature of each server that must sign is there; whether they are good is for whoever has the keys. */
function signatureFault(pdu: Pdu, rules: RoomVersionRules): FormatFault | null {
  const signers = pdu.signers ?? []
  for (const {server, duty} of requiredSigners(pdu, rules)) {
    if (signers.includes(server) || duty === 'authoriser') continue
    const whose = duty === 'sender' ? "its sender's server" : 'the server in its event ID,'
    return {what: 'signature', message: `it is not signed by ${whose} ${server}`}
  }
  return null
}
