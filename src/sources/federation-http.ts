import {isIP} from 'node:net'
import {setTimeout as sleep} from 'node:timers/promises'
import {checkServerIdentity} from 'node:tls'
import type {Dispatcher} from 'undici'
import {StateError} from '../errors.ts'
import type {JsonObject} from '../matrix/json.ts'
import {canonicalJson} from '../matrix/canonical-json.ts'
import {answerFailure, askedWaitMs, errorOf, networkFailure, printable, tooSlow} from './client-failures.ts'
import type {Failure, RawAnswer} from './client-failures.ts'
import type {Discovered, Discovery, ServerAddress} from './federation-discovery.ts'
import {asFederationFailure} from './federation-failures.ts'
import {xMatrixHeader} from './federation-signing-key.ts'
import type {SigningKey} from './federation-signing-key.ts'
import {readBody} from './http-body.ts'
import {Semaphore} from './semaphore.ts'

/** What came back, once trying again is done with. */
export type FederationAnswer =
  /** A good answer; `text` is the body as received, `json` what `JSON.parse` makes of it: good for IDs, never for PDUs. */
  | {readonly kind: 'answer'; readonly url: string; readonly text: string; readonly json: unknown}
  /** A status of 400 to 499; `said` is safe to show. */
  | {
      readonly kind: 'refused'
      readonly url: string
      readonly status: number
      readonly errcode: string
      readonly said: string
    }
  /** Nothing of use, though the server was reached: a status of 500 or more, no JSON, too long. */
  | {readonly kind: 'failed'; readonly url: string; readonly status: number | null; readonly error: StateError}

export interface FederationRequest {
  readonly method?: 'GET' | 'POST'
  /** Path and query as they are to be sent. */
  readonly uri: string
  readonly content?: JsonObject
  readonly signal?: AbortSignal | undefined
  readonly onPause?: ((pause: {readonly ms: number; readonly reason: string}) => void) | undefined
}

export interface FederationTimeouts {
  /** For a connection to stand, in milliseconds; 15,000 unless told otherwise. */
  readonly connectMs?: number | undefined
  /** Longest silence before and within an answer, in milliseconds; 120,000 unless told otherwise. */
  readonly silenceMs?: number | undefined
}

export interface FederationHttpOptions {
  /** Name of the server that is asked. */
  readonly server: string
  /** Who asks; `null` sends requests without a signature. */
  readonly signer: {readonly origin: string; readonly key: SigningKey} | null
  readonly discovery: Discovery
  /** `host:port` to connect to instead of what discovery would find; the server is still addressed by its name. */
  readonly address?: string | undefined
  /** Accepts any TLS certificate. */
  readonly insecure?: boolean | undefined
  /** Requests under way at the same time; 4 unless told otherwise. */
  readonly concurrency?: number | undefined
  readonly timeouts?: FederationTimeouts | undefined
  /** The longest that the pauses of one request may sum up to, in milliseconds; 60,000 unless told otherwise. */
  readonly maxRetryMs?: number | undefined
  /** 200,000,000 unless told otherwise. */
  readonly maxBodyBytes?: number | undefined
  readonly nowMs?: (() => number) | undefined
}

/** Requests to one server. */
export interface FederationHttp {
  /**
   * Asks, again where that may help.
   *
   * @throws StateError SERVER_UNREACHABLE, RATE_LIMITED, USAGE; the request's signal's reason when that fires.
   */
  readonly ask: (request: FederationRequest) => Promise<FederationAnswer>
  /** How many requests have been sent, those that failed included; discovery does not count. */
  readonly requests: () => number
  /** How the server was found; empty before the first request. */
  readonly trail: () => readonly string[]
  readonly close: () => Promise<void>
}

const MAX_RETRIES = 4

type Attempt =
  | FederationAnswer
  | Failure
  | {readonly limited: RawAnswer}
  /** Useless as it is, but may be better next time. */
  | {readonly spoilt: FederationAnswer & {readonly kind: 'failed'}}

/**
 * Opens HTTPS to one server.
 *
 * @remarks Redirects are not followed: a signature is for one server. HTTPS_PROXY and NO_PROXY are obeyed, but loopback addresses are
 * never asked through a proxy, which would have another loopback. A 429 and what may pass by itself is waited out with growing pauses.
 */
