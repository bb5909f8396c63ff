import {StateError} from '../errors.ts'
import type {Baseline} from '../matrix/device-baseline.ts'
import type {FoundAddress, GivenAccount, OwnLogin} from './setup-account.ts'
import type {BotOutcome, SetupOptions, SetupRequest} from './setup-request.ts'

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
): Promise<BotOutcome | null> {
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
    before,
    signal,
    nowMs,
  })
}
