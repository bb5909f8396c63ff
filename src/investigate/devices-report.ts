import type {DeviceHealth, NotChecked, UserAudit} from '../devices/evidence.ts'
import type {Finding} from '../finding/finding.ts'

/** Who was asked for devices, and what that took. Evidence of a file that nobody was asked for now has `requests` of then, and `now: false`. */
export interface AskedForDevices {
  readonly name: string
  readonly kind: string
  /** The server whose view it is. */
  readonly server: string
  readonly requests: number
  /** First and last time that it told something, milliseconds since 1970. */
  readonly firstTs: number
  readonly lastTs: number
  /** Asked in this run. */
  readonly now: boolean
  readonly insecure: boolean
}

/** A route, or a thing that it was asked for, that failed. */
export interface DeviceFailure {
  readonly name: string
  readonly message: string
}

/** What an audit of a room adds to that of its members. */
export interface RoomDevices {
  readonly roomId: string
  readonly roomVersion: string
  /** By the replay at the tips; `null`: not known. */
  readonly encrypted: boolean | null
  /** Events after which the members were taken, sorted. */
  readonly at: readonly string[]
  /** Joined by the replay, and by a server only. */
  readonly joined: number
  readonly joinedElsewhere: number
  /** Joined, until a merge lost that. */
  readonly lost: number
  /** Encrypted messages that were looked at. */
  readonly messages: {readonly messages: number; readonly sessions: number; readonly unreadable: number}
  /** Whether the room itself was there whole. */
  readonly complete: boolean
}

/** What `devices` has to say; plain data, for any renderer. */
export interface DevicesReport {
  /** What was asked for: a user ID, a room ID, or a file. */
  readonly subject: string
  readonly room: RoomDevices | null
  /** Sorted by user ID. */
  readonly users: readonly UserAudit[]
  /** Of no one user: on the room, its messages, its servers. */
  readonly findings: readonly Finding[]
  /** Checks that could not be made, each with the access that it needs and for how many users; sorted. */
  readonly notChecked: readonly (NotChecked & {readonly users: number})[]
  readonly asked: readonly AskedForDevices[]
  readonly failed: readonly DeviceFailure[]
  /** Users whose published keys nobody told, sorted. */
  readonly unknown: readonly string[]
  /** Whether "nothing found" may be taken for "nothing wrong" in what could be checked. */
  readonly complete: boolean
  /** Why not, in sentences. */
  readonly open: readonly string[]
  /** When the oldest of what holds was told, milliseconds since 1970; `null` where nothing was told, or all of it in this run. */
  readonly oldTs: number | null
  /** The case file that keeps the evidence; `null`: none stays. */
  readonly casePath: string | null
  /** Whether that is one of the cache. */
  readonly inCache: boolean
  readonly notes: readonly string[]
}

/** All findings of a report: of its devices, users, messages and the room. */
export function findingsOf({users, findings}: Pick<DevicesReport, 'users' | 'findings'>): readonly Finding[] {
  return [
    ...findings,
    ...users.flatMap((user) => [...user.findings, ...user.devices.flatMap((device) => device.findings)]),
  ]
}

/** Devices by health. */
export function countHealth(users: readonly UserAudit[]): Readonly<Record<DeviceHealth, number>> {
  const counts = {healthy: 0, unverified: 0, warning: 0, broken: 0, 'without-keys': 0, dehydrated: 0}
  for (const {devices} of users) for (const {health} of devices) counts[health] += 1
  return counts
}
