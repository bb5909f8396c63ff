import {existsSync} from 'node:fs'
import {userInfo} from 'node:os'
import path from 'node:path'
import {StateError} from '../errors.ts'
import {isServerName} from '../matrix/ids.ts'

/** A database of a Synapse server, as `--database` names it. No password is in it. */
export type DatabaseAddress = SqliteAddress | PostgresAddress

export interface SqliteAddress {
  readonly kind: 'sqlite'
  /** Absolute. */
  readonly path: string
  /** Name of the server whose database it is, where the user told. */
  readonly serverName: string | null
  /** For people and as the route's name: `sqlite:/absolute/path`. */
  readonly shown: string
}

export interface PostgresAddress {
  readonly kind: 'postgres'
  /** A host name or address, or the absolute path of the folder in which the server's socket is. */
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  readonly tls: PostgresTls
  /** Command line options for the backend (`PGOPTIONS`). */
  readonly options: string | null
  readonly connectTimeoutMs: number
  readonly serverName: string | null
  /** `postgres://user@host:port/database`. */
  readonly shown: string
}

/** libpq's words. https://www.postgresql.org/docs/current/libpq-ssl.html */
export const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const

export interface PostgresTls {
  readonly mode: (typeof SSL_MODES)[number]
  /** Paths of PEM files; `null` for libpq's default places. `system` as root means the certificates that Node trusts. */
  readonly rootCert: string | null
  readonly cert: string | null
  readonly key: string | null
}

type Env = Readonly<Record<string, string | undefined>>

const FORMS =
  'It has the form sqlite:PATH, postgres://user@host/database, or postgres: alone, each after NAME= if the server name is given.'
const PASSWORD_HINT =
  'Leave the password out of the address: command lines are seen by others. Put it into PGPASSWORD or ~/.pgpass.'

/**
 * Reads a value of `--database`: `sqlite:PATH`, `postgres://…` or `postgresql://…`, or `postgres:` alone, which takes everything
 * from libpq's variables; each may stand after `NAME=`, the name of the server.
 *
 * What a URL leaves out comes from libpq's variables (`PGHOST`, `PGPORT`, `PGUSER`, `PGDATABASE`, `PGSSLMODE`, …), and then from
 * libpq's own defaults: the local socket, the name of the system user.
 *
 * @throws StateError USAGE. The message never repeats a password.
 */
export function parseDatabaseAddress(value: string, env: Env = process.env): DatabaseAddress {
  const named = /^(.*?)=(?=(?:sqlite|postgres(?:ql)?):)/su.exec(value)
  const serverName = named === null ? null : (named[1] ?? '')
  const rest = named === null ? value : value.slice(named[0].length)
  if (serverName !== null && !isServerName(serverName)) {
    throw new StateError('USAGE', `What stands before "=" in --database is not a server name. ${FORMS}`)
  }
  if (rest.startsWith('sqlite:')) return sqliteAddress(rest.slice('sqlite:'.length), serverName)
  if (/^postgres(?:ql)?:/u.test(rest)) return postgresAddress(rest, serverName, env)
  // The value may be a URL with a password and a typing error in its scheme: it is not repeated.
  throw new StateError('USAGE', `The value of --database is not the address of a database. ${FORMS}`)
}

function sqliteAddress(file: string, serverName: string | null): SqliteAddress {
  if (file === '' || file === ':memory:' || file.includes('\0')) {
    throw new StateError('USAGE', 'sqlite: in --database is not followed by the path of a file.')
  }
  const absolute = path.resolve(file)
  return {kind: 'sqlite', path: absolute, serverName, shown: `sqlite:${absolute}`}
}

