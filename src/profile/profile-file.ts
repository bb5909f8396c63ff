import {lstatSync, readdirSync, readlinkSync, unlinkSync} from 'node:fs'
import {join, resolve} from 'node:path'
import {StateError} from '../errors.ts'
import {codeOf, mustBePrivate, quoted, type Read, readSmall, reasonOf, syncFolder} from './disk.ts'
import {parseProfile} from './parse-profile.ts'
import {removeAbandoned} from './profile-draft.ts'
import {DEFAULT_PROFILE, isProfileName, profileFolder, profilePath, setupLine} from './profile-folder.ts'
import type {OpenedProfile} from './profile.ts'

export {type ProfileDraft, replaceProfile, reserveProfile} from './profile-draft.ts'
export type {OpenedProfile}

/** A profile has some hundred bytes, with many databases some thousand. */
const MAX_BYTES = 2 ** 20

/**
 * Opens a profile that is there; nothing is ever made.
 *
 * @throws StateError PROFILE_ABSENT, whose hint is the line that makes it; PROFILE_UNUSABLE when it is damaged, of a newer schema, readable by
 * others, or no file; USAGE for what is no name
 */
export function openProfile(name: string, folder: string = profileFolder()): OpenedProfile {
  const path = profilePath(name, folder)
  const text = readProfileText(name, path)
  return {name, path, text, profile: parseProfile(text, {path, hint: damagedHint(name)})}
}

/** What to do about a profile that cannot be read any more. */
function damagedHint(name: string): string {
  return `Restore the file from a copy; or remove it (matrix-state profile remove ${name} --keep-login) and make it anew: ${setupLine(name)}`
}

function readProfileText(name: string, path: string): string {
  const unusable = (why: string, hint: string, cause?: unknown): StateError =>
    new StateError('PROFILE_UNUSABLE', `the profile ${JSON.stringify(path)} cannot be used: ${why}`, {hint, cause})
  const move = `Move it away, and make the profile: ${setupLine(name)}`
  let read: Read
  try {
    read = readSmall(path, MAX_BYTES)
  } catch (error) {
    const code = codeOf(error)
    const target = code === 'ENOENT' ? linkTarget(path) : null
    if (target !== null) {
      const where = `Bring back ${JSON.stringify(target)}, or remove the link and make the profile: ${setupLine(name)}`
      throw unusable('it is a symbolic link to a file that is not there', where, error)
    }
    if (code === 'ENOENT') throw profileAbsent(name, path)
    const hint =
      code === 'EACCES' || code === 'EPERM'
        ? 'Run this as the user who owns it, or give the file to this user (chown).'
        : 'Check the path; MATRIX_STATE_PROFILE_DIR names another folder.'
    throw unusable(reasonOf(error), hint, error)
  }
  if (read.kind !== 'text') {
    if (read.kind === 'too-large') throw unusable('it is too large to be a profile', damagedHint(name))
    throw unusable(read.kind === 'folder' ? 'it is a folder' : 'it is not a regular file', move)
  }
  if (process.platform !== 'win32' && (read.mode & 0o077) !== 0) {
    const mode = read.mode.toString(8).padStart(4, '0')
    const target = linkTarget(path)
    // chmod goes through links, and a link may lead to a file that has to be readable.
    const hint =
      target === null
        ? `chmod 600 ${quoted(path)}`
        : `It is a symbolic link to ${JSON.stringify(target)}. If that is a profile of yours: chmod 600 ${quoted(target)}`
    throw unusable(`others than its owner may read or change it (mode ${mode})`, hint)
  }
  mustBePrivate(path)
  try {
    return new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}).decode(read.bytes)
  } catch {
    throw unusable('it is not text (UTF-8)', damagedHint(name))
  }
}

/** That there is no such profile, with the line that makes it. */
export function profileAbsent(name: string, path: string): StateError {
  const which = name === DEFAULT_PROFILE ? 'there is no profile' : `there is no profile named ${name}`
  return new StateError('PROFILE_ABSENT', `${which}: ${JSON.stringify(path)} does not exist`, {
    hint: `Make it once: ${setupLine(name)}`,
  })
}

/** What a symbolic link names; `null` where there is no link. */
function linkTarget(path: string): string | null {
  try {
    return lstatSync(path).isSymbolicLink() ? resolve(path, '..', readlinkSync(path)) : null
  } catch {
    return null
  }
}

/** A profile of the folder, and whether it can be used. */
export type ListedProfile =
  | {readonly name: string; readonly path: string; readonly opened: OpenedProfile; readonly problem: null}
  | {readonly name: string; readonly path: string; readonly opened: null; readonly problem: StateError}

/**
 * All profiles, by name; none where there is no folder.
 *
 * @throws StateError PROFILE_UNUSABLE when the folder cannot be read
 */
export function listProfiles(folder: string = profileFolder()): readonly ListedProfile[] {
  const names = filesOf(folder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
    .filter(isProfileName)
    .toSorted()
  return names.flatMap((name): readonly ListedProfile[] => {
    const path = join(folder, `${name}.json`)
    try {
      return [{name, path, opened: openProfile(name, folder), problem: null}]
    } catch (error) {
      if (!(error instanceof StateError)) throw error
      // It was removed since the folder was read.
      return error.code === 'PROFILE_ABSENT' ? [] : [{name, path, opened: null, problem: error}]
    }
  })
}

function filesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw new StateError(
      'PROFILE_UNUSABLE',
      `the folder of profiles ${JSON.stringify(folder)} cannot be read: ${reasonOf(error)}`,
      {cause: error, hint: 'Check its owner and mode; MATRIX_STATE_PROFILE_DIR names another folder.'},
    )
  }
}

/**
 * Removes the file of a profile, readable or not. Of a symbolic link only the link.
 *
 * @returns the file that the link led to, which stays; `null` for a file
 * @throws StateError PROFILE_ABSENT, OUTPUT_FAILED
 */
export function removeProfile({name, path}: Pick<OpenedProfile, 'name' | 'path'>): string | null {
  try {
    const stays = lstatSync(path).isSymbolicLink() ? resolve(path, '..', readlinkSync(path)) : null
    unlinkSync(path)
    removeAbandoned(join(path, '..'))
    syncFolder(join(path, '..'))
    return stays
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw profileAbsent(name, path)
    throw new StateError('OUTPUT_FAILED', `could not remove ${JSON.stringify(path)}: ${reasonOf(error)}`, {
      cause: error,
      hint: 'Check who owns the folder; what is no file is for you to remove.',
    })
  }
}
