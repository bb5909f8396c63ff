import {homedir} from 'node:os'
import {isAbsolute, join, resolve} from 'node:path'
import {StateError} from '../errors.ts'

type Env = Readonly<Record<string, string | undefined>>

/** The profile of those who name none. */
export const DEFAULT_PROFILE = 'default'

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** Whether a profile can have this name: it becomes a file's, on every platform, and stands in command lines unquoted. */
export function isProfileName(name: string): boolean {
  return NAME.test(name)
}

/**
 * Where profiles are: `$MATRIX_STATE_PROFILE_DIR`, else `$XDG_CONFIG_HOME/matrix-state/profiles`, else below the folder that the platform has
 * for configuration. Nothing is made by asking. https://specifications.freedesktop.org/basedir/latest/
 *
 * @throws StateError PROFILE_UNUSABLE where none of these can be known
 */
export function profileFolder(env: Env = process.env, platform: NodeJS.Platform = process.platform): string {
  const {MATRIX_STATE_PROFILE_DIR: given = ''} = env
  return given === '' ? join(configHome(env, platform), 'matrix-state', 'profiles') : resolve(given)
}

function configHome(env: Env, platform: NodeJS.Platform): string {
  const {XDG_CONFIG_HOME: xdg = '', APPDATA: roaming = ''} = env
  if (isAbsolute(xdg)) return xdg
  if (platform === 'win32' && isAbsolute(roaming)) return roaming
  return platform === 'darwin' ? join(home(env), 'Library', 'Application Support') : join(home(env), '.config')
}

/** A container may run as a user who is in no list and has no home. */
function home({HOME: given = ''}: Env): string {
  if (isAbsolute(given)) return given
  try {
    const found = homedir()
    if (isAbsolute(found)) return found
  } catch {
    // The same as a home that is no path.
  }
  throw new StateError('PROFILE_UNUSABLE', 'there is no folder for profiles: this user has no home folder', {
    hint: 'Set MATRIX_STATE_PROFILE_DIR to the folder in which profiles are to be kept.',
  })
}

/** The file of a profile, there or not. @throws StateError USAGE for what is no name of a profile */
export function profilePath(name: string, folder: string = profileFolder()): string {
  if (isProfileName(name)) return join(folder, `${name}.json`)
  throw new StateError('USAGE', `${JSON.stringify(name.slice(0, 80))} is no name for a profile`, {
    hint: 'A name begins with a letter or digit, and has letters, digits, ".", "_" and "-": 64 at most.',
  })
}

/** What is to be typed to make the profile. */
export function setupLine(name: string): string {
  return name === DEFAULT_PROFILE ? 'matrix-state setup' : `matrix-state setup --profile ${name}`
}