function postgresAddress(text: string, serverName: string | null, env: Env): PostgresAddress {
  const {url, query} = parseUrl(text)
  const given = (name: string, variable: string): string | undefined =>
    nonEmpty(query.get(name)) ?? nonEmpty(env[variable])
  const user = decoded(url.username) ?? given('user', 'PGUSER') ?? userInfo().username
  const database = decoded(url.pathname.replace(/^\//u, '')) ?? given('dbname', 'PGDATABASE') ?? user
  const port = portOf(nonEmpty(url.port) ?? given('port', 'PGPORT') ?? '5432')
  const host = nonEmpty(query.get('host')) ?? decoded(url.hostname) ?? nonEmpty(env.PGHOST) ?? defaultHost(port)
  if (host.includes(',')) throw new StateError('USAGE', '--database names several hosts: name the one to read from.')
  const socket = host.startsWith('/')
  const authority = socket ? '' : `${host.includes(':') ? `[${host.replaceAll(/[[\]]/gu, '')}]` : host}:${String(port)}`
  const where = socket ? `?host=${encodeURI(host)}&port=${String(port)}` : ''
  const userPart = encodeURIComponent(user)
  return {
    kind: 'postgres',
    host: host.replace(/^\[(.*)\]$/u, '$1'),
    port,
    user,
    database,
    tls: {
      mode: sslMode(given('sslmode', 'PGSSLMODE') ?? 'prefer'),
      rootCert: given('sslrootcert', 'PGSSLROOTCERT') ?? null,
      cert: given('sslcert', 'PGSSLCERT') ?? null,
      key: given('sslkey', 'PGSSLKEY') ?? null,
    },
    options: given('options', 'PGOPTIONS') ?? null,
    connectTimeoutMs: timeoutOf(given('connect_timeout', 'PGCONNECT_TIMEOUT')),
    serverName,
    shown: `postgres://${userPart}${socket ? '' : '@'}${authority}/${encodeURIComponent(database)}${where}`.replace(
      `://${userPart}/`,
      `://${userPart}@/`,
    ),
  }
}

const PARAMETERS = new Set(
  'host port user dbname sslmode sslrootcert sslcert sslkey options connect_timeout application_name'.split(' '),
)

function parseUrl(text: string): {readonly url: URL; readonly query: URLSearchParams} {
  const mistaken = (): StateError =>
    new StateError('USAGE', `The postgres URL of --database cannot be read. ${FORMS}`, {
      hint: 'Write postgres://user@host:5432/database, and special characters percent-encoded.',
    })
  const rest = text.replace(/^postgres(?:ql)?:/u, '')
  let url: URL
  try {
    // `postgres://user@/database` is common and no URL by the letter of the standard: the host is left to the defaults.
    const hostless = /^\/\/([^/?#]*)@(?=[/?]|$)/u.exec(rest)
    url = new URL(`postgres:${hostless === null ? rest : `//${rest.slice(hostless[0].length)}`}`)
    if (hostless !== null) {
      if (hostless[1]?.includes(':') === true) throw withPassword()
      url.searchParams.append('user', decodeURIComponent(hostless[1] ?? ''))
    }
  } catch (error) {
    if (error instanceof StateError) throw error
    if (/:[^/@]*@/u.test(rest.replace(/^\/\//u, ''))) throw withPassword()
    throw mistaken()
  }
  const query = url.searchParams
  if (url.password !== '' || query.has('password') || query.has('sslpassword')) throw withPassword()
  if (url.hash !== '' || (!rest.startsWith('//') && url.pathname !== '')) throw mistaken()
  for (const name of query.keys()) {
    if (PARAMETERS.has(name)) continue
    throw new StateError(
      'USAGE',
      `The postgres URL of --database has a parameter that is not known: ${name.slice(0, 40)}`,
      {
        hint: `Known are ${[...PARAMETERS].join(', ')}.`,
      },
    )
  }
  return {url, query}
}

function withPassword(): StateError {
  return new StateError('USAGE', 'The postgres URL of --database has a password in it, and is refused for that.', {
    hint: PASSWORD_HINT,
  })
}

function nonEmpty(text: string | null | undefined): string | undefined {
  return text === null || text === undefined || text === '' ? undefined : text
}

function decoded(text: string): string | undefined {
  try {
    return nonEmpty(decodeURIComponent(text))
  } catch {
    throw new StateError('USAGE', 'The postgres URL of --database has a "%" that starts no percent-encoding.', {
      hint: 'Write a "%" itself as %25.',
    })
  }
}

function portOf(text: string): number {
  const port = /^\d{1,5}$/u.test(text) ? Number(text) : 0
  if (port >= 1 && port <= 65_535) return port
  throw new StateError('USAGE', `The port of the database is no port: ${text.slice(0, 20)}`, {
    hint: 'Ports are 1 to 65535; it comes from --database or PGPORT.',
  })
}

function timeoutOf(seconds: string | undefined): number {
  const given = Number(seconds ?? '0')
  return Number.isFinite(given) && given > 0 ? given * 1000 : 30_000
}

function sslMode(text: string): PostgresTls['mode'] {
  const mode = SSL_MODES.find((known) => known === text)
  if (mode !== undefined) return mode
  throw new StateError('USAGE', `sslmode (or PGSSLMODE) is not one of ${SSL_MODES.join(', ')}: ${text.slice(0, 40)}`)
}

/** Where libpq looks: in the folder of the socket that Debian or the PostgreSQL project compile in. */
function defaultHost(port: number): string {
  const folders = ['/var/run/postgresql', '/tmp']
  return folders.find((folder) => existsSync(`${folder}/.s.PGSQL.${String(port)}`)) ?? 'localhost'
}
