import {chmodSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {afterAll, beforeAll, beforeEach, describe, expect, it, vi} from 'vitest'
import {postgresDatabase} from '../../src/sources/database-postgres.ts'
import {parseDatabaseAddress} from '../../src/sources/database-address.ts'
import type {PostgresAddress} from '../../src/sources/database-address.ts'
import type {Snapshot} from '../../src/sources/database-port.ts'
import type {Step} from '../../src/sources/evidence.ts'
import {compareWithReplay, gatherAll} from './database-gathered.ts'
import {findPostgres, startCluster, withClient} from '../live/postgres.ts'
import type {Cluster} from '../live/postgres.ts'
import {CERTIFICATE, PRIVATE_KEY} from './client-certificate.ts'
import {addMessages, realRoom, roomIdOf, routeTo, rowOf, sqliteOf, statements, testFolder} from './synapse-database.ts'
import type {Content} from './synapse-database.ts'

const found = findPostgres()
const why = 'skip' in found ? ` (skipped: ${found.skip})` : ''
const signal = new AbortController().signal

describe.skipIf('skip' in found)(`Postgres${why}`, () => {
  let cluster: Cluster
  let databases = 0

  beforeAll(async () => {
    cluster = await startCluster({tls: {cert: CERTIFICATE, key: PRIVATE_KEY}})
  }, 60_000)

  afterAll(async () => {
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- when it did not start
    await cluster?.stop()
  })

  beforeEach(() => {
    for (const name of [
      'PGPASSWORD',
      'PGPASSFILE',
      'PGSSLMODE',
      'PGSSLROOTCERT',
      'PGUSER',
      'PGHOST',
      'PGPORT',
      'PGDATABASE',
    ]) {
      vi.stubEnv(name, undefined)
    }
    vi.stubEnv('HOME', testFolder())
    return () => vi.unstubAllEnvs()
  })

  const onSocket = (database: string, user = cluster.user): string =>
    `postgres://${user}@/${database}?host=${cluster.socket}&port=${String(cluster.port)}`
  const overTcp = (database: string, more = '', host: string = cluster.host): string =>
    `postgres://${cluster.user}@${host}:${String(cluster.port)}/${database}${more}`
  const admin = async <T>(
    database: string,
    work: (query: (sql: string, values?: unknown[]) => Promise<Record<string, unknown>[]>) => Promise<T>,
  ) => withClient({host: cluster.socket, port: cluster.port, user: cluster.user, database}, work)

  async function databaseOf(content: Content): Promise<string> {
    databases += 1
    const name = `synapse_${String(databases)}`
    await cluster.createDatabase(name)
    await admin(name, async (query) => {
      await query('BEGIN')
      for (const {sql, params} of statements(content)) {
        let at = 0
        await query(
          sql.replaceAll('?', () => `$${String((at += 1))}`),
          params,
        )
      }
      await query('COMMIT')
    })
    return name
  }

  it('gives exactly what SQLite gives, state groups, marks and keys included', async () => {
    const content = realRoom()
    const eventId = String(content.events.at(-1)?.event_id)
    // As JSON it would be written anew: spaces, order, escapes and the number's form are the sender's.
    rowOf(content.event_json, 'event_id', eventId).json =
      '{ "b": 1.0,\t"a":"\\u0000\\ud83d\\udc08 \u{1F408}", "a":1E2,"é":"\\/" }\n'
    rowOf(content.events, 'event_id', eventId).outlier = 1
    content.rejections.push({event_id: String(content.events[9]?.event_id), reason: 'auth_error', last_check: '0'})
    const common = {
      server_name: 'localhost:40687',
      key_id: 'ed25519:a',
      from_server: 'x',
      ts_added_ms: 5,
      ts_valid_until_ms: 9,
    }
    content.server_signature_keys.push({...common, verify_key: new Uint8Array(32).fill(200)})
    addMessages(content, 6000)
    const steps = async (address: string): Promise<readonly Step[]> =>
      (await gatherAll(await routeTo(address), roomIdOf(content))).steps
    const bySlot = (step: Step) =>
      JSON.stringify({
        ...step,
        states: step.states?.map((state) => ({
          ...state,
          slots: state.slots.map((slot) => JSON.stringify(slot)).sort(),
        })),
      })
    const ofSqlite = await steps(`sqlite:${sqliteOf(content).file}`)
    const ofPostgres = await steps(onSocket(await databaseOf(content)))
    expect(ofPostgres.map(bySlot)).toEqual(ofSqlite.map(bySlot))
    expect(ofPostgres.flatMap((step) => step.events ?? [])).toHaveLength(6023)
    expect(ofPostgres.flatMap((step) => step.keys ?? [])).toHaveLength(1)
  })

  it('agrees with the replay, and changes nothing', async () => {
    const content = realRoom()
    const name = await databaseOf(content)
    const dump = async (): Promise<unknown> =>
      admin(name, async (query) => {
        const tables: unknown[] = []
        for (const table of Object.keys(content))
          tables.push(await query(`SELECT t.*, t.xmin, t.xmax, t.ctid FROM ${table} t`))
        return tables
      })
    const before = await dump()
    const gathered = await gatherAll(await routeTo(onSocket(name)), roomIdOf(content))
    expect(compareWithReplay(gathered)).toMatchObject({before: 23, after: 23, differences: [], verdicts: []})
    expect(await dump()).toEqual(before)
  })

  async function snapshotOf(address: string): Promise<Snapshot> {
    return postgresDatabase(parseDatabaseAddress(address) as PostgresAddress).snapshot(signal)
  }

  it('reads in one transaction that cannot write and has a time limit', async () => {
    const name = await databaseOf(realRoom())
    const snapshot = await snapshotOf(onSocket(name))
    const setting = async (which: string) =>
      (await snapshot.all(`SELECT current_setting('${which}') AS value`))[0]?.value
    expect(await setting('transaction_read_only')).toBe('on')
    expect(await setting('transaction_isolation')).toBe('repeatable read')
    expect(await setting('statement_timeout')).toBe('5min')
    expect(await setting('application_name')).toBe('matrix-state')
    await admin(name, async (query) => query('DELETE FROM events'))
    let rows = 0
    for await (const batch of snapshot.rows('SELECT event_id FROM events WHERE stream_ordering > ?', [0]))
      rows += batch.length
    expect(rows).toBe(23)
    await expect(snapshot.all('DELETE FROM events')).rejects.toThrow('read-only transaction')
    await snapshot.close()
    await snapshot.close()
  })

  it('streams in batches and can be left early', async () => {
    const snapshot = await snapshotOf(onSocket('postgres'))
    const sizes: number[] = []
    for await (const batch of snapshot.rows('SELECT g AS n FROM generate_series(1, 12000) g')) sizes.push(batch.length)
    expect(sizes).toEqual([5000, 5000, 2000])
    for await (const batch of snapshot.rows('SELECT g AS n FROM generate_series(1, 12000) g')) {
      expect(batch[0]?.n).toBe(1)
      break
    }
    expect(await snapshot.all('SELECT 1 AS n')).toEqual([{n: 1}])
    await snapshot.close()
  })

  describe('passwords', () => {
    it('are taken from PGPASSWORD and from ~/.pgpass, which must be closed to others', async () => {
      const name = await databaseOf(realRoom())
      await expect(routeTo(overTcp(name))).rejects.toMatchObject({code: 'CREDENTIALS_ABSENT'})
      const file = path.join(process.env.HOME ?? '', '.pgpass')
      const {password} = cluster
      writeFileSync(file, `# comment\nother:*:*:*:wrong\n127.0.0.1:${String(cluster.port)}:*:postgres:${password}\n`, {
        mode: 0o600,
      })
      expect((await routeTo(overTcp(name))).identity.server).toBe('localhost:40687')
      chmodSync(file, 0o644)
      await expect(routeTo(overTcp(name))).rejects.toMatchObject({hint: expect.stringContaining('chmod 600') as string})
      vi.stubEnv('PGPASSWORD', password)
      expect((await routeTo(overTcp(name))).identity.server).toBe('localhost:40687')
    })

    it('are never shown, not even when they are wrong', async () => {
      const secret = 'wr0ng-pa55word'
      vi.stubEnv('PGPASSWORD', secret)
      const error: unknown = await routeTo(overTcp('postgres')).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({
        code: 'SERVER_REFUSED',
        message: expect.stringContaining('The password for postgres is wrong') as string,
      })
      const {inspect} = await import('node:util')
      expect(inspect(error, {depth: 20, showHidden: true})).not.toContain(secret)
    })
  })

  it('goes by libpq’s variables alone', async () => {
    const name = await databaseOf(realRoom())
    for (const [variable, value] of Object.entries({...cluster.env, PGDATABASE: name})) vi.stubEnv(variable, value)
    const {identity} = await routeTo('postgres:')
    expect(identity.address).toBe(`postgres://postgres@/${name}?host=${cluster.socket}&port=${String(cluster.port)}`)
  })

  it('uses TLS as libpq would', async () => {
    vi.stubEnv('PGPASSWORD', cluster.password)
    const encrypted = async (address: string): Promise<unknown> => {
      const snapshot = await snapshotOf(address)
      const [row] = await snapshot.all('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')
      await snapshot.close()
      return row?.ssl
    }
    expect(await encrypted(overTcp('postgres'))).toBe(1)
    expect(await encrypted(overTcp('postgres', '?sslmode=disable'))).toBe(0)
    expect(await encrypted(overTcp('postgres', '?sslmode=allow'))).toBe(0)
    expect(await encrypted(overTcp('postgres', '?sslmode=require'))).toBe(1)
    await expect(encrypted(overTcp('postgres', '?sslmode=verify-full'))).rejects.toThrow('needs root certificates')
    const root = path.join(process.env.HOME ?? '', 'root.crt')
    writeFileSync(root, CERTIFICATE)
    expect(await encrypted(overTcp('postgres', `?sslmode=verify-full&sslrootcert=${root}`, 'localhost'))).toBe(1)
    expect(await encrypted(overTcp('postgres', `?sslmode=verify-ca&sslrootcert=${root}`))).toBe(1)
    const wrongName = encrypted(overTcp('postgres', `?sslmode=verify-full&sslrootcert=${root}`))
    await expect(wrongName).rejects.toMatchObject({
      message: expect.stringContaining('certificate is not trusted') as string,
    })
    await expect(
      encrypted(overTcp('postgres', '?sslmode=verify-full&sslrootcert=system', 'localhost')),
    ).rejects.toThrow('certificate is not trusted')
  })

  it('says what is wrong: no such database, no server, not Synapse’s, nothing may be read', async () => {
    await expect(routeTo(onSocket('nowhere'))).rejects.toMatchObject({
      code: 'DATABASE_UNUSABLE',
      message: expect.stringContaining('There is no database nowhere') as string,
    })
    await expect(routeTo('postgres://x@127.0.0.1:1/x')).rejects.toMatchObject({code: 'SERVER_UNREACHABLE'})
    await expect(routeTo(onSocket('postgres'))).rejects.toThrow(
      'is not a database of Synapse: it has no table schema_version',
    )
    const content = realRoom()
    const name = await databaseOf(content)
    await admin(name, async (query) =>
      query('CREATE ROLE reader LOGIN; GRANT SELECT ON schema_version, rooms, events TO reader'),
    )
    await expect(routeTo(onSocket(name, 'reader'))).rejects.toMatchObject({
      code: 'SERVER_REFUSED',
      message: expect.stringContaining('The table event_json of postgres://reader@/') as string,
    })
    await admin(name, async (query) =>
      query('GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader; REVOKE SELECT ON room_aliases FROM reader'),
    )
    const gathered = await gatherAll(await routeTo(onSocket(name, 'reader')), roomIdOf(content))
    expect(gathered.events).toHaveLength(23)
    expect(gathered.refusals).toMatchObject([{what: 'room_aliases', outcome: 'refused'}])
  })

  describe('a connection that is cut in the middle', () => {
    async function cutAfterFirstEvents(cut: (database: string, abort: () => void) => Promise<void>) {
      const content = realRoom()
      addMessages(content, 12_000)
      const name = await databaseOf(content)
      const route = await routeTo(onSocket(name))
      const controller = new AbortController()
      const marks = new Map<string, string>()
      const steps: Step[] = []
      const context = {
        roomId: roomIdOf(content),
        roomVersion: () => null,
        marks,
        knows: () => false,
        newest: () => [],
        limits: {},
      }
      const error: unknown = await (async () => {
        for await (const step of route.gather({...context, signal: controller.signal, onPause: () => undefined})) {
          steps.push(step)
          for (const [mark, value] of Object.entries(step.marks ?? {})) if (value !== null) marks.set(mark, value)
          if (step.events === undefined || step.events.length === 0) continue
          await cut(name, () => {
            controller.abort(new Error('stopped by the user'))
          })
        }
      })().catch((thrown: unknown) => thrown)
      const kept = steps.flatMap((step) => step.events ?? []).map(({eventId}) => eventId)
      const rest = await gatherAll(route, roomIdOf(content), {marks})
      return {error, kept, all: [...kept, ...rest.events.map(({eventId}) => eventId)]}
    }

    it('ends the route with what was kept being whole, and the next run goes on', async () => {
      const {error, kept, all} = await cutAfterFirstEvents(async (name) => {
        const sql =
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND application_name = 'matrix-state'"
        await admin('postgres', async (query) => query(sql, [name]))
      })
      expect(error).toMatchObject({
        code: 'SERVER_UNREACHABLE',
        message: expect.stringContaining('connection to the database was cut') as string,
        hint: expect.stringContaining('goes on where it stopped') as string,
      })
      expect(kept.length).toBeGreaterThan(0)
      expect(kept.length).toBeLessThan(12_023)
      expect(all).toHaveLength(12_023)
      expect(new Set(all).size).toBe(12_023)
    }, 60_000)

    it('by the user ends with the user’s reason', async () => {
      const {error, all} = await cutAfterFirstEvents(async (_name, abort) => {
        abort()
        return Promise.resolve()
      })
      expect(error).toEqual(new Error('stopped by the user'))
      expect(new Set(all).size).toBe(12_023)
    }, 60_000)
  })
})
