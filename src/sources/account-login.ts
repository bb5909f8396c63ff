import {StateError} from '../errors.ts'
import {malformed, stringIn, valueIn} from './client-bodies.ts'
import {openClientHttp} from './client-http.ts'
import type {ClientHttp, ExplainRefusal} from './client-http.ts'

/** Who logs in, and as which device. */
export interface LoginOptions {
  readonly baseUrl: string
  /** Accepts any TLS certificate. */
  readonly insecure?: boolean | undefined
  /** A user ID, or its part before the colon. */
  readonly user: string
  readonly password: string
  /** What the account's owner sees in the list of devices. */
  readonly deviceName: string
  /** Logs in as this device again, which ends its other tokens. Without it there is a new device. */
  readonly deviceId?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** The longest silence of the server, in milliseconds; 60,000 unless told otherwise. */
  readonly timeoutMs?: number | undefined
  /** How long an answer is waited for once the signal has fired, in milliseconds; 3,000 unless told otherwise. */
  readonly graceMs?: number | undefined
}

/** A device that was just logged in. The token is a secret. */
export interface Login {
  readonly userId: string
  readonly deviceId: string
  readonly accessToken: string
}

/** Whose login ends. */
export interface LogoutOptions {
  readonly baseUrl: string
  readonly accessToken: string
  readonly insecure?: boolean | undefined
  readonly signal?: AbortSignal | undefined
  readonly timeoutMs?: number | undefined
}

const LOGIN = '/_matrix/client/v3/login'
const LOGOUT = '/_matrix/client/v3/logout'
const PASSWORD_FLOW = 'm.login.password'
/** Who has pressed Ctrl-C waits no longer for a logout. */
const LOGOUT_MS = 5000

/**
 * Logs a device in by password.
 *
 * A signal that fires while the server makes the device does not cut the request off: the answer is waited for a moment, and the device is
 * logged out again.
 *
 * @throws StateError SERVER_REFUSED (wrong password; the server has no login by password, with how to do without), RATE_LIMITED,
 * SERVER_UNREACHABLE and SERVER_ANSWER_MALFORMED, which say that a device may have been left where that is so; else the signal's reason. No
 * error holds the password.
 * @see https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3login
 */
export async function logIn(options: LoginOptions): Promise<Login> {
  const {baseUrl, insecure, user, password, deviceName, deviceId, signal, timeoutMs = 60_000} = options
  await mustTakePasswords({baseUrl, insecure, signal, timeoutMs})
  signal?.throwIfAborted()
  const late = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const onAbort = (): void => {
    timer = setTimeout(() => {
      late.abort(signal?.reason)
    }, options.graceMs ?? 3000)
  }
  signal?.addEventListener('abort', onAbort, {once: true})
  const http = await openClientHttp({
    baseUrl,
    accessToken: null,
    insecure,
    signal: late.signal,
    timeoutMs,
    maxRetryMs: 0,
  })
  try {
    const login = await askLogin(http, {user, password, deviceName, deviceId}, late.signal)
    if (signal?.aborted !== true) return login
    const access = {baseUrl, accessToken: login.accessToken, insecure, signal: AbortSignal.timeout(LOGOUT_MS)}
    await logOut(access).catch((error: unknown) => {
      throw stays(deviceName, error)
    })
    throw signal.reason
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
    await http.close()
  }
}

async function askLogin(
  http: ClientHttp,
  {user, password, deviceName, deviceId}: Pick<LoginOptions, 'user' | 'password' | 'deviceName' | 'deviceId'>,
  late: AbortSignal,
): Promise<Login> {
  const body = {
    type: PASSWORD_FLOW,
    identifier: {type: 'm.id.user', user},
    password,
    initial_device_display_name: deviceName,
    ...(deviceId === undefined ? {} : {device_id: deviceId}),
  }
  try {
    const answer = await http.send({method: 'POST', path: LOGIN, body, secrets: [password]}, loginRefusal(user))
    return {
      userId: stringIn(answer, 'user_id'),
      deviceId: stringIn(answer, 'device_id'),
      accessToken: stringIn(answer, 'access_token'),
    }
  } catch (error) {
    // Whatever is no clear refusal leaves open whether the server made the device.
    const refused = error instanceof StateError && !UNCLEAR.has(error.code)
    if (refused || (!(error instanceof StateError) && !late.aborted)) throw error
    if (error instanceof StateError && /\bECONNREFUSED\b|\bENOTFOUND\b/u.test(error.message)) throw error
    throw stays(deviceName, error)
  }
}

