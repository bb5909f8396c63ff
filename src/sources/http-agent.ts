import type {Dispatcher} from 'undici'
import {StateError} from '../errors.ts'

/** How connections are made. */
export interface AgentOptions {
  /** Accepts any TLS certificate, of the server and of a proxy. */
  readonly insecure: boolean
  /** The longest silence, in milliseconds. Connecting has at most 15 s of it. */
  readonly timeoutMs: number
}

const PROXY_VARIABLES = {
  'http:': ['http_proxy', 'HTTP_PROXY'],
  'https:': ['https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY'],
} as const

/**
 * Opens what makes the connections to a server: directly to this machine, else by way of the proxy that the environment names
 * (`HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`, also in lower case).
 *
 * @throws StateError USAGE when the proxy's address cannot be used; its text, which may hold a password, is not repeated
 */
export async function openAgent(url: string, {insecure, timeoutMs}: AgentOptions): Promise<Dispatcher> {
  const {Agent, EnvHttpProxyAgent} = await import('undici')
  const tls = {rejectUnauthorized: !insecure, timeout: Math.min(timeoutMs, 15_000)}
  const waits = {headersTimeout: timeoutMs, bodyTimeout: timeoutMs}
  if (proxyVariable(url) === null) return new Agent({connect: tls, ...waits})
  try {
    return new EnvHttpProxyAgent({connect: tls, requestTls: tls, proxyTls: tls, ...waits})
  } catch (error) {
    const hint = 'It must be a URL like http://proxy.example.org:3128.'
    throw new StateError('USAGE', `The proxy that ${String(proxyVariable(url))} names cannot be used.`, {
      cause: (error as Error).name,
      hint,
    })
  }
}

/** The environment's variable that names a proxy for this address, unless `NO_PROXY` makes an exception; `null`: none does. */
export function proxyVariable(url: string): string | null {
  const {protocol, hostname} = new URL(url)
  // A tunnel or a test on this machine is nothing that a proxy elsewhere could reach.
  if (/^(?:localhost|127\..*|\[::1\])$/u.test(hostname)) return null
  const variables = PROXY_VARIABLES[protocol === 'http:' ? 'http:' : 'https:']
  return variables.find((name) => (process.env[name] ?? '') !== '') ?? null
}
