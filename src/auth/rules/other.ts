import {Membership, Type} from '../../graph/room-graph.ts'
import {serverNameOf} from '../../matrix/ids.ts'
import type {Judgement} from '../judgement.ts'
import {allowIf, Decision, rejectIf, type Rule, type RuleGroup} from '../rule.ts'
import {Role} from '../view.ts'
import {isCreatorsJoin, stateOf} from './member.ts'

/**
 * "If the create event has m.federate false and the sender is of another server, reject." Synapse asks the same of the target of a
 * membership event, unless it is the creator's first join, which the spec does not; so do we, to predict what servers report.
 */
export const federateRule: Rule = {
  name: 'federate',
  decide: (j) =>
    rejectIf(
      j.isShutOut(j.senderName) ||
        (j.type === Type.Member && j.target >= 0 && j.isShutOut(j.targetName) && !isCreatorsJoin(j)),
    ),
  because: (j) =>
    `the room is closed to other servers than ${serverNameOf(j.graph.senderName(j.role(Role.Create)))} (m.federate)`,
  culprit: (j) => j.role(Role.Create),
}

/** "If type is m.room.aliases", versions 1 to 5. */
export const aliasesRules: RuleGroup = {
  name: 'aliases',
  types: [Type.Aliases],
  when: (rules) => rules.aliasesRule,
  lines: [
    {
      name: 'aliases.no-state-key',
      decide: (j) => rejectIf(!j.isState),
      because: () => 'it has no state_key',
    },
    {
      name: 'aliases.other-server',
      decide: (j) => rejectIf(j.stateKey !== serverNameOf(j.senderName)),
      because: (j) => `its state_key is not the sender's server ${serverNameOf(j.senderName)}`,
    },
    {name: 'aliases.allow', decide: () => Decision.Allow},
  ],
}

export const senderJoinedRule: Rule = {
  name: 'sender-not-joined',
  decide: (j) => rejectIf(j.membershipOf(Role.Sender) !== Membership.Join),
  because: (j) => `its sender ${j.senderName} is not joined (${stateOf(j, Role.Sender)})`,
  culprit: (j) => j.role(Role.Sender),
}

/** "If type is m.room.third_party_invite". */
export const thirdPartyInviteRules: RuleGroup = {
  name: 'third-party-invite',
  types: [Type.ThirdPartyInvite],
  lines: [
    {
      name: 'third-party-invite.power',
      decide: (j) => (j.powerOf(j.sender) >= j.levelOf('invite') ? Decision.Allow : Decision.Reject),
      because: (j) =>
        `${j.senderName} has power ${String(j.powerOf(j.sender))}, inviting takes ${String(j.levelOf('invite'))}`,
      culprit: (j) => j.role(Role.Power),
    },
  ],
}

export const requiredPowerRule: Rule = {
  name: 'required-power',
  decide: (j) => rejectIf(!(j.powerOf(j.sender) >= j.requiredPower())),
  because: (j) =>
    `${j.senderName} has power ${String(j.powerOf(j.sender))}, sending ${j.graph.typeName(j.event)} takes ${String(j.requiredPower())}`,
  culprit: (j) => j.role(Role.Power),
}

export const stateKeyRule: Rule = {
  name: 'state-key-of-other',
  decide: (j) => rejectIf(j.stateKey.startsWith('@') && j.stateKey !== j.senderName),
  because: (j) => `its state_key ${j.stateKey} is reserved for that user`,
}

/** "If type is m.room.redaction", versions 1 and 2. A redaction that names no event passes, as in Synapse. */
export const redactionRules: RuleGroup = {
  name: 'redaction',
  types: [Type.Redaction],
  when: (rules) => rules.redactionRule,
  lines: [
    {name: 'redaction.power', decide: (j) => allowIf(j.powerOf(j.sender) >= j.levelOf('redact'))},
    {name: 'redaction.own-server', decide: (j) => allowIf(isOwnServer(j))},
    {
      name: 'redaction.refused',
      decide: () => Decision.Reject,
      because: (j) =>
        `${j.senderName} has power ${String(j.powerOf(j.sender))}, redacting events of other servers takes ${String(j.levelOf('redact'))}`,
      culprit: (j) => j.role(Role.Power),
    },
  ],
}

function isOwnServer(j: Judgement): boolean {
  const redacted = j.graph.columns.redacts.get(j.event)
  return redacted === undefined || serverNameOf(redacted) === serverNameOf(j.graph.id(j.event))
}

export const allowRule: Rule = {name: 'allow', decide: () => Decision.Allow}