export async function openFederationHttp(options: FederationHttpOptions): Promise<FederationHttp> {
  const undici = await import('undici')
  const {server, signer, timeouts = {}, maxRetryMs = 60_000, maxBodyBytes = 200_000_000, nowMs = Date.now} = options
  const silenceMs = timeouts.silenceMs ?? 120_000
  const semaphore = new Semaphore(options.concurrency ?? 4)
  const dispatchers = new Map<string, Dispatcher>()
  let requests = 0
  let answered = false
  let trail: readonly string[] = []

  const dispatcherTo = (address: ServerAddress): Dispatcher => {
    const key = JSON.stringify(address)
    const known = dispatchers.get(key)
    if (known !== undefined) return known
    const {tlsName} = address
    const tls = {
      rejectUnauthorized: options.insecure !== true,
      // An IP address is no SNI, but the certificate must still be for it.
      ...(isIP(tlsName) === 0 ? {servername: tlsName} : {}),
      checkServerIdentity: (_host: string, certificate: Parameters<typeof checkServerIdentity>[1]) =>
        checkServerIdentity(tlsName, certificate),
      timeout: timeouts.connectMs ?? 15_000,
    }
    const common = {headersTimeout: silenceMs, bodyTimeout: silenceMs, allowH2: false}
    const made = isLoopback(address.host)
      ? new undici.Agent({...common, connect: tls})
      : new undici.EnvHttpProxyAgent({...common, connect: tls, requestTls: tls})
    dispatchers.set(key, made)
    return made
  }

  const exchange = async (address: ServerAddress, url: string, request: FederationRequest): Promise<Attempt> => {
    const {uri, content, method = 'GET', signal} = request
    const authorization =
      signer === null
        ? null
        : xMatrixHeader(
            {method, uri, origin: signer.origin, destination: server, ...(content === undefined ? {} : {content})},
            signer.key,
          )
    let begun = false
    try {
      requests += 1
      const {statusCode, headers, body} = await dispatcherTo(address).request({
        origin: originOf(address),
        path: uri,
        method,
        headers: {
          host: address.hostHeader,
          accept: 'application/json',
          'user-agent': 'matrix-state',
          ...(authorization === null ? {} : {authorization}),
          ...(content === undefined ? {} : {'content-type': 'application/json'}),
        },
        body: content === undefined ? null : canonicalJson(content),
        signal: signal ?? null,
      })
      begun = true
      const bytes = await readBody(body as AsyncIterable<Uint8Array>, {maxBytes: maxBodyBytes, silenceMs})
      if (typeof bytes === 'string') body.on('error', () => undefined).destroy()
      if (bytes === 'too slow') return {persistence: 'fatal', error: tooSlow(url)}
      if (bytes === 'too long') {
        const message = `${url} answered with more than ${String(maxBodyBytes)} bytes.`
        const error = new StateError('SERVER_ANSWER_MALFORMED', message, {
          hint: 'No answer of a homeserver is meant to be that long: look at what answers there.',
        })
        return {kind: 'failed', url, status: statusCode, error}
      }
      return judge(url, {
        status: statusCode,
        contentType: single(headers['content-type']) ?? '',
        retryAfter: single(headers['retry-after']),
        location: single(headers['location']),
        bytes,
      })
    } catch (error) {
      signal?.throwIfAborted()
      return networkFailure(url, error, begun)
    }
  }

  /** One attempt at each address, until one can be connected to. */
  const attempt = async (request: FederationRequest): Promise<Attempt> => {
    const {addresses, trail: said} = await whereToAsk(options, request.signal)
    trail = said
    let outcome: Attempt | undefined
    for (const address of addresses) {
      const url = `${originOf(address)}${request.uri.replace(/\?.*$/su, '')}`
      outcome = await exchange(address, url, request)
      if (!('persistence' in outcome)) break
      outcome = asFederationFailure(outcome, trail)
    }
    if (outcome === undefined) throw new Error('discovery found no address')
    if ('spoilt' in outcome || 'limited' in outcome || ('kind' in outcome && outcome.kind !== 'failed')) answered = true
    return outcome
  }

  const ask = async (request: FederationRequest): Promise<FederationAnswer> => {
    const {signal} = request
    const stepMs = maxRetryMs / 60
    let pausedMs = 0
    for (let retries = 0; ; retries += 1) {
      const outcome = await semaphore.run(() => attempt(request), signal)
      const pause = pauseAfter(outcome, {retries, stepMs, answered, nowMs: nowMs()})
      if (pause === null || maxRetryMs === 0 || pausedMs + pause.ms > maxRetryMs) {
        if ('limited' in outcome) throw rateLimited(server, pausedMs, pause?.ms ?? null)
        if ('persistence' in outcome) throw outcome.error
        return 'spoilt' in outcome ? outcome.spoilt : outcome
      }
      request.onPause?.(pause)
      pausedMs += pause.ms
      await sleep(pause.ms, undefined, signal === undefined ? {} : {signal}).catch(() => signal?.throwIfAborted())
    }
  }
  return {
    ask,
    requests: () => requests,
    trail: () => trail,
    close: async () => {
      await Promise.all([...dispatchers.values()].map((dispatcher) => dispatcher.destroy()))
    },
  }
}

