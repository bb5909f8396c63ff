import {Flags} from '@oclif/core'
import {StateError} from '../errors.ts'
import {listProfiles, type OpenedProfile, openProfile} from '../profile/profile-file.ts'
import {DEFAULT_PROFILE, profileFolder} from '../profile/profile-folder.ts'

/** `--profile`, of every command that asks servers. */
export const profileFlag = {
  profile: Flags.string({
    summary: 'Ask as this profile says, which `setup` made; flags add to it.',
    description:
      'Without it, and if no flag names a route: MATRIX_STATE_PROFILE, else "default". Not opened for files unless it is typed.',
    helpValue: 'NAME',
    helpGroup: 'ACCESS',
  }),
}

/** Which profile is meant where none is typed. */
export function profileNameOf(typed: string | undefined): string {
  if (typed !== undefined) return typed
  const {MATRIX_STATE_PROFILE: given = ''} = process.env
  return given === '' ? DEFAULT_PROFILE : given
}

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
