import {openCase} from '../casefile/open-case.ts'
import {isCaseFile} from '../casefile/header.ts'
import {serverNameOf} from '../matrix/ids.ts'
import {RoomKeys} from './audit-room-keys.ts'
import {withCaseOf} from './more-evidence.ts'
import {type DeviceAccess, planDevices} from './open-device-routes.ts'
import {isLiveRoom} from './open-room.ts'
import {type PlannedRoute, planFetch} from './open-routes.ts'

/** What an audit would ask. */
export interface AuditPlan {
  readonly routes: readonly PlannedRoute[]
  /** Users that it was made for. */
  readonly users: number
  /** Whether that is a guess: who is in the room is known once the room is there. */
  readonly isGuess: boolean
}

/** Members that are assumed of a room that nobody was asked for. */
const ASSUMED = 1000

/**
 * What `auditDevices` would ask, by route; nothing is asked, and nothing but a file that was named is looked at.
 *
 * @throws StateError USAGE, CREDENTIALS_ABSENT, and what reading a file throws
 */
export async function planAudit(
  argument: string,
  access: DeviceAccess,
  options: {readonly signal: AbortSignal; readonly nowMs: () => number},
): Promise<AuditPlan> {
  if (isLiveRoom(argument)) {
    const [room, devices] = [await planFetch(access, {}, argument), await planDevices(access, ASSUMED)]
    return {routes: [...room, ...devices], users: ASSUMED, isGuess: true}
  }
  const userIds = argument.startsWith('@') ? [argument] : await usersIn(argument, access, options)
  const servers = [...new Set(userIds.map((userId) => serverNameOf(userId) as string))].sort()
  return {routes: await planDevices(access, userIds.length, servers), users: userIds.length, isGuess: false}
}

async function usersIn(
  path: string,
  {files = [], reported = [], keyFiles = []}: DeviceAccess,
  options: {readonly signal: AbortSignal; readonly nowMs: () => number},
): Promise<readonly string[]> {
  if (path !== '-' && isCaseFile(path)) {
    const reader = openCase(path)
    const {roomId} = reader
    reader.close()
    if (roomId.startsWith('@')) return [roomId]
  }
  return withCaseOf(path, {files, reported, keyFiles}, {...options, loading: {}}, async (opened, casePath) => {
    const reader = openCase(casePath)
    try {
      const {here, elsewhere, lost} = (await RoomKeys.of(opened, reader)).joined()
      return [...here, ...elsewhere, ...lost]
    } finally {
      reader.close()
    }
  })
}
