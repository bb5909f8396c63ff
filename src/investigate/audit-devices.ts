import {existsSync} from 'node:fs'
import {isCaseFile} from '../casefile/header.ts'
import {copyCase, createCase, openCase, openCaseForWriting, removeCase} from '../casefile/open-case.ts'
import type {CaseReader, CaseWriter} from '../casefile/shapes.ts'
import {StateError} from '../errors.ts'
import {askedWith, isAskedWith} from './asked-with.ts'
import {RoomKeys} from './audit-room-keys.ts'
import {cacheFolder} from './cache-folder.ts'
import type {DevicesReport} from './devices-report.ts'
import {type DeviceProgress, gatherDevices} from './gather-devices.ts'
import {type Asked, report} from './audit-report.ts'
import type {CacheUse} from './live-room.ts'
import {withCaseOf} from './more-evidence.ts'
import {type DeviceAccess, givesDevices, openDeviceRoutes, type OpenedDeviceRoutes} from './open-device-routes.ts'
import {isLiveRoom, type OpenStep} from './open-room.ts'
import type {OpenedRoom} from './opened-room.ts'
import {type CachedCase, cachedCaseOf, cachedCasesOf, isCachedPath} from './room-cache.ts'

/** What is going on, for whoever shows progress. */
export type DevicesStep =
  | OpenStep
  | {readonly kind: 'devices'; readonly progress: DeviceProgress}
  | {readonly kind: 'pause'; readonly route: string; readonly ms: number; readonly reason: string}
  | {readonly kind: 'auditing'; readonly done: number; readonly all: number}
  | {readonly kind: 'messages'}

export interface AuditOptions {
  readonly access: DeviceAccess
  /** A case file to keep the evidence in; made when it is not there. Otherwise the cache keeps it, or the file that was named. */
  readonly casePath?: string
  /** `offline`: nobody is asked. @defaultValue `update` */
  readonly cache?: CacheUse
  /** @defaultValue `cacheFolder()` */
  readonly cacheFolder?: string
  /** How long a difference of device lists must last to count, milliseconds. @defaultValue 10 s */
  readonly settleMs?: number
  readonly signal: AbortSignal
  readonly nowMs: () => number
  readonly onProgress?: (step: DevicesStep) => void
}

/**
 * Audits the encryption devices of a user, or of everybody in a room, and in a room its messages and who gets their keys.
 *
 * @param argument - a user ID, a room ID or alias, a case file, or a dump (`-`: standard input)
 * @throws StateError USAGE, CREDENTIALS_ABSENT, CASE_ABSENT, what opening a room or a route throws; the signal's reason
 * @remarks Evidence is read and judged user by user. Nothing that is asked changes anything on a server but access times.
 */
export async function auditDevices(argument: string, options: AuditOptions): Promise<DevicesReport> {
  if (argument.startsWith('@')) return auditUserOnServers(argument, options)
  if (isLiveRoom(argument)) return auditLiveRoom(argument, options)
  return auditFile(argument, options)
}

const isInCache = (path: string, options: AuditOptions): boolean => isCachedPath(path, folderOf(options))
const folderOf = ({cacheFolder: folder}: AuditOptions): string => folder ?? cacheFolder()

async function auditUserOnServers(userId: string, options: AuditOptions): Promise<DevicesReport> {
  const {casePath, access} = options
  if (options.cache === 'offline') return auditUserOffline(userId, options)
  const routes = await openDeviceRoutes(access, options)
  try {
    if (casePath !== undefined) return await askForUser(userId, casePath, routes, options)
    const identities = routes.routes.map(({identity}) => identity)
    const entry = cachedCaseOf(folderOf(options), userId, [...identities, ...federationIdentity(access)], false)
    return await alone(entry, options, async () => {
      if (entry.spoilt !== null) entry.remove()
      const startedTs = options.nowMs()
      const report = await askForUser(userId, entry.path, routes, options)
      const names = report.asked.filter(({now}) => now).map(({name}) => name)
      const facts = {roomId: userId, aliases: [], routes: names, startedTs, endedTs: options.nowMs()}
      const failed = report.failed.map(({name, message}) => `${name}: ${message}`)
      entry.note({...facts, ...(await askedWith(access)), failed, silent: []})
      return report
    })
  } finally {
    await routes.close()
  }
}

/** Federation routes are made for the servers of those who are asked for, so that a key alone tells one view from another. */
function federationIdentity({serverName, signingKeyFile}: DeviceAccess) {
  if (serverName === undefined || signingKeyFile === undefined) return []
  const [name, insecure] = [`federation as ${serverName}`, false]
  return [{kind: 'federation' as const, name, server: serverName, address: '', insecure}]
}

