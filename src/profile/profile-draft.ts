import {randomBytes, randomUUID} from 'node:crypto'
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
} from 'node:fs'
import {basename, dirname, join} from 'node:path'
import {StateError} from '../errors.ts'
import {codeOf, mustBePrivate, outputFailed, readSmall, syncFolder, writePrivate} from './disk.ts'
import {parseProfile} from './parse-profile.ts'
import {profileFolder, profilePath, setupLine} from './profile-folder.ts'
import type {OpenedProfile, Profile} from './profile.ts'

/** Room on the disk for a profile that is still to be made. All calls are synchronous: no signal comes in between. */
export interface ProfileDraft {
  readonly name: string
  /** Where the profile will be. */
  readonly path: string
  /**
   * Puts the profile in place, whole and never over another one.
   *
   * @throws StateError PROFILE_EXISTS when another run was faster, OUTPUT_FAILED; then nothing is left, as after `discard`
   */
  readonly commit: (profile: Profile) => OpenedProfile
  /** Leaves nothing, not even folders that were made; of no effect once committed. */
  readonly discard: () => void
}

/** More than any profile will need. */
const ROOM_BYTES = 64 * 1024
/** Nobody answers prompts for longer; a draft that goes too early is made again. */
const ABANDONED_MS = 60 * 60 * 1000
/** A file is replaced in much less. */
const REPLACING_MS = 60 * 1000

/**
 * Intent to create: takes the room that the profile will need on the disk, before anything is done on a server.
 *
 * @throws StateError PROFILE_EXISTS when something has that name, damaged or not; OUTPUT_FAILED when the disk has no room or does not let
 * itself be written; PROFILE_UNUSABLE for a folder in which anybody could put another file in its place; USAGE for what is no name
 */
export function reserveProfile(name: string, folder: string = profileFolder()): ProfileDraft {
  const path = profilePath(name, folder)
  writing(path, () => {
    if (lstatSync(path, {throwIfNoEntry: false}) !== undefined) throw profileExists(name, path)
  })
  mustBePrivate(path)
  const draft = join(folder, `.${name}.${randomUUID()}.draft`)
  const undoFolder = writing(path, () => {
    const made = makeFolder(folder)
    try {
      // Random, so that no file system can store it as less than it is.
      writeWithFolder(draft, randomBytes(ROOM_BYTES), folder)
      return made
    } catch (error) {
      made()
      throw error
    }
  })
  removeAbandoned(folder)
  let done = false
  const discard = (): void => {
    if (done) return
    done = true
    try {
      rmSync(draft, {force: true})
    } catch {
      // Whatever the folder has become: what is in its way is told already, and there is more to be tidied up.
    }
    undoFolder()
  }
  const commit = (profile: Profile): OpenedProfile => {
    let text: string
    try {
      text = textOf(profile, path)
      writing(path, () => {
        place(draft, path, text, name)
      })
    } catch (error) {
      discard()
      throw error
    }
    done = true
    return {name, path, profile, text}
  }
  return {name, path, commit, discard}
}

function place(draft: string, path: string, text: string, name: string): void {
  try {
    writePrivate(draft, text, 'r+')
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    // Another run took it for abandoned.
    writeWithFolder(draft, text, dirname(path))
  }
  try {
    // Unlike a rename, a link never takes the place of what is there.
    linkSync(draft, path)
    rmSync(draft, {force: true})
  } catch (error) {
    rmSync(draft, {force: true})
    if (codeOf(error) === 'EEXIST') throw profileExists(name, path)
    // File systems without links.
    writeExclusively(path, text, name)
  }
  try {
    syncFolder(dirname(path))
  } catch (error) {
    rmSync(path, {force: true})
    throw error
  }
}

function writeExclusively(path: string, text: string, name: string): void {
  try {
    writePrivate(path, text, 'wx')
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw profileExists(name, path)
    throw error
  }
}

/** Another run may have taken the empty folder away that it had made. */
function writeWithFolder(path: string, content: string | Uint8Array, folder: string): void {
  try {
    writePrivate(path, content, 'wx')
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    makeFolder(folder)
    writePrivate(path, content, 'wx')
  }
}

/**
 * Makes the folder, and those above it that are not there, for their owner alone. One that is there keeps its mode: it may be a mount, or
 * serve other things.
 *
 * @returns what takes away again what was made
 */
function makeFolder(folder: string): () => void {
  const first = makeFolders(folder)
  return () => {
    if (first === undefined) return
    try {
      for (let made = folder; made.length >= first.length; made = dirname(made)) rmdirSync(made)
    } catch {
      // Something else is in it by now.
    }
  }
}

