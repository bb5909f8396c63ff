import {openCase, openCaseForWriting, removeCase} from '../casefile/open-case.ts'
import {isDamage} from '../casefile/store.ts'
import type {CaseReader} from '../casefile/shapes.ts'
import {StateError} from '../errors.ts'
import type {ToldState} from '../forensics/server-view.ts'
import type {SigningKey} from '../matrix/key-ring.ts'
import {fileIdentity} from '../sources/file-route.ts'
import {type AskedWith, askedWith, asksServers, isAskedWith} from './asked-with.ts'
import {cacheFolder} from './cache-folder.ts'
import {lacking} from './fetch-report.ts'
import {type FetchProgress, gatherRoom, readAllKeys, roomIdOf} from './fetch-room.ts'
import type {RouteReport} from './gather-case.ts'
import type {LoadOptions} from './load-room.ts'
import {inTemporaryFolder, openCaseWithMore} from './more-evidence.ts'
import {checkAccess, type FetchAccess, moreAccess, openRoutes} from './open-routes.ts'
import type {OpenedRoutes} from './open-routes.ts'
import type {OpenedRoom} from './opened-room.ts'
import {type CachedCase, type CacheFacts, cachedCaseOf, cachedCasesOf} from './room-cache.ts'

/** What becomes of an earlier run's case in the cache: it is brought up to date, made anew, or taken as it is without asking anybody. */
export type CacheUse = 'update' | 'refresh' | 'offline'

export interface LiveOptions {
  readonly access: FetchAccess
  readonly use: CacheUse
  /** @defaultValue `cacheFolder()` */
  readonly folder?: string
  /** A case file to keep the room in instead of the cache; made when it is not there. */
  readonly casePath?: string
  readonly signal: AbortSignal
  readonly nowMs: () => number
  readonly loading: LoadOptions
  readonly onProgress?: (step: FetchProgress | {readonly kind: 'waiting'}) => void
}

/**
 * Opens a room that is on servers: it is fetched into a case in the cache folder, and that is opened. An earlier run's case of the same room
 * by the same access is gone on with, which asks for what is new only; what servers say the state is, is always asked again.
 *
 * @param room - room ID or alias
 * @returns the room. Where a route failed, or an earlier run was cut off and nobody is asked again, `room.gaps` says so, and nothing that is
 * concluded from it is complete
 * @throws StateError as `fetchRoom`; when no route gives anything, even if there is a case of an earlier run: what is old is not taken for
 * current unless that was asked for. CASE_ABSENT: offline, and nothing is cached
 */
export async function openLiveRoom(room: string, options: LiveOptions): Promise<OpenedRoom> {
  const {access, signal, nowMs} = options
  const keys = await readAllKeys(access.keyFiles, nowMs())
  if (options.use === 'offline') return openOffline(room, keys, options)
  await checkAccess(access)
  const isCached = asksServers(access) && !(access.files ?? []).includes('-')
  const asked = isCached ? withoutReported(access) : access
  const opened = await openRoutes(asked, options).catch((error: unknown) => {
    throw offeringCache(error, cachedCasesOf(folderOf(options), room)[0]?.facts, options)
  })
  try {
    const roomId = await roomIdOf(room, opened, signal)
    if (options.casePath !== undefined) return await openNamed(roomId, opened, keys, options.casePath, options)
    if (!isCached) return await openOnce(roomId, opened, keys, options)
    const files = await Promise.all((asked.files ?? []).map((path) => fileIdentity('file', path)))
    const others = opened.routes.map(({identity}) => identity).filter(({kind}) => kind !== 'file')
    const entry = cachedCaseOf(folderOf(options), roomId, [...others, ...files], access.allServers === true)
    const facts = {
      roomId,
      aliases: room.startsWith('#') ? [room] : [],
      routes: [...others, ...files].map(({name}) => name),
      ...(await askedWith(access)),
    }
    return await entry.alone(waiting(options), () => openCached({entry, opened, keys, facts}, options))
  } finally {
    await opened.close()
  }
}

