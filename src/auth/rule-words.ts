/** What a rule looks at, so that a trace can show the values: powers, memberships, levels, the join rule. */
export type Look =
  | 'sender-power'
  | 'target-power'
  | 'authoriser-power'
  | 'required-power'
  | 'level-invite'
  | 'level-kick'
  | 'level-ban'
  | 'level-redact'
  | 'sender-membership'
  | 'target-membership'
  | 'authoriser-membership'
  | 'join-rule'
  | 'federate'

export interface RuleWords {
  /** What the line asks, in a few words. */
  readonly asks: string
  readonly looks: readonly Look[]
}

const words = (asks: string, ...looks: readonly Look[]): RuleWords => ({asks, looks})
const thirdParty = (asks: string): RuleWords => words(`third-party invite: ${asks}`)

/**
 * The lines of the authorisation rules for people, by their stable names. They stand apart from the rules, so that a replay carries
 * none of it; a test sees to it that no line is left out.
 */
const WORDS: Readonly<Record<string, RuleWords>> = {
  create: words('it creates the room'),
  'create.has-prev-events': words('it has no prev_events'),
  'create.room-id-domain': words("the room ID is of the sender's server"),
  'create.has-room-id': words('it has no room_id of its own'),
  'create.unknown-version': words('its room version is known'),
  'create.no-creator': words('it names the creator'),
  'create.additional-creators': words('additional_creators are user IDs'),
  'create.allow': words('otherwise a create event is allowed'),
  'room-id': words('the room ID is that of an accepted create event'),
  'auth-events': words('its auth_events'),
  'auth-events.duplicate': words('no two of its auth_events stand in one slot'),
  'auth-events.unexpected': words('each of its auth_events has a part in authorising it'),
  'auth-events.rejected': words('none of its auth_events was rejected'),
  'auth-events.no-create': words('there is a create event'),
  'auth-events.other-room': words('its auth_events are of this room'),
  federate: words('the room lets its server in', 'federate'),
  aliases: words('it sets aliases'),
  'aliases.no-state-key': words('it has a state_key'),
  'aliases.other-server': words("its state_key is the sender's server"),
  'aliases.allow': words('otherwise aliases are allowed'),
  member: words('it is a membership'),
  'member.malformed': words('it has a user in its state_key and a membership'),
  'member.authoriser': words('it names an authoriser whose server did not sign'),
  'member.authoriser.unsigned': words("the authoriser's server has signed it"),
  'member.join': words('it is a join'),
  'member.join.creator': words("it is the creator's first join"),
  'member.join.other': words('people join themselves only'),
  'member.join.banned': words('they are not banned', 'target-membership'),
  'member.join.invited': words('join rule invite or knock, and invited or joined', 'join-rule', 'target-membership'),
  'member.join.restricted': words('the join rule is restricted', 'join-rule'),
  'member.join.restricted.invited': words('invited or joined already', 'target-membership'),
  'member.join.restricted.authoriser': words(
    'somebody who may invite authorised it',
    'authoriser-membership',
    'authoriser-power',
    'level-invite',
  ),
  'member.join.restricted.allow': words('otherwise the authorised join is allowed'),
  'member.join.public': words('the join rule is public', 'join-rule'),
  'member.join.refused': words('otherwise a join is rejected', 'join-rule', 'target-membership'),
  'member.invite': words('it is an invite'),
  'member.invite.third-party': words('it is an invite by third party'),
  'member.invite.third-party.banned': words('third-party invite: they are not banned', 'target-membership'),
  'member.invite.third-party.no-signed': thirdParty('it has a signed part'),
  'member.invite.third-party.no-token': thirdParty('it has a user and a token'),
  'member.invite.third-party.other-user': thirdParty('it is for this user'),
  'member.invite.third-party.unknown-token': thirdParty('its token is that of a third-party invite of the room'),
  'member.invite.third-party.other-sender': thirdParty('both have the same sender'),
  'member.invite.third-party.signed': thirdParty('it is signed by a key of the one in the room'),
  'member.invite.third-party.unsigned': thirdParty('otherwise it is rejected'),
  'member.invite.sender-not-joined': words('the sender is joined', 'sender-membership'),
  'member.invite.target-in-room': words('the invited one is not joined or banned', 'target-membership'),
  'member.invite.power': words('enough power to invite', 'sender-power', 'level-invite'),
  'member.invite.refused': words('otherwise an invite is rejected', 'sender-power', 'level-invite'),
  'member.leave': words('it is a leave, a kick or an unban'),
  'member.leave.self': words('who leaves is joined, invited or knocking', 'sender-membership'),
  'member.leave.sender-not-joined': words('the sender is joined', 'sender-membership'),
  'member.leave.unban': words('lifting a ban takes the power to ban', 'target-membership', 'sender-power', 'level-ban'),
  'member.leave.kick': words(
    'enough power to kick, and more than theirs',
    'sender-power',
    'level-kick',
    'target-power',
  ),
  'member.leave.refused': words('otherwise a kick is rejected', 'sender-power', 'level-kick', 'target-power'),
  'member.ban': words('it is a ban'),
  'member.ban.sender-not-joined': words('the sender is joined', 'sender-membership'),
  'member.ban.power': words('enough power to ban, and more than theirs', 'sender-power', 'level-ban', 'target-power'),
  'member.ban.refused': words('otherwise a ban is rejected', 'sender-power', 'level-ban', 'target-power'),
  'member.knock': words('it is a knock'),
  'member.knock.join-rule': words('the join rule lets people knock', 'join-rule'),
  'member.knock.other': words('people knock for themselves only'),
  'member.knock.allow': words('who knocks is not banned, invited or joined', 'target-membership'),
  'member.knock.refused': words('otherwise a knock is rejected', 'target-membership'),
  'member.unknown': words('otherwise the membership is unknown and rejected'),
  'sender-not-joined': words('the sender is joined', 'sender-membership'),
  'third-party-invite': words('it announces a third-party invite'),
  'third-party-invite.power': words('enough power to invite', 'sender-power', 'level-invite'),
  'required-power': words('enough power to send this type', 'sender-power', 'required-power'),
  'state-key-of-other': words('its state_key is not another user'),
  'power-levels': words('it sets power levels'),
  'power-levels.not-integer': words('its named levels are integers'),
  'power-levels.not-integers': words('its events and notifications map to integers'),
  'power-levels.users': words('its users map user IDs to levels'),
  'power-levels.lists-creator': words('it lists no creator'),
  'power-levels.first': words('the first power levels are allowed'),
  'power-levels.named': words('there are power levels that it replaces (named levels)'),
  'power-levels.named.old': words('it changes no named level above the sender', 'sender-power'),
  'power-levels.named.new': words('it sets no named level above the sender', 'sender-power'),
  'power-levels.events-old': words('there are power levels that it replaces (events)'),
  'power-levels.events.old': words('it changes no level of events above the sender', 'sender-power'),
  'power-levels.events-new': words('there are power levels that it replaces (new events)'),
  'power-levels.events.new': words('it sets no level of events above the sender', 'sender-power'),
  'power-levels.users-old': words('there are power levels that it replaces (users)'),
  'power-levels.users.old': words('it changes no other user of equal or higher power', 'sender-power'),
  'power-levels.users-new': words('there are power levels that it replaces (new users)'),
  'power-levels.users.new': words('it gives no user more power than the sender has', 'sender-power'),
  'power-levels.allow': words('otherwise power levels are allowed'),
  redaction: words('it redacts'),
  'redaction.power': words('enough power to redact', 'sender-power', 'level-redact'),
  'redaction.own-server': words('it redacts an event of its own server'),
  'redaction.refused': words('otherwise a redaction is rejected', 'sender-power', 'level-redact'),
  allow: words('otherwise the event is allowed'),
}

/** @throws Error for a line that has none: a bug */
export function wordsOf(name: string): RuleWords {
  const found = WORDS[name]
  if (found === undefined) throw new Error(`no words for the rule ${name}`)
  return found
}

/** Names of all lines that have words. */
export const WORDED: readonly string[] = Object.keys(WORDS)
