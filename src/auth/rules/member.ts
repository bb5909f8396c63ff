import {Flag, Membership, Type} from '../../graph/room-graph.ts'
import {isUserId} from '../../matrix/ids.ts'
import {isObject, own} from '../../matrix/json.ts'
import type {Judgement} from '../judgement.ts'
import {allowIf, Decision, rejectIf, type Rule, type RuleGroup} from '../rule.ts'
import {Role} from '../view.ts'

const isJoined = (j: Judgement, role: number): boolean => j.membershipOf(role) === Membership.Join
const isBanned = (j: Judgement): boolean => j.membershipOf(Role.Target) === Membership.Ban
const isSelf = (j: Judgement): boolean => j.sender === j.target

const senderNotJoined = (name: string): Rule => ({
  name,
  decide: (j) => rejectIf(!isJoined(j, Role.Sender)),
  because: (j) => `its sender ${j.senderName} is not joined (${stateOf(j, Role.Sender)})`,
  culprit: (j) => j.role(Role.Sender),
})

/** For sentences: what the state says of a member. */
export function stateOf(j: Judgement, role: number): string {
  return (
    ['no membership', 'joined', 'invited', 'left', 'banned', 'knocking', 'unknown'][j.membershipOf(role)] ?? 'unknown'
  )
}

const isOrHas = (j: Judgement, role: number): string => {
  const membership = j.membershipOf(role)
  if (membership === Membership.Leave) return 'has left'
  return `${membership === Membership.None ? 'has' : 'is'} ${stateOf(j, role)}`
}

/** Servers also refuse a state key that is no user ID, of which the spec does not speak. */
const malformed: Rule = {
  name: 'member.malformed',
  decide: (j) => rejectIf(!j.isState || !Object.hasOwn(j.content, 'membership') || !isUserId(j.stateKey)),
  because: (j) => {
    if (!j.isState) return 'it has no state_key'
    return isUserId(j.stateKey) ? 'its content has no membership' : 'its state_key is not a user ID'
  },
}

/** The first event after the create event, by which the creator joins. */
export function isCreatorsJoin(j: Judgement): boolean {
  if (j.membership !== Membership.Join) return false
  const prev = j.graph.prevOf(j.event)
  return prev.length === 1 && prev[0] === j.role(Role.Create) && j.targetName === j.creatorName
}

const authoriser: RuleGroup = {
  name: 'member.authoriser',
  when: (rules) => rules.restricted,
  applies: (j) => j.graph.has(j.event, Flag.AuthoriserUnsigned),
  lines: [
    {
      name: 'member.authoriser.unsigned',
      onReceipt: true,
      decide: () => Decision.Reject,
      because: () => 'the server of join_authorised_via_users_server did not sign it',
    },
  ],
}

const join: RuleGroup = {
  name: 'member.join',
  applies: (j) => j.membership === Membership.Join,
  lines: [
    {
      name: 'member.join.creator',
      decide: (j) => allowIf(isCreatorsJoin(j)),
    },
    {
      name: 'member.join.other',
      decide: (j) => rejectIf(!isSelf(j)),
      because: (j) => `${j.senderName} cannot make ${j.targetName} join`,
    },
    {
      name: 'member.join.banned',
      decide: (j) => rejectIf(isBanned(j)),
      because: (j) => `${j.targetName} is banned`,
      culprit: (j) => j.role(Role.Target),
    },
    {
      name: 'member.join.invited',
      decide: (j) => {
        const rule = j.joinRule()
        return allowIf((rule === 'invite' || (rule === 'knock' && j.rules.knock)) && mayReturn(j))
      },
    },
    {
      name: 'member.join.restricted',
      when: (rules) => rules.restricted,
      applies: (j) => {
        const rule = j.joinRule()
        return rule === 'restricted' || (rule === 'knock_restricted' && j.rules.knockRestricted)
      },
      lines: [
        {name: 'member.join.restricted.invited', decide: (j) => allowIf(mayReturn(j))},
        {
          name: 'member.join.restricted.authoriser',
          decide: (j) => rejectIf(!isAuthorised(j)),
          because: (j) =>
            `the join rule is ${j.joinRule()}, and nobody who may invite has authorised the join (${authoriserState(j)})`,
          culprit: (j) => j.role(Role.Authoriser),
        },
        {name: 'member.join.restricted.allow', decide: () => Decision.Allow},
      ],
    },
    {name: 'member.join.public', decide: (j) => allowIf(j.joinRule() === 'public')},
    {
      name: 'member.join.refused',
      decide: () => Decision.Reject,
      because: (j) => `the join rule is ${j.joinRule() || 'unreadable'} and ${j.targetName} ${isOrHas(j, Role.Target)}`,
      culprit: (j) => j.role(Role.JoinRules),
    },
  ],
}

