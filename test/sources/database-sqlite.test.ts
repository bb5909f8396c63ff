import {spawnSync} from 'node:child_process'
import {createHash} from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import {DatabaseSync} from 'node:sqlite'
import {describe, expect, it} from 'vitest'
import {gatherAll} from './database-gathered.ts'
import {addMessages, realRoom, roomIdOf, routeTo, sqliteOf, testFolder} from './synapse-database.ts'

const hash = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex')

describe('reading SQLite', () => {
  it('changes no byte of a running server’s database and log, checkpoints nothing, and sees what is in the log', async () => {
    const content = realRoom()
    const {file, open} = sqliteOf(content)
    const dump = (): string =>
      JSON.stringify(Object.keys(content).map((table) => open.prepare(`SELECT * FROM ${table} ORDER BY rowid`).all()))
    const before = [hash(file), hash(`${file}-wal`), dump()]
    const gathered = await gatherAll(await routeTo(`sqlite:${file}`), roomIdOf(content))
    expect(gathered.events).toHaveLength(23)
    expect([hash(file), hash(`${file}-wal`), dump()]).toEqual(before)
    expect(readdirSync(path.dirname(file)).sort()).toEqual(['homeserver.db', 'homeserver.db-shm', 'homeserver.db-wal'])
    // The log is all there is: were it not read, there would be no table.
    const alone = path.join(testFolder(), 'alone.db')
    copyFileSync(file, alone)
    expect(new DatabaseSync(alone).prepare('SELECT COUNT(*) AS n FROM sqlite_schema').get()?.n).toBe(0)
  })

  it('is one snapshot: what the server writes meanwhile is not in it', async () => {
    const content = realRoom()
    const {file, open} = sqliteOf(content)
    const route = await routeTo(`sqlite:${file}`)
    const context = {
      roomVersion: () => null,
      marks: new Map<string, string>(),
      knows: () => false,
      newest: () => [],
      limits: {},
    }
    const signal = new AbortController().signal
    let events = 0
    for await (const step of route.gather({...context, roomId: roomIdOf(content), signal, onPause: () => undefined})) {
      if (step.roomVersion !== undefined)
        open.exec('DELETE FROM event_json; DELETE FROM events; DELETE FROM state_groups_state')
      events += step.events?.length ?? 0
    }
    expect(events).toBe(23)
    expect(open.prepare('SELECT COUNT(*) AS n FROM events').get()?.n).toBe(0)
  })

  it('leaves nothing behind beside a database that no server has open', async () => {
    const content = realRoom()
    const {file, open} = sqliteOf(content)
    open.close()
    const before = hash(file)
    expect(readdirSync(path.dirname(file))).toEqual(['homeserver.db'])
    expect((await gatherAll(await routeTo(`sqlite:${file}`), roomIdOf(content))).events).toHaveLength(23)
    expect(readdirSync(path.dirname(file))).toEqual(['homeserver.db'])
    expect(hash(file)).toBe(before)
  })

  it('stops when such a database changes after all', async () => {
    const content = realRoom()
    addMessages(content, 3000)
    const {file, open} = sqliteOf(content)
    open.close()
    const route = await routeTo(`sqlite:${file}`)
    const context = {
      roomVersion: () => null,
      marks: new Map<string, string>(),
      knows: () => false,
      newest: () => [],
      limits: {},
    }
    const signal = new AbortController().signal
    let kept = 0
    const reading = (async () => {
      for await (const step of route.gather({
        ...context,
        roomId: roomIdOf(content),
        signal,
        onPause: () => undefined,
      })) {
        kept += step.events?.length ?? 0
        if (kept === 0) {
          const server = new DatabaseSync(file)
          server.exec("UPDATE events SET sender = 'x'")
          server.close()
        }
      }
    })()
    await expect(reading).rejects.toMatchObject({
      code: 'DATABASE_UNUSABLE',
      message: expect.stringContaining('changed while it was read') as string,
    })
    expect(kept).toBe(0)
  })

  it('reads a database without a write-ahead log, with a remark', async () => {
    const content = realRoom()
    const {file, open} = sqliteOf(content)
    open.exec('PRAGMA journal_mode = DELETE')
    const gathered = await gatherAll(await routeTo(`sqlite:${file}`), roomIdOf(content))
    expect(gathered.events).toHaveLength(23)
    expect(gathered.steps[0]?.notes?.join()).toContain('no write-ahead log')
  })

  it('cannot write even if it wanted to', async () => {
    const {file} = sqliteOf(realRoom())
    const {sqliteDatabase} = await import('../../src/sources/database-sqlite.ts')
    const snapshot = await sqliteDatabase({kind: 'sqlite', path: file, serverName: null, shown: 'it'}).snapshot(
      new AbortController().signal,
    )
    for (const sql of ['DELETE FROM events', 'CREATE TABLE x (y)', 'PRAGMA wal_checkpoint(TRUNCATE)']) {
      await expect(
        snapshot
          .all(sql)
          .then((rows) => (sql.startsWith('PRAGMA') ? Promise.reject(new Error(JSON.stringify(rows))) : rows)),
      ).rejects.toThrow()
    }
    await snapshot.close()
    await snapshot.close()
  })
})

