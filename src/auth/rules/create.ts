import {Type} from '../../graph/room-graph.ts'
import {byteLength, isServerName, isUserId, MAX_FIELD_BYTES, serverNameOf} from '../../matrix/ids.ts'
import {own} from '../../matrix/json.ts'
import {DEFAULT_ROOM_VERSION, KNOWN_ROOM_VERSIONS} from '../../matrix/room-version.ts'
import type {Judgement} from '../judgement.ts'
import {Decision, rejectIf, type Rule, type RuleGroup} from '../rule.ts'

/** "If type is m.room.create". https://spec.matrix.org/v1.19/rooms/v12/#authorisation-rules */
export const createRules: RuleGroup = {
  name: 'create',
  types: [Type.Create],
  lines: [
    {
      name: 'create.has-prev-events',
      onReceipt: true,
      decide: (j) => rejectIf(j.graph.prevOf(j.event).length > 0),
      because: () => 'a create event must be the first of its room, but this one has prev_events',
    },
    {
      name: 'create.room-id-domain',
      when: (rules) => !rules.roomIdIsCreateHash,
      onReceipt: true,
      decide: (j) => rejectIf(serverNameOf(roomIdOf(j)) !== serverNameOf(j.senderName)),
      because: (j) => `the room ID is not of the sender's server ${serverNameOf(j.senderName)}`,
    },
    {
      name: 'create.has-room-id',
      when: (rules) => rules.roomIdIsCreateHash,
      onReceipt: true,
      decide: (j) => rejectIf(j.graph.columns.createsWithRoomId.has(j.event)),
      because: () => 'in this room version a create event must not have a room_id: its hash becomes the room ID',
    },
    {
      name: 'create.unknown-version',
      onReceipt: true,
      decide: (j) => {
        const version = own(j.content, 'room_version') ?? DEFAULT_ROOM_VERSION
        return rejectIf(typeof version !== 'string' || !KNOWN_ROOM_VERSIONS.includes(version))
      },
      because: (j) => `the room version ${JSON.stringify(own(j.content, 'room_version') ?? null)} is not known`,
    },
    {
      name: 'create.no-creator',
      when: (rules) => !rules.creatorIsSender,
      onReceipt: true,
      decide: (j) => rejectIf(!Object.hasOwn(j.content, 'creator')),
      because: () => 'the create event names no creator',
    },
    {
      name: 'create.additional-creators',
      when: (rules) => rules.creatorsOutrankAll,
      onReceipt: true,
      decide: (j) => rejectIf(!areAdditionalCreators(own(j.content, 'additional_creators'))),
      because: () => 'additional_creators is not a list of valid user IDs',
    },
    {name: 'create.allow', onReceipt: true, decide: () => Decision.Allow},
  ],
}

/** "If the event's room_id is not an event ID for an accepted m.room.create event, reject." MSC4291 */
export const roomIdRule: Rule = {
  name: 'room-id',
  when: (rules) => rules.roomIdIsCreateHash,
  onReceipt: true,
  decide: (j) => rejectIf(j.graph.create < 0 || j.isRejected(j.graph.create)),
  because: () => 'its room_id is not the ID of an accepted create event',
  culprit: (j) => j.graph.create,
}

/** Foreign create events keep their own room ID; the graph's own events share one. */
function roomIdOf(j: Judgement): string {
  return j.graph.roomId
}

function areAdditionalCreators(value: unknown): boolean {
  if (value === undefined) return true
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string' && isCurrentUserId(entry))
}

/** The validation of `sender`, with a server name that is one. */
function isCurrentUserId(entry: string): boolean {
  return isUserId(entry) && isServerName(serverNameOf(entry)) && byteLength(entry) <= MAX_FIELD_BYTES
}
