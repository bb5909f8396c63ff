import {Buffer} from 'node:buffer'
import {StateError} from '../errors.ts'
import type {Reading} from './file-problems.ts'

/** tar's signature, the deepest in a file, ends here. */
export const SIGNATURE_BYTES = 262

interface Kind {
  readonly magic: Buffer
  readonly at?: number
  readonly what: string
  readonly hint: string
}

const piped = (command: string): string => `Unpack it: ${command} FILE | matrix-state … -`
const EXTRACT = 'Extract the dump from it first.'
const RECODE = 'Make it UTF-8 first: iconv -f UTF-16 -t UTF-8. (PowerShell writes UTF-16 with ">".)'
/** Synapse keeps events in federation form. */
const SELECT = '"SELECT json FROM event_json WHERE room_id = \'!room:example.org\'"'
/** Kinds of files that people have at hand and that are not read here. */
const KINDS: readonly Kind[] = [
  {magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), what: 'compressed with zstd', hint: piped('zstd -dc')},
  {magic: Buffer.from('BZh'), what: 'compressed with bzip2', hint: piped('bzip2 -dc')},
  {magic: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]), what: 'compressed with xz', hint: piped('xz -dc')},
  {magic: Buffer.from([0x1f, 0x8b]), what: 'compressed with gzip twice', hint: piped('gzip -dc')},
  {magic: Buffer.from('PK\x03\x04'), what: 'a zip archive', hint: EXTRACT},
  {magic: Buffer.from([0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c]), what: 'a 7z archive', hint: EXTRACT},
  {magic: Buffer.from('ustar'), at: 257, what: 'a tar archive', hint: EXTRACT},
  {
    magic: Buffer.from('SQLite format 3\0'),
    what: 'an SQLite database',
    hint: `Of Synapse's database, make a dump first: sqlite3 homeserver.db ${SELECT} > room.ndjson`,
  },
  {
    magic: Buffer.from('PGDMP'),
    what: 'a PostgreSQL archive',
    hint: `Restore it, then make a dump: psql -AtX -c ${SELECT} > room.ndjson`,
  },
  {magic: Buffer.from([0xff, 0xfe]), what: 'UTF-16 text', hint: RECODE},
  {magic: Buffer.from([0xfe, 0xff]), what: 'UTF-16 text', hint: RECODE},
]

/** @param head - the first bytes of a file. */
export function isGzip(head: Buffer): boolean {
  return head[0] === 0x1f && head[1] === 0x8b
}

/** @throws StateError - DUMP_MALFORMED for a kind of file that is not read here, telling which. */
export function refuseKnownKinds(head: Buffer, {name}: Reading): void {
  const kind = KINDS.find(({magic, at = 0}) => head.subarray(at, at + magic.length).equals(magic))
  if (kind === undefined) return
  throw new StateError('DUMP_MALFORMED', `${name} is ${kind.what}, not a dump of events`, {hint: kind.hint})
}
