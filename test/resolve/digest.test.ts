import {createHash} from 'node:crypto'
import {describe, expect, test} from 'vitest'
import {load} from '../conformance/compare.ts'
import {loadRoomFrom} from '../../src/investigate/load-room.ts'
import {StateDigests} from '../../src/resolve/digest.ts'
import {type Replay, replay} from '../../src/resolve/replay.ts'
import {smallRooms, VERSIONS} from './rooms.ts'

/** As the contract words it: lines `type NUL state_key NUL event_id LF`, UTF-8, sorted bytewise. */
function byTheContract({graph, trie}: Replay, root: number): {size: number; sha256: string} {
  const lines: Buffer[] = []
  trie.forEach(root, (slot, row) => {
    const {type, stateKey} = graph.slotAt(slot)
    lines.push(Buffer.from(`${type}\0${stateKey}\0${graph.id(row)}\n`, 'utf8'))
  })
  lines.sort((a, b) => Buffer.compare(a, b))
  return {size: lines.length, sha256: createHash('sha256').update(Buffer.concat(lines)).digest('hex')}
}

function compareAll(result: Replay): void {
  const digests = new StateDigests(result.graph, result.trie)
  for (const root of new Set([...result.before, ...result.after])) {
    const wanted = byTheContract(result, root)
    expect(new StateDigests(result.graph, result.trie).size(root)).toBe(wanted.size)
    expect(digests.size(root)).toBe(wanted.size)
    expect(digests.digest(root)).toEqual(wanted)
  }
}

describe('the digest of a state', () => {
  test.each(VERSIONS)('version %s: is what the contract says, for every state of a room', (version) => {
    const room = smallRooms(version, 1)[0]!
    compareAll(replay(load(room.name, room.lines).graph))
  })

  test('holds for names of every kind, also with NUL in them', () => {
    const slots = ['', 'a', 'a\0', 'a\0b', 'ab', '\0', '😀', '\uff5e', '\ue000', 'é', '\u0001'].flatMap((key) =>
      ['t', 't\0', 't\0a', 'ta', '😀', '\uff5e', 't\u0001'].map((type) => [type, key] as const),
    )
    const sender = '@a:x'
    const common = {sender, room_id: '!r:x', origin_server_ts: 1, depth: 1}
    const power = {users: {[sender]: 100}}
    const events = [
      {
        ...common,
        event_id: '$c',
        type: 'm.room.create',
        state_key: '',
        content: {room_version: '11'},
        prev_events: [],
        auth_events: [],
      },
      {
        ...common,
        event_id: '$m',
        type: 'm.room.member',
        state_key: sender,
        content: {membership: 'join'},
        prev_events: ['$c'],
        auth_events: ['$c'],
      },
      {
        ...common,
        event_id: '$p',
        type: 'm.room.power_levels',
        state_key: '',
        content: power,
        prev_events: ['$m'],
        auth_events: ['$c', '$m'],
      },
      ...slots.map(([type, state_key], index) => {
        const prev_events = [index === 0 ? '$p' : `$${String(index - 1)}`]
        return {
          ...common,
          event_id: `$${String(index)}`,
          type,
          state_key,
          content: {},
          prev_events,
          auth_events: ['$c', '$m', '$p'],
        }
      }),
    ]
    const lines = events.map((event, index) => ({text: JSON.stringify(event), line: index + 1}))
    const result = replay(loadRoomFrom('names', lines, {trustIds: true}).graph)
    expect(result.rejections.size).toBe(0)
    expect(byTheContract(result, result.after.at(-1)!).size).toBe(3 + slots.length)
    compareAll(result)
  })
})
