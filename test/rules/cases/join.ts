import type {Json, JsonObject} from '../../../src/matrix/json.ts'
import {ALICE, bare, BOB, CAROL, LEVELS, member, MO, power, publicRoom, Room} from '../build.ts'
import {VERSIONS, versionsWith} from '../numbers.ts'
import {afterChange, type Pair, twoEvents} from '../pair.ts'

const RESTRICTED = versionsWith('member.join.restricted.authoriser')
const KNOCK = versionsWith('member.knock.other')
const KNOCK_RESTRICTED = ['10', '11', '12', 'org.matrix.hydra.11']
const CONTENT_CREATOR = versionsWith('create.no-creator')
const without = (versions: readonly string[]): readonly string[] =>
  VERSIONS.filter((version) => !versions.includes(version))

const ruled =
  (rule: Json, levels: JsonObject = {}) =>
  (version: string): Room =>
    bare(version)
      .power('levels', {...LEVELS, ...levels})
      .joinRules('open', 'public')
      .member('mo', MO, 'join')
      .member('carol', CAROL, 'join')
      .joinRules('rules', rule)

const invited =
  (rule: Json) =>
  (version: string): Room =>
    ruled(rule)(version).member('invite', BOB, 'invite', MO)

const authorised = (authoriser: Json = MO, signers: readonly string[] = ['a.example', 'b.example']) => ({
  ...member(BOB, 'join', BOB, {join_authorised_via_users_server: authoriser}),
  signers,
})

/** A join rule under which people who are invited may join, and one under which nobody may. */
const closed = (what: string, rule: Json, versions: readonly string[] = VERSIONS): Pair => ({
  rule: 'member.join.refused',
  allowedBy: 'member.join.invited',
  what: `an invitation under ${what}`,
  versions,
  passes: (version) => invited('invite')(version).member('judged', BOB, 'join'),
  fails: (version) => invited(rule)(version).member('judged', BOB, 'join'),
})

const authoriserGone = (what: string, rule: string, change: (room: Room) => Room, levels: JsonObject = {}): Pair =>
  afterChange({
    rule: 'member.join.restricted.authoriser',
    allowedBy: 'member.join.restricted.allow',
    what: `${rule}: ${what}`,
    versions: rule === 'restricted' ? RESTRICTED : KNOCK_RESTRICTED,
    room: ruled(rule, {invite: 50, ...levels}),
    change,
    event: authorised(),
  })

const restrictedPairs = (rule: string): readonly Pair[] => [
  authoriserGone('the authoriser left', rule, (room) => room.member('gone', MO, 'leave')),
  authoriserGone('the authoriser was demoted', rule, (room) =>
    room.power('newer', {...LEVELS, invite: 50, users: {[MO]: 49}}),
  ),
  authoriserGone('inviting takes more now', rule, (room) => room.power('newer', {...LEVELS, invite: 51})),
  twoEvents({
    rule: 'member.join.restricted.authoriser',
    allowedBy: 'member.join.restricted.allow',
    what: `${rule}: nobody authorised the join`,
    versions: rule === 'restricted' ? RESTRICTED : KNOCK_RESTRICTED,
    room: ruled(rule),
    passes: authorised(),
    fails: member(BOB, 'join'),
  }),
  twoEvents({
    rule: 'member.join.restricted.authoriser',
    what: `${rule}: the authoriser was never there`,
    versions: rule === 'restricted' ? RESTRICTED : KNOCK_RESTRICTED,
    room: ruled(rule),
    passes: authorised(),
    fails: authorised('@nobody:a.example'),
  }),
  afterChange({
    rule: 'member.join.restricted.authoriser',
    allowedBy: 'member.join.restricted.invited',
    what: `${rule}: the invitation was withdrawn`,
    versions: rule === 'restricted' ? RESTRICTED : KNOCK_RESTRICTED,
    room: invited(rule),
    change: (room) => room.member('withdrawn', BOB, 'leave', MO),
    event: member(BOB, 'join'),
  }),
]

