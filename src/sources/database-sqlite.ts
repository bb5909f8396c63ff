import {closeSync, existsSync, openSync, readSync, statSync} from 'node:fs'
import path from 'node:path'
import {DatabaseSync} from 'node:sqlite'
import type {StatementSync} from 'node:sqlite'
import {pathToFileURL} from 'node:url'
import {StateError} from '../errors.ts'
import type {SqliteAddress} from './database-address.ts'
import type {Database, Row, Snapshot, TableFacts} from './database-port.ts'

const BATCH = 2000

/**
 * A SQLite file of Synapse, read-only.
 *
 * @remarks What happens beside the file. Of a running server's database (write-ahead log) the `-shm` file is touched, in which readers
 * leave their marks; the file itself and `-wal` are not, and nothing is checkpointed. When neither `-wal` nor `-shm` is there, SQLite would
 * create both and leave them; the file is then read as immutable, and reading ends with an error if it changes meanwhile.
 */
export function sqliteDatabase(address: SqliteAddress): Database {
  return {
    shown: address.shown,
    snapshot: async (signal) => {
      await Promise.resolve()
      signal.throwIfAborted()
      return openSnapshot(address)
    },
  }
}

function openSnapshot({path: file, shown}: SqliteAddress): Snapshot {
  const {immutable, wal} = howToOpen(file, shown)
  const url = pathToFileURL(file)
  if (immutable) url.search = '?immutable=1'
  const guard = immutable ? changeGuard(file, shown) : (): void => undefined
  const explain = explainer(file, shown)
  const database = attempt(explain, () => {
    const opened = new DatabaseSync(immutable ? url : file, {readOnly: true, timeout: 5000})
    try {
      opened.exec('PRAGMA query_only = 1')
      opened.exec('BEGIN')
      // Only the first reading starts the snapshot.
      opened.prepare('SELECT COUNT(*) FROM sqlite_schema').get()
      return opened
    } catch (error) {
      opened.close()
      throw error
    }
  })
  const prepared = new Map<string, StatementSync>()
  const prepare = (sql: string): StatementSync => {
    const known = prepared.get(sql)
    if (known !== undefined) return known
    const statement = database.prepare(sql)
    prepared.set(sql, statement)
    return statement
  }
  const all = (sql: string, params: readonly (string | number)[] = []): readonly Row[] => {
    const rows = attempt(explain, () => prepare(sql).all(...params) as Row[])
    guard()
    return rows
  }
  return {
    notes: wal
      ? []
      : [
          'This SQLite file has no write-ahead log, so the server cannot write while it is read. Synapse itself always uses one.',
        ],
    rows: (sql, params = []) =>
      batches(() => database.prepare(sql).iterate(...params) as IterableIterator<Row>, explain, guard),
    all: async (sql, params) => Promise.resolve(all(sql, params)),
    table: async (name): Promise<TableFacts> => {
      const rows = all('SELECT name FROM pragma_table_info(?)', [name])
      return Promise.resolve({columns: new Set(rows.map((row) => String(row.name))), readable: true})
    },
    estimate: async (table) =>
      Promise.resolve(Number(all(`SELECT COALESCE(MAX(rowid), 0) AS n FROM ${table}`)[0]?.n ?? 0)),
    close: async () => {
      await Promise.resolve()
      if (database.isOpen) database.close()
    },
  }
}

async function* batches(
  start: () => IterableIterator<Row>,
  explain: (error: unknown) => Error,
  guard: () => void,
): AsyncGenerator<readonly Row[]> {
  const rows = attempt(explain, start)
  try {
    for (let done = false; !done;) {
      const batch: Row[] = []
      while (batch.length < BATCH) {
        const next = attempt(explain, () => rows.next())
        done = next.done === true
        if (done) break
        batch.push(next.value as Row)
      }
      guard()
      if (batch.length > 0) yield batch
      // SQLite works within this thread: others get their turn between batches.
      await new Promise((resolve) => void setImmediate(resolve))
    }
  } finally {
    rows.return?.()
  }
}

/** `true` at offset 18 and 19 of the file means a write-ahead log. https://www.sqlite.org/fileformat.html#file_format_version_numbers */
function howToOpen(file: string, shown: string): {readonly immutable: boolean; readonly wal: boolean} {
  const header = Buffer.alloc(100)
  let size: number
  try {
    const descriptor = openSync(file, 'r')
    try {
      size = readSync(descriptor, header, 0, 100, 0)
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new StateError('INPUT_NOT_FOUND', `There is no database ${file}`, {
        hint: 'Synapse’s homeserver.yaml names it under database: args: database:',
      })
    }
    if (code === 'EISDIR') throw new StateError('INPUT_UNREADABLE', `${file} is a folder, not a database.`)
    throw new StateError('INPUT_UNREADABLE', `${file} cannot be read (${code ?? 'unknown error'}).`, {
      hint: 'Run this as a user who may read it, most likely the one that Synapse runs as.',
    })
  }
  if (size < 100 || header.toString('latin1', 0, 15) !== 'SQLite format 3') {
    throw new StateError('DATABASE_UNUSABLE', `${shown} is not a SQLite database.`)
  }
  const wal = header[18] === 2
  return {wal, immutable: wal && sizeOf(`${file}-wal`) === 0 && !existsSync(`${file}-shm`)}
}

function sizeOf(file: string): number {
  return statSync(file, {throwIfNoEntry: false})?.size ?? 0
}

/** An immutable file must be just that: whoever writes to it meanwhile makes what is read meaningless. */
function changeGuard(file: string, shown: string): () => void {
  const look = (): string => {
    const stat = statSync(file, {bigint: true, throwIfNoEntry: false})
    const shape = [stat?.ino, stat?.size, stat?.mtimeNs, sizeOf(`${file}-wal`)]
    return shape.map(String).join(' ')
  }
  const before = look()
  return () => {
    if (look() === before) return
    throw new StateError('DATABASE_UNUSABLE', `${shown} changed while it was read: the server was started meanwhile.`, {
      hint: 'Run the command again: what was read before is kept.',
    })
  }
}

function attempt<T>(explain: (error: unknown) => Error, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw explain(error)
  }
}

function explainer(file: string, shown: string): (error: unknown) => Error {
  return (error) => {
    const {errcode, message} = error as {errcode?: unknown; message: string}
    if (typeof errcode !== 'number') return error as Error
    const unusable = (what: string, hint: string): StateError =>
      new StateError('DATABASE_UNUSABLE', `${shown} ${what} (SQLite: ${message}).`, {hint})
    switch (errcode & 0xff) {
      case 5:
      case 6:
        return unusable('is locked by another program', 'Try again, or stop the server for as long as this takes.')
      case 8:
      case 14:
        if (!existsSync(`${file}-shm`) && sizeOf(`${file}-wal`) > 0) {
          return unusable(
            'has a write-ahead log, to read which SQLite must create a file beside it, and may not',
            `Copy ${path.basename(file)} and ${path.basename(file)}-wal together into a folder of your own and read them there.`,
          )
        }
        return unusable(
          'cannot be opened for reading',
          'Run this as the user that Synapse runs as; if the server crashed, start it once, so that it repairs its log.',
        )
      case 11:
        return unusable('is damaged', 'Restore it from a backup, or repair it with sqlite3’s .recover.')
      case 26:
        return unusable('is not a SQLite database', 'Check the path.')
      default:
        return unusable('cannot be read', 'Check the file with sqlite3’s PRAGMA integrity_check.')
    }
  }
}
