import {isCaseFile} from '../casefile/header.ts'
import type {CaseWriter, StoredSource} from '../casefile/shapes.ts'
import {StateError} from '../errors.ts'
import type {GatherLimits, PlannedRequest, Route, RouteKind} from '../sources/evidence.ts'
import type {ClosedRoute, FetchAccess} from './route-access.ts'
import {RouteOpener} from './route-opener.ts'

export type {ClosedRoute, FetchAccess}

/** What else would show more, for those who have it. */
export interface MoreAccess {
  readonly kind: RouteKind
  readonly flag: string
  readonly shows: string
}

/** A route with what it would ask. */
export interface PlannedRoute {
  readonly name: string
  readonly requests: readonly PlannedRequest[]
}

export interface OpenedRoutes {
  readonly routes: readonly Route[]
  readonly closed: readonly ClosedRoute[]
  /** Paths of case files to take in. */
  readonly cases: readonly string[]
  /** Routes to these servers, but for those that are asked already; none without a signing key. */
  readonly federationWith: (servers: readonly string[]) => readonly Route[]
  /** Puts servers' keys into the case; `null` where federation is not used. */
  readonly askKeys:
    | ((servers: readonly string[], caseFile: CaseWriter, options: {readonly signal: AbortSignal}) => Promise<void>)
    | null
  readonly close: () => Promise<void>
}

/**
 * Opens all routes that a person's access allows.
 *
 * @throws StateError USAGE, CREDENTIALS_ABSENT when there is none, and what is wrong with what was typed. What a server or a file has
 * against it closes that one route, unless it is the only one.
 */
export async function openRoutes(
  access: FetchAccess,
  {signal, nowMs}: {readonly signal: AbortSignal; readonly nowMs: () => number},
): Promise<OpenedRoutes> {
  await checkAccess(access)
  const opener = new Opener(access, signal)
  await opener.openFiles()
  await opener.openDatabases()
  await opener.openHomeserver()
  const federation = await opener.openFederation(nowMs)
  const {routes, closed, cases} = opener
  if (routes.length === 0) {
    const [only] = closed
    if (only !== undefined) throw only.error
    if (cases.length === 0 && opener.reportedCount === 0) throw noAccess(access)
  }
  return {
    routes,
    closed,
    cases,
    ...federation,
    close: async () => {
      await Promise.all(routes.map((route) => route.close()))
    },
  }
}

/** What each kind of route cannot do without, as a person gives it. */
const NEEDS: Readonly<Record<RouteKind, string>> = {
  database: '--database',
  federation: '--signing-key with --server-name',
  admin: '--homeserver with MATRIX_STATE_ADMIN_TOKEN or --admin-token-file',
  client: '--homeserver with MATRIX_STATE_TOKEN or --token-file',
  file: '--file or --reported',
}

/** The kinds of route that what was given is enough for. */
export function givenKinds(access: FetchAccess): Readonly<Record<RouteKind, boolean>> {
  const {homeserver} = access
  return {
    database: (access.databases ?? []).length > 0,
    federation: access.signingKeyFile !== undefined && access.serverName !== undefined,
    admin: homeserver !== undefined && access.adminToken !== undefined,
    client: homeserver !== undefined && access.accessToken !== undefined,
    file: (access.files ?? []).length + (access.reported ?? []).length > 0,
  }
}

/**
 * Refuses what was typed and cannot be used, before anything is opened or asked: nobody is to wait for a route that was never there.
 *
 * @throws StateError USAGE, CREDENTIALS_ABSENT
 */
export async function checkAccess(access: FetchAccess): Promise<void> {
  const {homeserver, from, messages = true} = access
  if (homeserver !== undefined) {
    const {parseHomeserver} = await import('../sources/client-address.ts')
    parseHomeserver(homeserver)
  }
  const given = givenKinds(access)
  for (const kind of from ?? []) {
    if (!given[kind]) throw new StateError('USAGE', `--from names ${kind}, which needs ${NEEDS[kind]}`)
    if (kind === 'client' && !messages) {
      throw new StateError('USAGE', '--from names client, of which --no-messages leaves nothing')
    }
  }
  const asksOthers = (access.servers ?? []).length > 0 || access.allServers === true || access.asUser !== undefined
  if (asksOthers && !given.federation && (from?.includes('federation') ?? true)) throw noSigningKey()
}

