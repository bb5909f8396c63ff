import {setTimeout as sleep} from 'node:timers/promises'
import {StateError} from '../errors.ts'
import type {JsonObject} from '../matrix/json.ts'
import {answerFailure, askedWaitMs, errorOf, networkFailure, printable, tooSlow} from './client-failures.ts'
import type {Failure, RawAnswer} from './client-failures.ts'
import {openAgent, proxyVariable} from './http-agent.ts'
import {readBody} from './http-body.ts'

/** A good answer: status 200 to 299, or one that the request accepts, and a body that is JSON. */
export interface Answer {
  /** The request's URL without its query: safe to show. */
  readonly url: string
  readonly status: number
  /** The body as received. */
  readonly text: string
  /** What `JSON.parse` makes of it: good for tokens and ids, never for PDUs, whose numbers it may change. */
  readonly json: unknown
}

/** What the server's refusal means for one kind of request; `null` leaves it to the general words. */
export type ExplainRefusal = (status: number, errcode: string, said: string) => StateError | null

/** How to reach one client API. */
export interface ClientHttpOptions {
  readonly baseUrl: string
  /** `null` asks anonymously; then redirects are followed. */
  readonly accessToken: string | null
  /** Accepts any TLS certificate. */
  readonly insecure?: boolean | undefined
  readonly signal?: AbortSignal | undefined
  /** The longest that the pauses of one request may sum up to, in milliseconds; 60,000 unless told otherwise. */
  readonly maxRetryMs?: number | undefined
  /** The longest silence of a server, in milliseconds; 180,000 unless told otherwise: it may be asking other servers. */
  readonly timeoutMs?: number | undefined
  /** Hears of each pause before a request is tried again. */
  readonly onPause?: ((pause: {readonly url: string; readonly ms: number; readonly reason: string}) => void) | undefined
}

/** A request that changes something on the server. */
export interface Change {
  readonly method: 'POST' | 'PUT' | 'DELETE'
  /** Starts behind the base URL. */
  readonly path: string
  readonly body: JsonObject
  /** Doing it twice is the same as doing it once: it may be sent again like a question. Otherwise it is sent once, whatever comes. */
  readonly idempotent?: boolean
  /** Statuses of 400 and above that are answers, too, if their body is JSON: 401 asks for more where authentication has several steps. */
  readonly accept?: readonly number[]
  /** Texts of the body that no error may repeat. */
  readonly secrets?: readonly string[]
}

/** Questions to one client API, one after another. */
export interface ClientHttp {
  /** Asks with the access token, again where that may help; `path` starts behind the base URL. */
  readonly get: (path: string, query?: Readonly<Record<string, string>>, explain?: ExplainRefusal) => Promise<Answer>
  /** The same for questions that are too long for a URL. Sent again like `get`: only for what changes nothing (`/keys/query`). */
  readonly post: (path: string, body: JsonObject, explain?: ExplainRefusal) => Promise<Answer>
  /**
   * Sends what changes something. A connection that breaks tells nothing of whether the server did it, so that it is sent once; only a 429,
   * which says that nothing was done, is waited for, within `maxRetryMs`. Redirects are not followed.
   */
  readonly send: (change: Change, explain?: ExplainRefusal) => Promise<Answer>
  /** How many requests have been sent, those that failed included. */
  readonly requests: () => number
  /** Closes the connections; without it a process would linger. */
  readonly close: () => Promise<void>
}

const MAX_BODY_BYTES = 500_000_000
const MAX_RETRIES = 4

/**
 * Opens the HTTP layer of matrix-js-sdk on undici.
 *
 * @remarks The SDK is imported here, when it is needed, and only its HTTP part: 40 ms instead of 230 ms for all of it.
 * Whole bodies are read before the SDK sees them: its own time limit ends with the headers, and its errors do not tell
 * a refused connection from a bad certificate.
 */