/** Waits between attempts grow: a step, two, four, … up to 32. `null`: trying again is useless, or was done often enough. */
function pauseAfter(
  outcome: Attempt,
  {retries, stepMs, answered, nowMs}: {retries: number; stepMs: number; answered: boolean; nowMs: number},
): {readonly ms: number; readonly reason: string} | null {
  const grownMs = stepMs * 2 ** Math.min(retries, 5)
  if ('limited' in outcome) {
    const ms = Math.max(askedWaitMs(outcome.limited, nowMs) ?? grownMs, stepMs)
    return {ms, reason: 'the server answered 429 (too many requests)'}
  }
  if (retries >= MAX_RETRIES) return null
  if ('persistence' in outcome) {
    const hopeless = outcome.persistence === 'fatal' || (outcome.persistence === 'retry-later' && !answered)
    return hopeless ? null : {ms: grownMs, reason: outcome.error.message}
  }
  return 'spoilt' in outcome ? {ms: grownMs, reason: outcome.spoilt.error.message} : null
}

function judge(url: string, answer: Omit<RawAnswer, 'text'> & {readonly bytes: Buffer}): Attempt {
  const {status, bytes} = answer
  const raw: RawAnswer = {...answer, text: status < 300 ? '' : bytes.toString('utf8')}
  if (status === 429) return {limited: raw}
  if (status < 300) {
    let text = ''
    try {
      text = new TextDecoder('utf-8', {fatal: true}).decode(bytes)
      return {kind: 'answer', url, text, json: JSON.parse(text) as unknown}
    } catch {
      return failed(url, {...raw, text: text === '' ? bytes.toString('utf8') : text})
    }
  }
  const error = errorOf(raw.text)
  // Synapse's 404 of an unknown event is a JSON string, not an error object; a reverse proxy's is HTML.
  if (status >= 400 && status < 500 && (error !== null || (status === 404 && isJson(raw.text)))) {
    const said = error === null ? 'not found' : printable(`${error.errcode}: ${error.error}`)
    return {kind: 'refused', url, status, errcode: error?.errcode ?? '', said}
  }
  return failed(url, raw)
}

function failed(url: string, raw: RawAnswer): Attempt {
  const {persistence, error} = asFederationFailure(
    answerFailure(url, raw, (text) => text),
    [],
  )
  const answer = {kind: 'failed', url, status: raw.status, error} as const
  return persistence === 'fatal' ? answer : {spoilt: answer}
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Discovery says as whom the server is addressed; a given address only replaces where to connect. */
async function whereToAsk(
  {discovery, server, address}: FederationHttpOptions,
  signal: AbortSignal | undefined,
): Promise<Discovered> {
  if (address === undefined) return discovery.discover(server, signal)
  const match = /^(?:\[(?<six>[^\]]+)\]|(?<plain>[^:]+)):(?<port>\d{1,5})$/u.exec(address)
  const host = match?.groups?.['six'] ?? match?.groups?.['plain']
  if (host === undefined) {
    const hint = 'Give it as host:port, as in 127.0.0.1:8448 or [::1]:8448.'
    throw new StateError('USAGE', `The address for ${server} is not a host and a port.`, {hint})
  }
  const name = server.replace(/:\d+$/u, '').replace(/^\[(.*)\]$/u, '$1')
  const target = {host, port: Number(match?.groups?.['port']), hostHeader: server, tlsName: name}
  return {addresses: [target], trail: [`${address}, as given`]}
}

function originOf({host, port}: ServerAddress): string {
  return `https://${isIP(host) === 6 ? `[${host}]` : host}:${String(port)}`
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

function single(header: string | string[] | undefined): string | null {
  return (Array.isArray(header) ? header[0] : header) ?? null
}

function rateLimited(server: string, pausedMs: number, askedMs: number | null): StateError {
  const paused = pausedMs === 0 ? '' : ` after ${String(Math.ceil(pausedMs / 1000))} s of pauses`
  const asked = askedMs === null ? '' : `, and would have to be waited for ${String(Math.ceil(askedMs / 1000))} s more`
  return new StateError('RATE_LIMITED', `${server} answered 429 (too many requests)${paused}${asked}.`, {
    hint: 'Try again later: what was gathered is kept. On your own server, rc_federation sets the limit.',
  })
}
