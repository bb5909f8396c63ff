import {StateError} from '../errors.ts'
import {reserveProfile} from '../profile/profile-file.ts'
import type {OpenedProfile, Profile} from '../profile/profile.ts'
import {botPart} from './bot-part.ts'
import {
  accountFor,
  addressFor,
  type FoundAddress,
  type GivenAccount,
  type OwnLogin,
  PLACE,
  storedAccount,
  takenBack,
  untilGood,
} from './setup-account.ts'
import {askingOf, checkDatabase, checkSigningKey, confirmAdmin, serverInUser, serverOf} from './setup-checks.ts'
import type {SetupOptions, SetupPrompts, SetupReport, SetupRequest} from './setup-request.ts'

/**
 * Makes a profile: room for it on the disk first, then what the servers say, and the file at last, whole or not at all. A device that was
 * logged in for it is logged out again when anything after that fails, or the signal fires.
 *
 * @throws StateError USAGE for what was given, all that is missing in one error; PROFILE_EXISTS; OTHER_IDENTITY where
 * the token is not of the user that was typed; OUTPUT_FAILED; and what a server, a key file or a database has against it. The signal's reason,
 * unless a device stays that could not be logged out: that is a StateError, too.
 */
export async function setUp(request: SetupRequest, options: SetupOptions): Promise<SetupReport> {
  const {prompts, signal, nowMs} = options
  const wizard = prompts !== null && givesNothing(request)
  // Whoever runs it a second time is told that the profile is there, whatever else is lacking.
  const draft = reserveProfile(request.profile, options.folder)
  const logins: OwnLogin[] = []
  try {
    if (prompts === null) mustBeEnough(request, options)
    serverOf(null, request.serverName)
    const wantsServer = wizard || options.bot !== null || wantsHomeserver(request)
    const found = wantsServer ? await addressFor(request, options, wizard && options.bot === null) : null
    const {account, adminToken, server} = await askHomeserver(request, options, {found, wizard, logins})
    const routes = await otherRoutes(request, options, {server, wizard})
    if (account === null && adminToken === null && routes.signingKeyFile === null && routes.databases.length === 0) {
      throw new StateError('USAGE', 'nothing was given that a profile could hold')
    }
    const bot = await botPart(request, options, {found, account, login: logins[0] ?? null, before: null})
    const now = nowMs()
    const profile: Profile = {
      schema: 'matrix-state/profile/1',
      created_ts: now,
      changed_ts: now,
      homeserver: found?.baseUrl ?? null,
      server_name: routes.server,
      insecure: request.insecure === true,
      account: account === null ? null : storedAccount(account, null),
      admin_token: adminToken,
      signing_key_file: routes.signingKeyFile,
      databases: routes.databases,
      bot: bot?.baseline ?? null,
    }
    // What was made for a bot on the server cannot be taken back: it is kept even then.
    if ((bot?.bootstrapped ?? null) === null) signal.throwIfAborted()
    const notes = [...(found?.notes ?? []), ...(bot?.notes ?? [])]
    return reportOf(draft.commit(profile), {created: true, bootstrapped: bot?.bootstrapped ?? null, changes: [], notes})
  } catch (error) {
    const told = await takenBack(logins, error, options)
    draft.discard()
    throw told
  }
}

/** What is told of a profile; none of its secrets. */
export function reportOf(
  {name, path, profile}: OpenedProfile,
  told: Pick<SetupReport, 'created' | 'bootstrapped' | 'changes' | 'notes'>,
): SetupReport {
  const {account} = profile
  return {
    profile: name,
    path,
    homeserver: profile.homeserver,
    serverName: profile.server_name,
    insecure: profile.insecure,
    account:
      account === null ? null : {userId: account.user_id, deviceId: account.device_id, ownLogin: account.own_login},
    admin: profile.admin_token !== null,
    signingKeyFile: profile.signing_key_file,
    databases: profile.databases,
    bot: profile.bot,
    ...told,
  }
}

function wantsHomeserver(request: SetupRequest): boolean {
  return [request.homeserver, request.user, request.password, request.accessToken, request.adminToken].some(
    (given) => given !== undefined,
  )
}

function givesNothing(request: SetupRequest): boolean {
  return !wantsHomeserver(request) && request.signingKeyFile === undefined && (request.databases ?? []).length === 0
}

