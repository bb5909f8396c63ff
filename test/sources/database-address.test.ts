import path from 'node:path'
import {describe, expect, it} from 'vitest'
import {StateError} from '../../src/errors.ts'
import {parseDatabaseAddress} from '../../src/sources/database-address.ts'

const SECRET = 'hunter2secret'
const env = {PGUSER: 'synapse', PGHOST: 'db.example.org', PGDATABASE: 'syn', PGSSLMODE: 'require', PGPORT: '6432'}

function refusal(value: string, variables: Record<string, string> = {}): StateError {
  try {
    parseDatabaseAddress(value, variables)
  } catch (error) {
    if (error instanceof StateError) return error
    throw error
  }
  throw new Error(`${value} was accepted`)
}

describe('addresses of databases', () => {
  it('take relative and absolute paths of SQLite files, with and without a server name', () => {
    expect(parseDatabaseAddress('sqlite:some/homeserver.db', {})).toEqual({
      kind: 'sqlite',
      path: path.resolve('some/homeserver.db'),
      serverName: null,
      shown: `sqlite:${path.resolve('some/homeserver.db')}`,
    })
    expect(parseDatabaseAddress('[::1]:8448=sqlite:/x/a=b.db', {})).toMatchObject({
      path: '/x/a=b.db',
      serverName: '[::1]:8448',
    })
  })

  it('take the parts of a URL before the variables', () => {
    const address = parseDatabaseAddress(
      'hs1.example.org=postgresql://me%40x@pg.example.org:5433/my%20db?sslmode=verify-full',
      env,
    )
    expect(address).toMatchObject({
      kind: 'postgres',
      host: 'pg.example.org',
      port: 5433,
      user: 'me@x',
      database: 'my db',
      serverName: 'hs1.example.org',
      shown: 'postgres://me%40x@pg.example.org:5433/my%20db',
      tls: {mode: 'verify-full'},
    })
  })

  it('take everything from libpq’s variables when nothing is said', () => {
    expect(parseDatabaseAddress('postgres:', env)).toMatchObject({
      host: 'db.example.org',
      port: 6432,
      user: 'synapse',
      database: 'syn',
      tls: {mode: 'require'},
    })
  })

  it.each([
    ['postgres:///synapse?host=/run/pg', '/run/pg', 'synapse'],
    ['postgres://me@/synapse?host=/run/pg', '/run/pg', 'synapse'],
    ['postgres://%2Frun%2Fpg/synapse', '/run/pg', 'synapse'],
    ['postgres://me@[::1]/synapse', '::1', 'synapse'],
    ['postgres://me@host', 'host', 'me'],
    ['postgres:?host=h&dbname=d&user=u', 'h', 'd'],
  ])('read %s', (value, host, database) => {
    expect(parseDatabaseAddress(value, {PGUSER: 'me'})).toMatchObject({host, database})
  })

  it.each([
    `postgres://me:${SECRET}@host/db`,
    `postgres://me:${SECRET}@/db`,
    `postgres://:${SECRET}@host/db`,
    `hs=postgresql://me:${SECRET}@host/db`,
    `postgres://host/db?password=${SECRET}`,
    `postgres://me:${SECRET}@ho st:x/db`,
    `postgres://me:${SECRET}%@host/db`,
  ])('refuse a password and do not repeat it: %s', (value) => {
    const error = refusal(value)
    expect(error.code).toBe('USAGE')
    expect(error.message).toContain('has a password in it')
    expect(error.hint).toContain('PGPASSWORD')
    expect(JSON.stringify([error.message, error.hint, String(error.cause)])).not.toContain(SECRET)
  })

  it.each([
    [`postgers://me:${SECRET}@host/db`, 'not the address of a database'],
    ['', 'not the address of a database'],
    ['not a name=sqlite:x', 'not a server name'],
    ['sqlite:', 'path of a file'],
    ['sqlite::memory:', 'path of a file'],
    ['postgres:synapse', 'cannot be read'],
    ['postgres://h/db?colour=red', 'colour'],
    ['postgres://h/db?sslmode=maybe', 'sslmode'],
    ['postgres://h/db?host=a,b', 'several hosts'],
    ['postgres:///db?port=0', 'no port'],
  ])('refuse %s', (value, words) => {
    const error = refusal(value)
    expect(error.code).toBe('USAGE')
    expect(error.message).toContain(words)
    expect(error.message).not.toContain(SECRET)
  })
})