/**
 * One by one: `recursive` of Node never ends where a file system says ENOENT to a name in a folder that is there, as /proc does.
 *
 * @returns the first that was made
 */
function makeFolders(folder: string): string | undefined {
  if (statSync(folder, {throwIfNoEntry: false})?.isDirectory() === true) return undefined
  const above = dirname(folder)
  const first = above === folder ? undefined : makeFolders(above)
  try {
    mkdirSync(folder, {mode: 0o700})
  } catch (error) {
    // Another run may have made it meanwhile.
    if (codeOf(error) !== 'EEXIST' || !statSync(folder).isDirectory()) throw error
    return first
  }
  return first ?? folder
}

/** Removes what killed runs have left, for whichever profile; what a run may still need is younger. */
export function removeAbandoned(folder: string): void {
  let files: readonly string[] = []
  try {
    files = readdirSync(folder)
  } catch {
    // They are in nobody's way; so are those below that cannot be removed.
  }
  for (const file of files) {
    if (!/^\.[A-Za-z0-9].*\.(?:draft|replacing)$/.test(file)) continue
    try {
      removeOlder(join(folder, file), ABANDONED_MS)
    } catch {
      continue
    }
  }
}

/**
 * Intent to modify: puts another content in the place of what was read, whole. Fields that this program does not know stay.
 *
 * @returns the profile as it is now
 * @throws StateError PROFILE_UNUSABLE when the file is not what was read any more; OUTPUT_FAILED, and the file is as it was
 */
export function replaceProfile(opened: OpenedProfile, profile: Profile): OpenedProfile {
  const {name, path} = opened
  removeAbandoned(dirname(path))
  const text = textOf({...(JSON.parse(opened.text.trim()) as object), ...profile}, path)
  writing(path, () => {
    const target = existing(opened)
    // Its name is the lock: it is there while a run replaces the profile, and gone by the rename.
    const beside = join(dirname(target), `.${basename(target)}.replacing`)
    removeOlder(beside, REPLACING_MS)
    try {
      writePrivate(beside, text, 'wx')
    } catch (error) {
      if (codeOf(error) === 'EEXIST') throw changedMeanwhile(path, 'another matrix-state is changing it')
      throw error
    }
    try {
      const now = readSmall(target, opened.text.length * 4 + 4)
      if (now.kind !== 'text' || !Buffer.from(opened.text).equals(now.bytes)) throw changedMeanwhile(path)
      renameSync(beside, target)
    } catch (error) {
      rmSync(beside, {force: true})
      throw codeOf(error) === 'ENOENT' ? changedMeanwhile(path) : error
    }
    syncFolder(dirname(target))
  })
  return {name, path, profile, text}
}

/** The file itself, where the profile is a symbolic link. */
function existing({path}: OpenedProfile): string {
  try {
    return realpathSync(path)
  } catch (error) {
    throw codeOf(error) === 'ENOENT' ? changedMeanwhile(path) : error
  }
}

function removeOlder(path: string, ms: number): void {
  const stat = statSync(path, {throwIfNoEntry: false})
  if (stat !== undefined && Date.now() - stat.mtimeMs > ms) rmSync(path, {force: true})
}

function changedMeanwhile(path: string, why = 'it was changed meanwhile'): StateError {
  return new StateError('PROFILE_UNUSABLE', `the profile ${JSON.stringify(path)} is left as it is: ${why}`, {
    hint: 'Look at it (matrix-state profile show), and run the command again.',
  })
}

/**
 * The text of a profile that can be opened again. Servers tell what they like, and people type what they like: a device ID may be of any length,
 * and have anything in it.
 *
 * @throws StateError PROFILE_UNUSABLE, with the field
 */
function textOf(profile: object, path: string): string {
  const text = `${JSON.stringify(profile, null, 2)}\n`
  try {
    parseProfile(text, {path, hint: ''})
  } catch (error) {
    if (!(error instanceof StateError)) throw error
    throw new StateError(
      error.code,
      `what was given, or what the server told, is not written: with it ${error.message}`,
      {
        cause: error,
        hint: 'Check what was typed; if it is right, this is a fault of the server.',
      },
    )
  }
  return text
}

function profileExists(name: string, path: string): StateError {
  return new StateError('PROFILE_EXISTS', `there is a profile named ${name} already: ${JSON.stringify(path)}`, {
    hint: `Change it (${setupLine(name)} --modify), give another name (--profile NAME), or remove it first: matrix-state profile remove ${name}`,
  })
}

function writing<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw error instanceof Error && 'syscall' in error ? outputFailed(JSON.stringify(path), error) : error
  }
}
