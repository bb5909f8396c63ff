import {StateError} from '../errors.ts'
import type {Finding} from '../finding/finding.ts'
import {own} from '../matrix/json.ts'
import type {Reading} from '../resolve/auth-difference.ts'
import {type Replay, replay} from '../resolve/replay.ts'
import type {DevicesStep} from './audit-devices.ts'
import type {ServerEvidence} from './check-subject.ts'
import {eachOnce, mostSevereFirst, type RoomOutcome} from './check-verdict.ts'
import type {DiffReport} from './diff-report.ts'
import {diffRoom} from './diff-room.ts'
import {type CacheUse, isLiveRoom, openRoom} from './open-room.ts'
import type {DeviceAccess} from './open-device-routes.ts'
import type {OpenedRoom} from './opened-room.ts'
import {resolveRoom} from './resolve-room.ts'
import type {RoomReport} from './room-report.ts'

/** A room to be checked. */
export interface RoomToCheck {
  /** As it was given: an ID, an alias, a file; what reports call it. */
  readonly room: string
  /** The file to read, where that is another one. */
  readonly path?: string
  /** Databases that know the room, where the others need not be asked. */
  readonly databases?: readonly string[]
}

/** Where the case of a live room is: in the cache, or a file, which is made or gone on with. */
export type CasePlace =
  {readonly kind: 'cache'; readonly use: CacheUse} | {readonly kind: 'file'; readonly path: string}

export interface CheckRoomOptions {
  /** How to get at rooms on servers; beside a file only its files of keys, of more evidence and of states count. */
  readonly access: DeviceAccess
  readonly place: CasePlace
  /** Audit the encryption, too. */
  readonly devices: boolean
  readonly reading: Reading
  readonly trustIds: boolean
  readonly signal: AbortSignal
  readonly nowMs: () => number
  readonly onProgress?: (step: DevicesStep) => void
}

/**
 * Checks one room: opens it, replays it, holds what servers say of it against the replay, looks at the health of its DAG, and audits its
 * encryption if that is asked for. Each thing that is wrong is found once.
 *
 * @returns what was found; where the room cannot be checked, why
 * @throws the signal's reason when it fires, and bugs
 * @remarks Two replays, one for each reading, and one more where a server differs.
 */
export async function checkRoom(toCheck: RoomToCheck, options: CheckRoomOptions): Promise<RoomOutcome> {
  const startedMs = options.nowMs()
  const requests = new Requests(options)
  const circumstances = (): Pick<RoomOutcome, 'room' | 'requests' | 'seconds'> => ({
    room: toCheck.room,
    requests: requests.count,
    seconds: (options.nowMs() - startedMs) / 1000,
  })
  try {
    const found = await check(toCheck, {...options, onProgress: requests.listen})
    requests.ofDevices = found.deviceRequests
    const {deviceRequests: _, ...outcome} = found
    return {...outcome, ...circumstances(), error: null}
  } catch (error) {
    options.signal.throwIfAborted()
    if (!(error instanceof StateError)) throw error
    const {code, message, hint = null} = error
    return {...failedRoom(toCheck.room, {code, message, hint}), ...circumstances()}
  }
}

/** A room that could not be checked. */
export function failedRoom(room: string, error: NonNullable<RoomOutcome['error']>): RoomOutcome {
  return {
    room,
    roomId: room.startsWith('!') ? room : null,
    roomVersion: null,
    name: null,
    findings: [],
    open: [],
    error,
    events: 0,
    compared: 0,
    requests: 0,
    seconds: 0,
  }
}

type Found = Omit<RoomOutcome, 'room' | 'requests' | 'seconds' | 'error'> & {readonly deviceRequests: number}

