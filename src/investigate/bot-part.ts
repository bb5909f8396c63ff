import {resolve} from 'node:path'
import {StateError} from '../errors.ts'
import type {Baseline, StoreBaseline} from '../matrix/device-baseline.ts'
import {type FoundAddress, type GivenAccount, type OwnLogin, PLACE, untilGood} from './setup-account.ts'
import type {Profile} from '../profile/profile.ts'
import {identityChanges} from './identity-changes.ts'
import {recordBaseline} from './record-baseline.ts'
import type {BotSetUp} from './set-up-bot.ts'
import type {Asking, ConfirmedAccount} from './setup-checks.ts'
import type {SetupOptions, SetupRequest} from './setup-request.ts'
import {checkStore} from './store-check.ts'

/** Has the step for a bot do its work, where there is one. @throws StateError USAGE without an account, and what the step throws */
export async function botPart(
  request: SetupRequest,
  options: SetupOptions,
  known: {
    readonly found: Pick<FoundAddress, 'baseUrl'> | null
    readonly account: GivenAccount | null
    readonly login: OwnLogin | null
    readonly before: Baseline | null
  },
): Promise<BotSetUp | null> {
  const {bot, prompts, signal, nowMs} = options
  const {found, account, login, before} = known
  if (bot === null) return null
  if (found === null || account === null) {
    throw new StateError('USAGE', '--bot needs an account: an access token, or a user and a password')
  }
  const {userId, deviceId, accessToken, ownLogin} = account
  options.onStep?.('asking for the keys of the bot')
  return bot({
    profile: request.profile,
    baseUrl: found.baseUrl,
    insecure: request.insecure === true,
    userId,
    deviceId,
    accessToken,
    ownLogin,
    password: async () => request.password ?? login?.password ?? (await prompts?.password(userId)) ?? null,
    store: () => askedStore(options),
    before,
    signal,
    nowMs,
  })
}

/** Asks where the store is, until there is one, or the answer is that there is none. */
async function askedStore({prompts, signal}: SetupOptions): Promise<StoreBaseline | null | undefined> {
  if (prompts === null) return undefined
  const path = await untilGood(prompts, {signal, mistakes: PLACE}, async () => {
    const typed = (await prompts.store()).trim()
    if (typed === '') return null
    // Whose it is shows only once the keys of the bot are known.
    const owner = {user_id: '', device_id: '', ed25519: ''}
    const {outcome, why} = await checkStore({path: resolve(typed), check: null}, owner, {signal})
    if (outcome === 'present') return resolve(typed)
    throw new StateError('INPUT_NOT_FOUND', `The store ${JSON.stringify(resolve(typed))} ${why}.`, {
      hint: 'Check the path; if the bot has never run, start it once with its encryption on.',
    })
  })
  if (path === null) return null
  const file = (await prompts.storeCheckFile()).trim()
  return {path, check: file === '' ? null : {kind: 'file', path: resolve(file)}}
}

/**
 * Sees that the bot of a profile still publishes the keys that were recorded, where its token or the address is to change.
 *
 * @returns remarks for people
 * @throws StateError OTHER_IDENTITY for other keys, and what the requests come to
 */
export async function mustBeSameBot(
  profile: string,
  {bot: before}: Profile,
  {accessToken}: ConfirmedAccount,
  asking: Asking | null,
): Promise<readonly string[]> {
  if (before === null || asking === null) return []
  const {user_id: userId, device_id: deviceId} = before
  try {
    const now = await recordBaseline({...asking, accessToken, userId, deviceId, store: null, nowMs: () => 0})
    const other = identityChanges(before, now).filter(({field}) => field === 'ed25519' || field === 'curve25519')
    if (other.length === 0) return []
    const told = other.map(({field, before: was, after: is}) => `${field} was ${was}, and is ${is ?? 'none'}`)
    throw new StateError(
      'OTHER_IDENTITY',
      `the device ${deviceId} of ${userId} has other keys than the profile ${profile} recorded: ${told.join('; ')}`,
      {hint: 'See what happened: matrix-state preflight. With --bot --accept-new-identity, the new keys are recorded.'},
    )
  } catch (error) {
    if (!(error instanceof StateError) || error.code !== 'BASELINE_UNRECORDABLE') throw error
    return [`The keys of the bot cannot be held against what was recorded: ${error.message}`]
  }
}
