import {StateError} from '../errors.ts'
import {JsonError} from '../matrix/json.ts'
import {parsePdu} from '../matrix/pdu.ts'
import {KNOWN_ROOM_VERSIONS, rulesFor, versionIn} from '../matrix/room-version.ts'
import type {RoomVersionRules} from '../matrix/room-version.ts'
import {valueIn} from './client-bodies.ts'
import type {EventCopy, Refusal} from './evidence.ts'
import {ENDPOINTS} from './federation-endpoints.ts'
import type {FederationEndpoints} from './federation-endpoints.ts'

/** What a walk needs to know of an event. */
export interface NamedEvent {
  readonly text: string
  readonly eventId: string
  readonly prevEvents: readonly string[]
  readonly type: string
  readonly stateKey: string | undefined
  readonly depth: number
}

/** Computes the IDs of events; what has none, since it is no event, is left out. */
export function nameEvents(texts: readonly string[], rules: RoomVersionRules): readonly NamedEvent[] {
  return texts.flatMap((text) => {
    try {
      const {eventId, prevEvents, type, stateKey, depth} = parsePdu(text, rules)
      return [{text, eventId, prevEvents, type, stateKey, depth: Number(depth)}]
    } catch (error) {
      if (error instanceof JsonError) return []
      throw error
    }
  })
}

/** Copies as evidence: also of what has no name. */
export function copiesOf(texts: readonly string[]): readonly EventCopy[] {
  return texts.map((text) => ({text, eventId: null}))
}

/** @throws StateError ROOM_VERSION_UNKNOWN */
export function knownRules(version: string): RoomVersionRules {
  const rules = rulesFor(version)
  if (rules !== undefined) return rules
  throw new StateError(
    'ROOM_VERSION_UNKNOWN',
    `The room has version ${JSON.stringify(version)}, which is not known here.`,
    {
      hint: `Known are: ${KNOWN_ROOM_VERSIONS.join(', ')}.`,
    },
  )
}

/** What was found out about the room's version, and what came with it. */
export interface LearntVersion {
  readonly version: string | null
  readonly texts: readonly string[]
  readonly how: string
  readonly refusals: readonly Refusal[]
}

/**
 * Finds the create event: by the room's ID where that is its hash, else in the auth chain of an event, or in the state at it.
 *
 * @remarks One request, two when the room consists of little more than its create event; three where an endpoint fails.
 */
export async function learnVersion(
  endpoints: FederationEndpoints,
  roomId: string,
  eventId: string | null,
): Promise<LearntVersion> {
  const refusals: Refusal[] = []
  const hashed = roomId.includes(':') ? null : `$${roomId.slice(1)}`
  const ways: (readonly [how: string, ask: () => ReturnType<FederationEndpoints['event']>])[] = []
  if (hashed !== null) ways.push([ENDPOINTS.event, () => endpoints.event(hashed)])
  if (eventId !== null) {
    ways.push([ENDPOINTS.eventAuth, () => endpoints.eventAuth(eventId)])
    // The auth chain of the create event does not hold it.
    ways.push([ENDPOINTS.event, () => endpoints.event(eventId)])
    ways.push([ENDPOINTS.state, () => stateTexts(endpoints, eventId)])
  }
  for (const [how, ask] of ways) {
    const outcome = await ask()
    if ('refusal' in outcome) refusals.push(outcome.refusal)
    else {
      const version = versionAmong(outcome.value)
      if (version !== null) return {version, texts: outcome.value, how, refusals}
    }
  }
  return {version: null, texts: [], how: ENDPOINTS.eventAuth, refusals}
}

async function stateTexts(endpoints: FederationEndpoints, eventId: string): ReturnType<FederationEndpoints['event']> {
  const outcome = await endpoints.state(eventId)
  return 'refusal' in outcome ? outcome : {value: [...outcome.value.pdus, ...outcome.value.authChain]}
}

/** The version that the create event among these events names. */
function versionAmong(texts: readonly string[]): string | null {
  for (const text of texts) {
    if (!text.includes('m.room.create')) continue
    const event: unknown = JSON.parse(text)
    if (valueIn(event, ['type']) !== 'm.room.create' || valueIn(event, ['state_key']) !== '') continue
    const version = versionIn(valueIn(event, ['content']))
    if (version !== null) return version
  }
  return null
}
