/** The rooms of `examples/`, apart from the dumps of real servers that came as they are. */
import {createCase} from '../../src/casefile/open-case.ts'
import {canonicalJson} from '../../src/matrix/canonical-json.ts'
import {type ReportedRoom, reportedRoom, writeRoomCase} from '../scenarios/room-case.ts'
import {bare, BOB, member, message, MO, type Room, topic} from '../rules/build.ts'

/** When the cases claim to have been gathered: an hour after their rooms. */
const GATHERED = Date.UTC(2026, 10, 21, 19, 30)

/** Content by file name. */
export const TEXTS: Readonly<Record<string, () => string>> = {
  'stale-state.ndjson': () => dump(reportedRoom('creators-v12').lines),
  'stale-state.hs1.json': () => current(reportedRoom('creators-v12'), 'hs1'),
  'stale-state.hs2.json': () => current(reportedRoom('creators-v12'), 'hs2'),
  'mass-leave.ndjson': () => dump(linesOf(massLeave())),
  'duplicate-auth-events.ndjson': () => dump(linesOf(duplicateAuthEvents())),
  'no-create-event.ndjson': () => dump(linesOf(noCreateEvent())),
  'no-create-event.state.json': () => json(['rules', 'levels', 'alice', 'mo', 'bob'].map((name) => told(noCreateEvent(), name))),
  'tiny-state.ndjson': () => dump(linesOf(tinyState())),
  'tiny-state.state_ids.json': () =>
    json({
      pdu_ids: ['create', 'alice', 'levels', 'rules'].map((name) => tinyState().id(name)),
      auth_chain_ids: [tinyState().id('create')],
    }),
}

/** Writers by file name. */
export const CASES: Readonly<Record<string, (path: string) => void>> = {
  'edited-database.case': (path) => writeRoomCase(path, reportedRoom('split-sql-v11'), {nowMs: GATHERED}),
  'rejected-events.case': (path) => writeRoomCase(path, reportedRoom('rejected-v6'), {nowMs: GATHERED}),
  'extremities.case': writeExtremities,
}

/** Alice, who made the room, Mo, a moderator on her server; anybody may join. */
const room = (): Room =>
  bare('10')
    .power('levels', {users: {[MO]: 50}})
    .joinRules('rules', 'public')
    .member('mo', MO, 'join')

/**
 * 51 members of another server. A moderator kicks all of them by mistake, and they come back at once; while the servers cannot reach each other,
 * Alice takes the power from the moderator and closes the room.
 */
function massLeave(): Room {
  const users = Array.from({length: 51}, (_, index) => `@user${String(index + 1).padStart(2, '0')}:b.example`)
  const made = room()
  for (const user of users) made.add(user, member(user, 'join'))
  const fork = made.tip
  for (const user of users) made.add(`kick ${user}`, member(user, 'leave', MO))
  for (const user of users) made.add(`back ${user}`, member(user, 'join'))
  const there = made.tip
  made.at(fork).power('demoted', {}).joinRules('closed', 'invite')
  return made.add('merge', {...message(), prev: [made.tip, there]})
}

/** The servers of Bob and Mo believe in two memberships of Bob at once. */
function duplicateAuthEvents(): Room {
  const rename = {...member(BOB, 'join', BOB, {displayname: 'Bob on holiday'})}
  const made = room().member('bob', BOB, 'join').add('rename', rename).add('hello', message(MO))
  const auth = ['create', 'levels', 'bob', 'rename']
  return made
    .add('leave', {...member(BOB, 'leave'), auth})
    .at('hello')
    .add('leave again', {...member(BOB, 'leave'), auth})
    .at('hello')
    .add('kick', {...member(BOB, 'leave', MO), auth: ['create', 'levels', 'mo', 'bob', 'rename']})
    .at('hello')
    .add('last', message(MO))
}

/** Bob's server has lost the create event from its state. */
function noCreateEvent(): Room {
  const auth = ['levels', 'bob']
  return room()
    .member('bob', BOB, 'join')
    .add('hello', message(MO))
    .add('question', {...message(BOB), auth})
    .at('hello')
    .add('leave', {...member(BOB, 'leave'), auth})
    .at('hello')
    .add('last', message(MO))
}

/** A room with ten members, of which a server tells four entries of the state. */
function tinyState(): Room {
  const made = room()
  for (let index = 1; index <= 8; index += 1) {
    const user = `@user${String(index)}:b.example`
    made.add(user, member(user, 'join'))
  }
  return made.add('topic', topic(MO)).add('last', message(MO))
}

/** A bridge that sent 24 messages at once, and a server on which nobody has said anything since. */
function writeExtremities(path: string): void {
  const bridge = '@bridge:a.example'
  const made = room().member('bridge', bridge, 'join')
  const fork = made.tip
  const ends = Array.from({length: 24}, (_, index) => `message ${String(index + 1)}`)
  for (const end of ends) made.at(fork).add(end, message(bridge))
  const writer = createCase(path, {roomId: made.roomId, nowMs: GATHERED})
  const server = 'a.example'
  const identity = {kind: 'database', name: `database ${server}`, server, address: 'homeserver.db', insecure: false} as const
  writer.keep(
    writer.source(identity, []),
    {
      how: 'events, event_json',
      requests: 0,
      roomVersion: '10',
      events: linesOf(made).map((text, index) => ({
        text,
        eventId: made.id(made.names[index] ?? ''),
        marks: {rejected: null, softFailed: false, outlier: false},
      })),
      states: [
        {
          what: 'current',
          eventId: null,
          how: 'current_state_events',
          slots: ['create', 'alice', 'levels', 'rules', 'mo', 'bridge'].map((name) => slotOf(made, name)),
        },
      ],
      extremities: [
        {direction: 'forward', how: 'event_forward_extremities', eventIds: ends.map((name) => made.id(name))},
      ],
    },
    GATHERED,
  )
  writer.close()
}

const linesOf = (made: Room): readonly string[] => made.pdus.map((pdu) => canonicalJson(pdu, 'python'))
const dump = (lines: readonly string[]): string => `${lines.join('\n')}\n`
const json = (value: unknown): string => `${JSON.stringify(value, null, 1)}\n`

function slotOf(made: Room, name: string): {readonly eventId: string; readonly type: string; readonly stateKey: string} {
  const {type, state_key: stateKey} = made.pdus[made.names.indexOf(name)] as {type: string; state_key: string}
  return {eventId: made.id(name), type, stateKey}
}

/** An event as servers give it to clients and admins. */
function told(made: Room, name: string): object {
  const {type, state_key, sender, content, origin_server_ts} = made.pdus[made.names.indexOf(name)] ?? {}
  return {type, state_key, sender, content, origin_server_ts, event_id: made.id(name)}
}

/** The current state as a server's admin API tells it: without contents, which the events have. */
function current({servers, lines, ids}: ReportedRoom, server: 'hs1' | 'hs2'): string {
  return json(
    servers[server].current.map((eventId) => {
      const {type, state_key} = JSON.parse(lines[ids.indexOf(eventId)] ?? '{}') as {type: string; state_key: string}
      return {type, state_key, event_id: eventId}
    }),
  )
}
