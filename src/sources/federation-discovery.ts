import {isIP} from 'node:net'
import {StateError} from '../errors.ts'
import {isServerName} from '../matrix/ids.ts'

/** Where a server is reached, and as whom it is addressed there. */
export interface ServerAddress {
  /** Name or IP address to connect to, without brackets. */
  readonly host: string
  readonly port: number
  /** The `Host` header. */
  readonly hostHeader: string
  /** The name or IP address (without brackets) that the TLS certificate must be for; a name is also sent as SNI. */
  readonly tlsName: string
}

/** What discovery found. */
export interface Discovered {
  /** In the order in which they are to be tried; more than one only by SRV records. */
  readonly addresses: readonly [ServerAddress, ...ServerAddress[]]
  /** What each step said, for people: `well-known: m.server is hs.example.org`, `SRV _matrix-fed._tcp.example.org: none`. */
  readonly trail: readonly string[]
}

/** What `https://<host>/.well-known/matrix/server` said, redirects followed. Whatever went wrong is thrown. */
export interface WellKnownAnswer {
  readonly status: number
  readonly text: string
  readonly cacheControl: string | null
  readonly expires: string | null
}

export interface SrvRecord {
  readonly name: string
  readonly port: number
  readonly priority: number
  readonly weight: number
}

/** The world as discovery sees it. */
export interface DiscoveryPorts {
  readonly fetchWellKnown: (host: string, signal: AbortSignal | undefined) => Promise<WellKnownAnswer>
  /** Throws an error with `code` `ENOTFOUND` or `ENODATA` when there are none. */
  readonly resolveSrv: (name: string) => Promise<readonly SrvRecord[]>
  readonly nowMs: () => number
  /** 0 up to 1, for SRV weights; `Math.random` unless told otherwise. */
  readonly random?: () => number
}

export interface Discovery {
  /** @throws StateError USAGE for what is no server name, SERVER_UNREACHABLE when the server's DNS says that it takes no federation */
  readonly discover: (serverName: string, signal?: AbortSignal) => Promise<Discovered>
}

const DEFAULT_PORT = 8448
const MINUTE_MS = 60_000
/** The spec bounds only the longest and gives the default; an answer is worth asking again after a failure within the hour. */
const WELL_KNOWN_CACHE_MS = {
  least: 5 * MINUTE_MS,
  usual: 24 * 60 * MINUTE_MS,
  most: 48 * 60 * MINUTE_MS,
  failed: 60 * MINUTE_MS,
}

/**
 * Server discovery, with a cache that lives as long as the object.
 *
 * @see https://spec.matrix.org/v1.19/server-server-api/#resolving-server-names
 * @remarks A step that fails (a bad well-known answer, DNS that does not work) leads to the next one, and the trail says so. IP addresses
 * of names are not looked up here: connecting does that.
 */
export function createDiscovery(ports: DiscoveryPorts): Discovery {
  const cache = new Map<string, {readonly untilMs: number; readonly found: WellKnown}>()
  const wellKnown = async (host: string, signal: AbortSignal | undefined): Promise<WellKnown> => {
    const cached = cache.get(host)
    if (cached !== undefined && ports.nowMs() < cached.untilMs) return cached.found
    const {found, forMs} = await askWellKnown(host, ports, signal)
    cache.set(host, {untilMs: ports.nowMs() + forMs, found})
    return found
  }
  return {
    discover: async (serverName, signal) => {
      const name = parseName(serverName)
      if (name === null) {
        const hint = 'A server name is a host with a port if need be, as in example.org or example.org:8448.'
        throw new StateError('USAGE', `${JSON.stringify(serverName.slice(0, 255))} is not a server name.`, {hint})
      }
      const direct = addressOf(name)
      if (direct !== null) return {addresses: [direct], trail: [`${serverName}: no discovery needed`]}
      const {delegated, said} = await wellKnown(name.host, signal)
      if (delegated === null) return byDns(name.host, [said], ports)
      const there = addressOf(delegated)
      return there === null ? byDns(delegated.host, [said], ports) : {addresses: [there], trail: [said]}
    },
  }
}

interface Name {
  /** Without brackets. */
  readonly host: string
  readonly port: number | null
  readonly typed: string
}

function parseName(raw: string): Name | null {
  if (!isServerName(raw)) return null
  const match = /^(?:\[(?<six>.*)\]|(?<plain>[^:]*))(?::(?<port>\d+))?$/u.exec(raw)
  const {six, plain, port} = match?.groups ?? {}
  if (six !== undefined && isIP(six) !== 6) return null
  const host = six ?? plain ?? ''
  if (port !== undefined && (Number(port) > 65_535 || Number(port) === 0)) return null
  return host === '' ? null : {host, port: port === undefined ? null : Number(port), typed: raw}
}

/** Steps 1 and 2: an IP address, or a port that was given. */
function addressOf({host, port, typed}: Name): ServerAddress | null {
  if (isIP(host) === 0 && port === null) return null
  return {host, port: port ?? DEFAULT_PORT, hostHeader: typed, tlsName: host}
}

interface WellKnown {
  readonly delegated: Name | null
  readonly said: string
}

