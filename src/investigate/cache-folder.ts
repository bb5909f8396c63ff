import {chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs'
import {homedir} from 'node:os'
import {isAbsolute, join, resolve} from 'node:path'
import {StateError} from '../errors.ts'

type Env = Readonly<Record<string, string | undefined>>

/**
 * Where matrix-state keeps what can be had again: `$XDG_CACHE_HOME/matrix-state`, or below the folder that the platform has for caches.
 * Nothing is made by asking. https://specifications.freedesktop.org/basedir/latest/
 */
export function cacheFolder(env: Env = process.env, platform: NodeJS.Platform = process.platform): string {
  return join(cacheHome(env, platform), 'matrix-state')
}

function cacheHome(env: Env, platform: NodeJS.Platform): string {
  const {XDG_CACHE_HOME: xdg = '', LOCALAPPDATA: local = ''} = env
  if (isAbsolute(xdg)) return xdg
  if (platform === 'win32' && isAbsolute(local)) return local
  return platform === 'darwin' ? join(homedir(), 'Library', 'Caches') : join(homedir(), '.cache')
}

/**
 * Makes a folder of the cache, which only its owner may enter: private messages are in it.
 *
 * @throws StateError CASE_UNUSABLE
 */
export function makePrivateFolder(folder: string): void {
  try {
    mkdirSync(folder, {recursive: true, mode: 0o700})
    chmodSync(folder, 0o700)
  } catch (error) {
    throw new StateError('CASE_UNUSABLE', `the cache folder ${folder} cannot be used: ${reasonOf(error)}`, {
      cause: error,
      hint: 'Set XDG_CACHE_HOME to a folder that can be written, or fetch into a file: matrix-state fetch ROOM --case FILE.',
    })
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}

/** Replaces a small file of the cache as a whole; whoever reads it sees the old or the new one. */
export function writeCacheFile(path: string, value: object): void {
  const draft = `${path}.${crypto.randomUUID()}.new`
  try {
    writeFileSync(draft, `${JSON.stringify(value)}\n`, {mode: 0o600})
    renameSync(draft, path)
  } finally {
    rmSync(draft, {force: true})
  }
}

/** The object in a small file of the cache; `null` where there is none that can be read. */
export function readCacheFile(path: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}

const LAST = 'last-case.json'

/**
 * The case file that a command used last, for commands that are given no room.
 *
 * @returns its absolute path; `null` where none was used, or where it is gone
 */
export function lastCase(folder = cacheFolder()): string | null {
  const path = readCacheFile(join(folder, LAST))?.['case']
  return typeof path === 'string' && existsSync(path) ? path : null
}

/** Remembers the case file that a command used. It is a convenience: where nothing can be written, nothing is remembered. */
export function rememberCase(path: string, folder = cacheFolder()): void {
  try {
    makePrivateFolder(folder)
    writeCacheFile(join(folder, LAST), {case: resolve(path)})
  } catch {
    // A command that has done its work does not fail for this.
  }
}
