import type {DatabaseAddress} from './database-address.ts'
import type {Database} from './database-port.ts'
import {postgresDatabase} from './database-postgres.ts'
import {checkSchema, type Schema, tellServerName} from './database-schema.ts'
import {sqliteDatabase} from './database-sqlite.ts'
import type {RouteIdentity} from './evidence.ts'

export interface DatabaseRouteOptions {
  readonly address: DatabaseAddress
  /** Whose database it is; the address's own `NAME=` comes first. */
  readonly serverName?: string
  readonly signal?: AbortSignal
}

/** A database that is Synapse's, and whose. No connection is open. */
export interface SynapseDatabase {
  readonly database: Database
  readonly schema: Schema
  readonly identity: RouteIdentity
}

/**
 * Connects once to see that it is Synapse's, and whose.
 *
 * @throws StateError INPUT_NOT_FOUND, DATABASE_UNUSABLE, SERVER_UNREACHABLE, SERVER_REFUSED, CREDENTIALS_ABSENT, USAGE
 */
export async function openSynapseDatabase(options: DatabaseRouteOptions): Promise<SynapseDatabase> {
  const {address, signal = new AbortController().signal} = options
  const database: Database = address.kind === 'sqlite' ? sqliteDatabase(address) : postgresDatabase(address)
  const {shown} = database
  const snapshot = await database.snapshot(signal)
  try {
    const schema = await checkSchema(snapshot, shown)
    const server = await tellServerName(snapshot, schema, shown, address.serverName ?? options.serverName ?? null)
    return {
      database,
      schema,
      identity: {kind: 'database', name: `database ${shown}`, server, address: shown, insecure: false},
    }
  } finally {
    await snapshot.close()
  }
}