async function check(toCheck: RoomToCheck, options: CheckRoomOptions): Promise<Found> {
  const {signal, nowMs, reading} = options
  const isLive = isLiveRoom(toCheck.room)
  const opened = await open(toCheck, isLive, options)
  signal.throwIfAborted()
  const look = await lookAtRoom(opened, {isLive, reading, nowMs: nowMs()})
  const {resolved, compared} = look
  const audit = options.devices ? await auditOf(toCheck, isLive, opened, options) : null
  return {
    roomId: opened.room.graph.roomId,
    roomVersion: resolved.roomVersion,
    name: nameOf(resolved),
    findings: mostSevereFirst(eachOnce([resolved.findings, compared.findings, audit?.findings ?? []])),
    open: [...new Set([...look.open, ...(audit?.open ?? [])])],
    events: resolved.counts.events,
    compared: compared.sides.length - 1,
    told: toldBy(opened, compared),
    deviceRequests: audit?.requests ?? 0,
  }
}

/** What findings may rest on, by server. */
function toldBy({views = []}: OpenedRoom, {sides}: DiffReport): NonNullable<RoomOutcome['told']> {
  const servers = new Set([...sides.slice(1).map(({server}) => server), ...views.map(({server}) => server)])
  return [...servers].map((server) => {
    const view = views.find((one) => one.server === server)
    const has: Readonly<Record<ServerEvidence, boolean>> = {
      states: sides.some((side) => side.id !== 'replay' && side.server === server),
      records: (view?.recorded ?? null) !== null,
      marks: (view?.marks.size ?? 0) > 0,
      extremities: (view?.extremities ?? null) !== null,
    }
    return {server, evidence: (Object.keys(has) as ServerEvidence[]).filter((kind) => has[kind])}
  })
}

/** What `resolve` and `diff` find in an opened room. */
export interface RoomLook {
  readonly resolved: RoomReport
  readonly compared: DiffReport
  /** Why "clean" cannot be claimed, in sentences. */
  readonly open: readonly string[]
  readonly replayed: Replay
}

/**
 * Replays a room and holds what servers say against it.
 *
 * @param options.isLive - it was fetched from servers, so that their silence counts
 */
export async function lookAtRoom(
  opened: OpenedRoom,
  {isLive, reading, nowMs}: {readonly isLive: boolean; readonly reading: Reading; readonly nowMs: number},
): Promise<RoomLook> {
  const {room, unknowable, reportedExtremities, views} = opened
  const replayed = once(() => replay(room.graph, {reading}))
  // What servers report is left to `diff`, which knows more of it.
  const resolved = resolveRoom(room, {
    reading,
    unknowable,
    reportedExtremities,
    nowMs,
    replayed,
    ...(views === undefined ? {} : {views}),
  })
  const compared = await diffRoom(opened, {reading, replayed, resets: false})
  const open = [...whyOpen(opened, resolved, compared), ...nothingCompared(isLive, opened, compared)]
  return {resolved, compared, open, replayed: replayed()}
}

function once<T extends object>(make: () => T): () => T {
  let made: T | undefined
  return () => (made ??= make())
}

async function open(
  {room, path = room, databases}: RoomToCheck,
  isLive: boolean,
  options: CheckRoomOptions,
): Promise<OpenedRoom> {
  const {access, place, trustIds, signal, nowMs, onProgress} = options
  const hearing = onProgress === undefined ? {} : {onProgress}
  if (!isLive) return openRoom(path, {access: ofFile(access), trustIds, signal, nowMs, ...hearing})
  const ofRoom = databases === undefined ? access : {...access, databases}
  if (place.kind === 'cache') return openRoom(room, {access: ofRoom, cache: place.use, signal, nowMs, ...hearing})
  const {openLiveRoom} = await import('./live-room.ts')
  const loading = {onProgress: (events: number): void => onProgress?.({kind: 'reading', events})}
  return openLiveRoom(room, {access: ofRoom, use: 'update', casePath: place.path, signal, nowMs, loading, ...hearing})
}

/** A file is evidence as it stands: nobody is asked about it. */
function ofFile({files = [], reported = [], keyFiles = []}: DeviceAccess): DeviceAccess {
  return {files, reported, keyFiles}
}

interface Audit {
  readonly findings: readonly Finding[]
  readonly open: readonly string[]
  readonly requests: number
}