const folderOf = ({folder}: LiveOptions): string => folder ?? cacheFolder()

function waiting({signal, onProgress}: LiveOptions): {readonly signal: AbortSignal; readonly onWait: () => void} {
  return {signal, onWait: () => onProgress?.({kind: 'waiting'})}
}

/** What servers said goes into the cache, and events, which never change. A state that stands in a file can be out of date the next time. */
function withoutReported(access: FetchAccess): FetchAccess {
  const {from, files = [], ...rest} = access
  const kinds = from?.filter((kind) => kind !== 'file' || files.length > 0)
  return {...rest, files, reported: [], keyFiles: [], ...(kinds === undefined ? {} : {from: kinds})}
}

/** `--reported` files, unless other routes only are wanted. */
function reportedOf({reported = [], from}: FetchAccess): readonly string[] {
  return (from?.includes('file') ?? true) ? reported : []
}

/** Evidence that no server was asked for is not worth keeping: the files are there the next time, too. */
async function openOnce(
  roomId: string,
  opened: OpenedRoutes,
  keys: readonly SigningKey[],
  options: LiveOptions,
): Promise<OpenedRoom> {
  return inTemporaryFolder(async (folder) => {
    const casePath = `${folder}/room.case`
    const told = await gather(roomId, opened, casePath, options)
    return withTold(await openCaseWithMore(casePath, {files: [], reported: []}, keys, options), roomId, told)
  })
}

/** Fetches into a case file that was named. */
async function openNamed(
  roomId: string,
  opened: OpenedRoutes,
  keys: readonly SigningKey[],
  casePath: string,
  options: LiveOptions,
): Promise<OpenedRoom> {
  const told = await gather(roomId, opened, casePath, options)
  const room = await openCaseWithMore(casePath, {files: [], reported: reportedOf(options.access)}, keys, options)
  return {...withTold(room, roomId, told), casePath}
}

interface Cached {
  readonly entry: CachedCase
  readonly opened: OpenedRoutes
  readonly keys: readonly SigningKey[]
  readonly facts: AskedWith & Pick<CacheFacts, 'roomId' | 'aliases' | 'routes'>
}

async function openCached(cached: Cached, options: LiveOptions): Promise<OpenedRoom> {
  const {entry} = cached
  const anew = (what: string): string => `The case in the cache was ${what}: it was made anew.`
  const {spoilt} = entry
  if (spoilt !== null) {
    entry.remove()
    return withNote(await update(cached, options), anew(spoilt))
  }
  const wasThere = entry.exists
  try {
    return await update(cached, options)
  } catch (error) {
    if (!wasThere || !isDamage(error)) throw error
    entry.remove()
    return withNote(await update(cached, options), anew('damaged'))
  }
}

/** Fetches, then opens. What is in the cache stays usable however this ends. */
async function update({entry, opened, keys, facts}: Cached, options: LiveOptions): Promise<OpenedRoom> {
  const {access, nowMs} = options
  const earlier = entry.facts
  const isDraft = options.use === 'refresh' && entry.exists
  const casePath = isDraft ? entry.draft() : entry.path
  const startedTs = nowMs()
  const aliases = [...new Set([...(earlier?.aliases ?? []), ...facts.aliases])]
  const note = (endedTs: number | null, failed: readonly string[], silent = earlier?.silent ?? []): void => {
    entry.note({...facts, aliases, startedTs, endedTs, failed, silent})
  }
  // Stands there if this run does not come to its end.
  if (!isDraft) note(earlier?.endedTs ?? null, [CUT_OFF])
  let told: Told
  try {
    told = await gather(facts.roomId, opened, casePath, options)
    if (isDraft) {
      keepDevices(entry.path, casePath)
      entry.replaceBy(casePath)
    }
  } catch (error) {
    if (isDraft) removeCase(casePath)
    else note(earlier?.endedTs ?? null, [error instanceof StateError ? error.message : CUT_OFF])
    throw offeringCache(error, earlier ?? undefined, options)
  }
  note(nowMs(), told.failed, told.silent)
  const reported = reportedOf(access)
  const room = await openCaseWithMore(entry.path, {files: [], reported}, keys, options)
  return {...withTold(room, facts.roomId, told), casePath: entry.path}
}