async function askForUser(
  userId: string,
  casePath: string,
  routes: OpenedDeviceRoutes,
  options: AuditOptions,
): Promise<DevicesReport> {
  const isNew = !existsSync(casePath)
  const writer = openForUser(userId, casePath, options)
  let isEmpty = false
  try {
    const asked = await gather([userId], writer, routes, options)
    isEmpty = isNew && writer.devices.users().length === 0
    refuseNothing(asked, isEmpty)
    const inCache = isInCache(casePath, options)
    return await report(userId, [userId], writer, {
      options,
      asked,
      room: null,
      casePath: isEmpty ? null : casePath,
      inCache,
    })
  } catch (error) {
    isEmpty = isNew && writer.devices.users().length === 0
    throw error
  } finally {
    writer.close()
    // A case without evidence would only stand in the way of the next try.
    if (isEmpty) removeCase(casePath)
  }
}

function openForUser(userId: string, casePath: string, {nowMs}: AuditOptions): CaseWriter {
  if (!existsSync(casePath)) return createCase(casePath, {roomId: userId, nowMs: nowMs()})
  const reader = openCase(casePath)
  const {roomId} = reader
  reader.close()
  // The case of a room may hold what is known of anybody's devices.
  if (roomId === userId || !roomId.startsWith('@')) return openCaseForWriting(casePath)
  throw new StateError('CASE_OTHER_ROOM', `${casePath} is the case of ${roomId}, not of ${userId}`, {
    hint: 'Give another --case: one file holds one user, or one room.',
  })
}

async function auditUserOffline(userId: string, options: AuditOptions): Promise<DevicesReport> {
  if (options.casePath !== undefined) return auditAsItStands(userId, [userId], options.casePath, options)
  const wanted = await askedWith(options.access)
  const all = cachedCasesOf(folderOf(options), userId)
  const first = all.find(({facts}) => isAskedWith(facts, wanted))
  if (first === undefined)
    throw new StateError('CASE_ABSENT', `nothing on ${userId} is in the cache`, {
      hint: 'Ask for it first, without --offline.',
    })
  const {entry, facts} = first
  return alone(entry, options, async () => {
    const told = await auditAsItStands(userId, [userId], entry.path, options)
    return {...told, notes: [`From the cache (${facts.routes.join(', ')}); nobody was asked now.`, ...told.notes]}
  })
}

/** Whose evidence is in a case, as it stands. */
async function auditAsItStands(
  subject: string,
  userIds: readonly string[],
  casePath: string,
  options: AuditOptions,
): Promise<DevicesReport> {
  const reader = openCase(casePath)
  try {
    return await report(subject, userIds, reader, {
      options,
      asked: null,
      room: null,
      casePath,
      inCache: isInCache(casePath, options),
    })
  } finally {
    reader.close()
  }
}

async function auditLiveRoom(room: string, options: AuditOptions): Promise<DevicesReport> {
  const {access, casePath, signal, nowMs, onProgress, cache = 'update'} = options
  if (casePath !== undefined && cache === 'offline') return auditFile(casePath, options)
  const {openLiveRoom} = await import('./live-room.ts')
  const opened = await openLiveRoom(room, {
    access,
    use: cache,
    ...(casePath === undefined ? {} : {casePath}),
    folder: folderOf(options),
    signal,
    nowMs,
    loading: {onProgress: (events) => onProgress?.({kind: 'reading', events})},
    ...(onProgress === undefined ? {} : {onProgress}),
  })
  const path = opened.casePath
  if (path === undefined) {
    throw new StateError('USAGE', `${room} was only read from files: say whom to ask for devices`, {
      hint: 'Give --homeserver, --database or --signing-key; or name the file itself.',
    })
  }
  return auditRoom(opened, {subject: room, roomCase: path, deviceCase: path, keeps: path}, options)
}

async function auditFile(path: string, options: AuditOptions): Promise<DevicesReport> {
  const {access, signal, nowMs, onProgress, casePath} = options
  const isCase = path !== '-' && isCaseFile(path)
  if (isCase) {
    const reader = openCase(path)
    const {roomId} = reader
    reader.close()
    if (roomId.startsWith('@')) return auditUserCase(roomId, path, options)
  }
  const more = {files: access.files ?? [], reported: access.reported ?? [], keyFiles: access.keyFiles ?? []}
  const loading = {onProgress: (events: number) => onProgress?.({kind: 'reading', events})}
  return withCaseOf(path, more, {signal, nowMs, loading}, async (opened, roomCase) => {
    const own = isCase ? path : null
    const keeps = casePath ?? own
    if (casePath !== undefined) keepIn(casePath, roomCase, opened.room.graph.roomId)
    return auditRoom(opened, {subject: path, roomCase, deviceCase: keeps ?? roomCase, keeps}, options)
  })
}