function mayReturn(j: Judgement): boolean {
  const membership = j.membershipOf(Role.Target)
  return membership === Membership.Join || membership === Membership.Invite
}

function isAuthorised(j: Judgement): boolean {
  const user = j.graph.columns.authoriser.get(j.event)
  return user !== undefined && isJoined(j, Role.Authoriser) && j.powerOf(user) >= j.levelOf('invite')
}

function authoriserState(j: Judgement): string {
  const user = j.graph.columns.authoriser.get(j.event)
  if (user === undefined) return 'the event names no authoriser'
  if (!isJoined(j, Role.Authoriser)) return `${j.graph.user(user)} is not joined`
  return `${j.graph.user(user)} has power ${String(j.powerOf(user))}, inviting takes ${String(j.levelOf('invite'))}`
}

const signedPart = (j: Judgement, key: string): unknown => {
  const invite = own(j.content, 'third_party_invite')
  const signed = isObject(invite) ? own(invite, 'signed') : undefined
  return key === 'signed' ? signed : isObject(signed) ? own(signed, key) : undefined
}

const thirdParty: RuleGroup = {
  name: 'member.invite.third-party',
  applies: (j) => Object.hasOwn(j.content, 'third_party_invite'),
  lines: [
    {
      name: 'member.invite.third-party.banned',
      decide: (j) => rejectIf(isBanned(j)),
      because: (j) => `${j.targetName} is banned`,
      culprit: (j) => j.role(Role.Target),
    },
    {
      name: 'member.invite.third-party.no-signed',
      decide: (j) => rejectIf(signedPart(j, 'signed') === undefined),
      because: () => 'its third_party_invite has no signed part',
    },
    {
      name: 'member.invite.third-party.no-token',
      decide: (j) => rejectIf(signedPart(j, 'mxid') === undefined || typeof signedPart(j, 'token') !== 'string'),
      because: () => 'its third_party_invite lacks mxid or token',
    },
    {
      name: 'member.invite.third-party.other-user',
      decide: (j) => rejectIf(signedPart(j, 'mxid') !== j.targetName),
      because: (j) => `its third_party_invite is for someone else than ${j.targetName}`,
    },
    {
      name: 'member.invite.third-party.unknown-token',
      decide: (j) => rejectIf(j.role(Role.ThirdParty) < 0),
      because: () => 'there is no m.room.third_party_invite with its token',
    },
    {
      name: 'member.invite.third-party.other-sender',
      decide: (j) => rejectIf(j.graph.sender[j.role(Role.ThirdParty)] !== j.sender),
      because: (j) => `the m.room.third_party_invite was not sent by ${j.senderName}`,
      culprit: (j) => j.role(Role.ThirdParty),
    },
    {name: 'member.invite.third-party.signed', decide: (j) => allowIf(j.isSignedInvite())},
    {
      name: 'member.invite.third-party.unsigned',
      decide: () => Decision.Reject,
      because: () => 'no signature of its third_party_invite is good under a key of the m.room.third_party_invite',
      culprit: (j) => j.role(Role.ThirdParty),
    },
  ],
}

const invite: RuleGroup = {
  name: 'member.invite',
  applies: (j) => j.membership === Membership.Invite,
  lines: [
    thirdParty,
    senderNotJoined('member.invite.sender-not-joined'),
    {
      name: 'member.invite.target-in-room',
      decide: (j) => rejectIf(isJoined(j, Role.Target) || isBanned(j)),
      because: (j) => `${j.targetName} is ${stateOf(j, Role.Target)} already`,
      culprit: (j) => j.role(Role.Target),
    },
    {name: 'member.invite.power', decide: (j) => allowIf(j.powerOf(j.sender) >= j.levelOf('invite'))},
    {
      name: 'member.invite.refused',
      decide: () => Decision.Reject,
      because: (j) =>
        `${j.senderName} has power ${String(j.powerOf(j.sender))}, inviting takes ${String(j.levelOf('invite'))}`,
      culprit: (j) => j.role(Role.Power),
    },
  ],
}

