import {StateError} from '../errors.ts'

export type SqlValue = string | number | null | Uint8Array
/** By column name. Truth values are 1 and 0. */
export type Row = Readonly<Record<string, SqlValue | undefined>>

/** What is known of a table before it is read. */
export interface TableFacts {
  /** Empty when there is no such table. */
  readonly columns: ReadonlySet<string>
  /** Whether this user may read it. */
  readonly readable: boolean
}

/** A database as it stood at one moment, read-only. SQL has `?` for parameters, and nowhere else. */
export interface Snapshot {
  /** Streams the answer in batches of a few thousand rows. @throws StateError */
  readonly rows: (sql: string, params?: readonly (string | number)[]) => AsyncIterable<readonly Row[]>
  /** The whole answer, for what is known to be small. @throws StateError */
  readonly all: (sql: string, params?: readonly (string | number)[]) => Promise<readonly Row[]>
  readonly table: (name: string) => Promise<TableFacts>
  /** About how many rows a table has, told cheaply. */
  readonly estimate: (table: string) => Promise<number>
  /** For people: what is unusual about reading it. */
  readonly notes: readonly string[]
  /** Ends the transaction and the connection. Never throws. */
  readonly close: () => Promise<void>
}

/** A database at rest; each snapshot has a connection of its own. */
export interface Database {
  /** The address without credentials. */
  readonly shown: string
  /** @throws StateError; the signal's reason when it fires */
  readonly snapshot: (signal: AbortSignal) => Promise<Snapshot>
}

/** A text column. @throws StateError when it is something else, which Synapse never writes */
export function text(row: Row, column: string): string {
  const value = row[column]
  if (typeof value === 'string') return value
  // SQLite has text in a column of bytes and the other way round, as the writer liked.
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8')
  throw unexpected(column, value)
}

export function textOrNull(row: Row, column: string): string | null {
  return row[column] === null ? null : text(row, column)
}

export function integer(row: Row, column: string): number {
  const value = row[column]
  if (typeof value === 'number') return value
  throw unexpected(column, value)
}

export function integerOrNull(row: Row, column: string): number | null {
  return row[column] === null ? null : integer(row, column)
}

function unexpected(column: string, value: unknown): StateError {
  const kind = value === null ? 'nothing' : value instanceof Uint8Array ? 'bytes' : `a ${typeof value}`
  return new StateError('DATABASE_UNUSABLE', `The column ${column} of the database holds ${kind}.`, {
    hint: 'Synapse never writes this: the database is damaged, or of another program.',
  })
}

/** `?, ?, ?` for a list of that length. */
export function marks(count: number): string {
  return Array.from({length: count}, () => '?').join(', ')
}

/** Asks in pieces of at most 500 parameters; `sql` gets the list's placeholders. */
export async function allOf(
  snapshot: Snapshot,
  keys: readonly (string | number)[],
  sql: (list: string) => string,
): Promise<Row[]> {
  const rows: Row[] = []
  for (let start = 0; start < keys.length; start += 500) {
    const piece = keys.slice(start, start + 500)
    for (const row of await snapshot.all(sql(marks(piece.length)), piece)) rows.push(row)
  }
  return rows
}
