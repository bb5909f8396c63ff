import {Flags} from '@oclif/core'
import {DEFAULT_PROFILE} from '../profile/profile-folder.ts'

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
