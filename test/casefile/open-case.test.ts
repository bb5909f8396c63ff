import {
  chmodSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import {join} from 'node:path'
import {DatabaseSync} from 'node:sqlite'
import {describe, expect, test} from 'vitest'
import {isCaseFile} from '../../src/casefile/header.ts'
import {createCase, openCase, openCaseForWriting} from '../../src/casefile/open-case.ts'
import {MIGRATIONS} from '../../src/casefile/schema.ts'
import {Store} from '../../src/casefile/store.ts'
import {event} from '../matrix/events.ts'
import {folder, identity, newCase, stepOf} from './cases.ts'

const where = folder()
const about = {roomId: '!r:domain', nowMs: 1234}
let made = 0
const free = (): string => join(where, `${(made += 1)}-open?#.case`)
const refusal = (code: string, message: RegExp): unknown =>
  expect.objectContaining({code, message: expect.stringMatching(message)})

describe('a case file', () => {
  test('is made, holds what it was made for, is only its owner’s, and is one file at rest', () => {
    const path = free()
    const writer = createCase(path, about)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const source = writer.source(identity('a'), ['soft-failed events'])
    writer.keep(source, stepOf([JSON.stringify(event('6'))], {roomVersion: '6'}), 5)
    for (const name of readdirSync(where)) expect(statSync(join(where, name)).mode & 0o077).toBe(0)
    writer.close()
    writer.close()
    expect(isCaseFile(path)).toBe(true)
    const reader = openCase(path)
    expect(reader).toMatchObject({path, roomId: '!r:domain', roomVersion: '6', createdTs: 1234})
    expect(reader.sources()).toEqual([
      {id: source, ...identity('a'), firstTs: 5, lastTs: 5, requests: 1, unknowable: ['soft-failed events']},
    ])
    expect(reader.counts()).toMatchObject({events: 1, missing: 1})
    reader.close()
    expect(readdirSync(where)).toHaveLength(made)
  })

  test('can be read while another process adds to it', () => {
    const path = free()
    createCase(path, about).close()
    const reader = openCase(path)
    const writer = openCaseForWriting(path)
    const source = writer.source(identity('a'), [])
    for (let index = 1; index <= 600; index += 200) {
      const texts = Array.from({length: 200}, (_, at) => JSON.stringify(event('6', {depth: index + at})))
      writer.keep(source, stepOf(texts, {roomVersion: '6'}), index)
      expect(reader.counts().events).toBe(index + 199)
    }
    const copies = reader.copies()[Symbol.iterator]()
    copies.next()
    writer.keep(source, stepOf([JSON.stringify(event('6', {depth: 9999}))]), 9)
    let rest = 1
    while (copies.next().done !== true) rest += 1
    expect(rest).toBe(601)
    reader.close()
    writer.close()
  })

  test('is not changed by reading', () => {
    const path = free()
    createCase(path, about).close()
    chmodSync(path, 0o400)
    const before = readFileSync(path)
    const reader = openCase(path)
    reader.counts()
    expect(reader.newest()).toEqual([])
    reader.close()
    expect(readFileSync(path).equals(before)).toBe(true)
    expect(readdirSync(where)).toHaveLength(made)
  })
})

describe('is refused', () => {
  test('what is not there; and nothing is made', () => {
    const path = free()
    expect(() => openCase(path)).toThrow(refusal('CASE_ABSENT', /no such file/))
    expect(() => openCaseForWriting(path)).toThrow(refusal('CASE_ABSENT', /no such file/))
    expect(() => createCase(join(path, 'x'), about)).toThrow(refusal('CASE_ABSENT', /no such file or folder/))
    // Also when it vanishes just before SQLite opens it.
    expect(() => Store.writing(path)).toThrow(refusal('CASE_UNUSABLE', /cannot be opened/))
    expect(() => Store.reading(path)).toThrow(refusal('CASE_UNUSABLE', /cannot be opened/))
    made -= 1
    expect(readdirSync(where)).toHaveLength(made)
  })

  test('a name that is taken, by whatever', () => {
    const path = free()
    createCase(path, about).close()
    expect(() => createCase(path, about)).toThrow(refusal('CASE_EXISTS', /something of that name/))
    const other = free()
    mkdirSync(other)
    expect(() => createCase(other, about)).toThrow(refusal('CASE_EXISTS', /something of that name/))
    expect(() => openCase(other)).toThrow(refusal('CASE_UNUSABLE', /no case file/))
  })

  test.each([
    ['an empty file', ''],
    ['a dump', JSON.stringify(event('6'))],
  ])('%s, which stays as it is', (_name, text) => {
    const path = free()
    writeFileSync(path, text)
    expect(isCaseFile(path)).toBe(false)
    expect(() => openCase(path)).toThrow(refusal('CASE_UNUSABLE', /no case file/))
    expect(() => openCaseForWriting(path)).toThrow(refusal('CASE_UNUSABLE', /no case file/))
    expect(readFileSync(path, 'utf8')).toBe(text)
  })

  test('another program’s SQLite file', () => {
    const path = free()
    const database = new DatabaseSync(path)
    database.exec('CREATE TABLE events (event_id TEXT)')
    database.close()
    expect(isCaseFile(path)).toBe(false)
    expect(() => openCaseForWriting(path)).toThrow(refusal('CASE_UNUSABLE', /no case file/))
    expect(isCaseFile(where)).toBe(false)
    expect(isCaseFile(join(where, 'absent'))).toBe(false)
  })

  test('a file of a newer version', () => {
    const path = free()
    createCase(path, about).close()
    const database = new DatabaseSync(path)
    database.exec(`PRAGMA user_version = ${MIGRATIONS.length + 1}`)
    database.close()
    const message = /has schema \d+, written by a newer matrix-state; this one knows schemas up to \d+$/
    expect(() => openCase(path)).toThrow(refusal('CASE_UNUSABLE', message))
    expect(() => openCaseForWriting(path)).toThrow(refusal('CASE_UNUSABLE', message))
  })

  test('a damaged file', () => {
    const path = free()
    const writer = createCase(path, about)
    const source = writer.source(identity('a'), [])
    writer.keep(
      source,
      stepOf(
        Array.from({length: 300}, (_, depth) => JSON.stringify(event('6', {depth}))),
        {roomVersion: '6'},
      ),
      1,
    )
    writer.close()
    const file = openSync(path, 'r+')
    for (let at = 100; at < statSync(path).size; at += 512) writeSync(file, Buffer.alloc(400, 0x5a), 0, 400, at)
    expect(() => openCase(path)).toThrow(refusal('CASE_UNUSABLE', /it is damaged/))
    expect(() => openCaseForWriting(path)).toThrow(refusal('CASE_UNUSABLE', /it is damaged/))
    truncateSync(path, 100)
    expect(() => openCase(path)).toThrow(refusal('CASE_UNUSABLE', /it is damaged|no case file/))
  })
})

describe('a file of an older version', () => {
  const newer = [...MIGRATIONS, 'ALTER TABLE alias ADD COLUMN since INTEGER; CREATE TABLE extra (id INTEGER)']

  test('is read as if it were new, and not touched', () => {
    const path = free()
    const writer = createCase(path, about)
    writer.keep(writer.source(identity('a'), []), {how: 'x', requests: 0, aliases: ['#a:b']}, 1)
    writer.close()
    const before = readFileSync(path)
    const store = Store.reading(path, newer)
    expect(store.all('SELECT alias, since FROM alias').map((row) => ({...row}))).toEqual([{alias: '#a:b', since: null}])
    store.close()
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  test('is migrated when it is opened for adding', () => {
    const path = free()
    createCase(path, about).close()
    Store.writing(path, {migrations: newer}).close()
    const store = Store.reading(path, newer)
    expect(store.number('PRAGMA user_version')).toBe(newer.length)
    expect(store.number('SELECT count(*) FROM extra')).toBe(0)
    store.close()
    expect(() => openCase(path)).toThrow(refusal('CASE_UNUSABLE', /newer matrix-state/))
  })

  test('stays as it is when the migration fails', () => {
    const path = free()
    createCase(path, about).close()
    expect(() => Store.writing(path, {migrations: [...newer, 'nonsense']})).toThrow('nonsense')
    openCase(path).close()
  })
})

test('a failed step leaves nothing behind, and the next one is kept', () => {
  const writer = newCase(where, '!r:domain')
  made += 1
  const source = writer.source(identity('a'), [])
  const events = [{text: JSON.stringify(event('6')), eventId: null}]
  const broken = {how: 'x', requests: 1, roomVersion: '6', events, marks: {a: {} as string}}
  expect(() => writer.keep(source, broken, 1)).toThrow()
  expect(() => writer.keep(99, stepOf([]), 1)).toThrow('there is no source 99')
  expect(writer.counts()).toMatchObject({events: 0, copies: 0, missing: 0})
  expect(writer.roomVersion).toBe(null)
  writer.keep(source, {...broken, marks: {a: 'b'}}, 1)
  expect(writer.counts()).toMatchObject({events: 1, copies: 1, missing: 1})
  expect(writer.sources()).toMatchObject([{requests: 1}])
  writer.close()
})

test.each(['-wal', '-journal'])(
  'what a killed run left beside a file that is gone does not spoil a new one: %s',
  (suffix) => {
    const path = free()
    writeFileSync(path + suffix, 'x')
    expect(() => createCase(path, about)).toThrow(refusal('CASE_EXISTS', /belongs to a case file that was removed/))
    expect(readFileSync(path + suffix, 'utf8')).toBe('x')
    rmSync(path + suffix)
    createCase(path, about).close()
  },
)

describe('a case file that somebody meddled with is called damaged', () => {
  test.each([
    ['a table is gone', 'DROP TABLE copy'],
    ['a trigger was added', 'CREATE TRIGGER t AFTER INSERT ON note BEGIN DELETE FROM copy; END'],
    ['a view stands for a table', 'DROP TABLE note; CREATE VIEW note AS SELECT 1 AS source'],
    ['it says that it is as old as no version was', 'PRAGMA user_version = 0'],
    ['it is of no room', 'DELETE FROM about'],
  ])('%s', (_what, sql) => {
    const path = free()
    createCase(path, about).close()
    const database = new DatabaseSync(path)
    database.exec(sql)
    database.close()
    expect(() => openCase(path)).toThrow(refusal('CASE_UNUSABLE', /it is damaged/))
    expect(() => openCaseForWriting(path)).toThrow(refusal('CASE_UNUSABLE', /it is damaged/))
  })

  test.each([
    ['marks', "UPDATE sighting SET marks = '{'"],
    ['what a source cannot show', "UPDATE source SET unknowable = '5'"],
  ])('what it holds as JSON is none: %s', (_what, sql) => {
    const path = free()
    const writer = createCase(path, about)
    writer.keep(writer.source(identity('a'), []), stepOf([JSON.stringify(event('6'))], {roomVersion: '6'}), 5)
    writer.close()
    const database = new DatabaseSync(path)
    database.exec(sql)
    database.close()
    const reader = openCase(path)
    expect(() => [reader.sources(), [...reader.copies()]]).toThrow(refusal('CASE_UNUSABLE', /it is damaged/))
    reader.close()
  })
})
