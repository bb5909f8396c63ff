import {execFile, spawn} from 'node:child_process'
import type {ChildProcess} from 'node:child_process'
import {randomBytes} from 'node:crypto'
import {chownSync, existsSync, readdirSync, rmSync} from 'node:fs'
import {chown, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {promisify} from 'node:util'
import {freePort} from './ports.ts'

const run = promisify(execFile)

/** A throw-away Postgres on loopback. */
export interface Cluster {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  /** Makes a database as Synapse wants it: UTF-8, and the C locale. */
  readonly createDatabase: (name: string) => Promise<void>
  /** Stops it and removes its folder. */
  readonly dispose: () => Promise<void>
}

/** Where Debian and others put the server's programs; `null` when there are none. */
export function postgresPrograms(): string | null {
  const root = '/usr/lib/postgresql'
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [...versions.map((version) => path.join(root, version, 'bin')), '/usr/local/bin', '/usr/bin']
  return folders.find((folder) => ['initdb', 'postgres'].every((name) => existsSync(path.join(folder, name)))) ?? null
}

/**
 * Starts one with an account `synapse` and a password of its own, as another user when we are root (Postgres refuses to be root).
 *
 * @throws Error when it does not start; nothing stays then
 */
export async function launchCluster(programs: string): Promise<Cluster> {
  const folder = await mkdtemp(path.join(tmpdir(), 'matrix-state-postgres-'))
  const [user, password, port] = ['synapse', randomBytes(12).toString('hex'), await freePort()]
  const account = process.getuid?.() === 0 ? await ordinaryAccount() : null
  let child: ChildProcess | null = null
  // `exit` may find it half started: what is left then goes away without a word.
  const killAtExit = (): void => {
    child?.kill('SIGKILL')
    rmSync(folder, {recursive: true, force: true, maxRetries: 5})
  }
  process.once('exit', killAtExit)
  const dispose = async (): Promise<void> => {
    process.removeListener('exit', killAtExit)
    if (child !== null && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child?.once('exit', resolve))
      // SIGINT is the fast shutdown: clients are cut off.
      child.kill('SIGINT')
      const late = setTimeout(() => void child?.kill('SIGKILL'), 10_000)
      await ended
      clearTimeout(late)
    }
    await rm(folder, {recursive: true, force: true, maxRetries: 5})
  }
  try {
    await writeFile(path.join(folder, 'password'), password, {mode: 0o600})
    const data = path.join(folder, 'data')
    if (account !== null) {
      await chown(folder, account.uid, account.gid)
      chownSync(path.join(folder, 'password'), account.uid, account.gid)
    }
    const as = {cwd: folder, ...(account ?? {}), env: {PATH: process.env.PATH, LC_ALL: 'C'}}
    await run(
      path.join(programs, 'initdb'),
      ['-D', data, '-U', user, '-A', 'scram-sha-256', '-E', 'UTF8', '--locale=C', '--no-sync'].concat(
        `--pwfile=${path.join(folder, 'password')}`,
      ),
      as,
    )
    const settings = ['listen_addresses=127.0.0.1', `port=${String(port)}`, 'unix_socket_directories=', 'fsync=off']
    child = spawn(
      path.join(programs, 'postgres'),
      ['-D', data, ...settings.concat('autovacuum=off').flatMap((one) => ['-c', one])],
      {...as, stdio: ['ignore', 'ignore', 'pipe']},
    )
    let said = ''
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (said = (said + chunk).slice(-4000)))
    const where = {host: '127.0.0.1', port, user, password}
    const end = Date.now() + 30_000
    for (;;) {
      if (
        await ask(where, 'SELECT 1').then(
          () => true,
          () => false,
        )
      )
        break
      if (child.exitCode !== null || Date.now() > end) throw new Error(`Postgres did not start:\n${said}`)
      await sleep(100)
    }
    return {
      ...where,
      createDatabase: (name) =>
        ask(where, `CREATE DATABASE ${name} ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`),
      dispose,
    }
  } catch (error) {
    await dispose()
    throw error
  }
}

async function ask(where: Pick<Cluster, 'host' | 'port' | 'user' | 'password'>, sql: string): Promise<void> {
  const {Client} = (await import('pg')).default
  const client = new Client({...where, database: 'postgres'})
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}

/** `postgres`, else `nobody`. */
async function ordinaryAccount(): Promise<{readonly uid: number; readonly gid: number}> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  const found = ['postgres', 'nobody'].flatMap((name) => lines.filter((line) => line[0] === name))[0]
  if (found === undefined) throw new Error('Postgres does not run as root, and there is no other account for it')
  return {uid: Number(found[2]), gid: Number(found[3])}
}
