import {describe, expect, test} from 'vitest'
import {listAllRooms, parseRoomList} from '../../src/investigate/check-list.ts'
import {isInShard, parseShard} from '../../src/investigate/check-shard.ts'
import {eachOnce, judge, mostSevereFirst} from '../../src/investigate/check-verdict.ts'
import {type Finding, finding, type FindingId} from '../../src/finding/finding.ts'
import {json, TOKEN} from '../sources/client-stub.ts'
import {RoomServer} from '../sources/room-stub.ts'
import {realRoom, roomIdOf, sqliteOf} from '../sources/synapse-database.ts'

const signal = new AbortController().signal

test('a list of rooms: one a line; blank lines and comments are skipped, aliases are not', () => {
  const text =
    '\ufeff# rooms of ours\r\n\r\n!a:example.org\r\n  #alias:example.org  # the lobby\n#\n#no comment of ours\n\t/tmp/my room.case\n!b:example.org # gone?\n#tag\n'
  expect(parseRoomList(text)).toEqual(['!a:example.org', '#alias:example.org', '/tmp/my room.case', '!b:example.org'])
  expect(parseRoomList('# none\n\n')).toEqual([])
})

describe('shards', () => {
  test.each(['0/2', '3/2', '2', '/', '1/0', '-1/2', '1/2/3', 'a/b', ''])('%j is refused', (text) => {
    expect(() => parseShard(text)).toThrow('--shard')
  })

  test('are about equal, and each room is in one', () => {
    const counts = [0, 0, 0, 0, 0, 0, 0, 0]
    for (let room = 0; room < 8000; room += 1) {
      const of = counts.flatMap((_, at) => (isInShard(`!${String(room)}:x`, {index: at + 1, of: 8}) ? [at] : []))
      expect(of).toHaveLength(1)
      counts[of[0]!]! += 1
    }
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150)
  })

  test('stay what they are from version to version', () => {
    const of = (room: string): number => [1, 2, 3, 4, 5].find((index) => isInShard(room, {index, of: 5})) ?? 0
    // SHA-256, its first 48 bits as a number, modulo 5, plus 1; computed by Python's hashlib.
    expect(['!a:example.org', '!b:example.org', '#ä:example.org'].map(of)).toEqual([1, 2, 5])
  })
})

describe('all rooms', () => {
  test('of a database: those that have a history, each by the databases that know it', async () => {
    const content = realRoom()
    const room = roomIdOf(content)
    content.rooms.push({room_id: '!invited:example.org', is_public: 0, creator: '', room_version: '10'})
    content.rooms.push({room_id: '/etc/passwd', is_public: 0, creator: '', room_version: '10'})
    content.event_forward_extremities.push({event_id: '$x', room_id: '/etc/passwd'})
    const database = `sqlite:${sqliteOf(content).file}`
    const all = await listAllRooms({databases: [database]}, {signal})
    expect(all.rooms).toEqual([{room, databases: [database]}])
    expect(all.access.from).toEqual(['database'])
    expect(all.notes).toEqual([expect.stringContaining('2 rooms were left out')])
    const chosen = await listAllRooms({databases: [database], from: ['database', 'federation']}, {signal})
    expect(chosen.access.from).toEqual(['database', 'federation'])
  })

  test('by the admin API: page by page; what is no room ID is never taken for a file', async () => {
    const server = await RoomServer.start()
    const room = (roomId: string, stateEvents: number) => ({room_id: roomId, state_events: stateEvents})
    server.faults.set('/_synapse/admin/v1/rooms', [
      json({rooms: [room('!b:x', 3), room('/etc/passwd', 3)], next_batch: 2}),
      json({rooms: [room('!a:x', 1), room('!empty:x', 0)]}),
    ])
    const all = await listAllRooms({homeserver: server.url, adminToken: TOKEN}, {signal})
    expect(all.rooms).toEqual([{room: '!a:x'}, {room: '!b:x'}])
    expect(all.access.from).toEqual(['admin'])
    expect(all.notes).toEqual([expect.stringContaining('2 rooms were left out')])
  })

  test('without a server that lists them: what is missing', async () => {
    await expect(listAllRooms({homeserver: 'https://x.example', accessToken: 'x'}, {signal})).rejects.toMatchObject({
      code: 'USAGE',
      hint: expect.stringContaining('--database') as unknown,
    })
  })
})

describe('judging', () => {
  const of = (severity: 'error' | 'warning' | 'note') =>
    finding('dag/many-tips', {kind: 'room', room_id: '!a:x'}, severity, [], {severity})
  const all = [of('error'), of('warning'), of('note')]

  test.each(['error', 'warning', 'note', 'never'] as const)('--fail-on %s', (failOn) => {
    const fails = all.map((one) => judge([one], {baseline: null, ignore: new Set(), failOn}).fails)
    const count = {error: 1, warning: 2, note: 3, never: 0}[failOn]
    expect(fails).toEqual([0, 1, 2].map((at) => at < count))
  })

  test('what is ignored or known does not count, and stays', () => {
    const ignored = judge(all, {baseline: null, ignore: new Set(['dag/many-tips']), failOn: 'note'})
    expect([ignored.fails, ignored.findings.map(({notCounted}) => notCounted?.why)]).toEqual([
      false,
      ['ignored', 'ignored', 'ignored'],
    ])
    const baseline = ({severity}: {severity: string}) => (severity === 'error' ? {reason: 'old'} : null)
    const known = judge(all, {baseline, ignore: new Set(), failOn: 'error'})
    expect([known.fails, known.findings[0]?.notCounted]).toEqual([false, {why: 'known', reason: 'old'}])
    expect(judge(all, {baseline, ignore: new Set(), failOn: 'warning'}).fails).toBe(true)
  })
})

describe('what several looks found', () => {
  const of = (id: FindingId, room: string, severity: 'error' | 'note', summary: string): Finding =>
    finding(id, {kind: 'room', room_id: room}, summary, [], {severity})
  const here = of('dag/many-tips', '!a:x', 'note', 'first look')
  const worse = of('dag/many-tips', '!a:x', 'error', 'second look')
  const other = of('dag/many-tips', '!b:x', 'note', 'second look')

  test('is told once, by the more severe word, wherever that stands', () => {
    expect(eachOnce([[here], [worse, other]])).toEqual([worse, other])
    expect(eachOnce([[worse], [here, other]])).toEqual([worse, other])
    expect(eachOnce([[], [here], [here]])).toEqual([here])
  })

  test('what one look tells of several servers stays', () => {
    const twice = [of('state/divergence', '!a:x', 'error', 'one'), of('state/divergence', '!a:x', 'error', 'two')]
    expect(eachOnce([twice, [here]])).toEqual([...twice, here])
  })

  test('the most severe first, else as they came', () => {
    expect(mostSevereFirst([here, other, worse])).toEqual([worse, here, other])
  })
})
