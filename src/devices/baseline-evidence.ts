import type {Finding, FindingId} from '../finding/finding.ts'
import type {Baseline} from '../matrix/device-baseline.ts'
import type {DeviceFactKind, DeviceSnapshot} from '../matrix/device-facts.ts'

/** All that a bot’s baseline is held against. */
export interface BaselineEvidence {
  readonly baseline: Baseline
  /** Told now. */
  readonly snapshots: readonly DeviceSnapshot[]
  /** Milliseconds since 1970. */
  readonly nowMs: number
  readonly token: TokenOutcome
  readonly store: StoreOutcome
  /** What was asked for and not told, with why, in words that stand behind a colon. What is neither told nor here, nobody could be asked for. */
  readonly unanswered: Readonly<Partial<Record<DeviceFactKind, string>>>
  /** Whether the token that is used is meant to be the bot’s own; otherwise matrix-state is logged in as a device of its own. */
  readonly asBot: boolean
  /** Name of the profile, for commands; `null`: the baseline came from a file of its own. */
  readonly profile: string | null
}

/** Whose token it is, as the homeserver says. */
export type TokenOutcome =
  | {
      readonly kind: 'account'
      readonly userId: string
      /** `null`: the server does not tell. */
      readonly deviceId: string | null
      /** Devices of the bot’s account whose token it may be: the bot’s own, and the one that `setup` asks by. `null`: none was told at set-up. */
      readonly expected: readonly (string | null)[]
      readonly route: string
    }
  /** `softLogout`: the device and its keys are still there, and wait for a new login. */
  | {readonly kind: 'refused'; readonly softLogout: boolean; readonly said: string; readonly route: string}
  /** There is none: other routes are asked. */
  | {readonly kind: 'absent'}
  | {readonly kind: 'unanswered'; readonly why: string}

/** What came of looking at the bot’s store. `left-out`: nobody was to look. `unrecorded`: the baseline names none. */
export type StoreOutcome = {readonly kind: 'left-out' | 'unrecorded'} | ({readonly kind: 'seen'} & StoreSeen)

export interface StoreSeen {
  /** `present`: there, and whether it opens was not tried. `not-checked`: could not be looked at, which says nothing of the store. */
  readonly outcome: 'opens' | 'present' | 'missing' | 'unopenable' | 'of-another' | 'not-checked'
  /** The end of a sentence that begins with the store: `is not there`. */
  readonly why: string
  /** The path of the store or of the check’s file, or `command`. */
  readonly where: string
  /** `of-another`: the key that was found. */
  readonly ed25519?: string
}

export type BaselineCheckId =
  | 'token'
  | 'device'
  | 'identity-keys'
  | 'self-signature'
  | 'cross-signing'
  | 'cross-signature'
  | 'one-time-keys'
  | 'messages'
  | 'backup'
  | 'store'
  | 'store-opens'

/**
 * Why a check was not made. `no-answer`: it should have been, and what it takes was not told. `no-access`: nothing that was given can tell.
 * `left-out`: on purpose. `other-failure`: another check failed, which leaves nothing to look at.
 */
export type NotCheckedBecause = 'no-answer' | 'no-access' | 'left-out' | 'other-failure'

/** One thing that was held against the baseline. */
export interface BaselineCheck {
  readonly id: BaselineCheckId
  /** `failed`: there is a finding of it, an error or a warning. */
  readonly outcome: 'ok' | 'failed' | 'not-checked'
  /** One sentence. */
  readonly summary: string
  /** `null` where it was made. */
  readonly because: NotCheckedBecause | null
  /** Its findings, notes included. */
  readonly findings: readonly FindingId[]
}

/** One way to put a finding right. */
export interface Repair {
  /** Stable name. */
  readonly repair: RepairId
  readonly what: string
  /** As it is typed, but for words in capitals (`FILE`); `null`: it is not done by a command. */
  readonly command: string | null
  /** What is lost by it, or who notices. */
  readonly costs: string
}

export type RepairId =
  | 'start-bot'
  | 'new-token'
  | 'restore-store'
  | 'name-store'
  | 'run-check'
  | 're-verify'
  | 'bootstrap'
  | 'look-into'
  | 'recover'
  | 'record-again'
  | 'accept-new-identity'

export interface BaselineJudgement {
  /** Always all of them, in one order. */
  readonly checks: readonly BaselineCheck[]
  readonly findings: readonly Finding[]
  /** For each finding that has any: the ways to put it right, least invasive first. */
  readonly repairs: ReadonlyMap<FindingId, readonly Repair[]>
}
