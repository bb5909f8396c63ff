import type {Json} from '../../../src/matrix/json.ts'
import {BOB, CAROL, DAVE, type Draft, LEVELS, member, message, MO, power, publicRoom, Room, topic} from '../build.ts'
import {numbersOf, VERSIONS, versionsWith} from '../numbers.ts'
import {afterChange, type Pair, twoEvents} from '../pair.ts'

const ALIASES = versionsWith('aliases.allow')

const federating =
  (federate: Json | undefined) =>
  (version: string): Room =>
    new Room(version)
      .create({'m.federate': federate})
      .member('alice', '@alice:a.example', 'join')
      .power('levels', LEVELS)
      .joinRules('rules', 'public')
      .member('mo', MO, 'join')

/** The same event in a room that is open to other servers, and in one that is not. */
const shutOut = (what: string, draft: Draft, federate: Json = false): Pair => ({
  rule: 'federate',
  what,
  passes: (version) => federating(true)(version).add('judged', draft),
  fails: (version) => federating(federate)(version).add('judged', draft),
})

const federatePairs: readonly Pair[] = [
  shutOut('a sender of another server', member(BOB, 'join')),
  // Synapse asks it of the target of a membership, too, which the spec does not.
  shutOut('someone of another server is invited', member(BOB, 'invite', MO)),
  shutOut('someone of another server is banned', member(BOB, 'ban', MO)),
  // Whatever is not true counts as false, in Synapse.
  shutOut('m.federate is a string', member(BOB, 'join'), 'true'),
  shutOut('m.federate is null', member(BOB, 'join'), null),
  shutOut('m.federate is a number', member(BOB, 'join'), 1),
  shutOut('m.federate is an object', member(BOB, 'join'), {}),
  twoEvents({
    rule: 'federate',
    what: 'people of the same server and of another',
    room: federating(false),
    passes: member(CAROL, 'join'),
    fails: member(BOB, 'join'),
  }),
  twoEvents({
    rule: 'federate',
    what: 'the creator, whom the content names, may be of another server, others may not',
    versions: versionsWith('create.no-creator'),
    room: (version) => new Room(version).create({creator: BOB, 'm.federate': false}),
    passes: member(BOB, 'join', '@alice:a.example'),
    fails: member(DAVE, 'join', '@alice:a.example'),
  }),
  {
    rule: 'federate',
    what: 'no m.federate, which means true',
    passes: (version) => federating(undefined)(version).member('judged', BOB, 'join'),
    fails: (version) => federating(false)(version).member('judged', BOB, 'join'),
  },
]

const aliases = (stateKey: string, sender = DAVE): Draft => ({
  type: 'm.room.aliases',
  sender,
  state_key: stateKey,
  content: {aliases: []},
})

const aliasesPairs: readonly Pair[] = [
  twoEvents({
    rule: 'aliases.no-state-key',
    what: 'aliases as a message',
    room: publicRoom,
    passes: aliases('b.example'),
    fails: {type: 'm.room.aliases', sender: DAVE, content: {aliases: []}},
  }),
  twoEvents({
    rule: 'aliases.other-server',
    what: 'aliases of another server',
    room: publicRoom,
    passes: aliases('b.example'),
    fails: aliases('a.example'),
  }),
  twoEvents({
    rule: 'sender-not-joined',
    allowedBy: 'aliases.allow',
    what: 'who is not in the room may send the aliases of their server, and nothing else',
    versions: ALIASES,
    room: publicRoom,
    passes: aliases('b.example'),
    fails: topic(DAVE),
  }),
  twoEvents({
    rule: 'sender-not-joined',
    what: 'aliases are like any other event',
    versions: VERSIONS.filter((version) => !ALIASES.includes(version)),
    room: publicRoom,
    passes: aliases('a.example', MO),
    fails: aliases('b.example'),
  }),
]

const joinedRulePairs: readonly Pair[] = [
  afterChange({
    rule: 'sender-not-joined',
    what: 'the sender has left',
    room: publicRoom,
    change: (room) => room.member('gone', CAROL, 'leave'),
    event: message(CAROL),
  }),
  afterChange({
    rule: 'sender-not-joined',
    what: 'the sender is banned',
    room: publicRoom,
    change: (room) => room.member('ban', CAROL, 'ban', MO),
    event: message(CAROL),
  }),
  twoEvents({
    rule: 'sender-not-joined',
    what: 'the sender is invited only',
    room: (version) => publicRoom(version).member('invite', BOB, 'invite', MO),
    passes: message(CAROL),
    fails: message(BOB),
  }),
]

