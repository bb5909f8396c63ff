import {serverNameOf} from '../matrix/ids.ts'
import {counter, openAccount} from './client-access.ts'
import type {Account, AccessOptions} from './client-access.ts'
import type {ClientHttp} from './client-http.ts'
import {plannedKeysQuery} from './device-client.ts'
import {type DeviceContext, type DeviceRoute, type DeviceStep, wants} from './device-evidence.ts'
import {batches, queryKeys} from './device-keys.ts'
import {MOST_ROOMS, sessionsIn} from './device-own.ts'
import {ADMIN_JOINED_ROOMS, ADMIN_MEMBERS, ADMIN_STATE, adminRoomsStep, askAdmin} from './device-rooms.ts'
import type {PlannedRequest} from './evidence.ts'

export interface AdminDeviceOptions extends AccessOptions {
  /** Asks `/keys/query` as well, with the admin's token: for those who have no other. @defaultValue true */
  readonly withKeys?: boolean
}

export const ADMIN_DEVICES = 'GET /_synapse/admin/v2/users/{userId}/devices'
/** Requests under way at the same time. */
const AT_ONCE = 4
/** Users whose logins are kept in one step. */
const USERS_A_STEP = 100

/**
 * Opens the way of an administrator of a Synapse server: the logins of its users, and the keys of anybody.
 *
 * @throws StateError for a token or an address that is of no use. That the account is no administrator is told by `gather`.
 * @remarks One request for each user of the server, four at a time. All are GET, but for `/keys/query`.
 * @see https://element-hq.github.io/synapse/latest/admin_api/user_admin_api.html#user-devices
 */
export async function openAdminDeviceRoute(options: AdminDeviceOptions): Promise<DeviceRoute> {
  const account = await openAccount(options)
  const {withKeys = true} = options
  const {userId, deviceId, serverName: server, baseUrl: address, insecure} = account
  let opening = account.requests
  return {
    identity: {
      kind: 'admin',
      name: `admin ${server}`,
      server,
      address,
      insecure,
      account: {userId, deviceId},
    },
    plan: (users) => adminDevicePlan(users, withKeys),
    gather: (context) => {
      const before = opening
      opening = 0
      return gather(account, context, withKeys, before)
    },
    close: () => Promise.resolve(),
  }
}

async function* gather(
  account: Account,
  context: DeviceContext,
  withKeys: boolean,
  opening: number,
): AsyncGenerator<DeviceStep> {
  const {userIds, signal, onPause, keysOnly = false} = context
  const http = await account.connect({signal, onPause})
  try {
    const requests = counter(http, opening)
    let notes = account.notes
    if (withKeys) {
      for await (const step of queryKeys(http, userIds, account, requests)) {
        yield {...step, notes}
        notes = []
      }
    }
    if (keysOnly) return
    const local = userIds.filter((userId) => serverNameOf(userId) === account.serverName)
    if (!wants(context, 'sessions', 'rooms')) return
    for await (const step of sessions(account, local, context, requests)) {
      yield {...step, notes: [...notes, ...(step.notes ?? [])]}
      notes = []
    }
    const [only] = local
    if (only !== undefined && userIds.length === 1 && wants(context, 'rooms'))
      yield await adminRoomsStep(http, account, only, requests)
  } finally {
    await http.close()
  }
}

/** Several connections side by side: one alone asks one after another. */
async function* sessions(
  account: Account,
  userIds: readonly string[],
  {signal, onPause}: DeviceContext,
  requests: () => number,
): AsyncGenerator<DeviceStep> {
  if (userIds.length === 0) return
  const lanes = await Promise.all(
    Array.from({length: Math.min(AT_ONCE, userIds.length)}, () => account.connect({signal, onPause})),
  )
  try {
    const counters = lanes.map((http) => counter(http, 0))
    for (const batch of batches(userIds, USERS_A_STEP)) {
      const next = batch.values()
      const parts = await Promise.all(
        lanes.map(async (http) => {
          const told: UserSessions[] = []
          for (const userId of next) told.push(await sessionsOf(http, account, userId))
          return told
        }),
      )
      const told = parts.flat()
      yield {
        how: ADMIN_DEVICES,
        requests: requests() + counters.reduce((sum, count) => sum + count(), 0),
        facts: told.flatMap(({facts = []}) => facts),
        refusals: told.flatMap(({refusals = []}) => refusals),
      }
    }
  } finally {
    await Promise.all(lanes.map((http) => http.close()))
  }
}

type UserSessions = Partial<Pick<DeviceStep, 'facts' | 'refusals'>>

async function sessionsOf(http: ClientHttp, account: Account, userId: string): Promise<UserSessions> {
  const path = `/_synapse/admin/v2/users/${encodeURIComponent(userId)}/devices`
  const outcome = await askAdmin(http, account, ADMIN_DEVICES, path)
  if ('refusal' in outcome) return {refusals: [{...outcome.refusal, userIds: [userId]}]}
  return {facts: [{userId, fact: {kind: 'sessions', devices: sessionsIn(outcome.answer)}}]}
}

/** What is asked, without asking. */
export function adminDevicePlan(users: number, withKeys: boolean): readonly PlannedRequest[] {
  const get = (request: string, times: string, purpose: string): PlannedRequest => ({
    request,
    times,
    purpose,
    effect: 'none',
  })
  return [
    {
      ...get('GET /_matrix/client/v3/account/whoami', '1', 'whose token it is, and of which server'),
      effect: 'none, beyond the account’s “last seen”',
    },
    ...(withKeys ? [plannedKeysQuery(users)] : []),
    get(ADMIN_DEVICES, '1 for each user of this server', 'logins, and when they were last seen'),
    ...(users === 1
      ? [
          get(ADMIN_JOINED_ROOMS, '1', 'the rooms that the user is in'),
          get(ADMIN_MEMBERS, `1 for each of these rooms, ${String(MOST_ROOMS)} at most`, 'who else is there'),
          get(ADMIN_STATE, `1 for each of these rooms, ${String(MOST_ROOMS)} at most`, 'whether it is encrypted'),
        ]
      : []),
  ]
}
