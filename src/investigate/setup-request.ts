import type {StateError} from '../errors.ts'
import type {Baseline, StoreBaseline} from '../matrix/device-baseline.ts'
import type {Profile} from '../profile/profile.ts'
import type {BotSetUp} from './set-up-bot.ts'

/** What a person gave for a profile. Secrets are in it: it is never printed or kept. */
export interface SetupRequest {
  /** Name of the profile. */
  readonly profile: string
  /** URL or server name of the client API. */
  readonly homeserver?: string
  /** A user ID, or its part before the colon. */
  readonly user?: string
  readonly password?: string
  /** Of the account, in place of a login by password. */
  readonly accessToken?: string
  readonly adminToken?: string
  /** A homeserver's own signing key, as Synapse writes it. */
  readonly signingKeyFile?: string
  /** The server whose key that is; the account's own when absent. */
  readonly serverName?: string
  /** `[NAME=]sqlite:PATH` or `[NAME=]postgres://…` */
  readonly databases?: readonly string[]
  readonly insecure?: boolean
}

/** What is to change in a profile. */
export interface ModifyRequest extends SetupRequest {
  /** What is to be taken out before anything is put in. */
  readonly drop?: {readonly admin?: boolean; readonly signingKey?: boolean; readonly databases?: boolean}
  /** The token may be of another device of the same user: a bot that was set up anew, and whose new identity is accepted. */
  readonly acceptNewDevice?: boolean
  /** An address that nobody typed for this: good where the profile has none, and refused where it is another one than the profile's. */
  readonly environmentHomeserver?: string
}

/** What may be asked of a person at a terminal. Whatever is typed may be empty. Each throws the signal's reason when interrupted. */
export interface SetupPrompts {
  /** Says why an answer was of no use, before it is asked for again. */
  readonly complain: (error: StateError) => Promise<void>
  readonly homeserver: () => Promise<string>
  readonly credential: (baseUrl: string) => Promise<'password' | 'token'>
  readonly user: (baseUrl: string) => Promise<string>
  /** Hidden. */
  readonly password: (user: string) => Promise<string>
  /** Hidden. */
  readonly accessToken: (baseUrl: string) => Promise<string>
  /** Hidden; empty: none. */
  readonly adminToken: () => Promise<string>
  /** Empty: none. */
  readonly signingKeyFile: () => Promise<string>
  readonly serverName: () => Promise<string>
  /** Empty: none. */
  readonly database: () => Promise<string>
  /** Where a bot keeps its keys; empty: not on this machine. */
  readonly store: () => Promise<string>
  /** The file into which a bot writes its key; empty: none. */
  readonly storeCheckFile: () => Promise<string>
  /** Which part of a profile is to change. */
  readonly change: (profile: Profile) => Promise<ChangeablePart>
}

export type ChangeablePart = 'homeserver' | 'token' | 'password' | 'admin' | 'signing-key' | 'database'

/** What the step for a bot is told: an account that the server has confirmed. */
export interface BotContext {
  readonly profile: string
  readonly baseUrl: string
  readonly insecure: boolean
  readonly userId: string
  /** The token's device; `null`: the server does not tell. */
  readonly deviceId: string | null
  readonly accessToken: string
  /** The device is one that this setup, or an earlier one, logged in. */
  readonly ownLogin: boolean
  /** The account's, for a temporary login: as it was given, or as a person types it now; `null` where nobody can be asked. */
  readonly password: () => Promise<string | null>
  /** The store as a person names it, `null` for none on this machine; `undefined` where nobody can be asked. */
  readonly store: () => Promise<StoreBaseline | null | undefined>
  /** What the profile has had so far. */
  readonly before: Baseline | null
  readonly signal: AbortSignal
  readonly nowMs: () => number
}

/** What `--bot` does between the confirmation of the account and the writing of the profile. What it throws stops the setup. */
export type BotStep = (context: BotContext) => Promise<BotSetUp>

export interface SetupOptions {
  /** The folder of profiles; its default place when absent. */
  readonly folder?: string
  /** `null` where nobody can be asked. */
  readonly prompts: SetupPrompts | null
  readonly bot: BotStep | null
  readonly signal: AbortSignal
  readonly nowMs: () => number
  /** Name of this machine, for the name of the device. */
  readonly host: string
  /** Hears what is being done. */
  readonly onStep?: (what: string) => void
  /** The longest silence of the server, in milliseconds; 60,000 unless told otherwise. */
  readonly timeoutMs?: number
  /** The longest that the pauses of one request may sum up to, in milliseconds; 20,000 unless told otherwise. */
  readonly maxRetryMs?: number
}

/** One field of a profile that is not what it was; secrets are told as `not set`, `set`, `replaced`. */
export interface ProfileChange {
  readonly field: string
  readonly before: string
  readonly after: string
}

/** What `setup` made or changed; no secrets. */
export interface SetupReport {
  readonly profile: string
  readonly path: string
  /** `false`: it was there and is changed. */
  readonly created: boolean
  readonly homeserver: string | null
  readonly serverName: string | null
  readonly insecure: boolean
  readonly account: {readonly userId: string; readonly deviceId: string | null; readonly ownLogin: boolean} | null
  /** Whether there is an admin token. */
  readonly admin: boolean
  readonly signingKeyFile: string | null
  readonly databases: readonly string[]
  readonly bot: Baseline | null
  /** Cross-signing that was made for the bot; `null`: none. */
  readonly bootstrapped: BotSetUp['bootstrapped']
  /** Empty for a new profile, and where all was as it was asked for. */
  readonly changes: readonly ProfileChange[]
  readonly notes: readonly string[]
}
