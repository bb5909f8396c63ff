import type {Json} from '../../../src/matrix/json.ts'
import {bare, BOB, CAROL, DAVE, LEVELS, member, MO, publicRoom, type Room} from '../build.ts'
import {VERSIONS, versionsWith} from '../numbers.ts'
import {afterChange, type Pair, twoEvents} from '../pair.ts'

const KNOCK = versionsWith('member.knock.other')
const KNOCK_RESTRICTED = ['10', '11', '12', 'org.matrix.hydra.11']
const only = (versions: readonly string[], not: readonly string[]): readonly string[] =>
  versions.filter((version) => !not.includes(version))

const knockable = (version: string): Room => publicRoom(version).joinRules('knock', 'knock')
const knocking = (version: string): Room => knockable(version).member('knocks', BOB, 'knock')
const withBob = (version: string): Room => publicRoom(version).member('bob', BOB, 'join')
const bobBanned = (version: string): Room => publicRoom(version).member('ban', BOB, 'ban', MO)

const levels =
  (more: Record<string, Json>) =>
  (room: Room): Room =>
    room.power('newer', {...LEVELS, ...more})

const leavePairs: readonly Pair[] = [
  afterChange({
    rule: 'member.leave.self',
    what: 'who leaves was kicked',
    room: withBob,
    change: (room) => room.member('kick', BOB, 'leave', MO),
    event: member(BOB, 'leave'),
  }),
  afterChange({
    rule: 'member.leave.self',
    what: 'who leaves was banned',
    room: withBob,
    change: (room) => room.member('ban', BOB, 'ban', MO),
    event: member(BOB, 'leave'),
  }),
  afterChange({
    rule: 'member.leave.self',
    what: 'who declines an invitation was never invited, on this branch',
    room: (version) => publicRoom(version).member('invite', BOB, 'invite', MO),
    change: (room) => room.at('carol'),
    event: member(BOB, 'leave'),
  }),
  afterChange({
    rule: 'member.leave.self',
    what: 'who knocks no more was refused',
    versions: KNOCK,
    room: knocking,
    change: (room) => room.member('refused', BOB, 'leave', MO),
    event: member(BOB, 'leave'),
  }),
  afterChange({
    rule: 'member.leave.sender-not-joined',
    what: 'the moderator has left',
    room: withBob,
    change: (room) => room.member('gone', MO, 'leave'),
    event: member(BOB, 'leave', MO),
  }),
  afterChange({
    rule: 'member.leave.unban',
    what: 'banning takes more now, though kicking does not',
    room: bobBanned,
    change: levels({ban: 51}),
    event: member(BOB, 'leave', MO),
  }),
  afterChange({
    rule: 'member.leave.refused',
    allowedBy: 'member.leave.kick',
    what: 'kicking takes more now',
    room: withBob,
    change: levels({kick: 51}),
    event: member(BOB, 'leave', MO),
  }),
  afterChange({
    rule: 'member.leave.refused',
    allowedBy: 'member.leave.kick',
    what: 'the kicked has the same level now',
    room: withBob,
    change: levels({users: {[MO]: 50, [BOB]: 50}}),
    event: member(BOB, 'leave', MO),
  }),
  afterChange({
    rule: 'member.leave.refused',
    what: 'lifting a ban takes the level for kicking as well',
    room: bobBanned,
    change: levels({kick: 51}),
    event: member(BOB, 'leave', MO),
  }),
]

const banPairs: readonly Pair[] = [
  afterChange({
    rule: 'member.ban.sender-not-joined',
    what: 'the moderator has left',
    room: withBob,
    change: (room) => room.member('gone', MO, 'leave'),
    event: member(BOB, 'ban', MO),
  }),
  afterChange({
    rule: 'member.ban.refused',
    allowedBy: 'member.ban.power',
    what: 'banning takes more now',
    room: withBob,
    change: levels({ban: 51}),
    event: member(BOB, 'ban', MO),
  }),
  afterChange({
    rule: 'member.ban.refused',
    allowedBy: 'member.ban.power',
    what: 'the banned has the same level now',
    room: withBob,
    change: levels({users: {[MO]: 50, [BOB]: 50}}),
    event: member(BOB, 'ban', MO),
  }),
]

