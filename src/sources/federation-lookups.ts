import {Resolver} from 'node:dns/promises'
import {StateError} from '../errors.ts'
import {networkFailure} from './client-failures.ts'
import {createDiscovery} from './federation-discovery.ts'
import type {Discovery, WellKnownAnswer} from './federation-discovery.ts'

export interface LookupOptions {
  /** Accepts any TLS certificate. */
  readonly insecure?: boolean | undefined
  /** The longest silence, in milliseconds; 15,000 unless told otherwise. */
  readonly timeoutMs?: number | undefined
  readonly nowMs?: (() => number) | undefined
  /** DNS servers as `address` or `address:port`, instead of those of the machine. */
  readonly dnsServers?: readonly string[] | undefined
}

const MAX_REDIRECTS = 10
/** Synapse's limit too. */
const MAX_WELL_KNOWN_BYTES = 50 * 1024

/** Server discovery on the real network: HTTPS (proxies of the environment are used) and DNS. */
export function openDiscovery(options: LookupOptions = {}): Discovery {
  const {timeoutMs = 15_000, nowMs = Date.now} = options
  const resolver = new Resolver({timeout: Math.min(timeoutMs, 5000), tries: 2})
  if (options.dnsServers !== undefined) resolver.setServers([...options.dnsServers])
  return createDiscovery({
    fetchWellKnown: (host, signal) => fetchWellKnown(`https://${host}/.well-known/matrix/server`, options, signal),
    resolveSrv: (name) => resolver.resolveSrv(name),
    nowMs,
  })
}

/**
 * Asks for a well-known document: follows redirects, over HTTPS only, and takes no more than 50 KiB.
 *
 * @throws StateError when there is no whole answer; a bad status is an answer.
 */
export async function fetchWellKnown(
  url: string,
  {insecure, timeoutMs = 15_000}: LookupOptions,
  signal?: AbortSignal,
): Promise<WellKnownAnswer> {
  const {EnvHttpProxyAgent} = await import('undici')
  const connect = {rejectUnauthorized: insecure !== true, timeout: timeoutMs}
  const times = {headersTimeout: timeoutMs, bodyTimeout: timeoutMs}
  const dispatcher = new EnvHttpProxyAgent({connect, requestTls: connect, allowH2: false, ...times})
  let at = new URL(url)
  let begun = false
  try {
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
      begun = false
      const path = `${at.pathname}${at.search}`
      const {statusCode, headers, body} = await dispatcher.request({
        origin: at.origin,
        path,
        method: 'GET',
        signal: signal ?? null,
      })
      begun = true
      const location = single(headers['location'])
      if (statusCode >= 300 && statusCode < 400 && location !== null) {
        body.on('error', () => undefined).destroy()
        at = redirectTarget(location, at)
        continue
      }
      const chunks: Uint8Array[] = []
      let bytes = 0
      for await (const chunk of body as AsyncIterable<Uint8Array>) {
        bytes += chunk.length
        if (bytes > MAX_WELL_KNOWN_BYTES) throw unusable(`it is longer than ${String(MAX_WELL_KNOWN_BYTES)} bytes`)
        chunks.push(chunk)
      }
      return {
        status: statusCode,
        text: Buffer.concat(chunks).toString('utf8'),
        cacheControl: single(headers['cache-control']),
        expires: single(headers['expires']),
      }
    }
    throw unusable(`it redirects more than ${String(MAX_REDIRECTS)} times`)
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof StateError) throw error
    throw networkFailure(`${at.origin}${at.pathname}`, error, begun).error
  } finally {
    await dispatcher.destroy()
  }
}

function redirectTarget(location: string, from: URL): URL {
  const target = URL.canParse(location, from.href) ? new URL(location, from.href) : null
  if (target?.protocol !== 'https:') throw unusable('it redirects to what is no https:// address')
  return target
}

function unusable(what: string): StateError {
  return new StateError('SERVER_ANSWER_MALFORMED', what)
}

function single(header: string | string[] | undefined): string | null {
  return (Array.isArray(header) ? header.join(', ') : header) ?? null
}
