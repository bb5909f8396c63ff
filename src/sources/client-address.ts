import {StateError} from '../errors.ts'
import {openClientHttp} from './client-http.ts'
import type {ClientHttpOptions} from './client-http.ts'

/** Where a homeserver's client API is: a base URL without credentials, query, fragment or slash at its end. */
export interface HomeserverAddress {
  readonly baseUrl: string
  /** `true` when only a server name was given, so that `/.well-known/matrix/client` may know a better address. */
  readonly guessed: boolean
}

/**
 * Reads what a person typed as the address of a homeserver.
 *
 * @param typed - `https://example.org`, the same with a path prefix, or a bare server name, which gets `https://`.
 * @throws StateError `USAGE`; its message never repeats a password or a query.
 */
export function parseHomeserver(typed: string): HomeserverAddress {
  const trimmed = typed.trim()
  const guessed = !/^[a-z][a-z0-9+.-]*:\/\//iu.test(trimmed)
  let url: URL
  try {
    url = new URL(guessed ? `https://${trimmed}` : trimmed)
  } catch (error) {
    const shown = /[@?]/u.test(trimmed) ? 'the homeserver address' : `"${trimmed}"`
    throw new StateError('USAGE', `${shown} is not a URL.`, {cause: error, hint: 'Give it like https://example.org.'})
  }
  if (url.username !== '' || url.password !== '') {
    throw new StateError('USAGE', `The homeserver URL for ${url.host} holds a user name or a password.`, {
      hint: 'Command lines are seen by other users and kept in histories: give the plain URL and an access token.',
    })
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new StateError('USAGE', `A homeserver is asked by https:// or http://, not by ${url.protocol}//.`)
  }
  if (url.search !== '' || url.hash !== '') {
    throw new StateError('USAGE', `The homeserver URL ${url.origin}${url.pathname} goes on after "?" or "#".`, {
      hint: 'Give the base URL alone; a token belongs into MATRIX_STATE_TOKEN or a token file.',
    })
  }
  const path = url.pathname.replace(/\/+$/u, '').replace(/\/_matrix(?:\/client(?:\/v3|\/r0)?)?$/u, '')
  return {baseUrl: `${url.origin}${path}`, guessed}
}

/**
 * The base URL in an answer of `/.well-known/matrix/client`, or `null` when it names none that can be used.
 *
 * @see https://spec.matrix.org/v1.16/client-server-api/#well-known-uri
 * @remarks An address without TLS is not taken: the answer came over TLS, and the access token must not do with less.
 */
export function baseUrlOfWellKnown(answer: unknown): string | null {
  const homeserver = (answer as {'m.homeserver'?: {base_url?: unknown}} | null)?.['m.homeserver']
  if (typeof homeserver?.base_url !== 'string') return null
  try {
    const {baseUrl} = parseHomeserver(homeserver.base_url)
    return baseUrl.startsWith('https://') ? baseUrl : null
  } catch {
    return null
  }
}

/**
 * Asks a server name for the address of its client API.
 *
 * @returns the address it names; the same one where it names none, so that the next request tells what is wrong.
 */
export async function askWellKnown(
  baseUrl: string,
  options: Pick<ClientHttpOptions, 'insecure' | 'signal' | 'timeoutMs'>,
): Promise<{readonly baseUrl: string; readonly requests: number}> {
  const {insecure, signal, timeoutMs} = options
  const http = await openClientHttp({baseUrl, accessToken: null, insecure, signal, timeoutMs, maxRetryMs: 0})
  try {
    const answer = await http.get('/.well-known/matrix/client')
    return {baseUrl: baseUrlOfWellKnown(answer.json) ?? baseUrl, requests: http.requests()}
  } catch (error) {
    if (!(error instanceof StateError)) throw error
    return {baseUrl, requests: http.requests()}
  } finally {
    await http.close()
  }
}

/** Whether what is sent there can be read on the way. */
export function isUnencrypted(baseUrl: string): boolean {
  const {protocol, hostname} = new URL(baseUrl)
  return protocol === 'http:' && !/^(?:localhost|127\..*|\[::1\])$/u.test(hostname)
}
