import {DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync} from 'node:sqlite'
import {pathToFileURL} from 'node:url'
import {StateError} from '../errors.ts'
import {MIGRATIONS} from './schema.ts'

export type Row = Record<string, SQLOutputValue>
export type Value = SQLInputValue

/** How long a writer waits for another one, in milliseconds. */
const BUSY_MS = 5000

/** One connection to one case file: every failure of SQLite becomes a message that a user can act on. */
export class Store {
  readonly path: string
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  readonly #onRollback: (() => void)[] = []
  readonly #writes: boolean

  private constructor(path: string, database: DatabaseSync, writes: boolean) {
    this.path = path
    this.#database = database
    this.#writes = writes
  }

  /**
   * @param migrations - other than `MIGRATIONS` in tests only
   * @throws StateError CASE_UNUSABLE
   */
  static reading(path: string, migrations: readonly string[] = MIGRATIONS): Store {
    return guarded(path, () => {
      const store = new Store(path, new DatabaseSync(address(path, 'ro'), {readOnly: true, timeout: BUSY_MS}), false)
      return store.#orClose(() => {
        const version = store.#version()
        refuseNewer(path, version, migrations)
        store.#refuseForeign(migrations.slice(0, version))
        return version < migrations.length ? store.#migratedInMemory(migrations) : store
      })
    })
  }

  /** @throws StateError CASE_UNUSABLE */
  static writing(
    path: string,
    options: {readonly busyMs?: number; readonly migrations?: readonly string[]} = {},
  ): Store {
    const {busyMs = BUSY_MS, migrations = MIGRATIONS} = options
    return guarded(path, () => {
      const store = new Store(path, new DatabaseSync(address(path, 'rw'), {timeout: busyMs}), true)
      return store.#orClose(() => {
        const version = store.#version()
        refuseNewer(path, version, migrations)
        store.#refuseForeign(migrations.slice(0, version))
        // Readers go on while a step is written, and a killed writer leaves the last whole step.
        store.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -32768')
        store.transaction(() => {
          // Asked again: another process may have migrated it meanwhile.
          store.#migrate(migrations.slice(store.#version()), migrations.length)
        })
        return store
      })
    })
  }

  all(sql: string, ...values: Value[]): Row[] {
    return guarded(this.path, () => this.#prepared(sql).all(...values))
  }

  get(sql: string, ...values: Value[]): Row | undefined {
    return guarded(this.path, () => this.#prepared(sql).get(...values))
  }

  /** @returns how many rows were changed */
  run(sql: string, ...values: Value[]): number {
    return guarded(this.path, () => Number(this.#prepared(sql).run(...values).changes))
  }

  /** The one number that the query asks for. */
  number(sql: string, ...values: Value[]): number {
    return Number(Object.values(this.get(sql, ...values) ?? {})[0])
  }

  /**
   * All of `work` or nothing of it.
   *
   * @throws StateError CASE_UNUSABLE, the file being as it was
   */
  transaction<T>(work: () => T): T {
    return guarded(this.path, () => {
      this.#database.exec('BEGIN IMMEDIATE')
      try {
        const result = work()
        this.#database.exec('COMMIT')
        return result
      } catch (error) {
        // SQLite has rolled back by itself after some errors (disk full).
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
        for (const forget of this.#onRollback) forget()
        throw error
      }
    })
  }

  /** All that `work` reads is of one moment. */
  snapshot<T>(work: () => T): T {
    if (this.#database.isTransaction) return work()
    return guarded(this.path, () => {
      this.#database.exec('BEGIN')
      try {
        return work()
      } finally {
        if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      }
    })
  }

  /**
   * A list or an object that a column holds as JSON.
   *
   * @throws StateError CASE_UNUSABLE where it is none
   */
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the caller knows what it wrote there
  json<T extends object>(kind: 'list' | 'object', text: unknown): T {
    try {
      const value: unknown = JSON.parse(String(text))
      if (typeof value === 'object' && value !== null && Array.isArray(value) === (kind === 'list')) return value as T
    } catch {
      // The same as any other value that is not of the kind.
    }
    throw damaged(this.path)
  }

  /** All that is committed now, into a file that is there and empty. */
  copyTo(path: string): void {
    guarded(path, () => {
      this.#database.exec(`VACUUM INTO '${path.replaceAll("'", "''")}'`)
    })
  }

  /** What was remembered of rows that are now gone is to be forgotten. */
  onRollback(forget: () => void): void {
    this.#onRollback.push(forget)
  }

  close(): void {
    if (!this.#database.isOpen) return
    this.#statements.clear()
    if (this.#writes) this.#leaveOneFile()
    this.#database.close()
  }

  /** At rest, a case is one file that needs nothing beside it, also on a medium that cannot be written. */
  #leaveOneFile(): void {
    try {
      this.#database.exec('PRAGMA busy_timeout = 0; PRAGMA journal_mode = DELETE')
    } catch {
      // Somebody else has it open, or the disk is full: then it stays as it is, which loses nothing.
    }
  }

  #prepared(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    const statement = this.#database.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }

  #version(): number {
    return Number(this.#database.prepare('PRAGMA user_version').get()?.['user_version'])
  }

  /** Tables, indexes, and nothing else, as its version's migrations make them: whoever sends a case might add a trigger. */
  #refuseForeign(migrations: readonly string[]): void {
    const expected = new DatabaseSync(':memory:')
    try {
      for (const step of migrations) expected.exec(step)
      if (migrations.length > 0 && schemaOf(expected) === schemaOf(this.#database)) return
    } finally {
      expected.close()
    }
    throw damaged(this.path)
  }

  #migrate(steps: readonly string[], version: number): void {
    for (const step of steps) this.#database.exec(step)
    if (steps.length > 0) this.#database.exec(`PRAGMA user_version = ${version}`)
  }

  /** An old file is read as if it were new, and is not touched. */
  #migratedInMemory(migrations: readonly string[]): Store {
    const memory = `file:case-${crypto.randomUUID()}?mode=memory&cache=shared`
    const store = new Store(this.path, new DatabaseSync(memory), false)
    return store.#orClose(() => {
      const from = this.#version()
      this.#database.exec(`VACUUM INTO '${memory}'`)
      this.close()
      store.#migrate(migrations.slice(from), migrations.length)
      return store
    })
  }

  #orClose<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      this.#database.close()
      throw error
    }
  }
}

function address(path: string, mode: 'ro' | 'rw'): URL {
  const url = pathToFileURL(path)
  // Without it, SQLite makes the file when it is not there.
  url.search = `?mode=${mode}`
  return url
}

function refuseNewer(path: string, version: number, migrations: readonly string[]): void {
  if (version <= migrations.length) return
  throw new StateError(
    'CASE_UNUSABLE',
    `${path}: the case file has schema ${version}, written by a newer matrix-state; this one knows schemas up to ${migrations.length}`,
    {hint: 'Use a newer matrix-state for it.'},
  )
}

function schemaOf(database: DatabaseSync): string {
  const made =
    "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type, name"
  return JSON.stringify(database.prepare(made).all())
}

const DAMAGED = ['it is damaged', 'Take a copy from before, or fetch the room again into a new file.'] as const

export function damaged(path: string, cause?: unknown): StateError {
  const [what, hint] = DAMAGED
  return new StateError('CASE_UNUSABLE', `${path}: the case file cannot be used: ${what}`, {cause, hint})
}

/** Whether a failure means that the file itself is spoilt, not that it cannot be had at the moment. */
export function isDamage(error: unknown): boolean {
  return error instanceof StateError && error.code === 'CASE_UNUSABLE' && error.hint === DAMAGED[1]
}

/** What SQLite's result codes mean to a user. https://www.sqlite.org/rescode.html */
const MEANINGS = new Map<number, readonly [string, string]>([
  [5, ['it is in use by another process', 'Wait until that is done, or work on a copy.']],
  [6, ['it is in use by another process', 'Wait until that is done, or work on a copy.']],
  [3, ['it may not be accessed', 'Check the permissions of the file and its folder.']],
  [8, ['it cannot be written', 'Check the permissions of the file and its folder, or work on a copy.']],
  [10, ['the disk does not read or write', 'Check the disk and the space on it; what was kept before is still there.']],
  [11, DAMAGED],
  [13, ['the disk is full', 'Make room and run it again: what was kept before is still there.']],
  [14, ['it cannot be opened', 'Check the permissions of the file and its folder.']],
  [26, DAMAGED],
])

/** @throws StateError CASE_UNUSABLE where SQLite fails for a reason that is not a bug */
export function guarded<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    // A number that is beyond what numbers are here: nothing of this program wrote it.
    if (error instanceof RangeError && 'code' in error && error.code === 'ERR_OUT_OF_RANGE') throw damaged(path, error)
    const code = error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : 0
    const meaning = MEANINGS.get(code & 0xff)
    if (meaning === undefined) throw error
    const [what, hint] = meaning
    throw new StateError('CASE_UNUSABLE', `${path}: the case file cannot be used: ${what}`, {cause: error, hint})
  }
}
