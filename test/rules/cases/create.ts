import {ALICE, bare, BOB, member, Room} from '../build.ts'
import type {Json} from '../../../src/matrix/json.ts'
import type {Pair} from '../pair.ts'

const created = (version: string): Room => new Room(version).create()

const badCreators = (what: string, value: Json): Pair => ({
  rule: 'create.additional-creators',
  what: `additional_creators ${what}`,
  passes: (version) => new Room(version).create({additional_creators: [BOB]}),
  fails: (version) => new Room(version).create({additional_creators: value}),
})

/** What a create event has to be, and what becomes of a room without a good one. */
export const createPairs: readonly Pair[] = [
  {
    rule: 'create.has-prev-events',
    what: 'a create event that follows another event',
    passes: created,
    fails: (version) =>
      new Room(version)
        .add('earlier', {type: 'm.room.message', prev: [], auth: [], room_id: '!other:a.example'})
        .create({}, {prev: ['earlier']}),
  },
  {
    rule: 'create.room-id-domain',
    what: 'a create event whose sender is of another server than its room ID',
    passes: created,
    fails: (version) => new Room(version).create({}, {sender: BOB}),
  },
  {
    rule: 'create.has-room-id',
    what: 'a create event with a room ID',
    passes: created,
    fails: (version) => new Room(version).create({}, {room_id: '!room:a.example'}),
  },
  {
    rule: 'create.unknown-version',
    what: 'a create event of a version that nobody knows',
    passes: created,
    fails: (version) => new Room(version).create({room_version: 'no-such-version'}),
  },
  {
    rule: 'create.unknown-version',
    what: 'a create event whose version is a number',
    passes: created,
    fails: (version) => new Room(version).create({room_version: 1}),
  },
  {
    rule: 'create.no-creator',
    what: 'a create event without creator',
    passes: created,
    fails: (version) => new Room(version).create({creator: undefined}),
  },
  badCreators('that is no list', BOB),
  badCreators('null', null),
  badCreators('that holds a number', [5]),
  badCreators('that holds no user ID', ['bob']),
  badCreators('without server name', ['@bob:']),
  badCreators('with a server name that is none', ['@bob:b example']),
  badCreators('longer than 255 bytes', [`@${'b'.repeat(250)}:b.example`]),
  {
    rule: 'room-id',
    what: 'the room of a rejected create event',
    passes: (version) => bare(version),
    fails: (version) => new Room(version).create({additional_creators: 'x'}).add('judged', member(ALICE, 'join')),
  },
]
