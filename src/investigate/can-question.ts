import {StateError} from '../errors.ts'
import {type Action, ACTION_WORDS, ACTIONS, type Attempt} from '../forensics/explain/attempt.ts'
import type {Explanation} from '../forensics/explain/explanation.ts'
import {POWER_SLOT, type StateAsked} from '../forensics/explain/hearing.ts'
import {byteLength, isServerName, isUserId, MAX_FIELD_BYTES, serverNameOf} from '../matrix/ids.ts'
import {type Json, type JsonObject, own} from '../matrix/json.ts'
import type {RoomVersionRules} from '../matrix/room-version.ts'

export {type Action, ACTIONS}

/** May this user do that? */
export type CanQuestion = Attempt

const OTHERS: readonly Action[] = ['invite', 'kick', 'ban', 'unban']

/**
 * Checks the parts of a question.
 *
 * @throws StateError USAGE
 */
export function parseQuestion(given: {
  readonly user: string
  readonly action: string | undefined
  readonly target: string | undefined
  readonly stateKey: string | undefined
}): CanQuestion {
  const {user, target, stateKey} = given
  const action = ACTIONS.find((name) => name === given.action)
  const wrong = (message: string, hint: string): StateError => new StateError('USAGE', message, {hint})
  const example = `for example: --can ${faultOfUserId(user) === null ? user : '@you:example.org'} invite @other:example.org`
  const mustBeUser = (id: string): void => {
    const fault = faultOfUserId(id)
    if (fault !== null) throw wrong(`--can: ${JSON.stringify(id.slice(0, 80))} is no user ID: ${fault}`, example)
  }
  mustBeUser(user)
  if (action === undefined) {
    const said =
      given.action === undefined ? 'says not what' : `does not know ${JSON.stringify(given.action.slice(0, 80))}`
    throw wrong(`--can ${said} ${user} wants to do`, `It takes ${ACTIONS.join(', ')}; ${example}`)
  }
  if (OTHERS.includes(action)) {
    if (target === undefined) throw wrong(`--can ${user} ${action}: whom?`, example)
    mustBeUser(target)
  }
  if (action === 'send' && target === undefined) {
    throw wrong(`--can ${user} send: which event type?`, `for example: --can ${user} send m.room.topic --state-key ''`)
  }
  if (target !== undefined && !OTHERS.includes(action) && action !== 'send' && action !== 'redact') {
    throw wrong(`--can ${user} ${action} takes nothing more, not ${JSON.stringify(target.slice(0, 80))}`, example)
  }
  if (stateKey !== undefined && action !== 'send') throw wrong('--state-key goes with --can … send', example)
  return {
    user,
    action,
    ...(target === undefined ? {} : {target}),
    ...(stateKey === undefined ? {} : {stateKey}),
  }
}

/** What is wrong with a user ID that somebody typed, in a clause; `null`: nothing. Any localpart was once allowed, even an empty one. */
function faultOfUserId(id: string): string | null {
  if (!id.startsWith('@')) return "it does not begin with '@'"
  if (!isUserId(id)) return "it lacks ':' and a server name"
  if (!isServerName(serverNameOf(id))) return "no server name follows its ':'"
  if (/\p{Cc}/u.test(id)) return 'it has control characters'
  return byteLength(id) > MAX_FIELD_BYTES ? `it is longer than ${String(MAX_FIELD_BYTES)} bytes` : null
}

const MEMBERSHIP = {
  join: 'join',
  leave: 'leave',
  knock: 'knock',
  invite: 'invite',
  kick: 'leave',
  ban: 'ban',
  unban: 'leave',
} as const

/** The event by which somebody would do it. */
export function draftOf(question: CanQuestion, rules: RoomVersionRules, state: StateAsked | null): JsonObject {
  const {user, action, target} = question
  if (action === 'send') {
    const type = target ?? ''
    const {stateKey = type === 'm.room.member' ? undefined : stateKeyOf(type)} = question
    return {
      type,
      sender: user,
      content: contentOf(type, state),
      ...(stateKey === undefined ? {} : {state_key: stateKey}),
    }
  }
  if (action === 'redact') {
    // An event of nobody: the rules must not take it for one of the sender's server.
    const redacts: Json = target ?? '$event:elsewhere.invalid'
    const content = rules.redactsInContent ? {redacts} : {}
    return {type: 'm.room.redaction', sender: user, content, ...(rules.redactsInContent ? {} : {redacts})}
  }
  const isOfOther = OTHERS.includes(action)
  return {
    type: 'm.room.member',
    sender: user,
    state_key: isOfOther ? (target ?? '') : user,
    content: {membership: MEMBERSHIP[action]},
  }
}

