import type {FindingId} from '../finding/finding.ts'
import type {DeviceFactKind, DeviceSnapshot} from '../matrix/device-facts.ts'
import type {NotChecked} from './evidence.ts'
import type {VerifiedIdentity} from './identity.ts'
import {inboxOf} from './inbox.ts'
import {copies} from './list-checks.ts'
import {keysLeft, knownKeys} from './one-time-keys.ts'
import {isOld, newestKeys, type Told} from './snapshots.ts'
import {clipped, listed, MINUTE, serverOf} from './words.ts'

/** Checks of rooms and their messages: a user alone has neither. */
const OF_ROOMS: readonly FindingId[] = [
  'megolm/index-reused',
  'megolm/signature-bad',
  'megolm/rotation-overdue',
  'megolm/sender-device-gone',
  'room/encryption-lost',
  'room/key-recipients-differ',
]

/**
 * The checks that could not be made, or not for all devices, with the access that each needs. What was found all the same is a finding, and
 * the check is listed here as well: what was not looked at is not fine.
 */
export function notChecked(told: Told, verified: VerifiedIdentity): readonly NotChecked[] {
  const {userId} = told.evidence
  const server = clipped(serverOf(userId))
  const need = (ids: readonly FindingId[], needs: string | null): readonly NotChecked[] =>
    needs === null ? [] : ids.map((id) => ({id, needs}))
  const anyKeys = `a token of any server that knows ${clipped(userId)} (--homeserver with MATRIX_STATE_TOKEN), or --signing-key with --server-name, to ask ${server} itself`
  const ownAccount = `the account’s own token (MATRIX_STATE_TOKEN of ${clipped(userId)})`
  const database = `--database of ${server}`
  const hasKeys = verified.keysBy !== null
  const withKeys = [...verified.devices.keys()]
  const of = (devices: readonly string[]) => `${database}, for ${listed(devices, 3)}`
  const without = (knows: (deviceId: string) => boolean) => withKeys.filter((deviceId) => !knows(deviceId))

  // What an earlier run was told is judged, and is not how it is now.
  const isNow = (known: {readonly by: DeviceSnapshot} | null) => known !== null && !isOld(told, known.by)
  const isTold = (kind: DeviceFactKind) => told.current(kind).some((by) => !isOld(told, by))
  const noCounts = without((deviceId) => isNow(keysLeft(told, deviceId)))
  const noFallback = without((deviceId) => {
    const left = keysLeft(told, deviceId)
    return left !== null && (left.count > 0 || left.fallback !== null)
  })
  const noInbox = without((deviceId) => isNow(inboxOf(told, deviceId)))
  // Who asks by a device's own token makes it seen, and is handed a part of what waits.
  const noWholeInbox = without((deviceId) => {
    const inbox = inboxOf(told, deviceId)
    return inbox !== null && isNow(inbox) && inbox.by.fact.only === undefined
  })
  const noFallbackKeys = without((deviceId) => knownKeys(told, deviceId).fallback !== null)
  // Where no device is known, nothing was looked at either.
  const some = (devices: readonly string[]) => (!hasKeys ? database : devices.length > 0 ? of(devices) : null)
  const inbox = some(noInbox)
  return [
    ...need(['device/self-signature-bad', 'device/dehydrated'], hasKeys ? null : anyKeys),
    ...need(['device/id-reused', 'device/unverified'], verified.toldOf.crossSigning ? null : anyKeys),
    ...need(
      ['device/cross-signing-broken'],
      !verified.toldOf.crossSigning
        ? anyKeys
        : verified.toldOf.userSigning
          ? null
          : `${ownAccount} or ${database}, for the user-signing key`,
    ),
    ...need(
      ['device/without-keys'],
      isTold('sessions') && hasKeys ? null : sessionsNeed(hasKeys, server, ownAccount, database, anyKeys),
    ),
    ...need(
      ['device/otk-reused'],
      told.current('refused-uploads').length > 0 ? null : `--log FILE, of ${server} or of the client`,
    ),
    ...need(['device/identity-changed'], hasEarlier(told) ? null : 'an earlier snapshot: run it again later'),
    ...need(['device/otk-exhausted'], some(noCounts) ?? some(noFallback)),
    ...need(['device/otk-reissued'], inbox ?? some(noFallbackKeys)),
    ...need(['device/stale-sender-key', 'device/olm-restarting', 'device/keys-withheld'], inbox),
    ...need(['device/inbox-backlog'], some(noWholeInbox)),
    ...need(['device/list-stale'], listNeed(told, server)),
    ...need(['device/list-too-long'], newestKeys(told, 'origin') === null ? askItself(server) : null),
    ...need(
      ['device/list-resync-failing'],
      isTold('list-resync') ? null : `--database of a server other than ${server}`,
    ),
    ...need(['device/list-unsent'], isTold('list-unsent') ? null : database),
    ...need(
      ['account/backup-untrusted'],
      !isTold('backup') ? `${ownAccount} or ${database}` : verified.toldOf.crossSigning ? null : anyKeys,
    ),
    ...need(['account/secrets-inconsistent'], isTold('account-data') ? null : `${ownAccount} or ${database}`),
    ...need(OF_ROOMS, 'a room: matrix-state devices ROOM'),
  ]
}

function sessionsNeed(hasKeys: boolean, server: string, ownAccount: string, database: string, anyKeys: string): string {
  if (!hasKeys) return anyKeys
  return `${ownAccount}, an admin’s (MATRIX_STATE_ADMIN_TOKEN of ${server}), or ${database}`
}

function askItself(server: string): string {
  return `--signing-key with --server-name, to ask ${server} itself, or a token or --database of ${server}`
}

function listNeed(told: Told, server: string): string | null {
  if (newestKeys(told, 'origin') === null) return askItself(server)
  return copies(told).length > 0
    ? null
    : `the view of another server: a token (--homeserver with MATRIX_STATE_TOKEN) or --database of one other than ${server}`
}

/** What routes tell within one run is no earlier snapshot, although they tell it one after the other. */
const EARLIER = MINUTE

/** Whether one side that tells its keys now told them some time ago as well. */
function hasEarlier(told: Told): boolean {
  const all = told.all('keys')
  const newest = all.reduce((most, {lastTs}) => Math.max(most, lastTs), -Infinity)
  const sides = Map.groupBy(all, ({fact, server}) => (fact.view === 'origin' ? 'origin' : `copy ${server}`))
  return [...sides.values()].some((side) => {
    const first = side.reduce((least, {ts}) => Math.min(least, ts), Infinity)
    return side.some(({lastTs}) => lastTs - first >= EARLIER && newest - lastTs < EARLIER)
  })
}
