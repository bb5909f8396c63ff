import type {DeviceReader} from '../casefile/shapes.ts'
import {auditUser} from '../devices/audit-user.ts'
import type {NotChecked, UserAudit} from '../devices/evidence.ts'
import type {DeviceSnapshot} from '../matrix/device-facts.ts'
import type {DevicesReport} from './devices-report.ts'

/** Users between which whoever waits for the work (a progress line, Ctrl-C) gets a turn. */
const TURN = 25

export interface AuditEvidenceOptions {
  /** When this run began to ask, milliseconds since 1970; `null`: nobody was asked now. */
  readonly askedSinceMs: number | null
  readonly nowMs: number
  readonly signal: AbortSignal
  readonly onProgress?: (done: number, all: number) => void
}

export interface AuditedUsers {
  readonly users: readonly UserAudit[]
  /** Users whose published keys nobody told. */
  readonly unknown: readonly string[]
  /** Users whose published keys were told in an earlier run, and not in this one. */
  readonly stale: readonly string[]
}

/**
 * Audits users one by one: the evidence of one at a time is in memory.
 *
 * @param userIds - sorted
 */
export async function auditUsers(
  userIds: readonly string[],
  reader: DeviceReader,
  options: AuditEvidenceOptions,
): Promise<AuditedUsers> {
  const {askedSinceMs, signal, onProgress} = options
  const toldMs = toldLastMs(reader)
  const nowMs = askedSinceMs === null ? (toldMs ?? options.nowMs) : options.nowMs
  const users: UserAudit[] = []
  const stale: string[] = []
  for (const [index, userId] of userIds.entries()) {
    const snapshots = reader.of(userId)
    const audit = auditUser({userId, snapshots, nowMs})
    users.push(audit)
    if (askedSinceMs !== null && audit.keysBy !== null && !isCurrent(snapshots, askedSinceMs)) stale.push(userId)
    if (index % TURN !== TURN - 1) continue
    onProgress?.(index + 1, userIds.length)
    await new Promise((resolve) => setImmediate(resolve))
    signal.throwIfAborted()
  }
  return {users, stale, unknown: users.flatMap(({userId, keysBy}) => (keysBy === null ? [userId] : []))}
}

/** Whether keys were told since then: what is older may be so no more. */
function isCurrent(snapshots: readonly DeviceSnapshot[], sinceMs: number): boolean {
  return snapshots.some(({fact, lastTs}) => fact.kind === 'keys' && lastTs >= sinceMs)
}

/** When something was told last; `null`: nothing was. */
export function toldLastMs(reader: DeviceReader): number | null {
  const times = reader.sources().map(({lastTs}) => lastTs)
  return times.length === 0 ? null : Math.max(...times)
}

/**
 * Each check that was not made, once for each access that it needs, with the number of users that it concerns. Of several users, what is needed
 * is said for all of a server together.
 *
 * @param ofMessages - checks of a room's messages; `null`: there is no room, and what only rooms have was not checked either
 */
export function checksNotMade(
  users: readonly UserAudit[],
  ofMessages: readonly NotChecked[] | null,
): DevicesReport['notChecked'] {
  const found = new Map<string, NotChecked & {users: number}>()
  const add = ({id, needs}: NotChecked, number: number): void => {
    const key = JSON.stringify([id, needs])
    const known = found.get(key)
    if (known === undefined) found.set(key, {id, needs, users: number})
    else known.users += number
  }
  for (const {userId, notChecked} of users) {
    const own = notChecked
      .filter(({id}) => ofMessages === null || !/^(?:megolm|room)\//.test(id))
      .map(({id, needs}) => ({id, needs: users.length > 1 ? forAll(needs, userId) : needs}))
    for (const one of new Map(own.map((each) => [JSON.stringify([each.id, each.needs]), each])).values()) add(one, 1)
  }
  for (const one of ofMessages ?? []) add(one, 0)
  return [...found.values()].sort((a, b) => compare(a.id, b.id) || compare(a.needs, b.needs))
}

/** The same access without naming one user or the devices of one. */
function forAll(needs: string, userId: string): string {
  return needs.replaceAll(userId, 'each user').replace(/^(--database of \S+), for .*$/, '$1')
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
