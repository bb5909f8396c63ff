/** What a check says of rooms with known answers, and that it says each thing once. */
import {writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {DatabaseSync} from 'node:sqlite'
import {describe, expect, test} from 'vitest'
import type {Finding} from '../../src/finding/finding.ts'
import {type CheckRoomOptions, checkRoom} from '../../src/investigate/check-room.ts'
import type {RoomOutcome} from '../../src/investigate/check-verdict.ts'
import {openRoom} from '../../src/investigate/open-room.ts'
import {diffRoom} from '../../src/investigate/diff-room.ts'
import {resolveRoom} from '../../src/investigate/resolve-room.ts'
import {Dumps, linesOf, serverRoom} from '../cli/dumps.ts'
import {BOB, member, message, publicRoom, topic} from '../rules/build.ts'
import {CHECK_OPTIONS} from '../scenarios/check-options.ts'
import {REPORTED_ROOMS, reportedRoom, writeRoomCase} from '../scenarios/room-case.ts'
import {realRoom, roomIdOf, sqliteOf, testFolder} from '../sources/synapse-database.ts'

const dumps = new Dumps()
const check = (room: string, options: Partial<CheckRoomOptions> = {}): Promise<RoomOutcome> =>
  checkRoom({room}, {...CHECK_OPTIONS, ...options})

const errorsOf = ({findings}: RoomOutcome): readonly string[] => [
  ...new Set(findings.filter(({severity}) => severity === 'error').map(({id}) => id)),
]
const cases = new Map(
  REPORTED_ROOMS.map((name) => [name, writeRoomCase(dumps.path(`${name}.case`), reportedRoom(name))]),
)
const caseOf = (name: string): string => cases.get(name) ?? name

describe('rooms of two real servers, with all that their databases hold', () => {
  const HEALTHY = ['restricted-v10', 'acl-v11', 'e2ee-v11', 'gap-v11', 'rejected-v6', 'conflict-v1']
  test.each(HEALTHY)('%s: no error', async (name) => {
    const outcome = await check(caseOf(name))
    expect([outcome.error, errorsOf(outcome)]).toEqual([null, []])
    expect(outcome.compared).toBeGreaterThanOrEqual(2)
  })

  test.each<[string, readonly string[]]>([
    ['conflict-v3', ['state/reset']],
    ['conflict-v6', ['state/reset']],
    ['conflict-v10', ['state/reset']],
    ['conflict-v12', ['state/reset']],
    ['creators-v12', ['server/disagrees-with-itself', 'state/divergence']],
    ['split-sql-v11', ['server/wrong-record', 'state/divergence']],
    ['split-reject-v10', ['server/accepted-there', 'server/rejected-there', 'server/wrong-record', 'state/divergence']],
  ])('%s: what is wrong with it', async (name, wrong) => {
    const outcome = await check(caseOf(name))
    expect(outcome.error).toBeNull()
    expect(errorsOf(outcome).toSorted()).toEqual(wrong)
  })

  test('nothing that resolve or diff say is lost, and nothing is said twice', async () => {
    for (const [name, path] of cases) {
      const {findings} = await check(path)
      const opened = await openRoom(path)
      const {room, unknowable, reportedExtremities, views} = opened
      const resolved = resolveRoom(room, {
        unknowable,
        reportedExtremities,
        nowMs: CHECK_OPTIONS.nowMs(),
        ...(views === undefined ? {} : {views}),
      }).findings
      const compared = (await diffRoom(opened)).findings
      const keys = (of: readonly Finding[]): readonly string[] =>
        of.map(({id, subject, summary}) => JSON.stringify([id, subject, summary]))
      const what = (of: readonly Finding[]): ReadonlySet<string> =>
        new Set(of.map(({id, subject}) => JSON.stringify([id, subject])))
      expect([name, what(findings)]).toEqual([name, what([...resolved, ...compared])])
      expect(new Set(keys(findings)).size).toBe(findings.length)
      const ranks = findings.map(({severity}) => ['error', 'warning', 'note'].indexOf(severity))
      expect(ranks).toEqual(ranks.toSorted((a, b) => a - b))
    }
  })

  test('a server that told no state: that is no agreement', async () => {
    const path = writeRoomCase(dumps.path('silent.case'), reportedRoom('restricted-v10'), {
      servers: ['hs1'],
      groups: false,
    })
    const kept = new DatabaseSync(path)
    kept.exec('DELETE FROM reported_state')
    kept.close()
    const {open, compared} = await check(path)
    expect(compared).toBe(0)
    expect(open).toEqual(['No server told what its state is: the replay was compared with nothing.'])
  })
})

describe('a dump', () => {
  const story = publicRoom('10').add('topic', topic()).add('bob', member(BOB, 'join')).add('last', message())

  test('that is whole leaves nothing open, though no server is compared', async () => {
    const outcome = await check(dumps.write('whole.ndjson', linesOf(story)))
    expect(outcome).toMatchObject({error: null, open: [], findings: [], compared: 0, requests: 0, roomVersion: '10'})
    expect(outcome.events).toBe(linesOf(story).length)
  })

  test('with a hole is never clean, and says why', async () => {
    const lines = linesOf(story).filter((_, index) => index !== 6)
    const {open, error} = await check(dumps.write('holed.ndjson', lines))
    expect(error).toBeNull()
    expect(open).toContain('1 event is missing, which others cite.')
  })

  test.each<[string, string | null, string]>([
    ['that is none', 'hello\n', 'DUMP_MALFORMED'],
    ['that is empty', '', 'INPUT_EMPTY'],
    ['that is not there', null, 'INPUT_NOT_FOUND'],
  ])('%s: the room failed, and the error says why', async (name, content, code) => {
    const path = dumps.path(`${name}.ndjson`)
    if (content !== null) writeFileSync(path, content)
    const {error, findings, roomId} = await check(path)
    expect(error).toMatchObject({code})
    expect([findings, roomId]).toEqual([[], null])
  })

  test('the name is that of the replayed state', async () => {
    const {lines} = serverRoom('acl-v11')
    expect((await check(dumps.write('named.ndjson', lines))).name).toBe('acl-v11')
  })
})

describe('a room in a database', () => {
  const content = realRoom()
  const room = roomIdOf(content)

  test('is fetched into the case that was named, and compared with the server', async () => {
    const {file} = sqliteOf(content)
    const path = join(testFolder(), 'room.case')
    const outcome = await checkRoom(
      {room, databases: [`sqlite:${file}`]},
      {...CHECK_OPTIONS, place: {kind: 'file', path}, access: {from: ['database']}},
    )
    expect(outcome).toMatchObject({roomId: room, error: null, open: [], events: 23, name: 'Ordinary 10'})
    expect(outcome.compared).toBeGreaterThan(0)
    expect(outcome.requests).toBeGreaterThanOrEqual(0)
  })

  test('that the database does not have has failed', async () => {
    const {file} = sqliteOf(content)
    const access = {databases: [`sqlite:${file}`]}
    const place = {kind: 'file', path: join(testFolder(), 'none.case')} as const
    const {error, roomId} = await check('!another:example.org', {access, place})
    expect(error?.message).toContain('knows no room')
    expect(roomId).toBe('!another:example.org')
  })

  test('a signal that fires is no failure of the room', async () => {
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(check(caseOf('acl-v11'), {signal})).rejects.toThrow('enough')
  })
})
