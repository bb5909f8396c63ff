/**
 * The wording of Synapse's rejections, each with the rules that may stand behind it: several, where Synapse asks in another order than
 * the spec or says the same for two rules. A wording that is not here fails the tests.
 */
const AUTH_EVENTS = [
  'auth-events.duplicate',
  'auth-events.unexpected',
  'auth-events.rejected',
  'auth-events.other-room',
]
const THIRD_PARTY = ['banned', 'no-signed', 'no-token', 'other-user', 'unknown-token', 'other-sender', 'unsigned'].map(
  (end) => `member.invite.third-party.${end}`,
)
const NOT_INTEGERS = ['power-levels.not-integer', 'power-levels.not-integers', 'power-levels.users']
const TOO_HIGH = ['named', 'events', 'users'].flatMap((what) => [
  `power-levels.${what}.old`,
  `power-levels.${what}.new`,
])

interface Wording {
  readonly says: RegExp
  readonly rules: readonly string[]
}

export const WORDINGS: readonly Wording[] = [
  {says: /^Create event has prev events$/, rules: ['create.has-prev-events']},
  {
    says: /^Event not signed by authorising server$/,
    rules: ['member.authoriser.unsigned', ...AUTH_EVENTS, 'auth-events.no-create'],
  },
  // The spec asks for duplicates in the whole list first, Synapse for everything entry by entry.
  {says: /^Event \S+ has duplicate auth_events for /, rules: ['auth-events.duplicate']},
  {says: /^Event \S+ has unexpected auth_event for /, rules: ['auth-events.unexpected', 'auth-events.duplicate']},
  {says: /^the create event is cited$/, rules: ['auth-events.unexpected', 'auth-events.duplicate']},
  {
    says: /^During auth for event \S+: found rejected event \S+ in the state$/,
    rules: ['auth-events.rejected', 'auth-events.duplicate', 'auth-events.unexpected'],
  },
  {says: /^No create event in auth events$/, rules: ['auth-events.no-create']},
  {says: /^This room has been marked as unfederatable\.$/, rules: ['federate']},
  {says: /^Alias event's state_key does not match sender's domain$/, rules: ['aliases.other-server']},
  {says: /^Cannot force another user to join\.$/, rules: ['member.join.other']},
  {says: /^You are banned from this room$/, rules: ['member.join.banned', 'member.knock.refused']},
  {says: /^You are not invited to this room\.$/, rules: ['member.join.refused', ...THIRD_PARTY]},
  {says: /^You are not allowed to join this room$/, rules: ['member.join.refused']},
  {says: /^Join event is missing authorising user\.$/, rules: ['member.join.restricted.authoriser']},
  {says: /^Join event authorised by invalid server\.$/, rules: ['member.join.restricted.authoriser']},
  {says: /^User \S+ not in room \S+ \(/, rules: ['sender-not-joined', 'member.join.restricted.authoriser']},
  {
    says: /^\S+ not in room \S+\.$/,
    rules: [
      'member.invite.sender-not-joined',
      'member.leave.self',
      'member.leave.sender-not-joined',
      'member.ban.sender-not-joined',
      'member.unknown',
    ],
  },
  {says: /^\S+ is already in the room\.$/, rules: ['member.invite.target-in-room']},
  {says: /^\S+ is banned from the room$/, rules: ['member.invite.target-in-room', 'member.invite.third-party.banned']},
  {says: /^You don't have permission to invite users$/, rules: ['member.invite.refused', 'third-party-invite.power']},
  {says: /^You cannot kick user \S+\.$/, rules: ['member.leave.refused']},
  {says: /^You cannot unban user \S+\.$/, rules: ['member.leave.unban']},
  {says: /^You don't have permission to ban( this user)?$/, rules: ['member.ban.refused']},
  {says: /^You don't have permission to knock$/, rules: ['member.knock.join-rule']},
  {says: /^You cannot knock for other users$/, rules: ['member.knock.other']},
  {says: /^You cannot knock on a room you are already in$/, rules: ['member.knock.refused']},
  {says: /^You are already invited to this room$/, rules: ['member.knock.refused']},
  {says: /^Unknown membership (foo|knock)$/, rules: ['member.unknown']},
  {says: /^You don't have permission to post that to the room\. user_level \(/, rules: ['required-power']},
  {says: /^You are not allowed to set others state$/, rules: ['state-key-of-other']},
  {says: /must be a dict wherein all the values are integers\.$/, rules: NOT_INTEGERS},
  {says: / must be an integer\.$/, rules: NOT_INTEGERS},
  {says: /^Not a valid (user_id|power level): /, rules: NOT_INTEGERS},
  {
    says: /^Creator user \S+ must not appear in content\.users$/,
    rules: ['power-levels.lists-creator', ...NOT_INTEGERS],
  },
  {
    says: /^Additional creators users must not appear in content\.users$/,
    rules: ['power-levels.lists-creator', ...NOT_INTEGERS],
  },
  // Synapse looks at the users before it looks at the events; the spec has it the other way round.
  {
    says: /^You don't have permission to remove ops level equal to your own$/,
    rules: TOO_HIGH.filter((rule) => rule !== 'power-levels.users.new'),
  },
  {says: /^You don't have permission to add ops level greater than your own$/, rules: TOO_HIGH},
  {says: /^You don't have permission to redact events$/, rules: ['redaction.refused']},
]

/** What is wrong with our rule for Synapse's reason (`<stage>: <wording>`); `null` when they fit. */
export function reasonMismatch(
  reason: string,
  ours: {readonly rule: string; readonly name: string} | undefined,
): string | null {
  if (ours === undefined) return `no rule is named for ${JSON.stringify(reason)}`
  const colon = reason.indexOf(': ')
  const [stage, wording] = [reason.slice(0, colon), reason.slice(colon + 2)]
  if (stage !== 'auth_events' && stage !== 'state') return `the stage of ${JSON.stringify(reason)} is not known`
  if ((stage === 'state') !== ours.rule.endsWith('@before'))
    return `${ours.rule} is of another stage than ${JSON.stringify(reason)}`
  const fitting = WORDINGS.filter(({says}) => says.test(wording))
  if (fitting.length === 0) return `no rule is listed for the wording ${JSON.stringify(reason)} (ours: ${ours.name})`
  return fitting.some(({rules}) => rules.includes(ours.name))
    ? null
    : `rule ${ours.name} does not fit ${JSON.stringify(reason)}`
}
