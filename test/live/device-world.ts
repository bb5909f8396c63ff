import {DatabaseSync} from 'node:sqlite'
import path from 'node:path'
import type {FindingId} from '../../src/finding/finding.ts'
import type {Device} from './device-people.ts'
import {Person} from './device-people.ts'
import {Olm} from './olm.ts'
import {freePort} from './ports.ts'
import {findPostgres, startCluster, withClient} from './postgres.ts'
import {Synapse} from './synapse.ts'
import type {Account} from './synapse.ts'

/** Two federating servers, one on SQLite (`here`), one on Postgres if there is one (`there`), for devices with real keys. */
export interface DeviceWorld {
  readonly here: Synapse
  readonly there: Synapse
  readonly olm: Olm
  /** Server admins who are in no room. */
  readonly root: Account
  readonly wheel: Account
  readonly dispose: () => Promise<void>
}

export async function launchWorld(python: string, say: (line: string) => void): Promise<DeviceWorld> {
  const disposals: (() => Promise<void>)[] = []
  const dispose = async (): Promise<void> => {
    for (const one of disposals.splice(0).reverse()) await one()
  }
  try {
    const postgres = findPostgres()
    if ('skip' in postgres) say(`note  both servers are on SQLite: ${postgres.skip}`)
    const cluster = 'skip' in postgres ? null : await startCluster()
    if (cluster !== null) disposals.push(cluster.stop)
    const common = {federation: true, extra: {experimental_features: {msc3814_enabled: true}}}
    const launched = await Promise.allSettled([
      Synapse.launch(python, common),
      Synapse.launch(python, {...common, ...(cluster === null ? {} : {cluster})}),
    ])
    const servers = launched.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    disposals.push(async () => {
      await Promise.all(servers.map((server) => server.dispose()))
    })
    for (const one of launched) if (one.status === 'rejected') throw one.reason
    const [here, there] = servers as [Synapse, Synapse]
    const olm = new Olm(python)
    disposals.push(() => olm.close())
    const root = await here.register('root', {admin: true})
    const wheel = await there.register('wheel', {admin: true})
    return {here, there, olm, root, wheel, dispose}
  } catch (error) {
    await dispose()
    throw error
  }
}

/** `both` servers hear each other; `there-deaf`: nothing from outside gets through to `there`; `here-deaf`: nor to `here`. */
export type Phase = 'both' | 'there-deaf' | 'here-deaf' | 'reunited'

/** One thing that is done, and what is to be found by it. */
export interface DeviceStory {
  readonly finding: FindingId
  /** In words, for the table. */
  readonly done: string
  /** What was changed in a stopped server's database for it; absent: nothing, it was done by what clients and servers do. */
  readonly edited?: string
  /** User or room ID that is audited. */
  readonly subject: string
  /** Where the program asks, and as whom. */
  readonly server: Synapse
  readonly device: () => Device
  readonly phase: Phase
  /** Which routes can see it; the other must say that it was not checked. */
  readonly seenBy: readonly ('api' | 'database')[]
  /** A part of the subject that the finding must have; absent: any. */
  readonly about?: () => Readonly<Record<string, string>>
  /** How it is told where that is not as the catalogue has it; absent: by that route as the catalogue has it. */
  readonly otherwise?: Partial<Record<'api' | 'database', {readonly severity: string; readonly certainty: string}>>
  /** Its server's database alone: another one tells better. */
  readonly alone?: boolean
  /** Logs that the program is given. */
  readonly logs?: readonly string[]
  /** The audit afterwards does not know the one before. */
  readonly forgetful?: boolean
  readonly act: () => Promise<void>
}

let names = 0

/** Somebody with one healthy device, on the server. */
export async function somebody(
  {olm}: DeviceWorld,
  server: Synapse,
  localpart: string,
  more?: {readonly oneTimeKeys?: number; readonly fallback?: boolean},
): Promise<{person: Person; device: Device}> {
  names += 1
  return Person.healthy(server, olm, localpart, `${localpart.replaceAll('-', '').toUpperCase()}${String(names)}`, more)
}

/** Starts it where nobody outside finds it: it hears nothing from other servers, and can still send. */
export async function makeDeaf(server: Synapse): Promise<void> {
  await server.moveFederation(await freePort())
}

/** Changes a database whose server is stopped. @returns rows that were changed */
export async function editStopped(server: Synapse, sql: string, ...params: (string | number)[]): Promise<number> {
  if (server.database !== null) {
    const {cluster, name} = server.database
    const where = {host: cluster.socket, port: cluster.port, user: cluster.user, database: name}
    let n = 0
    const numbered = sql.replaceAll('?', () => `$${String((n += 1))}`)
    return withClient(where, async (query) => (await query(`${numbered} RETURNING 1`, params)).length)
  }
  const database = new DatabaseSync(path.join(server.folder, 'homeserver.db'))
  try {
    return Number(database.prepare(sql).run(...params).changes)
  } finally {
    database.close()
  }
}
