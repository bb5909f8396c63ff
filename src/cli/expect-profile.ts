import {StateError} from '../errors.ts'
import {listProfiles, openProfile} from '../profile/profile-file.ts'
import {profileFolder} from '../profile/profile-folder.ts'
import type {OpenedProfile} from '../profile/profile.ts'
import {profileNameOf} from './profile-flags.ts'

const ROUTES = '--homeserver with MATRIX_STATE_TOKEN, --database, or --signing-key with --server-name'

/**
 * The profile that a command expects; none is ever made.
 *
 * @param subject - what is on a server, and that nothing was typed to get at; `null` where the profile itself was typed
 * @throws StateError PROFILE_ABSENT with the line that makes it, PROFILE_UNUSABLE, USAGE
 */
export function expectProfile(typed: string | undefined, subject: string | null): OpenedProfile {
  const name = profileNameOf(typed)
  try {
    return openProfile(name)
  } catch (error) {
    if (!(error instanceof StateError) || error.code !== 'PROFILE_ABSENT') throw error
    const others = otherProfiles()
    const more = [
      ...(others.length === 0 ? [] : [`take one that there is: --profile ${others.join(', ')}`]),
      ...(typed === undefined ? [`name a route: ${ROUTES}`] : []),
    ].map((way) => `; or ${way}`)
    const where =
      subject === null || typed !== undefined ? '' : `${subject} is on a server, no route to it was named, and `
    throw new StateError(error.code, `${where}${error.message}`, {
      cause: error,
      hint: `${error.hint ?? ''}${more.join('')}`,
    })
  }
}

function otherProfiles(): readonly string[] {
  try {
    return listProfiles(profileFolder()).map(({name}) => name)
  } catch {
    return []
  }
}
