import {existsSync} from 'node:fs'
import {createCase, openCase, openCaseForWriting, removeCase} from '../casefile/open-case.ts'
import {toPduSource} from '../casefile/pdu-source.ts'
import type {CaseWriter} from '../casefile/shapes.ts'
import {StateError} from '../errors.ts'
import type {Finding} from '../finding/finding.ts'
import {byteLength, MAX_FIELD_BYTES} from '../matrix/ids.ts'
import type {SigningKey} from '../matrix/key-ring.ts'
import {replay} from '../resolve/replay.ts'
import {type GatherLimits, ROUTE_KINDS, type RouteIdentity} from '../sources/evidence.ts'
import {reading, readKeys} from './case-work.ts'
import {type FetchReport, lacking, missingEvidence, shownBy, unknowableOf} from './fetch-report.ts'
import {gatherCase, type GatherProgress, type RouteReport} from './gather-case.ts'
import {type LoadedRoom, loadRoom} from './load-room.ts'
import {type FetchAccess, moreAccess, openRoutes, type OpenedRoutes} from './open-routes.ts'
import {isCompleteReplay} from './replay-lines.ts'
import {serversOf} from './joined-servers.ts'
import {takeKeys} from './take-keys.ts'
import {verifyEvidence} from './verify-evidence.ts'

export interface FetchOptions {
  readonly access: FetchAccess
  readonly limits: GatherLimits
  readonly casePath: string
  readonly signal: AbortSignal
  readonly nowMs: () => number
  /** Check hashes and signatures of what came. @defaultValue true */
  readonly verify?: boolean
  readonly onProgress?: (progress: FetchProgress) => void
  /** Hears, when the signal has fired, how many events the case file holds; `null`: there is no file, since it would hold none. */
  readonly onInterrupted?: (events: number | null) => void
}

export type FetchProgress =
  | {readonly kind: 'route'; readonly progress: GatherProgress}
  | {readonly kind: 'keys'; readonly servers: number}
  | {readonly kind: 'verifying'; readonly done: number; readonly total: number; readonly perSecond: number}
  | {readonly kind: 'replaying'}

/**
 * Gathers a room into a case file: a new one, or one of the same room that is gone on with.
 *
 * @param room - room ID or alias
 * @throws StateError when nothing at all could be had (then no new file stays behind), CASE_OTHER_ROOM, CASE_UNUSABLE; the signal's
 * reason when it fires: what was kept by then stays
 */
export async function fetchRoom(room: string, options: FetchOptions): Promise<FetchReport> {
  // Before anything is asked: what is wrong with a file should not be told at the end.
  const keys = await readAllKeys(options.access.keyFiles, options.nowMs())
  const opened = await openRoutes(options.access, options)
  try {
    const roomId = await roomIdOf(room, opened, options.signal)
    return await gatherRoom(roomId, opened, {...options, keys}, (caseFile, reports, isNew) =>
      describe(caseFile, reports, options, isNew),
    )
  } finally {
    await opened.close()
  }
}

/** @throws StateError INPUT_NOT_FOUND, KEYS_MALFORMED */
export async function readAllKeys(files: readonly string[] = [], nowMs: number): Promise<readonly SigningKey[]> {
  return (await Promise.all(files.map((file) => readKeys(file, nowMs)))).flat()
}

/** What `gatherRoom` is told, beside the room and the routes. */
export interface GatherRoomOptions extends Omit<FetchOptions, 'verify'> {
  /** Servers' keys to be kept with the rest. */
  readonly keys?: readonly SigningKey[]
}

/**
 * Gathers a room by routes that are open into `casePath`, and hands the case, still open, to `then`.
 *
 * @throws StateError and the signal's reason, as `fetchRoom`
 */
