import {StateError} from '../errors.ts'
import {isServerName} from '../matrix/ids.ts'
import {objectOrNull, own} from '../matrix/json.ts'
import type {JsonObject} from '../matrix/json.ts'
import {parseServerKeys} from '../matrix/server-keys.ts'
import {elementTexts} from './client-bodies.ts'
import type {Refusal, ServerKey} from './evidence.ts'
import type {Discovery} from './federation-discovery.ts'
import {openFederationHttp} from './federation-http.ts'
import type {FederationHttp, FederationTimeouts} from './federation-http.ts'
import {openDiscovery} from './federation-lookups.ts'
import {Semaphore} from './semaphore.ts'

export interface ServerKeysOptions {
  /** Servers that are asked for the keys of those that do not answer themselves, in this order. */
  readonly notaries?: readonly string[] | undefined
  /**
   * Key IDs that are wanted of a server (`ed25519:a_XXXX`), as events name them. Notaries are asked for these: without any, Synapse gives
   * what it has already and does not ask the server.
   */
  readonly keyIds?: ReadonlyMap<string, readonly string[]> | undefined
  /** Keys that are not valid until then are also asked of the notaries: milliseconds since 1970. */
  readonly minimumValidUntilMs?: number | undefined
  readonly insecure?: boolean | undefined
  /** `host:port` for some servers, instead of what discovery would find. */
  readonly addresses?: ReadonlyMap<string, string> | undefined
  /** Servers asked at the same time; 16 unless told otherwise. */
  readonly concurrency?: number | undefined
  readonly timeouts?: FederationTimeouts | undefined
  /** The longest that the pauses of one request may sum up to, in milliseconds; 5,000 unless told otherwise: many servers are gone. */
  readonly maxRetryMs?: number | undefined
  readonly discovery?: Discovery | undefined
  readonly signal?: AbortSignal | undefined
  readonly nowMs?: (() => number) | undefined
}

/** What one server publishes, as it came. */
export interface FetchedKeys {
  readonly server: string
  /** `direct` or `notary example.org`. */
  readonly via: string
  /** The JSON text, byte for byte. */
  readonly text: string
  readonly keys: readonly ServerKey[]
}

export interface ServerKeysResult {
  readonly fetched: readonly FetchedKeys[]
  /** One for each question that had no good answer. */
  readonly refusals: readonly Refusal[]
  readonly requests: number
}

const DIRECT = '/_matrix/key/v2/server'
const NOTARY = '/_matrix/key/v2/query'
const MAX_KEYS_BYTES = 1_000_000

/**
 * Fetches the signing keys of servers, from each itself, else from notaries. The questions are not signed.
 *
 * @throws the signal's reason when it fires; a server that does not answer is a refusal.
 * @remarks A direct answer is good when a key that it calls current has signed it, and none wrongly. A notary’s answer holds such objects, each with its
 * server’s own signature; the notary’s is not needed when that one is good, and does not help when it is not.
 * @see https://spec.matrix.org/v1.19/server-server-api/#retrieving-server-keys
 */
