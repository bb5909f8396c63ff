import {BOB, CAROL, DAVE, member, message, MO, power, publicRoom, Room, topic} from '../build.ts'
import {afterChange, type Pair, twoEvents} from '../pair.ts'
import {VERSIONS, versionsWith} from '../numbers.ts'

const withCreate = (room: Room, names: readonly string[]): readonly string[] =>
  room.hasCreatorsAboveAll ? names : ['create', ...names]

const unexpected = (what: string, extra: string, room = publicRoom): Pair =>
  twoEvents({
    rule: 'auth-events.unexpected',
    what,
    room,
    passes: (built) => ({...message(), auth: withCreate(built, ['levels', 'alice'])}),
    fails: (built) => ({...message(), auth: withCreate(built, ['levels', 'alice', extra])}),
  })

/** Bob, who is not there, sends power levels: rejected, and nobody should cite them. Whoever follows, follows Carol's join. */
const withRejectedLevels = (version: string): Room => {
  const room = publicRoom(version)
  return room.add('bad', power(room, {}, BOB)).at('carol')
}

const withForeignLevels = (version: string): Room =>
  publicRoom(version)
    .add('foreign', {type: 'm.room.power_levels', state_key: '', room_id: '!other:a.example', prev: [], auth: []})
    .at('carol')

/** "Considering the event's auth_events". */
export const authEventsPairs: readonly Pair[] = [
  twoEvents({
    rule: 'auth-events.duplicate',
    what: 'old and new power levels',
    room: (version) => publicRoom(version).power('newer', {ban: 40}),
    passes: (room) => ({...message(), auth: withCreate(room, ['alice', 'newer'])}),
    fails: (room) => ({...message(), auth: withCreate(room, ['alice', 'levels', 'newer'])}),
  }),
  twoEvents({
    rule: 'auth-events.duplicate',
    what: 'one event twice',
    room: publicRoom,
    passes: (room) => ({...message(), auth: withCreate(room, ['alice', 'levels'])}),
    fails: (room) => ({...message(), auth: withCreate(room, ['alice', 'levels', 'alice'])}),
  }),
  unexpected('join rules for a message', 'rules'),
  unexpected('the membership of someone else', 'mo'),
  unexpected('a message', 'talk', (version) => publicRoom(version).add('talk', message())),
  unexpected('power levels with a state key', 'keyed', (version) =>
    publicRoom(version).add('keyed', {type: 'm.room.power_levels', state_key: 'x'}),
  ),
  twoEvents({
    rule: 'auth-events.unexpected',
    what: 'join rules for a kick',
    room: publicRoom,
    passes: (room) => ({...member(CAROL, 'leave', MO), auth: withCreate(room, ['levels', 'mo', 'carol'])}),
    fails: (room) => ({...member(CAROL, 'leave', MO), auth: withCreate(room, ['levels', 'mo', 'carol', 'rules'])}),
  }),
  twoEvents({
    rule: 'auth-events.unexpected',
    what: 'the create event, where the room ID implies it',
    versions: VERSIONS.filter((version) => !versionsWith('auth-events.no-create').includes(version)),
    room: publicRoom,
    passes: {...message(), auth: ['levels', 'alice']},
    fails: {...message(), auth: ['create', 'levels', 'alice']},
  }),
  twoEvents({
    rule: 'auth-events.unexpected',
    what: 'an authoriser, where there are none yet',
    versions: VERSIONS.filter((version) => !versionsWith('member.authoriser.unsigned').includes(version)),
    room: publicRoom,
    passes: {
      ...member(BOB, 'join', BOB, {join_authorised_via_users_server: MO}),
      auth: ['create', 'levels', 'rules'],
    },
    fails: {
      ...member(BOB, 'join', BOB, {join_authorised_via_users_server: MO}),
      auth: ['create', 'levels', 'rules', 'mo'],
    },
  }),
  twoEvents({
    rule: 'auth-events.rejected',
    what: 'power levels that were rejected',
    room: withRejectedLevels,
    passes: (room) => ({...message(), auth: withCreate(room, ['alice', 'levels'])}),
    fails: (room) => ({...message(), auth: withCreate(room, ['alice', 'bad'])}),
  }),
  {
    ...twoEvents({
      rule: 'auth-events.no-create',
      what: 'no create event',
      room: publicRoom,
      passes: {...message(), auth: ['create', 'levels', 'alice']},
      fails: {...message(), auth: ['levels', 'alice']},
    }),
    failsBefore: (version) => publicRoom(version).add('judged', {...message(), prev: [], authAt: 'carol'}),
  },
  twoEvents({
    rule: 'auth-events.other-room',
    what: 'power levels of another room',
    room: withForeignLevels,
    passes: (room) => ({...message(), auth: withCreate(room, ['alice', 'levels'])}),
    fails: (room) => ({...message(), auth: withCreate(room, ['alice', 'foreign'])}),
  }),
  // An entry may be left out: then the event has to pass without it.
  twoEvents({
    rule: 'required-power',
    what: 'power levels left out of the auth events',
    room: publicRoom,
    passes: (room) => ({...topic(MO), auth: withCreate(room, ['mo', 'levels'])}),
    fails: (room) => ({...topic(MO), auth: withCreate(room, ['mo'])}),
  }),
  afterChange({
    rule: 'sender-not-joined',
    what: 'a join that another branch knows of',
    room: (version) => publicRoom(version).member('dave', DAVE, 'join'),
    change: (room) => room.at('carol'),
    event: message(DAVE),
  }),
]
