/** The health checks on rooms with known answers: healthy ones raise no error, and what is said of the others was read and judged. */
import {describe, expect, test} from 'vitest'
import {healthFindings} from '../../src/forensics/health/health.ts'
import type {ServerView} from '../../src/forensics/server-view.ts'
import {loadRoomFrom} from '../../src/investigate/load-room.ts'
import {replay} from '../../src/resolve/replay.ts'
import {DATA, type Fixture, type ServerRoom} from './fixtures.ts'
import {readPacks} from './packed.ts'

const fixtures = readPacks(DATA)

function healthOf({name, lines}: Fixture, views: readonly ServerView[] = []): readonly string[] {
  const {graph} = loadRoomFrom(
    name,
    lines.map((text, index) => ({text, line: index + 1})),
  )
  return healthFindings(replay(graph), {source: name, views}).map(({severity, id}) => `${severity} ${id}`)
}

/** The state after each event, as the server's database has it, each group a whole state. */
function viewsOf({name, after}: ServerRoom): readonly ServerView[] {
  return (['hs1', 'hs2'] as const).map((server): ServerView => {
    const ids = Object.keys(after[server])
    const states = ids.map((id) => ({
      what: 'after' as const,
      eventId: id,
      how: `${name}, state groups`,
      slots: (after[server][id] ?? []).map((eventId) => ({eventId})),
      ts: 0,
    }))
    return {server, states, extremities: null, marks: new Map(), has: () => null, recorded: null}
  })
}

describe('rooms of two Synapse servers, with the states in their databases', () => {
  const rooms = fixtures.filter(
    (room): room is ServerRoom => room.kind === 'server' && !room.name.endsWith('beginning'),
  )
  const notes: Readonly<Record<string, readonly string[]>> = {
    // One event was made to cite two events for one slot.
    'rejected-v6': ['note dag/duplicate-auth-events'],
  }
  test.each(rooms.map((room) => [room.name, room] as const))('%s', (name, room) => {
    expect(healthOf(room, viewsOf(room))).toEqual(notes[name] ?? [])
  })
})

test('a generated room as busy rooms are: a few events that cite wrongly, and nothing else', () => {
  const room = fixtures.find(({name}) => name === '12-realistic-2000')
  expect(room === undefined ? null : healthOf(room)).toEqual(['note dag/duplicate-auth-events'])
})
