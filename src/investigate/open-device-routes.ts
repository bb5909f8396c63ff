import {StateError} from '../errors.ts'
import type {DeviceRoute} from '../sources/device-evidence.ts'
import type {RouteKind} from '../sources/evidence.ts'
import {RouteOpener} from './route-opener.ts'
import {checkAccess, type ClosedRoute, type FetchAccess, givenKinds, type PlannedRoute} from './open-routes.ts'

/** What a person has to get at devices with. Secrets are in it: it is never printed or kept. */
export interface DeviceAccess extends FetchAccess {
  /** Logs of Synapse or of clients, in which refused uploads of one-time keys stand. */
  readonly logs?: readonly string[]
}

export interface OpenedDeviceRoutes {
  /** All but those of federation, which are made when it is known whose servers are to be asked. */
  readonly routes: readonly DeviceRoute[]
  readonly closed: readonly ClosedRoute[]
  /**
   * Routes to these servers, but for those that it gave before; none without a signing key. Where servers were named by access, only those.
   */
  readonly federationWith: (servers: readonly string[]) => readonly DeviceRoute[]
  readonly close: () => Promise<void>
}

/**
 * Opens all routes to devices that a person's access allows.
 *
 * @throws StateError USAGE, CREDENTIALS_ABSENT when there is none, and what is wrong with what was typed. What a server or a file has
 * against it closes that one route, unless it is the only one.
 */
export async function openDeviceRoutes(access: DeviceAccess, when: OpeningOptions): Promise<OpenedDeviceRoutes> {
  const opened = await tryDeviceRoutes(access, when)
  const {routes, closed, mayFederate} = opened
  if (routes.length === 0 && !mayFederate) {
    const [only] = closed
    if (only !== undefined) throw only.error
    throw noDeviceAccess(access)
  }
  return opened
}

export interface OpeningOptions {
  readonly signal: AbortSignal
  readonly nowMs: () => number
}

/**
 * The same, and where none opens, each with its reason.
 *
 * @throws StateError USAGE, and what is wrong with what was typed
 */
export async function tryDeviceRoutes(
  access: DeviceAccess,
  {signal, nowMs}: OpeningOptions,
): Promise<OpenedDeviceRoutes & {readonly mayFederate: boolean}> {
  await checkAccess(access)
  const opener = new Opener(access, signal)
  await opener.openLogs()
  await opener.openDatabases()
  await opener.openHomeserver()
  const federationWith = await opener.openFederation(nowMs)
  const {routes, closed, mayFederate} = opener
  return {
    routes: [...routes],
    closed,
    mayFederate,
    federationWith,
    close: async () => {
      await Promise.all(routes.map((route) => route.close()))
    },
  }
}

/** Whether any of what was given asks servers or databases, or is read, for devices. */
export function givesDevices(access: DeviceAccess): boolean {
  const {database, federation, admin, client} = givenKinds(access)
  return database || federation || admin || client || (access.logs ?? []).length > 0
}

function noDeviceAccess(access: DeviceAccess): StateError {
  const {homeserver} = access
  return homeserver === undefined
    ? new StateError('USAGE', 'no route to devices was given', {
        hint: 'Give --homeserver with MATRIX_STATE_TOKEN or MATRIX_STATE_ADMIN_TOKEN, --database, --signing-key with --server-name, or --log.',
      })
    : new StateError('CREDENTIALS_ABSENT', `${homeserver} can be asked only with an access token`, {
        hint: 'Set MATRIX_STATE_TOKEN (any user) or MATRIX_STATE_ADMIN_TOKEN (a server admin), or name files that hold them.',
      })
}

class Opener extends RouteOpener<DeviceRoute> {
  mayFederate = false
  readonly #logs: readonly string[]

  constructor(access: DeviceAccess, signal: AbortSignal) {
    super(access, signal)
    this.#logs = access.logs ?? []
  }

