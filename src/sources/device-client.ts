import {counter, openAccount} from './client-access.ts'
import type {Account, AccessOptions} from './client-access.ts'
import {type DeviceContext, type DeviceRoute, type DeviceStep, wants} from './device-evidence.ts'
import {FEW_USERS, KEYS_QUERY, KEYS_QUERY_EFFECT, queryKeys, USERS_A_REQUEST} from './device-keys.ts'
import {
  ACCOUNT_DATA,
  accountDataStep,
  backupStep,
  BACKUP,
  DEVICES,
  devicesStep,
  JOINED_MEMBERS,
  JOINED_ROOMS,
  MOST_ROOMS,
  SYNC,
  syncStep,
} from './device-own.ts'
import {clientRoomsStep} from './device-rooms.ts'
import type {PlannedRequest} from './evidence.ts'

/**
 * Opens the way of a user's token: the keys that its homeserver publishes for anybody, and what the account itself is shown.
 *
 * @throws StateError for a token or an address that is of no use
 * @remarks Opening sends one or two requests. Nothing is changed but access times, and what any client's `/keys/query` makes the homeserver
 * fetch: `/sync` is asked without `since`, which acknowledges nothing (Synapse deletes to-device messages up to a `since` only), and with a
 * filter that leaves rooms, presence and account data out, so that Synapse computes none of them.
 */
export async function openClientDeviceRoute(options: AccessOptions): Promise<DeviceRoute> {
  const account = await openAccount(options)
  const {userId, deviceId, serverName: server, baseUrl: address, insecure} = account
  let opening = account.requests
  return {
    identity: {
      kind: 'client',
      name: `client ${userId}`,
      server,
      address,
      insecure,
      account: {userId, deviceId},
    },
    plan: clientDevicePlan,
    gather: (context) => {
      const before = opening
      opening = 0
      return gather(account, context, before)
    },
    close: () => Promise.resolve(),
  }
}

async function* gather(account: Account, context: DeviceContext, opening: number): AsyncGenerator<DeviceStep> {
  const {userIds, signal, onPause, keysOnly = false} = context
  const http = await account.connect({signal, onPause})
  try {
    const requests = counter(http, opening)
    let notes = account.notes
    for await (const step of queryKeys(http, userIds, account, requests)) {
      yield {...step, notes}
      notes = []
    }
    if (keysOnly || !userIds.includes(account.userId)) return
    if (wants(context, 'sessions')) yield await devicesStep(http, account, requests)
    if (wants(context, 'one-time-keys', 'inbox')) yield await syncStep(http, account, requests)
    if (wants(context, 'account-data')) yield await accountDataStep(http, account, requests)
    if (wants(context, 'backup')) yield await backupStep(http, account, requests)
    if (userIds.length <= FEW_USERS && wants(context, 'rooms')) yield await clientRoomsStep(http, account, requests)
  } finally {
    await http.close()
  }
}

/** What is asked, without asking. */
export function clientDevicePlan(users: number): readonly PlannedRequest[] {
  const seen = 'none, beyond the account’s “last seen”'
  const own = (request: string, times: string, purpose: string, effect = seen): PlannedRequest => ({
    request,
    times: `${times}, if the token’s own account is audited`,
    purpose,
    effect,
  })
  return [
    {request: 'GET /_matrix/client/v3/account/whoami', times: '1', purpose: 'whose token it is', effect: seen},
    plannedKeysQuery(users),
    own(DEVICES, '1', 'its logins'),
    own(
      SYNC,
      '1',
      'its one-time keys that are left, and to-device messages that wait, 100 at most',
      'a server notice that is due may be delivered; without “since” nothing is acknowledged or deleted, and with rooms, presence and account data filtered out Synapse computes none of them',
    ),
    own(ACCOUNT_DATA, '7 at most', 'cross-signing, secret storage and backup; nothing else of it'),
    own(BACKUP, '1', 'the current key backup'),
    ...(users > FEW_USERS
      ? []
      : [
          own(JOINED_ROOMS, '1', 'the rooms that it is in'),
          own(JOINED_MEMBERS, `1 for each of these rooms, ${String(MOST_ROOMS)} at most`, 'who else is there'),
          own(
            'GET /_matrix/client/v3/rooms/{roomId}/state/m.room.encryption/',
            `1 for each of these rooms, ${String(MOST_ROOMS)} at most`,
            'whether it is encrypted',
          ),
        ]),
  ]
}

export function plannedKeysQuery(users: number): PlannedRequest {
  return {
    request: KEYS_QUERY,
    times: `${String(Math.max(1, Math.ceil(users / USERS_A_REQUEST)))}, and 1 more where a copy differs from its origin`,
    purpose: 'the device and cross-signing keys that are published',
    effect: KEYS_QUERY_EFFECT,
  }
}
