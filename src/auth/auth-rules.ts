import type {RoomVersionRules} from '../matrix/room-version.ts'
import {flatten, type NumberedLine, type NumberedRule, numberLines, type RuleLine} from './rule.ts'
import {authEventsRules} from './rules/auth-events.ts'
import {createRules, roomIdRule} from './rules/create.ts'
import {memberRules} from './rules/member.ts'
import {
  aliasesRules,
  allowRule,
  federateRule,
  redactionRules,
  requiredPowerRule,
  senderJoinedRule,
  stateKeyRule,
  thirdPartyInviteRules,
} from './rules/other.ts'
import {powerLevelsRules} from './rules/power-levels.ts'

/**
 * The authorisation rules of all room versions as the spec lists them: their order is the order of evaluation and gives the numbers.
 *
 * @see https://spec.matrix.org/v1.19/rooms/v12/#authorisation-rules
 */
const AUTH_RULES: readonly RuleLine[] = [
  createRules,
  roomIdRule,
  authEventsRules,
  federateRule,
  aliasesRules,
  memberRules,
  senderJoinedRule,
  thirdPartyInviteRules,
  requiredPowerRule,
  stateKeyRule,
  powerLevelsRules,
  redactionRules,
  allowRule,
]

const numbered = new Map<RoomVersionRules, readonly NumberedLine[]>()

/** The rules of a room version, with the numbers that the spec renders for it. */
export function authRules(rules: RoomVersionRules): readonly NumberedLine[] {
  const known = numbered.get(rules)
  if (known !== undefined) return known
  const lines = numberLines(AUTH_RULES, rules)
  numbered.set(rules, lines)
  return lines
}

/** The rules of a room version as a flat list; those without `because` never reject. */
export function listRules(rules: RoomVersionRules): readonly NumberedRule[] {
  return flatten(authRules(rules))
}
