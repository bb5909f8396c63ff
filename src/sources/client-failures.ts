import {StateError} from '../errors.ts'

/** What a server answered, before anything is believed about it. */
export interface RawAnswer {
  readonly status: number
  readonly contentType: string
  readonly retryAfter: string | null
  readonly location: string | null
  readonly text: string
}

/** `retry`: may pass by itself. `retry-later`: only if this server has answered before. `fatal`: trying again is useless. */
export type Persistence = 'retry' | 'retry-later' | 'fatal'

/** Why no usable answer came, ready to be thrown once nobody wants to try again. */
export interface Failure {
  readonly persistence: Persistence
  readonly error: StateError
}

const TLS_CODE =
  /^(?:CERT_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT|UNABLE_TO_|ERR_TLS_|ERR_SSL_|EPROTO|HOSTNAME_MISMATCH)/u
const NOT_TLS_CODE = /^(?:ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG|EPROTO)$/u

/**
 * Explains a request that ended without a whole answer.
 *
 * @param url - the request's URL without its query.
 * @param begun - whether the answer's headers had come, so that its body was cut.
 * @param proxy - the environment's variable that may have sent the request to a proxy.
 */
export function networkFailure(url: string, thrown: unknown, begun: boolean, proxy: string | null = null): Failure {
  const {host} = new URL(url)
  const code = codeOf(thrown)
  const unreachable = (persistence: Persistence, what: string, hint: string): Failure => ({
    persistence,
    error: new StateError('SERVER_UNREACHABLE', `${what} (${url}${code === '' ? '' : `, ${code}`})`, {
      cause: thrown,
      hint: proxy === null ? hint : `${hint} ${proxy} names a proxy, unless NO_PROXY has ${host}: check that, too.`,
    }),
  })
  const refusedByProxy = chain(thrown).flatMap(({message}) => /^Proxy response \((\d+)\)/u.exec(message)?.[1] ?? [])[0]
  if (proxy !== null && refusedByProxy !== undefined) {
    const hint = 'Let the proxy pass it, or put the host into NO_PROXY to go without.'
    return unreachable('fatal', `The proxy that ${proxy} names answered ${refusedByProxy} for ${host}.`, hint)
  }
  if (code === 'ENOTFOUND') {
    return unreachable('fatal', `No address is known for ${host}.`, 'Check the spelling of --homeserver and the DNS.')
  }
  if (code === 'EAI_AGAIN') {
    return unreachable('retry-later', `The DNS gave no answer for ${host}.`, 'Check the network and try again.')
  }
  if (code === 'ECONNREFUSED') {
    const hint = 'Check the port and whether the homeserver runs.'
    return unreachable('retry-later', `Nothing accepts connections at ${host}.`, hint)
  }
  if (NOT_TLS_CODE.test(code)) {
    const hint = 'Check the port; if the server speaks plain HTTP there, give its URL with http://.'
    return unreachable('fatal', `${host} does not speak TLS on this port.`, hint)
  }
  if (TLS_CODE.test(code)) {
    const hint =
      'If you expect a self-signed certificate, add --insecure, or name its authority in NODE_EXTRA_CA_CERTS.'
    return unreachable('fatal', `The TLS certificate of ${host} cannot be trusted.`, hint)
  }
  if (isBadPort(thrown)) {
    const message = `Port ${new URL(url).port} belongs to another protocol: Node refuses to speak HTTP there (${url}).`
    return {persistence: 'fatal', error: new StateError('USAGE', message, {cause: thrown})}
  }
  if (!begun && chain(thrown).some(({name}) => name === 'HTTPParserError')) {
    const message = `What listens at ${host} does not answer with HTTP (${url})`
    const hint = 'Check the scheme and the port of --homeserver.'
    return {persistence: 'fatal', error: new StateError('SERVER_ANSWER_MALFORMED', message, {cause: thrown, hint})}
  }
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') {
    const hint = 'The server may be busy or fetching events from others: try again later.'
    return unreachable('retry', `${host} accepted the request but sent nothing for too long.`, hint)
  }
  if (/^(?:UND_ERR_CONNECT_TIMEOUT|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)$/u.test(code)) {
    return unreachable('retry-later', `${host} cannot be reached.`, 'Check the network, a firewall and the port.')
  }
  const what = begun ? `${host} cut the connection in the middle of its answer.` : `${host} closed the connection.`
  return unreachable('retry', what, 'Try again; if it goes on, look into the logs of the server and its reverse proxy.')
}

/** Explains an answer that comes in drips. */
export function tooSlow(url: string): StateError {
  return new StateError('SERVER_UNREACHABLE', `${new URL(url).host} sends its answer too slowly to wait for its end.`, {
    hint: 'Look at the network and at what stands before the server, or try again later.',
  })
}

/** The cause of the error for a token that a server does not take. */
export class TokenRefused extends Error {
  override readonly name = 'TokenRefused'
  /** The server keeps the device and its keys. https://spec.matrix.org/v1.19/client-server-api/#soft-logout */
  readonly softLogout: boolean

