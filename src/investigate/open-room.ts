import {isCaseFile} from '../casefile/header.ts'
import {StateError} from '../errors.ts'
import {openDump} from '../sources/files.ts'
import type {FetchProgress} from './fetch-room.ts'
import {type LoadOptions, loadRoom} from './load-room.ts'
import type {CacheUse} from './live-room.ts'
import type {MoreOptions} from './more-evidence.ts'
import type {FetchAccess} from './open-routes.ts'
import type {OpenedRoom} from './opened-room.ts'

export type {CacheUse, OpenedRoom}

export interface OpenOptions {
  /** See `PduOptions.trustIds`. */
  readonly trustIds?: boolean
  /** See `LoadOptions.messages`. */
  readonly messages?: boolean
  /** How to get at a room on servers, and files with more evidence; only these make sense beside a file. */
  readonly access?: FetchAccess
  /** What becomes of an earlier run's case of a room on servers. @defaultValue `update` */
  readonly cache?: CacheUse
  /** Where such cases are. @defaultValue `cacheFolder()` */
  readonly cacheFolder?: string
  /** When it fires, its reason is thrown. */
  readonly signal?: AbortSignal
  /** @defaultValue the clock */
  readonly nowMs?: () => number
  readonly onProgress?: (step: OpenStep) => void
}

/** What is going on, for whoever shows progress. `waiting`: for another process that fetches the same. */
export type OpenStep = {readonly kind: 'reading'; readonly events: number} | {readonly kind: 'waiting'} | FetchProgress

/** Whether an argument names a room on a server, rather than a file. */
export function isLiveRoom(argument: string): boolean {
  return argument.startsWith('!') || argument.startsWith('#')
}

/**
 * Opens a room: a case file, a dump (a path, or `-` for standard input), or a room ID or alias, which is fetched into a case in the cache
 * folder.
 *
 * @throws StateError see `openDump`, `openLiveRoom`, `openWithMore`, `loadRoom`; USAGE for access to servers beside a file
 */
export async function openRoom(argument: string, options: OpenOptions = {}): Promise<OpenedRoom> {
  const {trustIds, messages, access = {}, onProgress, nowMs = Date.now, signal = new AbortController().signal} = options
  const loading: LoadOptions = {
    ...(trustIds === undefined ? {} : {trustIds}),
    ...(messages === undefined ? {} : {messages}),
    onProgress: (events: number): void => onProgress?.({kind: 'reading', events}),
  }
  if (isLiveRoom(argument)) {
    const {openLiveRoom} = await import('./live-room.ts')
    return openLiveRoom(argument, {
      access,
      use: options.cache ?? 'update',
      signal,
      nowMs,
      loading,
      ...(options.cacheFolder === undefined ? {} : {folder: options.cacheFolder}),
      ...(onProgress === undefined ? {} : {onProgress}),
    })
  }
  refuseServers(argument, access, options.cache)
  const opened = await openFile(argument, access, {trustIds: trustIds === true, signal, nowMs, loading})
  return opened.casePath === undefined ? opened : ofCache(opened, opened.casePath, options)
}

async function openFile(
  path: string,
  {files = [], reported = [], keyFiles = []}: FetchAccess,
  options: MoreOptions & {readonly trustIds: boolean},
): Promise<OpenedRoom> {
  const {loading, trustIds} = options
  if (files.length + reported.length + keyFiles.length > 0) {
    if (trustIds) {
      throw new StateError('USAGE', '--trust-ids is for test data, which cannot be put together with other evidence', {
        hint: 'Leave out --trust-ids, or --file, --reported and --keys.',
      })
    }
    const {openWithMore} = await import('./more-evidence.ts')
    return openWithMore(path, {files, reported, keyFiles}, options)
  }
  if (path !== '-' && isCaseFile(path)) {
    const {openCaseRoom} = await import('./open-case.ts')
    return {...(await openCaseRoom(path, loading)), casePath: path}
  }
  const room = await loadRoom(openDump(path), loading)
  return {room, unknowable: [], reported: [], reportedExtremities: {}, findings: [], notes: []}
}

/** A case of the cache that was named by its path, as `lastCase` does: its age is told. */
async function ofCache(opened: OpenedRoom, path: string, options: OpenOptions): Promise<OpenedRoom> {
  const {factsOfCached} = await import('./room-cache.ts')
  const facts = factsOfCached(path, options.cacheFolder)
  if (facts === null) return opened
  const {withAge} = await import('./live-room.ts')
  return withAge(opened, facts, (options.nowMs ?? Date.now)())
}

/** A file is evidence as it stands: whoever wants servers asked has to say about which room. */
function refuseServers(file: string, access: FetchAccess, cache: CacheUse | undefined): void {
  const {homeserver, databases = [], signingKeyFile, serverName, servers = [], allServers, asUser, from} = access
  const flags = [
    [homeserver !== undefined, '--homeserver'],
    [databases.length > 0, '--database'],
    [signingKeyFile !== undefined, '--signing-key'],
    [serverName !== undefined, '--server-name'],
    [servers.length > 0, '--with'],
    [allServers === true, '--all-servers'],
    [asUser !== undefined, '--as-user'],
    [from !== undefined, '--from'],
    [cache === 'refresh', '--refresh'],
  ] as const
  const given = flags.find(([isGiven]) => isGiven)
  if (given === undefined) return
  const name = file === '-' ? 'standard input' : file
  throw new StateError('USAGE', `${given[1]} is for a room on servers, and ${name} is read as it is`, {
    hint: `Name the room by its ID, and the file beside it: '!id:example.org' ${given[1]} … --file ${file}; or gather into a case: matrix-state fetch.`,
  })
}
