import {type Mistake, one} from './mistake.ts'
import {REPLAYING, RESOLUTION} from './mistakes-resolving.ts'

const MEMBER = 'src/auth/rules/member.ts'
const OTHER = 'src/auth/rules/other.ts'
const POWER = 'src/auth/rules/power-levels.ts'
const VIEW = 'src/auth/view.ts'
const JUDGEMENT = 'src/auth/judgement.ts'

/** In the authorisation rules. */
const RULES: readonly Mistake[] = [
  one(
    'auth events twice in a slot',
    'src/auth/rules/auth-events.ts',
    'decide: (j) => rejectIf(duplicate(j) >= 0)',
    'decide: () => Decision.Pass',
  ),
  one(
    'unexpected auth events',
    'src/auth/rules/auth-events.ts',
    'decide: (j) => rejectIf(unexpected(j) >= 0)',
    'decide: () => Decision.Pass',
  ),
  one(
    'rejected auth events',
    'src/auth/rules/auth-events.ts',
    'decide: (j) => rejectIf(rejected(j) >= 0)',
    'decide: () => Decision.Pass',
  ),
  one(
    'auth events of another room',
    'src/auth/rules/auth-events.ts',
    'decide: (j) => rejectIf(foreign(j) >= 0)',
    'decide: () => Decision.Pass',
  ),
  one(
    'no create event is needed',
    'src/auth/rules/auth-events.ts',
    'decide: (j) => rejectIf(j.role(Role.Create) < 0)',
    'decide: () => Decision.Pass',
  ),
  one(
    'the create event is not implied',
    VIEW,
    'if (graph.rules.roomIdIsCreateHash) view[Role.Create] = graph.create',
    '',
  ),
  one(
    'knocks do not look at the join rules',
    VIEW,
    '[false, true, true, false, false, true, false]',
    '[false, true, true, false, false, false, false]',
  ),
  one(
    'm.federate false is ignored',
    JUDGEMENT,
    'this.#federates = federate === undefined || federate === true',
    'this.#federates = true',
  ),
  one('the target of a membership is not asked for its server', OTHER, 'j.isShutOut(j.targetName) &&', 'false &&'),
  one('bans of an equal', MEMBER, "j.levelOf('ban') && outranks(j)", "j.levelOf('ban')"),
  one(
    'kicks of an equal',
    MEMBER,
    'j.powerOf(j.target) < j.powerOf(j.sender)',
    'j.powerOf(j.target) <= j.powerOf(j.sender)',
  ),
  one(
    'a ban takes the kick level',
    MEMBER,
    "allowIf(j.powerOf(j.sender) >= j.levelOf('ban')",
    "allowIf(j.powerOf(j.sender) >= j.levelOf('kick')",
  ),
  one(
    'the banned may leave',
    MEMBER,
    'membership === Membership.Join ||\n    membership === Membership.Invite ||',
    'membership === Membership.Join ||\n    membership === Membership.Ban ||\n    membership === Membership.Invite ||',
  ),
  one(
    'lifting a ban takes no power to ban',
    MEMBER,
    "rejectIf(isBanned(j) && !(j.powerOf(j.sender) >= j.levelOf('ban')))",
    'Decision.Pass',
  ),
  one(
    'a restricted join needs no authoriser',
    MEMBER,
    'decide: (j) => rejectIf(!isAuthorised(j))',
    'decide: () => Decision.Pass',
  ),
  one('the authoriser need not be in the room', MEMBER, 'isJoined(j, Role.Authoriser) && j.powerOf', 'j.powerOf'),
  one('the authoriser needs no power', MEMBER, " && j.powerOf(user) >= j.levelOf('invite')", ''),
  one(
    'the authoriser’s server need not sign',
    MEMBER,
    'applies: (j) => j.graph.has(j.event, Flag.AuthoriserUnsigned)',
    'applies: () => false',
  ),
  one(
    'the creator may come back at any time',
    MEMBER,
    'return prev.length === 1 && prev[0] === j.role(Role.Create) && j.targetName',
    'return j.targetName',
  ),
  one(
    'a signed invite is not verified',
    JUDGEMENT,
    'return thirdParty >= 0 && isSignedInvite',
    'return thirdParty >= 0 || isSignedInvite',
  ),
  one('everybody may speak', OTHER, 'rejectIf(j.membershipOf(Role.Sender) !== Membership.Join)', 'Decision.Pass'),
  one(
    'power to send is not asked for',
    OTHER,
    'rejectIf(!(j.powerOf(j.sender) >= j.requiredPower()))',
    'Decision.Pass',
  ),
  one('power to send must be exceeded', OTHER, '>= j.requiredPower()', '> j.requiredPower()'),
  one(
    'state keys of others',
    OTHER,
    "rejectIf(j.stateKey.startsWith('@') && j.stateKey !== j.senderName)",
    'Decision.Pass',
  ),
  one('power levels of an equal may be taken', POWER, '!(before < power)', '!(before <= power)'),
  one('one’s own power may not be given up', POWER, 'what !== j.senderName && before', 'before'),
  one(
    'the new levels judge their own change',
    POWER,
    "j.isState && j.stateKey === '' ? j.role(Role.Power) : -1",
    "j.isState && j.stateKey === '' ? j.event : -1",
  ),
  one(
    'creators may be listed',
    POWER,
    'rejectIf([...j.creatorsAboveAll].some((user) => isListed(j, user)))',
    'Decision.Pass',
  ),
  one('creators have the power that is written', JUDGEMENT, 'if (this.#creators.has(name)) return Infinity\n', ''),
  one(
    'additional creators are none',
    JUDGEMENT,
    'new Set([graph.senderName(graph.create), ...names])',
    'new Set([graph.senderName(graph.create)])',
  ),
  one(
    'the creator has 100 whatever the power levels say',
    JUDGEMENT,
    'if (row >= 0) return',
    'if (name === this.#creator) return 100\n    if (row >= 0) return',
  ),
  one('no join rules mean public', JUDGEMENT, "if (row < 0) return 'invite'", "if (row < 0) return 'public'"),
  one(
    'state takes no more power than messages',
    'src/matrix/power-levels.ts',
    "isState ? 'state_default' : 'events_default'",
    "'events_default'",
  ),
  one('notifications are not checked', 'src/matrix/power-levels.ts', 'this.#rules.notificationsChecked ?', 'false ?'),
  one('redaction keeps all content', 'src/matrix/redaction.ts', "if (keys === '*') return content", 'return content'),
]

export const MISTAKES: readonly Mistake[] = [...RESOLUTION, ...REPLAYING, ...RULES]