/** "If membership is join". */
export const joinPairs: readonly Pair[] = [
  twoEvents({
    rule: 'member.authoriser.unsigned',
    what: 'the server of the authoriser did not sign',
    room: ruled('restricted'),
    passes: authorised(),
    fails: authorised(MO, ['b.example']),
  }),
  twoEvents({
    rule: 'member.authoriser.unsigned',
    what: 'an authoriser that is no user ID, in a public room',
    room: publicRoom,
    passes: member(BOB, 'join'),
    fails: authorised('nobody'),
  }),
  twoEvents({
    rule: 'member.join.refused',
    allowedBy: 'member.join.creator',
    what: 'another than the creator joins first',
    room: (version) => new Room(version).create(),
    passes: member(ALICE, 'join'),
    fails: member(CAROL, 'join'),
  }),
  {
    rule: 'member.join.refused',
    allowedBy: 'member.join.creator',
    what: 'the creator comes back, later',
    passes: (version) => new Room(version).create().member('judged', ALICE, 'join'),
    fails: (version) => bare(version).member('gone', ALICE, 'leave').member('judged', ALICE, 'join'),
  },
  twoEvents({
    rule: 'member.join.refused',
    allowedBy: 'member.join.creator',
    what: 'the creator is whom the content names',
    versions: CONTENT_CREATOR,
    room: (version) => new Room(version).create({creator: BOB}),
    passes: member(BOB, 'join'),
    fails: member(ALICE, 'join'),
  }),
  twoEvents({
    rule: 'member.join.refused',
    allowedBy: 'member.join.creator',
    what: 'the creator is the sender, whom ever the content names',
    versions: without(CONTENT_CREATOR),
    room: (version) => new Room(version).create({creator: BOB}),
    passes: member(ALICE, 'join'),
    fails: member(BOB, 'join'),
  }),
  twoEvents({
    rule: 'member.join.refused',
    allowedBy: 'member.join.creator',
    what: 'an additional creator joins first',
    versions: versionsWith('create.additional-creators'),
    room: (version) => new Room(version).create({additional_creators: [CAROL]}),
    passes: member(ALICE, 'join'),
    fails: member(CAROL, 'join'),
  }),
  twoEvents({
    rule: 'member.join.other',
    what: 'someone else makes Bob join',
    room: publicRoom,
    passes: member(BOB, 'join'),
    fails: member(BOB, 'join', MO),
  }),
  afterChange({
    rule: 'member.join.banned',
    what: 'Bob is banned',
    room: publicRoom,
    change: (room) => room.member('ban', BOB, 'ban', MO),
    event: member(BOB, 'join'),
  }),
  afterChange({
    rule: 'member.join.refused',
    allowedBy: 'member.join.invited',
    what: 'the invitation was withdrawn',
    room: invited('invite'),
    change: (room) => room.member('withdrawn', BOB, 'leave', MO),
    event: member(BOB, 'join'),
  }),
  afterChange({
    rule: 'member.join.refused',
    allowedBy: 'member.join.invited',
    what: 'a member who changes their name was kicked',
    room: ruled('invite'),
    change: (room) => room.member('kick', CAROL, 'leave', MO),
    event: member(CAROL, 'join', CAROL, {displayname: 'Carol'}),
  }),
  afterChange({
    rule: 'member.join.refused',
    allowedBy: 'member.join.invited',
    what: 'the invitation under knock was withdrawn',
    versions: KNOCK,
    room: invited('knock'),
    change: (room) => room.member('withdrawn', BOB, 'leave', MO),
    event: member(BOB, 'join'),
  }),
  afterChange({
    rule: 'member.join.refused',
    allowedBy: 'member.join.public',
    what: 'the room is public no more',
    room: publicRoom,
    change: (room) => room.joinRules('newer', 'invite'),
    event: member(BOB, 'join'),
  }),
  twoEvents({
    rule: 'member.join.refused',
    what: 'there are no join rules, which means invite',
    room: (version) => bare(version).power('levels', LEVELS).member('invite', CAROL, 'invite', ALICE),
    passes: member(CAROL, 'join'),
    fails: member(BOB, 'join'),
  }),
  twoEvents({
    rule: 'member.join.refused',
    what: 'join rules that name none, which means invite',
    room: (version) =>
      bare(version)
        .add('rules', {type: 'm.room.join_rules', state_key: '', content: {}})
        .member('invite', CAROL, 'invite', ALICE),
    passes: member(CAROL, 'join'),
    fails: member(BOB, 'join'),
  }),
  closed('private', 'private'),
  closed('a join rule that nobody knows', 'org.example.moonlight'),
  closed('a join rule that is null', null),
  closed('a join rule that is a number', 1),
  closed('knock, before there was such', 'knock', without(KNOCK)),
  closed('restricted, before there was such', 'restricted', without(RESTRICTED)),
  closed('knock_restricted, before there was such', 'knock_restricted', without(KNOCK_RESTRICTED)),
  ...restrictedPairs('restricted'),
  ...restrictedPairs('knock_restricted'),
  afterChange({
    rule: 'member.join.restricted.authoriser',
    what: 'the last power levels demoted the authoriser to the default, which is too little',
    room: ruled('restricted', {invite: 50}),
    change: (room) => room.add('newer', power(room, {...LEVELS, invite: 50, users: {}})),
    event: authorised(),
  }),
]
