import {closeSync, openSync, readSync, statSync} from 'node:fs'
import {APPLICATION_ID, MIGRATIONS} from './schema.ts'

/** Whether the file says in its first bytes that it is a case file; `false` where there is none that can be read. */
export function isCaseFile(path: string): boolean {
  try {
    return hasHeader(path)
  } catch {
    return false
  }
}

/** https://www.sqlite.org/fileformat.html#the_database_header */
const MAGIC = 'SQLite format 3\0'
const APPLICATION_ID_AT = 68

const USER_VERSION_AT = 60

/** Whether the file has tables of an older schema than this program makes; `false` where there is none that can be read. */
export function isOlderCase(path: string): boolean {
  if (!isCaseFile(path)) return false
  const file = openSync(path, 'r')
  try {
    const version = Buffer.alloc(4)
    readSync(file, version, 0, version.length, USER_VERSION_AT)
    return version.readUInt32BE() < MIGRATIONS.length
  } finally {
    closeSync(file)
  }
}

/** @throws what the file system has against it */
export function hasHeader(path: string): boolean {
  if (!statSync(path).isFile()) return false
  const header = Buffer.alloc(APPLICATION_ID_AT + 4)
  const file = openSync(path, 'r')
  try {
    const read = readSync(file, header, 0, header.length, 0)
    return (
      read === header.length &&
      header.toString('latin1', 0, MAGIC.length) === MAGIC &&
      header.readUInt32BE(APPLICATION_ID_AT) === APPLICATION_ID
    )
  } finally {
    closeSync(file)
  }
}
