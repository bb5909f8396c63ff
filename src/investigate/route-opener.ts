import {StateError} from '../errors.ts'
import type {DatabaseRouteOptions} from '../sources/database-opened.ts'
import type {RouteIdentity, RouteKind} from '../sources/evidence.ts'
import type {ClosedRoute, FetchAccess} from './route-access.ts'

/** Opens routes one by one, to rooms or to devices, and remembers those that do not open. */
export class RouteOpener<R> {
  readonly routes: R[] = []
  readonly closed: ClosedRoute[] = []
  protected readonly access: FetchAccess
  protected readonly signal: AbortSignal

  constructor(access: FetchAccess, signal: AbortSignal) {
    this.access = access
    this.signal = signal
  }

  protected wants(kind: RouteKind): boolean {
    return this.access.from?.includes(kind) ?? true
  }

  /** A route that does not open is one that failed; what was typed wrongly stops everything. @returns whether it opened */
  protected async open(
    identity: Pick<RouteIdentity, 'kind' | 'name' | 'address'>,
    open: () => Promise<R> | R,
  ): Promise<boolean> {
    try {
      this.routes.push(await open())
      return true
    } catch (error) {
      this.signal.throwIfAborted()
      if (!(error instanceof StateError) || error.code === 'USAGE') throw error
      this.closed.push({identity: {server: '', insecure: this.access.insecure === true, ...identity}, error})
      return false
    }
  }

  /** Every database that was given. @param opening - loads what opens one; only asked where there is one to open */
  protected async openEachDatabase(
    opening: () => Promise<(options: DatabaseRouteOptions) => Promise<R>>,
  ): Promise<void> {
    const {databases = [], serverName} = this.access
    if (!this.wants('database') || databases.length === 0) return
    const {parseDatabaseAddress} = await import('../sources/database-address.ts')
    const openRoute = await opening()
    for (const value of databases) {
      const address = parseDatabaseAddress(value)
      const identity = {kind: 'database', name: `database ${address.shown}`, address: address.shown} as const
      const own = databases.length === 1 && serverName !== undefined ? {serverName} : {}
      await this.open(identity, () => openRoute({address, signal: this.signal, ...own}))
    }
  }
}