function noAccess(access: FetchAccess): StateError {
  if (access.messages === false && access.accessToken !== undefined) {
    return new StateError('USAGE', 'the client API shows events by /messages only, which --no-messages leaves out', {
      hint: 'Leave out --no-messages, or give another route.',
    })
  }
  const hint =
    'Give --database, --signing-key with --server-name, --homeserver with MATRIX_STATE_TOKEN or MATRIX_STATE_ADMIN_TOKEN, or --file.'
  if (access.homeserver !== undefined) {
    return new StateError('CREDENTIALS_ABSENT', `${access.homeserver} can be asked only with an access token`, {
      hint: 'Set MATRIX_STATE_TOKEN (a member) or MATRIX_STATE_ADMIN_TOKEN (a server admin), or name files that hold them.',
    })
  }
  return new StateError('USAGE', 'no route to the room was given', {hint})
}

class Opener extends RouteOpener<Route> {
  readonly cases: string[] = []
  reportedCount = 0

  async openFiles(): Promise<void> {
    if (!this.wants('file')) return
    const {openFileRoute} = await import('../sources/file-route.ts')
    const {openReportedFile, refuseContradiction, reportedRoute} = await import('../sources/reported-file.ts')
    for (const path of this.access.files ?? []) {
      if (path !== '-' && isCaseFile(path)) this.cases.push(path)
      else await this.open({kind: 'file', name: `file ${path}`, address: path}, () => openFileRoute(path))
    }
    const reports = []
    for (const value of this.access.reported ?? []) reports.push(await openReportedFile(value))
    refuseContradiction(reports)
    this.reportedCount = reports.length
    this.routes.push(...reports.map(reportedRoute))
  }

  openDatabases(): Promise<void> {
    return this.openEachDatabase(async () => (await import('../sources/database-synapse.ts')).openDatabaseRoute)
  }

  async openHomeserver(): Promise<void> {
    const {homeserver, accessToken, adminToken, insecure = false, messages = true} = this.access
    if (homeserver === undefined) return
    const signal = this.signal
    if (adminToken !== undefined && this.wants('admin')) {
      const {openAdminRoute} = await import('../sources/admin-route.ts')
      const options = {homeserver, accessToken: adminToken, insecure, signal, withMessages: messages}
      await this.open({kind: 'admin', name: `admin ${homeserver}`, address: homeserver}, () => openAdminRoute(options))
    }
    if (accessToken !== undefined && this.wants('client') && messages) {
      const {openClientRoute} = await import('../sources/client-route.ts')
      const options = {homeserver, accessToken, insecure, signal}
      await this.open({kind: 'client', name: `client ${homeserver}`, address: homeserver}, () =>
        openClientRoute(options),
      )
    }
  }

  async openFederation(nowMs: () => number): Promise<Pick<OpenedRoutes, 'federationWith' | 'askKeys'>> {
    const {signingKeyFile, serverName, servers = [], asUser, insecure = false, notaries} = this.access
    if (signingKeyFile === undefined || serverName === undefined || !this.wants('federation')) {
      return {federationWith: () => [], askKeys: null}
    }
    const {openFederationRoutes} = await import('../sources/federation-api.ts')
    const {openDiscovery} = await import('../sources/federation-lookups.ts')
    const {readSigningKeys} = await import('../sources/federation-signing-key.ts')
    const [key] = await readSigningKeys(signingKeyFile)
    const discovery = openDiscovery({insecure})
    const user = asUser ?? this.#accountOf(serverName)
    const options = {origin: serverName, key, insecure, discovery, nowMs, ...(user === undefined ? {} : {user})}
    const asked = new Set(servers.length > 0 ? servers : [serverName])
    this.routes.push(...openFederationRoutes(options, [...asked]))
    return {
      federationWith: (more) => {
        const fresh = more.filter((server) => !asked.has(server))
        for (const server of fresh) asked.add(server)
        const routes = openFederationRoutes(options, fresh)
        this.routes.push(...routes)
        return routes
      },
      askKeys: async (wanted, caseFile, {signal}) => {
        const {fetchServerKeys} = await import('../sources/server-keys.ts')
        const {fetched, refusals, requests} = await fetchServerKeys(wanted, {
          insecure,
          discovery,
          notaries: notaries ?? [...asked],
          signal,
          nowMs,
        })
        const how = '/_matrix/key/v2/server'
        const identity = {kind: 'federation', name: 'server keys', server: '', address: how, insecure} as const
        const step = {how, requests, keys: fetched.flatMap(({keys}) => keys), refusals}
        caseFile.keep(caseFile.source(identity, []), step, nowMs())
      },
    }
  }

  /** The account of the client route, if it is one of the own server. */
  #accountOf(serverName: string): string | undefined {
    const route = this.routes.find(({identity}) => identity.kind === 'client' && identity.server === serverName)
    return route?.identity.name.slice('client '.length)
  }
}

function noSigningKey(): StateError {
  return new StateError('CREDENTIALS_ABSENT', 'other servers can be asked only with the signing key of a server', {
    hint: 'Give --signing-key FILE and --server-name NAME: the key of a server that is in the room.',
  })
}

