import {StateError} from '../errors.ts'
import type {ProfileAccount} from '../profile/profile.ts'
import {logIn, logOut, mustTakePasswords} from '../sources/account-login.ts'
import {findHomeserver} from '../sources/find-homeserver.ts'
import {
  type Asking,
  type ConfirmedAccount,
  askingOf,
  confirmAccount,
  isUserTyped,
  serverInUser,
} from './setup-checks.ts'
import type {SetupOptions, SetupPrompts, SetupRequest} from './setup-request.ts'

/** A device that was logged in, and is to be logged out again unless all goes well. */
export interface OwnLogin {
  readonly userId: string
  readonly deviceId: string
  readonly deviceName: string
  readonly accessToken: string
  /** By which it was logged in. */
  readonly password: string
  readonly asking: Asking
}

/** The account that a profile is to have. */
export interface GivenAccount extends ConfirmedAccount {
  readonly ownLogin: boolean
}

export interface FoundAddress {
  readonly baseUrl: string
  readonly notes: readonly string[]
}

/** What a person at a terminal may have mistyped, so that it is worth asking again. */
type Mistakes = ReadonlySet<StateError['code']>
const ADDRESS: Mistakes = new Set(['USAGE', 'SERVER_REFUSED', 'SERVER_UNREACHABLE', 'SERVER_ANSWER_MALFORMED'])
const CREDENTIAL: Mistakes = new Set(['SERVER_REFUSED', 'CREDENTIALS_ABSENT', 'OTHER_IDENTITY'])
export const PLACE: Mistakes = new Set([
  'USAGE',
  'INPUT_NOT_FOUND',
  'INPUT_UNREADABLE',
  'KEYS_MALFORMED',
  'DATABASE_UNUSABLE',
  'SERVER_REFUSED',
  'SERVER_UNREACHABLE',
  'CREDENTIALS_ABSENT',
])
const TIMES = 3

/** Uses what a person types; asks again where it was of no use and a better answer may help. */
export async function untilGood<T>(
  prompts: SetupPrompts,
  {signal, mistakes}: {readonly signal: AbortSignal; readonly mistakes: Mistakes},
  askAndUse: () => Promise<T>,
): Promise<T> {
  for (let times = 1; ; times += 1) {
    try {
      return await askAndUse()
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof StateError) || !mistakes.has(error.code) || times === TIMES) throw error
      await prompts.complain(error)
    }
  }
}

/**
 * Where the client API is: as it was given, by the server name of the user, or as a person answers.
 *
 * @param optional - a person may answer that there is none; then `null`
 */
export async function addressFor(
  request: SetupRequest,
  options: SetupOptions,
  optional: boolean,
): Promise<FoundAddress | null> {
  const {prompts, signal} = options
  const insecure = request.insecure === true
  const find = async (typed: string): Promise<FoundAddress> => {
    options.onStep?.(`looking for ${typed.replace(/^.*@/su, '')}`)
    return findHomeserver(typed, askingOf(options, {baseUrl: '', insecure}))
  }
  const given = request.homeserver ?? serverInUser(request.user)
  if (given !== null) return find(given)
  if (prompts === null) return null
  return untilGood(prompts, {signal, mistakes: ADDRESS}, async () => {
    const typed = (await prompts.homeserver()).trim()
    if (typed !== '') return find(typed)
    if (optional) return null
    throw new StateError('USAGE', 'A homeserver is needed.')
  })
}

/**
 * The account, by the token or the password that was given or that a person types; `null` where there is only an admin's token.
 *
 * @param kept - hears of a login at once, so that it can be taken back
 */
export async function accountFor(
  request: SetupRequest,
  asking: Asking,
  options: SetupOptions,
  kept: (login: OwnLogin) => void,
): Promise<GivenAccount | null> {
  const {prompts, signal} = options
  const byToken = async (token: string): Promise<GivenAccount> => {
    options.onStep?.(`asking ${asking.baseUrl} whose token it is`)
    const account = await confirmAccount(token, asking)
    if (request.user !== undefined && !isUserTyped(request.user, account.userId)) {
      throw otherUser(`the access token is one of ${account.userId}`, request.user)
    }
    return {...account, ownLogin: false}
  }
  if (request.accessToken !== undefined) return byToken(request.accessToken)
  const wantsPassword = request.password !== undefined || request.user !== undefined
  if (prompts === null) {
    if (!wantsPassword) return null
    const {user = '', password = ''} = request
    return byPassword(user, password, asking, options, {profile: request.profile, kept})
  }
  if (!wantsPassword && request.adminToken !== undefined && options.bot === null) return null
  const tokenAsked = (): Promise<GivenAccount> =>
    untilGood(prompts, {signal, mistakes: CREDENTIAL}, async () => byToken(await prompts.accessToken(asking.baseUrl)))
  if (!wantsPassword) {
    if ((await prompts.credential(asking.baseUrl)) === 'token') return tokenAsked()
    try {
      await mustTakePasswords(asking)
    } catch (error) {
      if (!(error instanceof StateError) || error.code !== 'SERVER_REFUSED') throw error
      await prompts.complain(error)
      return tokenAsked()
    }
  }
  const mistakes: Mistakes = request.password === undefined ? CREDENTIAL : new Set()
  const {user, login} = await untilGood(prompts, {signal, mistakes}, async () => {
    const typed = request.user ?? (await prompts.user(asking.baseUrl)).trim()
    if (typed === '') throw new StateError('CREDENTIALS_ABSENT', 'There is no user.')
    const password = request.password ?? (await prompts.password(typed))
    return {user: typed, login: await loginBy(typed, password, asking, options, {profile: request.profile})}
  })
  kept(login)
  return confirmLogin(user, login)
}