const levels =
  (more: Record<string, Json>) =>
  (room: Room): Room =>
    room.power('newer', {...LEVELS, ...more})
const tooWeak = (what: string, change: (room: Room) => Room, event: Draft): Pair =>
  afterChange({rule: 'required-power', what, room: publicRoom, change, event})

const powerPairs: readonly Pair[] = [
  tooWeak('the sender was demoted', levels({users: {[MO]: 49}}), topic(MO)),
  tooWeak('the type takes more now', levels({events: {'m.room.topic': 51}}), topic(MO)),
  tooWeak('state takes more now', levels({state_default: 51}), topic(MO)),
  tooWeak('messages take more now', levels({events_default: 1}), message(CAROL)),
  tooWeak('everybody has less now', levels({users_default: -1}), message(CAROL)),
  twoEvents({
    rule: 'required-power',
    what: 'state takes 50 without power levels',
    room: (version) =>
      new Room(version)
        .create()
        .member('alice', '@alice:a.example', 'join')
        .joinRules('rules', 'public')
        .member('carol', CAROL, 'join'),
    passes: message(CAROL),
    fails: topic(CAROL),
  }),
  twoEvents({
    rule: 'required-power',
    what: 'a redaction takes the level of its type',
    versions: VERSIONS.filter((version) => !numbersOf(version).has('redaction.refused')),
    room: (version) => publicRoom(version, {events: {'m.room.redaction': 50}}),
    passes: (room) => ({type: 'm.room.redaction', sender: MO, redacts: room.id('carol')}),
    fails: (room) => ({type: 'm.room.redaction', sender: CAROL, redacts: room.id('mo')}),
  }),
]

const stateKeyPairs: readonly Pair[] = [
  twoEvents({
    rule: 'state-key-of-other',
    what: 'a state key that is another user',
    room: publicRoom,
    passes: topic(MO, MO),
    fails: topic(MO, CAROL),
  }),
  twoEvents({
    rule: 'state-key-of-other',
    what: 'a state key that begins with @ and is no user',
    room: publicRoom,
    passes: topic(MO, '!'),
    fails: topic(MO, '@'),
  }),
  twoEvents({
    rule: 'state-key-of-other',
    what: 'a state key that begins with the user ID of the sender',
    room: publicRoom,
    passes: topic(MO, `_${MO}`),
    fails: topic(MO, `${MO}_device`),
  }),
]

const redaction = (redacts: string, sender = CAROL): Draft => ({type: 'm.room.redaction', sender, redacts})
/** Carol said something on her server, Dave something on his. */
const talk = (version: string): Room =>
  publicRoom(version).member('dave', DAVE, 'join').add('his', message(DAVE)).add('hers', message(CAROL))

const redactionPairs: readonly Pair[] = [
  afterChange({
    rule: 'redaction.refused',
    allowedBy: 'redaction.power',
    what: 'redacting takes more now',
    room: (version) => talk(version).power('mild', {...LEVELS, redact: 50}),
    change: levels({redact: 51}),
    event: (room) => redaction(room.id('his'), MO),
  }),
  twoEvents({
    rule: 'redaction.refused',
    allowedBy: 'redaction.own-server',
    what: 'an event of another server',
    room: talk,
    passes: (room) => redaction(room.id('hers')),
    fails: (room) => redaction(room.id('his')),
  }),
  twoEvents({
    rule: 'redaction.refused',
    what: 'it is the server in the ID of the redaction that counts, not its sender',
    room: talk,
    passes: (room) => ({...redaction(room.id('his')), idServer: 'b.example'}),
    fails: (room) => ({...redaction(room.id('hers')), idServer: 'b.example'}),
  }),
]

/** What is not about members and not about power levels. */
export const otherPairs: readonly Pair[] = [
  ...federatePairs,
  ...aliasesPairs,
  ...joinedRulePairs,
  ...powerPairs,
  ...stateKeyPairs,
  ...redactionPairs,
  twoEvents({
    rule: 'required-power',
    what: 'power levels are state',
    room: (version) => publicRoom(version, {events: {}}),
    passes: (room) => power(room, LEVELS, MO),
    fails: (room) => power(room, LEVELS, CAROL),
  }),
]
