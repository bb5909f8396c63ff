import {type Finding, finding} from '../finding/finding.ts'
import type {Session} from '../matrix/device-facts.ts'
import {isObject} from '../matrix/json.ts'
import {backupFindings, secretFindings} from './account-checks.ts'
import {changesOf} from './changes.ts'
import type {DeviceAudit, DeviceHealth, UnreachedBy, UserAudit, UserEvidence} from './evidence.ts'
import {identityChangedFinding} from './identity-changed.ts'
import {type VerifiedDevice, type VerifiedIdentity, verifyIdentity} from './identity.ts'
import {inboxOf} from './inbox.ts'
import {backlogFinding, inboxFindings, type SenderFinding} from './inbox-checks.ts'
import {listFindings} from './list-checks.ts'
import {notChecked} from './not-checked.ts'
import {exhaustedFinding, keysLeft, refusedUploads} from './one-time-keys.ts'
import {entriesOf, itemsOf, objectsOf, numberOr, textAt} from './shapes.ts'
import {arrange, asOfThen, compare, type SnapshotOf, type Told} from './snapshots.ts'
import {clipped, toldBy} from './words.ts'

/**
 * Judges all that is known of one user's devices. Pure: same evidence, same answer. What others wrote is never a reason to throw.
 * Cost: a few signatures a device, one for each one-time key that is told.
 */
export function auditUser(evidence: UserEvidence): UserAudit {
  const told = arrange(evidence)
  const verified = verifyIdentity(told)
  const sessions = sessionsOf(told)
  const refused = refusedUploads(told)
  const seenBy = listings(told)
  const there = new Set([...verified.devices.keys(), ...verified.withoutKeys, ...sessions.keys()])
  // A log tells of devices that are gone by now: where the user's own server says which there are, those concern nobody any more.
  const isComplete = verified.keysBy?.fact.view === 'origin'
  const ids = new Set([...there, ...(isComplete ? [] : refused.keys())])
  const unreached: UnreachedBy[] = []
  const devices = [...ids].sort(compare).map((deviceId): DeviceAudit => {
    const session = sessions.get(deviceId) ?? null
    const device = verified.devices.get(deviceId) ?? null
    const dehydrated = device?.dehydrated === true || session?.dehydrated === true
    const upload = refused.get(deviceId)
    const findings: Finding[] = upload === undefined ? [] : [upload]
    if (device !== null) {
      const inbox = inboxFindings(told, device)
      const [countedBy, waitingBy] = [keysLeft(told, deviceId)?.by, inboxOf(told, deviceId)?.by]
      unreached.push(...inbox.bySender.flatMap((found) => unreachedBy(told, deviceId, found)))
      findings.push(
        ...device.findings,
        ...present(identityChangedFinding(told, device)),
        ...present(exhaustedFinding(told, device, dehydrated)).map((found) => asOfThen(told, countedBy, found)),
        ...[...inbox.findings, ...inbox.bySender.map((found) => found.finding)].map((found) =>
          asOfThen(told, waitingBy, found),
        ),
      )
    }
    const lastSeenTs = session?.lastSeenTs ?? null
    findings.push(
      ...present(backlogFinding(told, {deviceId, lastSeenTs, dehydrated})).map((found) =>
        asOfThen(told, inboxOf(told, deviceId)?.by, found),
      ),
    )
    if (dehydrated) findings.push(dehydratedFinding(told, deviceId, verified, session))
    else if (device === null) findings.push(...present(withoutKeysFinding(told, deviceId, verified, session)))
    const left = device === null ? null : keysLeft(told, deviceId)
    return {
      deviceId,
      displayName: session?.displayName ?? null,
      ed25519: device?.ed25519 ?? null,
      curve25519: device?.curve25519 ?? null,
      crossSigned: device?.crossSigned ?? null,
      lastSeenTs,
      dehydrated,
      oneTimeKeys: left?.count ?? null,
      fallbackKey: left?.fallback ?? null,
      waiting: inboxOf(told, deviceId)?.count ?? null,
      health: healthOf(device, verified.keysBy !== null, dehydrated, findings),
      seenBy: [...(seenBy.get(deviceId) ?? [])].sort(compare),
      findings,
    }
  })
  const {keysBy} = verified
  return {
    userId: evidence.userId,
    keysBy: keysBy && {route: keysBy.route, how: keysBy.how, view: keysBy.fact.view, ts: keysBy.lastTs},
    identity: verified.identity,
    devices,
    findings: [
      ...verified.findings,
      ...listFindings(told),
      ...backupFindings(told, verified).map((found) => asOfThen(told, told.current('backup')[0], found)),
      ...secretFindings(told).map((found) => asOfThen(told, told.current('account-data')[0], found)),
    ],
    changes: changesOf(told),
    notChecked: notChecked(told, verified),
    unreached: onePerReason(unreached),
  }
}

function present<T>(value: T | null): readonly T[] {
  return value === null ? [] : [value]
}

interface KnownSession {
  readonly by: SnapshotOf<'sessions'>
  readonly displayName: string | null
  readonly lastSeenTs: number | null
  readonly dehydrated: boolean
}