/** The case that the room was just fetched into has its events: only devices are asked for. */
async function auditOf(
  {room, path = room, databases}: RoomToCheck,
  isLive: boolean,
  {casePath}: OpenedRoom,
  {access, place, signal, nowMs, onProgress}: CheckRoomOptions,
): Promise<Audit> {
  const {auditDevices} = await import('./audit-devices.ts')
  const {findingsOf} = await import('./devices-report.ts')
  const {files: _1, reported: _2, ...servers} = access
  const report = await auditDevices(isLive ? (casePath ?? room) : path, {
    access: isLive ? {...servers, ...(databases === undefined ? {} : {databases})} : ofFile(access),
    cache: place.kind === 'cache' ? place.use : 'update',
    signal,
    nowMs,
    ...(onProgress === undefined ? {} : {onProgress}),
  })
  const asked = report.asked.filter(({now}) => now)
  return {
    findings: findingsOf(report),
    open: report.open,
    requests: asked.reduce((sum, {requests}) => sum + requests, 0),
  }
}

/** Why the replay or the comparison leaves something open, in sentences. */
function whyOpen(
  {room, reportedExtremities}: OpenedRoom,
  resolved: RoomReport,
  compared: DiffReport,
): readonly string[] {
  if (resolved.complete && compared.complete) return []
  const {missing, undetermined} = resolved.counts
  const damaged = room.faults.filter(({kind}) => kind !== 'redacted-copy').length
  const refused = room.graph.columns.faults.size
  const here = new Set(resolved.missing.map(({eventId}) => eventId))
  const behind = Object.entries(reportedExtremities).filter(([, ids]) =>
    ids.some((id) => room.graph.row(id) < 0 || here.has(id)),
  )
  const why = [
    ...(room.gaps ?? []),
    ...(missing === 0 ? [] : [`${events(missing, 'is', 'are')} missing, which others cite.`]),
    ...(undetermined === 0 ? [] : [`${events(undetermined, 'has', 'have')} no verdict: what decides it is missing.`]),
    ...(damaged === 0 ? [] : [`${events(damaged, 'has', 'have')} a wrong ID, or two contents.`]),
    ...(refused === 0
      ? []
      : [`${events(refused, 'has', 'have')} a form that servers refuse: this is no copy of theirs.`]),
    ...behind.map(([server]) => `The newest events of ${server} are not all here.`),
    ...compared.sides.flatMap(({server, unknownEvents}) =>
      unknownEvents.length === 0 ? [] : [`What ${server} tells names events that are not here.`],
    ),
  ]
  return why.length > 0 ? why : ['The state of the room cannot be determined in full.']
}

function events(count: number, one: string, many: string): string {
  return count === 1 ? `1 event ${one}` : `${count.toLocaleString('en-US')} events ${many}`
}

/** A dump tells no server's state, and nobody expects it to. Where servers were asked, silence must not pass for agreement. */
function nothingCompared(isLive: boolean, {views = []}: OpenedRoom, compared: DiffReport): readonly string[] {
  // What no server gave stands under the name of a file, which has a space in it.
  if (compared.sides.length > 1 || (!isLive && views.every(({server}) => server.includes(' ')))) return []
  return ['No server told what its state is: the replay was compared with nothing.']
}

/** `m.room.name`, or the canonical alias. */
export function nameOf({wholeState}: RoomReport): string | null {
  for (const [type, field] of [
    ['m.room.name', 'name'],
    ['m.room.canonical_alias', 'alias'],
  ] as const) {
    const entry = wholeState?.find((one) => one.type === type && one.stateKey === '')
    const value = entry === undefined ? undefined : own(entry.content, field)
    if (typeof value === 'string' && value.trim() !== '') return value
  }
  return null
}

/** Counts requests as routes tell them on the way. */
class Requests {
  readonly #byRoute = new Map<string, number>()
  readonly #onProgress: CheckRoomOptions['onProgress']
  ofDevices = 0

  constructor({onProgress}: CheckRoomOptions) {
    this.#onProgress = onProgress
  }

  get count(): number {
    return this.#byRoute.values().reduce((sum, requests) => sum + requests, this.ofDevices)
  }

  readonly listen = (step: DevicesStep): void => {
    if (step.kind === 'route') this.#byRoute.set(step.progress.route, step.progress.requests)
    this.#onProgress?.(step)
  }
}
