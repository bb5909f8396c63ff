import type {CaseReader} from '../casefile/shapes.ts'
import type {UserAudit} from '../devices/evidence.ts'
import type {MessageAuditResult} from '../devices/message-audit.ts'
import {serverNameOf} from '../matrix/ids.ts'
import {auditUsers, checksNotMade, toldLastMs} from './audit-evidence.ts'
import type {RoomKeys} from './audit-room-keys.ts'
import type {AskedForDevices, DeviceFailure, DevicesReport, RoomDevices} from './devices-report.ts'
import type {DeviceGathering} from './gather-devices.ts'
import type {OpenedDeviceRoutes} from './open-device-routes.ts'
import type {OpenedRoom} from './opened-room.ts'

/** What was asked in this run. */
export interface Asked extends DeviceGathering {
  readonly startedTs: number
  readonly closed: OpenedDeviceRoutes['closed']
}

export interface ReportOptions {
  readonly signal: AbortSignal
  readonly nowMs: () => number
  readonly onProgress?: (
    step: {readonly kind: 'auditing'; readonly done: number; readonly all: number} | {readonly kind: 'messages'},
  ) => void
}

/** What a report is made from, beside the evidence. */
export interface Circumstances {
  readonly options: ReportOptions
  /** `null`: nobody was asked now. */
  readonly asked: Asked | null
  readonly room: {readonly keys: RoomKeys; readonly reader: CaseReader; readonly opened: OpenedRoom} | null
  readonly casePath: string | null
  /** Whether that is one of the cache. */
  readonly inCache?: boolean
}

/**
 * Judges what a case holds of users’ devices, and the room if there is one.
 *
 * @param userIds - sorted
 */
export async function report(
  subject: string,
  userIds: readonly string[],
  {devices}: CaseReader,
  {options, asked, room, casePath, inCache = false}: Circumstances,
): Promise<DevicesReport> {
  const {signal, nowMs, onProgress} = options
  const {users, unknown, stale} = await auditUsers(userIds, devices, {
    askedSinceMs: asked?.startedTs ?? null,
    nowMs: nowMs(),
    signal,
    onProgress: (done, all) => onProgress?.({kind: 'auditing', done, all}),
  })
  const failed = failuresOf(asked)
  const byUser = new Map(users.map((user) => [user.userId, user]))
  let messages: MessageAuditResult | null = null
  if (room !== null) {
    onProgress?.({kind: 'messages'})
    messages = room.keys.messages(room.reader, (userId) => {
      const user = byUser.get(userId)
      if (user === undefined || user.keysBy === null) return null
      return new Map(user.devices.map(({deviceId, curve25519}) => [deviceId, curve25519]))
    })
  }
  const ofRoom =
    room?.keys.findings((userId) => {
      const user = byUser.get(userId)
      if (user === undefined || user.keysBy === null) return null
      return user.devices.filter(({ed25519}) => ed25519 !== null).map(({deviceId}) => deviceId)
    }) ?? []
  const open = [
    ...(userIds.length === 0 ? ['Nobody is joined to the room, as far as the events here show.'] : []),
    ...(unknown.length === 0 ? [] : [`Nobody told the published keys of ${people(unknown)}.`]),
    ...(stale.length === 0
      ? []
      : [`The published keys of ${people(stale)} are those of an earlier run: nobody told them now.`]),
    ...(room === null ? users.filter(hasNothing).map(({userId}) => nobodyThere(userId)) : []),
    ...failed.map(({name, message}) => `${name} failed: ${message}`),
    ...(room === null || room.keys.diff.complete
      ? []
      : ['The room is not here whole: who is in it, and what was sent, may be more.']),
    ...(room?.opened.room.gaps ?? []),
  ]
  return {
    subject,
    room: room === null || messages === null ? null : roomDevices(room.keys, messages),
    users,
    findings: [...ofRoom, ...(messages?.findings ?? [])],
    notChecked: checksNotMade(users, messages?.notChecked ?? null),
    asked: askedOf(devices, asked),
    failed,
    unknown,
    complete: open.length === 0,
    open,
    oldTs: asked === null ? toldLastMs(devices) : null,
    casePath,
    inCache,
    notes: [
      ...new Set([
        ...(asked?.byRoute.flatMap(({notes}) => notes) ?? []),
        ...(asked === null ? [] : refusalNotes(devices, asked)),
        ...(room?.opened.notes ?? []),
      ]),
    ],
  }
}

/** Its keys were told, and there is nothing: no device, no login, no identity. */
function hasNothing({keysBy, devices, identity}: UserAudit): boolean {
  return keysBy !== null && devices.length === 0 && identity.master === null
}

/** Synapse answers `/keys/query` for a user of its own whom it does not have as for one who is logged in nowhere. */
function nobodyThere(userId: string): string {
  return `${userId} has no device: the user is logged in nowhere, or there is no such user (check the spelling).`
}

/** What was asked for in this run and refused: without it, a check that was not made would seem to lack access that was given. */
function refusalNotes(devices: CaseReader['devices'], {startedTs}: Asked): readonly string[] {
  const names = new Map(devices.sources().map(({id, name}) => [id, name]))
  const now = devices.refusals().filter(({ts, outcome}) => ts >= startedTs && outcome === 'refused')
  const groups = Map.groupBy(now, ({source, what, message}) => JSON.stringify([source, what, message]))
  return [...groups.values()].flatMap((group) => {
    const [first] = group
    if (first === undefined) return []
    const whom = group.length === 1 ? '' : ` for ${group.length.toLocaleString('en-US')} users`
    return [`${names.get(first.source) ?? ''}: ${first.what} was refused${whom}: ${first.message}`]
  })
}

function roomDevices(keys: RoomKeys, {messages, sessions, unreadable}: MessageAuditResult): RoomDevices {
  const {here, elsewhere, lost} = keys.joined()
  return {
    roomId: keys.diff.roomId,
    roomVersion: keys.diff.roomVersion,
    encrypted: keys.encrypted,
    at: keys.at,
    joined: here.length,
    joinedElsewhere: elsewhere.length,
    lost: lost.length,
    messages: {messages, sessions, unreadable},
    complete: keys.diff.complete,
  }
}

function failuresOf(asked: Asked | null): readonly DeviceFailure[] {
  if (asked === null) return []
  return [
    ...asked.closed.map(({identity, error}) => ({name: identity.name, message: error.message})),
    ...asked.failed.flatMap(({name, error}) => (error === null ? [] : [{name, message: error.message}])),
  ]
}

function askedOf(devices: CaseReader['devices'], asked: Asked | null): readonly AskedForDevices[] {
  const now = new Map(asked?.byRoute.map((route) => [route.name, route]) ?? [])
  return devices
    .sources()
    .map(({name, kind, server, requests, firstTs, lastTs, insecure}) => ({
      name,
      kind,
      server,
      requests: now.get(name)?.requests ?? requests,
      firstTs,
      lastTs,
      now: now.has(name),
      insecure,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

function people(userIds: readonly string[]): string {
  const [first = ''] = userIds
  if (userIds.length === 1) return first
  const servers = new Set(userIds.map((userId) => serverNameOf(userId) as string))
  const [server] = servers
  return `${userIds.length.toLocaleString('en-US')} users${servers.size === 1 ? ` of ${server ?? ''}` : ` of ${String(servers.size)} servers`}`
}
