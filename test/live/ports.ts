import {createServer} from 'node:net'
import type {AddressInfo} from 'node:net'

/** A port of loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  return (await freePorts(1))[0]!
}

/** The same, several different ones. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({length: count}, () => createServer())
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once('error', reject)
          server.listen(0, '127.0.0.1', () => {
            resolve((server.address() as AddressInfo).port)
          })
        }),
    ),
  )
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
