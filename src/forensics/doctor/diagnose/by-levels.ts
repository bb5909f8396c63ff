import {showLevel} from '../../../auth/trace.ts'
import {listed} from '../../../finding/slot-words.ts'
import type {RoomGraph} from '../../../graph/room-graph.ts'
import {type PowerLevel, PowerLevels, sameLevel} from '../../../matrix/power-levels.ts'
import {createOf} from '../../explain/hearing-of-row.ts'
import {POWER_SLOT, powerIn, type StateAsked} from '../../explain/hearing.ts'
import type {LevelsTold, SymptomId} from '../symptom.ts'
import type {Attempt, Cause, Examined, RoomEvidence} from './evidence.ts'
import {diagnoseRefusal} from './refused.ts'
import {asSentence} from './words.ts'

/**
 * A message that tells the levels, and not what was sent: what takes that level, by the power levels of the room, may have been tried.
 *
 * @param user - who was told it
 */
export function diagnoseLevels(
  evidence: RoomEvidence,
  symptom: SymptomId,
  {user, levels}: {readonly user: string; readonly levels: LevelsTold},
): Examined {
  const {replay, states} = evidence
  const [ours, ...theirs] = states.map(({server, state}) => ({server, ...levelsOf(replay.graph, state, user, levels)}))
  if (ours === undefined) return {causes: [], notShown: [], gather: []}
  const refused = ours.tries.filter(({attempt}) => isTooLittle(evidence, attempt))
  const fitting = theirs.filter(({isAsTold, tries}) => isAsTold && tries.length > 0)
  // What was sent is not known: one of those that take the level stands for all.
  const [tried] = [...refused, ...fitting.flatMap(({tries}) => tries), ...ours.tries]
  const attempt: Attempt = tried?.attempt ?? {user, action: 'send', target: 'm.room.message'}
  const found = diagnoseRefusal(evidence, symptom, attempt)
  const isProven = refused.length > 0 && ours.isAsTold
  const servers = new Set(fitting.map(({server}) => server))
  const causes = found.causes.map((one): Cause => {
    const isOfServer = refused.length === 0 && servers.has(one.about?.server ?? null)
    if (refused.length === 0) return isOfServer ? one : {...one, certainty: 'hint'}
    return {
      ...one,
      cause: `${whatTakes(user, levels, refused, ours)} ${one.cause}`,
      certainty: isProven ? one.certainty : 'hint',
    }
  })
  return {causes, notShown: causes.length > 0 ? [] : [nothingTakes(evidence, user, levels, ours)], gather: found.gather}
}

/** Something that takes a level to send. */
interface Try {
  readonly attempt: Attempt
  readonly says: string
}

interface LevelsHere {
  /** `null`: not known. */
  readonly power: PowerLevel | null
  /** The user has the level that was told. */
  readonly isAsTold: boolean
  readonly tries: readonly Try[]
}

/** By one state: the level of the user, and what takes the level that was told. */
function levelsOf(graph: RoomGraph, state: StateAsked | null, user: string, told: LevelsTold): LevelsHere {
  const {rules} = graph
  const set = state?.get(POWER_SLOT) ?? null
  if (state === null) return {power: null, isAsTold: false, tries: []}
  const power = powerIn({rules, create: createOf(graph)}, set, user)
  const isAsTold = sameLevel(power, told.user)
  if (set === null) return {power, isAsTold, tries: []}
  const levels = new PowerLevels(set.content, rules)
  const entries = levels.entries('events')
  const types = new Set(graph.slots.map(({type}) => type))
  const sending = (type: string, isState: boolean): Attempt => ({
    user,
    action: 'send',
    target: type,
    ...(isState ? {stateKey: ''} : {}),
  })
  const takes = (level: PowerLevel): boolean => sameLevel(level, told.required)
  const tries: Try[] = []
  const settable = [...STATE, ...types].find((type) => !entries.has(type) && !BY_OTHER_RULES.has(type))
  if (takes(levels.named('state_default')) && settable !== undefined) {
    tries.push({
      attempt: sending(settable, true),
      says: `state events without a level of their own, such as ${settable}`,
    })
  }
  const message = MESSAGES.find((type) => !entries.has(type))
  if (takes(levels.named('events_default')) && message !== undefined) {
    tries.push({attempt: sending(message, false), says: `messages without a level of their own, such as ${message}`})
  }
  for (const [type, level] of entries) {
    if (!takes(level) || BY_OTHER_RULES.has(type)) continue
    tries.push({attempt: sending(type, STATE.includes(type) || types.has(type)), says: type})
  }
  return {power, isAsTold, tries}
}

const STATE =
  'topic name avatar canonical_alias history_visibility guest_access join_rules pinned_events server_acl encryption tombstone power_levels'
    .split(' ')
    .map((name) => `m.room.${name}`)
const MESSAGES = ['m.room.message', 'm.room.encrypted', 'm.reaction', 'm.sticker']
/** What it takes to send these is decided by other lines of the rules. */
const BY_OTHER_RULES = new Set(['m.room.create', 'm.room.member', 'm.room.third_party_invite', 'm.room.aliases'])

/** The level is what is in the way, by the events. */
function isTooLittle({ask}: RoomEvidence, attempt: Attempt): boolean {
  const [answer] = ask(attempt)
  return answer?.explanation.can?.answer === 'no' && answer.explanation.rejection?.name === 'required-power'
}

const MOST = 6

const whatOf = (tries: readonly Try[]): string => {
  const shown = tries.slice(0, MOST).map(({says}) => says)
  return listed(tries.length > MOST ? [...shown, `${String(tries.length - MOST)} more types`] : shown)
}

function whatTakes(user: string, told: LevelsTold, refused: readonly Try[], {power, isAsTold}: LevelsHere): string {
  return [
    `The message tells the levels, and not what was sent: by the power levels of the room ${String(told.required)} is what it takes to send ${whatOf(refused)}`,
    isAsTold || power === null
      ? ''
      : `The message tells of power ${String(told.user)}, and ${user} has ${showLevel(power)}: it was said by another state, or at another time`,
  ]
    .filter((part) => part !== '')
    .map(asSentence)
    .join(' ')
}

function nothingTakes({complete}: RoomEvidence, user: string, told: LevelsTold, {power, tries}: LevelsHere): string {
  if (power === null)
    return `The power levels of the room are not known, so that what takes ${String(told.required)} is not, either.`
  const has = `${user} has power ${showLevel(power)}`
  const what =
    tries.length === 0
      ? `nothing takes power ${String(told.required)} to send, and ${has}`
      : `${has}, and can send what takes ${String(told.required)}: ${whatOf(tries)}`
  return `By the power levels ${complete ? 'of the room' : 'of the part of the room that is here'} ${what}. The message was said at another time, by another server, or about another room or user.`
}