export async function openClientHttp(options: ClientHttpOptions): Promise<ClientHttp> {
  const [{MatrixHttpApi, Method}, {TypedEventEmitter}, undici] = await Promise.all([
    import('matrix-js-sdk/lib/http-api/index.js'),
    import('matrix-js-sdk/lib/models/typed-event-emitter.js'),
    import('undici'),
  ])
  const timeoutMs = options.timeoutMs ?? 180_000
  const dispatcher = await openAgent(options.baseUrl, {insecure: options.insecure === true, timeoutMs})
  const proxy = proxyVariable(options.baseUrl)
  const methods = {GET: Method.Get, POST: Method.Post, PUT: Method.Put, DELETE: Method.Delete}
  let requests = 0
  let answered = false
  let last: {answer?: RawAnswer; begun: boolean; thrown?: unknown} = {begun: false}

  const fetchWhole = async (resource: URL | string, init?: RequestInit): Promise<Response> => {
    const asksOnly = init?.method === undefined || init.method === 'GET'
    requests += 1
    last = {begun: false}
    try {
      const response = await undici.fetch(resource, {
        method: init?.method ?? 'GET',
        headers: init?.headers as Record<string, string>,
        ...(typeof init?.body === 'string' ? {body: init.body} : {}),
        redirect: options.accessToken === null && asksOnly ? 'follow' : 'manual',
        dispatcher,
        ...(options.signal === undefined ? {} : {signal: options.signal}),
      })
      last.begun = true
      const body = await wholeBody(String(resource), response.body as AsyncIterable<Uint8Array> | null, timeoutMs)
      last.answer = {
        status: response.status,
        contentType: response.headers.get('content-type') ?? '',
        retryAfter: response.headers.get('retry-after'),
        location: response.headers.get('location'),
        text: response.ok ? '' : body.toString('utf8'),
      }
      return new Response(response.status === 204 || response.status === 304 ? null : body, {status: response.status})
    } catch (error) {
      last.thrown = error
      throw error
    }
  }
  const http = new MatrixHttpApi(new TypedEventEmitter(), {
    baseUrl: options.baseUrl,
    prefix: '',
    ...(options.accessToken === null ? {} : {accessToken: options.accessToken}),
    onlyData: true,
    fetchFn: fetchWhole as typeof fetch,
  })
  const secrets = options.accessToken === null ? [] : formsOf(options.accessToken)
  for (const secret of secrets) if (secret.length >= SHORTEST_SECRET) everySecret.add(secret)
  const hide = (text: string): string =>
    [...secrets, ...everySecret].reduce((hidden, secret) => hidden.replaceAll(secret, '<access token>'), text)

  /** One attempt: the answer, or why there is none. */
  const attempt = async (
    {method, path, query, body, change}: Question,
    url: string,
    explain: ExplainRefusal | undefined,
  ): Promise<Answer | Failure | {readonly limited: RawAnswer}> => {
    let blob: Blob | null = null
    let failed: unknown
    try {
      // `priority` is the DOM's; the SDK's types demand it where no DOM types are loaded.
      const raw = {rawResponseBody: true, priority: undefined}
      blob = await http.authedRequest<Blob>(
        methods[method],
        path,
        {...query},
        body === undefined ? body : {...body},
        raw,
      )
    } catch (error) {
      failed = error
    }
    options.signal?.throwIfAborted()
    const {begun, thrown} = last
    const answer = last.answer && withoutSecrets(last.answer, change?.secrets ?? [])
    if (thrown instanceof StateError) return {persistence: 'fatal', error: thrown}
    if (thrown !== undefined) return networkFailure(url, thrown, begun, proxy)
    if (answer === undefined) throw failed
    answered = true
    if (answer.status === 429) return {limited: answer}
    if (change?.accept?.includes(answer.status) === true) {
      const json = jsonOf(answer.text)
      if (json !== undefined) return {url, status: answer.status, text: answer.text, json}
    }
    if (answer.status >= 300) {
      const error = errorOf(answer.text)
      const explained =
        error === null || answer.status === 401
          ? null
          : explain?.(answer.status, error.errcode, hide(printable(`${error.errcode}: ${error.error}`)))
      return explained ? {persistence: 'fatal', error: explained} : answerFailure(url, answer, hide)
    }
    if (blob === null) throw failed
    let text = ''
    try {
      text = new TextDecoder('utf-8', {fatal: true}).decode(await blob.arrayBuffer())
      if (secrets.some((secret) => secret.length >= SHORTEST_SECRET && text.includes(secret))) return repeatsToken(url)
      return {url, status: answer.status, text, json: JSON.parse(text) as unknown}
    } catch {
      return answerFailure(url, {...answer, text: text === '' ? await blob.text() : text}, hide)
    }
  }

  const ask = async (question: Question, explain: ExplainRefusal | undefined): Promise<Answer> => {
    const url = `${options.baseUrl}${question.path}`
    const maxRetryMs = options.maxRetryMs ?? 60_000
    const stepMs = maxRetryMs / 60
    let pausedMs = 0
    for (let retries = 0; ; retries += 1) {
      const outcome = await attempt(question, url, explain)
      if ('json' in outcome) return outcome
      const grownMs = stepMs * 2 ** Math.min(retries, 5)
      const askedMs = 'limited' in outcome ? askedWaitMs(outcome.limited, Date.now()) : null
      const pauseMs = Math.max(askedMs ?? grownMs, stepMs)
      const error = 'limited' in outcome ? rateLimited(url, askedMs, pausedMs) : outcome.error
      if (pausedMs + pauseMs > maxRetryMs || maxRetryMs === 0) throw error
      if (!('limited' in outcome)) {
        const hopeless = outcome.persistence === 'fatal' || (outcome.persistence === 'retry-later' && !answered)
        const once = question.change !== undefined && question.change.idempotent !== true
        if (once || hopeless || retries >= MAX_RETRIES) throw error
      }
      options.onPause?.({url, ms: pauseMs, reason: error.message})
      pausedMs += pauseMs
      await sleep(pauseMs, undefined, options.signal === undefined ? {} : {signal: options.signal}).catch(() => {
        options.signal?.throwIfAborted()
      })
    }
  }
  return {
    get: (path, query = {}, explain) => ask({method: 'GET', path, query}, explain),
    post: (path, body, explain) => ask({method: 'POST', path, query: {}, body}, explain),
    send: (change, explain) => ask({...change, query: {}, change}, explain),
    requests: () => requests,
    close: () => dispatcher.destroy(),
  }
}

