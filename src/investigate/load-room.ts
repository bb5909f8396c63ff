import {isDeepStrictEqual} from 'node:util'
import {StateError} from '../errors.ts'
import {RoomBuilder} from '../graph/room-builder.ts'
import type {RoomGraph} from '../graph/room-graph.ts'
import {contentHashMatches} from '../matrix/hashes.ts'
import {type EventId, serverNameOf} from '../matrix/ids.ts'
import {isObject, JsonError, type JsonObject, objectOrNull, own, parseJson} from '../matrix/json.ts'
import {parsePdu, type Pdu, type PduOptions} from '../matrix/pdu.ts'
import {KNOWN_ROOM_VERSIONS, type RoomVersionRules, rulesFor, saidVersion} from '../matrix/room-version.ts'
import {excerpt} from '../sources/file-problems.ts'
import type {PduSource, RawPdu} from '../sources/port.ts'

/** Something in the input that was not as it should be, though the rest could be used. A redacted copy is no evidence missing. */
export interface InputFault {
  readonly kind: 'wrong-id' | 'different-copy' | 'redacted-copy'
  readonly eventId: EventId
  readonly line: number
  readonly message: string
}

/** A room as read from a source. */
export interface LoadedRoom {
  readonly graph: RoomGraph
  readonly rules: RoomVersionRules
  /** What people call the source. */
  readonly source: string
  /** Lines or elements read. */
  readonly read: number
  readonly duplicates: number
  readonly faults: readonly InputFault[]
  readonly trustIds: boolean
  /** Why there may be more than what is here, where that is known: a route failed when the room was fetched. */
  readonly gaps?: readonly string[]
  /** Contents of events that are no state, by event ID; only where they were asked for (`LoadOptions.messages`). */
  readonly messages?: ReadonlyMap<EventId, JsonObject>
}

export interface LoadOptions {
  /** See `PduOptions.trustIds`. */
  readonly trustIds?: boolean
  /** Keep the contents of events that are no state, which a replay never looks at. @defaultValue `false` */
  readonly messages?: boolean
  /** Told every so often how many events have been read. */
  readonly onProgress?: (events: number) => void
}

/**
 * Reads a room from a source of PDUs, in any order, duplicates tolerated.
 *
 * @throws StateError when there is no usable room in it: not events, no create event or several, several rooms, or a room version whose
 * rules are not known. The message names file and line.
 * @remarks One pass; texts are held back only until the create event, which tells the room version, has been seen.
 */
export async function loadRoom(source: PduSource, options: LoadOptions = {}): Promise<LoadedRoom> {
  const loader = new RoomLoader(source, options)
  for await (const batch of source.pdus) loader.addAll(batch)
  return loader.finish()
}

/** Like `loadRoom`, for PDUs that are in memory already. */
export function loadRoomFrom(name: string, pdus: readonly RawPdu[], options: LoadOptions = {}): LoadedRoom {
  const loader = new RoomLoader({name}, options)
  loader.addAll(pdus)
  return loader.finish()
}

/** Faults of a kind that are kept: a thousand tell the story. */
const MAX_FAULTS = 1000
const LOOKS_LIKE_CREATE = '"m.room.create"'

function hashFits(text: string): boolean {
  const event = objectOrNull(text)
  return event !== null && contentHashMatches(event)
}

class RoomLoader {
  readonly #source: Pick<PduSource, 'name' | 'container'>
  readonly #options: LoadOptions
  readonly #creates: {readonly eventId: EventId; readonly roomId: string; readonly line: number}[] = []
  readonly #faults: InputFault[] = []
  readonly #faultsOfKind = new Map<InputFault['kind'], number>()
  readonly #messages: Map<EventId, JsonObject> | null
  #waiting: RawPdu[] = []
  #builder: RoomBuilder | null = null
  #rules: RoomVersionRules | null = null
  #pduOptions: PduOptions = {}
  /** Where events belong that name no room, or not legibly. */
  #home = ''
  #read = 0
  #duplicates = 0

  constructor(source: Pick<PduSource, 'name' | 'container'>, options: LoadOptions) {
    this.#source = source
    this.#options = options
    this.#messages = options.messages === true ? new Map() : null
  }

