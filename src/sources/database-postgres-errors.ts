import {StateError} from '../errors.ts'
import type {PostgresAddress} from './database-address.ts'

const GRANT = 'Connect as the role that Synapse uses, or as one with pg_read_all_data.'

/** What a failure of Postgres means to a person; errors that are none of it are given back as they are. */
export function explainPostgres(error: unknown, address: PostgresAddress): Error {
  if (error instanceof StateError || !(error instanceof Error)) return error as Error
  const {code} = error as NodeJS.ErrnoException
  const said = oneLine(error)
  const {shown, user, database} = address
  const make = (message: string, hint: string, kind: StateError['code'] = 'DATABASE_UNUSABLE'): StateError =>
    new StateError(kind, `${message} (${shown}: ${said})`, {hint})
  switch (code) {
    case '28P01':
      return make(`The password for ${user} is wrong.`, 'Check PGPASSWORD or ~/.pgpass.', 'SERVER_REFUSED')
    case '28000':
      return make(
        `The database server does not let ${user} in from here.`,
        'Connect as another role, or by its socket (host=/var/run/postgresql); its pg_hba.conf says who may come from where.',
        'SERVER_REFUSED',
      )
    case '3D000':
      return make(
        `There is no database ${database}.`,
        'Synapse’s homeserver.yaml names it under database: args: dbname.',
      )
    case '42501':
      return make(`${user} may not read a table that is needed.`, GRANT, 'SERVER_REFUSED')
    case '42P01':
    case '42703':
      return make(
        'The database lacks a table or column that Synapse has.',
        'This release knows Synapse’s schema up to version 94.',
      )
    case '57014':
      return make(
        'The database took too long over one statement, and stopped it.',
        'Try again when the server is less busy.',
      )
    case '53300':
      return make(
        'The database server has no connection left.',
        'Try again later, or raise its max_connections.',
        'SERVER_UNREACHABLE',
      )
    case '57P03':
      return make(
        'The database server is starting up or shutting down.',
        'Try again in a moment.',
        'SERVER_UNREACHABLE',
      )
    default:
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return make('The name of the database server is not known.', 'Check the host.', 'SERVER_UNREACHABLE')
  }
  if (
    code === 'ECONNREFUSED' ||
    code === 'ENOENT' ||
    code === 'EACCES' ||
    code === 'EHOSTUNREACH' ||
    code === 'ENETUNREACH'
  ) {
    return make('No database server answers there.', 'Check host and port, and that it runs.', 'SERVER_UNREACHABLE')
  }
  if (
    /^(?:57P0|08|ECONNRESET|EPIPE|ETIMEDOUT)/u.test(code ?? '') ||
    /terminated|timeout|Connection ended|not queryable/iu.test(said)
  ) {
    return make(
      'The connection to the database was cut, or did not come about in time.',
      'Run the command again: it goes on where it stopped.',
      'SERVER_UNREACHABLE',
    )
  }
  if (said.includes('not support SSL')) {
    return make('The database server has no TLS, and sslmode asks for it.', 'Set sslmode=prefer, or use the socket.')
  }
  if (/certificate|altname|self[- ]signed|TLS|SSL/iu.test(`${said} ${code ?? ''}`)) {
    return make(
      'The database server’s certificate is not trusted.',
      'Name its root certificate with PGSSLROOTCERT, and mind the host name.',
    )
  }
  return make('The database cannot be read.', 'The words in brackets are the database server’s own.')
}

/** The server's words, in one line and without the password, should a server ever repeat it. */
function oneLine(error: Error): string {
  const {PGPASSWORD: password} = process.env
  // Node tries several addresses of one name and puts their errors into one without words.
  const parts =
    error instanceof AggregateError ? (error.errors as Error[]).map(({message}) => message) : [error.message]
  const said = parts.join('; ').replaceAll(/\s+/gu, ' ').trim()
  return password === undefined || password === '' ? said : said.replaceAll(password, '[password]')
}
