import {type RouteKind, ROUTE_KINDS} from '../sources/evidence.ts'
import {type FetchAccess, givenKinds} from './open-routes.ts'

/** What a person typed to choose whom to ask, so that it can be found again without asking. No secret is in it. */
export interface AskedWith {
  /** Base URL. */
  readonly homeserver: string | null
  /** As `DatabaseAddress.shown`. */
  readonly databases: readonly string[]
  readonly servers: readonly string[]
  readonly serverName: string | null
}

/** What was typed to choose whom to ask, in one form. @throws StateError USAGE */
export async function askedWith(access: FetchAccess): Promise<AskedWith> {
  const {homeserver, databases = [], servers = [], serverName} = access
  const {parseHomeserver} = await import('../sources/client-address.ts')
  const {parseDatabaseAddress} = await import('../sources/database-address.ts')
  return {
    homeserver: homeserver === undefined ? null : parseHomeserver(homeserver).baseUrl,
    databases: databases.map((value) => parseDatabaseAddress(value).shown),
    servers,
    serverName: serverName ?? null,
  }
}

/** Whether something was asked with what is wanted now; nothing wanted fits all. */
export function isAskedWith(asked: AskedWith, wanted: AskedWith): boolean {
  const holds = (all: readonly string[], some: readonly string[]): boolean => some.every((one) => all.includes(one))
  return (
    (wanted.homeserver === null || wanted.homeserver === asked.homeserver) &&
    (wanted.serverName === null || wanted.serverName === asked.serverName) &&
    holds(asked.databases, wanted.databases) &&
    holds(asked.servers, wanted.servers)
  )
}

/** Whether anything but files is to be read. */
export function asksServers(access: FetchAccess): boolean {
  const given = givenKinds(access)
  const wants = (kind: RouteKind): boolean => access.from?.includes(kind) ?? true
  return ROUTE_KINDS.some((kind) => kind !== 'file' && given[kind] && wants(kind))
}
