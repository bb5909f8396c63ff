import {StateError} from '../errors.ts'
import {serverNameOf} from '../matrix/ids.ts'
import {openProfile, replaceProfile} from '../profile/profile-file.ts'
import type {OpenedProfile, Profile, ProfileAccount} from '../profile/profile.ts'
import {homeserverOf} from './profile-access.ts'
import {profileChanges} from './profile-changes.ts'
import {reportOf} from './set-up.ts'
import {
  addressFor,
  byPassword,
  type GivenAccount,
  isSame,
  type OwnLogin,
  storedAccount,
  takenBack,
} from './setup-account.ts'
import {botPart, mustBeSameBot} from './bot-part.ts'
import {
  type Asking,
  askingOf,
  checkDatabase,
  checkSigningKey,
  confirmAccount,
  confirmAdmin,
  isUserTyped,
  serverOf,
} from './setup-checks.ts'
import type {ModifyRequest, SetupOptions, SetupPrompts, SetupReport} from './setup-request.ts'

/**
 * Changes a profile that is there: where its server is, the token of the same device, the routes beside it, what is known of a bot. Whatever
 * changes is tried first. Who it is stays.
 *
 * @throws StateError PROFILE_ABSENT, PROFILE_UNUSABLE; OTHER_IDENTITY for the token of another user or device; USAGE when nothing is to change;
 * and as `setUp`
 */
export async function modifyProfile(asked: ModifyRequest, options: SetupOptions): Promise<SetupReport> {
  const {prompts, signal, nowMs} = options
  const opened = openProfile(asked.profile, options.folder)
  const before = opened.profile
  const request = await withoutMoving(asked, opened)
  const wanted = changesSomething(request, options) ? request : await askedFor(request, before, prompts)
  const logins: OwnLogin[] = []
  try {
    const insecure = wanted.insecure ?? before.insecure
    const found = wanted.homeserver === undefined ? null : await addressFor({...wanted, insecure}, options, false)
    const baseUrl = found?.baseUrl ?? before.homeserver
    const moved = baseUrl !== before.homeserver || insecure !== before.insecure
    const asking = baseUrl === null ? null : askingOf(options, {baseUrl, insecure})
    // The admin's token that stays goes to another address only once that has shown to be the same server, as far as it can.
    const adminLater = moved && before.account !== null && !isLogin(wanted, before, options)
    const admin = async (): Promise<string | null> => adminOf(wanted, before, {asking, moved})
    const adminFirst = adminLater ? null : await admin()
    const server =
      serverOf(before.account === null ? null : before.server_name, wanted.serverName) ?? before.server_name
    const signingKeyFile = await signingKeyOf(wanted, before, server)
    const databases = await databasesOf(wanted, before, {server, signal})
    const account = await accountOf(wanted, before, options, {asking, moved, logins})
    const sameBot =
      account === null || options.bot !== null ? [] : await mustBeSameBot(request.profile, before, account, asking)
    const adminToken = adminLater ? await admin() : adminFirst
    const bot = await botPart({...wanted, insecure}, options, {
      found: asking,
      account: account ?? confirmedBefore(before),
      login: logins[0] ?? null,
      before: before.bot,
    })
    const after: Profile = {
      ...before,
      homeserver: baseUrl,
      server_name: server ?? account?.serverName ?? null,
      insecure,
      account: account === null ? before.account : storedAccount(account, before.account),
      admin_token: adminToken,
      signing_key_file: signingKeyFile,
      databases,
      bot: bot?.baseline ?? before.bot,
    }
    const changes = profileChanges(before, after)
    if ((bot?.bootstrapped ?? null) === null) signal.throwIfAborted()
    const kept = changes.length === 0 ? opened : replaceProfile(opened, {...after, changed_ts: nowMs()})
    const notes = [...(found?.notes ?? []), ...sameBot, ...(bot?.notes ?? [])]
    return reportOf(kept, {created: false, bootstrapped: bot?.bootstrapped ?? null, changes, notes})
  } catch (error) {
    throw await takenBack(logins, error, options)
  }
}

/**
 * A variable that a shell has around for something else moves no profile: its token would go to another address unseen.
 *
 * @throws StateError USAGE
 */