/** Where nobody can be asked, everything must be there: one error names all that is not. */
function mustBeEnough(request: SetupRequest, {bot}: SetupOptions): void {
  const {homeserver, user, password, accessToken, adminToken, signingKeyFile, serverName} = request
  const missing: string[] = []
  const wantsAccount = wantsHomeserver(request) || bot !== null
  const hasRoute = signingKeyFile !== undefined || (request.databases ?? []).length > 0
  const place = 'the homeserver (--homeserver URL, or MATRIX_STATE_HOMESERVER)'
  if (wantsAccount && homeserver === undefined && serverInUser(user) === null) missing.push(place)
  else if (!wantsAccount && !hasRoute) missing.push(place)
  const ofPassword = 'MATRIX_STATE_PASSWORD or --password-file FILE'
  const credentialless = accessToken === undefined && (adminToken === undefined || bot !== null)
  if (user !== undefined && password === undefined && accessToken === undefined) {
    missing.push(`the password of ${JSON.stringify(user)} (${ofPassword})`)
  } else if (password !== undefined && user === undefined && accessToken === undefined) {
    missing.push('the user whose password it is (--user ID)')
  } else if ((wantsAccount || !hasRoute) && credentialless && password === undefined) {
    missing.push(
      `an access token (MATRIX_STATE_TOKEN or --token-file FILE), or a user and a password (--user ID, and ${ofPassword})`,
    )
  }
  if (signingKeyFile !== undefined && serverName === undefined && !wantsAccount) {
    missing.push('the server whose signing key that is (--server-name NAME)')
  }
  if (missing.length === 0) return
  const hint = 'Give it, or run this at a terminal, where it is asked for. "-" as a file stands for standard input.'
  throw new StateError('USAGE', `setup lacks ${missing.join('; and ')}`, {hint})
}

/** The account and the admin's token, each confirmed by the server. */
async function askHomeserver(
  request: SetupRequest,
  options: SetupOptions,
  {found, wizard, logins}: {found: FoundAddress | null; wizard: boolean; logins: OwnLogin[]},
): Promise<{account: GivenAccount | null; adminToken: string | null; server: string | null}> {
  const {prompts, signal} = options
  if (found === null) return {account: null, adminToken: null, server: null}
  const asking = askingOf(options, {baseUrl: found.baseUrl, insecure: request.insecure === true})
  const account = await accountFor(request, asking, options, (login) => {
    logins.push(login)
  })
  const confirm = async (token: string) => {
    options.onStep?.(`asking ${found.baseUrl} whether the admin's token is one`)
    return confirmAdmin(token, asking)
  }
  const {adminToken} = request
  const admin =
    adminToken !== undefined
      ? await confirm(adminToken)
      : wizard && prompts !== null
        ? await untilGood(prompts, {signal, mistakes: PLACE}, async () => {
            const token = (await prompts.adminToken()).trim()
            return token === '' ? null : confirm(token)
          })
        : null
  return {account, adminToken: admin?.accessToken ?? null, server: account?.serverName ?? admin?.serverName ?? null}
}

/** The signing key and the databases, each opened once. */
async function otherRoutes(
  request: SetupRequest,
  options: SetupOptions,
  known: {readonly server: string | null; readonly wizard: boolean},
): Promise<{server: string | null; signingKeyFile: string | null; databases: readonly string[]}> {
  const {prompts, signal} = options
  let server = serverOf(known.server, request.serverName)
  let signingKeyFile: string | null = null
  if (request.signingKeyFile !== undefined) signingKeyFile = await checkSigningKey(request.signingKeyFile)
  else if (known.wizard && prompts !== null) {
    signingKeyFile = await askedPath(prompts, signal, () => prompts.signingKeyFile(), checkSigningKey)
  }
  if (signingKeyFile !== null && server === null) {
    if (prompts === null) {
      throw new StateError('USAGE', 'the signing key is of no use without the name of its server: give --server-name')
    }
    server = await untilGood(prompts, {signal, mistakes: PLACE}, async () => {
      const typed = (await prompts.serverName()).trim()
      return serverOf(null, typed)
    })
  }
  const databases: string[] = []
  const check = async (value: string) => {
    options.onStep?.('opening the database')
    const only = new Set(request.databases).size < 2
    return checkDatabase(value, {signal, serverName: only ? server : null})
  }
  for (const value of request.databases ?? []) {
    const checked = await check(value)
    if (!databases.includes(checked.value)) databases.push(checked.value)
    if (new Set(request.databases).size === 1) server ??= checked.server
  }
  if (known.wizard && prompts !== null) {
    const asked = await askedPath(prompts, signal, () => prompts.database(), check)
    if (asked !== null) {
      databases.push(asked.value)
      server ??= asked.server
    }
  }
  return {server, signingKeyFile, databases}
}

async function askedPath<T>(
  prompts: SetupPrompts,
  signal: AbortSignal,
  ask: () => Promise<string>,
  check: (typed: string) => Promise<T>,
): Promise<T | null> {
  return untilGood(prompts, {signal, mistakes: PLACE}, async () => {
    const typed = (await ask()).trim()
    return typed === '' ? null : check(typed)
  })
}