const knockUnder = (rule: Json, versions: readonly string[]): Pair =>
  afterChange({
    rule: 'member.knock.join-rule',
    allowedBy: 'member.knock.allow',
    what: `the join rule is ${JSON.stringify(rule)} now`,
    versions,
    room: knockable,
    change: (room) => room.joinRules('newer', rule),
    event: member(BOB, 'knock'),
  })

const cannotKnock = (what: string, change: (room: Room) => Room): Pair =>
  afterChange({
    rule: 'member.knock.refused',
    allowedBy: 'member.knock.allow',
    what,
    room: knockable,
    change,
    event: member(BOB, 'knock'),
  })

const knockPairs: readonly Pair[] = [
  knockUnder('invite', KNOCK),
  knockUnder('public', KNOCK),
  knockUnder('restricted', KNOCK),
  knockUnder(null, KNOCK),
  knockUnder('knock_restricted', only(KNOCK, KNOCK_RESTRICTED)),
  afterChange({
    rule: 'member.knock.join-rule',
    allowedBy: 'member.knock.allow',
    what: 'the join rule was knock_restricted',
    versions: KNOCK_RESTRICTED,
    room: (version) => publicRoom(version).joinRules('knock', 'knock_restricted'),
    change: (room) => room.joinRules('newer', 'restricted'),
    event: member(BOB, 'knock'),
  }),
  twoEvents({
    rule: 'member.knock.other',
    what: 'someone knocks for Bob',
    room: knockable,
    passes: member(BOB, 'knock'),
    fails: member(BOB, 'knock', MO),
  }),
  cannotKnock('who knocks is invited', (room) => room.member('invite', BOB, 'invite', MO)),
  cannotKnock('who knocks is banned', (room) => room.member('ban', BOB, 'ban', MO)),
  cannotKnock('who knocks is in the room', (room) =>
    room.member('invite', BOB, 'invite', MO).member('bob', BOB, 'join'),
  ),
  twoEvents({
    rule: 'member.knock.refused',
    allowedBy: 'member.knock.allow',
    what: 'who knocks again may, who is in the room may not',
    room: (version) =>
      bare(version)
        .joinRules('rules', 'public')
        .member('carol', CAROL, 'join')
        .joinRules('knock', 'knock')
        .member('knocks', DAVE, 'knock'),
    passes: member(DAVE, 'knock', DAVE, {reason: 'again'}),
    fails: member(CAROL, 'knock', CAROL, {reason: 'again'}),
  }),
]

const unknown = (membership: Json, versions: readonly string[] = VERSIONS): Pair =>
  twoEvents({
    rule: 'member.unknown',
    what: `membership ${JSON.stringify(membership)}`,
    versions,
    room: withBob,
    passes: member(BOB, 'leave'),
    fails: member(BOB, membership),
  })

/** Memberships leave, ban and knock, those that there are not, and member events that are none. */
export const memberPairs: readonly Pair[] = [
  twoEvents({
    rule: 'member.malformed',
    what: 'no membership',
    room: withBob,
    passes: member(BOB, 'join'),
    fails: {...member(BOB, 'join'), content: {displayname: 'Bob'}},
  }),
  twoEvents({
    rule: 'member.malformed',
    what: 'no state key',
    room: withBob,
    passes: member(BOB, 'join'),
    fails: {type: 'm.room.member', sender: BOB, content: {membership: 'join'}},
  }),
  ...leavePairs,
  ...banPairs,
  ...knockPairs,
  unknown('dance'),
  unknown('Join'),
  unknown(null),
  unknown(1),
  unknown('knock', only(VERSIONS, KNOCK)),
]