async function withoutMoving(
  {environmentHomeserver: around, ...request}: ModifyRequest,
  opened: OpenedProfile,
): Promise<ModifyRequest> {
  if (around === undefined || request.homeserver !== undefined) return request
  const homeserver = await homeserverOf(opened, around, 'MATRIX_STATE_HOMESERVER')
  return opened.profile.homeserver === null && homeserver !== undefined ? {...request, homeserver} : request
}

function changesSomething(request: ModifyRequest, {bot}: SetupOptions): boolean {
  const {profile: _, databases = [], drop, acceptNewDevice: _accepted, ...given} = request
  return (
    bot !== null || databases.length > 0 || Object.values(drop ?? {}).includes(true) || Object.keys(given).length > 0
  )
}

/** What a person at a terminal wants to change. @throws StateError USAGE where nobody can be asked */
async function askedFor(request: ModifyRequest, before: Profile, prompts: SetupPrompts | null): Promise<ModifyRequest> {
  if (prompts === null) {
    throw new StateError('USAGE', '--modify is given, and nothing that is to change', {
      hint: 'Give --homeserver, a token, --admin-token-file, --signing-key, --database, --bot, or --no-admin, --no-signing-key, --no-database.',
    })
  }
  const {account, homeserver} = before
  switch (await prompts.change(before)) {
    case 'homeserver':
      return {...request, homeserver: await prompts.homeserver()}
    case 'token':
      return {...request, accessToken: await prompts.accessToken(homeserver ?? '')}
    case 'password': {
      const user = account?.user_id ?? (await prompts.user(homeserver ?? '')).trim()
      return {...request, user, password: await prompts.password(user)}
    }
    case 'admin': {
      const adminToken = (await prompts.adminToken()).trim()
      return adminToken === '' ? {...request, drop: {admin: true}} : {...request, adminToken}
    }
    case 'signing-key': {
      const signingKeyFile = (await prompts.signingKeyFile()).trim()
      if (signingKeyFile === '') return {...request, drop: {signingKey: true}}
      const serverName = before.server_name ?? (await prompts.serverName()).trim()
      return {...request, signingKeyFile, serverName}
    }
    case 'database': {
      const database = (await prompts.database()).trim()
      return database === '' ? {...request, drop: {databases: true}} : {...request, databases: [database]}
    }
  }
}

/** The admin's token; one that stays is tried again where the address is another. */
async function adminOf(
  {adminToken, drop}: ModifyRequest,
  before: Profile,
  {asking, moved}: {asking: Asking | null; moved: boolean},
): Promise<string | null> {
  const stays = drop?.admin === true ? null : before.admin_token
  const token = adminToken ?? stays
  if (token === null || (adminToken === undefined && !moved)) return token
  if (asking === null) throw noHomeserver('an admin’s token')
  return (await confirmAdmin(token, asking)).accessToken
}

async function signingKeyOf(
  {signingKeyFile, drop}: ModifyRequest,
  before: Profile,
  server: string | null,
): Promise<string | null> {
  if (signingKeyFile === undefined) return drop?.signingKey === true ? null : before.signing_key_file
  if (server !== null) return checkSigningKey(signingKeyFile)
  throw new StateError('USAGE', 'the signing key is of no use without the name of its server: give --server-name')
}

async function databasesOf(
  {databases = [], drop}: ModifyRequest,
  before: Profile,
  {server, signal}: {server: string | null; signal: AbortSignal},
): Promise<readonly string[]> {
  const kept = new Set(drop?.databases === true ? [] : before.databases)
  const only = kept.size + databases.length < 2
  for (const value of databases)
    kept.add((await checkDatabase(value, {signal, serverName: only ? server : null})).value)
  return [...kept]
}

/** Whether the account is confirmed by a password. With --bot, a password serves the bot's part. */
function isLogin({accessToken, password}: ModifyRequest, {account}: Profile, {bot}: SetupOptions): boolean {
  return accessToken === undefined && password !== undefined && (bot === null || account === null)
}