/** Types that are only ever state. */
function stateKeyOf(type: string): string | undefined {
  return STATE_TYPES.has(type) ? '' : undefined
}
const STATE_TYPES = new Set(
  'avatar canonical_alias encryption guest_access history_visibility join_rules name pinned_events power_levels server_acl tombstone topic'
    .split(' ')
    .map((name) => `m.room.${name}`),
)

/** Power levels as they are: to change nothing is the least that one can want to change. */
function contentOf(type: string, state: StateAsked | null): JsonObject {
  return type === POWER_SLOT.type ? (state?.get(POWER_SLOT)?.content ?? {}) : {}
}

/** The answer, in one sentence. */
export function answerQuestion(explanation: Explanation, question: CanQuestion): Explanation {
  const {user, action, target} = question
  const {verdict, rejection, remedies, checks} = explanation
  const onlyAuthorised = action === 'join' && remedies.some(({changes}) => changes[0]?.kind === 'authoriser')
  const what = `${ACTION_WORDS[action]}${target === undefined ? (action === 'redact' ? " others' events" : '') : ` ${target}`}`
  const reason = rejection === null ? '' : `${ruleOf(rejection.rule)}: ${rejection.because}`
  const softFails = checks.find(({name, outcome}) => name === 'current-state' && outcome === 'failed')
  const can =
    verdict === 'undetermined'
      ? 'not-known'
      : verdict === 'accepted'
        ? softFails === undefined
          ? 'yes'
          : 'no'
        : onlyAuthorised
          ? 'depends'
          : 'no'
  const answer = {
    yes: `Yes, ${user} can ${what}${allowedBy(explanation)}.`,
    no: `No, ${user} cannot ${what}${softFails === undefined ? `, by ${reason}` : `: ${softFails.says}`}.`,
    depends: `Only if a server lets ${user} in: ${rejection?.because ?? ''} (${ruleOf(rejection?.rule ?? '')}).`,
    'not-known': explanation.answer,
  }[can]
  return {
    ...explanation,
    asked: 'can',
    answer,
    can: {user, action, target: target ?? null, answer: can},
  }
}

function ruleOf(rule: string): string {
  const [, number = rule] = /:([\d.]+)@/.exec(rule) ?? []
  return rule.startsWith('format:') ? `its form (${rule})` : `rule ${number}`
}

/** The line that let it pass, if it says more than "otherwise allow". */
function allowedBy({rules}: Explanation): string {
  const line = rules.before?.lines.find(({outcome}) => outcome === 'allowed')
  if (line === undefined) return ''
  return line.asks.startsWith('otherwise') ? ` (rule ${line.number})` : ` (rule ${line.number}: ${line.asks})`
}

/** What is odd about the question, as the room stands. */
export function remarksOn({user, action, target}: CanQuestion, state: StateAsked | null): readonly string[] {
  if (state === null) return []
  const membershipOf = (name: string): unknown => {
    const member = state.get({type: 'm.room.member', stateKey: name})
    return member === null ? undefined : own(member.content, 'membership')
  }
  const other = target ?? ''
  if (action === 'join' && membershipOf(user) === 'join') return [`${user} is joined already.`]
  if (action === 'unban' && membershipOf(other) !== 'ban') return [`${other} is not banned.`]
  if (action === 'kick' && membershipOf(other) !== 'join') return [`${other} is not joined.`]
  return []
}

/** What the rooms are called in which membership lets people in. */
export function allowedRooms(state: StateAsked | null): readonly string[] {
  const rules = state?.get({type: 'm.room.join_rules', stateKey: ''})
  const allow = rules === null || rules === undefined ? undefined : own(rules.content, 'allow')
  const entries: readonly Json[] = Array.isArray(allow) ? (allow as readonly Json[]) : []
  return entries.flatMap((entry) => {
    const room = typeof entry === 'object' && entry !== null && 'room_id' in entry ? entry['room_id'] : undefined
    return typeof room === 'string' ? [room] : []
  })
}
