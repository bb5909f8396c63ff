import path from 'node:path'
import {StateError} from '../errors.ts'
import {isServerName, isUserId, serverNameOf} from '../matrix/ids.ts'
import {adminRefusal, adminRequest} from '../sources/admin-access.ts'
import {openAccount} from '../sources/client-access.ts'
import type {SetupOptions} from './setup-request.ts'

/** How a homeserver is asked while a profile is made. */
export interface Asking {
  readonly baseUrl: string
  readonly insecure: boolean
  readonly signal: AbortSignal
  readonly timeoutMs: number
  readonly maxRetryMs: number
}

/** An account that its server has confirmed. */
export interface ConfirmedAccount {
  readonly userId: string
  readonly serverName: string
  /** `null`: the server does not tell. */
  readonly deviceId: string | null
  readonly accessToken: string
}

export function askingOf(
  {signal, timeoutMs = 60_000, maxRetryMs = 20_000}: SetupOptions,
  where: Pick<Asking, 'baseUrl' | 'insecure'>,
): Asking {
  return {...where, signal, timeoutMs, maxRetryMs}
}

/** Asks whose token it is. @throws StateError CREDENTIALS_ABSENT, SERVER_REFUSED, and what the request comes to */
export async function confirmAccount(accessToken: string, asking: Asking): Promise<ConfirmedAccount> {
  const {userId, serverName, deviceId} = await openAccount({...asking, homeserver: asking.baseUrl, accessToken})
  return {userId, serverName, deviceId, accessToken: accessToken.trim()}
}

/**
 * Asks whether it is the token of a server admin.
 *
 * @throws StateError SERVER_REFUSED where it is not, or where the admin API is not there
 * @see https://element-hq.github.io/synapse/latest/admin_api/user_admin_api.html
 */
export async function confirmAdmin(adminToken: string, asking: Asking): Promise<ConfirmedAccount> {
  const account = await openAccount({...asking, homeserver: asking.baseUrl, accessToken: adminToken}).catch(
    (error: unknown) => {
      if (!(error instanceof StateError) || !OF_TOKEN.has(error.code)) throw error
      throw new StateError(error.code, `the admin's access token is of no use: ${error.message}`, {
        cause: error,
        hint: 'Check what is in MATRIX_STATE_ADMIN_TOKEN or the file of --admin-token-file.',
      })
    },
  )
  const http = await account.connect({signal: asking.signal})
  try {
    const url = `/_synapse/admin/v1/users/${encodeURIComponent(account.userId)}/admin`
    await adminRequest(() => http.get(url, {}, adminRefusal(account, null)))
  } finally {
    await http.close()
  }
  const {userId, serverName, deviceId} = account
  return {userId, serverName, deviceId, accessToken: adminToken.trim()}
}

const OF_TOKEN: ReadonlySet<StateError['code']> = new Set(['SERVER_REFUSED', 'CREDENTIALS_ABSENT'])

/** Reads the signing key, to see that it can be. @returns its absolute path. @throws StateError as `readSigningKeys` */
export async function checkSigningKey(file: string): Promise<string> {
  const {readSigningKeys} = await import('../sources/federation-signing-key.ts')
  const absolute = path.resolve(file)
  await readSigningKeys(absolute)
  return absolute
}

/** A database that was opened once. */
export interface CheckedDatabase {
  /** As `--database` takes it, with an absolute path. */
  readonly value: string
  readonly server: string
}

/**
 * Opens a database, to see that it is Synapse's, and whose.
 *
 * @param serverName - whose it is, where neither its address nor the database itself says so
 * @throws StateError as `openSynapseDatabase`
 */
export async function checkDatabase(
  value: string,
  {signal, serverName}: {readonly signal: AbortSignal; readonly serverName: string | null},
): Promise<CheckedDatabase> {
  const {parseDatabaseAddress} = await import('../sources/database-address.ts')
  const {openSynapseDatabase} = await import('../sources/database-opened.ts')
  const address = parseDatabaseAddress(value)
  const {identity} = await openSynapseDatabase({address, signal, ...(serverName === null ? {} : {serverName})})
  const named = address.serverName === null ? '' : `${address.serverName}=`
  return {value: address.kind === 'sqlite' ? `${named}${address.shown}` : value, server: identity.server}
}

/**
 * The server that a profile is about.
 *
 * @param known - of the account or the admin, `null` without
 * @throws StateError USAGE for a name that is none, or another one than that of the account
 */
export function serverOf(known: string | null, typed: string | undefined): string | null {
  if (typed === undefined) return known
  if (!isServerName(typed)) throw new StateError('USAGE', `--server-name: ${JSON.stringify(typed)} is no server name`)
  if (known === null || known === typed) return typed
  throw new StateError(
    'USAGE',
    `--server-name is ${typed}, and the account is one of ${known}: a profile is for one server`,
    {
      hint: 'Make a profile for each server: --profile NAME.',
    },
  )
}

/** The server name in a whole user ID; `null` for what is no whole one. */
export function serverInUser(user: string | undefined): string | null {
  return user !== undefined && isUserId(user) && serverNameOf(user) !== '' ? serverNameOf(user) : null
}

/** Whether the confirmed user is the one that was typed: a whole ID, or the part before the colon. Servers fold case at logins. */
export function isUserTyped(typed: string, userId: string): boolean {
  const whole = serverInUser(typed) !== null
  const confirmed = whole ? userId : userId.slice(1, userId.indexOf(':'))
  return confirmed.toLowerCase() === (whole ? typed : typed.replace(/^@/u, '')).toLowerCase()
}
