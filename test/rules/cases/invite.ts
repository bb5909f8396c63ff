import {createPrivateKey, createPublicKey, sign} from 'node:crypto'
import type {Json, JsonObject} from '../../../src/matrix/json.ts'
import {ALICE, BOB, CAROL, DAVE, type Draft, LEVELS, member, MO, publicRoom, type Room} from '../build.ts'
import {afterChange, type Pair, twoEvents} from '../pair.ts'

/** DER prefix of an Ed25519 private key (RFC 8410); 32 bytes follow. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')

interface Key {
  readonly publicKey: string
  readonly sign: (text: string) => string
}

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '')

function keyOf(seed: number): Key {
  const key = createPrivateKey({key: Buffer.concat([PKCS8, Buffer.alloc(32, seed)]), format: 'der', type: 'pkcs8'})
  const spki = createPublicKey(key).export({format: 'der', type: 'spki'})
  return {publicKey: unpadded(spki.subarray(-32)), sign: (text) => unpadded(sign(null, Buffer.from(text), key))}
}

const IDENTITY = keyOf(1)
const STRANGER = keyOf(2)

/** What an identity server says: this token is of this user. The keys are in canonical order here. */
function signed(key: Key = IDENTITY, mxid: string = BOB): JsonObject {
  const signature = key.sign(`{"mxid":"${mxid}","token":"tok"}`)
  return {mxid, token: 'tok', signatures: {'id.example': {'ed25519:0': signature}}}
}

const dropping = (key: string): JsonObject =>
  Object.fromEntries(Object.entries(signed()).filter(([name]) => name !== key))

const invite = (third_party_invite: Json, sender = MO): Draft => member(BOB, 'invite', sender, {third_party_invite})
const pledge = (content: JsonObject, sender = MO): Draft => ({
  type: 'm.room.third_party_invite',
  sender,
  state_key: 'tok',
  content: {display_name: 'b', ...content},
})
const pledged =
  (content: JsonObject = {public_key: IDENTITY.publicKey}) =>
  (version: string): Room =>
    publicRoom(version).add('pledge', pledge(content))

const GOOD = invite({signed: signed()})

const malformed = (rule: 'no-signed' | 'no-token' | 'other-user', what: string, content: Json): Pair =>
  twoEvents({
    rule: `member.invite.third-party.${rule}`,
    what,
    room: pledged(),
    passes: GOOD,
    fails: invite(content),
  })

const keys = (what: string, good: JsonObject, bad: JsonObject): Pair =>
  afterChange({
    rule: 'member.invite.third-party.unsigned',
    allowedBy: 'member.invite.third-party.signed',
    what,
    room: pledged(good),
    change: (room) => room.add('other', pledge(bad)),
    event: GOOD,
  })

const thirdPartyPairs: readonly Pair[] = [
  afterChange({
    rule: 'member.invite.third-party.banned',
    what: 'the invited is banned',
    room: pledged(),
    change: (room) => room.member('ban', BOB, 'ban', MO),
    event: GOOD,
  }),
  malformed('no-signed', 'nothing signed', {display_name: 'b'}),
  malformed('no-signed', 'third_party_invite is no object', 'b'),
  malformed('no-token', 'no mxid', {signed: dropping('mxid')}),
  malformed('no-token', 'no token', {signed: dropping('token')}),
  malformed('no-token', 'signed is no object', {signed: 'yes'}),
  malformed('other-user', 'signed for someone else', {signed: signed(IDENTITY, DAVE)}),
  afterChange({
    rule: 'member.invite.third-party.unknown-token',
    what: 'on another branch there is no such token',
    room: pledged(),
    change: (room) => room.at('carol'),
    event: GOOD,
  }),
  afterChange({
    rule: 'member.invite.third-party.other-sender',
    what: 'the token is that of another inviter now',
    room: pledged(),
    change: (room) => room.add('other', pledge({public_key: IDENTITY.publicKey}, ALICE)),
    event: GOOD,
  }),
  twoEvents({
    rule: 'member.invite.third-party.other-sender',
    what: 'another uses the token',
    room: pledged(),
    passes: GOOD,
    fails: invite({signed: signed()}, CAROL),
  }),
  twoEvents({
    rule: 'member.invite.third-party.unsigned',
    allowedBy: 'member.invite.third-party.signed',
    what: 'signed with another key',
    room: pledged(),
    passes: GOOD,
    fails: invite({signed: signed(STRANGER)}),
  }),
  twoEvents({
    rule: 'member.invite.third-party.unsigned',
    what: 'no signatures',
    room: pledged(),
    passes: GOOD,
    fails: invite({signed: dropping('signatures')}),
  }),
  keys('the key was replaced', {public_key: IDENTITY.publicKey}, {public_key: STRANGER.publicKey}),
  keys(
    'the key is one of a list',
    {public_keys: [{public_key: STRANGER.publicKey}, {public_key: IDENTITY.publicKey}]},
    {public_keys: [{public_key: STRANGER.publicKey}]},
  ),
  // Whether the sender is joined, or may invite, is not asked here.
  twoEvents({
    rule: 'member.invite.sender-not-joined',
    allowedBy: 'member.invite.third-party.signed',
    what: 'the inviter has left, which matters without a third-party invite only',
    room: (version) => pledged()(version).member('gone', MO, 'leave'),
    passes: GOOD,
    fails: member(BOB, 'invite', MO),
  }),
]

/** "If membership is invite". */
export const invitePairs: readonly Pair[] = [
  ...thirdPartyPairs,
  afterChange({
    rule: 'member.invite.sender-not-joined',
    what: 'the inviter has left',
    room: publicRoom,
    change: (room) => room.member('gone', CAROL, 'leave'),
    event: member(BOB, 'invite', CAROL),
  }),
  afterChange({
    rule: 'member.invite.target-in-room',
    what: 'the invited is in the room already',
    room: publicRoom,
    change: (room) => room.member('bob', BOB, 'join'),
    event: member(BOB, 'invite', CAROL),
  }),
  afterChange({
    rule: 'member.invite.target-in-room',
    what: 'the invited is banned',
    room: publicRoom,
    change: (room) => room.member('ban', BOB, 'ban', MO),
    event: member(BOB, 'invite', CAROL),
  }),
  afterChange({
    rule: 'member.invite.refused',
    allowedBy: 'member.invite.power',
    what: 'inviting takes more now',
    room: publicRoom,
    change: (room) => room.power('newer', {...LEVELS, invite: 1}),
    event: member(BOB, 'invite', CAROL),
  }),
  afterChange({
    rule: 'third-party-invite.power',
    what: 'inviting takes more now, though any state event took more before',
    room: publicRoom,
    change: (room) => room.power('newer', {...LEVELS, invite: 1}),
    event: pledge({public_key: IDENTITY.publicKey}, CAROL),
  }),
]
