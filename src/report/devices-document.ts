import type {DeviceAudit, UserAudit} from '../devices/evidence.ts'
import type {Finding} from '../finding/finding.ts'
import type {DevicesReport} from '../investigate/devices-report.ts'

/** `devices --json`: schema `matrix-state/devices/1`. Each finding stands once: with its device, its user, or at the top. */
export function devicesDocument(report: DevicesReport) {
  const {room} = report
  return {
    schema: 'matrix-state/devices/1' as const,
    subject: report.subject,
    room_id: room?.roomId ?? null,
    ...(room === null
      ? {}
      : {
          room: {
            room_version: room.roomVersion,
            encrypted: room.encrypted,
            at: room.at,
            complete: room.complete,
            joined: room.joined,
            joined_elsewhere: room.joinedElsewhere,
            lost: room.lost,
          },
          messages: room.messages,
        }),
    case: report.casePath,
    complete: report.complete,
    open: report.open,
    told_ts: report.oldTs,
    summary: summaryOf(report),
    asked: report.asked.map(({name, kind, server, requests, firstTs, lastTs, now, insecure}) => ({
      route: name,
      kind,
      server,
      requests,
      first_ts: firstTs,
      last_ts: lastTs,
      now,
      insecure,
    })),
    failed: report.failed.map(({name, message}) => ({route: name, message})),
    users: report.users.map(userDocument),
    unknown_users: report.unknown,
    not_checked: report.notChecked,
    notes: report.notes,
    findings: sorted(report.findings),
  }
}

function summaryOf({users, findings}: DevicesReport) {
  const health = {healthy: 0, unverified: 0, warning: 0, broken: 0, without_keys: 0, dehydrated: 0}
  const severity = {error: 0, warning: 0, note: 0}
  let devices = 0
  const count = (found: readonly Finding[]): void => {
    for (const {severity: one} of found) severity[one] += 1
  }
  count(findings)
  for (const user of users) {
    count(user.findings)
    for (const device of user.devices) {
      devices += 1
      health[device.health === 'without-keys' ? 'without_keys' : device.health] += 1
      count(device.findings)
    }
  }
  return {users: users.length, devices, health, findings: severity}
}

function userDocument(user: UserAudit) {
  const {keysBy, identity} = user
  return {
    user_id: user.userId,
    keys_by: keysBy === null ? null : {route: keysBy.route, how: keysBy.how, view: keysBy.view, told_ts: keysBy.ts},
    identity: {
      master_key: identity.master,
      self_signing_key: identity.selfSigning,
      user_signing_key: identity.userSigning,
      trusted: identity.trusted,
    },
    devices: user.devices.toSorted((a, b) => compare(a.deviceId, b.deviceId)).map(deviceDocument),
    changes: user.changes
      .map(({kind, deviceId, before, now, betweenTs, how}) => ({
        kind,
        device_id: deviceId,
        before,
        now,
        between_ts: betweenTs,
        how,
      }))
      .sort((a, b) => a.between_ts[1] - b.between_ts[1] || compare(JSON.stringify(a), JSON.stringify(b))),
    unreached: user.unreached
      .map(({deviceId, sender, roomIds, because}) => ({
        device_id: deviceId,
        sender,
        room_ids: roomIds.toSorted(),
        because,
      }))
      .sort((a, b) => compare(JSON.stringify(a), JSON.stringify(b))),
    findings: sorted(user.findings),
  }
}

function deviceDocument(device: DeviceAudit) {
  return {
    device_id: device.deviceId,
    display_name: device.displayName,
    ed25519: device.ed25519,
    curve25519: device.curve25519,
    cross_signed: device.crossSigned,
    last_seen_ts: device.lastSeenTs,
    dehydrated: device.dehydrated,
    health: device.health,
    one_time_keys: device.oneTimeKeys,
    fallback_key: device.fallbackKey,
    waiting: device.waiting,
    seen_by: device.seenBy.toSorted(),
    findings: sorted(device.findings),
  }
}

/** By severity, then ID, then what they are about: the same evidence gives the same document. */
function sorted(findings: readonly Finding[]): readonly Finding[] {
  return findings.toSorted(
    (a, b) =>
      RANK[a.severity] - RANK[b.severity] ||
      compare(a.id, b.id) ||
      compare(JSON.stringify(a.subject), JSON.stringify(b.subject)) ||
      compare(a.summary, b.summary),
  )
}

const RANK = {error: 0, warning: 1, note: 2} as const
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
