import {isObject, JsonError, own, parseJson} from '../matrix/json.ts'
import {parsePdu} from '../matrix/pdu.ts'
import {type RoomVersionRules, rulesFor, versionIn} from '../matrix/room-version.ts'
import {damaged, type Store} from './store.ts'

/** Who says what version the room has: a source, or the create event itself, which outweighs what sources say. */
export interface VersionClaim {
  readonly version: string
  readonly by: 'told' | 'create'
}

/** The few facts of the case as a whole. */
export class About {
  readonly #store: Store
  readonly roomId: string
  readonly createdTs: number

  constructor(store: Store) {
    this.#store = store
    const roomId = this.#get('room_id')
    if (roomId === undefined) throw damaged(store.path)
    this.roomId = roomId
    this.createdTs = Number(this.#get('created_ts') ?? 0)
  }

  get claim(): VersionClaim | null {
    const version = this.#get('room_version')
    return version === undefined ? null : {version, by: this.#get('room_version_by') === 'create' ? 'create' : 'told'}
  }

  /** `null` while the version is not known, or its rules are not. */
  rules(): RoomVersionRules | null {
    return rulesFor(this.claim?.version ?? '') ?? null
  }

  /** @returns whether the claim outweighs what was known */
  learn(claim: VersionClaim): boolean {
    const known = this.claim
    if (known?.by === 'create' || (known !== null && claim.by === 'told')) return false
    this.#set('room_version', claim.version)
    this.#set('room_version_by', claim.by)
    return known?.version !== claim.version
  }

  #get(key: string): string | undefined {
    const row = this.#store.get('SELECT value FROM about WHERE key = ?', key)
    return row === undefined ? undefined : String(row['value'])
  }

  #set(key: string, value: string): void {
    this.#store.run('INSERT INTO about VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value', key, value)
  }
}

/**
 * The room version, if the text is the create event of the room. https://spec.matrix.org/v1.19/client-server-api/#mroomcreate
 *
 * @remarks A create event that belongs to another room tells nothing. In rooms that are named by their create event's hash, the hash proves
 * that it belongs; elsewhere the event is believed.
 */
export function versionInCreate(text: string, roomId: string): VersionClaim | null {
  if (!text.includes('m.room.create') && !text.includes('\\u')) return null
  try {
    const event = parseJson(text)
    if (!isObject(event) || own(event, 'type') !== 'm.room.create' || own(event, 'state_key') !== '') return null
    const prev = own(event, 'prev_events')
    if (Array.isArray(prev) && prev.length > 0) return null
    const version = versionIn(own(event, 'content'))
    if (version === null) return null
    const rules = rulesFor(version)
    const named = rules === undefined ? own(event, 'room_id') : roomOf(text, rules)
    return named === roomId ? {version, by: 'create'} : null
  } catch (error) {
    if (error instanceof JsonError) return null
    throw error
  }
}

function roomOf(text: string, rules: RoomVersionRules): string {
  const {eventId, roomId} = parsePdu(text, rules)
  return rules.roomIdIsCreateHash ? `!${eventId.slice(1)}` : roomId
}