/** What was told of devices before is what later tellings are compared with: no server tells it again. */
function keepDevices(from: string, to: string): void {
  const earlier = openCase(from)
  try {
    const later = openCaseForWriting(to)
    try {
      later.store.transaction(() => {
        later.devices.mergeFrom(earlier.devices)
      })
    } finally {
      later.close()
    }
  } finally {
    earlier.close()
  }
}

const CUT_OFF = 'The last run that fetched this room was cut off.'

/** What a gathering has to say, beside its evidence. */
interface Told {
  /** What was not had for reasons that may pass. */
  readonly failed: readonly string[]
  /** Servers that did not answer in it: what the case has of their states is of an earlier run, and may be so no more. */
  readonly silent: readonly string[]
  readonly notes: readonly string[]
}

async function gather(roomId: string, opened: OpenedRoutes, casePath: string, options: LiveOptions): Promise<Told> {
  const {access, signal, nowMs, onProgress} = options
  const startedTs = nowMs()
  const gathering = {access, limits: {}, casePath, signal, nowMs, ...(onProgress === undefined ? {} : {onProgress})}
  return gatherRoom(roomId, opened, gathering, (caseFile, reports) => {
    refuseStale(reports)
    const failed = reports.flatMap(({name, error}) => (error === null ? [] : [`${name}: ${error.message}`]))
    const told = caseFile.notes().filter(({ts, lastTs = ts}) => lastTs >= startedTs)
    const silent = silentServers(caseFile, reports, opened)
    return {failed, silent, notes: [...new Set(told.map(({text}) => text)), ...gapNotes(caseFile, reports, access)]}
  })
}

/** Servers that the case has a word of, and that were not asked in this run, or in vain. Cases that were named say what they say. */
function silentServers(
  caseFile: CaseReader,
  reports: readonly RouteReport[],
  {cases}: OpenedRoutes,
): readonly string[] {
  const heard = new Set(['', ...reports.filter(({error}) => error === null).map(({server}) => server)])
  for (const path of cases) {
    const reader = openCase(path)
    for (const {server} of reader.sources()) heard.add(server)
    reader.close()
  }
  const known = caseFile.sources().filter(({kind}) => kind !== 'file')
  return [...new Set(known.map(({server}) => server))].filter((server) => !heard.has(server)).sort()
}

/** A file that was named and is of no use, or no server that answers: then nothing here is what was asked for. */
function refuseStale(reports: readonly RouteReport[]): void {
  const failedFile = reports.find(({kind, error}) => kind === 'file' && error !== null)
  if (failedFile?.error) throw failedFile.error
  const servers = reports.filter(({kind}) => kind !== 'file')
  const [first] = servers
  if (first?.error && servers.every(({error}) => error !== null)) throw first.error
}

/** Events that nobody gave, and what might. */
function gapNotes(caseFile: CaseReader, reports: readonly RouteReport[], access: FetchAccess): readonly string[] {
  const missing = lacking(caseFile).length
  const unasked = Math.max(0, ...reports.map(({unasked: open}) => open))
  if (missing === 0) return []
  const events = missing === 1 ? '1 event is' : `${missing.toLocaleString('en-US')} events are`
  const more = moreAccess(access, caseFile.sources()).map(({flag}) => flag)
  return [
    `${events} missing: no route that was asked gave ${missing === 1 ? 'it' : 'them'}.` +
      (unasked > 0 ? ` ${unasked.toLocaleString('en-US')} were not asked for yet: run it again.` : '') +
      (more.length > 0 ? ` More may be had by ${more.join(', ')}.` : ''),
  ]
}

function withTold(opened: OpenedRoom, roomId: string, {failed, silent, notes}: Told): OpenedRoom {
  const {room} = opened
  const left = silent.map((server) => `${server} did not tell its state: what it told before is left out.`)
  return {
    ...withoutStates(opened, silent),
    room: {...room, source: roomId, ...(failed.length === 0 ? {} : {gaps: failed})},
    notes: [...failed, ...left, ...notes, ...opened.notes],
  }
}

