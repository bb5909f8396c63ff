import type {MatrixClient} from 'matrix-js-sdk'
import type {CryptoCallbacks} from 'matrix-js-sdk/lib/crypto-api/index.js'
import type {Logger} from 'matrix-js-sdk/lib/logger.js'
import {StateError} from '../errors.ts'
import {answerFailure, networkFailure, tooSlow} from './client-failures.ts'
import {openAgent, proxyVariable} from './http-agent.ts'
import {readBody} from './http-body.ts'

/** Whose client it is. */
export interface SdkClientOptions {
  readonly baseUrl: string
  readonly insecure: boolean
  readonly userId: string
  readonly deviceId: string
  readonly accessToken: string
  readonly cryptoCallbacks: CryptoCallbacks
  /** Hears of each request before it is sent. */
  readonly onRequest: (request: {readonly method: string; readonly path: string}) => void
  /** Hears of each that was answered well. */
  readonly onAnswer: (answer: {readonly path: string; readonly text: string}) => void
  /** Secrets that a server could repeat in its words. */
  readonly secrets: readonly string[]
}

/** The SDK's client with its cryptography, silent, never syncing, on our connections. */
export interface SdkClient {
  readonly client: MatrixClient
  /** What the SDK threw, as the server's or the network's failure; `null` where it is neither. */
  readonly failureOf: (error: unknown) => StateError | null
  readonly close: () => Promise<void>
}

/** The longest silence of a server, milliseconds, and the largest answer, bytes: keys of one account. */
const TIMEOUT_MS = 60_000
const MAX_BODY_BYTES = 20_000_000

/**
 * Opens a client of matrix-js-sdk whose keys live in memory alone.
 *
 * @remarks It is not started: without `/sync` the SDK sends nothing but what it is told to. Its cryptography (a WebAssembly module of some
 * 5 MB) is loaded here, and 0.3 s go into that. The SDK's loggers write to the console, that is, into our results: they are silenced.
 */
export async function openSdkClient(options: SdkClientOptions): Promise<SdkClient> {
  const {baseUrl, insecure, userId, deviceId, accessToken, cryptoCallbacks} = options
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- not everything in the SDK uses the client's own logger
  const [{createClient}, {logger}, undici] = await Promise.all([
    import('matrix-js-sdk'),
    import('matrix-js-sdk/lib/logger.js'),
    import('undici'),
  ])
  Object.assign(logger, SILENT, {log: nothing})
  const dispatcher = await openAgent(baseUrl, {insecure, timeoutMs: TIMEOUT_MS})
  const proxy = proxyVariable(baseUrl)
  const fetchFn = async (resource: URL | string, init: RequestInit = {}): Promise<Response> => {
    const url = String(resource).replace(/\?.*$/su, '')
    const method = init.method ?? 'GET'
    const path = url.slice(baseUrl.length)
    let begun = false
    options.onRequest({method, path})
    try {
      const response = await undici.fetch(resource, {
        method,
        headers: init.headers as Record<string, string>,
        ...(typeof init.body === 'string' ? {body: init.body} : {}),
        // A token goes nowhere else.
        redirect: 'manual',
        dispatcher,
        ...(init.signal === undefined || init.signal === null ? {} : {signal: init.signal}),
      })
      begun = true
      const limits = {maxBytes: MAX_BODY_BYTES, silenceMs: TIMEOUT_MS}
      const body = await readBody(response.body as AsyncIterable<Uint8Array> | null, limits)
      if (typeof body === 'string') throw tooSlow(url)
      const text = body.toString('utf8')
      if (response.ok) options.onAnswer({path, text})
      const headers = [...response.headers].filter(([name]) => name === 'content-type' || name === 'retry-after')
      const bare = response.status === 204 || response.status === 304
      const whole = new Response(bare ? null : text, {status: response.status, headers})
      // The SDK's errors name it.
      return Object.defineProperty(whole, 'url', {value: url})
    } catch (error) {
      if (error instanceof StateError || (error instanceof Error && error.name === 'AbortError')) throw error
      throw networkFailure(url, error, begun, proxy).error
    }
  }
  const client = createClient({
    baseUrl,
    userId,
    deviceId,
    accessToken,
    logger: SILENT,
    fetchFn: fetchFn as typeof fetch,
    localTimeoutMs: TIMEOUT_MS,
    cryptoCallbacks,
  })
  const hide = (text: string): string =>
    [accessToken, ...options.secrets].reduce((hidden, secret) => hidden.replaceAll(secret, '<secret>'), text)
  const close = async (): Promise<void> => {
    client.stopClient()
    client.http.abort()
    await dispatcher.destroy()
  }
  try {
    await client.initRustCrypto({useIndexedDB: false})
  } catch (error) {
    await close()
    throw error
  }
  return {client, failureOf: (error) => failureOf(error, baseUrl, hide), close}
}

interface SdkError extends Error {
  readonly httpStatus?: number
  readonly url?: string
  readonly data?: unknown
}

function failureOf(thrown: unknown, baseUrl: string, hide: (text: string) => string): StateError | null {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 8; error = error.cause, depth += 1) {
    if (error instanceof StateError) return error
    const {httpStatus: status, url = baseUrl, data} = error as SdkError
    if (error.name === 'AbortError') return tooSlow(baseUrl)
    if (status === undefined) continue
    const where = url.replace(/[?#].*$/su, '')
    if (status === 429) {
      return new StateError('RATE_LIMITED', `${where} answered 429 (too many requests).`, {
        hint: 'Try again later, or have the rate limit of this account raised on the homeserver.',
      })
    }
    const text = data === undefined ? '' : JSON.stringify(data)
    const answer = {status, contentType: 'application/json', retryAfter: null, location: null, text}
    return answerFailure(where, answer, hide).error
  }
  return null
}

const nothing = (): void => undefined
const SILENT: Logger = {
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  getChild: () => SILENT,
}