export async function fetchServerKeys(
  servers: readonly string[],
  options: ServerKeysOptions = {},
): Promise<ServerKeysResult> {
  const {notaries = [], minimumValidUntilMs = 0, signal, nowMs = Date.now} = options
  const discovery = options.discovery ?? openDiscovery({...options, timeoutMs: options.timeouts?.connectMs})
  const semaphore = new Semaphore(options.concurrency ?? 16)
  const fetched: FetchedKeys[] = []
  const refusals: Refusal[] = []
  let requests = 0
  const withHttp = async <T>(server: string, work: (http: FederationHttp) => Promise<T>): Promise<T> => {
    const address = options.addresses?.get(server)
    const http = await openFederationHttp({
      ...options,
      server,
      signer: null,
      discovery,
      address,
      concurrency: 1,
      timeouts: {connectMs: 10_000, silenceMs: 30_000, ...options.timeouts},
      maxRetryMs: options.maxRetryMs ?? 5000,
      maxBodyBytes: MAX_KEYS_BYTES,
    })
    try {
      return await work(http)
    } finally {
      requests += http.requests()
      await http.close()
    }
  }
  /** The texts that a question brought, or `null` and a refusal. */
  const question = async (
    asked: string,
    what: string,
    ask: (http: FederationHttp) => Promise<readonly string[] | Refusal>,
  ): Promise<readonly string[] | null> => {
    try {
      const answer = await semaphore.run(() => withHttp(asked, ask), signal)
      if (!('outcome' in answer)) return answer
      refusals.push(answer)
    } catch (error) {
      signal?.throwIfAborted()
      if (!(error instanceof StateError)) throw error
      refusals.push({what, outcome: 'failed', message: error.message})
    }
    return null
  }
  const take = (text: string, server: string, via: string, what: string): boolean => {
    const {keys, problems} = parseServerKeys(text, {via, fetchedTs: nowMs(), server})
    if (keys.length === 0) {
      refusals.push({what, outcome: 'failed', message: problems[0] ?? 'there are no keys in it'})
      return false
    }
    fetched.push({server, via, text, keys})
    return keys.some(({validUntilTs}) => validUntilTs !== null && validUntilTs >= minimumValidUntilMs)
  }

  const names = [...new Set(servers)]
  const wanting = new Set<string>()
  await Promise.all(
    names.map(async (server) => {
      const what = `${DIRECT} of ${server}`
      const texts = isServerName(server)
        ? await question(server, what, (http) => askDirect(http, what, signal))
        : (refusals.push({what, outcome: 'failed', message: 'this is not a server name'}), null)
      if (!takeFirst(texts, (text) => take(text, server, 'direct', what))) wanting.add(server)
    }),
  )
  for (const notary of notaries) {
    const asked: readonly string[] = [...wanting].filter((server) => isServerName(server))
    if (asked.length === 0) continue
    const what = `${NOTARY} of ${notary}`
    const texts = await question(notary, what, (http) => askNotary(http, what, asked, options))
    if (texts === null) continue
    const given = new Set<string>()
    for (const text of texts) {
      const server = serverIn(text)
      if (server === null || !asked.includes(server)) continue
      given.add(server)
      if (take(text, server, `notary ${notary}`, `${what} for ${server}`)) wanting.delete(server)
    }
    for (const server of asked) {
      if (given.has(server)) continue
      refusals.push({
        what: `${what} for ${server}`,
        outcome: 'absent',
        status: 200,
        message: 'the notary has no keys of it',
      })
    }
  }
  return {fetched, refusals, requests}
}

function takeFirst(texts: readonly string[] | null, take: (text: string) => boolean): boolean {
  const [text] = texts ?? []
  return text !== undefined && take(text)
}

async function askDirect(
  http: FederationHttp,
  what: string,
  signal: AbortSignal | undefined,
): Promise<readonly string[] | Refusal> {
  const answer = await http.ask({uri: DIRECT, signal})
  return answer.kind === 'answer' ? [answer.text] : refusalOf(what, answer)
}

async function askNotary(
  http: FederationHttp,
  what: string,
  servers: readonly string[],
  {keyIds, minimumValidUntilMs, signal}: ServerKeysOptions,
): Promise<readonly string[] | Refusal> {
  // Synapse demands it, though the spec has a default.
  const criteria = {minimum_valid_until_ts: minimumValidUntilMs ?? 0}
  const wantedOf = (server: string): JsonObject =>
    Object.fromEntries((keyIds?.get(server) ?? []).map((keyId) => [keyId, criteria]))
  const content = {server_keys: Object.fromEntries(servers.map((server) => [server, wantedOf(server)]))}
  const answer = await http.ask({uri: NOTARY, method: 'POST', content, signal})
  return answer.kind === 'answer' ? elementTexts(answer.text, ['server_keys']) : refusalOf(what, answer)
}

function refusalOf(
  what: string,
  answer: Exclude<Awaited<ReturnType<FederationHttp['ask']>>, {kind: 'answer'}>,
): Refusal {
  if (answer.kind === 'failed') return {what, outcome: 'failed', message: answer.error.message}
  const {status, said} = answer
  return {what, outcome: status === 404 ? 'absent' : 'refused', status, message: said}
}

function serverIn(text: string): string | null {
  const server = own(objectOrNull(text) ?? {}, 'server_name')
  return typeof server === 'string' ? server : null
}