/** Leaves out what some servers said is their state now. What they said of earlier events does not change. */
function withoutStates(opened: OpenedRoom, servers: readonly string[]): OpenedRoom {
  const {reported, reportedExtremities, views, ...rest} = opened
  const isNow = (what: ToldState['what']): boolean => what === 'current' || what === 'at-extremity'
  return {
    ...rest,
    reported: reported.filter(({server}) => !servers.includes(server)),
    reportedExtremities: Object.fromEntries(
      Object.entries(reportedExtremities).filter(([server]) => !servers.includes(server)),
    ),
    ...(views === undefined
      ? {}
      : {
          views: views.map((view) =>
            servers.includes(view.server)
              ? {...view, states: view.states.filter(({what}) => !isNow(what)), extremities: null}
              : view,
          ),
        }),
  }
}

function withNote(opened: OpenedRoom, note: string): OpenedRoom {
  return {...opened, notes: [note, ...opened.notes]}
}

/** The cached case as it is; nobody is asked. */
async function openOffline(room: string, keys: readonly SigningKey[], options: LiveOptions): Promise<OpenedRoom> {
  const {access, nowMs} = options
  const all = cachedCasesOf(folderOf(options), room)
  const wanted = await askedWith(access)
  const [first, ...others] = all.filter(({facts}) => isAskedWith(facts, wanted))
  if (first === undefined) {
    const [latest] = all
    throw new StateError(
      'CASE_ABSENT',
      latest === undefined
        ? `${room} is not in the cache`
        : `${room} is in the cache as ${latest.facts.routes.join(', ')} shows it, not by the access that was given`,
    )
  }
  const {entry, facts} = first
  const more = {files: access.files ?? [], reported: reportedOf(access)}
  const opened = await entry.alone(waiting(options), () => openCaseWithMore(entry.path, more, keys, options))
  const choice =
    others.length === 0 ? [] : [`The cache holds ${String(others.length)} more of it, by other access: flags choose.`]
  const aged = withAge({...opened, casePath: entry.path}, facts, nowMs())
  return {...aged, notes: [...aged.notes, ...choice]}
}

/** A room from the cache, with how old that is. */
export function withAge(opened: OpenedRoom, facts: CacheFacts, nowMs: number): OpenedRoom {
  const ts = facts.endedTs ?? facts.startedTs
  const by = facts.routes.join(', ')
  const told = withTold(opened, facts.roomId, {
    failed: facts.failed.map((why) => (why === CUT_OFF ? why : `When it was fetched: ${why}`)),
    silent: facts.silent,
    notes: [`From the cache: fetched ${ago(nowMs - ts)} (${by}); nobody was asked now.`],
  })
  const since = `what happened since ${new Date(ts).toISOString().slice(0, 19)}Z, when it was fetched`
  return {...told, unknowable: [...told.unknowable, since]}
}

/** Where servers do not answer, what was fetched before may do: but that is for the user to say. */
function offeringCache(error: unknown, facts: CacheFacts | undefined, {nowMs}: LiveOptions): unknown {
  const ts = facts?.endedTs ?? null
  if (!(error instanceof StateError) || error.code === 'USAGE' || isDamage(error) || ts === null) return error
  const offer = `--offline takes what was fetched ${ago(nowMs() - ts)}.`
  const hint = error.hint === undefined ? offer : `${error.hint} Or ${offer}`
  return new StateError(error.code, error.message, {cause: error, hint})
}

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
] as const

/** @param ms - milliseconds */
function ago(ms: number): string {
  const [unit, length] = UNITS.find(([, one]) => ms >= 2 * one) ?? (['second', 1000] as const)
  const count = Math.max(0, Math.floor(ms / length))
  return count === 0 ? 'just now' : `${String(count)} ${unit}${count === 1 ? '' : 's'} ago`
}