/** Puts the room into the case that was named. */
function keepIn(casePath: string, roomCase: string, roomId: string): void {
  if (!existsSync(casePath)) {
    copyCase(roomCase, casePath)
    return
  }
  const writer = openCaseForWriting(casePath)
  const reader = openCase(roomCase)
  try {
    if (writer.roomId !== roomId) {
      throw new StateError('CASE_OTHER_ROOM', `${casePath} is the case of ${writer.roomId}, not of ${roomId}`, {
        hint: 'Give another --case: one file holds one room.',
      })
    }
    writer.mergeFrom(reader)
  } finally {
    reader.close()
    writer.close()
  }
}

async function auditUserCase(userId: string, path: string, options: AuditOptions): Promise<DevicesReport> {
  if (options.cache === 'offline' || !givesDevices(options.access)) {
    return auditAsItStands(userId, [userId], path, options)
  }
  const routes = await openDeviceRoutes(options.access, options)
  try {
    return await askForUser(userId, path, routes, options)
  } finally {
    await routes.close()
  }
}

interface RoomPlace {
  readonly subject: string
  /** The case that the room was opened from. */
  readonly roomCase: string
  /** The case that device evidence is in, or comes into. */
  readonly deviceCase: string
  /** The one of them that stays; `null`: none. */
  readonly keeps: string | null
}

async function auditRoom(opened: OpenedRoom, place: RoomPlace, options: AuditOptions): Promise<DevicesReport> {
  const {access, cache} = options
  const isAsked = cache !== 'offline' && givesDevices(access)
  const roomReader = openCase(place.roomCase)
  try {
    const keys = await RoomKeys.of(opened, roomReader)
    const {here, elsewhere, lost} = keys.joined()
    const userIds = [...here, ...elsewhere, ...lost].sort()
    const room = {keys, reader: roomReader, opened}
    const {keeps: casePath} = place
    const inCache = isInCache(place.deviceCase, options)
    if (!isAsked) {
      return await reading(place.deviceCase, (reader) =>
        report(place.subject, userIds, reader, {options, asked: null, room, casePath, inCache}),
      )
    }
    const work = async (): Promise<DevicesReport> => {
      const routes = await openDeviceRoutes(access, options)
      const writer = openCaseForWriting(place.deviceCase)
      try {
        const asked = await gather(userIds, writer, routes, options)
        return await report(place.subject, userIds, writer, {options, asked, room, casePath, inCache})
      } finally {
        writer.close()
        await routes.close()
      }
    }
    return await (inCache ? alone(await cachedAt(place.deviceCase), options, work) : work())
  } finally {
    roomReader.close()
  }
}

async function cachedAt(path: string): Promise<CachedCase> {
  const {CachedCase: Cached} = await import('./room-cache.ts')
  return new Cached(path)
}

async function reading<T>(path: string, work: (reader: CaseReader) => Promise<T>): Promise<T> {
  const reader = openCase(path)
  try {
    return await work(reader)
  } finally {
    reader.close()
  }
}

async function alone<T>(entry: CachedCase, {signal, onProgress}: AuditOptions, work: () => Promise<T>): Promise<T> {
  return entry.alone({signal, onWait: () => onProgress?.({kind: 'waiting'})}, work)
}

const SETTLE_MS = 10_000

async function gather(
  userIds: readonly string[],
  writer: CaseWriter,
  routes: OpenedDeviceRoutes,
  {signal, nowMs, settleMs = SETTLE_MS, onProgress}: AuditOptions,
): Promise<Asked> {
  const startedTs = nowMs()
  const gathering = await gatherDevices({
    userIds,
    routes: routes.routes,
    federationWith: routes.federationWith,
    keeper: writer.devices,
    signal,
    nowMs,
    settleMs,
    onProgress: (progress) => onProgress?.({kind: 'devices', progress}),
    onPause: (pause) => onProgress?.({kind: 'pause', ...pause}),
  })
  return {...gathering, startedTs, closed: routes.closed}
}

/** Where every route failed and nothing is known, that is the answer. */
function refuseNothing({byRoute, failed, closed}: Asked, isEmpty: boolean): void {
  const error = failed[0]?.error ?? closed[0]?.error
  if (isEmpty && error && failed.length === byRoute.length) throw error
}
