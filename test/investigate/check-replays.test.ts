/** How often a check replays a room: that is most of its time. */
import {expect, test, vi} from 'vitest'
import {checkRoom} from '../../src/investigate/check-room.ts'
import {replay} from '../../src/resolve/replay.ts'
import {Dumps} from '../cli/dumps.ts'
import {reportedRoom, writeRoomCase} from '../scenarios/room-case.ts'

const made = vi.hoisted((): string[] => [])
vi.mock('../../src/resolve/replay.ts', async (importOriginal) => {
  const original = await importOriginal<{replay: typeof replay}>()
  return {
    ...original,
    replay: (...[graph, options = {}]: Parameters<typeof replay>) => {
      made.push(options.reading ?? 'synapse')
      return original.replay(graph, options)
    },
  }
})

const dumps = new Dumps()

async function replaysOf(name: string): Promise<readonly string[]> {
  made.length = 0
  const room = writeRoomCase(dumps.path(`${name}.case`), reportedRoom(name))
  const outcome = await checkRoom(
    {room},
    {
      access: {},
      place: {kind: 'cache', use: 'update'},
      devices: false,
      reading: 'synapse',
      trustIds: false,
      signal: new AbortController().signal,
      nowMs: () => Date.UTC(2026, 10, 22),
    },
  )
  expect(outcome.error).toBeNull()
  return [...made]
}

test('a room that servers agree on is replayed once in each reading', async () => {
  expect(await replaysOf('conflict-v10')).toEqual(['spec', 'synapse'])
})

test('one in which no branches ever met, once', async () => {
  expect(await replaysOf('acl-v11')).toEqual(['synapse'])
})

test('where a server differs, the other reading is asked once more', async () => {
  expect(await replaysOf('creators-v12')).toEqual(['spec', 'synapse', 'spec'])
})
