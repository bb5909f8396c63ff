import {StateError} from '../errors.ts'
import {askWellKnown, isUnencrypted, parseHomeserver} from './client-address.ts'
import {openClientHttp} from './client-http.ts'
import type {ClientHttp, ClientHttpOptions} from './client-http.ts'
import {askAccount, askAlias} from './client-requests.ts'
import type {GatherContext, Route, Step} from './evidence.ts'

/** How a homeserver is asked by its client or admin API. */
export interface AccessOptions {
  /** A URL, with a path prefix if need be, or a bare server name. */
  readonly homeserver: string
  readonly accessToken: string
  /** Accepts any TLS certificate. */
  readonly insecure?: boolean | undefined
  /** The longest that the pauses of one request may sum up to, in milliseconds; 60,000 unless told otherwise. */
  readonly maxRetryMs?: number | undefined
  /** The longest silence of the server, in milliseconds; 180,000 unless told otherwise. */
  readonly timeoutMs?: number | undefined
  /** When it fires, its reason is thrown. */
  readonly signal?: AbortSignal | undefined
}

/** An account on a homeserver, ready to ask. */
export interface Account {
  readonly userId: string
  readonly serverName: string
  /** The token's device; `null` where the server does not tell. */
  readonly deviceId: string | null
  readonly baseUrl: string
  /** The TLS certificate was not verified. Without TLS there was none; that it was without is told in `notes`. */
  readonly insecure: boolean
  /** Requests sent to learn all this. */
  readonly requests: number
  /** Remarks for people on how safe the way there is. */
  readonly notes: readonly string[]
  /** Connections for one piece of work. */
  readonly connect: (work: Pick<ClientHttpOptions, 'signal' | 'onPause'>) => Promise<ClientHttp>
}

/**
 * Finds the client API and asks it whose token it is.
 *
 * @throws StateError USAGE, CREDENTIALS_ABSENT, and what the requests come to
 */
export async function openAccount(options: AccessOptions): Promise<Account> {
  const {insecure, maxRetryMs, timeoutMs, signal} = options
  const accessToken = checkedToken(options.accessToken)
  const typed = parseHomeserver(options.homeserver)
  const {baseUrl, requests} = typed.guessed
    ? await askWellKnown(typed.baseUrl, {insecure, signal, timeoutMs})
    : {...typed, requests: 0}
  const connect: Account['connect'] = (work) =>
    openClientHttp({baseUrl, accessToken, insecure, maxRetryMs, timeoutMs, ...work})
  const http = await connect({signal})
  try {
    const {userId, serverName, deviceId} = await askAccount(http)
    return {
      userId,
      serverName,
      deviceId,
      baseUrl,
      insecure: insecure === true && baseUrl.startsWith('https:'),
      requests: requests + http.requests(),
      notes: transportNotes(baseUrl, insecure === true),
      connect,
    }
  } finally {
    await http.close()
  }
}

/**
 * What the routes of an account have in common.
 *
 * @param as - whose view it is: the account's, or its server's
 * @param gather - told how many requests opening took, at the first call only
 */
export function accountRoute(
  account: Account,
  kind: 'admin' | 'client',
  as: string,
  gather: (context: GatherContext, opening: number) => AsyncGenerator<Step>,
): Pick<Route, 'identity' | 'gather' | 'resolveAlias' | 'close'> {
  const {serverName: server, baseUrl: address, insecure} = account
  let unsaid = account.requests
  return {
    identity: {kind, name: `${kind} ${as}`, server, address, insecure},
    gather: (context) => {
      const opening = unsaid
      unsaid = 0
      return gather(context, opening)
    },
    resolveAlias: async (alias, signal) => {
      const http = await account.connect({signal})
      try {
        return await askAlias(http, alias)
      } finally {
        await http.close()
      }
    },
    close: () => Promise.resolve(),
  }
}

/** Remarks on a way that others can listen or answer on. */
export function transportNotes(baseUrl: string, insecure: boolean): string[] {
  const {host, protocol} = new URL(baseUrl)
  if (isUnencrypted(baseUrl)) return [`The access token went to ${host} unencrypted (http://).`]
  if (insecure && protocol === 'https:') {
    return [`The TLS certificate of ${host} was not verified (--insecure): somebody else may have answered.`]
  }
  return []
}

/** The token without blanks around it. @throws StateError CREDENTIALS_ABSENT */
export function checkedToken(token: string): string {
  const trimmed = token.trim()
  const hint = 'Put the access token into MATRIX_STATE_TOKEN or a file for --token-file.'
  if (trimmed === '') throw new StateError('CREDENTIALS_ABSENT', 'There is no access token.', {hint})
  if (!/^[\u0021-\u007e]+$/u.test(trimmed)) {
    throw new StateError('CREDENTIALS_ABSENT', 'The access token holds blanks or other characters no token has.', {
      hint,
    })
  }
  return trimmed
}

/** Requests since it was asked last; `before` are added to the first answer. */
export function counter(http: ClientHttp, before: number): () => number {
  let told = -before
  return () => {
    const since = http.requests() - told
    told = http.requests()
    return since
  }
}
