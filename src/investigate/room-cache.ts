import {createHash} from 'node:crypto'
import {closeSync, existsSync, openSync, readdirSync, renameSync, rmSync} from 'node:fs'
import {dirname, join, sep} from 'node:path'
import {isCaseFile, isOlderCase} from '../casefile/header.ts'
import {removeCase} from '../casefile/open-case.ts'
import {StateError} from '../errors.ts'
import type {RouteIdentity} from '../sources/evidence.ts'
import type {AskedWith} from './asked-with.ts'
import {cacheFolder, makePrivateFolder, readCacheFile, writeCacheFile} from './cache-folder.ts'
import {holdingLock} from '../casefile/file-lock.ts'

/** What is known of a cached case, beside the case itself. Kept next to it, without secrets. */
export interface CacheFacts extends AskedWith {
  readonly roomId: string
  /** Aliases that it was asked for by. */
  readonly aliases: readonly string[]
  /** Names of the routes. */
  readonly routes: readonly string[]
  /** When the last run began, and when one last came to its end; milliseconds since 1970. */
  readonly startedTs: number
  readonly endedTs: number | null
  /** What went wrong in the last run, in sentences. */
  readonly failed: readonly string[]
  /** Servers that did not answer in the last run. */
  readonly silent: readonly string[]
}

/** Why a cached case cannot be gone on with. */
export type Spoilt = 'damaged' | 'of an older schema'

/** How long a run waits for another one that fetches the same, in milliseconds. */
const LOCK_WAIT_MS = 300_000
const ROOMS = 'rooms'

/** The case of one room as one way of access shows it, in the cache folder. The one file that is opened or created as need be. */
export class CachedCase {
  readonly path: string
  readonly #base: string

  /** @param path - of the case file, whether it is there or not */
  constructor(path: string) {
    this.path = path
    this.#base = path.slice(0, -'.case'.length)
  }

  get exists(): boolean {
    return existsSync(this.path)
  }

  /** `null` where there is no case, or nothing is known of it. */
  get facts(): CacheFacts | null {
    return this.exists ? factsIn(readCacheFile(`${this.#base}.json`)) : null
  }

  note(facts: CacheFacts): void {
    if (this.exists) writeCacheFile(`${this.#base}.json`, facts)
  }

  /** What is wrong with the file at first sight; `null` for nothing, or no file. */
  get spoilt(): Spoilt | null {
    if (!this.exists) return null
    if (!isCaseFile(this.path)) return 'damaged'
    return isOlderCase(this.path) ? 'of an older schema' : null
  }

  remove(): void {
    removeCase(this.path)
    rmSync(`${this.#base}.json`, {force: true})
  }

  /** Another name beside it, for a case that takes its place when it is whole. */
  draft(): string {
    return `${this.#base}.${crypto.randomUUID()}.new`
  }

  replaceBy(draft: string): void {
    removeCase(this.path)
    renameSync(draft, this.path)
  }

  /**
   * Runs while no other process fetches into it or reads it: what is read is of one moment.
   *
   * @throws StateError CASE_UNUSABLE after five minutes of waiting; the signal's reason; whatever `work` throws
   */
  async alone<T>(
    options: {readonly signal: AbortSignal; readonly onWait?: () => void},
    work: () => Promise<T>,
  ): Promise<T> {
    makePrivateFolder(dirname(this.path))
    const lock = `${this.#base}.lock`
    if (!existsSync(lock)) closeSync(openSync(lock, 'a', 0o600))
    const busy = (): StateError =>
      new StateError('CASE_UNUSABLE', `${this.path}: another matrix-state is fetching this room into the cache`, {
        hint: 'Wait until that is done, or fetch into a file of its own: matrix-state fetch ROOM --case FILE.',
      })
    return holdingLock(lock, {...options, waitMs: LOCK_WAIT_MS, busy}, work)
  }
}

/**
 * The cached case of a room for one way of access.
 *
 * @param routes - who is asked. Other accounts, servers, databases and files see another room: theirs are cases of their own. A route that
 * does not open is not among them
 * @remarks Names are hashes: a room ID can hold whatever its server likes, slashes included.
 */
export function cachedCaseOf(
  folder: string,
  roomId: string,
  routes: readonly RouteIdentity[],
  allServers: boolean,
): CachedCase {
  const seen = routes.map(({kind, name, address, insecure}) => [name, kind === 'file' ? '' : address, insecure])
  const view = JSON.stringify([roomId, seen.map((one) => JSON.stringify(one)).sort(), allServers])
  return new CachedCase(join(folder, ROOMS, digest(roomId), `${digest(view)}.case`))
}

/** All cached cases of a room that hold something, the latest first. */
export function cachedCasesOf(folder: string, room: string): readonly {entry: CachedCase; facts: CacheFacts}[] {
  const rooms = join(folder, ROOMS)
  const folders = room.startsWith('#') ? namesIn(rooms) : [digest(room)]
  return folders
    .flatMap((name) => namesIn(join(rooms, name)).map((file) => join(rooms, name, file)))
    .filter((path) => path.endsWith('.case'))
    .flatMap((path) => {
      const entry = new CachedCase(path)
      const {facts} = entry
      return facts !== null && (facts.roomId === room || facts.aliases.includes(room)) ? [{entry, facts}] : []
    })
    .sort((a, b) => (b.facts.endedTs ?? 0) - (a.facts.endedTs ?? 0))
}

/** What is known of a case file if it is one of the cache's. */
export function factsOfCached(path: string, folder = cacheFolder()): CacheFacts | null {
  return isCachedPath(path, folder) ? new CachedCase(path).facts : null
}

/** Whether a path is one of the cache's. */
export function isCachedPath(path: string, folder = cacheFolder()): boolean {
  return path.startsWith(join(folder, ROOMS) + sep) && path.endsWith('.case')
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** 128 bits of SHA-256, in hex. */
function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

function factsIn(value: Readonly<Record<string, unknown>> | null): CacheFacts | null {
  const isList = (one: unknown): boolean => Array.isArray(one) && one.every((entry) => typeof entry === 'string')
  const isFacts =
    value !== null &&
    typeof value['roomId'] === 'string' &&
    typeof value['startedTs'] === 'number' &&
    (value['endedTs'] === null || typeof value['endedTs'] === 'number') &&
    ['aliases', 'routes', 'failed', 'silent', 'databases', 'servers'].every((key) => isList(value[key])) &&
    ['homeserver', 'serverName'].every((key) => value[key] === null || typeof value[key] === 'string')
  return isFacts ? (value as unknown as CacheFacts) : null
}
