import type {SharedRooms} from '../matrix/device-facts.ts'
import {StateError} from '../errors.ts'
import {adminPath, adminRefusal, adminRequest} from './admin-access.ts'
import type {Account} from './client-access.ts'
import {arrayIn, valueIn} from './client-bodies.ts'
import type {Answer, ClientHttp} from './client-http.ts'
import {roomPath} from './client-requests.ts'
import type {DeviceStep} from './device-evidence.ts'
import {askOwn, JOINED_MEMBERS, JOINED_ROOMS, MOST_ROOMS} from './device-own.ts'
import type {Refusal} from './evidence.ts'

export const ADMIN_JOINED_ROOMS = 'GET /_synapse/admin/v1/users/{userId}/joined_rooms'
export const ADMIN_MEMBERS = 'GET /_synapse/admin/v1/rooms/{roomId}/members'
/** An older Synapse ignores `type`, and tells the whole state. */
export const ADMIN_STATE = 'GET /_synapse/admin/v1/rooms/{roomId}/state'
const ENCRYPTION = 'm.room.encryption'

/** Rooms of the token's account, and who else is there. */
export async function clientRoomsStep(
  http: ClientHttp,
  {userId}: Account,
  requests: () => number,
): Promise<DeviceStep> {
  const listed = await askOwn(http, JOINED_ROOMS, '/_matrix/client/v3/joined_rooms')
  if ('refusal' in listed) return refused(JOINED_ROOMS, userId, requests(), [listed.refusal])
  return roomsStep(JOINED_ROOMS, userId, requests, listed.answer, async (roomId) => {
    const members = await askOwn(http, JOINED_MEMBERS, roomPath(roomId, 'joined_members'))
    if ('refusal' in members) return members.refusal
    const encryption = await askOwn(
      http,
      `GET ${roomPath('{roomId}', `state/${ENCRYPTION}/`)}`,
      roomPath(roomId, `state/${ENCRYPTION}/`),
    )
    if ('refusal' in encryption && !encryption.notFound) return encryption.refusal
    const joined = valueIn(members.answer.json, ['joined'])
    return {
      room_id: roomId,
      encrypted: 'answer' in encryption,
      joined: typeof joined === 'object' && joined !== null ? Object.keys(joined).sort() : [],
    }
  })
}

/** Rooms of a user of the server, and who else is there, by Synapse's admin API. */
export async function adminRoomsStep(
  http: ClientHttp,
  account: Account,
  userId: string,
  requests: () => number,
): Promise<DeviceStep> {
  const path = `/_synapse/admin/v1/users/${encodeURIComponent(userId)}/joined_rooms`
  const listed = await askAdmin(http, account, ADMIN_JOINED_ROOMS, path)
  if ('refusal' in listed) return refused(ADMIN_JOINED_ROOMS, userId, requests(), [listed.refusal])
  return roomsStep(ADMIN_JOINED_ROOMS, userId, requests, listed.answer, async (roomId) => {
    const members = await askAdmin(http, account, ADMIN_MEMBERS, adminPath(roomId, 'members'))
    if ('refusal' in members) return members.refusal
    // What the room's summary says of encryption is of Synapse's statistics, which lag behind or are switched off.
    const state = await askAdmin(http, account, ADMIN_STATE, adminPath(roomId, 'state'), {type: ENCRYPTION})
    if ('refusal' in state) return state.refusal
    const encrypted = arrayIn(state.answer, ['state']).some(
      (event) => valueIn(event, ['type']) === ENCRYPTION && valueIn(event, ['state_key']) === '',
    )
    const joined = arrayIn(members.answer, ['members']).filter((member) => typeof member === 'string')
    return {room_id: roomId, encrypted, joined: joined.sort()}
  })
}

async function roomsStep(
  how: string,
  userId: string,
  requests: () => number,
  listed: Answer,
  look: (roomId: string) => Promise<SharedRooms['rooms'][number] | Refusal>,
): Promise<DeviceStep> {
  const roomIds = arrayIn(listed, ['joined_rooms']).filter((id) => typeof id === 'string')
  const rooms: SharedRooms['rooms'][number][] = []
  const refusals: Refusal[] = []
  for (const roomId of roomIds.slice(0, MOST_ROOMS)) {
    const told = await look(roomId)
    if ('room_id' in told) rooms.push(told)
    else refusals.push({...told, what: told.what.replace('{roomId}', roomId)})
  }
  const left = roomIds.length - MOST_ROOMS
  return {
    how,
    requests: requests(),
    facts: [{userId, fact: {kind: 'rooms', rooms}}],
    refusals: refusals.map((refusal) => ({...refusal, userIds: [userId]})),
    notes: left > 0 ? [`${userId} is in ${String(roomIds.length)} rooms: ${String(MOST_ROOMS)} were looked into.`] : [],
  }
}

function refused(how: string, userId: string, requests: number, refusals: readonly Refusal[]): DeviceStep {
  return {how, requests, facts: [], refusals: refusals.map((refusal) => ({...refusal, userIds: [userId]}))}
}

/** A request to the admin API whose 404 or 400 is an answer; an account that is no administrator ends the route. */
export async function askAdmin(
  http: ClientHttp,
  account: Account,
  how: string,
  path: string,
  query: Readonly<Record<string, string>> = {},
): Promise<{readonly answer: Answer} | {readonly refusal: Refusal}> {
  const refusals: Refusal[] = []
  try {
    const answer = await adminRequest(() =>
      http.get(path, query, (status, errcode, said) => {
        if (errcode === 'M_UNRECOGNIZED' || (status !== 404 && status !== 400)) {
          return adminRefusal(account, null)(status, errcode, said)
        }
        refusals.push({what: how, outcome: status === 404 ? 'absent' : 'refused', status, message: said})
        return new StateError('SERVER_REFUSED', said)
      }),
    )
    return {answer}
  } catch (error) {
    const [refusal] = refusals
    if (refusal === undefined) throw error
    return {refusal}
  }
}
