import type {Json, JsonObject} from '../../../src/matrix/json.ts'
import {ALICE, bare, BOB, CAROL, DAVE, type Draft, LEVELS, MO, power, publicRoom, Room} from '../build.ts'
import {VERSIONS, versionsWith} from '../numbers.ts'
import {afterChange, type Pair, twoEvents} from '../pair.ts'

const INTEGERS = versionsWith('power-levels.not-integer')
const ABOVE_ALL = versionsWith('power-levels.lists-creator')
const NOTIFICATIONS = VERSIONS.filter((version) => !['1', '2', '3', '4', '5'].includes(version))

/** Power levels by Mo, who has 50: those of the room, changed. */
const byMo =
  (more: JsonObject) =>
  (room: Room): Draft =>
    power(room, {...LEVELS, ...more}, MO)
const levels =
  (more: JsonObject) =>
  (room: Room): Room =>
    room.power('newer', {...LEVELS, ...more})

const SCALARS = ['users_default', 'events_default', 'state_default', 'ban', 'redact', 'kick', 'invite'] as const
const NO_INTEGERS: readonly Json[] = ['50', null, true, [], {}]

const notIntegerPairs: readonly Pair[] = [
  ...SCALARS.map((name) =>
    twoEvents({
      rule: 'power-levels.not-integer',
      what: `${name} is a string`,
      room: publicRoom,
      passes: byMo({[name]: 20}),
      fails: byMo({[name]: '20'}),
    }),
  ),
  ...NO_INTEGERS.map((value) =>
    twoEvents({
      rule: 'power-levels.not-integer',
      what: `ban is ${JSON.stringify(value)}`,
      room: publicRoom,
      passes: byMo({ban: 20}),
      fails: byMo({ban: value}),
    }),
  ),
  ...(['events', 'notifications'] as const).flatMap((name) => [
    ...NO_INTEGERS.map((value) =>
      twoEvents({
        rule: 'power-levels.not-integers',
        what: `${name} holds ${JSON.stringify(value)}`,
        room: publicRoom,
        passes: byMo({[name]: {room: 20}}),
        fails: byMo({[name]: {room: value}}),
      }),
    ),
    ...['room', null, 1, [], [1]].map((value) =>
      twoEvents({
        rule: 'power-levels.not-integers',
        what: `${name} is ${JSON.stringify(value)}`,
        room: publicRoom,
        passes: byMo({[name]: {}}),
        fails: byMo({[name]: value}),
      }),
    ),
  ]),
]

/** Without help of `power`, which lists Alice. */
const raw = (users: Json): Draft => ({
  type: 'm.room.power_levels',
  state_key: '',
  sender: MO,
  content: {...LEVELS, users},
})
/** Alice is not listed, so that leaving her out is no change; Mo is 50. */
const unlisted = (version: string): Room => {
  const room = bare(version).joinRules('rules', 'public').member('mo', MO, 'join')
  return room.add('levels', {type: 'm.room.power_levels', state_key: '', content: LEVELS})
}

const badUsers = (what: string, users: Json, versions: readonly string[] = VERSIONS): Pair =>
  twoEvents({
    rule: 'power-levels.users',
    what,
    versions,
    room: unlisted,
    passes: raw({[MO]: 50}),
    fails: raw(users),
  })

const usersPairs: readonly Pair[] = [
  badUsers('users is null', null),
  badUsers('users is a list', []),
  badUsers('users is a string', MO),
  badUsers('a user without server', {[MO]: 50, '@mo': 1}),
  badUsers('a user without @', {[MO]: 50, 'mo:a.example': 1}),
  badUsers('an empty user', {[MO]: 50, '': 1}),
  badUsers('a level that is a word', {[MO]: 50, [CAROL]: 'x'}),
  badUsers('a level that is null', {[MO]: 50, [CAROL]: null}),
  badUsers('a level that is a list', {[MO]: 50, [CAROL]: [1]}),
  badUsers('a level that is an object', {[MO]: 50, [CAROL]: {}}),
  badUsers('a level that is a string', {[MO]: 50, [CAROL]: '1'}, INTEGERS),
  badUsers('a level that is a boolean', {[MO]: 50, [CAROL]: true}, INTEGERS),
]

const creatorPairs: readonly Pair[] = [
  twoEvents({
    rule: 'power-levels.lists-creator',
    what: 'the creator is listed',
    room: publicRoom,
    passes: byMo({users: {[MO]: 50, [CAROL]: 1}}),
    fails: byMo({users: {[MO]: 50, [ALICE]: 1}}),
  }),
  {
    rule: 'power-levels.lists-creator',
    what: 'an additional creator is listed',
    passes: (version) => bare(version, {additional_creators: [BOB]}).power('judged', {users: {[DAVE]: 1}}),
    fails: (version) => bare(version, {additional_creators: [BOB]}).power('judged', {users: {[BOB]: 1}}),
  },
]