  async openLogs(): Promise<void> {
    // `--from` chooses among servers and files of a room: a log that is named is read.
    if (this.#logs.length === 0) return
    const {openLogDeviceRoute} = await import('../sources/device-log.ts')
    for (const path of this.#logs) {
      await this.open({kind: 'file', name: `log ${path}`, address: path}, () => openLogDeviceRoute(path))
    }
  }

  openDatabases(): Promise<void> {
    return this.openEachDatabase(async () => (await import('../sources/device-database.ts')).openDatabaseDeviceRoute)
  }

  async openHomeserver(): Promise<void> {
    const {homeserver, accessToken, adminToken, insecure = false} = this.access
    if (homeserver === undefined) return
    const signal = this.signal
    let byToken = false
    if (accessToken !== undefined && this.wants('client')) {
      const {openClientDeviceRoute} = await import('../sources/device-client.ts')
      const options = {homeserver, accessToken, insecure, signal}
      byToken = await this.open({kind: 'client', name: `client ${homeserver}`, address: homeserver}, () =>
        openClientDeviceRoute(options),
      )
    }
    if (adminToken !== undefined && this.wants('admin')) {
      const {openAdminDeviceRoute} = await import('../sources/device-admin.ts')
      const options = {homeserver, accessToken: adminToken, insecure, signal, withKeys: !byToken}
      await this.open({kind: 'admin', name: `admin ${homeserver}`, address: homeserver}, () =>
        openAdminDeviceRoute(options),
      )
    }
  }

  async openFederation(nowMs: () => number): Promise<OpenedDeviceRoutes['federationWith']> {
    const {signingKeyFile, serverName, servers = [], insecure = false} = this.access
    if (signingKeyFile === undefined || serverName === undefined || !this.wants('federation')) return () => []
    const {openFederationDeviceRoute} = await import('../sources/device-federation.ts')
    const {openDiscovery} = await import('../sources/federation-lookups.ts')
    const {readSigningKeys} = await import('../sources/federation-signing-key.ts')
    const [key] = await readSigningKeys(signingKeyFile)
    const discovery = openDiscovery({insecure})
    const given = new Set<string>()
    this.mayFederate = true
    return (wanted) => {
      const fresh = wanted.filter((server) => !given.has(server) && (servers.length === 0 || servers.includes(server)))
      for (const server of fresh) given.add(server)
      const routes = fresh.map((server) =>
        openFederationDeviceRoute({origin: serverName, key, server, insecure, discovery, nowMs}),
      )
      this.routes.push(...routes)
      return routes
    }
  }
}

/**
 * What an audit of so many users would ask, by route; nothing is asked.
 *
 * @param servers - of the users, where they are known
 * @throws StateError USAGE, CREDENTIALS_ABSENT
 */
export async function planDevices(
  access: DeviceAccess,
  users: number,
  servers: readonly string[] = [],
): Promise<readonly PlannedRoute[]> {
  await checkAccess(access)
  const wants = (kind: RouteKind): boolean => access.from?.includes(kind) ?? true
  const planned: PlannedRoute[] = []
  const {homeserver, accessToken, adminToken, signingKeyFile, serverName, insecure = false} = access
  for (const path of access.logs ?? []) {
    const {logPlan} = await import('../sources/device-log.ts')
    planned.push({name: `log ${path}`, requests: logPlan(path)})
  }
  for (const value of wants('database') ? (access.databases ?? []) : []) {
    const {parseDatabaseAddress} = await import('../sources/database-address.ts')
    const {databaseDevicePlan} = await import('../sources/device-database.ts')
    planned.push({name: `database ${parseDatabaseAddress(value).shown}`, requests: databaseDevicePlan(users)})
  }
  if (wants('federation') && signingKeyFile !== undefined && serverName !== undefined) {
    const {federationDevicePlan} = await import('../sources/device-federation.ts')
    const named = access.servers ?? []
    const asked =
      servers.length === 0 ? named : servers.filter((server) => named.length === 0 || named.includes(server))
    for (const server of asked.length === 0 ? ['each user’s own server'] : asked) {
      planned.push({name: `federation ${server} as ${serverName}`, requests: federationDevicePlan(server, users)})
    }
  }
  const byToken = homeserver !== undefined && accessToken !== undefined && wants('client')
  if (homeserver !== undefined && adminToken !== undefined && wants('admin')) {
    const {adminDevicePlan} = await import('../sources/device-admin.ts')
    planned.push({name: `admin ${homeserver}`, requests: adminDevicePlan(users, !byToken)})
  }
  if (byToken) {
    const {clientDevicePlan} = await import('../sources/device-client.ts')
    planned.push({name: `client ${homeserver}`, requests: clientDevicePlan(users)})
  }
  if (planned.length === 0) throw noDeviceAccess({...access, insecure})
  return planned
}