function mayLeave(j: Judgement): boolean {
  const membership = j.membershipOf(Role.Sender)
  return (
    membership === Membership.Join ||
    membership === Membership.Invite ||
    (membership === Membership.Knock && j.rules.knock)
  )
}

const outranks = (j: Judgement): boolean => j.powerOf(j.target) < j.powerOf(j.sender)

const leave: RuleGroup = {
  name: 'member.leave',
  applies: (j) => j.membership === Membership.Leave,
  lines: [
    {
      name: 'member.leave.self',
      decide: (j) => (isSelf(j) ? (mayLeave(j) ? Decision.Allow : Decision.Reject) : Decision.Pass),
      because: (j) => `${j.senderName} cannot leave: ${stateOf(j, Role.Sender)}`,
      culprit: (j) => j.role(Role.Sender),
    },
    senderNotJoined('member.leave.sender-not-joined'),
    {
      name: 'member.leave.unban',
      decide: (j) => rejectIf(isBanned(j) && !(j.powerOf(j.sender) >= j.levelOf('ban'))),
      because: (j) =>
        `${j.senderName} has power ${String(j.powerOf(j.sender))}, lifting a ban takes ${String(j.levelOf('ban'))}`,
      culprit: (j) => j.role(Role.Power),
    },
    {
      name: 'member.leave.kick',
      decide: (j) => allowIf(j.powerOf(j.sender) >= j.levelOf('kick') && outranks(j)),
    },
    {
      name: 'member.leave.refused',
      decide: () => Decision.Reject,
      because: (j) => notEnough(j, 'kicking', 'kick'),
      culprit: (j) => j.role(Role.Power),
    },
  ],
}

function notEnough(j: Judgement, what: string, level: 'kick' | 'ban'): string {
  if (j.powerOf(j.target) === Infinity)
    return `${what} ${j.targetName} is in nobody's power: they created the room, and no level is above that`
  return (
    `${what} ${j.targetName} takes power ${String(j.levelOf(level))}, and more than the ${String(j.powerOf(j.target))} that they have; ` +
    `${j.senderName} has ${String(j.powerOf(j.sender))}`
  )
}

const ban: RuleGroup = {
  name: 'member.ban',
  applies: (j) => j.membership === Membership.Ban,
  lines: [
    senderNotJoined('member.ban.sender-not-joined'),
    {name: 'member.ban.power', decide: (j) => allowIf(j.powerOf(j.sender) >= j.levelOf('ban') && outranks(j))},
    {
      name: 'member.ban.refused',
      decide: () => Decision.Reject,
      because: (j) => notEnough(j, 'banning', 'ban'),
      culprit: (j) => j.role(Role.Power),
    },
  ],
}

const knock: RuleGroup = {
  name: 'member.knock',
  when: (rules) => rules.knock,
  applies: (j) => j.membership === Membership.Knock,
  lines: [
    {
      name: 'member.knock.join-rule',
      decide: (j) => {
        const rule = j.joinRule()
        return rejectIf(rule !== 'knock' && !(rule === 'knock_restricted' && j.rules.knockRestricted))
      },
      because: (j) => `the join rule is ${j.joinRule() || 'unreadable'}, which does not let people knock`,
      culprit: (j) => j.role(Role.JoinRules),
    },
    {
      name: 'member.knock.other',
      decide: (j) => rejectIf(!isSelf(j)),
      because: (j) => `${j.senderName} cannot knock for ${j.targetName}`,
    },
    {
      name: 'member.knock.allow',
      decide: (j) => allowIf(!isBanned(j) && !mayReturn(j)),
    },
    {
      name: 'member.knock.refused',
      decide: () => Decision.Reject,
      because: (j) => `${j.targetName} is ${stateOf(j, Role.Target)} already`,
      culprit: (j) => j.role(Role.Target),
    },
  ],
}

/** "If type is m.room.member". https://spec.matrix.org/v1.19/rooms/v12/#authorisation-rules */
export const memberRules: RuleGroup = {
  name: 'member',
  types: [Type.Member],
  lines: [
    malformed,
    authoriser,
    join,
    invite,
    leave,
    ban,
    knock,
    {
      name: 'member.unknown',
      decide: () => Decision.Reject,
      because: (j) =>
        `membership ${JSON.stringify(own(j.content, 'membership') ?? null)} is not one of this room version`,
    },
  ],
}
