import type {Client as PgClient} from 'pg'
import type {PostgresAddress} from './database-address.ts'
import {findPassword, tlsAttempts} from './database-credentials.ts'
import type {TlsAttempt} from './database-credentials.ts'
import type {Database, Row, Snapshot, SqlValue, TableFacts} from './database-port.ts'
import {explainPostgres} from './database-postgres-errors.ts'

const BATCH = 5000
/** The longest that one statement may take, milliseconds. */
const STATEMENT_TIMEOUT_MS = 300_000

type Params = readonly (string | number)[]

/**
 * A Postgres database of Synapse, read-only: each snapshot is one connection with one `REPEATABLE READ READ ONLY` transaction.
 *
 * @remarks While a snapshot is open, vacuum keeps the row versions that it can see; it takes no lock that a server would wait for.
 */
export function postgresDatabase(address: PostgresAddress): Database {
  return {
    shown: address.shown,
    snapshot: async (signal) => {
      signal.throwIfAborted()
      const connection = await Connection.open(address, signal)
      try {
        await connection.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
        await connection.query(`SET LOCAL statement_timeout = ${String(STATEMENT_TIMEOUT_MS)}`)
        // All of an answer is read: plans that are quick to give the first rows only are of no use.
        await connection.query('SET LOCAL cursor_tuple_fraction = 1')
        return snapshotOf(connection)
      } catch (error) {
        await connection.close()
        throw error
      }
    },
  }
}

function snapshotOf(connection: Connection): Snapshot {
  let cursors = 0
  const all = async (sql: string, params: Params = []): Promise<readonly Row[]> =>
    connection.query(numbered(sql), params)
  return {
    notes: [],
    all,
    rows: async function* (sql, params = []) {
      cursors += 1
      const name = `matrix_state_${String(cursors)}`
      await connection.query(`DECLARE ${name} NO SCROLL CURSOR FOR ${numbered(sql)}`, params)
      let open = true
      try {
        for (let full = true; full;) {
          const batch = await connection.query(`FETCH FORWARD ${String(BATCH)} FROM ${name}`)
          full = batch.length === BATCH
          if (batch.length > 0) yield batch
        }
      } catch (error) {
        // The transaction is over with the first error, and the cursor with it.
        open = false
        throw error
      } finally {
        // Whoever stops early has a reason of their own, which a connection that is gone shall not hide.
        if (open) await connection.query(`CLOSE ${name}`).catch(() => undefined)
      }
    },
    table: async (name): Promise<TableFacts> => {
      const rows = await all(
        `SELECT a.attname::text AS name, has_table_privilege(a.attrelid, 'SELECT') AS readable FROM pg_attribute a
        WHERE a.attrelid = to_regclass(?) AND a.attnum > 0 AND NOT a.attisdropped`,
        [name],
      )
      return {
        columns: new Set(rows.map((row) => String(row.name))),
        readable: rows.length > 0 && rows.every((row) => row.readable === 1),
      }
    },
    estimate: async (table) => {
      const rows = await all('SELECT reltuples::bigint AS n FROM pg_class WHERE oid = to_regclass(?)', [table])
      return Number(rows[0]?.n ?? 0)
    },
    close: async () => connection.close(),
  }
}

/** `?` as Postgres wants it: `$1`, `$2`, … */
function numbered(sql: string): string {
  let count = 0
  return sql.replaceAll('?', () => `$${String((count += 1))}`)
}

/** One connection that does one thing after another, and explains why it cannot. */
class Connection {
  readonly #client: PgClient
  readonly #explain: (error: unknown) => Error
  readonly #signal: AbortSignal
  readonly #onAbort: () => void
  #last: Promise<unknown> = Promise.resolve()

  private constructor(client: PgClient, address: PostgresAddress, signal: AbortSignal) {
    this.#client = client
    this.#signal = signal
    this.#explain = (error) => (signal.aborted ? (signal.reason as Error) : explainPostgres(error, address))
    this.#onAbort = () => {
      cut(client)
    }
    signal.addEventListener('abort', this.#onAbort, {once: true})
  }

  static async open(address: PostgresAddress, signal: AbortSignal): Promise<Connection> {
    const attempts = tlsAttempts(address)
    for (const [index, attempt] of attempts.entries()) {
      const client = await newClient(address, attempt)
      const onAbort = (): void => {
        cut(client)
      }
      signal.addEventListener('abort', onAbort, {once: true})
      try {
        await client.connect()
        return new Connection(client, address, signal)
      } catch (error) {
        cut(client)
        if (signal.aborted) throw signal.reason
        if (index + 1 < attempts.length && otherWayMayHelp(error, attempt)) continue
        throw explainPostgres(error, address)
      } finally {
        signal.removeEventListener('abort', onAbort)
      }
    }
    throw new Error('no way to connect was tried')
  }

  async query(sql: string, params: Params = []): Promise<readonly Row[]> {
    const before = this.#last
    const answer = (async () => {
      await before
      this.#signal.throwIfAborted()
      // With the extended protocol a statement is one statement, whatever is in it.
      const result = await this.#client.query<Record<string, SqlValue>>({text: sql, values: [...params], types: TYPES})
      return result.rows
    })()
    this.#last = answer.catch(() => undefined)
    try {
      return await answer
    } catch (error) {
      throw this.#explain(error)
    }
  }

  async close(): Promise<void> {
    this.#signal.removeEventListener('abort', this.#onAbort)
    // The transaction ends with the connection; nothing is there to be committed.
    const ended = this.#client.end().catch(() => undefined)
    const late = setTimeout(() => {
      cut(this.#client)
    }, 2000)
    await ended
    clearTimeout(late)
  }
}

async function newClient(address: PostgresAddress, ssl: TlsAttempt): Promise<PgClient> {
  const {Client} = (await import('pg')).default
  const client = new Client({
    host: address.host,
    port: address.port,
    user: address.user,
    database: address.database,
    password: () => findPassword(address),
    ssl,
    application_name: 'matrix-state',
    connectionTimeoutMillis: address.connectTimeoutMs,
    // Longer than the server's own limit: it only ends waiting for one that is gone.
    query_timeout: STATEMENT_TIMEOUT_MS + 30_000,
    keepAlive: true,
    ...(address.options === null ? {} : {options: address.options}),
  })
  // A connection that is cut while idle tells so by an event; the next query fails with the reason.
  client.on('error', () => undefined)
  return client
}

/** Ends a connection without waiting for the server. */
function cut(client: PgClient): void {
  const {connection} = client as unknown as {connection: {stream: {destroy: () => void}}}
  connection.stream.destroy()
}

/** Whether libpq would go on with its second way: no TLS where the server has none, TLS where it insists on it. */
function otherWayMayHelp(error: unknown, attempt: TlsAttempt): boolean {
  const {code, message} = error as {code?: unknown; message?: unknown}
  if (attempt === false) return code === '28000'
  return code === '28000' || String(message).includes('does not support SSL')
}

const [BOOL, BYTEA, INT8, INT2, INT4] = [16, 17, 20, 21, 23]

/** Text stays what it is, JSON too; truth values become 1 and 0 as in SQLite. */
const TYPES = {
  getTypeParser: (oid: number) => (value: string) => {
    if (oid === INT8 || oid === INT4 || oid === INT2) return Number(value)
    if (oid === BOOL) return value === 't' ? 1 : 0
    if (oid === BYTEA) return Buffer.from(value.replace(/^\\x/u, ''), 'hex')
    return value
  },
}
