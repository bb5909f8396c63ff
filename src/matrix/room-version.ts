import {isObject, type Json, own} from './json.ts'

/** Which of the three algorithms resolves the room's state. */
export type StateRes = 'v1' | 'v2' | 'v2.1'

/** Which content keys survive redaction, by event type. `'*'`: all of them. A nested map keeps those keys of a sub-object. */
export type RedactionKeys = Readonly<Record<string, '*' | Readonly<Record<string, true | readonly string[]>>>>

/**
 * Every point where one room version differs from another, named after the behaviour. No other file may branch on a version.
 *
 * @see https://spec.matrix.org/v1.19/rooms/
 */
export interface RoomVersionRules {
  readonly id: string
  /** https://spec.matrix.org/v1.19/rooms/v2/#state-resolution, MSC4297 for v2.1 */
  readonly stateRes: StateRes
  /** Versions 1 and 2: the server makes IDs up. Later: the reference hash. https://spec.matrix.org/v1.19/rooms/v3/#event-ids */
  readonly eventIdFormat: 'server-assigned' | 'base64' | 'base64url'
  /** `prev_events` and `auth_events` hold `[id, {sha256}]` pairs instead of IDs. https://spec.matrix.org/v1.19/rooms/v3/#event-format */
  readonly refsCarryHashes: boolean
  /** The room ID is the create event's ID, and the create event is implied instead of cited. MSC4291 */
  readonly roomIdIsCreateHash: boolean
  /** Signing keys must be valid at `origin_server_ts`. https://spec.matrix.org/v1.19/rooms/v5/#signing-key-validity-period */
  readonly keyValidityEnforced: boolean
  /** Fractions, exponents and integers beyond ±(2^53-1) make an event invalid. https://spec.matrix.org/v1.19/rooms/v6/#canonical-json */
  readonly strictNumbers: boolean
  /** Greatest `depth`. https://spec.matrix.org/v1.19/rooms/v6/#event-format */
  readonly maxDepth: bigint
  /** Power levels may be strings (and, where JSON allows fractions, floats). https://spec.matrix.org/v1.19/rooms/v10/#values-in-mroompower_levels-events-must-be-integers */
  readonly integerPowerLevels: boolean
  /** `m.room.aliases` has an auth rule of its own. https://spec.matrix.org/v1.19/rooms/v6/#authorisation-rules */
  readonly aliasesRule: boolean
  /** Changes of `notifications` are checked like those of `events`. MSC2209 */
  readonly notificationsChecked: boolean
  /** `m.room.redaction` is checked when it is authorised, not when it is applied. https://spec.matrix.org/v1.19/rooms/v3/#handling-redactions */
  readonly redactionRule: boolean
  /** Membership `knock` and join rule `knock`. https://spec.matrix.org/v1.19/rooms/v7/ */
  readonly knock: boolean
  /** Join rule `restricted`, `join_authorised_via_users_server`. https://spec.matrix.org/v1.19/rooms/v8/ */
  readonly restricted: boolean
  /** Join rule `knock_restricted`. https://spec.matrix.org/v1.19/rooms/v10/ */
  readonly knockRestricted: boolean
  /** https://spec.matrix.org/v1.19/rooms/v11/#redactions */
  readonly redaction: {readonly topLevel: readonly string[]; readonly content: RedactionKeys}
  /** A redaction names its target in `content` instead of at the top. https://spec.matrix.org/v1.19/rooms/v11/ */
  readonly redactsInContent: boolean
  /** The creator is the create event's sender; `content.creator` means nothing. https://spec.matrix.org/v1.19/rooms/v11/#remove-the-creator-property-of-mroomcreate-events */
  readonly creatorIsSender: boolean
  /** Creators (also `additional_creators`) outrank every power level and may not be listed in `users`. MSC4289 */
  readonly creatorsOutrankAll: boolean
  /** Fields over 255 bytes make an event unusable even when they have at most 255 characters. MSC2457, Synapse */
  readonly strictByteLimits: boolean
}

const TOP_LEVEL = [
  'event_id',
  'type',
  'room_id',
  'sender',
  'state_key',
  'content',
  'hashes',
  'signatures',
  'depth',
  'prev_events',
  'auth_events',
  'origin_server_ts',
]
const POWER_LEVEL_KEYS = {
  ban: true,
  events: true,
  events_default: true,
  kick: true,
  redact: true,
  state_default: true,
  users: true,
  users_default: true,
} as const
const CONTENT_V1 = {
  'm.room.member': {membership: true},
  'm.room.create': {creator: true},
  'm.room.join_rules': {join_rule: true},
  'm.room.power_levels': POWER_LEVEL_KEYS,
  'm.room.history_visibility': {history_visibility: true},
} as const satisfies RedactionKeys