  addAll(batch: readonly RawPdu[]): void {
    for (const raw of batch) {
      this.#read += 1
      if (this.#builder !== null) this.#add(raw)
      else {
        this.#waiting.push(raw)
        if (raw.text.includes(LOOKS_LIKE_CREATE)) this.#learnVersion(raw)
      }
    }
    this.#options.onProgress?.(this.#read)
  }

  /** From here on the room version is known, if this is a create event. */
  #learnVersion(raw: RawPdu): void {
    const event = this.#parse(raw)
    if (own(event, 'type') !== 'm.room.create' || own(event, 'state_key') !== '') return
    const prev = own(event, 'prev_events')
    if (Array.isArray(prev) && prev.length > 0) return
    this.#begin(this.#source.container?.().roomVersion ?? saidVersion(own(event, 'content')), raw.line)
    if (prev === undefined && own(event, 'auth_events') === undefined && !this.#trustsIds) throw this.#clientForm(raw)
    const create = this.#name(raw)
    if (create.roomId === '' && !this.#trustsIds) {
      throw this.#malformed(raw, new JsonError(`the create event must name its room: ${create.fault?.message ?? ''}`))
    }
    this.#home = this.#source.container?.().roomId ?? (create.roomId === '' ? this.#madeUpRoom(create) : create.roomId)
    const waiting = this.#waiting
    this.#waiting = []
    for (const held of waiting) this.#add(held)
  }

  get #trustsIds(): boolean {
    return this.#pduOptions.trustIds === true
  }