/** Logins by device ID, as the newest list has them; names and times also from another list that tells more. */
function sessionsOf(told: Told): ReadonlyMap<string, KnownSession> {
  const lists = told.current('sessions')
  const found = new Map<string, KnownSession>()
  const [newest] = lists
  if (newest === undefined) return found
  const listed = new Set(objectsOf<Session>(newest.fact.devices).flatMap((one) => textAt(one, 'device_id') ?? []))
  for (const by of lists)
    for (const session of objectsOf<Session>(by.fact.devices)) {
      const deviceId = textAt(session, 'device_id')
      if (deviceId === null || !listed.has(deviceId) || told.hidden.has(deviceId) || !isObject(session)) continue
      const known = found.get(deviceId)
      const lastSeen = numberOr<null>(session['last_seen_ts'], null)
      found.set(deviceId, {
        by: known?.by ?? by,
        displayName: known?.displayName ?? textAt(session, 'display_name'),
        lastSeenTs: lastSeen === null ? (known?.lastSeenTs ?? null) : Math.max(lastSeen, known?.lastSeenTs ?? lastSeen),
        dehydrated: known?.dehydrated === true || session['dehydrated'] === true,
      })
    }
  return found
}

/** Routes whose newest list names a device. */
function listings(told: Told): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>()
  const note = (deviceId: string, route: string) => {
    const routes = found.get(deviceId) ?? new Set()
    found.set(deviceId, routes.add(route))
  }
  for (const {fact, route} of told.current('keys'))
    for (const [deviceId] of entriesOf(fact.devices)) note(deviceId, route)
  for (const {fact, route} of told.current('sessions'))
    for (const session of objectsOf<Session>(fact.devices)) {
      const deviceId = textAt(session, 'device_id')
      if (deviceId !== null) note(deviceId, route)
    }
  return found
}

function dehydratedFinding(
  told: Told,
  deviceId: string,
  verified: VerifiedIdentity,
  session: KnownSession | null,
): Finding {
  const {userId} = told.evidence
  const by = session?.dehydrated === true ? session.by : (verified.keysBy ?? session?.by)
  return finding(
    'device/dehydrated',
    {kind: 'device', user_id: userId, device_id: deviceId},
    `Device ${clipped(deviceId)} of ${clipped(userId)} is a dehydrated one: it takes in keys while its owner is away.`,
    by === undefined ? [] : [toldBy(by, `device ${deviceId}, dehydrated`, true)],
  )
}

/** A login whose keys nobody published, as far as the keys are known. */
function withoutKeysFinding(
  told: Told,
  deviceId: string,
  verified: VerifiedIdentity,
  session: KnownSession | null,
): Finding | null {
  const {keysBy} = verified
  const isListed = verified.withoutKeys.has(deviceId)
  if (keysBy === null || (!isListed && session === null)) return null
  // A copy may be old: what it lacks, the user's own server may have.
  if (!isListed && keysBy.fact.view === 'copy') return null
  const {userId} = told.evidence
  return finding(
    'device/without-keys',
    {kind: 'device', user_id: userId, device_id: deviceId},
    `Device ${clipped(deviceId)} of ${clipped(userId)} is logged in and publishes no encryption keys.`,
    [
      ...(session === null ? [] : [toldBy(session.by, `device ${deviceId}`, session.displayName)]),
      toldBy(keysBy, `device ${deviceId}, keys`, null),
    ],
  )
}

/** The worst that holds. Whether a device is verified, where that is not known, is not taken for granted. */
function healthOf(
  device: VerifiedDevice | null,
  keysAreKnown: boolean,
  dehydrated: boolean,
  findings: readonly Finding[],
): DeviceHealth {
  if (findings.some(({severity}) => severity === 'error')) return 'broken'
  if (device !== null ? device.crossSigned !== true : !keysAreKnown) return 'unverified'
  if (findings.some(({severity}) => severity === 'warning')) return 'warning'
  if (device === null && !dehydrated) return 'without-keys'
  return dehydrated ? 'dehydrated' : 'healthy'
}

/** Rooms that the sender named, or else those that both are joined to; encrypted ones, as others need no keys. */
function unreachedBy(
  told: Told,
  deviceId: string,
  {finding: found, sender, roomIds, unreached}: SenderFinding,
): readonly UnreachedBy[] {
  if (!unreached) return []
  const shared = told
    .current('rooms')
    .flatMap(({fact}) => objectsOf(fact.rooms))
    .filter((room) => isObject(room) && room['encrypted'] && itemsOf(room.joined).includes(sender))
    .flatMap((room) => textAt(room, 'room_id') ?? [])
  const rooms = roomIds.length > 0 ? roomIds : shared
  return [{deviceId, sender, roomIds: [...new Set(rooms)].sort(compare), because: found.id}]
}

/** A sender has several devices, and several codes: it is named once for each reason, with all rooms. */
function onePerReason(all: readonly UnreachedBy[]): readonly UnreachedBy[] {
  const groups = Map.groupBy(all, ({deviceId, sender, because}) => JSON.stringify([deviceId, sender, because]))
  return [...groups.values()].flatMap((group) => {
    const [first] = group
    return first === undefined
      ? []
      : [{...first, roomIds: [...new Set(group.flatMap(({roomIds}) => roomIds))].sort(compare)}]
  })
}
