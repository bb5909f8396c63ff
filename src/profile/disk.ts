import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readSync,
  realpathSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import {dirname} from 'node:path'
import {StateError} from '../errors.ts'

/** The system's code of an error (`ENOENT`); `''` for any other value. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

/** Why the system refused. */
export function reasonOf(error: unknown): string {
  return REASONS[codeOf(error)] ?? (codeOf(error) || String(error))
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'no permission',
  EPERM: 'no permission',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'the quota of the disk is used up',
  EFBIG: 'files of that size are not allowed here',
  EIO: 'the disk fails',
  ENOTDIR: 'a part of the path is a file',
  EEXIST: 'a file has that name',
  EISDIR: 'it is a folder',
  ENOENT: 'there is no such file or folder',
  ENAMETOOLONG: 'the path is too long',
  ELOOP: 'its symbolic links go in a circle',
}

/** What could not be written, as what the user is told. */
export function outputFailed(what: string, error: unknown): StateError {
  return new StateError('OUTPUT_FAILED', `could not write ${what}: ${reasonOf(error)}`, {
    cause: error,
    hint: 'Check the folder, its permissions and the space on the disk; MATRIX_STATE_PROFILE_DIR names another one.',
  })
}

/**
 * Writes a file that only its owner may read, and waits until the disk has it. With `wx` what was begun is removed again when it fails.
 *
 * @param mode - `wx`: the file must not exist; `r+`: it must, and its blocks are written over
 */
export function writePrivate(path: string, content: string | Uint8Array, mode: 'wx' | 'r+'): void {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content
  const file = openSync(path, mode, 0o600)
  try {
    if (process.platform !== 'win32') fchmodSync(file, 0o600)
    for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at, bytes.length - at, at)
    ftruncateSync(file, bytes.length)
    fsyncSync(file)
  } catch (error) {
    if (mode === 'wx') rmSync(path, {force: true})
    throw error
  } finally {
    closeSync(file)
  }
}

/** What failed for good; other codes mean that folders cannot be synced here. */
const LOST = new Set(['EIO', 'ENOSPC', 'EDQUOT'])

/** Waits until the disk has the names in a folder, where that can be asked for. */
export function syncFolder(folder: string): void {
  try {
    const file = openSync(folder, 'r')
    try {
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
  } catch (error) {
    if (LOST.has(codeOf(error))) throw error
  }
}

/** A path for a shell. */
export function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`
}

/**
 * Sees that not just anybody can put another file in the place of a profile: its check command would be run as theirs, and tokens that are
 * given sent to their address. Nothing is made; where there is no folder, there is nothing to be seen. Of a symbolic link, both places count.
 *
 * @throws StateError PROFILE_UNUSABLE with the chmod line
 * @remarks Refused is a folder that everybody may write, unless it is sticky and what stands there is this user's or root's: that is how
 * Kubernetes mounts secrets (root's, mode 1777). One that a group may write is taken: volume drivers make them so (fsGroup, mode 2775), and
 * whom a group holds is the administrator's affair.
 */
export function mustBePrivate(path: string): void {
  if (process.platform === 'win32') return
  const target = existsSync(path) ? realpathSync(path) : path
  for (const place of new Set([path, target])) {
    const folder = statSync(dirname(place), {throwIfNoEntry: false})
    if (folder === undefined || (folder.mode & 0o002) === 0) continue
    const owner = lstatSync(place, {throwIfNoEntry: false})?.uid
    if ((folder.mode & 0o1000) !== 0 && (owner === undefined || owner === 0 || owner === process.getuid?.())) continue
    const mode = (folder.mode & 0o7777).toString(8).padStart(4, '0')
    throw new StateError(
      'PROFILE_UNUSABLE',
      `the profile ${JSON.stringify(path)} cannot be used: everybody may put another file in its place (the folder ${JSON.stringify(dirname(place))} has mode ${mode})`,
      {hint: `chmod o-w ${quoted(dirname(place))}`},
    )
  }
}

/** What stands at a path, as far as it can be a file with text in it. */
export type Read =
  | {readonly kind: 'text'; readonly bytes: Uint8Array; readonly mode: number}
  | {readonly kind: 'folder' | 'special' | 'too-large'}

/**
 * Reads a small file; never waits, as for a pipe that nobody writes into.
 *
 * @throws the system's error
 */
export function readSmall(path: string, maxBytes: number): Read {
  const file = openSync(path, constants.O_RDONLY | (process.platform === 'win32' ? 0 : constants.O_NONBLOCK))
  try {
    const stat = fstatSync(file)
    if (stat.isDirectory()) return {kind: 'folder'}
    if (!stat.isFile()) return {kind: 'special'}
    const bytes = Buffer.alloc(maxBytes + 1)
    let length = 0
    for (let got = -1; got !== 0 && length < bytes.length; length += got) {
      got = readSync(file, bytes, length, bytes.length - length, length)
    }
    if (length > maxBytes) return {kind: 'too-large'}
    return {kind: 'text', bytes: bytes.subarray(0, length), mode: stat.mode & 0o777}
  } finally {
    closeSync(file)
  }
}