export async function gatherRoom<T>(
  roomId: string,
  opened: OpenedRoutes,
  options: GatherRoomOptions,
  then: (caseFile: CaseWriter, reports: readonly RouteReport[], isNew: boolean) => Promise<T> | T,
): Promise<T> {
  const isNew = !existsSync(options.casePath)
  const caseFile = openFor(roomId, options)
  try {
    caseFile.addKeys(options.keys ?? [])
    const reports = await gatherInto(caseFile, opened, options)
    return await then(caseFile, reports, isNew)
  } catch (error) {
    const {copies, events} = caseFile.counts()
    const isEmpty = isNew && copies === 0
    caseFile.close()
    // A case without evidence helps nobody, and would only stand in the way of the next try.
    if (isEmpty) removeCase(options.casePath)
    if (options.signal.aborted) options.onInterrupted?.(isEmpty ? null : events)
    throw error
  } finally {
    caseFile.close()
  }
}

/** The room that is meant: an alias is asked of the routes. @throws StateError where none of them can tell */
export async function roomIdOf(room: string, opened: OpenedRoutes, signal: AbortSignal): Promise<string> {
  return room.startsWith('#') ? resolveAlias(room, opened, signal) : room
}

function openFor(roomId: string, {casePath, nowMs}: GatherRoomOptions): CaseWriter {
  if (!existsSync(casePath)) return createCase(casePath, {roomId, nowMs: nowMs()})
  // Looked at by itself first: opening for writing changes the file.
  const reader = openCase(casePath)
  const other = reader.roomId
  reader.close()
  if (other === roomId) return openCaseForWriting(casePath)
  throw new StateError('CASE_OTHER_ROOM', `${casePath} is the case of ${other}, not of ${roomId}`, {
    hint: 'Give another --case: one file holds one room.',
  })
}

async function gatherInto(
  caseFile: CaseWriter,
  opened: OpenedRoutes,
  options: GatherRoomOptions,
): Promise<readonly RouteReport[]> {
  const {limits, nowMs, signal} = options
  if (Object.keys(limits).length > 0) caseFile.addLimits(limits, nowMs())
  for (const path of opened.cases) await reading(path, (other) => caseFile.mergeFrom(other))
  const gathering = {
    limits,
    signal,
    nowMs,
    onProgress: (progress: GatherProgress) => options.onProgress?.({kind: 'route', progress}),
  }
  const closed = opened.closed.map(({identity, error}) => closedReport(identity, error))
  let reports = [...(await gatherCase(caseFile, [...opened.routes], gathering)), ...closed]
  if (options.access.allServers === true) {
    const more = opened.federationWith(await serversOf(caseFile))
    if (more.length > 0) reports = [...reports, ...(await gatherCase(caseFile, more, gathering))]
  }
  refuseNothing(caseFile, reports)
  await takeKeys(caseFile, opened, options)
  return reports
}

/** A route that did not open has done nothing. */
function closedReport(identity: RouteIdentity, error: StateError): RouteReport {
  return {...identity, newEvents: 0, read: 0, requests: 0, seconds: 0, refusals: 0, unasked: 0, error}
}

/** Where every route failed and there is nothing else, that is the answer. */
function refuseNothing(caseFile: CaseWriter, reports: readonly RouteReport[]): void {
  const failed = reports.flatMap(({name, error}) => (error === null ? [] : [{name, error}]))
  const [first, ...others] = failed
  if (first === undefined || failed.length < reports.length || caseFile.counts().copies > 0) return
  if (others.length === 0) throw first.error
  const reasons = failed.map(({name, error}) => `${name}: ${error.message}`).join(' | ')
  throw new StateError(first.error.code, `none of ${String(failed.length)} routes gave anything: ${reasons}`, {
    cause: first.error,
    ...(first.error.hint === undefined ? {} : {hint: first.error.hint}),
  })
}