/** Logs in by password, and asks whose token it is. @param kept - hears of the login at once: whoever calls takes it back if anything fails */
export async function byPassword(
  user: string,
  password: string,
  asking: Asking,
  options: SetupOptions,
  {kept, ...as}: {profile: string; deviceId?: string; kept: (login: OwnLogin) => void},
): Promise<GivenAccount> {
  const login = await loginBy(user, password, asking, options, as)
  kept(login)
  return confirmLogin(user, login)
}

async function loginBy(
  user: string,
  password: string,
  asking: Asking,
  options: SetupOptions,
  {profile, deviceId}: {profile: string; deviceId?: string},
): Promise<OwnLogin> {
  if (password === '') throw new StateError('CREDENTIALS_ABSENT', 'The password is empty.')
  const deviceName = `matrix-state on ${options.host} (profile ${profile})`
  options.onStep?.(`logging in at ${asking.baseUrl}`)
  const login = await logIn({...asking, user, password, deviceName, deviceId})
  return {...login, deviceName, password, asking}
}

async function confirmLogin(user: string, login: OwnLogin): Promise<GivenAccount> {
  const {asking, userId, deviceId} = login
  const account = await confirmAccount(login.accessToken, asking)
  if (account.userId !== userId || (account.deviceId !== null && account.deviceId !== deviceId)) {
    throw new StateError(
      'SERVER_ANSWER_MALFORMED',
      `${asking.baseUrl} logged in ${userId}, device ${deviceId}, and takes the token for one of ${account.userId}, device ${account.deviceId ?? 'untold'}.`,
    )
  }
  if (!isUserTyped(user, userId)) throw otherUser(`the server gave a login of ${userId}`, user)
  return {...account, deviceId, ownLogin: true}
}

function otherUser(what: string, user: string): StateError {
  return new StateError('OTHER_IDENTITY', `${what}, not ${JSON.stringify(user)}`, {
    hint: 'Check --user and the homeserver.',
  })
}

const LOGOUT_MS = 6000

/**
 * Logs out what was logged in for a profile that did not come to be.
 *
 * @param error - why it did not
 * @returns what is to be thrown: the same, or with it that the device stays, and how to be rid of it
 */
export async function takenBack([login]: readonly OwnLogin[], error: unknown, options: SetupOptions): Promise<unknown> {
  if (login === undefined) return error
  const {asking, accessToken, userId, deviceId, deviceName} = login
  const {baseUrl, insecure} = asking
  options.onStep?.(`logging out ${deviceId} again`)
  try {
    await logOut({baseUrl, insecure, accessToken, signal: AbortSignal.timeout(LOGOUT_MS)})
    return error
  } catch (failure) {
    const why = failure instanceof StateError ? failure.message : 'the server did not answer in time'
    const stays = `The device ${deviceId} of ${userId}, which setup had logged in, could not be logged out again: ${why}`
    const hint = `Log out ${deviceId} (${deviceName}) in the account’s list of devices.`
    if (error instanceof StateError) {
      const also = error.hint === undefined ? hint : `${error.hint} ${hint}`
      return new StateError(error.code, `${error.message} ${stays}`, {cause: error, hint: also})
    }
    return options.signal.aborted ? new StateError('SERVER_UNREACHABLE', stays, {cause: failure, hint}) : error
  }
}

/** Whether it is the user and the device that the profile is of; a device that nobody told so far may be any. */
export function isSame(account: ConfirmedAccount, known: ProfileAccount): boolean {
  if (account.userId !== known.user_id) return false
  return known.device_id === null || known.device_id === account.deviceId
}

/** As the profile keeps it. The device stays as it was known where the server does not tell it any more. */
export function storedAccount(account: GivenAccount, known: ProfileAccount | null): ProfileAccount {
  return {
    ...known,
    user_id: account.userId,
    device_id: account.deviceId ?? known?.device_id ?? null,
    access_token: account.accessToken,
    own_login: account.ownLogin,
  }
}