const V1: RoomVersionRules = {
  id: '1',
  stateRes: 'v1',
  eventIdFormat: 'server-assigned',
  refsCarryHashes: true,
  roomIdIsCreateHash: false,
  keyValidityEnforced: false,
  strictNumbers: false,
  maxDepth: 2n ** 63n - 1n,
  integerPowerLevels: false,
  aliasesRule: true,
  notificationsChecked: false,
  redactionRule: true,
  knock: false,
  restricted: false,
  knockRestricted: false,
  redaction: {
    topLevel: [...TOP_LEVEL, 'prev_state', 'origin', 'membership'],
    content: {...CONTENT_V1, 'm.room.aliases': {aliases: true}},
  },
  redactsInContent: false,
  creatorIsSender: false,
  creatorsOutrankAll: false,
  strictByteLimits: false,
}
const V2: RoomVersionRules = {...V1, id: '2', stateRes: 'v2'}
const V3: RoomVersionRules = {...V2, id: '3', eventIdFormat: 'base64', refsCarryHashes: false, redactionRule: false}
const V4: RoomVersionRules = {...V3, id: '4', eventIdFormat: 'base64url'}
const V5: RoomVersionRules = {...V4, id: '5', keyValidityEnforced: true}
const V6: RoomVersionRules = {
  ...V5,
  id: '6',
  strictNumbers: true,
  maxDepth: 2n ** 53n - 1n,
  aliasesRule: false,
  notificationsChecked: true,
  redaction: {...V5.redaction, content: CONTENT_V1},
}
const V7: RoomVersionRules = {...V6, id: '7', knock: true}
const CONTENT_V8 = {...CONTENT_V1, 'm.room.join_rules': {join_rule: true, allow: true}} as const
const V8: RoomVersionRules = {...V7, id: '8', restricted: true, redaction: {...V7.redaction, content: CONTENT_V8}}
const CONTENT_V9 = {
  ...CONTENT_V8,
  'm.room.member': {membership: true, join_authorised_via_users_server: true},
} as const
const V9: RoomVersionRules = {...V8, id: '9', redaction: {...V8.redaction, content: CONTENT_V9}}
const V10: RoomVersionRules = {...V9, id: '10', integerPowerLevels: true, knockRestricted: true}
const CONTENT_V11 = {
  ...CONTENT_V9,
  'm.room.member': {...CONTENT_V9['m.room.member'], third_party_invite: ['signed']},
  'm.room.create': '*',
  'm.room.power_levels': {...POWER_LEVEL_KEYS, invite: true},
  'm.room.redaction': {redacts: true},
} as const satisfies RedactionKeys
const V11: RoomVersionRules = {
  ...V10,
  id: '11',
  redaction: {topLevel: TOP_LEVEL, content: CONTENT_V11},
  redactsInContent: true,
  creatorIsSender: true,
  strictByteLimits: true,
}
const V12: RoomVersionRules = {...V11, id: '12', stateRes: 'v2.1', roomIdIsCreateHash: true, creatorsOutrankAll: true}
/** The name under which version 12 was developed; same rules. */
const HYDRA: RoomVersionRules = {...V12, id: 'org.matrix.hydra.11'}

const TABLE: ReadonlyMap<string, RoomVersionRules> = new Map(
  [V1, V2, V3, V4, V5, V6, V7, V8, V9, V10, V11, V12, HYDRA].map((rules) => [rules.id, Object.freeze(rules)]),
)

/** Every room version whose rules are known, oldest first. */
export const KNOWN_ROOM_VERSIONS: readonly string[] = [...TABLE.keys()]

/** What a create event without `room_version` means. https://spec.matrix.org/v1.19/client-server-api/#mroomcreate */
export const DEFAULT_ROOM_VERSION = '1'

/**
 * What a create event's content says of the room version: any JSON value. `null`, or a content that is no object, says nothing, which
 * means the default.
 */
export function saidVersion(content: unknown): Json {
  return (isObject(content) ? own(content, 'room_version') : undefined) ?? DEFAULT_ROOM_VERSION
}

/** The room version that a create event's content names, or the default; `null` where what it says is no string. */
export function versionIn(content: unknown): string | null {
  const version = saidVersion(content)
  return typeof version === 'string' ? version : null
}

/** `undefined` for a room version that is not known: callers say so, with the list of those that are. */
export function rulesFor(version: string): RoomVersionRules | undefined {
  return TABLE.get(version)
}