  #begin(version: unknown, line: number): void {
    const rules = typeof version === 'string' ? rulesFor(version) : undefined
    if (rules === undefined) {
      const given = excerpt(JSON.stringify(version))
      throw new StateError(
        'ROOM_VERSION_UNKNOWN',
        `${this.#at(line)}: the room has version ${given}, which is ${typeof version === 'string' ? 'not known' : 'no string'}`,
        {hint: `Known are ${KNOWN_ROOM_VERSIONS.map((known) => JSON.stringify(known)).join(', ')}.`},
      )
    }
    const trustIds = this.#options.trustIds === true || this.#source.container?.().symbolicIds === true
    this.#pduOptions = {trustIds}
    this.#rules = rules
    this.#builder = new RoomBuilder(rules)
  }

  /** Before anything else is said about them: none could be judged. */
  #clientForm({line}: RawPdu): StateError {
    return new StateError(
      'DUMP_MALFORMED',
      `${this.#at(line)}: the events are in the form for clients: without prev_events and auth_events there is nothing to replay`,
      {
        hint: "Fetch them in federation form, or let matrix-state do it: matrix-state resolve '!room:example.org' --homeserver URL.",
      },
    )
  }

  #parse(raw: RawPdu): JsonObject {
    try {
      const json = parseJson(raw.text)
      if (isObject(json)) return json
      throw new JsonError('it is not a JSON object')
    } catch (error) {
      throw this.#malformed(raw, error)
    }
  }

  #malformed(raw: RawPdu, error: unknown): unknown {
    if (!(error instanceof JsonError)) return error
    return new StateError(
      'DUMP_MALFORMED',
      `${this.#at(raw.line)}: this is no event: ${error.message}: ${excerpt(raw.text)}`,
      {
        cause: error,
        hint: /event_id|hash/.test(error.message)
          ? 'Room versions 1 and 2 need the event_id of every event; use --trust-ids for test data that lacks hashes.'
          : 'Every line must be one event in federation form. Fetch the dump again, or remove the line if it is known to be damaged.',
      },
    )
  }

  #name(raw: RawPdu): Pdu {
    if (this.#rules === null) throw new Error('the room version is not known yet')
    try {
      return parsePdu(raw.text, this.#rules, this.#pduOptions)
    } catch (error) {
      throw this.#malformed(raw, error)
    }
  }

  #add(raw: RawPdu): void {
    const builder = this.#builder
    if (builder === null) return
    let pdu = this.#name(raw)
    if (pdu.roomId === '') pdu = {...pdu, roomId: this.#home}
    const added = builder.add(pdu, raw.line)
    this.#keepMessage(pdu, raw, added === 'added')
    if (added !== 'added') {
      this.#duplicates += 1
      if (added === 'different-copy') this.#differentCopy(pdu, raw.line)
      return
    }
    if (pdu.wrongId !== null) {
      this.#fault('wrong-id', pdu, raw.line, `it is given as ${pdu.wrongId}, but its hash makes it ${pdu.eventId}`)
    }
    if (pdu.type === 'm.room.create' && pdu.stateKey === '' && pdu.prevEvents.length === 0) {
      this.#creates.push({eventId: pdu.eventId, roomId: pdu.roomId, line: raw.line})
    }
  }

  /** Of several copies, the one whose content is what its server hashed, or else the first. */
  #keepMessage({eventId, stateKey, content}: Pdu, {text}: RawPdu, isFirst: boolean): void {
    if (this.#messages === null || stateKey !== undefined) return
    const known = this.#messages.get(eventId)
    if (isFirst || (known !== undefined && !isDeepStrictEqual(known, content) && hashFits(text))) {
      this.#messages.set(eventId, content)
    }
  }

  /** An ID that is a hash leaves only the content open: a copy was redacted, or changed. */
  #differentCopy(pdu: Pdu, line: number): void {
    const isHash = this.#rules?.eventIdFormat !== 'server-assigned' && !this.#trustsIds
    if (isHash)
      this.#fault(
        'redacted-copy',
        pdu,
        line,
        'a copy with other content came before it; the one that fits its content hash is used, or else the first',
      )
    else this.#fault('different-copy', pdu, line, 'another event with the same ID came before it; that one is used')
  }

  /** Test data may leave the room ID out. */
  #madeUpRoom(create: Pdu): string {
    if (this.#rules?.roomIdIsCreateHash === true) return `!${create.eventId.slice(1)}`
    return `!room:${serverNameOf(create.sender)}`
  }

  #fault(kind: InputFault['kind'], pdu: Pdu, line: number, message: string): void {
    const known = this.#faultsOfKind.get(kind) ?? 0
    this.#faultsOfKind.set(kind, known + 1)
    if (known < MAX_FAULTS) this.#faults.push({kind, eventId: pdu.eventId, line, message})
  }

  #at(line: number): string {
    return `${this.#source.name}:${String(line)}`
  }

  finish(): LoadedRoom {
    // A create event may be written with escapes that the quick look does not see.
    for (const raw of this.#waiting) if (this.#builder === null && raw.text.includes('\\u')) this.#learnVersion(raw)
    const [rules, builder] = [this.#rules, this.#builder]
    if (rules === null || builder === null) throw this.#noCreate()
    const create = this.#theCreate()
    this.#refuseMixture(builder, create.roomId)
    const graph = builder.finish(create.roomId, create.eventId)
    return {
      graph,
      rules,
      source: this.#source.name,
      read: this.#read,
      duplicates: this.#duplicates,
      faults: this.#faults,
      trustIds: this.#pduOptions.trustIds === true,
      ...(this.#messages === null ? {} : {messages: this.#messages}),
    }
  }

  #noCreate(): StateError {
    // Reading the first event tells whether the lines are events at all.
    const first = this.#waiting[0]
    if (first !== undefined && own(this.#parse(first), 'type') === undefined) {
      return this.#malformed(first, new JsonError('it has no "type"')) as StateError
    }
    const events = this.#read === 1 ? 'one event' : `${this.#read.toLocaleString('en-US')} events`
    return new StateError(
      'CREATE_MISSING',
      `${this.#source.name}: there is no m.room.create event among its ${events}, so that the room version is unknown`,
      {hint: 'Fetch the room back to its start, or add its create event to the dump.'},
    )
  }

  #theCreate(): {readonly eventId: EventId; readonly roomId: string} {
    const [first, second] = this.#creates
    if (first === undefined) throw this.#noCreate()
    if (second !== undefined) {
      const sameRoom = first.roomId === second.roomId
      throw new StateError(
        sameRoom ? 'CREATE_AMBIGUOUS' : 'DUMP_MIXED_ROOMS',
        sameRoom
          ? `${this.#at(second.line)}: a second create event (${second.eventId}) of the room; the first is ${first.eventId} in line ${String(first.line)}`
          : `${this.#at(second.line)}: a second room begins here (${second.roomId}); the first is ${first.roomId} in line ${String(first.line)}`,
        {
          hint: sameRoom
            ? 'A room has one create event: remove the one that is not of this room.'
            : 'Split the dump: one room a file.',
        },
      )
    }
    return first
  }

  /** Events of another room may be here to be cited, which the rules punish; a dump of two rooms is a mistake. */
  #refuseMixture(builder: RoomBuilder, home: string): void {
    const other = builder.roomIds.find((roomId) => roomId !== home && roomId !== '')
    const foreign = other === undefined ? null : builder.firstUncited(other)
    if (foreign === null || other === undefined) return
    throw new StateError('DUMP_MIXED_ROOMS', `${this.#at(foreign)}: an event of ${other} in a dump of ${home}`, {
      hint: 'Split the dump: one room a file.',
    })
  }
}