const firstPairs: readonly Pair[] = [
  afterChange({
    rule: 'power-levels.users.new',
    allowedBy: 'power-levels.first',
    what: 'the first power levels may give anything',
    versions: VERSIONS.filter((version) => !ABOVE_ALL.includes(version)),
    room: bare,
    change: (room) => room.power('levels', {}),
    event: (room) => power(room, {users: {[BOB]: 101}}),
  }),
  twoEvents({
    rule: 'power-levels.users.new',
    allowedBy: 'power-levels.first',
    what: 'power levels with a state key have none before them',
    room: publicRoom,
    passes: (room) => ({...byMo({users: {[MO]: 50, [BOB]: 51}})(room), state_key: 'x'}),
    fails: byMo({users: {[MO]: 50, [BOB]: 51}}),
  }),
]

/** A level that others raised above Mo's is none that Mo may lower. */
const old = (rule: string, what: string, raised: JsonObject, event: JsonObject, versions?: readonly string[]): Pair =>
  afterChange({
    rule,
    what,
    ...(versions === undefined ? {} : {versions}),
    room: publicRoom,
    change: levels(raised),
    event: byMo(event),
  })

/** Mo may give what Mo has, not more; after a demotion that is less. */
const now = (rule: string, what: string, event: JsonObject, versions?: readonly string[]): Pair =>
  afterChange({
    rule,
    what,
    ...(versions === undefined ? {} : {versions}),
    room: publicRoom,
    change: levels({users: {[MO]: 40}}),
    event: byMo({users: {[MO]: 40}, ...event}),
  })

const LEVELS_EVENT = {'m.room.power_levels': 10}

const changePairs: readonly Pair[] = [
  ...SCALARS.flatMap((name) => {
    // Mo with less than these could not send power levels at all, so that only their raising is tried.
    const value = name === 'users_default' ? 45 : 41
    return [
      old('power-levels.named.old', `${name} is lowered from 51`, {[name]: 51}, {[name]: 20}),
      now('power-levels.named.new', `${name} is raised to ${String(value)}`, {[name]: value}),
    ]
  }),
  old('power-levels.named.old', 'redact 51 is removed', {redact: 51}, {}),
  old(
    'power-levels.events.old',
    'a type is lowered from 51',
    {events: {...LEVELS_EVENT, x: 51}},
    {events: {...LEVELS_EVENT, x: 1}},
  ),
  old('power-levels.events.old', 'a type at 51 is removed', {events: {...LEVELS_EVENT, x: 51}}, {}),
  now('power-levels.events.new', 'a type is raised to 41', {events: {...LEVELS_EVENT, x: 41}}),
  old(
    'power-levels.events.old',
    'a notification is lowered from 51',
    {notifications: {room: 51}},
    {notifications: {room: 1}},
    NOTIFICATIONS,
  ),
  old('power-levels.events.old', 'a notification at 51 is removed', {notifications: {room: 51}}, {}, NOTIFICATIONS),
  now('power-levels.events.new', 'a notification is raised to 41', {notifications: {room: 41}}, NOTIFICATIONS),
  old(
    'power-levels.users.old',
    'an equal is lowered',
    {users: {[MO]: 50, [CAROL]: 50}},
    {users: {[MO]: 50, [CAROL]: 1}},
  ),
  old('power-levels.users.old', 'an equal is removed', {users: {[MO]: 50, [CAROL]: 50}}, {}),
  old('power-levels.users.old', 'someone above is removed', {users: {[MO]: 50, [CAROL]: 51}}, {}),
  now('power-levels.users.new', 'someone is raised to 41', {users: {[MO]: 40, [CAROL]: 41}}),
  now('power-levels.users.new', 'Mo raises Mo', {users: {[MO]: 41}}),
  twoEvents({
    rule: 'power-levels.users.old',
    what: 'an equal is lowered, Mo is',
    room: (version) => publicRoom(version, {users: {[MO]: 50, [CAROL]: 50}}),
    passes: byMo({users: {[MO]: 49, [CAROL]: 50}}),
    fails: byMo({users: {[MO]: 50, [CAROL]: 49}}),
  }),
]

/** "If type is m.room.power_levels". */
export const powerLevelsPairs: readonly Pair[] = [
  ...notIntegerPairs,
  ...usersPairs,
  ...creatorPairs,
  ...firstPairs,
  ...changePairs,
]
