import {randomUUID} from 'node:crypto'
import {closeSync, constants, copyFileSync, existsSync, linkSync, openSync, rmSync, unlinkSync} from 'node:fs'
import {DatabaseSync} from 'node:sqlite'
import {StateError} from '../errors.ts'
import {ReadableCase, WritableCase} from './case-file.ts'
import {hasHeader} from './header.ts'
import {APPLICATION_ID, MIGRATIONS} from './schema.ts'
import {guarded, Store} from './store.ts'

/**
 * Makes a new case file, which only its owner may read: it will hold private messages.
 *
 * @param nowMs - milliseconds since 1970
 * @throws StateError CASE_EXISTS where anything has that name, CASE_UNUSABLE
 */
export function createCase(path: string, about: {readonly roomId: string; readonly nowMs: number}): WritableCase {
  if (existsSync(path)) throw exists(path)
  refuseRemains(path)
  // Made under another name, so that whatever has the name is a whole case file, even if we are killed here.
  const draft = `${path}.${randomUUID()}.new`
  try {
    accessing(path, () => closeSync(openSync(draft, 'wx', 0o600)))
    guarded(path, () => fill(draft, about))
    publish(draft, path)
  } finally {
    removeDraft(draft)
  }
  return new WritableCase(Store.writing(path))
}

/** What could not even be named is not there to be removed: why, has been told. */
function removeDraft(draft: string): void {
  try {
    rmSync(draft, {force: true})
  } catch (error) {
    const isNowhere = error instanceof Error && 'code' in error && /^(?:ENOTDIR|ENAMETOOLONG)$/.test(String(error.code))
    if (!isNowhere) throw error
  }
}

/** SQLite would take what a killed run left beside a file that was since removed for a part of the new one, and so spoil it. */
function refuseRemains(path: string): void {
  const remains = ['-wal', '-journal'].map((suffix) => path + suffix).find((beside) => existsSync(beside))
  if (remains === undefined) return
  throw new StateError('CASE_EXISTS', `${remains}: this belongs to a case file that was removed or moved`, {
    hint: 'Put it where that case file is now; or remove it, if that is gone for good.',
  })
}

function fill(draft: string, {roomId, nowMs}: {readonly roomId: string; readonly nowMs: number}): void {
  const database = new DatabaseSync(draft)
  try {
    database.exec(`BEGIN; PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${MIGRATIONS.length}`)
    for (const step of MIGRATIONS) database.exec(step)
    const set = database.prepare('INSERT INTO about VALUES (?, ?)')
    set.run('room_id', roomId)
    set.run('created_ts', String(nowMs))
    database.exec('COMMIT')
  } finally {
    database.close()
  }
}

/** Gives the draft its name, unless something has it by now. */
function publish(draft: string, path: string): void {
  try {
    linkSync(draft, path)
    unlinkSync(draft)
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw exists(path)
    // Not every file system has hard links.
    accessing(path, () => copyFileSync(draft, path, constants.COPYFILE_EXCL))
  }
}

/**
 * Opens a case file for reading; it is not changed, and may be read while another process adds to it.
 *
 * @throws StateError CASE_ABSENT, CASE_UNUSABLE
 */
export function openCase(path: string): ReadableCase {
  expectCase(path)
  return new ReadableCase(Store.reading(path))
}

/**
 * Opens a case file for adding.
 *
 * @param options - `busyMs`: how long to wait for another process that is writing, in milliseconds
 * @throws StateError CASE_ABSENT, CASE_UNUSABLE
 */
export function openCaseForWriting(path: string, options: {readonly busyMs?: number} = {}): WritableCase {
  expectCase(path)
  return new WritableCase(Store.writing(path, options))
}

/**
 * Makes another file of all that a case file holds at this moment, whoever may be adding to it. An older schema is migrated on the way.
 *
 * @param to - where nothing is yet
 * @throws StateError CASE_ABSENT, CASE_EXISTS, CASE_UNUSABLE
 */
export function copyCase(from: string, to: string): void {
  const reader = openCase(from)
  try {
    accessing(to, () => closeSync(openSync(to, 'wx', 0o600)))
    reader.store.copyTo(to)
  } catch (error) {
    rmSync(to, {force: true})
    throw error
  } finally {
    reader.close()
  }
}

/** Takes a case file away, with what a killed run may have left beside it. */
export function removeCase(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(path + suffix, {force: true})
}

function expectCase(path: string): void {
  if (accessing(path, () => hasHeader(path))) return
  throw new StateError('CASE_UNUSABLE', `${path}: this is no case file`, {
    hint: 'matrix-state fetch makes one: matrix-state fetch ROOM --case FILE.',
  })
}

function exists(path: string): StateError {
  return new StateError('CASE_EXISTS', `${path}: there is something of that name already`, {
    hint: 'Choose another name, or add to the case file that is there.',
  })
}

/** Failures of the file system as what a user can act on. */
function accessing<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EEXIST') throw exists(path)
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new StateError('CASE_ABSENT', `${path}: there is no such file or folder`, {cause: error})
    }
    if (code === undefined) throw error
    throw new StateError('CASE_UNUSABLE', `${path}: the case file cannot be used: ${code}`, {
      cause: error,
      hint: 'Check the permissions of the file and its folder, and the space on the disk.',
    })
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && 'syscall' in error
    ? error.code
    : undefined
}
