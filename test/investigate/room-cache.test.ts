import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync} from 'node:fs'
import {homedir, tmpdir} from 'node:os'
import {join, resolve, sep} from 'node:path'
import {describe, expect, onTestFinished, test} from 'vitest'
import {createCase} from '../../src/casefile/open-case.ts'
import {StateError} from '../../src/errors.ts'
import {cacheFolder, lastCase, rememberCase} from '../../src/investigate/cache-folder.ts'
import {holdingLock} from '../../src/casefile/file-lock.ts'
import {openRoom} from '../../src/investigate/open-room.ts'
import {type CacheFacts, cachedCaseOf, cachedCasesOf} from '../../src/investigate/room-cache.ts'
import type {RouteIdentity} from '../../src/sources/evidence.ts'
import {realRoom, roomIdOf, sqliteOf} from '../sources/synapse-database.ts'

function folderOf(): string {
  const folder = mkdtempSync(join(tmpdir(), 'matrix-state-test-'))
  onTestFinished(() => {
    rmSync(folder, {recursive: true, force: true})
  })
  return folder
}

const ALICE: RouteIdentity = {
  kind: 'client',
  name: 'client @alice:a.example',
  server: 'a.example',
  address: 'https://a.example',
  insecure: false,
}
const FACTS: CacheFacts = {
  roomId: '!room:a.example',
  aliases: [],
  routes: [ALICE.name],
  homeserver: 'https://a.example',
  databases: [],
  servers: [],
  serverName: null,
  startedTs: 1,
  endedTs: 2,
  failed: [],
  silent: [],
}

describe('the cache folder', () => {
  test('is where the platform has its caches, unless XDG_CACHE_HOME is an absolute path', () => {
    expect(cacheFolder({XDG_CACHE_HOME: '/x'}, 'linux')).toBe(join('/x', 'matrix-state'))
    expect(cacheFolder({XDG_CACHE_HOME: 'x'}, 'linux')).toBe(join(homedir(), '.cache', 'matrix-state'))
    expect(cacheFolder({}, 'darwin')).toBe(join(homedir(), 'Library', 'Caches', 'matrix-state'))
    expect(cacheFolder({LOCALAPPDATA: '/l'}, 'win32')).toBe(join('/l', 'matrix-state'))
  })

  test('remembers the last case while it is there, and nothing where nothing can be written', () => {
    const folder = join(folderOf(), 'cache')
    expect(lastCase(folder)).toBeNull()
    const path = join(folderOf(), 'room.case')
    writeFileSync(path, '')
    rememberCase(path, folder)
    expect(lastCase(folder)).toBe(resolve(path))
    expect([statSync(folder).mode & 0o777, statSync(join(folder, 'last-case.json')).mode & 0o777]).toEqual([
      0o700, 0o600,
    ])
    rmSync(path)
    expect(lastCase(folder)).toBeNull()
    writeFileSync(join(folder, 'last-case.json'), '["no", "object"]')
    expect(lastCase(folder)).toBeNull()
    writeFileSync(path, '')
    expect(() => {
      rememberCase(path, join(path, 'below-a-file'))
    }).not.toThrow()
  })
})

describe('a cached case', () => {
  const roomId = '!room:a.example'
  const pathOf = (change: Partial<RouteIdentity> = {}, room = roomId, all = false) =>
    cachedCaseOf('/cache', room, [{...ALICE, ...change}], all).path

  test('is one for each room and way of access, whatever the order of the routes', () => {
    expect(pathOf()).toBe(pathOf())
    const others = [
      pathOf({name: 'client @bob:a.example'}),
      pathOf({address: 'https://staging.a.example'}),
      pathOf({insecure: true}),
      pathOf({}, '!other:a.example'),
      pathOf({}, roomId, true),
    ]
    expect(new Set([pathOf(), ...others]).size).toBe(6)
    const bob = {...ALICE, name: 'client @bob:a.example'}
    expect(cachedCaseOf('/cache', roomId, [ALICE, bob], false).path).toBe(
      cachedCaseOf('/cache', roomId, [bob, ALICE], false).path,
    )
  })

  test.each(['!../../x:y', '!/etc/passwd', '!a\\..\\b:c', `!${'x'.repeat(254)}`])(
    'of %j has a path of hashes alone',
    (room) => {
      const parts = pathOf({}, room).split(sep).slice(-2)
      expect(parts).toEqual([
        expect.stringMatching(/^[0-9a-f]{32}$/) as string,
        expect.stringMatching(/^[0-9a-f]{32}\.case$/) as string,
      ])
    },
  )

  test('is found again by room and by alias, the latest first, unless what is known of it is spoilt', () => {
    const folder = folderOf()
    const made = [ALICE, {...ALICE, name: 'client @bob:a.example'}].map((route, index) => {
      const entry = cachedCaseOf(folder, roomId, [route], false)
      mkdirSync(join(entry.path, '..'), {recursive: true})
      createCase(entry.path, {roomId, nowMs: 1}).close()
      entry.note({...FACTS, routes: [route.name], aliases: ['#cats:a.example'], endedTs: index})
      return entry
    })
    const found = (room: string) => cachedCasesOf(folder, room).map(({facts}) => facts.routes[0])
    expect(found(roomId)).toEqual(['client @bob:a.example', ALICE.name])
    expect(found('#cats:a.example')).toEqual(found(roomId))
    expect([found('#dogs:a.example'), found('!other:a.example')]).toEqual([[], []])
    writeFileSync(made[1]!.path.replace(/case$/, 'json'), '{"roomId": 7}')
    expect(found(roomId)).toEqual([ALICE.name])
    made[0]!.remove()
    expect([existsSync(made[0]!.path), found(roomId)]).toEqual([false, []])
  })
})

