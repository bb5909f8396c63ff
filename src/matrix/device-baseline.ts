/**
 * What `setup --bot` records of a bot's device, and everything later is held against: if any of it changes, the bot has become somebody else
 * to those who encrypt to it. Keys are public, in unpadded base64. Field names are those of the profile file.
 */
export interface Baseline {
  /** Milliseconds since 1970. */
  readonly recorded_ts: number
  readonly user_id: string
  readonly device_id: string
  readonly ed25519: string
  readonly curve25519: string
  /** `null`: the account had no cross-signing. */
  readonly master_key: string | null
  readonly self_signing_key: string | null
  /** Whether the self-signing key had signed the device. */
  readonly cross_signed: boolean
  /** `null`: there was none; absent: it was not told (another account's token, or no right to ask). */
  readonly backup?: BackupIdentity | null
  /** `null`: no store was named, so that the disk is not looked at. */
  readonly store: StoreBaseline | null
}

export interface BackupIdentity {
  readonly version: string
  /** Of `auth_data`; `null` for an algorithm that has none. */
  readonly public_key: string | null
}

/** Where the bot keeps its keys, and how to see that the store can be used. */
export interface StoreBaseline {
  /** Absolute; a file or a folder. */
  readonly path: string
  readonly check: StoreCheck | null
}

/**
 * `file`: the bot writes its device's ed25519 key into it after it has opened its store (absolute path). `command`: a line for the shell that
 * ends with 0 where the store opens.
 */
export type StoreCheck =
  {readonly kind: 'file'; readonly path: string} | {readonly kind: 'command'; readonly command: string}

/** By these a bot is somebody else to those who encrypt to it. */
export const IDENTITY_FIELDS = [
  'user_id',
  'device_id',
  'ed25519',
  'curve25519',
  'master_key',
  'self_signing_key',
] as const satisfies readonly (keyof Baseline)[]
