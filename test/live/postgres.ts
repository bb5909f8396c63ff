import {spawn, spawnSync} from 'node:child_process'
import type {ChildProcess} from 'node:child_process'
import {randomBytes} from 'node:crypto'
import {chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync} from 'node:fs'
import {createServer} from 'node:net'
import type {AddressInfo} from 'node:net'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'

/** A throw-away Postgres server on loopback and on a socket in its own folder. */
export interface Cluster {
  readonly host: '127.0.0.1'
  readonly port: number
  /** Folder of its socket, as `host=` takes it. */
  readonly socket: string
  /** The superuser. */
  readonly user: string
  /** Of the superuser over TCP; over the socket none is asked for. */
  readonly password: string
  /** What libpq's programs and `postgres:` need to reach it as the superuser: host, port, user, database. */
  readonly env: Readonly<Record<string, string>>
  /** Makes an empty database as Synapse wants it: UTF-8, ordered by code point. `withClient` runs SQL in it. */
  readonly createDatabase: (name: string) => Promise<void>
  readonly stop: () => Promise<void>
}

/** The folder of Postgres's programs, or why there is none. */
export function findPostgres(): {readonly bin: string} | {readonly skip: string} {
  const fromPackages = '/usr/lib/postgresql'
  const versions = existsSync(fromPackages) ? readdirSync(fromPackages).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [
    ...versions.map((version) => path.join(fromPackages, version, 'bin')),
    ...(process.env.PATH ?? '').split(path.delimiter),
  ]
  const bin = folders.find((folder) => ['initdb', 'postgres'].every((name) => existsSync(path.join(folder, name))))
  if (bin === undefined)
    return {skip: 'Postgres is not installed (no initdb and postgres in PATH or /usr/lib/postgresql)'}
  const root = process.getuid?.() === 0
  if (root && stranger() === null)
    return {skip: 'Postgres does not run as root, and there is no user "nobody" to run it as'}
  return {bin}
}

/** A certificate and its key for the server, PEM. */
export interface ClusterOptions {
  readonly tls?: {readonly cert: string; readonly key: string}
}

/** Starts a cluster of its own in a temporary folder: two to five seconds. Ends with the process at the latest. */
export async function startCluster({tls}: ClusterOptions = {}): Promise<Cluster> {
  const found = findPostgres()
  if ('skip' in found) throw new Error(found.skip)
  const folder = mkdtempSync(path.join(tmpdir(), 'matrix-state-pg-'))
  const who = process.getuid?.() === 0 ? stranger() : null
  const password = randomBytes(12).toString('hex')
  const passwordFile = path.join(folder, 'password')
  writeFileSync(passwordFile, password, {mode: 0o600})
  const [certFile, keyFile] = [path.join(folder, 'tls.crt'), path.join(folder, 'tls.key')]
  const tlsFiles = tls === undefined ? [] : [certFile, keyFile]
  if (tls !== undefined) {
    writeFileSync(certFile, tls.cert)
    writeFileSync(keyFile, tls.key, {mode: 0o600})
  }
  if (who !== null) for (const owned of [folder, passwordFile, ...tlsFiles]) chownSync(owned, who.uid, who.gid)
  chmodSync(folder, 0o711)
  const data = path.join(folder, 'data')
  const options = {cwd: folder, env: {...process.env, LC_ALL: 'C', TZ: 'UTC'}, ...(who ?? {})}
  try {
    const args = ['-D', data, '-U', 'postgres', '-E', 'UTF8', '--no-locale', '-N', '--pwfile', passwordFile]
    const auth = ['--auth-local=trust', '--auth-host=scram-sha-256']
    const made = spawnSync(path.join(found.bin, 'initdb'), [...args, ...auth], {...options, encoding: 'utf8'})
    if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}${made.error?.message ?? ''}`)
    const port = await freePort()
    const settings = {port: String(port), listen_addresses: '127.0.0.1', unix_socket_directories: folder, fsync: 'off'}
    const secure = tls === undefined ? {} : {ssl: 'on', ssl_cert_file: certFile, ssl_key_file: keyFile}
    const flags = Object.entries({...settings, ...secure}).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const child = spawn(path.join(found.bin, 'postgres'), ['-D', data, ...flags], {
      ...options,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    return await running(child, folder, port, password)
  } catch (error) {
    rmSync(folder, {recursive: true, force: true})
    throw error
  }
}

async function running(child: ChildProcess, folder: string, port: number, password: string): Promise<Cluster> {
  let log = ''
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (log = `${log}${chunk}`.slice(-10_000)))
  const remove = (): void => {
    rmSync(folder, {recursive: true, force: true, maxRetries: 5})
  }
  // SIGINT: it ends its sessions and then itself. At exit nothing can be waited for, and SIGQUIT is the quickest way out.
  const atExit = (): void => {
    child.kill('SIGQUIT')
    // It takes its lock file away last, and until then it may still write; nothing asynchronous runs any more.
    const sleeper = new Int32Array(new SharedArrayBuffer(4))
    for (let n = 0; n < 50 && existsSync(path.join(folder, 'data/postmaster.pid')); n += 1)
      Atomics.wait(sleeper, 0, 0, 100)
    remove()
  }
  process.once('exit', atExit)
  const stop = async (): Promise<void> => {
    process.removeListener('exit', atExit)
    if (child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGINT')
      await ended
    }
    remove()
  }
  const user = 'postgres'
  const end = Date.now() + 30_000
  const onSocket = {host: folder, port, user}
  while (!(await answers(onSocket))) {
    if (child.exitCode !== null || Date.now() > end) {
      await stop()
      throw new Error(`Postgres did not start:\n${log}`)
    }
    await sleep(100)
  }
  return {
    host: '127.0.0.1',
    port,
    socket: folder,
    user,
    password,
    env: {PGHOST: folder, PGPORT: String(port), PGUSER: user, PGDATABASE: 'postgres'},
    createDatabase: async (name) => {
      await withClient(onSocket, async (query) =>
        query(`CREATE DATABASE "${name}" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`),
      )
    },
    stop,
  }
}

/** Runs SQL on a connection of its own. */
export async function withClient<T>(
  where: {readonly host: string; readonly port: number; readonly user: string; readonly database?: string},
  work: (query: (sql: string, values?: unknown[]) => Promise<Record<string, unknown>[]>) => Promise<T>,
): Promise<T> {
  const {Client} = (await import('pg')).default
  const client = new Client({database: 'postgres', password: 'none', ssl: false, ...where})
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await work(async (sql, values) => {
      const result = values === undefined ? await client.query(sql) : await client.query(sql, values)
      return result.rows as Record<string, unknown>[]
    })
  } finally {
    await client.end()
  }
}

async function answers(where: {readonly host: string; readonly port: number; readonly user: string}): Promise<boolean> {
  return withClient(where, async (query) => query('SELECT 1')).then(
    () => true,
    () => false,
  )
}

/** Whom a server runs as when the tests run as root: Postgres refuses that. */
function stranger(): {readonly uid: number; readonly gid: number} | null {
  const id = (flag: string): number =>
    Number(spawnSync('id', [flag, 'nobody'], {encoding: 'utf8'}).stdout.trim() || 'NaN')
  const [uid, gid] = [id('-u'), id('-g')]
  return Number.isInteger(uid) && Number.isInteger(gid) ? {uid, gid} : null
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const {port} = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