describe('the lock', () => {
  const signal = new AbortController().signal
  const busy = (): StateError => new StateError('CASE_UNUSABLE', 'busy')
  const held = (path: string, waitMs: number, work: () => Promise<string>, onWait = (): void => undefined) =>
    holdingLock(path, {waitMs, signal, busy, onWait}, work)

  test('lets one work at a time, and those that wait go on when it is free', async () => {
    const path = join(folderOf(), 'lock')
    const order: string[] = []
    const {promise: gate, resolve: open} = Promise.withResolvers<undefined>()
    const first = held(path, 0, async () => {
      order.push('first begins')
      await gate
      order.push('first ends')
      return ''
    })
    await expect(held(path, 0, () => Promise.resolve('never'))).rejects.toThrow('busy')
    const second = held(
      path,
      20_000,
      () => Promise.resolve(String(order.push('second'))),
      () => {
        open(undefined)
      },
    )
    await Promise.all([first, second])
    expect(order).toEqual(['first begins', 'first ends', 'second'])
  })

  test('is given back when the work fails, and when its holder is killed', async () => {
    const path = join(folderOf(), 'lock')
    await expect(held(path, 0, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken')
    const script = `const {DatabaseSync} = process.getBuiltinModule('node:sqlite')
      const lock = new DatabaseSync(${JSON.stringify(path)}); lock.exec('BEGIN EXCLUSIVE')
      console.log('held'); setInterval(() => lock.isOpen, 1000)`
    const child = spawn(process.execPath, ['-e', script], {stdio: ['ignore', 'pipe', 'ignore']})
    await once(child.stdout, 'data')
    await expect(held(path, 0, () => Promise.resolve(''))).rejects.toThrow('busy')
    const gone = once(child, 'close')
    child.kill('SIGKILL')
    await gone
    await expect(held(path, 0, () => Promise.resolve('free'))).resolves.toBe('free')
  })
})

describe('a room on servers', () => {
  test('leaves out what a server said in an earlier run, when it gives nothing in this one', async () => {
    const content = realRoom()
    const elsewhere = {...content, users: [{name: '@somebody:there.example'}]}
    const [here, there] = [sqliteOf(content), sqliteOf(elsewhere)]
    const databases = [here, there].map(({file}) => `sqlite:${file}`)
    const options = {access: {databases}, cacheFolder: folderOf()}
    const both = await openRoom(roomIdOf(content), options)
    expect(both.reported.map(({server}) => server)).toEqual(['localhost:40687', 'there.example'])
    expect([both.room.gaps, Object.keys(both.reportedExtremities)]).toEqual([
      undefined,
      ['localhost:40687', 'there.example'],
    ])
    // That server has purged the room.
    for (const table of ['rooms', 'events', 'event_json', 'current_state_events'])
      there.open.exec(`DELETE FROM ${table}`)
    const one = await openRoom(roomIdOf(content), options)
    expect(one.casePath).toBe(both.casePath)
    expect(one.reported.map(({server}) => server)).toEqual(['localhost:40687'])
    expect(Object.keys(one.reportedExtremities)).toEqual(['localhost:40687'])
    expect(one.room.gaps).toEqual([expect.stringContaining('knows no room')])
    expect(one.notes).toContain('there.example did not tell its state: what it told before is left out.')
    const offline = await openRoom(roomIdOf(content), {...options, access: {}, cache: 'offline'})
    expect([offline.reported.map(({server}) => server), offline.room.gaps]).toEqual([
      ['localhost:40687'],
      [expect.stringContaining('knows no room')],
    ])
  })

  test('that was cut off is never taken as whole offline', async () => {
    const content = realRoom()
    const {file} = sqliteOf(content)
    const options = {access: {databases: [`sqlite:${file}`]}, cacheFolder: folderOf()}
    await openRoom(roomIdOf(content), options)
    const stop = new AbortController()
    const meanwhile: unknown[] = []
    const cut = openRoom(roomIdOf(content), {
      ...options,
      signal: stop.signal,
      onProgress: ({kind}) => {
        if (kind !== 'route') return
        // What a run that is killed here leaves.
        meanwhile.push(cachedCasesOf(options.cacheFolder, roomIdOf(content))[0]?.facts.failed)
        stop.abort(new Error('enough'))
      },
    })
    await expect(cut).rejects.toThrow('enough')
    expect(meanwhile[0]).toEqual(['The last run that fetched this room was cut off.'])
    const offline = await openRoom(roomIdOf(content), {...options, access: {}, cache: 'offline'})
    expect(offline.room.gaps).toEqual(['The last run that fetched this room was cut off.'])
    const whole = await openRoom(roomIdOf(content), options)
    expect(whole.room.gaps).toBeUndefined()
  })

  test('named by the path of its case tells its age all the same', async () => {
    const content = realRoom()
    const {file} = sqliteOf(content)
    const options = {access: {databases: [`sqlite:${file}`]}, cacheFolder: folderOf(), nowMs: () => 1_000_000}
    const {casePath = ''} = await openRoom(roomIdOf(content), options)
    const later = {cacheFolder: options.cacheFolder, nowMs: () => 1_000_000 + 3 * 3_600_000}
    const {notes, unknowable} = await openRoom(casePath, later)
    expect(notes[0]).toMatch(/^From the cache: fetched 3 hours ago/)
    expect(unknowable.at(-1)).toBe('what happened since 1970-01-01T00:16:40Z, when it was fetched')
  })
})