interface Question {
  readonly method: 'GET' | Change['method']
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly body?: JsonObject
  readonly change?: Change
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/** The answer without any words of the server if it repeats a secret, in whatever place: what is cut out of a text can often be guessed. */
function withoutSecrets(answer: RawAnswer, secrets: readonly string[]): RawAnswer {
  const forms = secrets.flatMap((secret) => [...formsOf(secret), JSON.stringify(secret).slice(1, -1)])
  const repeats = (text: string | null): boolean =>
    text !== null && forms.some((form) => form !== '' && text.includes(form))
  if (![answer.text, answer.contentType, answer.location].some(repeats)) return answer
  const errcode = errorOf(answer.text)?.errcode ?? ''
  const error = 'not shown, since it repeats what is secret'
  const text = /^[A-Z_.]{1,60}$/u.test(errcode) && !repeats(errcode) ? JSON.stringify({errcode, error}) : error
  return {...answer, text, contentType: '', location: null}
}

/** A shorter token may stand in an answer by chance. */
const SHORTEST_SECRET = 12

/** Forms of all tokens that this process sent anywhere: a server that was sent one may repeat it in the answer to another's request. */
const everySecret = new Set<string>()

/** A token as it is, percent-encoded, and in Base64. */
function formsOf(token: string): readonly string[] {
  return [token, encodeURIComponent(token), Buffer.from(token).toString('base64').replace(/=+$/u, '')]
}

/** What is in an answer may get into a case file, which is made to be shown to others. */
function repeatsToken(url: string): Failure {
  const error = new StateError(
    'SERVER_ANSWER_MALFORMED',
    `${url} answered with the access token in it: that is not kept.`,
    {
      hint: 'No homeserver does that: look at what answers there, and replace the token.',
    },
  )
  return {persistence: 'fatal', error}
}

/** @throws StateError SERVER_ANSWER_MALFORMED, SERVER_UNREACHABLE */
async function wholeBody(
  url: string,
  body: AsyncIterable<Uint8Array> | null,
  silenceMs: number,
): Promise<Buffer<ArrayBuffer>> {
  const read = await readBody(body, {maxBytes: MAX_BODY_BYTES, silenceMs})
  if (read === 'too long') {
    throw new StateError('SERVER_ANSWER_MALFORMED', `An answer is longer than ${String(MAX_BODY_BYTES)} bytes.`, {
      hint: 'This cannot be an answer of the client API: check --homeserver.',
    })
  }
  if (read !== 'too slow') return read
  throw tooSlow(url)
}

function rateLimited(url: string, askedMs: number | null, pausedMs: number): StateError {
  const asked = askedMs === null ? '' : ` and asks to wait ${String(Math.ceil(askedMs / 1000))} s`
  const paused = pausedMs === 0 ? '' : ` after ${String(Math.ceil(pausedMs / 1000))} s of pauses`
  const hint = 'Try again later, or have the rate limit of this account raised on the homeserver.'
  return new StateError('RATE_LIMITED', `${url} answered 429 (too many requests)${asked}${paused}.`, {hint})
}