async function resolveAlias(alias: string, {routes}: OpenedRoutes, signal: AbortSignal): Promise<string> {
  let failure: StateError | undefined
  for (const route of routes) {
    if (route.resolveAlias === undefined) continue
    try {
      const roomId = await route.resolveAlias(alias, signal)
      if (/^!\P{Cc}+$/u.test(roomId) && byteLength(roomId) <= MAX_FIELD_BYTES) return roomId
      throw new StateError('SERVER_ANSWER_MALFORMED', `${route.identity.name} names no room ID for the alias ${alias}`)
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof StateError)) throw error
      failure ??= error
    }
  }
  throw (
    failure ??
    new StateError('USAGE', `no route that was given can tell which room ${alias} is`, {
      hint: "Give the room ID, or --homeserver with a member's or admin's token.",
    })
  )
}

async function describe(
  caseFile: CaseWriter,
  reports: readonly RouteReport[],
  options: FetchOptions,
  isNew: boolean,
): Promise<FetchReport> {
  const shown = shownBy(caseFile)
  const ids = new Map(caseFile.sources().map(({name, id}) => [name, id]))
  const checked = options.verify === false || caseFile.counts().copies === 0 ? null : await verify(caseFile, options)
  const room = await replayable(caseFile, checked?.forged)
  options.onProgress?.({kind: 'replaying'})
  const replayed = room === null ? null : replay(room.graph)
  const undetermined = replayed === null ? 0 : replayed.verdicts.filter((verdict) => verdict === 0).length
  const failed = reports.some(({error}) => error !== null)
  const isWhole = room !== null && isCompleteReplay(room, room.graph, undetermined)
  const unmet = unmetLimits(caseFile, options.limits)
  const complete = isWhole && !failed && lacking(caseFile).length === 0 && unmet.length === 0
  const none = {events: 0, onlyHere: 0, marked: {rejected: 0, softFailed: 0, outliers: 0}}
  return {
    roomId: caseFile.roomId,
    roomVersion: caseFile.roomVersion,
    casePath: caseFile.path,
    isNew,
    routes: reports
      .toSorted((a, b) => ROUTE_KINDS.indexOf(a.kind) - ROUTE_KINDS.indexOf(b.kind))
      .map((report) => ({...report, ...(shown.get(ids.get(report.name) ?? -1) ?? none)})),
    counts: caseFile.counts(),
    complete,
    missing: missingEvidence(caseFile),
    unknowable: unknowableOf(caseFile.sources()),
    notes: [...unmet, ...new Set(caseFile.notes().map(({text}) => text))],
    moreAccess: moreAccess(options.access, caseFile.sources()),
    findings: checked?.findings ?? [],
    verified: checked?.verified ?? null,
  }
}

/** Limits that name an event which nobody gave, so that they could not be kept. */
function unmetLimits(caseFile: CaseWriter, {since, around}: GatherLimits): readonly string[] {
  return [
    ['--since', since],
    ['--around', around],
  ].flatMap(([flag, eventId]) =>
    eventId === undefined || caseFile.knows(eventId)
      ? []
      : [`No route has the event of ${String(flag)}, ${eventId}: what came may be more, or less, than was wanted.`],
  )
}

/** The room, if what is there makes one: without a create event nothing can be replayed. */
async function replayable(caseFile: CaseWriter, forged?: ReadonlySet<number>): Promise<LoadedRoom | null> {
  if (caseFile.roomVersion === null || caseFile.counts().copies === 0) return null
  try {
    return await loadRoom(toPduSource(caseFile, forged))
  } catch (error) {
    if (error instanceof StateError) return null
    throw error
  }
}

async function verify(
  caseFile: CaseWriter,
  options: FetchOptions,
): Promise<{
  readonly findings: readonly Finding[]
  readonly forged: ReadonlySet<number>
  readonly verified: FetchReport['verified']
}> {
  const {signal, onProgress} = options
  const result = await verifyEvidence(caseFile, {
    signal,
    onProgress: ({copies: done, total, perSecond}) => onProgress?.({kind: 'verifying', done, total, perSecond}),
  })
  const {copies, forged, unverifiable, perSecond} = result
  return {findings: result.findings, forged, verified: {copies, unverifiable, perSecond}}
}
