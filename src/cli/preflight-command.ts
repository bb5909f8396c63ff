import {Flags} from '@oclif/core'
import {StateError} from '../errors.ts'
import {preflight} from '../investigate/on-demand.ts'
import type {PreflightOptions, PreflightReport} from '../investigate/preflight.ts'
import {homeserverOf, withProfile} from '../investigate/profile-access.ts'
import {openExport} from '../profile/profile-export.ts'
import {openProfile} from '../profile/profile-file.ts'
import type {OpenedProfile} from '../profile/profile.ts'
import {profileNameOf} from './profile-flags.ts'
import {optionalToken} from './secrets.ts'

/** Flags of `preflight`, beside what all commands have. */
export const preflightFlags = {
  profile: Flags.string({
    summary: 'The profile that `setup --bot` made.',
    description: 'Without it: MATRIX_STATE_PROFILE, else "default".',
    helpValue: 'NAME',
    exclusive: ['baseline'],
  }),
  baseline: Flags.string({
    summary: 'Take the baseline from this file, which `profile export` wrote, instead of a profile.',
    description:
      'The token is taken from MATRIX_STATE_TOKEN or --token-file, and goes to the homeserver that the file names, or to --homeserver. A check of the store that is a command is not run: whoever can change the file could run anything. Databases and signing keys of the file are left alone.',
    helpValue: 'FILE',
  }),
  homeserver: Flags.string({
    summary: 'With --baseline: another address of the homeserver than the file names.',
    helpValue: 'URL',
  }),
  'token-file': Flags.string({
    summary: 'Read the access token from this file.',
    description: 'It comes before MATRIX_STATE_TOKEN, which comes before the token of the profile.',
    helpValue: 'FILE',
  }),
  store: Flags.boolean({
    summary: 'Look at the store of the bot, and run the check that it opens.',
    description:
      'Leave it out (--no-store) where the disk is another one, and in health checks of a running bot, which may have its store locked.',
    allowNo: true,
    default: true,
  }),
  timeout: Flags.integer({
    summary: 'How long all of it may take.',
    helpValue: 'SECONDS',
    default: 30,
    min: 1,
    max: 3600,
  }),
}

export interface PreflightFlags {
  readonly profile: string | undefined
  readonly baseline: string | undefined
  readonly homeserver: string | undefined
  readonly 'token-file': string | undefined
  readonly store: boolean
  readonly timeout: number
}

type Subject = Pick<PreflightOptions, 'baseline' | 'profile' | 'account' | 'access' | 'store'>

/**
 * Holds the bot of a profile, or of an exported one, against its baseline.
 *
 * @throws StateError PROFILE_ABSENT, BASELINE_ABSENT, PROFILE_UNUSABLE, INPUT_NOT_FOUND, CREDENTIALS_ABSENT, USAGE, and what `preflight` throws
 */
export async function preflightFromFlags(flags: PreflightFlags, signal: AbortSignal): Promise<PreflightReport> {
  const subject = flags.baseline === undefined ? await ofProfile(flags) : await ofExport(flags.baseline, flags)
  const store = flags.store ? subject.store : 'leave-out'
  return preflight({...subject, store, timeoutMs: flags.timeout * 1000, signal, nowMs: Date.now})
}

async function ofProfile(flags: PreflightFlags): Promise<Subject> {
  const name = profileNameOf(flags.profile)
  const opened = openBotProfile(name)
  const {bot, account} = opened.profile
  if (bot === null) {
    // A login of setup's own is not the bot's.
    const device = account?.own_login === true ? ' --device ID (ID: the device of the bot)' : ''
    throw new StateError('BASELINE_ABSENT', `the profile ${name} has no bot whose baseline was recorded`, {
      hint: `Record it once: matrix-state setup --bot --modify --profile ${name}${device}`,
    })
  }
  const homeserver = await homeserverOf(opened, flags.homeserver)
  const accessToken = await optionalToken('MATRIX_STATE_TOKEN', flags['token-file'])
  const adminToken = await optionalToken('MATRIX_STATE_ADMIN_TOKEN', undefined)
  const given = {
    ...(homeserver === undefined ? {} : {homeserver}),
    ...(accessToken === undefined ? {} : {accessToken}),
    ...(adminToken === undefined ? {} : {adminToken}),
  }
  return {baseline: bot, profile: name, account, access: withProfile(given, opened, {secrets: true}), store: 'check'}
}

/** @throws StateError PROFILE_ABSENT with the line that makes a bot's profile, PROFILE_UNUSABLE, USAGE */
function openBotProfile(name: string): OpenedProfile {
  try {
    return openProfile(name)
  } catch (error) {
    if (!(error instanceof StateError) || error.code !== 'PROFILE_ABSENT') throw error
    throw new StateError(error.code, error.message, {
      cause: error,
      hint: `Make it once: matrix-state setup --bot --profile ${name}`,
    })
  }
}

async function ofExport(file: string, flags: PreflightFlags): Promise<Subject> {
  const {bot, account, homeserver: named, insecure} = openExport(file)
  if (bot === null) {
    throw new StateError('BASELINE_ABSENT', `${JSON.stringify(file)} has no bot whose baseline was recorded`, {
      hint: 'Record it in the profile (matrix-state setup --bot --modify --profile NAME), and export that again.',
    })
  }
  const homeserver = flags.homeserver ?? named
  const accessToken = await optionalToken('MATRIX_STATE_TOKEN', flags['token-file'])
  if (accessToken === undefined) {
    throw new StateError('CREDENTIALS_ABSENT', 'there is no access token, and a file for --baseline holds none', {
      hint: 'Set MATRIX_STATE_TOKEN, or name a file that holds the token with --token-file.',
    })
  }
  const access = {
    accessToken,
    ...(homeserver === null ? {} : {homeserver}),
    // What the file says of certificates is said of its own address.
    insecure: insecure && flags.homeserver === undefined,
  }
  return {baseline: bot, profile: null, account, access, store: 'look'}
}