/** Step 3. */
async function askWellKnown(
  host: string,
  ports: DiscoveryPorts,
  signal: AbortSignal | undefined,
): Promise<{readonly found: WellKnown; readonly forMs: number}> {
  const failed = (why: string): {found: WellKnown; forMs: number} => ({
    found: {delegated: null, said: `https://${host}/.well-known/matrix/server: ${why}`},
    forMs: WELL_KNOWN_CACHE_MS.failed,
  })
  let answer: WellKnownAnswer
  try {
    answer = await ports.fetchWellKnown(host, signal)
  } catch (error) {
    signal?.throwIfAborted()
    return failed(error instanceof Error ? error.message : 'no answer')
  }
  if (answer.status !== 200) return failed(`status ${String(answer.status)}`)
  const server = serverIn(answer.text)
  if (server === undefined) return failed('no JSON object with "m.server"')
  const delegated = parseName(server)
  if (delegated === null) return failed('its "m.server" is not a server name')
  const forMs = Math.min(
    Math.max(lifetimeMs(answer, ports.nowMs()) ?? WELL_KNOWN_CACHE_MS.usual, WELL_KNOWN_CACHE_MS.least),
    WELL_KNOWN_CACHE_MS.most,
  )
  return {found: {delegated, said: `well-known of ${host}: m.server is ${server}`}, forMs}
}

function serverIn(text: string): string | undefined {
  try {
    const server = (JSON.parse(text) as {'m.server'?: unknown} | null)?.['m.server']
    return typeof server === 'string' ? server : undefined
  } catch {
    return undefined
  }
}

/** How long the answer may be kept, by its headers; `null` when they do not say. `Cache-Control` counts before `Expires`. */
function lifetimeMs({cacheControl, expires}: WellKnownAnswer, nowMs: number): number | null {
  const directives = (cacheControl ?? '').toLowerCase()
  if (/(?:^|[\s,])no-(?:store|cache)(?:$|[\s,=])/u.test(directives)) return 0
  const seconds = /(?:^|[\s,])max-age\s*=\s*"?(\d+)/u.exec(directives)?.[1]
  if (seconds !== undefined) return Number(seconds) * 1000
  if (expires === null) return null
  // What is no date, as "0", means that it has passed.
  const at = /[a-z]/iu.test(expires) ? Date.parse(expires) : Number.NaN
  return Number.isNaN(at) ? 0 : at - nowMs
}

/** Steps 4 to 6, and the same for a delegated name: SRV records, then the name itself at the default port. */
async function byDns(host: string, before: readonly string[], ports: DiscoveryPorts): Promise<Discovered> {
  const trail = [...before]
  for (const service of ['_matrix-fed._tcp', '_matrix._tcp']) {
    const query = `${service}.${host}`
    const records = await askSrv(query, ports, trail)
    if (records.length === 1 && (records[0]?.name === '.' || records[0]?.name === '')) {
      const hint = `Ask whoever runs ${host}: with this record, no other server can reach it either.`
      throw new StateError('SERVER_UNREACHABLE', `The SRV record ${query} says that ${host} takes no federation.`, {
        hint,
      })
    }
    const [first, ...others] = inOrder(records, ports.random ?? Math.random)
    if (first === undefined) continue
    const at = ({name, port}: SrvRecord): ServerAddress => ({
      host: name.replace(/\.$/u, ''),
      port,
      hostHeader: host,
      tlsName: host,
    })
    trail.push(`SRV ${query}: ${[first, ...others].map(({name, port}) => `${name}:${String(port)}`).join(', ')}`)
    return {addresses: [at(first), ...others.map(at)], trail}
  }
  trail.push(`${host} at port ${String(DEFAULT_PORT)}`)
  return {addresses: [{host, port: DEFAULT_PORT, hostHeader: host, tlsName: host}], trail}
}

async function askSrv(query: string, ports: DiscoveryPorts, trail: string[]): Promise<readonly SrvRecord[]> {
  try {
    const records = await ports.resolveSrv(query)
    if (records.length === 0) trail.push(`SRV ${query}: none`)
    return records
  } catch (error) {
    const code = (error as {code?: unknown}).code
    const none = code === 'ENOTFOUND' || code === 'ENODATA'
    trail.push(`SRV ${query}: ${none ? 'none' : `the DNS failed (${typeof code === 'string' ? code : 'no code'})`}`)
    return []
  }
}

/** By priority, and among equals drawn by weight. https://www.rfc-editor.org/rfc/rfc2782 */
function inOrder(records: readonly SrvRecord[], random: () => number): readonly SrvRecord[] {
  const ordered: SrvRecord[] = []
  const rest = records.toSorted((a, b) => a.priority - b.priority || a.weight - b.weight)
  while (rest.length > 0) {
    const equals = rest.filter(({priority}) => priority === rest[0]?.priority)
    const total = equals.reduce((sum, {weight}) => sum + weight, 0)
    let left = Math.floor(random() * (total + 1))
    const drawn = Math.max(
      equals.findIndex(({weight}) => (left -= weight) <= 0),
      0,
    )
    ordered.push(...rest.splice(drawn, 1))
  }
  return ordered
}