const UNCLEAR: ReadonlySet<string> = new Set(['SERVER_UNREACHABLE', 'SERVER_ANSWER_MALFORMED'])

/** What is to be done about a device that may have been left. */
function stays(deviceName: string, cause: unknown): StateError {
  const known = cause instanceof StateError
  const why = known ? cause.message : 'interrupted before the server answered.'
  return new StateError(
    known ? cause.code : 'SERVER_UNREACHABLE',
    `The login was sent, and it is not known to have been taken back: ${why}`,
    {
      cause,
      hint: `Look into the account’s list of devices, and log out what is named ${JSON.stringify(deviceName)} there.`,
    },
  )
}

/**
 * Ends a login: the server forgets the token and its device.
 *
 * @returns `false`: the token was not valid any more
 * @throws StateError as for any request; the signal's reason
 * @see https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3logout
 */
export async function logOut(options: LogoutOptions): Promise<boolean> {
  const {timeoutMs = 15_000, ...access} = options
  const http = await openClientHttp({...access, timeoutMs, maxRetryMs: 5000})
  try {
    const change = {method: 'POST', path: LOGOUT, body: {}, idempotent: true, accept: [401]} as const
    const answer = await http.send(change)
    if (answer.status !== 401) return true
    if (valueIn(answer.json, ['errcode']) === 'M_UNKNOWN_TOKEN') return false
    throw malformed(answer.url, '401 without M_UNKNOWN_TOKEN')
  } finally {
    await http.close()
  }
}

/**
 * Asks whether the server takes passwords for logins, which is known before anybody types one.
 *
 * @throws StateError SERVER_REFUSED where it does not, with what it takes; and what the request comes to
 * @see https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3login
 */
export async function mustTakePasswords(
  options: Pick<LoginOptions, 'baseUrl' | 'insecure' | 'signal' | 'timeoutMs'>,
): Promise<void> {
  const http = await openClientHttp({timeoutMs: 60_000, ...options, accessToken: null, maxRetryMs: 5000})
  try {
    await askFlows(http)
  } finally {
    await http.close()
  }
}

async function askFlows(http: ClientHttp): Promise<void> {
  const explain: ExplainRefusal = (status, errcode, said) =>
    status === 404 || errcode === 'M_UNRECOGNIZED' ? noPasswords(`it has no /login: ${said}`, true) : null
  const answer = await http.get(LOGIN, {}, explain).catch((error: unknown) => {
    // Where another service does the logins, what stands before the homeserver may answer with a page of its own.
    if (!(error instanceof StateError) || !/ answered 40[45] with /u.test(error.message)) throw error
    throw noPasswords('it has no /login', true)
  })
  const flows = valueIn(answer.json, ['flows'])
  if (!Array.isArray(flows)) throw malformed(answer.url, 'no list of login flows')
  const types = flows.flatMap((flow: unknown) => {
    const type = valueIn(flow, ['type'])
    return typeof type === 'string' ? [type] : []
  })
  if (types.includes(PASSWORD_FLOW)) return
  const delegated = flows.some(
    (flow: unknown) =>
      valueIn(flow, ['oauth_aware_preferred']) === true ||
      valueIn(flow, ['org.matrix.msc3824.delegated_oidc_compatibility']) === true,
  )
  const named = types.map((type) => type.replaceAll(/[^\w.-]/gu, '').slice(0, 60)).slice(0, 5)
  throw noPasswords(named.length === 0 ? 'it offers no way' : `it offers ${named.join(', ')}`, delegated)
}

/** @param delegated - another service does the logins (OAuth), so that the tokens of clients end soon */
function noPasswords(why: string, delegated: boolean): StateError {
  const take = 'Give an access token instead, in MATRIX_STATE_TOKEN or a file for --token-file'
  return new StateError('SERVER_REFUSED', `The homeserver does not take a password for a login (${why}).`, {
    hint: delegated
      ? `${take}: one that does not expire. With matrix-authentication-service its admin makes one by \`mas-cli manage issue-compatibility-token\`.`
      : `${take}: a client that is logged in with SSO shows its own.`,
  })
}

function loginRefusal(user: string): ExplainRefusal {
  return (status, errcode, said) => {
    if (errcode === 'M_USER_DEACTIVATED') {
      return new StateError('SERVER_REFUSED', `The account ${JSON.stringify(user)} is deactivated (${said})`)
    }
    if (status !== 403) return null
    return new StateError('SERVER_REFUSED', `The homeserver does not accept this user and password (${said})`, {
      hint: `Check ${JSON.stringify(user)}, the password, and that this is the account’s own homeserver.`,
    })
  }
}
