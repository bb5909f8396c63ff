import {accessSync, constants} from 'node:fs'
import {dirname} from 'node:path'
import {StateError} from '../errors.ts'
import {openProfile, removeProfile} from '../profile/profile-file.ts'
import {profilePath} from '../profile/profile-folder.ts'
import type {OpenedProfile, ProfileAccount} from '../profile/profile.ts'

/** A device, as people find it in the account's list. */
export type RemovedDevice = Pick<ProfileAccount, 'user_id' | 'device_id'>

/** What is about to be removed. */
export interface ProfileRemoval {
  readonly name: string
  readonly path: string
  /** `null`: it cannot be used, and `problem` says why. */
  readonly opened: OpenedProfile | null
  readonly problem: StateError | null
  /** The device that is to be logged out; `null` where there is none, or where it is kept. */
  readonly logsOut: RemovedDevice | null
}

export interface RemovedProfile {
  readonly name: string
  readonly path: string
  /** `already`: the homeserver did not know its token any more. */
  readonly loggedOut: (RemovedDevice & {readonly already: boolean}) | null
  /** The device whose token the file had, and that still works. */
  readonly stays: (RemovedDevice & {readonly own_login: boolean}) | null
  /** Whether that cannot be known, since the file could not be read. */
  readonly staysUnknown: boolean
  /** The file that stays, where the profile was a symbolic link to it. */
  readonly linkedFile: string | null
}

/**
 * What removing a profile would do; nothing is done.
 *
 * @param options - `keepLogin`: the file alone is removed, also one that is damaged
 * @throws StateError PROFILE_ABSENT, PROFILE_UNUSABLE, USAGE
 */
export function planRemoval(
  name: string,
  {keepLogin, folder}: {readonly keepLogin: boolean; readonly folder?: string},
): ProfileRemoval {
  try {
    const opened = openProfile(name, folder)
    const {account} = opened.profile
    const logsOut = account?.own_login === true && !keepLogin ? account : null
    return {name, path: opened.path, opened, problem: null, logsOut}
  } catch (error) {
    if (!(error instanceof StateError) || error.code !== 'PROFILE_UNUSABLE') throw error
    if (keepLogin) return {name, path: profilePath(name, folder), opened: null, problem: error, logsOut: null}
    throw new StateError(error.code, error.message, {
      cause: error,
      hint: `Its login cannot be ended without its token. Mend it, or remove the file alone: matrix-state profile remove ${name} --keep-login`,
    })
  }
}

/**
 * Removes a profile: logs out the device that `setup` logged in for it, then removes the file. The file stays when the device could not be
 * logged out: its token is the only way to do it later.
 *
 * @throws StateError SERVER_UNREACHABLE and what else logging out throws, OUTPUT_FAILED, PROFILE_ABSENT; the signal's reason
 */
export async function removeProfileAndLogin(removal: ProfileRemoval, signal: AbortSignal): Promise<RemovedProfile> {
  const {name, path, opened, logsOut} = removal
  const account = opened?.profile.account ?? null
  mustBeRemovable(path)
  const known = logsOut === null || opened === null ? null : await endLogin(opened, logsOut, signal)
  const linkedFile = removeProfile({name, path})
  return {
    name,
    path,
    loggedOut: logsOut === null || known === null ? null : {...deviceOf(logsOut), already: !known},
    stays: account === null || logsOut !== null ? null : {...deviceOf(account), own_login: account.own_login},
    staysUnknown: opened === null,
    linkedFile,
  }
}

const deviceOf = ({user_id, device_id}: RemovedDevice): RemovedDevice => ({user_id, device_id})

/** Nobody is to be logged out for a file that then stays. */
function mustBeRemovable(path: string): void {
  try {
    accessSync(dirname(path), constants.W_OK)
  } catch (error) {
    throw new StateError('OUTPUT_FAILED', `${JSON.stringify(path)} cannot be removed: its folder cannot be written`, {
      cause: error,
      hint: 'Check who owns the folder; nothing was done.',
    })
  }
}

/** @returns `false`: the token was not valid any more */
async function endLogin({name, profile}: OpenedProfile, device: RemovedDevice, signal: AbortSignal): Promise<boolean> {
  const {account, homeserver, insecure} = profile
  if (account === null || homeserver === null) return false
  const {logOut} = await import('../sources/account-login.ts')
  try {
    return await logOut({baseUrl: homeserver, accessToken: account.access_token, insecure, signal})
  } catch (error) {
    if (!(error instanceof StateError)) throw error
    throw new StateError(
      error.code,
      `the profile ${name} is left as it is, since its device could not be logged out: ${error.message}`,
      {
        cause: error,
        hint: `Try again later; or remove the file alone (--keep-login): the device ${device.device_id ?? 'of its token'} of ${device.user_id} then stays logged in, for you to log out by another client.`,
      },
    )
  }
}