  constructor(softLogout: boolean) {
    super('the access token is refused')
    this.softLogout = softLogout
  }
}

/** Explains a status of 300 or more (429 apart), or a good status whose body is no JSON. */
export function answerFailure(url: string, answer: RawAnswer, hide: (text: string) => string): Failure {
  const {status} = answer
  const error = errorOf(answer.text)
  const said = hide(printable(error === null ? excerpt(answer.text) : `${error.errcode}: ${error.error}`))
  const refused = (message: string, hint: string, cause?: TokenRefused): Failure => ({
    persistence: 'fatal',
    error: new StateError('SERVER_REFUSED', message, {hint, cause}),
  })
  if (status >= 500) {
    const message = `${url} answered ${String(status)}: ${said}`
    const hint = 'The fault is inside the server or its reverse proxy: look into its log, or try again later.'
    return {persistence: 'retry', error: new StateError('SERVER_UNREACHABLE', message, {hint})}
  }
  if (status >= 300 && status < 400) {
    const target = hide(printable(withoutQuery(answer.location ?? 'nowhere')))
    const hint = 'Secrets are not sent after a redirect: give the address where the client API really is.'
    return refused(`${url} answered ${String(status)}, a redirect to ${target}.`, hint)
  }
  if (error !== null && error.errcode !== 'M_UNRECOGNIZED' && status >= 400) {
    if (error.errcode === 'M_UNKNOWN_TOKEN' || error.errcode === 'M_MISSING_TOKEN') {
      const hint = 'It may be mistyped, logged out, expired, or of another server: log in again for a new one.'
      return refused(
        `The homeserver does not accept the access token (${url} answered ${String(status)} ${said})`,
        hint,
        new TokenRefused(parseObject(answer.text)?.soft_logout === true),
      )
    }
    return refused(`${url} answered ${String(status)} ${said}`, 'The words after the status are the server’s own.')
  }
  const kind = answer.contentType === '' ? 'an answer without a content type' : hide(printable(answer.contentType))
  const cut = status < 300 && /^\s*[[{]/u.test(answer.text)
  const message = cut
    ? `${url} answered ${String(status)} with JSON that is broken or ends early: it starts with ${said}`
    : `${url} answered ${String(status)} with ${kind}, not as the Matrix client API does. It starts with ${said}`
  const hint = cut
    ? 'Something between here and the server may cut or change answers: try again, or ask the server directly.'
    : 'Check --homeserver: it must be the address that Matrix clients use, with a path prefix if there is one.'
  return {
    persistence: cut ? 'retry' : 'fatal',
    error: new StateError('SERVER_ANSWER_MALFORMED', message, {hint}),
  }
}

/**
 * How long a 429 asks to wait, in milliseconds; `null` when it does not say.
 *
 * @see https://spec.matrix.org/v1.16/client-server-api/#rate-limiting
 */
export function askedWaitMs(answer: RawAnswer, nowMs: number): number | null {
  const header = answer.retryAfter?.trim()
  if (header !== undefined && /^\d+$/u.test(header)) return Number(header) * 1000
  const date = header === undefined ? Number.NaN : Date.parse(header)
  if (Number.isFinite(date)) return Math.max(0, date - nowMs)
  const parsed = parseObject(answer.text)?.retry_after_ms
  return typeof parsed === 'number' && parsed >= 0 ? parsed : null
}

/** The Matrix error object in a body, or `null` when there is none. */
export function errorOf(text: string): {readonly errcode: string; readonly error: string} | null {
  const parsed = parseObject(text)
  if (typeof parsed?.errcode !== 'string') return null
  const error = parsed.error
  return {errcode: parsed.errcode, error: typeof error === 'string' ? error : 'no explanation'}
}

/** The text without what a terminal would obey, and not longer than a few lines. */
export function printable(text: string): string {
  const forbidden = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu
  const plain = text.replace(forbidden, ' ').replace(/ {2,}/gu, ' ').trim()
  return plain.length > 300 ? `${plain.slice(0, 300)}…` : plain
}

function excerpt(text: string): string {
  return text.trim() === '' ? 'nothing: the body is empty' : JSON.stringify(text.trimStart().slice(0, 80))
}

function withoutQuery(url: string): string {
  return url.replace(/[?#].*$/su, '').replace(/\/\/[^/@]*@/u, '//')
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : null
  } catch {
    return null
  }
}

/** The first system or undici code along the chain of causes. */
function codeOf(thrown: unknown): string {
  const codes = chain(thrown).map((error) => (error as {code?: unknown}).code)
  return codes.find((code): code is string => typeof code === 'string' && code !== '') ?? ''
}

/** An error and its causes, outermost first. */
function chain(thrown: unknown): Error[] {
  const errors: Error[] = []
  for (let error = thrown; error instanceof Error && errors.length < 8; error = error.cause) errors.push(error)
  return errors
}

/** @see https://fetch.spec.whatwg.org/#port-blocking */
function isBadPort(thrown: unknown): boolean {
  return chain(thrown).some(({message}) => message === 'bad port')
}
