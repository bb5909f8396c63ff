import type {Baseline} from '../matrix/device-baseline.ts'

/**
 * What `setup` creates and every other command expects: who asks which homeserver, by which routes. Field names are those of the file. There
 * are secrets in it (`access_token`, `admin_token`): it is never printed or copied whole.
 */
export interface Profile {
  readonly schema: 'matrix-state/profile/1'
  /** Milliseconds since 1970. */
  readonly created_ts: number
  readonly changed_ts: number
  /** Base URL of the client API, as it was found; `null` for a profile without one. */
  readonly homeserver: string | null
  readonly server_name: string | null
  /** Whether any TLS certificate is accepted. */
  readonly insecure: boolean
  readonly account: ProfileAccount | null
  readonly admin_token: string | null
  /** Absolute path of the homeserver's own signing key; with it goes `server_name`. */
  readonly signing_key_file: string | null
  /** As `--database` takes them, paths absolute. */
  readonly databases: readonly string[]
  /** Recorded by `setup --bot`. */
  readonly bot: Baseline | null
}

/** The account whose token a profile has. */
export interface ProfileAccount {
  readonly user_id: string
  /** `null`: the server does not tell. */
  readonly device_id: string | null
  readonly access_token: string
  /** `setup` logged this device in by password: `profile remove` logs it out. Otherwise the token was given, and stays the giver's. */
  readonly own_login: boolean
}

/** The newest profile schema that this program knows. */
export const PROFILE_SCHEMA = 1

/** A profile as it was found on the disk. */
export interface OpenedProfile {
  readonly name: string
  readonly path: string
  readonly profile: Profile
  /** Of the file, as it was read. There are secrets in it. */
  readonly text: string
}

/** A profile without its secrets: fit to be attached to a report, or to be committed. Field names are those of the file. */
export interface ProfileExport extends Omit<Profile, 'schema' | 'account' | 'admin_token'> {
  readonly schema: 'matrix-state/profile-export/1'
  readonly account: Pick<ProfileAccount, 'user_id' | 'device_id'> | null
}