/** What the routes that were not used would show more. */
export function moreAccess(access: FetchAccess, sources: readonly StoredSource[]): readonly MoreAccess[] {
  const has = (kind: RouteKind): boolean => sources.some((source) => source.kind === kind && source.server !== '')
  const all: readonly MoreAccess[] = [
    {
      kind: 'database',
      flag: '--database',
      shows: "shows rejected events with the reason, and the server's own state before and after every event",
    },
    {
      kind: 'federation',
      flag: '--signing-key',
      shows: "shows events outside the timeline, other servers' states, and fills holes",
    },
    ...(access.homeserver === undefined
      ? []
      : [
          {
            kind: 'admin' as const,
            flag: 'MATRIX_STATE_ADMIN_TOKEN',
            shows: 'shows soft-failed events, forward extremities, and what history visibility hides',
          },
        ]),
  ]
  // Whoever has the database has all that the admin API shows.
  return all.filter(({kind}) => !has(kind) && !(kind === 'admin' && has('database')))
}

const PLANNED_ALIAS: PlannedRequest = {
  request:
    'SELECT … FROM room_aliases, or GET /_matrix/client/v3/directory/room/{roomAlias}, or GET /_matrix/federation/v1/query/directory',
  times: '1, of the first route below that can tell',
  purpose: 'which room the alias is',
  effect: 'the homeserver asks the server of the alias, if that is another',
}

const SAME_OF_ALL: PlannedRequest = {
  request: 'the same of every server that has a joined member in what came',
  times: '1 time for each server',
  purpose: 'what they hold and what they say the state is',
  effect: 'none in the room; requests may count towards rate limits and be written to logs',
}

const PLANNED_KEYS: readonly PlannedRequest[] = [
  {
    request: 'GET /_matrix/key/v2/server',
    times: '1 for each server that signed events by a key that is not known yet',
    purpose: 'to verify their signatures',
    effect: 'none',
  },
  {
    request: 'POST /_matrix/key/v2/query',
    times: '1 for each such server that does not answer, of the servers above',
    purpose: 'its keys, from a notary',
    effect: 'the notary may ask that server for its keys',
  },
]

/**
 * What `fetch` would ask, by route; nothing is asked, and no file but the signing key's is looked at.
 *
 * @throws StateError USAGE, CREDENTIALS_ABSENT
 */
export async function planFetch(
  access: FetchAccess,
  limits: GatherLimits,
  room = '',
): Promise<readonly PlannedRoute[]> {
  await checkAccess(access)
  const wants = (kind: RouteKind): boolean => access.from?.includes(kind) ?? true
  const planned: PlannedRoute[] = []
  if (wants('file')) {
    for (const path of [...(access.files ?? []), ...(access.reported ?? [])]) {
      planned.push({
        name: `file ${path}`,
        requests: [{request: `read ${path}`, times: '1', purpose: 'events or a state', effect: 'none'}],
      })
    }
  }
  if (wants('database')) {
    const {parseDatabaseAddress} = await import('../sources/database-address.ts')
    const {planDatabase} = await import('../sources/database-synapse.ts')
    for (const value of access.databases ?? []) {
      planned.push({name: `database ${parseDatabaseAddress(value).shown}`, requests: planDatabase(limits)})
    }
  }
  if (wants('federation') && access.signingKeyFile !== undefined && access.serverName !== undefined) {
    const {openFederationRoutes} = await import('../sources/federation-api.ts')
    const servers = access.servers === undefined || access.servers.length === 0 ? [access.serverName] : access.servers
    const user = access.asUser === undefined ? {} : {user: access.asUser}
    const options = {origin: access.serverName, key: {keyFile: access.signingKeyFile}, ...user}
    for (const route of openFederationRoutes(options, servers)) {
      planned.push({name: route.identity.name, requests: route.plan(limits)})
    }
    if (access.allServers === true) planned.push({name: 'federation, other servers', requests: [SAME_OF_ALL]})
    planned.push({name: 'server keys', requests: PLANNED_KEYS})
  }
  const {homeserver, messages = true} = access
  if (wants('admin') && homeserver !== undefined && access.adminToken !== undefined) {
    const {adminPlan} = await import('../sources/admin-route.ts')
    planned.push({name: `admin ${homeserver}`, requests: adminPlan(limits, messages)})
  }
  if (wants('client') && homeserver !== undefined && access.accessToken !== undefined && messages) {
    const {clientPlan} = await import('../sources/client-route.ts')
    planned.push({name: `client ${homeserver}`, requests: clientPlan(limits)})
  }
  if (room.startsWith('#') && planned.length > 0) planned.unshift({name: 'alias', requests: [PLANNED_ALIAS]})
  if (planned.length === 0) throw noAccess(access)
  return planned
}