/** The account where it must be confirmed anew; `null`: it stays as it is. */
async function accountOf(
  wanted: ModifyRequest,
  before: Profile,
  options: SetupOptions,
  {asking, moved, logins}: {asking: Asking | null; moved: boolean; logins: OwnLogin[]},
): Promise<GivenAccount | null> {
  const {accessToken, user, password = '', profile} = wanted
  const known = before.account
  if (user !== undefined && known !== null && !isUserTyped(user, known.user_id)) {
    throw otherIdentity(profile, `--user is ${JSON.stringify(user)}`, known)
  }
  const byLogin = isLogin(wanted, before, options)
  if (accessToken === undefined && !byLogin && !(moved && known !== null)) return null
  if (asking === null) throw noHomeserver('an account')
  const kept = (login: OwnLogin): void => {
    logins.push(login)
  }
  if (byLogin) {
    const who = user ?? known?.user_id
    if (who === undefined) throw new StateError('USAGE', 'setup lacks the user of the password (--user ID)')
    const account = await byPassword(who, password, asking, options, {profile, ...loginAs(known, profile), kept})
    return mustBeSame(account, known, profile, false)
  }
  const account = await confirmAccount(accessToken ?? known?.access_token ?? '', asking).catch((error: unknown) => {
    if (accessToken !== undefined || !(error instanceof StateError) || error.code !== 'SERVER_REFUSED') throw error
    throw new StateError(error.code, error.message, {
      cause: error,
      hint: `It is the profile’s own token that was tried at ${asking.baseUrl}: give a new one of the same device, too (MATRIX_STATE_TOKEN or --token-file).`,
    })
  })
  // A device that setup logged in is matrix-state's own, not the bot's: no token of another one takes its place.
  const isBots = before.bot !== null && known?.own_login === false && account.userId === known.user_id
  const mayBeOther = wanted.acceptNewDevice === true && known?.own_login === false && account.userId === known.user_id
  return mustBeSame({...account, ownLogin: known?.own_login ?? false}, mayBeOther ? null : known, profile, isBots)
}

/** As which device a password logs in: the same again, if it is one that only matrix-state uses. */
function loginAs(known: ProfileAccount | null, profile: string): {readonly deviceId?: string} {
  if (known === null) return {}
  if (known.own_login && known.device_id !== null) return {deviceId: known.device_id}
  const device = known.device_id === null ? 'the device' : `the device ${known.device_id}`
  throw new StateError(
    'OTHER_IDENTITY',
    `${device} of ${profile} is not one that setup logged in: a login by password would end its token, or be another device`,
    {
      hint: 'Give a new token of that device (MATRIX_STATE_TOKEN or --token-file), or make another profile: --profile NAME.',
    },
  )
}

/** @param isBots - the account is a bot's, which may have been logged in anew */
function mustBeSame(
  account: GivenAccount,
  known: ProfileAccount | null,
  profile: string,
  isBots: boolean,
): GivenAccount {
  if (known === null || isSame(account, known)) return account
  const device = account.deviceId === null ? 'a device that the server does not tell' : `device ${account.deviceId}`
  throw otherIdentity(profile, `what was given is of ${account.userId}, ${device}`, known, isBots)
}

function otherIdentity(
  profile: string,
  what: string,
  {user_id, device_id}: ProfileAccount,
  isBots = false,
): StateError {
  const device = device_id === null ? '' : `, device ${device_id}`
  return new StateError('OTHER_IDENTITY', `${what}; the profile ${profile} is of ${user_id}${device}`, {
    hint: isBots
      ? `If the bot's store was lost, restore it, and give a token of the recorded device. If the bot was logged in anew, and this is meant to be its device: matrix-state setup --bot --modify --accept-new-identity --profile ${profile}, with this token. What it costs: everybody sees a new, unverified device, and messages that were sent to the old keys stay unreadable.`
      : 'A profile stays with its user and device: make another one (--profile NAME), or remove this one first.',
  })
}

function noHomeserver(what: string): StateError {
  return new StateError('USAGE', `${what} is of no use to a profile without a homeserver: give --homeserver, too`)
}

function confirmedBefore({account, server_name: serverName}: Profile): GivenAccount | null {
  if (account === null) return null
  return {
    userId: account.user_id,
    serverName: serverName ?? serverNameOf(account.user_id),
    deviceId: account.device_id,
    accessToken: account.access_token,
    ownLogin: account.own_login,
  }
}