describe('SQLite files that cannot be read', () => {
  it.each([
    [
      'a file that is not there',
      'INPUT_NOT_FOUND',
      'There is no database',
      (): string => path.join(testFolder(), 'none.db'),
    ],
    ['a folder', 'INPUT_UNREADABLE', 'is a folder', (): string => testFolder()],
    [
      'another kind of file',
      'DATABASE_UNUSABLE',
      'is not a SQLite database',
      (): string => fileWith(Buffer.alloc(500, 65)),
    ],
    ['an empty file', 'DATABASE_UNUSABLE', 'is not a SQLite database', (): string => fileWith(Buffer.alloc(0))],
    ['a file that was cut', 'DATABASE_UNUSABLE', 'is damaged', cutDatabase],
  ])('%s', async (_name, code, message, make) => {
    const file = make()
    const existed = existsSync(file)
    await expect(routeTo(`sqlite:${file}`).then(async (route) => gatherAll(route, '!x'))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message) as string,
    })
    expect(existsSync(file)).toBe(existed)
  })

  const canBeNobody = process.getuid?.() === 0 && spawnSync('id', ['nobody']).status === 0
  it.skipIf(!canBeNobody)('a log without its index in a folder that may not be written to', () => {
    const content = realRoom()
    const {file} = sqliteOf(content)
    const folder = path.join(testFolder(), 'kept')
    mkdirSync(folder)
    for (const suffix of ['', '-wal']) copyFileSync(`${file}${suffix}`, path.join(folder, `copy.db${suffix}`))
    for (const [name, mode] of [
      ['copy.db', 0o644],
      ['copy.db-wal', 0o644],
      ['', 0o755],
      ['..', 0o755],
    ] as const) {
      chmodSync(path.join(folder, name), mode)
    }
    const source = new URL('../../src/sources/database-synapse.ts', import.meta.url)
    const code = `import {openDatabaseRoute} from ${JSON.stringify(source.href)}
      const address = {kind: 'sqlite', path: ${JSON.stringify(path.join(folder, 'copy.db'))}, serverName: null, shown: 'it'}
      await openDatabaseRoute({address}).then(() => console.log('opened'), (error) => console.log(error.code, error.message, error.hint))`
    const ids = {
      uid: Number(spawnSync('id', ['-u', 'nobody']).stdout),
      gid: Number(spawnSync('id', ['-g', 'nobody']).stdout),
    }
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', code], {...ids, cwd: '/', encoding: 'utf8'})
    expect(run.stdout, run.stderr).toMatch(/^DATABASE_UNUSABLE .*write-ahead log.*copy\.db and copy\.db-wal together/u)
    expect(readdirSync(folder).sort()).toEqual(['copy.db', 'copy.db-wal'])
  })
})

function fileWith(bytes: Buffer): string {
  const file = path.join(testFolder(), 'file.db')
  writeFileSync(file, bytes)
  return file
}

function cutDatabase(): string {
  const content = realRoom()
  addMessages(content, 500)
  const {file, open} = sqliteOf(content)
  open.close()
  truncateSync(file, 8192)
  return file
}
