import {readFile} from 'node:fs/promises'
import path from 'node:path'
import {FaultProxy} from './fault-proxy.ts'
import {routesTo} from './live-routes.ts'
import type {LiveRoute, TokenFiles} from './live-routes.ts'
import {freePort} from './ports.ts'
import type {LiveRoom, Stage} from './stage.ts'

/** A route whose requests all pass through proxies of ours. */
export interface ProxiedRoute {
  readonly route: LiveRoute
  readonly proxies: readonly FaultProxy[]
}

/** The HTTP routes to a room with a proxy in front of each port. */
export interface Proxied {
  readonly routesTo: (live: LiveRoom) => Promise<readonly ProxiedRoute[]>
  /** Puts the servers back behind their own ports. */
  readonly dispose: () => Promise<void>
}

/**
 * Puts a proxy at the federation port in the server's name (the server starts again behind another port) and one before the client port.
 * Requests of the other server pass through untouched.
 */
export async function proxied(stage: Stage, tokens: TokenFiles): Promise<Proxied> {
  const {here} = stage
  const proxies: FaultProxy[] = []
  const dispose = async (): Promise<void> => {
    await Promise.all(proxies.splice(0).map((proxy) => proxy.close()))
    await here.moveFederation(null)
  }
  try {
    const client = await FaultProxy.launch({target: here.baseUrl})
    proxies.push(client)
    const behind = await freePort()
    await here.moveFederation(behind)
    const [cert, key] = await Promise.all(
      ['tls.crt', 'tls.key'].map((file) => readFile(path.join(here.folder, file), 'utf8')),
    )
    const federation = await FaultProxy.launch({
      target: `https://127.0.0.1:${String(behind)}`,
      tls: {cert: cert!, key: key!},
      port: Number(here.name.split(':')[1]),
    })
    proxies.push(federation)
    return {
      dispose,
      routesTo: async (live) =>
        (await routesTo(stage, live, tokens, () => client.url))
          .filter(
            ({server, name, kind}) =>
              kind !== 'database' && server === here && !/no messages|came late|as there/u.test(name),
          )
          .map((route) => ({route, proxies: [client, federation]})),
    }
  } catch (error) {
    await dispose()
    throw error
  }
}
