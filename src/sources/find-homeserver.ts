import {StateError} from '../errors.ts'
import {askWellKnown, isUnencrypted, parseHomeserver} from './client-address.ts'
import type {ClientHttpOptions} from './client-http.ts'
import {openClientHttp} from './client-http.ts'
import {askVersions} from './client-requests.ts'

/** A client API that has answered. */
export interface FoundHomeserver {
  readonly baseUrl: string
  /** `well-known`: a server name or website led there. */
  readonly by: 'address' | 'well-known'
  /** Remarks for people on what was found. */
  readonly notes: readonly string[]
}

/**
 * Finds the client API that a person means and asks it for its versions, without a token.
 *
 * A URL is taken as it is. Where no client API answers at one, its host is asked for another address, since the website of a server is often
 * mistaken for it.
 *
 * @throws StateError USAGE, and what the request comes to
 * @see https://spec.matrix.org/v1.19/client-server-api/#server-discovery
 */
export async function findHomeserver(
  typed: string,
  options: Pick<ClientHttpOptions, 'insecure' | 'signal' | 'timeoutMs' | 'maxRetryMs'>,
): Promise<FoundHomeserver> {
  const {baseUrl, guessed} = parseHomeserver(typed)
  const named = guessed ? (await askWellKnown(baseUrl, options)).baseUrl : baseUrl
  try {
    return await answering(named, guessed && named !== baseUrl ? 'well-known' : 'address', options)
  } catch (error) {
    if (!(error instanceof StateError) || !ELSEWHERE.has(error.code)) throw error
    if (named !== baseUrl) throw wrongWellKnown(error, baseUrl)
    if (guessed) throw noWellKnown(error, baseUrl)
    const other = (await askWellKnown(new URL(baseUrl).origin, options)).baseUrl
    if (other === baseUrl || other === new URL(baseUrl).origin) throw error
    return await answering(other, 'well-known', options)
  }
}

/** What a website answers where a client API was meant. */
const ELSEWHERE: ReadonlySet<string> = new Set(['SERVER_ANSWER_MALFORMED', 'SERVER_REFUSED', 'SERVER_UNREACHABLE'])

async function answering(
  baseUrl: string,
  by: FoundHomeserver['by'],
  options: Pick<ClientHttpOptions, 'insecure' | 'signal' | 'timeoutMs' | 'maxRetryMs'>,
): Promise<FoundHomeserver> {
  const http = await openClientHttp({...options, baseUrl, accessToken: null})
  try {
    const remark = await askVersions(http)
    return {baseUrl, by, notes: [...(remark === null ? [] : [remark]), ...wayNotes(baseUrl, options.insecure === true)]}
  } finally {
    await http.close()
  }
}

function wayNotes(baseUrl: string, insecure: boolean): readonly string[] {
  const {host, protocol} = new URL(baseUrl)
  if (isUnencrypted(baseUrl)) return [`What is sent to ${host} goes unencrypted (http://): passwords and tokens, too.`]
  if (!insecure || protocol !== 'https:') return []
  return [`The TLS certificate of ${host} is not verified (--insecure): somebody else may answer, and get the token.`]
}

function wrongWellKnown(error: StateError, baseUrl: string): StateError {
  return new StateError(error.code, error.message, {
    cause: error,
    hint: `${baseUrl}/.well-known/matrix/client names this address: correct it there, or give the right one as a URL.`,
  })
}

function noWellKnown(error: StateError, baseUrl: string): StateError {
  return new StateError(error.code, error.message, {
    cause: error,
    hint: `${baseUrl}/.well-known/matrix/client names no other address. Check the server name, or give the URL that clients use. ${error.hint ?? ''}`.trim(),
  })
}
