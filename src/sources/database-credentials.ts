import {readFileSync, statSync} from 'node:fs'
import {homedir} from 'node:os'
import path from 'node:path'
import type {ConnectionOptions} from 'node:tls'
import {StateError} from '../errors.ts'
import type {PostgresAddress} from './database-address.ts'

/**
 * The password as libpq finds it: `PGPASSWORD`, else the first fitting line of `PGPASSFILE` or `~/.pgpass`.
 *
 * @throws StateError CREDENTIALS_ABSENT. Called only when the server asks for a password.
 * @see https://www.postgresql.org/docs/current/libpq-pgpass.html
 */
export function findPassword(address: PostgresAddress): string {
  const {PGPASSWORD: given, PGPASSFILE: named} = process.env
  if (given !== undefined && given !== '') return given
  const file = named === undefined || named === '' ? path.join(homedir(), '.pgpass') : named
  const stat = statSync(file, {throwIfNoEntry: false})
  const open = stat !== undefined && process.platform !== 'win32' && (stat.mode & 0o077) !== 0
  const password = stat === undefined || open ? undefined : fittingLine(readFileSync(file, 'utf8'), address)
  if (password !== undefined) return password
  throw new StateError('CREDENTIALS_ABSENT', `${address.shown} asks for a password, and there is none.`, {
    hint: open
      ? `${file} is ignored, since others may read it: chmod 600 it, or set PGPASSWORD.`
      : 'Set PGPASSWORD, or write it into ~/.pgpass (host:port:database:user:password, mode 0600).',
  })
}

function fittingLine(content: string, {host, port, database, user}: PostgresAddress): string | undefined {
  const hosts = host.startsWith('/') ? [host, 'localhost'] : [host]
  for (const line of content.split(/\r?\n/u)) {
    if (line.startsWith('#')) continue
    const fields = [...line.matchAll(/((?:\\.|[^:\\])*)(?::|$)/gsu)].map(([, field]) =>
      (field ?? '').replace(/\\(.)/gsu, '$1'),
    )
    const [forHost = '', forPort = '', forDatabase = '', forUser = '', password = ''] = fields
    const fits = (field: string, ...values: string[]): boolean => field === '*' || values.includes(field)
    if (fits(forHost, ...hosts) && fits(forPort, String(port)) && fits(forDatabase, database) && fits(forUser, user)) {
      if (password !== '') return password
    }
  }
  return undefined
}

/** One way to connect: without TLS, or with it. */
export type TlsAttempt = false | ConnectionOptions

/**
 * The ways in which libpq would connect under a mode, in its order.
 *
 * @throws StateError when a file that the mode needs is not there
 * @see https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION
 */
export function tlsAttempts({host, tls, shown}: PostgresAddress): readonly TlsAttempt[] {
  if (host.startsWith('/') || tls.mode === 'disable') return [false]
  const folder = path.join(homedir(), '.postgresql')
  const client = clientCertificate(
    tls.cert ?? path.join(folder, 'postgresql.crt'),
    tls.key ?? path.join(folder, 'postgresql.key'),
    tls.cert !== null,
  )
  const unchecked = {...client, rejectUnauthorized: false}
  if (tls.mode === 'allow') return [false, unchecked]
  if (tls.mode === 'prefer') return [unchecked, false]

  const root = tls.rootCert ?? path.join(folder, 'root.crt')
  const ca = root === 'system' ? undefined : read(root, tls.rootCert !== null)
  if (root !== 'system' && ca === undefined) {
    // As libpq: without root certificates "require" encrypts and checks nothing.
    if (tls.mode === 'require') return [unchecked]
    throw new StateError('USAGE', `sslmode=${tls.mode} needs root certificates, and ${root} is not there (${shown}).`, {
      hint: 'Name a file with sslrootcert or PGSSLROOTCERT, or "system" for the certificates that Node trusts.',
    })
  }
  const checked = {...client, ...(ca === undefined ? {} : {ca}), rejectUnauthorized: true}
  const nameMatters = tls.mode === 'verify-full' || root === 'system'
  return [nameMatters ? checked : {...checked, checkServerIdentity: () => undefined}]
}

function clientCertificate(certFile: string, keyFile: string, named: boolean): {cert?: string; key?: string} {
  const cert = read(certFile, named)
  const key = cert === undefined ? undefined : read(keyFile, true)
  return {...(cert === undefined ? {} : {cert}), ...(key === undefined ? {} : {key})}
}

function read(file: string, needed: boolean): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (!needed) return undefined
    const {code} = error as NodeJS.ErrnoException
    throw new StateError(
      'INPUT_NOT_FOUND',
      `The certificate or key ${file} cannot be read (${code ?? 'unknown error'}).`,
    )
  }
}
